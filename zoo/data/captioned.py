"""Images with captions, of which each image may have several."""

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from zoo.data.arrays import ArrayImages
from zoo.data.captions import Language, describe_language, short_enough
from zoo.data.dataset import Attribute, Batch, CaptionedSpec, ImageSpec
from zoo.data.embeddings import embedded, read_embeddings
from zoo.data.files import shown
from zoo.data.folder import FolderImages
from zoo.data.forms import CaptionedForm
from zoo.data.vocabulary import as_examples, unit_of
from zoo.errors import DataError

# Shapes: N examples, B batch, H height, W width, C channels, S captions of all images, T tokens of
# the longest caption and its end, E numbers in an embedding.


class ChosenImages:
    """Some of the images of a data set.

    Args:
        images: All of them.
        rows: Which of them, (N,).
    """

    def __init__(self, images: "Images", rows: np.ndarray):
        self.name: str = images.name
        self.split: str = images.split
        self.splits: tuple[str, ...] = images.splits
        self.spec: ImageSpec = images.spec
        self.skipped: tuple[str, ...] = images.skipped
        self.labels: np.ndarray | None = None if images.labels is None else images.labels[rows]
        digest = hashlib.sha256(images.fingerprint.encode())
        digest.update(rows.astype("<i8").data)
        self.fingerprint: str = digest.hexdigest()
        self._images = images
        self._rows = rows

    def __len__(self) -> int:
        return len(self._rows)

    def read(self, indices: np.ndarray) -> Batch:
        """Return the images at `indices` (B,) as float32 (B, H, W, C), and their labels."""
        return self._images.read(self._rows[indices])


Images = ArrayImages | FolderImages | ChosenImages


