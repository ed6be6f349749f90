"""The picture of what lies between texts, by a model that makes images of them."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from zoo.illustrating import embed_texts, illustrate_between
from zoo.media.captioned import save_caption_path
from zoo.media.latent_page import PicturePage
from zoo.media.latent_subject import page_path
from zoo.protocols import Illustrates
from zoo.runs import Run


def draw_between(
    run: Run,
    model: Illustrates,
    texts: Sequence[str],
    *,
    steps: int,
    count: int,
    seed: int = 0,
    file: Path | None = None,
    out: Path | None = None,
) -> Path:
    """Draw `count` rows from text to text, `steps` images from each to the next, both included.

    Args:
        run: The run.
        model: Its model.
        texts: Two texts or more.
        steps: Images from each text to the next, with both.
        count: Rows, each made of other noise.
        seed: Decides the noise.
        file: File of the texts' embeddings, where the model was trained on such.
        out: File to write.

    Raises:
        ZooError: If the model cannot embed a text, or the picture cannot be written.
    """
    path = page_path(run, PicturePage(np.asarray), "captions", out)
    captions, embeddings = embed_texts(run, model, texts, file)
    rows = illustrate_between(model, embeddings, steps, count, seed=seed)  # (N, K, H, W, C)
    save_caption_path(rows, captions, range(0, rows.shape[1], steps - 1), path)
    return path
