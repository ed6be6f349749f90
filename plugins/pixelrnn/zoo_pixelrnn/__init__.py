"""PixelRNN and PixelCNN: images, and films, pixel by pixel."""

from typing import TYPE_CHECKING, Any

from zoo.card import ModelCard

if TYPE_CHECKING:
    from zoo_pixelrnn.config import PixelCNNConfig, PixelRNNConfig, VideoPixelCNNConfig
    from zoo_pixelrnn.pixelcnn import PixelCNN
    from zoo_pixelrnn.pixelrnn import PixelRNN
    from zoo_pixelrnn.video import VideoPixelCNN

PIXELCNN_CARD = ModelCard(
    name="pixelcnn",
    title="PixelCNN",
    summary="Predicts each pixel from those above and to the left of it by masked convolutions.",
    paper="van den Oord et al., Conditional Image Generation with PixelCNN Decoders",
    year=2016,
    url="https://arxiv.org/abs/1606.05328",
    kind="image",
    data="digits",
    model="zoo_pixelrnn.pixelcnn:PixelCNN",
    config="zoo_pixelrnn.config:PixelCNNConfig",
    presets="zoo_pixelrnn.config:PIXELCNN_PRESETS",
)

PIXELRNN_CARD = ModelCard(
    name="pixelrnn",
    title="PixelRNN",
    summary="Predicts each pixel by LSTMs that go over the image along rows or diagonals.",
    paper="van den Oord et al., Pixel Recurrent Neural Networks",
    year=2016,
    url="https://arxiv.org/abs/1601.06759",
    kind="image",
    data="digits",
    model="zoo_pixelrnn.pixelrnn:PixelRNN",
    config="zoo_pixelrnn.config:PixelRNNConfig",
    presets="zoo_pixelrnn.config:PIXELRNN_PRESETS",
)

VIDEO_PIXELCNN_CARD = ModelCard(
    name="video-pixelcnn",
    title="PixelCNN of films",
    summary="Predicts a film's next frame pixel by pixel, told the frames before it.",
    paper="Kalchbrenner et al., Video Pixel Networks",
    year=2017,
    url="https://arxiv.org/abs/1610.00527",
    kind="video",
    data="moving-digits",
    model="zoo_pixelrnn.video:VideoPixelCNN",
    config="zoo_pixelrnn.config:VideoPixelCNNConfig",
    presets="zoo_pixelrnn.config:VIDEO_PRESETS",
)

_LAZY = {
    "PixelCNN": "zoo_pixelrnn.pixelcnn",
    "PixelCNNConfig": "zoo_pixelrnn.config",
    "PixelRNN": "zoo_pixelrnn.pixelrnn",
    "PixelRNNConfig": "zoo_pixelrnn.config",
    "VideoPixelCNN": "zoo_pixelrnn.video",
    "VideoPixelCNNConfig": "zoo_pixelrnn.config",
}
__all__ = [
    "PIXELCNN_CARD",
    "PIXELRNN_CARD",
    "VIDEO_PIXELCNN_CARD",
    "PixelCNN",
    "PixelCNNConfig",
    "PixelRNN",
    "PixelRNNConfig",
    "VideoPixelCNN",
    "VideoPixelCNNConfig",
]


def __getattr__(name: str) -> Any:
    if name not in _LAZY:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    import importlib

    return getattr(importlib.import_module(_LAZY[name]), name)
