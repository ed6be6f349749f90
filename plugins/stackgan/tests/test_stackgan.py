"""The game is the paper's, and what is trained makes images of texts."""

import keras
import numpy as np
import pytest
from keras import ops
from zoo_stackgan import StackGAN, StackGANConfig

from zoo.data import load
from zoo.errors import DataError
from zoo.protocols import GenerativeModel, Illustrates

SMALL = {
    "refinement": 2,
    "text_size": 4,
    "condition_size": 3,
    "latent_size": 3,
    "generator_filters": 2,
    "discriminator_filters": 2,
    "residual_blocks": 1,
    "vocabulary": ("", "▁<unknown>", "▁the", "▁digit", "▁three", "▁four"),
    "max_length": 4,
    "captions": ("the digit three", "four"),
}
BATCH = {
    "image": np.random.default_rng(0).uniform(size=(4, 8, 8, 1)).astype("float32"),
    "caption": np.array([[2, 3, 4, 0], [5, 0, 0, 0], [2, 3, 5, 0], [4, 0, 0, 0]], "int32"),
}
LABELS = np.array([3, 4, 4, 3], "int32")


def array(values):
    return np.asarray(ops.convert_to_numpy(values))


def tensors(**arrays):
    return {name: ops.convert_to_tensor(values) for name, values in arrays.items()}


def stackgan(stage=1, **config):
    keras.utils.set_random_seed(0)
    side = 8 * stage
    return StackGAN(
        StackGANConfig(**{**SMALL, "stage": stage, "image_shape": (side, side, 1), **config})
    )


def softplus(logits):
    return np.log1p(np.exp(logits))


@pytest.fixture(scope="module")
def first():
    return stackgan()


@pytest.fixture(scope="module")
def second():
    return stackgan(stage=2)


def played(model, x):
    """Return what generator and discriminator say of a batch, without noise of training."""
    made = model.generator_loss(x, LABELS, training=False)
    return made, model.discriminator_loss({**x, **made}, LABELS, training=False)


@pytest.mark.backends
def test_the_discriminator_weighs_wrong_captions_and_fakes_by_half(first):
    x = tensors(**BATCH)
    made, said = played(first, x)
    told = made["told"]
    real = array(first.judge(first.seen(x["image"], False), told, False)[0])
    fake = array(first.judge(first.seen(made["fake"], False), told, False)[0])
    # Of two numbers, 3 and 4, each has one that is wrong for it; two examples stand for it.
    either = []
    for other in ([1, 0, 0, 1], [2, 3, 3, 2], [1, 3, 0, 2], [2, 0, 3, 1]):
        wrong = first.paired(first.seen(x["image"], False), ops.take(told, other, axis=0), False)
        either.append(softplus(array(wrong)))
    either = np.stack(either)  # each row a choice for all examples
    positives, fakes = softplus(-real).mean(), softplus(fake).mean()
    least, most = (np.mean(pick(either, axis=0)) for pick in (np.min, np.max))
    found = array(said["discriminator_nats"])
    assert positives + (least + fakes) / 2 - 1e-5 <= found <= positives + (most + fakes) / 2 + 1e-5
    assert float(array(made["generator_nats"])) == pytest.approx(softplus(-fake).mean(), rel=1e-4)


def test_half_of_the_wrong_captions_may_be_right_but_for_a_word():
    model = stackgan(altered_captions=True)
    x = tensors(image=BATCH["image"][:2], caption=np.array([[2, 3, 4, 0], [5, 0, 0, 0]], "int32"))
    made = model.generator_loss(x, LABELS[:2], training=False)
    said = model.discriminator_loss({**x, **made}, LABELS[:2], training=False)
    features = model.seen(x["image"], training=False)
    altered = np.array([[5, 3, 4, 0], [2, 0, 0, 0]], "int32")  # the only word that both have
    near = model.embeddings_of(altered)
    right = softplus(-array(model.paired(features, made["told"], False))).mean()
    wrong, close, fake = (
        softplus(array(logits)).mean()
        for logits in (
            model.paired(features, ops.take(made["told"], [1, 0], axis=0), False),
            model.paired(features, near, False),
            model.paired(model.seen(made["fake"], False), made["told"], False),
        )
    )
    expected = right + ((wrong + close) / 2 + fake) / 2
    assert float(array(said["discriminator_nats"])) == pytest.approx(expected, rel=1e-4)


