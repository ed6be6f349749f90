"""The training doctor, on trainings that are made to fail and on ones that go well."""

import dataclasses
import json
import logging
import math
from pathlib import Path

import keras
import numpy as np
import pytest
from keras import layers, ops
from small_runs import small_request
from throwaway import Line, LineConfig

import zoo
from zoo.doctor import Finding, TrainingDoctor, line_of
from zoo.doctor.callback import LEAST_STEPS, SETTLED
from zoo.doctor.samples import SAMPLES, Examiner
from zoo.doctor.terms import WINDOW, Growth, StepValues, is_collapsed_kl, won
from zoo.engine import Player, PlayerModel
from zoo.errors import ConfigError, DataError, RunError
from zoo.losses import bernoulli_nll_nats, gaussian_kl_nats
from zoo.media.report import write_report
from zoo.planning import card_of
from zoo.runs import Run
from zoo.training import train_anew, train_on

SIZE = 8


@pytest.fixture(scope="module")
def digits():
    """Images (1797, 8, 8, 1) and labels (1797,); the last 512 are held out by the tests."""
    from sklearn.datasets import load_digits

    found = load_digits()
    return (found.images / 16).astype("float32")[..., None], found.target


@dataclasses.dataclass(frozen=True, kw_only=True)
class PairConfig:
    """Configuration of `Pair`.

    Args:
        generator_rate: Learning rate of the generator.
        discriminator_rate: Learning rate of the discriminator.
    """

    generator_rate: float = 1e-3
    discriminator_rate: float = 1e-3


@keras.saving.register_keras_serializable(package="doctor")
class Pair(PlayerModel):
    """A non-saturating GAN on small grey images."""

    config_class = PairConfig

    def __init__(self, config, **kwargs):
        super().__init__(config, **kwargs)
        self.generator = keras.Sequential(
            [
                keras.Input((8,)),
                layers.Dense(64, activation="relu"),
                layers.Dense(SIZE * SIZE, activation="sigmoid"),
                layers.Reshape((SIZE, SIZE, 1)),
            ]
        )
        self.discriminator = keras.Sequential(
            [
                keras.Input((SIZE, SIZE, 1)),
                layers.Flatten(),
                layers.Dense(64, activation="relu"),
                layers.Dense(1),
            ]
        )

    def players(self):
        return [
            Player(
                name="discriminator",
                networks=[self.discriminator],
                loss=self.discriminator_loss,
                terms=("discriminator_nats", "real_accuracy", "fake_accuracy"),
                optimizer=lambda: keras.optimizers.Adam(self.config.discriminator_rate),
            ),
            Player(
                name="generator",
                networks=[self.generator],
                loss=self.generator_loss,
                terms=("generator_nats",),
                optimizer=lambda: keras.optimizers.Adam(self.config.generator_rate),
            ),
        ]

    def fakes(self, x, training):
        noise = keras.random.normal((ops.shape(x)[0], 8), seed=self.noise_seed(training))
        return self.generator(noise, training=training)

    def discriminator_loss(self, x, y, training):
        real = self.discriminator(x, training=training)
        fake = self.discriminator(self.fakes(x, training), training=training)
        return {
            "discriminator_nats": ops.mean(ops.softplus(-real) + ops.softplus(fake)),
            "real_accuracy": ops.mean(ops.cast(real > 0, "float32")),
            "fake_accuracy": ops.mean(ops.cast(fake < 0, "float32")),
        }

    def generator_loss(self, x, y, training):
        logits = self.discriminator(self.fakes(x, training), training=training)
        return {"generator_nats": ops.mean(ops.softplus(-logits))}

    def sample(self, count, *, seed=0):
        noise = keras.random.normal((count, 8), seed=seed)
        return ops.convert_to_numpy(self.generator(noise, training=False))


@dataclasses.dataclass(frozen=True, kw_only=True)
class CodeConfig:
    """Configuration of `Code`.

    Args:
        beta: Weight of the KL term.
        inverted: Whether samples come out black for white, as of a mistake in scaling.
    """

    beta: float = 1.0
    inverted: bool = False


