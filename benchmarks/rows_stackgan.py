"""The rows of the model that makes images of text, with embeddings that the data bring."""

import dataclasses
from typing import Any

from benchmarks.row import Pass, Row

_SIZES: dict[str, Any] = {
    "embedding_size": 1024,
    "condition_size": 128,
    "latent_size": 100,
    "generator_filters": 64,
    "discriminator_filters": 64,
    "captions": ("a bird",),
}
# Images are made once, for both players. The discriminator sees real images and fakes, and weighs
# real ones with right and wrong captions.
_JUDGING = (
    Pass(network="trunk", gradients="input"),
    Pass(network="head", gradients="input"),
    Pass(network="trunk", count=2, gradients="weights"),
    Pass(network="head", count=3, gradients="both"),
)

_FIRST_STAGE = Row(
    name="stackgan-64",
    model="stackgan",
    config={"stage": 1, **_SIZES},
    batch_size=8,
    parameters=10_301_248 + 5_846_913,
    passes=(
        Pass(network="first_conditioning", gradients="weights"),
        Pass(network="first_generator", gradients="both"),
        *_JUDGING,
    ),
    image_shape=(64, 64, 3),
    examples="captioned",
    reference="torch-stackgan",
    target=1.0,
    published_rate=14.5,
    published_fraction=".75",
    note="Stage I. The reference's discriminator moves first, ours second; both make images once. "
    "A convolution after a doubling is counted with 36 products, of which ours does 16.",
)
_SECOND_STAGE = Row(
    name="stackgan-256",
    model="stackgan",
    config={"stage": 2, "refinement": 4, "residual_blocks": 4, **_SIZES},
    batch_size=2,
    parameters=97_690_402,
    passes=(
        Pass(network="first_conditioning"),
        Pass(network="first_generator"),
        Pass(network="second_conditioning", gradients="weights"),
        Pass(network="second_generator", gradients="weights"),  # its image needs no gradient
        *_JUDGING,
        Pass(network="unconditional_head", gradients="input"),
        Pass(network="unconditional_head", count=2, gradients="both"),
    ),
    image_shape=(256, 256, 3),
    examples="captioned",
    reference="torch-stackgan",
    target=1.3,
    published_rate=0.63,
    published_fraction=".41",
    note="Stage II. With stage I, which does not learn here, there are 107,991,650 parameters. "
    "A convolution after a doubling is counted with 36 products, of which ours does 16.",
)


def _sampling(training: Row, *networks: str) -> Row:
    """Return the row that samples from what another trains."""
    return dataclasses.replace(
        training,
        name=f"{training.name}-sampling",
        kind="sampling",
        passes=tuple(Pass(network=network) for network in networks),
        reference="torch-stackgan-sampling",
        target=None,
        published_rate=None,
        published_fraction=None,
        backends=("tensorflow", "jax"),
        note="",
    )


STACKGAN_ROWS = (
    _FIRST_STAGE,
    _SECOND_STAGE,
    _sampling(_FIRST_STAGE, "first_conditioning", "first_generator"),
    _sampling(
        _SECOND_STAGE,
        *("first_conditioning", "first_generator", "second_conditioning", "second_generator"),
    ),
)
