"""Images of texts that a user names, by a model that illustrates.

Images in one place of different texts are made of the same noise, so that what differs between them
is what the texts say.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from zoo.data.captions import caption_of, unknown_words
from zoo.data.embeddings import read_embeddings
from zoo.data.files import open_file, shown, some
from zoo.errors import DataError, ZooError
from zoo.latent import lerp
from zoo.protocols import Illustrates, supports
from zoo.runs import Run
from zoo.training import load_model

# Shapes: R texts, N images of each, K columns, E embedding size, Z numbers of noise, H height,
# W width, C channels.

MOST_TEXTS = 256
MOST_IMAGES = 4_096  # of one picture
MOST_BYTES = 2**20  # of a file of texts
WORDS_NAMED = 10


def open_illustrator(run: Run) -> Illustrates:
    """Return the model of a run that makes images of text.

    Raises:
        ZooError: If it makes none.
    """
    model: Any = load_model(run)
    check_illustrates(run, model)
    return model


def check_illustrates(run: Run, model: Any) -> None:
    """Raise a `ZooError` if the model of a run makes no images of text."""
    if not supports(model, Illustrates):
        raise ZooError(
            f"'{run.request.model}' makes no images of text. Expected: the run of a model that "
            "does, which `zoo list captioned` shows; for another, leave out --text, --texts and "
            "--embeddings."
        )


def read_texts(path: Path) -> list[str]:
    """Return the texts of a UTF-8 file, a text a line; empty lines are passed over.

    Raises:
        DataError: If the file cannot be read, is too large, or holds no text.
    """
    name = shown(path)
    try:
        with open_file(path) as file:
            content = file.read(MOST_BYTES + 1)
    except FileNotFoundError as error:
        raise DataError(f"There is no file of texts '{name}'.") from error
    except OSError as error:
        raise DataError(f"'{name}' cannot be read: {error.strerror}.") from error
    if len(content) > MOST_BYTES:
        raise DataError(f"'{name}' is too large for a list of texts: more than 1 MiB.")
    try:
        lines = content.decode("utf-8-sig").splitlines()
    except UnicodeDecodeError as error:
        raise DataError(
            f"'{name}' is no text in UTF-8: {error.reason} at byte {error.start}. Expected: a "
            "text a line."
        ) from error
    texts = [line for line in lines if line.strip()]
    if not texts:
        raise DataError(f"'{name}' holds no text. Expected: a text a line.")
    return texts


def embed_texts(
    run: Run, model: Illustrates, texts: Sequence[str], file: Path | None = None
) -> tuple[list[str], np.ndarray]:
    """Return captions (R,) and their embeddings (R, E), by the model, or from a file if given.

    Args:
        run: The run.
        model: Its model.
        texts: The texts; without any, all captions of the file.
        file: An `.npz` file of embeddings, where the model was trained on such.

    Raises:
        DataError: If the model cannot embed a text, or the file has no embedding of it, or one of
            another size.
    """
    captions = [caption_of(text) for text in texts]
    if file is None:
        _check_count(len(captions), "texts")
        return captions, model.embed(texts)
    size = run.request.config.get("embedding_size")
    if not size:
        raise DataError(
            f"'{run.request.model}' as trained makes the embeddings of texts itself. Leave out "
            "--embeddings."
        )
    found = read_embeddings(file)
    captions = captions or list(found)
    _check_count(len(captions), f"captions of '{shown(file)}'")
    missing = [f"'{shown(caption[:60])}'" for caption in captions if caption not in found]
    if missing:
        raise DataError(
            f"'{shown(file)}' has no embedding of {some(missing)}. Add it, or leave out the text."
        )
    embeddings = np.stack([found[caption] for caption in captions])
    if embeddings.shape[1] != size:
        raise DataError(
            f"'{shown(file)}' has embeddings of {embeddings.shape[1]} numbers. Expected: {size}, "
            f"as '{run.request.model}' was trained on."
        )
    return captions, embeddings


def illustrate_each(
    model: Illustrates, embeddings: np.ndarray, count: int, *, seed: int = 0
) -> np.ndarray:
    """Return `count` images of each of the embeddings (R, E), (R, N, H, W, C).

    Raises:
        DataError: If they are more than one picture shows.
    """
    return _grid(model, np.repeat(embeddings[:, None], count, axis=1), count, seed)


def illustrate_between(
    model: Illustrates, embeddings: np.ndarray, steps: int, count: int, *, seed: int = 0
) -> np.ndarray:
    """Return images on the straight lines from embedding to embedding (R, E), (N, K, H, W, C).

    A row is made of one noise. Each line is `steps` images, the ends included, which two lines
    share; K is (R - 1) (steps - 1) + 1.

    Raises:
        DataError: If they are more than one picture shows.
    """
    t = np.linspace(0, 1, steps)  # (S,)
    lines = lerp(embeddings[:-1, None], embeddings[1:, None], t)  # (R - 1, S, E)
    path = np.concatenate([lines[:, :-1].reshape(-1, lines.shape[2]), embeddings[-1:]])  # (K, E)
    images = _grid(model, np.repeat(path[:, None], count, axis=1), count, seed)  # (K, N, H, W, C)
    return np.swapaxes(images, 0, 1)


def warning_of_unknown_words(config: Mapping[str, Any], texts: Sequence[str]) -> str | None:
    """Return what a model does not know of texts that it embeds itself; None if it knows all.

    Args:
        config: The configuration of its run.
        texts: The texts.
    """
    if config.get("embedding_size"):  # then nothing is read word by word
        return None
    vocabulary = config["vocabulary"]
    words = list(dict.fromkeys(word for text in texts for word in unknown_words(text, vocabulary)))
    if not words:
        return None
    named = [f"'{shown(word[:40])}'" for word in words[:WORDS_NAMED]]
    if len(words) > WORDS_NAMED:
        named.append(f"{len(words) - WORDS_NAMED} more")
    return (
        f"The model does not know {', '.join(named)}: what the captions of its training lacked is "
        "read as unknown."
    )


def _grid(model: Illustrates, embeddings: np.ndarray, count: int, seed: int) -> np.ndarray:
    """Return images (R, N, H, W, C) of embeddings (R, N, E), those of a column of one noise."""
    if embeddings.shape[0] * count > MOST_IMAGES:
        raise DataError(
            f"{embeddings.shape[0]:,} x {count:,} images are more than a picture shows: at most "
            f"{MOST_IMAGES:,}. Give a smaller --count, or fewer texts."
        )
    noise = model.draw_noise(count, seed=seed)  # (N, Z)
    images = model.illustrate(
        np.tile(noise, (len(embeddings), 1)), embeddings.reshape(-1, embeddings.shape[-1])
    )
    return images.reshape(*embeddings.shape[:2], *images.shape[1:])


def _check_count(count: int, what: str) -> None:
    if count > MOST_TEXTS:
        raise DataError(
            f"There are {count:,} {what}. At most {MOST_TEXTS} are shown in one picture: name "
            "fewer with --text or --texts."
        )