@keras.saving.register_keras_serializable(package="doctor")
class Code(PlayerModel):
    """A variational autoencoder of small grey images."""

    config_class = CodeConfig

    def __init__(self, config, **kwargs):
        super().__init__(config, **kwargs)
        self.encoder = keras.Sequential(
            [
                keras.Input((SIZE, SIZE, 1)),
                layers.Flatten(),
                layers.Dense(128, activation="relu"),
                layers.Dense(16),
            ]
        )
        self.decoder = keras.Sequential(
            [
                keras.Input((8,)),
                layers.Dense(128, activation="relu"),
                layers.Dense(SIZE * SIZE),
                layers.Reshape((SIZE, SIZE, 1)),
            ]
        )

    def players(self):
        return [
            Player(
                name="code",
                networks=[self.encoder, self.decoder],
                loss=self.bound,
                terms=("bound_nats", "kl_nats"),
                optimizer=lambda: keras.optimizers.Adam(3e-3),
            )
        ]

    def bound(self, x, y, training):
        mean, log_variance = ops.split(self.encoder(x, training=training), 2, axis=-1)
        noise = keras.random.normal(ops.shape(mean), seed=self.noise_seed(training))
        logits = self.decoder(mean + ops.exp(0.5 * log_variance) * noise, training=training)
        kl = ops.mean(gaussian_kl_nats(mean, log_variance))
        nll = ops.mean(bernoulli_nll_nats(x, logits))
        return {"bound_nats": nll + self.config.beta * kl, "kl_nats": kl}

    def sample(self, count, *, seed=0):
        latents = keras.random.normal((count, 8), seed=seed)
        images = ops.convert_to_numpy(ops.sigmoid(self.decoder(latents, training=False)))
        return 1 - images if self.config.inverted else images


@keras.saving.register_keras_serializable(package="doctor")
class Steep(Line):
    """Least squares by descent whose steps are too long, and so twice as wrong after each."""

    def players(self):
        def loss(x, y, training):
            return {"squares": ops.mean(ops.square(self.line(x, training=training) - 1))}

        return [
            Player(
                name="line",
                networks=[self.line],
                loss=loss,
                terms=("squares",),
                optimizer=lambda: keras.optimizers.SGD(1.5),
            )
        ]


def trained(model, images, epochs, doctor, batch_size=64):
    keras.utils.set_random_seed(0)
    model.compile()
    model.fit(images, batch_size=batch_size, epochs=epochs, verbose=0, callbacks=[doctor])
    return model


def symptoms(doctor):
    return [finding.symptom for finding in doctor.findings]


@pytest.fixture(scope="module")
def healthy(digits):
    """A VAE that trained well, and the doctor who watched."""
    doctor = TrainingDoctor(digits[0][-512:])
    keras.utils.set_random_seed(0)
    return trained(Code(CodeConfig()), digits[0][:-512], 25, doctor), doctor


# Trainings that fail, and ones that go well.


@pytest.mark.backends
def test_a_discriminator_whose_generator_stands_still_has_won(digits, capsys):
    keras.utils.set_random_seed(0)
    doctor = TrainingDoctor()
    trained(Pair(PairConfig(generator_rate=1e-12)), digits[0], 9, doctor)
    [finding] = doctor.findings
    assert finding.symptom == "the discriminator has won"
    assert "100.0% of the real and 100.0% of the fake" in finding.message
    assert "learning rate" in finding.suggestion
    assert finding.step >= LEAST_STEPS
    assert finding.step % 29 == 0  # said at the end of an epoch
    assert capsys.readouterr().out == f"{line_of(finding)}\n"


def test_a_discriminator_that_stands_still_has_lost_and_the_generator_makes_one_image(digits):
    keras.utils.set_random_seed(0)
    doctor = TrainingDoctor(digits[0][-512:])
    model = Pair(PairConfig(discriminator_rate=1e-12, generator_rate=1e-2))
    images = np.tile(digits[0][:-512], (4, 1, 1, 1))
    trained(model, images, 14, doctor, batch_size=32)
    assert sorted(symptoms(doctor)) == ["samples have collapsed", "the generator has won"]
    samples = model.sample(SAMPLES)
    assert samples.std(axis=0).max() < 0.05  # it is so