class CaptionedImages:
    """A split of images with captions; see `zoo.data.dataset.Captioned`.

    Captions that are empty, or longer than those to train on, are left out and counted, and so are
    images that then have none.

    Args:
        name: What `--data` was given.
        images: The images, and their labels if any.
        captions: The captions of each image, as `caption_of` returns them.
        language: Of the training split.
        attributes: What is known of each image; by default its class, where there are labels.
        embeddings: The embedding (E,) of every caption, by its text; None where there are none.
        skipped: "path: reason" of what could not be used, beside that of the images.

    Raises:
        DataError: If no caption is left, or one has no embedding.
    """

    def __init__(
        self,
        *,
        name: str,
        images: Images,
        captions: Sequence[Sequence[str]],
        language: Language,
        attributes: Mapping[str, Attribute] | None = None,
        embeddings: Mapping[str, np.ndarray] | None = None,
        skipped: tuple[str, ...] = (),
    ):
        attributes = _class_attribute(images) if attributes is None else attributes
        fitting = _fitting(captions, language)
        rows = np.flatnonzero([bool(texts) for texts in fitting])
        self._texts = [text for texts in fitting for text in texts]  # S of them
        if not len(rows):
            raise DataError(
                f"No image of '{shown(name)}' in split '{images.split}' has a caption of 1 to "
                f"{language.max_length - 1} tokens."
            )
        where, most = f"{shown(name)}, {images.split}", language.max_length - 1
        left_out = sum(map(len, captions)) - len(self._texts)
        if left_out:
            skipped += (f"{where}: {left_out} captions are empty, or longer than {most} tokens",)
        if len(rows) < len(images):
            skipped += (f"{where}: {len(images) - len(rows)} images have no usable caption",)
            images = ChosenImages(images, rows)
            attributes = {
                key: Attribute(names=known.names, values=known.values[rows])
                for key, known in attributes.items()
            }
        self.name = name
        self.split = images.split
        self.splits = images.splits
        self.images = images
        self.attributes = attributes
        self.caption_counts = np.array([len(fitting[row]) for row in rows], np.int64)
        self.skipped = images.skipped + skipped
        self._language = language
        self._starts = np.cumsum(self.caption_counts) - self.caption_counts  # (N,)
        self._tokens = as_examples(self._texts, language.vocabulary, language.max_length)  # (S, T)
        self._by_text = embeddings
        self._embeddings = None if embeddings is None else embedded(self._texts, embeddings, name)
        digest = hashlib.sha256(images.fingerprint.encode())
        digest.update(repr((fitting, language)).encode())
        if self._embeddings is not None:
            digest.update(np.ascontiguousarray(self._embeddings).data)
        self.fingerprint = digest.hexdigest()

    @property
    def spec(self) -> CaptionedSpec:
        """The description of one example."""
        return CaptionedSpec(
            image_shape=self.images.spec.image_shape,
            class_names=self.images.spec.class_names,
            vocabulary=self._language.vocabulary,
            max_length=self._language.max_length,
            captions=self._language.captions,
            embedding_size=0 if self._embeddings is None else self._embeddings.shape[1],
        )

    def __len__(self) -> int:
        return len(self.images)

    def texts(self, index: int) -> tuple[str, ...]:
        """Return all captions of an example."""
        start = self._starts[index]
        return tuple(self._texts[start : start + self.caption_counts[index]])

    def read(self, indices: np.ndarray) -> Batch:
        """Return {"image": (B, H, W, C), "caption": (B, T)}, and the labels.

        With embeddings there is {"embedding": (B, E)} too.

        Args:
            indices: Numbers of examples (B,), each with its first caption; or (B, 2), of an example
                and of one of its captions, of which counting begins anew after the last.
        """
        which, caption = (indices, 0) if indices.ndim == 1 else indices.T
        images, labels = self.images.read(which)
        rows = self._starts[which] + caption % self.caption_counts[which]
        examples = {"image": np.asarray(images), "caption": self._tokens[rows]}
        if self._embeddings is not None:
            examples["embedding"] = self._embeddings[rows]
        return examples, labels

    def adapted(
        self,
        *,
        vocabulary: tuple[str, ...],
        max_length: int,
        captions: tuple[str, ...],
        **_of_images: Any,
    ) -> "CaptionedImages":
        """Return the same images with their captions in another vocabulary.

        Raises:
            DataError: If no caption has fewer than `max_length` tokens.
        """
        return CaptionedImages(
            name=self.name,
            images=self.images,
            captions=[self.texts(index) for index in range(len(self))],
            language=Language(vocabulary=vocabulary, max_length=max_length, captions=captions),
            attributes=self.attributes,
            embeddings=self._by_text,
            skipped=self.skipped[len(self.images.skipped) :],
        )


def captioned(
    *,
    name: str,
    images: Images,
    captions: Sequence[Sequence[str]],
    train_captions: Sequence[Sequence[str]],
    form: CaptionedForm,
    attributes: Mapping[str, Attribute] | None = None,
    skipped: tuple[str, ...] = (),
) -> CaptionedImages:
    """Return a split of images with captions in the form asked for.

    Args:
        name: What `--data` was given.
        images: The images of the split.
        captions: The captions of each image, as `caption_of` returns them.
        train_captions: Those of each image of the training split.
        form: Form of the captions; the images have theirs.
        attributes: See `CaptionedImages`.
        skipped: See `CaptionedImages`.

    Raises:
        DataError: If no caption is short enough, or one has no embedding where there are some.
    """
    return CaptionedImages(
        name=name,
        images=images,
        captions=captions,
        language=describe_language(name, train_captions, form),
        attributes=attributes,
        embeddings=None if form.embeddings is None else read_embeddings(form.embeddings),
        skipped=skipped,
    )


def _class_attribute(images: Images) -> Mapping[str, Attribute]:
    names = images.spec.class_names
    if not names or images.labels is None:
        return {}
    return {"class": Attribute(names=names, values=images.labels)}


def _fitting(captions: Sequence[Sequence[str]], language: Language) -> list[list[str]]:
    """Return those captions of each image that are as long as a language allows."""
    distinct = dict.fromkeys(text for texts in captions for text in texts)
    unit = unit_of(language.vocabulary)
    fit = short_enough(distinct, unit, language.max_length - 1)
    return [[text for text in texts if text in fit] for texts in captions]
