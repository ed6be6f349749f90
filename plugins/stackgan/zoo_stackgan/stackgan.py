"""StackGAN (Zhang et al. 2017, https://arxiv.org/abs/1612.03242).

Conditioning augmentation makes of a caption's embedding e a Gaussian N(m(e), s(e)^2), of which a
condition c is drawn. Stage I makes a small image G1(c, z) of it and of noise z; stage II refines
that image, with a condition of its own: G2(G1(c1, z), c2), where stage I no longer learns.
The discriminator tells images with the right caption from images with a wrong one, and from what
the generator made. With D the logit, the players minimise, in nats,

    discriminator:  E[softplus(-D(x, right))]
                    + (E[softplus(D(x, wrong))] + E[softplus(D(G, right))]) / 2
    generator:      E[softplus(-D(G, right))] + kl_weight KL(N(m, s^2) || N(0, 1)) / K

K numbers in a condition: the weight is for the mean over them, as in the authors' code. The
discriminator is told a caption's embedding, of which a layer of its own makes K numbers. Stage II's
has a second logit that is told nothing, weighed with the others as in the authors' code.

Where the data bring no embeddings, a text encoder learns them from images and captions
(`zoo_stackgan.text`), in stage I; the others only read it.

Departures from the paper: that encoder; the generator moves first, and the discriminator judges
what it made before it moved, which is made once; a wrong caption is one of another image of the
batch, of another label where there are labels; stage I's batch normalisation uses its running means
in stage II, whose own conditioning begins as that of stage I; further sizes than 64 and 256.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from zoo.data.captions import caption_of, caption_tokens
from zoo.data.dataset import Captioned
from zoo.data.files import shown
from zoo.data.vocabulary import END, tokens_of
from zoo.engine import Player, PlayerModel, compile_function, in_batches
from zoo.errors import DataError
from zoo.layers import normalised_by_batch
from zoo.losses import gaussian_kl_nats, generator_loss
from zoo.priors import draw_prior
from zoo_stackgan.config import StackGANConfig
from zoo_stackgan.losses import judged_wrong, mean_of, share
from zoo_stackgan.networks import (
    build_conditioning,
    build_first_generator,
    build_head,
    build_second_generator,
    build_trunk,
    build_unconditional_head,
)
from zoo_stackgan.text import (
    TextEncoder,
    build_image_encoder,
    matching_terms,
    replaced,
    same_pairs,
    wrong_captions,
)

# Shapes: B batch, N count asked for, T tokens, E numbers in an embedding, K numbers in a condition,
# Z latent size, H height, W width, C channels.

IMAGES_PER_CALL = 64
TEXTS_PER_CALL = 256
MATCHER_RATE = 1e-3
ALTERED = 4  # captions with a word replaced that each image is also held against


@keras.saving.register_keras_serializable(package="zoo_stackgan")
class StackGAN(PlayerModel):
    """Stacked generative adversarial networks, stage I alone or stage II on a frozen stage I.

    Args:
        config: A `StackGANConfig`.
    """

    config_class = StackGANConfig
    smallest_batch = 2  # batch normalisation needs a variance, and a wrong caption another example

    def __init__(self, config: StackGANConfig, **kwargs: Any):
        super().__init__(config, **kwargs)
        config = self.config
        # What this stage and these data do not need stays None.
        self.text_encoder: Any = None
        self.image_encoder: Any = None
        self.remembered: Any = None
        self.second_conditioning: Any = None
        self.second_generator: Any = None
        self.unconditional_head: Any = None
        if config.embedding_size:
            self.remembered = self.add_weight(
                shape=(len(config.captions), config.embedding_size),
                initializer="zeros",
                trainable=False,
                name="caption_embeddings",
            )
        else:
            self.text_encoder = TextEncoder(
                len(config.vocabulary), config.text_size, name="text_encoder"
            )
        self.first_conditioning = build_conditioning(config, "first_conditioning")
        self.first_generator = build_first_generator(config)
        self.trunk = build_trunk(config)
        self.head = build_head(self.trunk, config)
        if config.stage == 2:
            self.second_conditioning = build_conditioning(config, "second_conditioning")
            self.second_generator = build_second_generator(config)
            self.unconditional_head = build_unconditional_head(self.trunk)
            for network in self.first_networks:
                network.trainable = False
        elif self.text_encoder is not None:
            self.image_encoder = build_image_encoder(config)
        self.embed_compiled = compile_function(self, self.embeddings_of)
        self.pixels_compiled = compile_function(self, self.pixels)

    @property
    def first_networks(self) -> list[Any]:
        """What stage II takes over from stage I, and does not move."""
        networks = [self.text_encoder, self.first_conditioning, self.first_generator]
        return [network for network in networks if network is not None]

    @property
    def conditions(self) -> Sequence[str]:
        """What it can be told."""
        return ("text",)

    def players(self) -> Sequence[Player]:
        """Return the matcher, if it has one to train, the generator and the discriminator."""
        return [*self._matcher(), self._generator(), self._discriminator()]

    def _matcher(self) -> list[Player]:
        if self.image_encoder is None:
            return []
        return [
            Player(
                name="matcher",
                networks=[self.text_encoder, self.image_encoder],
                loss=self.matcher_loss,
                terms=("matching_nats", "matching_accuracy"),
                optimizer=lambda: keras.optimizers.Adam(
                    keras.optimizers.schedules.CosineDecay(MATCHER_RATE, self.config.matching_steps)
                ),
                hands_on=("embedding",),
            )
        ]

    def _generator(self) -> Player:
        networks = [self.first_conditioning, self.first_generator]
        if self.config.stage == 2:
            networks = [self.second_conditioning, self.second_generator]
        return Player(
            name="generator",
            networks=networks,
            loss=self.generator_loss,
            terms=("generator_objective_nats", "generator_nats", "condition_kl_nats"),
            optimizer=lambda: self.make_optimizer(self.config.average),
            hands_on=("fake", "told"),
        )

    def _discriminator(self) -> Player:
        heads = [self.head] if self.config.stage == 1 else [self.head, self.unconditional_head]
        return Player(
            name="discriminator",
            networks=[self.trunk, *heads],
            loss=self.discriminator_loss,
            terms=("discriminator_nats", "real_accuracy", "wrong_accuracy", "fake_accuracy"),
            optimizer=self.make_optimizer,
        )

    def make_optimizer(self, average: float = 0.0) -> keras.optimizers.Optimizer:
        """Return Adam as the paper sets it, averaging the weights if asked to."""
        rate: Any = self.config.learning_rate
        if self.config.halve_every:
            rate = keras.optimizers.schedules.ExponentialDecay(
                rate, self.config.halve_every, 0.5, staircase=True
            )
        averaging: dict[str, Any] = {"use_ema": True, "ema_momentum": average} if average else {}
        return keras.optimizers.Adam(rate, beta_1=self.config.beta_1, **averaging)

    # Losses.

    def matcher_loss(self, x: Any, y: Any, training: bool) -> dict[str, Any]:
        """Return the matcher's loss on images and their captions, and the embeddings of these."""
        tokens = ops.cast(x["caption"], "int32")
        same = same_pairs(tokens, y)
        near = self._near(tokens, same, self.noise_seed(training))
        unlike = ops.stack([ops.any(ops.not_equal(tokens, each), axis=1) for each in near], axis=1)
        embeddings = self.text_encoder(ops.concatenate([tokens, *near]))
        texts, *others = ops.split(embeddings, 1 + len(near))  # (B, E) each
        images = self.image_encoder(x["image"], training=training)
        others = ops.stack(others, axis=1)  # (B, N, E)
        nats, accuracy = matching_terms(images, texts, same, others, unlike)
        return {
            "matching_nats": nats,
            "matching_accuracy": accuracy,
            "embedding": ops.stop_gradient(texts),
        }

    def _near(self, tokens: Any, same: Any, seed: Any) -> list[Any]:
        """Return captions (B, T) each that differ from those given by a word."""
        count, length = ops.shape(tokens)
        keys = keras.random.uniform((ALTERED, count, length), seed=seed)
        partners = keras.random.uniform((ALTERED, count, count), seed=seed)
        return [
            replaced(tokens, wrong_captions(same, partners[n])[0], keys[n]) for n in range(ALTERED)
        ]

    def generator_loss(self, x: Any, y: Any, training: bool) -> dict[str, Any]:
        """Return the generator's loss on as many fakes as there are captions, and the fakes."""
        embeddings = x["embedding"] if "embedding" in x else self.embeddings_of(x["caption"])
        embeddings = ops.stop_gradient(embeddings)
        size = self.config.noise_size
        noise = keras.random.normal(
            (ops.shape(embeddings)[0], size), seed=self.noise_seed(training)
        )
        fakes, mean, log_variance = self.generate(noise, embeddings, training)
        logits = self.judge(self.seen(fakes, training), embeddings, training)
        nats = sum(generator_loss("non-saturating", each) for each in logits)
        kl_nats = ops.mean(gaussian_kl_nats(mean, log_variance))
        kl_weight = self.config.kl_weight / self.config.condition_size
        return {
            "generator_objective_nats": nats + kl_weight * kl_nats,
            "generator_nats": nats,
            "condition_kl_nats": kl_nats,
            "fake": ops.stop_gradient(fakes),
            "told": embeddings,
        }

    def discriminator_loss(self, x: Any, y: Any, training: bool) -> dict[str, Any]:
        """Return the discriminator's loss on real images, right and wrong captions, and fakes."""
        told = x["told"]  # (B, E)
        tokens = ops.cast(x["caption"], "int32")
        keys = keras.random.uniform((ops.shape(told)[0],) * 2, seed=self.noise_seed(training))
        others, has_other = wrong_captions(same_pairs(tokens, y), keys)  # (B,) each
        features = self.seen(x["image"], training)
        right = self.judge(features, told, training)  # with text; in stage II without, too
        wrong = self.paired(features, ops.take(told, others, axis=0), training)
        fake = self.judge(self.seen(x["fake"], training), told, training)
        wrong_nats, wrong_accuracy = judged_wrong(wrong, has_other)
        if self.config.altered_captions:
            keys = keras.random.uniform(ops.shape(tokens), seed=self.noise_seed(training))
            altered = replaced(tokens, others, keys)  # (B, T)
            is_altered = ops.cast(ops.any(ops.not_equal(tokens, altered), axis=1), "float32")
            near = ops.stop_gradient(self.embeddings_of(altered))  # (B, E)
            near_logits = self.paired(features, near, training)
            near_nats, near_accuracy = judged_wrong(near_logits, has_other * is_altered)
            wrong_nats = mean_of([wrong_nats, near_nats])
            wrong_accuracy = mean_of([wrong_accuracy, near_accuracy])
        negatives = [wrong_nats]
        negatives += [ops.mean(ops.softplus(logits)) for logits in fake]
        positives = [ops.mean(ops.softplus(-logits)) for logits in right]
        return {
            "discriminator_nats": mean_of(positives) + mean_of(negatives),
            "real_accuracy": share(right[0] > 0),
            "wrong_accuracy": wrong_accuracy,
            "fake_accuracy": share(fake[0] < 0),
        }

    def judge(self, features: Any, told: Any, training: bool) -> list[Any]:
        """Return the logits (B,) of a trunk's features: told the text; in stage II also not.

        Args:
            features: Of images, (B, h, w, F).
            told: Embeddings (B, E).
            training: Whether running statistics are moved.
        """
        logits = [self.paired(features, told, training)]
        if self.unconditional_head is not None:
            logits.append(normalised_by_batch(self.unconditional_head, features, training))
        return logits

    def seen(self, images: Any, training: bool) -> Any:
        """Return what the discriminator's trunk sees in images: features (B, h, w, F)."""
        return normalised_by_batch(self.trunk, images, training)

    def paired(self, features: Any, told: Any, training: bool) -> Any:
        """Return the logits (B,) that features (B, h, w, F) belong to embeddings (B, E)."""
        return normalised_by_batch(self.head, [features, told], training)

    def generate(self, noise: Any, embeddings: Any, training: bool) -> tuple[Any, Any, Any]:
        """Return images (B, H, W, C), and mean and log-variance (B, K) of this stage's conditions.

        Args:
            noise: Standard normal (B, noise_size): z, and what each stage's condition is drawn by.
            embeddings: (B, E).
            training: Whether batch normalisation of this stage uses the batch.
        """
        size = self.config.condition_size
        latents, *draws = ops.split(
            noise, [self.config.latent_size + n * size for n in range(self.config.stage)], axis=1
        )
        in_first = training and self.config.stage == 1
        mean, log_variance = self.first_conditioning(embeddings)
        condition = mean + ops.exp(0.5 * log_variance) * draws[0]  # (B, K)
        images = self.first_generator([condition, latents], training=in_first)
        if self.config.stage == 2:
            mean, log_variance = self.second_conditioning(embeddings)
            condition = mean + ops.exp(0.5 * log_variance) * draws[1]
            images = self.second_generator([images, condition], training=training)
        return images, mean, log_variance

    def embeddings_of(self, tokens: Any) -> Any:
        """Return the embeddings (B, E) of tokens (B, T), as tensors."""
        return self.text_encoder(tokens)

    def pixels(self, noise: Any, embeddings: Any) -> Any:
        """Return what `illustrate` does, tensors in and tensors out."""
        return self.generate(noise, embeddings, training=False)[0]

    # What stage II takes from elsewhere.

    def take_over(self, first: "StackGAN") -> None:
        """Take over a trained stage I; stage II's conditioning begins as that of stage I."""
        for own, other in zip(self.first_networks, first.first_networks, strict=True):
            own.set_weights(other.get_weights())
        self.second_conditioning.set_weights(first.first_conditioning.get_weights())

    def remember(self, dataset: Captioned) -> None:
        """Keep the embeddings of the configuration's captions, where the data bring them."""
        if self.remembered is None:
            return
        place_of = {
            text: (index, number)
            for index in range(len(dataset))
            for number, text in enumerate(dataset.texts(index))
        }
        places = np.array([place_of[caption] for caption in self.config.captions])  # (N, 2)
        examples: Any = dataset.read(places)[0]
        self.remembered.assign(examples["embedding"])

    # What it can do once trained: NumPy in, NumPy out.

    def sample(
        self, count: int, *, seed: int = 0, texts: Any = None, embeddings: Any = None
    ) -> Mapping[str, np.ndarray]:
        """Return `count` images of texts, and the texts as tokens, as the data are.

        Args:
            count: How many, N.
            seed: Seed of the noise.
            texts: What to make images of, in turn; by default the configuration's `captions`.
            embeddings: Of the texts, where they come from elsewhere.
        """
        texts = list(self.config.captions if texts is None else texts)
        if not texts:
            raise DataError("There are no texts to make images of. Give at least one.")
        if embeddings is None:
            embeddings = self.embed(texts)
        elif np.shape(embeddings) != (len(texts), self.config.told_size):
            raise DataError(
                f"embeddings must be ({len(texts)}, {self.config.told_size}), a row for each text. "
                f"Received: {np.shape(embeddings)}."
            )
        rows = np.arange(count) % len(texts)
        noise = self.draw_noise(count, seed=seed)
        images = self.illustrate(noise, np.asarray(embeddings, "float32")[rows])
        return {"image": images, "caption": self._tokens(texts)[rows]}

    def embed(self, texts: Sequence[str]) -> np.ndarray:
        """Return the embeddings (N, E) of texts.

        Raises:
            DataError: If a text is empty, too long, or of words that the model knows none of; or
                if its embeddings come from elsewhere, and the text is not one of `captions`.
        """
        config = self.config
        if self.remembered is None:
            tokens = caption_tokens(texts, config.vocabulary, config.max_length)
            return in_batches(self.embed_compiled, TEXTS_PER_CALL, tokens)
        row_of = {caption: row for row, caption in enumerate(config.captions)}
        for text in texts:
            if caption_of(text) not in row_of:
                raise DataError(
                    f"The model was trained on embeddings of captions that were made elsewhere, "
                    f"and has none of '{shown(text[:60])}'. Give --embeddings with that of your "
                    f"text, or one of its captions, such as '{shown(config.captions[0][:60])}'."
                )
        rows = [row_of[caption_of(text)] for text in texts]
        return np.asarray(ops.convert_to_numpy(self.remembered.value))[rows]

    def draw_noise(self, count: int, *, seed: int = 0) -> np.ndarray:
        """Return standard normal noise (N, noise_size); the seed decides it."""
        return draw_prior("normal", count, self.config.noise_size, seed=seed)

    def illustrate(self, noise: np.ndarray, embeddings: np.ndarray) -> np.ndarray:
        """Return images (N, H, W, C) of noise (N, noise_size) and embeddings (N, E)."""
        return in_batches(self.pixels_compiled, IMAGES_PER_CALL, noise, embeddings)

    def _tokens(self, texts: Sequence[str]) -> np.ndarray:
        """Return the tokens (N, T) of texts; of those whose embeddings are given, what fits."""
        vocabulary, most = self.config.vocabulary, self.config.max_length
        tokens = np.full((len(texts), most), END, np.int32)
        for row, text in zip(tokens, texts, strict=True):
            kept = tokens_of(caption_of(text), vocabulary)[: most - 1]
            row[: len(kept)] = kept
        return tokens