@pytest.mark.backends
def test_a_kl_with_a_heavy_weight_has_collapsed(digits):
    keras.utils.set_random_seed(0)
    doctor = TrainingDoctor(on_finding=lambda finding: None)
    trained(Code(CodeConfig(beta=100)), digits[0], 15, doctor)
    [finding] = doctor.findings
    assert finding.symptom == "KL has collapsed"
    assert "'kl_nats' is" in finding.message
    assert "beta" in finding.suggestion


def test_a_vae_that_trains_well_gives_no_finding(healthy):
    model, doctor = healthy
    assert doctor.step == 25 * 21
    assert doctor.findings == []
    assert model.get_metrics_result()["kl_nats"] > 2


def test_a_gan_that_trains_well_gives_no_finding(digits):
    keras.utils.set_random_seed(0)
    doctor = TrainingDoctor(digits[0][-512:])
    model = trained(Pair(PairConfig(discriminator_rate=3e-4)), digits[0][:-512], 25, doctor)
    assert sum(float(model.get_metrics_result()[f"{n}_accuracy"]) for n in ("real", "fake")) > 1.0
    assert doctor.findings == []


def test_samples_that_come_out_inverted_are_found_and_not_called_collapsed(digits):
    keras.utils.set_random_seed(0)
    doctor = TrainingDoctor(digits[0][-512:])
    trained(Code(CodeConfig(inverted=True)), digits[0][:-512], 25, doctor)
    [finding] = doctor.findings
    assert finding.symptom == "channels are inverted"
    assert "in channel 0 of 1" in finding.message


def test_steps_that_are_too_long_are_found_before_they_overflow():
    values = []
    doctor = TrainingDoctor()
    watch = keras.callbacks.LambdaCallback(
        on_train_batch_end=lambda batch, logs: values.append(logs["squares"])
    )
    model = Steep(LineConfig())
    model.compile()
    images = np.ones((400, 3), "float32")
    model.fit(images, batch_size=1, verbose=0, callbacks=[doctor, watch])
    finding = doctor.findings[0]
    assert finding.symptom == "a term is about to overflow"
    assert "'squares'" in finding.message
    first_infinite = next(i for i, value in enumerate(values, 1) if not math.isfinite(value))
    assert finding.step < first_infinite
    assert len(doctor.findings) == 1  # once, though it goes on


def test_watching_changes_no_bit_of_the_training(digits, healthy):
    model, _ = healthy
    keras.utils.set_random_seed(0)
    other = Code(CodeConfig())
    keras.utils.set_random_seed(0)
    other.compile()
    other.fit(digits[0][:-512], batch_size=64, epochs=25, verbose=0)
    for one, two in zip(model.variables, other.variables, strict=True):
        assert np.array_equal(ops.convert_to_numpy(one), ops.convert_to_numpy(two))


# Each symptom by itself.


@pytest.mark.parametrize(
    ("real", "fake", "winner"),
    [
        (1.0, 1.0, "the discriminator has won"),
        (1.0, 0.9, None),
        (0.5, 0.5, None),  # where the theory ends
        (0.7, 0.4, None),
        (0.98, 0.02, "the generator has won"),  # takes everything for real
        (0.02, 0.98, "the generator has won"),  # takes everything for fake
        (0.3, 0.3, "the generator has won"),
    ],
)
def test_who_has_won_is_told_by_both_shares(real, fake, winner):
    assert won(real, fake) == winner


def test_kl_is_judged_in_nats_and_by_its_peak():
    assert is_collapsed_kl(0.05, 0.05)
    assert not is_collapsed_kl(0.2, 5.0)
    assert is_collapsed_kl(0.2, 50.0)
    assert not is_collapsed_kl(5.0, 1e6)  # a tall start, and a code that is used


