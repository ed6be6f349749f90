"""The rows of the models that translate between two domains of images."""

import dataclasses
from typing import Any

from benchmarks.row import Pass, Row

_SHAPE = (64, 64, 3)
_CYCLEGAN: dict[str, Any] = {"residual_blocks": 9}
_DISCOGAN: dict[str, Any] = {"generator_filters": 64, "discriminator_filters": 64}


def _passes(network: str, **options: Any) -> tuple[Pass, Pass]:
    """Return the same use of a network of each domain."""
    return (Pass(network=f"{network}_a", **options), Pass(network=f"{network}_b", **options))


def _cyclegan_passes() -> tuple[Pass, ...]:
    """Return the uses in a turn, in which all networks move."""
    return (
        # Images of each domain translated, and those of the other one kept as they are; cycles.
        *_passes("generator", count=2, gradients="weights", image_shape=_SHAPE),
        *_passes("generator", gradients="both", image_shape=_SHAPE),
        *_passes("discriminator", gradients="input", image_shape=_SHAPE),
        *_passes("discriminator", count=2, gradients="weights", image_shape=_SHAPE),
    )


def _discogan_passes() -> tuple[Pass, ...]:
    """Return the uses in a turn: the generators move in two of three, the others in the third."""
    return (
        *_passes("generator", count=2 / 3, gradients="weights"),
        *_passes("generator", count=2 / 3, gradients="both"),
        *_passes("discriminator", count=2 / 3),  # features of real images
        *_passes("discriminator", count=2 / 3, gradients="input"),
        *_passes("generator", count=1 / 3),
        *_passes("discriminator", count=2 / 3, gradients="weights"),
    )


_CYCLEGAN_ROW = Row(
    name="cyclegan-64",
    model="cyclegan",
    config=_CYCLEGAN,
    batch_size=1,
    parameters=28_273_544,
    reference_parameters=2 * (11_378_179 + 2_764_737),
    passes=_cyclegan_passes(),
    image_shape=_SHAPE,
    examples="domains",
    reference="torch-cyclegan",
    target=1.1,
    published_rate=1.1,
    published_fraction=".61-.74",
    note="Nine blocks. An example is a pair, an image of each domain. The reference has biases "
    "before instance normalisation, which cancels them.",
)
_DISCOGAN_ROW = Row(
    name="discogan-64",
    model="discogan",
    config=_DISCOGAN,
    batch_size=64,
    parameters=2 * (5_513_856 + 2_765_568),
    passes=_discogan_passes(),
    image_shape=_SHAPE,
    examples="domains",
    reference="torch-discogan",
    target=1.0,
    published_rate=24,
    published_fraction=".84",
    note="An example is a pair, an image of each domain. The reference computes both losses in "
    "every turn and moves by one of them, as the authors' code does; ours computes that one.",
)


def _translating(training: Row, batch_size: int, **options: Any) -> Row:
    """Return the row that translates from A to B with what another trains."""
    return dataclasses.replace(
        training,
        name=f"{training.name}-translating",
        batch_size=batch_size,
        kind="sampling",
        reference="torch-generator",
        target=None,
        published_rate=None,
        published_fraction=None,
        backends=("tensorflow", "jax"),
        note="An example is an image of A, translated to B.",
        **options,
    )


TRANSLATION_ROWS = (
    _CYCLEGAN_ROW,
    _DISCOGAN_ROW,
    _translating(
        _CYCLEGAN_ROW,
        batch_size=1,
        passes=(Pass(network="generator_b", image_shape=_SHAPE),),
    ),
    _translating(_DISCOGAN_ROW, batch_size=64, passes=(Pass(network="generator_b"),)),
)
