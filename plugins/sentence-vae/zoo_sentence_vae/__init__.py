"""Sentence VAE: text from a continuous space; word2vec: words as vectors."""

from typing import TYPE_CHECKING, Any

from zoo.card import ModelCard

if TYPE_CHECKING:
    from zoo_sentence_vae.config import SentenceVAEConfig, Word2VecConfig
    from zoo_sentence_vae.sentence_vae import SentenceVAE
    from zoo_sentence_vae.word2vec import Word2Vec

SENTENCE_VAE_CARD = ModelCard(
    name="sentence-vae",
    title="Sentence VAE",
    summary="Writes sentences word by word from a latent vector that holds the whole of each.",
    paper="Bowman et al., Generating Sentences from a Continuous Space",
    year=2016,
    url="https://arxiv.org/abs/1511.06349",
    kind="tokens",
    data="sentences",
    model="zoo_sentence_vae.sentence_vae:SentenceVAE",
    config="zoo_sentence_vae.config:SentenceVAEConfig",
    presets="zoo_sentence_vae.config:SENTENCE_VAE_PRESETS",
)

WORD2VEC_CARD = ModelCard(
    name="word2vec",
    title="word2vec",
    summary="Learns a vector for each word from the words that stand around it.",
    paper="Mikolov et al., Distributed Representations of Words and Phrases",
    year=2013,
    url="https://arxiv.org/abs/1310.4546",
    kind="tokens",
    data="sentences",
    model="zoo_sentence_vae.word2vec:Word2Vec",
    config="zoo_sentence_vae.config:Word2VecConfig",
    presets="zoo_sentence_vae.config:WORD2VEC_PRESETS",
)

_LAZY = {
    "SentenceVAE": "zoo_sentence_vae.sentence_vae",
    "SentenceVAEConfig": "zoo_sentence_vae.config",
    "Word2Vec": "zoo_sentence_vae.word2vec",
    "Word2VecConfig": "zoo_sentence_vae.config",
}
__all__ = [
    "SENTENCE_VAE_CARD",
    "WORD2VEC_CARD",
    "SentenceVAE",
    "SentenceVAEConfig",
    "Word2Vec",
    "Word2VecConfig",
]


def __getattr__(name: str) -> Any:
    if name not in _LAZY:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    import importlib

    return getattr(importlib.import_module(_LAZY[name]), name)