def test_each_symptom_is_told_once_until_it_has_gone_and_come_back():
    told: list[Finding] = []
    doctor = TrainingDoctor(patience=2, on_finding=told.append)
    steps = iter(range(LEAST_STEPS, 100 * LEAST_STEPS, LEAST_STEPS))
    for share in (1.0, 1.0, 1.0, 1.0, 0.8, 1.0, 1.0):
        doctor.check_step(next(steps), 0, {})
        doctor.check_epoch({"real_accuracy": share, "fake_accuracy": share})
    assert [finding.step // LEAST_STEPS for finding in told] == [2, 7]


def test_nothing_is_said_of_a_young_training():
    doctor = TrainingDoctor()
    for epoch in range(10):
        doctor.check_step(epoch + 1, 0, {})
        doctor.check_epoch({"real_accuracy": 1.0, "fake_accuracy": 1.0, "kl_nats": 0.01})
    assert doctor.findings == []


def test_the_prior_term_of_a_diffusion_model_may_be_near_zero():
    doctor = TrainingDoctor(patience=1)
    doctor.check_step(LEAST_STEPS, 0, {})
    doctor.check_epoch({"prior_kl_nats": 1e-6})
    assert doctor.findings == []


def test_a_term_that_grows_from_nothing_or_is_large_throughout_is_no_danger():
    growing, large = Growth("float32"), Growth("float16")
    for step in range(200):
        assert growing.problem(1e-6 * 1.1**step) is None  # to 190
        assert large.problem(8000 + 100 * math.sin(step)) is None  # a sum over many pixels


def test_growth_is_told_by_windows_by_the_median_and_by_the_largest_number():
    growth = Growth("float32")
    problems = [growth.problem(10.0 ** (step // WINDOW)) for step in range(4 * WINDOW)]
    assert not any(problems[:-1])
    assert problems[-1] == "it grew tenfold every 10 steps: 1, 10, 100, 1e+03"
    growth = Growth("float32")
    assert not any(growth.problem(5.0) for _ in range(WINDOW))
    assert growth.problem(-6e6) == "it is -6e+06, and was 5 in the median so far"
    growth = Growth("float16")
    assert not any(growth.problem(5.0) for _ in range(WINDOW))
    assert growth.problem(4000.0) is None
    assert growth.problem(5000.0) == "it is 5e+03; 6.55e+04 is the largest finite number"
    assert Growth("float32").problem(1e38) is not None
    assert Growth("bfloat16").problem(float("nan")) == "it is nan"


def test_the_values_of_steps_come_back_from_running_means():
    values = np.random.default_rng(0).normal(size=20)
    steps = StepValues()
    for batch in range(20):
        taken = steps.take(batch, {"a": values[: batch + 1].mean()})
        assert taken["a"] == pytest.approx(values[batch])
    assert steps.take(4, {"a": 7.0})["a"] == 7.0  # another epoch; five steps in one call


class Foreign(keras.Model):
    """A model that is not of the zoo: its step logs each example, and the mean of a metric."""

    def __init__(self):
        super().__init__()
        self.tracker = keras.metrics.Mean(name="mean")

    @property
    def metrics(self):
        return [self.tracker]

    def call(self, x):
        return x

    def train_step(self, *args):
        *state, data = args  # JAX hands the state of its variables over, and takes it back
        value = ops.mean(keras.utils.unpack_x_y_sample_weight(data)[0])
        if not state:
            self.tracker.update_state(value)
            return {"value": value, "mean": self.tracker.result()}
        variables = self.tracker.stateless_update_state(state[0][3], value)
        logs = {"value": value, "mean": self.tracker.stateless_result(variables)}
        return logs, (*state[0][:3], variables)


@pytest.mark.backends
@pytest.mark.parametrize(("last", "named"), [(2000.0, set()), (3e7, {"value", "mean"})])
def test_of_a_strangers_model_step_values_and_running_means_are_told_apart(last, named):
    usual = [1.4] * 2000
    values = np.array([*usual, last, *usual[:20]], "float32")
    found = []
    doctor = TrainingDoctor(on_finding=found.append)
    model = Foreign()
    model.compile()
    model.fit(values[:, None], batch_size=1, shuffle=False, callbacks=[doctor], verbose=0)
    assert {finding.message.split("'")[1] for finding in found} == named
    assert {finding.step for finding in found} <= {len(usual) + 1}


@pytest.fixture(scope="module")
def examiner(digits):
    return Examiner(digits[0][-512:])


@pytest.mark.parametrize(
    ("chosen", "is_collapsed"),
    [
        (range(10), False),
        *(((digit,), True) for digit in range(10)),
        ((3, 8), True),
        ((0, 1), True),
    ],
    ids=str,
)
def test_real_digits_of_one_or_two_classes_count_as_collapsed(
    digits, examiner, chosen, is_collapsed
):
    images, labels = digits[0][:-512], digits[1][:-512]
    found = np.flatnonzero(np.isin(labels, list(chosen)))
    for seed in range(5):
        some = np.random.default_rng(seed).choice(found, SAMPLES, replace=False)
        assert examiner.look(images[some]).is_collapsed == is_collapsed


def test_one_image_is_a_collapse_and_noise_and_dim_images_are_not(digits, examiner):
    generator = np.random.default_rng(0)
    some = digits[0][:SAMPLES]
    jitter = 0.02 * generator.normal(size=some.shape)
    assert examiner.look(np.repeat(some[:1], SAMPLES, axis=0)).diversity < 0.01
    assert examiner.look(some[:1] + jitter).is_collapsed
    assert examiner.look(np.zeros_like(some)).is_collapsed
    assert not examiner.look(0.5 + jitter).is_collapsed  # a generator that has yet to learn
    assert not examiner.look(generator.random(some.shape)).is_collapsed
    assert not examiner.look(0.5 * some).is_collapsed


def test_effective_modes_are_the_exponential_of_the_entropy(digits):
    """Four far images, each many times over: the k-means of so few is known."""
    four = np.zeros((4, 8, 8, 1), "float32")
    for number, (row, column) in enumerate([(0, 0), (0, 4), (4, 0), (4, 4)]):
        four[number, row : row + 4, column : column + 4] = 1
    examiner = Examiner(np.repeat(four, 64, axis=0))
    shares = np.array([1 / 2, 1 / 4, 1 / 4])
    samples = np.repeat(four[:3], [32, 16, 16], axis=0)
    assert examiner.look(samples).modes == pytest.approx(np.exp(-shares @ np.log(shares)), rel=1e-5)
    assert examiner.real_modes == pytest.approx(4, rel=0.03)


def test_channels_that_are_inverted_or_exchanged_are_named():
    generator = np.random.default_rng(0)
    level = np.array([0.8, 0.5, 0.1]) + np.zeros((8, 8, 1))
    level[2:6, 2:6, 1] = 0.9
    images = np.clip(level + 0.1 * generator.normal(size=(600, 8, 8, 3)), 0, 1).astype("float32")
    examiner, samples = Examiner(images[:512]), images[512:576]
    no_red = samples.copy()
    no_red[..., 0] = 1 - no_red[..., 0]
    assert examiner.look(samples).channels is None
    assert examiner.look(samples * [0.8, 1, 1]).channels is None  # a tint
    assert examiner.look(1 - samples).channels == ((0, True), (1, True), (2, True))
    assert examiner.look(no_red).channels == ((0, True), (1, False), (2, False))
    assert examiner.look(samples[..., ::-1]).channels == ((2, False), (1, False), (0, False))
    doctor = TrainingDoctor(images[:512], on_finding=lambda finding: None)
    doctor.check_step(LEAST_STEPS, 0, {})
    doctor.check_samples(samples[..., ::-1])
    assert doctor.findings == []  # one look is not enough
    doctor.check_samples(samples[..., ::-1])
    assert symptoms(doctor) == ["colour channels are exchanged"]
    assert "channel 0 looks like 2, 2 looks like 0" in doctor.findings[0].message


def test_samples_that_become_more_varied_are_on_their_way(digits):
    some = np.repeat(digits[0][:4], SAMPLES // 4, axis=0)
    one = np.repeat(digits[0][:1], SAMPLES, axis=0)
    for course, count in (((one, some), 0), ((some, some), 1), ((some, digits[0]), 0)):
        doctor = TrainingDoctor(digits[0][-512:], on_finding=lambda finding: None)
        for turn, samples in enumerate(course, start=1):
            doctor.check_step(turn * SETTLED, 0, {})
            doctor.check_samples(samples)
        assert len(doctor.findings) == count


def test_a_collapse_is_told_soon_after_varied_samples_and_late_in_a_young_training(digits):
    few, many = np.repeat(digits[0][:4], SAMPLES // 4, axis=0), digits[0][:SAMPLES]
    noise = np.random.default_rng(0).random(many.shape)
    for first, told_at in ((many, 12), (noise, 20), (few, 20)):
        doctor = TrainingDoctor(digits[0][-512:], on_finding=lambda finding: None)
        for turn in range(10, 25):
            doctor.check_step(turn * LEAST_STEPS, 0, {})
            doctor.check_samples(first if turn == 10 else few)
        [finding] = doctor.findings
        assert finding.step // LEAST_STEPS == (22 if first is noise else told_at)


# It breaks nothing.


def test_samples_that_cannot_be_compared_are_passed_over(digits, examiner):
    broken = np.full((SAMPLES, 8, 8, 1), np.nan, "float32")
    assert examiner.look(broken) is None
    broken[: SAMPLES // 2 + 8] = digits[0][: SAMPLES // 2 + 8]
    assert not examiner.look(broken).is_collapsed  # the finite ones are enough
    assert examiner.look(np.zeros((SAMPLES, 9, 9, 1))) is None
    assert examiner.look(np.zeros((SAMPLES, 3))) is None
    assert Examiner(np.ones((200, 8, 8, 1))).look(broken) is None  # examples that are all alike


@pytest.mark.parametrize("examples", [None, np.zeros((300, 5)), np.zeros((20, 8, 8, 1))])
def test_without_images_to_compare_with_samples_are_not_looked_at(examples):
    doctor = TrainingDoctor(examples)
    doctor.check_step(LEAST_STEPS, 0, {})
    doctor.check_samples(np.zeros((SAMPLES, 8, 8, 1)))
    doctor.check_samples(np.zeros((SAMPLES, 8, 8, 1)))
    assert doctor.findings == []


def test_examples_on_another_scale_and_no_patience_are_refused_before_training():
    with pytest.raises(DataError, match=r"in \[0, 1\]\. Received: values from 0 to 255\. Scale"):
        TrainingDoctor(np.tile(np.array([0, 255], np.uint8)[:, None, None, None], (64, 8, 8, 1)))
    with pytest.raises(ConfigError, match="at least 1 epoch"):
        TrainingDoctor(patience=0)


def test_any_keras_model_can_be_watched_even_if_it_cannot_be_sampled(digits, caplog):
    model = keras.Sequential([keras.Input((8, 8, 1)), layers.Flatten(), layers.Dense(1)])
    model.compile(loss="mse", optimizer="sgd")
    doctor = TrainingDoctor(digits[0])
    with caplog.at_level(logging.WARNING):
        model.fit(digits[0][:64], np.ones((64, 1)), epochs=2, verbose=0, callbacks=[doctor])
    assert doctor.findings == []
    assert doctor.step == 4
    [record] = caplog.records  # said once
    assert "looks at no samples: AttributeError" in record.getMessage()


# In `zoo train`.


def test_a_run_keeps_its_findings_and_shows_them(tmp_path, capsys):
    request = small_request(overrides=("beta=10000",), batch_size=64, epochs=14)
    run = train_anew(request, tmp_path / "run")
    [finding] = [Finding(**record) for record in run.findings()]
    assert finding.symptom == "KL has collapsed"
    assert line_of(finding) in capsys.readouterr().out
    page = run.report_path.read_text()
    assert "<h2>Doctor</h2>" in page
    assert "The latent vector is not used." in page
    run.rewind_metrics(finding.step - 1)
    assert run.findings() == []


def test_a_run_without_findings_says_so(tmp_path, capsys):
    run = train_anew(small_request(), tmp_path / "run")
    assert not run.findings_path.exists()
    assert "Nothing was found." in run.report_path.read_text()
    assert "doctor" not in capsys.readouterr().out
    longer = dataclasses.replace(run.request, epochs=2)
    assert train_on(run, longer).findings() == []


def test_findings_that_zoo_train_did_not_write_are_refused(tmp_path):
    run = train_anew(small_request(), tmp_path / "run", progress=False)
    run.findings_path.write_text(json.dumps({"step": 3, "symptom": "odd"}) + "\n")
    with pytest.raises(RunError, match=r"Record 1 of .*findings.jsonl.* no message, suggestion"):
        write_report(Run.open(run.path), card_of(run.request))


def test_the_script_of_its_page_runs(capsys):
    page = (Path(zoo.__file__).parent.parent / "docs" / "doctor.md").read_text(encoding="utf-8")
    script = page.partition("```python\n")[2].partition("```")[0]
    scope: dict = {}
    exec(compile(script, "docs/doctor.md", "exec"), scope)  # noqa: S102
    assert isinstance(scope["doctor"], TrainingDoctor)
    assert scope["doctor"].step == 20 * 8
    assert capsys.readouterr().out == ""