def test_the_generator_minimises_the_mean_of_the_kl_over_a_conditions_numbers(first):
    made, _ = played(first, tensors(**BATCH))
    objective, nats, kl = (
        float(array(made[name]))
        for name in ("generator_objective_nats", "generator_nats", "condition_kl_nats")
    )
    assert kl > 0
    assert objective == pytest.approx(nats + 2.0 * kl / 3, rel=1e-5)


def test_stage_two_adds_the_logit_that_is_told_nothing(second):
    images = np.random.default_rng(0).uniform(size=(4, 16, 16, 1)).astype("float32")
    made, _ = played(second, tensors(image=images, caption=BATCH["caption"]))
    logits = second.judge(second.seen(made["fake"], False), made["told"], False)
    told, alone = (softplus(-array(each)).mean() for each in logits)
    assert float(array(made["generator_nats"])) == pytest.approx(told + alone, rel=1e-4)


@pytest.mark.backends
def test_training_stage_two_leaves_stage_one_as_it_is(second):
    model = stackgan(stage=2)
    kept = [array(v).copy() for network in model.first_networks for v in network.variables]
    model.compile()
    images = np.random.default_rng(0).uniform(size=(8, 16, 16, 1)).astype("float32")
    x = {"image": images, "caption": np.tile(BATCH["caption"], (2, 1))}
    model.fit(x, np.tile(LABELS, 2), batch_size=4, verbose=0)
    after = [array(v) for network in model.first_networks for v in network.variables]
    assert kept  # normalisation's running means among them
    assert all(np.array_equal(a, b) for a, b in zip(kept, after, strict=True))


def test_the_learning_rate_is_halved_again_and_again():
    model = stackgan(halve_every=100)
    rate = model.make_optimizer()._learning_rate
    rates = [float(array(rate(step))) for step in (0, 99, 100, 250, 1000)]
    assert rates == pytest.approx([2e-4, 2e-4, 1e-4, 5e-5, 2e-4 / 1024])


def test_the_text_encoder_learns_ever_less_and_then_no_more():
    matcher = stackgan(matching_steps=100).players()[0]
    rate = matcher.optimizer()._learning_rate
    rates = [float(array(rate(step))) for step in (0, 50, 100, 1000)]
    assert rates == pytest.approx([1e-3, 5e-4, 0, 0])


@pytest.mark.backends
@pytest.mark.parametrize("stage", [1, 2])
def test_it_illustrates_texts(stage, first, second):
    model = (first, second)[stage - 1]
    assert isinstance(model, Illustrates)
    assert isinstance(model, GenerativeModel)
    embeddings = model.embed(["The digit  THREE", "the digit three", "four"])
    assert np.allclose(embeddings[0], embeddings[1], atol=1e-6)
    noise = model.draw_noise(3, seed=1)
    assert noise.shape == (3, 3 + stage * 3)
    assert np.array_equal(noise[:2], model.draw_noise(2, seed=1))
    images = model.illustrate(noise, embeddings)
    assert images.shape == (3, 8 * stage, 8 * stage, 1)
    assert images.dtype == np.float32
    assert (images >= 0).all()
    assert (images <= 1).all()
    sampled = model.sample(3, seed=1, texts=["the digit three", "the digit three", "four"])
    assert np.allclose(sampled["image"], images, atol=1e-6)
    assert sampled["caption"].tolist() == [[2, 3, 4, 0], [2, 3, 4, 0], [5, 0, 0, 0]]


