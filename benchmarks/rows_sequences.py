"""The rows of the models of sequences: Sketch-RNN and the sentence VAE."""

import dataclasses
from typing import Any

from benchmarks.row import Pass, Row

_ROWS = 129  # of a sketch: 128 points and its end
_SKETCH_RNN: dict[str, Any] = {
    "decoder": "lstm",
    "encoder_units": 256,
    "decoder_units": 512,
    "latent_size": 128,
    "mixtures": 20,
    "recurrent_dropout": 0.0,  # which nn.LSTM does not have
}

_WORDS = 26  # of a sentence, its end included
_SENTENCE_VAE: dict[str, Any] = {
    "vocabulary": ("", "▁<unknown>", *(f"▁{number}" for number in range(9_875))),
    "cell": "gru",
    "units": 256,
    "embedding_size": 300,
    "latent_size": 16,
    "latent_inputs": False,
    "word_dropout": 0.25,
    "annealing": "linear",
}

_BIASES = "The reference has two biases for each gate, one of which is idle."


def _sketch_decoder(use: str) -> tuple[Pass, ...]:
    """Return the uses of what draws a sketch."""
    return (
        Pass(network="decoder_network.first_state", positions=1, gradients=use),
        # Moves are data: the first kernel has no gradient to hand back.
        Pass(
            network="decoder_network.cell",
            positions=_ROWS,
            gradients="weights" if use == "both" else use,
        ),
        Pass(network="decoder_network.outputs", positions=_ROWS, gradients=use),
    )


def _writer(use: str) -> tuple[Pass, ...]:
    """Return the uses of what writes a sentence."""
    return (
        Pass(network="writer.beginning", positions=1, gradients=use),
        Pass(network="writer.recurrent", positions=_WORDS, gradients=use),
        Pass(network="writer.vocabulary", positions=_WORDS, gradients=use),
    )


_SKETCH_ROW = Row(
    name="sketch-rnn",
    model="sketch-rnn",
    config=_SKETCH_RNN,
    batch_size=100,
    parameters=2_186_107,
    reference_parameters=2_190_203,
    passes=(
        Pass(network="encoder.from_start", positions=_ROWS - 1, gradients="weights"),
        Pass(network="encoder.from_end", positions=_ROWS - 1, gradients="weights"),
        Pass(network="encoder.statistics", positions=1, gradients="both"),
        *_sketch_decoder("both"),
    ),
    examples="sketches",
    length=_ROWS,
    reference="torch-sketch-rnn",
    target=1.2,
    published_rate=85,
    published_fraction=".64",
    note="All sketches have 128 points. No recurrent dropout, which nn.LSTM does not have. "
    + _BIASES,
)
_SENTENCE_ROW = Row(
    name="sentence-vae",
    model="sentence-vae",
    config=_SENTENCE_VAE,
    batch_size=32,
    parameters=6_370_129,
    reference_parameters=6_371_153,
    passes=(
        Pass(network="reader.recurrent", positions=_WORDS, gradients="both"),
        Pass(network="reader.statistics", positions=1, gradients="both"),
        *_writer("both"),
    ),
    examples="sentences",
    length=_WORDS,
    reference="torch-sentence-vae",
    target=1.3,
    published_rate=101,
    published_fraction=".44",
    note="All sentences have 25 words and an end, so that no place is padded. The earlier rate was "
    f"of sentences of as many on average, padded to the longest of a batch. {_BIASES}",
)


def _sampled(training: Row, batch_size: int, **options: Any) -> Row:
    """Return the row that makes what another trains, so many at once, counted by element."""
    return dataclasses.replace(
        training,
        name=f"{training.name}-sampling" + (f"-{batch_size}" if batch_size > 1 else ""),
        batch_size=batch_size,
        counted=training.length,
        kind="sampling",
        published_fraction=None,
        backends=("tensorflow", "jax"),
        **options,
    )


def _sampled_sketches(batch_size: int, **options: Any) -> Row:
    return _sampled(
        _SKETCH_ROW,
        batch_size,
        passes=_sketch_decoder("none"),
        end_bias=("decoder_network.outputs.bias", 2),
        reference="torch-sketch-steps",
        note="An example is a row of a sketch, drawn before the next is predicted; no sketch ends "
        "early. torch-sketch-steps is a plain loop over nn.LSTMCell.",
        **options,
    )


def _sampled_sentences(batch_size: int) -> Row:
    return _sampled(
        _SENTENCE_ROW,
        batch_size,
        passes=_writer("none"),
        end_bias=("writer.vocabulary.bias", 0),
        reference="torch-sentence-steps",
        target=None,
        published_rate=None,
        note="An example is a word, drawn before the next is predicted; no sentence ends early. "
        "torch-sentence-steps is a plain loop over nn.GRUCell.",
    )


SEQUENCE_ROWS = (
    _SKETCH_ROW,
    _SENTENCE_ROW,
    _sampled_sketches(1, target=5.0, published_rate=1_930),
    _sampled_sketches(64, target=None, published_rate=None),
    _sampled_sentences(1),
    _sampled_sentences(64),
)
