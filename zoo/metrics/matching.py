"""Does an image show what its caption says? R-precision, by a network that has learnt to match.

The network sees images and captions as vectors v and w of length 1, and has learnt on real training
pairs which of a batch belong together:

    -1/2 log softmax_j (v_i·w_j / t) - 1/2 log softmax_i (v_i·w_j / t)     in nats, t = 0.1,

averaged over the pairs i, j that are alike: of equal captions, or of images all of whose captions
are equal. R-precision (Xu et al. 2018, https://arxiv.org/abs/1711.10485, section 4) is the share of
images that are more similar to their own caption than to any of 99 other captions of held-out
examples.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np

from zoo.data.dataset import Captioned
from zoo.metrics import Figure, MetricError, Settings, UnsuitableError
from zoo.metrics.classifier import IMAGES_PER_CALL, image_features
from zoo.metrics.comparison import BATCH_SIZE, compare
from zoo.metrics.examples import mean_figure, read_batches
from zoo.metrics.features import short_name
from zoo.metrics.learning import SEED, cache_path, fit_network, learnt, shuffled, training_steps
from zoo.protocols import Illustrates

# Shapes: N examples, M samples, B batch, H height, W width, C channels, T tokens of a caption,
# U captions that differ, D numbers of a vector.

VERSION = 1  # of all that decides the weights: raise it with any change, so that old ones are left
VECTOR_SIZE = 64
TEMPERATURE = 0.1
DILATIONS = (1, 2, 4)  # of the convolutions over a caption: it is seen 15 tokens at a time
OTHERS = 99


def measure_matching(
    model: Illustrates, dataset: Captioned, settings: Settings
) -> dict[str, Figure]:
    """Return `r_precision/<net>` of samples, `_real` of held-out images, and `_chance`.

    Raises:
        UnsuitableError: If all captions are equal, or the network would be judged on what it has
            learnt.
    """
    train = training_examples(dataset, settings)
    comparison = compare(model, dataset, settings)  # type: ignore[arg-type]
    indices = comparison.real_indices
    network = matching_network(train, progress=settings.progress)
    real, tokens = [], []
    title = f"captions of {dataset.split}"
    for x, _ in read_batches(dataset, indices, BATCH_SIZE, title, settings):
        real.append(network.see(x["image"]))
        tokens.append(x["caption"])
    # Captions of equal tokens are one to the network: none stands against another.
    distinct, own = np.unique(np.concatenate(tokens), axis=0, return_inverse=True)
    if len(distinct) < 2:
        raise UnsuitableError(
            f"Matching asks which caption is an image's own. Expected: captions that differ. "
            f"Received: the same of all {len(indices)} examples of '{dataset.name}'."
        )
    captions = network.read(distinct)  # (U, D)
    count = comparison.sample_count
    made = network.see(comparison.samples(count))  # (M, D)
    own_of = own.ravel()[np.searchsorted(indices, comparison.illustrated(count))]  # (M,)
    figures = {
        "r_precision": is_own(made, captions, own_of, settings.seed),
        "r_precision_real": is_own(np.concatenate(real), captions, own.ravel(), settings.seed),
    }
    chance = 1 / min(len(distinct), 1 + OTHERS)
    return {
        **{f"{key}/{network.name}": mean_figure(each, key) for key, each in figures.items()},
        f"r_precision_chance/{network.name}": Figure(
            value=chance, standard_error=None, count=count
        ),
    }


def is_own(images: np.ndarray, captions: np.ndarray, own: np.ndarray, seed: int) -> np.ndarray:
    """Return of each image whether it is more similar to its own caption than to 99 others (M,).

    Args:
        images: Vectors (M, D).
        captions: Vectors (U, D); where they are fewer than 100, all others are compared.
        own: Which of the captions is that of each image (M,).
        seed: Of the draw of the others.
    """
    generator = np.random.default_rng(seed)
    others = min(OTHERS, len(captions) - 1)
    found = np.empty(len(images), bool)
    for number, (image, right) in enumerate(zip(images, own, strict=True)):
        wrong = generator.choice(len(captions) - 1, others, replace=False)
        wrong += wrong >= right  # all but the right one
        found[number] = captions[right] @ image > (captions[wrong] @ image).max()
    return found


class MatchingNetwork:
    """What sees images and reads captions as vectors of length 1, near where they belong together.

    Args:
        name: Name that stands behind the metric's.
        network: What `build_network` returns, trained.
    """

    def __init__(self, name: str, network: Any):
        import keras

        from zoo.engine import compile_function

        self.name = name
        (images, tokens), (of_images, of_captions) = network.inputs, network.outputs
        seer, reader = keras.Model(images, of_images), keras.Model(tokens, of_captions)
        self._see = compile_function(seer, lambda x: seer(x, training=False))
        self._read = compile_function(reader, lambda x: reader(x, training=False))

    def see(self, images: np.ndarray) -> np.ndarray:
        """Return the vectors (N, D) of images (N, H, W, C)."""
        from zoo.engine import in_batches

        return in_batches(self._see, IMAGES_PER_CALL, np.asarray(images, np.float32))

    def read(self, tokens: np.ndarray) -> np.ndarray:
        """Return the vectors (N, D) of captions (N, T)."""
        from zoo.engine import in_batches

        return in_batches(self._read, IMAGES_PER_CALL, tokens)


def matching_network(train: Captioned, *, progress: bool = False) -> MatchingNetwork:
    """Return the network that has learnt to match these pairs: from the cache, or trained anew."""
    spec: Any = train.spec
    network, _ = learnt(
        lambda: build_network(spec.image_shape, spec.max_length, len(spec.vocabulary)),
        cache_path("matching", train, VERSION),
        lambda network: train_network(network, train, progress=progress),
    )
    return MatchingNetwork(f"matching-{short_name(train)}", network)


def build_network(image_shape: tuple[int, int, int], max_length: int, vocabulary_size: int) -> Any:
    """Return the network: images (B, H, W, C) and captions (B, T) to vectors (B, D) each."""
    import keras
    from keras import initializers, layers

    images = keras.Input(image_shape, name="images")
    captions = keras.Input((max_length,), dtype="int32", name="captions")
    words = initializers.RandomNormal(stddev=1.0, seed=SEED)
    x = layers.Embedding(vocabulary_size, VECTOR_SIZE, embeddings_initializer=words, name="words")(
        captions
    )  # (B, T, D)
    for number, dilation in enumerate(DILATIONS):
        x = layers.Conv1D(
            VECTOR_SIZE,
            3,
            dilation_rate=dilation,
            padding="same",
            activation="relu",
            kernel_initializer=initializers.HeNormal(seed=SEED + number),
            name=f"phrases_{number}",
        )(x)
    x = layers.GlobalMaxPooling1D(name="caption_features")(x)  # (B, D)
    vectors = [
        layers.UnitNormalization(name=f"{name}_vector")(
            layers.Dense(
                VECTOR_SIZE,
                kernel_initializer=initializers.GlorotUniform(seed=SEED),
                name=f"{name}_projection",
            )(features)
        )
        for name, features in (("image", image_features(images)), ("caption", x))
    ]
    return keras.Model([images, captions], vectors, name="matching")


def train_network(network: Any, train: Captioned, *, progress: bool) -> dict[str, np.ndarray]:
    """Train on all pairs of `train`; nothing but the weights is to be kept."""
    import keras
    from keras import ops

    of_images, of_captions = network.outputs
    logits = ops.matmul(of_images, ops.transpose(of_captions)) / TEMPERATURE  # (B, B)
    fit_network(
        keras.Model(network.inputs, logits, name="matcher"),
        matching_nats,
        _batches(train),
        training_steps(train.spec.image_shape, len(train)),  # type: ignore[union-attr]
        title=f"matching {short_name(train)}",
        progress=progress,
    )
    return {}


def matching_nats(alike: Any, logits: Any) -> Any:
    """Return the loss (B,) of logits (B, B), where `alike` (B, B) is 1 for pairs that are alike."""
    from keras import ops

    by_image = alike / ops.sum(alike, axis=1, keepdims=True) * ops.log_softmax(logits, axis=1)
    by_caption = alike / ops.sum(alike, axis=0, keepdims=True) * ops.log_softmax(logits, axis=0)
    return -(ops.sum(by_image, axis=1) + ops.sum(by_caption, axis=0)) / 2


def training_examples(dataset: Captioned, settings: Settings) -> Captioned:
    """Return what a network learns from that is to judge images of text.

    Raises:
        UnsuitableError: If it would be judged on what it has learnt.
    """
    if dataset.split == "train":
        raise UnsuitableError(
            "What judges images of text learns from the training split, and is judged on another. "
            f"'{dataset.name}' has: {', '.join(dataset.splits)}. Received: 'train'."
        )
    if settings.load_train is None:
        raise MetricError(
            "What judges images of text learns from the training examples. Received: settings "
            "without load_train."
        )
    train: Any = settings.load_train()
    return train


def _batches(train: Captioned) -> Iterator[tuple[tuple[np.ndarray, np.ndarray], np.ndarray]]:
    """Yield images and a caption of each, and which of them are alike (B, B), without end."""
    generator = np.random.default_rng(SEED)
    numbers: dict[tuple[str, ...], int] = {}
    groups = np.array([numbers.setdefault(train.texts(i), len(numbers)) for i in range(len(train))])
    for chosen in shuffled(np.arange(len(train)), generator):
        which = generator.integers(train.caption_counts[chosen])
        x: Any = train.read(np.stack([chosen, which], axis=1))[0]
        of_equal_texts = groups[chosen][:, None] == groups[chosen]
        equal = (x["caption"][:, None] == x["caption"]).all(axis=2)
        yield (x["image"], x["caption"]), (of_equal_texts | equal).astype(np.float32)