def test_an_image_is_made_of_noise_and_of_what_each_stage_draws():
    model = stackgan(stage=2)
    embeddings, noise = model.embed(["four"] * 4), np.repeat(model.draw_noise(1), 4, axis=0)
    for row, part in enumerate((slice(0, 3), slice(3, 6), slice(6, 9)), start=1):
        noise[row, part] += 3.0
    # Normalised by the batch: running means of a fresh network leave next to nothing of its signal.
    images, _, _ = model.generate(*map(ops.convert_to_tensor, (noise, embeddings)), training=True)
    assert all(not np.array_equal(array(images)[0], array(images)[row]) for row in (1, 2, 3))


def test_samples_without_texts_are_of_the_captions_it_remembers_in_turn(first):
    samples = first.sample(3, seed=1)
    texts = ["the digit three", "four", "the digit three"]
    asked = first.sample(3, seed=1, texts=texts)
    assert np.array_equal(samples["caption"], asked["caption"])
    assert np.allclose(samples["image"], asked["image"], atol=1e-6)


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        (["four", " "], "must hold words"),
        (["шесть"], "knows no word of"),
        (["the digit three the digit four"], "between 1 and 3"),
        ([], "no texts to make images of"),
    ],
)
def test_a_text_that_cannot_be_read_is_refused(first, texts, message):
    with pytest.raises(DataError, match=message):
        first.sample(2, texts=texts)


# Embeddings that were made elsewhere.


@pytest.fixture(scope="module")
def told_elsewhere():
    model = stackgan(embedding_size=5)
    model.remembered.assign(np.arange(10, dtype="float32").reshape(2, 5))
    return model


def test_with_embeddings_from_elsewhere_there_is_no_encoder(told_elsewhere):
    assert [player.name for player in told_elsewhere.players()] == ["generator", "discriminator"]
    assert told_elsewhere.embed(["FOUR"]).tolist() == [[5, 6, 7, 8, 9]]
    with pytest.raises(DataError, match=r"made elsewhere, and has none of 'three'.*--embeddings"):
        told_elsewhere.embed(["three"])


def test_images_are_made_of_embeddings_that_are_given(told_elsewhere):
    embeddings = np.random.default_rng(0).normal(size=(2, 5)).astype("float32")
    samples = told_elsewhere.sample(4, seed=1, texts=["a zebra", "four"], embeddings=embeddings)
    assert samples["caption"].tolist()[:2] == [[1, 1, 0, 0], [5, 0, 0, 0]]  # unknown words too
    noise = told_elsewhere.draw_noise(4, seed=1)
    images = told_elsewhere.illustrate(noise, np.concatenate([embeddings, embeddings]))
    assert np.allclose(samples["image"], images, atol=1e-6)
    with pytest.raises(DataError, match=r"must be \(2, 5\).*Received: \(2, 4\)"):
        told_elsewhere.sample(2, texts=["a", "b"], embeddings=embeddings[:, :4])


@pytest.mark.slow
def test_it_draws_the_digit_that_is_asked_for():
    from sklearn.svm import SVC

    from zoo.planning import Asked, build_model, data_of, plan

    request = plan("stackgan", Asked(overrides=["stage=1"], form={"image_size": 16}))
    data = data_of(request, "train")
    x, y = data.read(np.arange(len(data)))
    judge = SVC(C=5.0).fit(x["image"].reshape(len(y), -1), y)
    held_out = load("captioned-digits", split="test", kind="captioned", image_size=16)
    others, labels = held_out.read(np.arange(len(held_out)))
    assert judge.score(others["image"].reshape(len(labels), -1), labels) > 0.97
    model = build_model(request)
    model.compile()
    model.fit(x, y, batch_size=32, epochs=40, verbose=0)
    numbers = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
    samples = model.sample(500, seed=1, texts=[f"the digit {number}" for number in numbers])
    found = judge.predict(samples["image"].reshape(500, -1))
    assert np.mean(found == np.arange(500) % 10) > 0.8
