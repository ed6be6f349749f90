"""What a model claims by having the methods of a protocol, as tests that `PluginContract` inherits.

A test of what a model does not claim is skipped.
"""

from typing import Any

import numpy as np
import pytest


class Claims:
    """The tests; the fixtures are those of `PluginContract`."""

    def test_what_it_claims_of_decoding_holds(self, trained: Any, dataset: Any) -> None:
        """Draws of the prior are numbered by the seed, and are decoded to examples."""
        import keras

        from zoo.protocols import Decodes, Inverts, supports

        model = trained[0]
        if not supports(model, Decodes):
            pytest.skip("The model makes no examples of latent vectors.")
        latents = model.draw_latents(4, seed=5)
        assert latents.ndim == 2
        assert np.array_equal(latents[:2], model.draw_latents(2, seed=5))
        assert not np.array_equal(latents, model.draw_latents(4, seed=6))
        labels = dataset.read(np.arange(4))[1]
        decoded = model.decode(latents, labels)
        examples, _ = dataset.read(np.arange(4))
        assert decoded.shape == examples.shape
        assert decoded.dtype == examples.dtype
        if isinstance(model, Inverts):
            labels = None if labels is None else keras.ops.convert_to_tensor(labels)
            pixels = model.pixels(keras.ops.convert_to_tensor(latents), labels)
            pixels = keras.ops.convert_to_numpy(pixels)
            assert np.allclose(pixels, decoded, atol=1e-5)

    def test_what_it_claims_of_features_holds(self, trained: Any, dataset: Any) -> None:
        """Features are finite numbers, a vector for each example, whatever stands beside it."""
        from zoo.protocols import HasFeatures, supports

        model = trained[0]
        if not supports(model, HasFeatures):
            pytest.skip("The model sees no features in examples.")
        x, _ = dataset.read(np.arange(4))
        features = model.features(x)
        assert features.ndim == 2
        assert len(features) == 4
        assert np.isfinite(features).all()
        assert np.allclose(features[:1], model.features(x[:1]), atol=1e-5)

    def test_what_it_claims_of_latents_holds(self, trained: Any, dataset: Any) -> None:
        """Latent vectors and examples have the shapes that `Encodes` promises."""
        from zoo.protocols import Encodes, supports

        model = trained[0]
        if not supports(model, Encodes):
            pytest.skip("The model has no latent vectors of examples.")
        x, y = dataset.read(np.arange(4))
        latents = model.encode(x, y)
        assert latents.ndim == 2
        assert len(latents) == 4
        assert np.array_equal(latents, model.encode(x, y))
        decoded = model.decode(latents, y)
        assert decoded.shape == x.shape
        assert decoded.dtype == x.dtype
        alone = model.decode(latents[:1], None if y is None else y[:1])
        assert np.allclose(decoded[:1], alone, atol=1e-5)

    def test_what_it_claims_of_likelihood_holds(self, trained: Any, dataset: Any) -> None:
        """The likelihood is finite, one number an example, and a bound rises with its samples."""
        from zoo.protocols import HasLikelihood

        model = trained[0]
        if not isinstance(model, HasLikelihood):
            pytest.skip("The model has no likelihood.")
        x, y = dataset.read(np.arange(16))
        log_likelihood: Any = model.log_likelihood
        nats = log_likelihood(x, y, seed=1)
        assert nats.shape == (16,)
        assert np.isfinite(nats).all()
        assert np.array_equal(nats, model.log_likelihood(x, y, seed=1))
        if model.likelihood_kind == "bound":
            draws = [model.log_likelihood(x, y, seed=seed).mean() for seed in range(20)]
            tighter = log_likelihood(x, y, importance_samples=200, seed=1)
            noise = 3 * np.std(draws) / np.sqrt(len(draws) - 1)
            assert tighter.mean() > np.mean(draws) - noise

    def test_kept_state_predicts_what_the_network_does(self, trained: Any, dataset: Any) -> None:
        """A decoder's logits are those of the network that sees the whole example."""
        import keras

        from zoo.autoregression import AutoregressiveModel
        from zoo.testing.replay import replay_logits

        model = trained[0]
        if not isinstance(model, AutoregressiveModel):
            pytest.skip("The model does not make examples element by element.")
        x, y = dataset.read(np.arange(2))
        y = y if model.takes_labels else None
        codes = model.codes(keras.ops.convert_to_tensor(x))
        told = model.told_of(codes, None if y is None else keras.ops.convert_to_tensor(y))
        logits = keras.ops.convert_to_numpy(model.logits(codes, told, False))
        assert np.allclose(replay_logits(model, x, y), logits, atol=1e-5)

    def test_no_element_sees_itself_or_what_comes_after(self, trained: Any, dataset: Any) -> None:
        """Another level changes no prediction up to its own, and the next where there is one."""
        import keras

        from zoo.autoregression import AutoregressiveModel

        model = trained[0]
        if not isinstance(model, AutoregressiveModel):
            pytest.skip("The model does not make examples element by element.")
        x, y = dataset.read(np.arange(2))
        tensors = model.codes(keras.ops.convert_to_tensor(x))
        labels = keras.ops.convert_to_tensor(y) if model.takes_labels else None
        told, codes = model.told_of(tensors, labels), keras.ops.convert_to_numpy(tensors)

        def logits(codes: np.ndarray) -> np.ndarray:
            found = model.logits(keras.ops.convert_to_tensor(codes), told, False)
            return np.asarray(keras.ops.convert_to_numpy(found)).reshape(2, codes[0].size, -1)

        before = logits(codes)
        for place in (0, codes[0].size // 2, codes[0].size - 2):
            other = codes.copy().reshape(2, -1)
            other[:, place] = (other[:, place] + model.levels // 2) % model.levels
            after = logits(other.reshape(codes.shape))
            assert np.array_equal(after[:, : place + 1], before[:, : place + 1])
            assert not np.array_equal(after[:, place + 1], before[:, place + 1])

    def test_what_it_claims_of_completion_holds(self, trained: Any, dataset: Any) -> None:
        """What is known stays, whatever of an example that is; the seed decides the rest."""
        from zoo.data.dataset import Sequences
        from zoo.metrics.examples import known_labels
        from zoo.protocols import Completes

        model = trained[0]
        if not isinstance(model, Completes):
            pytest.skip("The model does not complete.")
        x, y = dataset.read(np.arange(2))
        labels = known_labels(model, y)
        options = {} if labels is None else {"labels": labels}
        some, nothing = np.random.default_rng(0).random(x.shape) < 0.5, np.zeros(x.shape, bool)
        if isinstance(dataset, Sequences):  # of which a beginning is given
            begun = np.arange(x.shape[1]) < dataset.lengths[:2, None] // 2  # (2, T)
            some = np.broadcast_to(begun.reshape(*begun.shape, *(1 for _ in x.shape[2:])), x.shape)
        for known in (some, nothing, ~nothing):
            made = model.complete(x, known, seed=5, **options)
            assert made.shape == x.shape
            assert made.dtype == x.dtype
            assert np.array_equal(made[known], x[known])
            assert np.isfinite(made).all()
        made = model.complete(x, some, seed=5, **options)
        hidden = np.where(some, x, 1 - x)
        assert np.array_equal(made, model.complete(hidden, some, seed=5, **options))
        assert not np.array_equal(made, model.complete(x, some, seed=6, **options))

    def test_what_it_claims_of_translation_holds(self, trained: Any, dataset: Any) -> None:
        """Images of a domain become such of the other, whatever stands beside them."""
        from zoo.protocols import Translates, supports
        from zoo.translation import DOMAINS, other

        model = trained[0]
        if not supports(model, Translates):
            pytest.skip("The model does not translate.")
        x, _ = dataset.read(np.arange(3))
        for to in DOMAINS:
            given = x[other(to)]
            made = model.translate(given, to)
            assert made.shape == x[to].shape
            assert made.dtype == np.float32
            assert made.min() >= 0
            assert made.max() <= 1
            assert np.array_equal(made, model.translate(given, to))
            assert np.allclose(made[:1], model.translate(given[:1], to), atol=1e-5)
            if model.takes_any_size:
                larger = np.pad(given[:1], ((0, 0), (0, 3), (0, 5), (0, 0)), mode="edge")
                height, width = (round(side * model.scale(to)) for side in larger.shape[1:3])
                assert model.translate(larger, to).shape == (1, height, width, made.shape[3])

    def test_what_it_claims_of_text_holds(self, trained: Any, dataset: Any) -> None:
        """An image is made of a text and of noise that the seed decides, and of nothing else."""
        from zoo.data.vocabulary import text_of
        from zoo.errors import DataError
        from zoo.protocols import Illustrates, supports

        model = trained[0]
        if not supports(model, Illustrates):
            pytest.skip("The model makes no images of text.")
        one, other = model.config.captions[:2]
        texts = [one, other, one]
        embeddings, noise = model.embed(texts), model.draw_noise(3, seed=5)
        assert [(array.ndim, len(array)) for array in (embeddings, noise)] == [(2, 3), (2, 3)]
        assert np.allclose(model.embed([other]), embeddings[1:2], atol=1e-5)
        assert np.array_equal(model.draw_noise(2, seed=5), noise[:2])
        assert not np.array_equal(model.draw_noise(3, seed=6), noise)

        images = model.illustrate(noise, embeddings)
        real = dataset.read(np.arange(3))[0]["image"]
        assert (images.shape, images.dtype) == (real.shape, real.dtype)
        assert np.allclose(model.illustrate(noise[:1], embeddings[:1]), images[:1], atol=1e-5)
        assert not np.array_equal(model.illustrate(noise, embeddings[[1, 0, 1]]), images)
        assert not np.array_equal(model.illustrate(noise[[1, 2, 0]], embeddings), images)

        samples = model.sample(3, seed=5, texts=texts)
        assert np.allclose(samples["image"], images, atol=1e-5)
        given = model.sample(3, seed=5, texts=texts, embeddings=embeddings)
        assert np.allclose(given["image"], images, atol=1e-5)
        assert [text_of(row, model.config.vocabulary) for row in samples["caption"]] == texts
        in_turn = model.sample(3, seed=5, texts=[one, other])
        assert all(np.array_equal(in_turn[name], samples[name]) for name in samples)
        for text in ("", "\u0e01\u0e02 \u0e04\u0e07"):  # nothing, and words of another alphabet
            with pytest.raises(DataError):
                model.embed([text])

    def test_what_it_claims_of_conditions_holds(self, trained: Any, request_: Any) -> None:
        """A class that is asked for changes the samples."""
        from zoo.protocols import Conditional

        model = trained[0]
        if not isinstance(model, Conditional) or "class" not in model.conditions:
            pytest.skip("The model as configured takes no class.")
        sample: Any = model.sample  # type: ignore[attr-defined]
        zeros, ones = (np.full(4, label, "int32") for label in (0, 1))
        assert not np.array_equal(sample(4, seed=5, labels=zeros), sample(4, seed=5, labels=ones))
