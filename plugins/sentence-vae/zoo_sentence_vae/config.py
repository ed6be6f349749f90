"""Configurations and presets of the sentence VAE and of word2vec; importable without Keras."""

from dataclasses import dataclass
from typing import Any, Literal

from zoo.config import Preset
from zoo.errors import ConfigError

_NO_WORDS = ("", "▁<unknown>")  # the end of a sentence, and what a vocabulary lacks


@dataclass(frozen=True, kw_only=True)
class SentenceVAEConfig:
    """Configuration of the sentence VAE; the defaults are the paper's where it gives them.

    Args:
        vocabulary: The token of each index, V; taken from the data.
        max_length: Tokens of a sentence with the one that ends it, T; taken from the data.
        cell: Recurrent cell of encoder and decoder.
        units: Size of the state of each.
        embedding_size: Size of a token's vector, which encoder and decoder share.
        latent_size: Size of the latent vector, Z; 0 makes a plain recurrent language model.
        latent_inputs: Whether the decoder sees the latent vector at each word, beside its first
            state.
        word_dropout: Probability that the decoder is given the unknown token in place of a word.
        embedding_dropout: Probability that the vector of a word of the vocabulary is 0 in a step.
        annealing: How the weight of the KL term rises from 0 to 1.
        annealing_steps: Training steps in which it does.
        free_nats: Mean KL below which it costs nothing.
        learning_rate: Of Adam.
        gradient_clip: Largest norm of all gradients together; 0 clips none.
        word_vectors: A run of `word2vec`, or its `model.keras`, whose vectors the training of a new
            model begins with.
    """

    vocabulary: tuple[str, ...] = _NO_WORDS
    max_length: int = 61
    cell: Literal["lstm", "gru"] = "lstm"
    units: int = 256
    embedding_size: int = 256
    latent_size: int = 32
    latent_inputs: bool = True
    word_dropout: float = 0.25
    embedding_dropout: float = 0.0
    annealing: Literal["logistic", "linear", "none"] = "logistic"
    annealing_steps: int = 10_000
    free_nats: float = 0.0
    learning_rate: float = 1e-3
    gradient_clip: float = 5.0
    word_vectors: str | None = None

    def __post_init__(self) -> None:
        _check_vocabulary(self.vocabulary)
        _check_least(self, 1, "units", "embedding_size", "annealing_steps")
        _check_least(self, 2, "max_length")
        _check_least(self, 0, "latent_size", "free_nats", "gradient_clip")
        for name in ("word_dropout", "embedding_dropout"):
            value = getattr(self, name)
            # Word dropout of 1 is the paper's decoder without inputs.
            if not 0 <= value <= 1 or (name == "embedding_dropout" and value == 1):
                raise ConfigError(f"{name} must lie between 0 and 1. Received: {value}.")
        if not self.learning_rate > 0:
            raise ConfigError(f"learning_rate must be above 0. Received: {self.learning_rate}.")


@dataclass(frozen=True, kw_only=True)
class Word2VecConfig:
    """Configuration of word2vec: skip-gram with negative sampling.

    Args:
        vocabulary: The token of each index, V; taken from the data.
        max_length: Tokens of a sentence with the one that ends it, T; taken from the data.
        embedding_size: Size of a word's vector, D.
        window: Most words to either side of a word that count as its neighbours; how many do, is
            drawn for each word from 1 to this.
        negatives: Words drawn against each word with its neighbours, K.
        negative_power: Power of a word's frequency that the negatives are drawn by.
        subsample: Share of the text above which a word is left out now and then; 0 leaves none out.
        learning_rate: Of Adam.
    """

    vocabulary: tuple[str, ...] = _NO_WORDS
    max_length: int = 61
    embedding_size: int = 300
    window: int = 5
    negatives: int = 5
    negative_power: float = 0.75
    subsample: float = 1e-5
    learning_rate: float = 1e-3

    def __post_init__(self) -> None:
        _check_vocabulary(self.vocabulary)
        _check_least(self, 1, "embedding_size", "window", "negatives")
        _check_least(self, 2, "max_length")
        _check_least(self, 0, "negative_power", "subsample")
        if not self.learning_rate > 0:
            raise ConfigError(f"learning_rate must be above 0. Received: {self.learning_rate}.")


def _check_vocabulary(vocabulary: tuple[str, ...]) -> None:
    if len(vocabulary) < 2 or vocabulary[0] != "":
        raise ConfigError(
            "A vocabulary begins with the empty token that ends a sentence and the one that stands "
            f"for what it lacks. Received: {len(vocabulary)} tokens, {vocabulary[:2]} first."
        )


def _check_least(config: Any, least: int, *names: str) -> None:
    for name in names:
        if getattr(config, name) < least:
            raise ConfigError(
                f"{name} must be at least {least}. Received: {getattr(config, name)}."
            )


_LINES = {
    "cell": "gru",
    "units": 256,
    "embedding_size": 300,
    "latent_size": 16,
    "word_dropout": 0.25,
    "free_nats": 3.0,
}

SENTENCE_VAE_PRESETS = {
    "laptop": Preset(
        summary="Sentences of a small grammar; a few minutes.",
        data="sentences",
        epochs=20,
        batch_size=32,
        config={
            "cell": "gru",
            "units": 128,
            "embedding_size": 64,
            "latent_size": 16,
            "annealing_steps": 1500,
        },
    ),
    "paper": Preset(
        summary="LSTM, 10,000 words; your own --data, a text of many lines.",
        data="sentences",
        epochs=40,
        batch_size=32,
    ),
    "shakespeare": Preset(
        summary="Lines of a play, words; for --data FILE, a text of some 30,000 lines.",
        data="sentences",
        epochs=4,
        batch_size=32,
        config={**_LINES, "annealing_steps": 2000},
    ),
    "tang-poems": Preset(
        summary="Poems by character, for --data FILE --tokens character.",
        data="sentences",
        form={"tokens": "character"},
        epochs=20,
        batch_size=32,
        config={**_LINES, "annealing_steps": 400},
    ),
    "language-model": Preset(
        summary="Without a latent vector: the plain language model to compare `laptop` with.",
        data="sentences",
        epochs=20,
        batch_size=32,
        config={
            "cell": "gru",
            "units": 128,
            "embedding_size": 64,
            "latent_size": 0,
            "word_dropout": 0.0,
        },
    ),
}

WORD2VEC_PRESETS = {
    "laptop": Preset(
        summary="Words of a small grammar's sentences; under a minute.",
        data="sentences",
        epochs=15,
        batch_size=64,
        config={"embedding_size": 64, "subsample": 1e-2, "learning_rate": 3e-3},
    ),
    "paper": Preset(
        summary="300 dimensions, for --data FILE, a text of many millions of words.",
        data="sentences",
        epochs=3,
        batch_size=256,
    ),
    "shakespeare": Preset(
        summary="100 dimensions, for --data FILE, a text of some hundred thousand words.",
        data="sentences",
        epochs=30,
        batch_size=128,
        config={"embedding_size": 100, "subsample": 1e-3, "learning_rate": 3e-3},
    ),
}
