"""WaveNet is what its paper says: mu-law, receptive field, gates, conditions, queues."""

import keras
import numpy as np
import pytest
from keras import ops
from zoo_wavenet import WaveNet, WaveNetConfig
from zoo_wavenet.frames import log_mel
from zoo_wavenet.mulaw import decoded_levels, encode

from zoo.commands import run
from zoo.completion import Given, complete_run
from zoo.data.sound_files import read_sound
from zoo.errors import ConfigError, DataError
from zoo.planning import open_run
from zoo.protocols import Completes, Conditional, HasLikelihood
from zoo.testing.replay import replay_logits
from zoo.training import load_model

SMALL = {
    "length": 40,
    "sample_rate_hz": 8000,
    "levels": 16,
    "dilations": 3,
    "stacks": 1,
    "residual_channels": 4,
    "dilation_channels": 3,
    "skip_channels": 5,
    "head_channels": 6,
    "loss_from": "start",
}


def array(values):
    return np.asarray(ops.convert_to_numpy(values))


def wavenet(seed=0, **config):
    """Return a small model all of whose weights are drawn, biases too."""
    keras.utils.set_random_seed(seed)
    model = WaveNet(WaveNetConfig(**{**SMALL, **config}))
    rng = np.random.default_rng(seed)
    for variable in model.trainable_variables:
        variable.assign(rng.normal(0, 0.5, variable.shape).astype("float32"))
    return model


def sounds(count, length=40, seed=0):
    return np.random.default_rng(seed).uniform(-1, 1, (count, length)).astype("float32")


def codes_of(model, x):
    return array(model.codes(ops.convert_to_tensor(x)))


def predict(model, codes, labels=None):
    """Return the logits of codes, told their labels and their own frames."""
    codes = ops.convert_to_tensor(codes)
    labels = None if labels is None else ops.convert_to_tensor(labels)
    return array(model.logits(codes, model.told_of(codes, labels), False))


# The mu-law.


@pytest.mark.backends
def test_codes_follow_the_mu_law():
    x = np.linspace(-1, 1, 2001)
    compressed = np.sign(x) * np.log(1 + 255 * np.abs(x)) / np.log(256)
    position = (compressed + 1) / 2 * 255  # in float64; codes may differ where it is a half
    codes = array(encode(ops.convert_to_tensor(x.astype("float32")), 256))
    assert codes.dtype == np.int32
    assert np.all(np.abs(codes - position) <= 0.5 + 1e-3)
    assert (codes[0], codes[-1]) == (0, 255)


def test_decoded_levels_invert_the_mu_law():
    # 16 of 256 levels up from the middle: (256^(31/255) - 1) / 255.
    assert decoded_levels(256)[143] == pytest.approx((256 ** (31 / 255) - 1) / 255, rel=1e-5)
    assert decoded_levels(256)[[0, -1]] == pytest.approx([-1, 1])
    steps = np.diff(decoded_levels(256))
    assert np.argmin(steps) == 127
    assert np.all(np.diff(steps[128:]) > 0)  # the louder, the coarser


@pytest.mark.backends
@pytest.mark.parametrize("levels", [3, 16, 255, 256, 65_536])
def test_every_code_decodes_to_a_sample_that_encodes_to_it(levels):
    codes = array(encode(ops.convert_to_tensor(decoded_levels(levels)), levels))
    assert np.array_equal(codes, np.arange(levels))


def test_samples_beyond_full_scale_take_the_outer_levels():
    assert array(encode(ops.convert_to_tensor([-3.0, 3.0]), 256)).tolist() == [0, 255]


# The network.


def naive_logits(model, codes, label):
    """Two layers, in plain loops over samples; codes (T,), returns (T, K)."""
    network, width = model.network, model.config.filter_width

    def at(features, t):
        return features[t] if t >= 0 else np.zeros_like(features[0])

    kernel, bias = array(network.first.kernel), array(network.first.bias)
    one_hot = np.eye(model.levels)[codes]
    features = [
        bias + sum(at(one_hot, t - 1 - tap) @ kernel[tap] for tap in range(width))
        for t in range(len(codes))
    ]
    summed = np.zeros((len(codes), model.config.skip_channels)) + array(network.skip.bias)
    skips = np.split(array(network.skip.kernel), len(network.stack))
    for layer, skip in zip(network.stack, skips, strict=True):
        taps = np.split(array(layer.kernel), width)
        total = array(layer.bias) + array(layer.label_kernel)[label]
        after = []
        for t in range(len(codes)):
            hidden = total + sum(
                at(features, t - (width - 1 - number) * layer.dilation) @ tap
                for number, tap in enumerate(taps)
            )
            a, b = np.split(hidden, 2)
            gated = np.tanh(a) / (1 + np.exp(-b))
            summed[t] += gated @ skip
            if not layer.is_last:
                onward = gated @ array(layer.residual.kernel) + array(layer.residual.bias)
                after.append(features[t] + onward)
        features = after
    hidden = np.maximum(summed, 0) @ array(network.head.kernel) + array(network.head.bias)
    return np.maximum(hidden, 0) @ array(network.last.kernel) + array(network.last.bias)


@pytest.mark.backends
@pytest.mark.parametrize("width", [2, 3])
def test_two_layers_are_what_plain_loops_compute(width):
    model = wavenet(dilations=2, filter_width=width, class_conditional=True, class_count=3)
    codes = codes_of(model, sounds(2))
    logits = predict(model, codes, np.array([2, 0], "int32"))
    for row, label in ((0, 2), (1, 0)):
        expected = naive_logits(model, codes[row, :, 0], label)
        assert np.allclose(logits[row, :, 0], expected, atol=1e-5)


@pytest.mark.backends
@pytest.mark.parametrize(
    ("width", "stacks", "field"),
    # 1 + (w - 1) (1 + stacks (1 + 2 + 4))
    [(2, 1, 9), (2, 2, 16), (3, 1, 17)],
)
def test_a_sample_bears_on_as_many_after_it_as_the_receptive_field_says(width, stacks, field):
    model = wavenet(filter_width=width, stacks=stacks)
    assert model.config.receptive_field == field
    for layer in (model.network.skip, model.network.head):
        layer.bias.assign(layer.bias + 10)  # no ReLU hides a change
    codes = codes_of(model, sounds(1))
    other = codes.copy()
    place = 10
    other[0, place] = (other[0, place] + 8) % 16
    difference = np.abs(predict(model, codes) - predict(model, other)).max(axis=(0, 2, 3))
    changed = np.flatnonzero(difference > 0)
    # The taps of these widths leave no sample in reach out.
    assert changed.tolist() == list(range(place + 1, place + 1 + field))


def test_the_defaults_dilations_are_the_papers():
    config = WaveNetConfig()
    assert config.layer_dilations == (1, 2, 4, 8, 16, 32, 64, 128, 256, 512) * 3
    assert config.levels == 256
    assert config.filter_width == 2
    assert config.receptive_field == 2 + 3 * 1023


def test_weights_are_those_of_the_public_network_but_for_what_is_named():
    model = WaveNet(
        WaveNetConfig(
            residual_channels=32, dilation_channels=32, skip_channels=1024, head_channels=512
        )
    )
    # One whose first layer is 1x1, whose skip biases are apart and whose last layer has a way on.
    public, more_taps, merged, no_way_on = 1_834_592, 256 * 32, 29 * 1024, 32 * 32 + 32
    assert model.count_params() == public + more_taps - merged - no_way_on


# The loss.


def test_the_loss_counts_samples_past_the_receptive_field_alone():
    x, started = sounds(3), wavenet()
    nats = array(started.element_nats(ops.convert_to_tensor(x), None))[..., 0]
    past = wavenet(loss_from="receptive-field").nll(ops.convert_to_tensor(x), None, False)
    field = started.config.receptive_field
    assert float(past["nll_nats"]) == pytest.approx(nats[:, field:].sum(1).mean(), rel=1e-5)
    bits = nats[:, field:].mean() / np.log(2)
    assert float(past["nll_bits_per_dim"]) == pytest.approx(bits, rel=1e-5)
    all_terms = started.nll(ops.convert_to_tensor(x), None, False)
    assert float(all_terms["nll_nats"]) == pytest.approx(nats.sum(1).mean(), rel=1e-5)
    assert started.log_likelihood(x) == pytest.approx(-nats.sum(1), rel=1e-5)


@pytest.mark.backends
def test_a_sample_that_is_no_number_makes_the_loss_none():
    model = wavenet()
    model.compile()
    x = sounds(3)
    assert np.isfinite(float(array(model.train_on_batch(x)[0])))
    x[1, 20] = np.nan
    assert np.isnan(float(array(model.train_on_batch(x)[0])))


def test_samples_beyond_full_scale_are_refused():
    model, x = wavenet(), np.full((1, 40), 5.0, "float32")
    for use in (model.log_likelihood, lambda x: model.complete(x, np.ones(x.shape, bool))):
        with pytest.raises(DataError, match=r"must lie between -1 and 1\. Received: from 5 to 5"):
            use(x)


def test_probabilities_of_all_short_sounds_add_up_to_one():
    model = wavenet(length=3, levels=4)
    codes = np.stack(np.meshgrid(*[np.arange(4)] * 3, indexing="ij"), -1).reshape(-1, 3, 1)
    assert np.exp(model.log_likelihood(model.values(codes))).sum() == pytest.approx(1, rel=1e-4)


# Making sounds.


@pytest.mark.backends
@pytest.mark.parametrize(
    "config",
    [
        {"stacks": 2},
        {"filter_width": 3},
        {"class_conditional": True, "class_count": 3},
        {"local_channels": 3, "frame_length": 6},
    ],
)
def test_queues_predict_what_the_whole_network_does(config):
    model = wavenet(**config)
    x = sounds(3)
    labels = np.array([2, 0, 1], "int32") if model.takes_labels else None
    logits = predict(model, codes_of(model, x), labels)
    assert np.allclose(replay_logits(model, x, labels), logits, atol=1e-5)


@pytest.mark.backends
def test_a_sound_is_what_drawing_from_the_whole_network_gives():
    model = wavenet()
    made = codes_of(model, model.sample(2, seed=3))
    codes = np.zeros((2, 40, 1), "int32")
    uniforms = np.random.default_rng(3).random((2, 40, 1), "float32")
    for t in range(40):
        logits = predict(model, codes)[:, t, 0].astype("float64")
        cumulated = np.cumsum(np.exp(logits) / np.exp(logits).sum(1, keepdims=True), axis=1)
        codes[:, t, 0] = (uniforms[:, t] >= cumulated[:, :-1]).sum(1)
    assert np.array_equal(made, codes)


@pytest.mark.backends
def test_priming_with_a_sound_equals_teacher_forcing():
    model = wavenet()
    x = model.values(codes_of(model, sounds(2)))
    known = np.broadcast_to(np.arange(40) < 25, x.shape)
    made = model.complete(x, known, temperature=0)
    assert np.array_equal(made[:, :25], x[:, :25])
    # Temperature 0 takes the level that the network, shown all before it, finds most likely.
    codes = codes_of(model, made)
    best = predict(model, codes)[:, :, 0].argmax(-1)
    assert np.array_equal(codes[:, 25:, 0], best[:, 25:])


def test_it_does_what_the_commands_ask_for():
    model = wavenet(class_conditional=True, class_count=3)
    for protocol in (HasLikelihood, Completes, Conditional):
        assert isinstance(model, protocol)
    assert model.likelihood_kind == "exact"


# Conditions.


def test_the_label_enters_filter_and_gate_of_every_layer():
    model = wavenet(class_conditional=True, class_count=3)
    codes, labels = codes_of(model, sounds(1)), np.array([1], "int32")
    before = predict(model, codes, labels)
    for layer in model.network.stack:
        assert tuple(layer.label_kernel.shape) == (3, 2 * 3)  # labels; filter and gate
        kept = array(layer.label_kernel)
        for half in (slice(0, 3), slice(3, 6)):
            other = kept.copy()
            other[1, half] += 1
            layer.label_kernel.assign(other)
            assert not np.allclose(predict(model, codes, labels), before)
        layer.label_kernel.assign(kept)


@pytest.mark.backends
def test_the_energy_of_a_tone_stands_in_its_band_and_its_frames():
    rate, frame = 8000, 80
    tone = 0.8 * np.sin(2 * np.pi * 1000 * np.arange(1600) / rate)
    tone[:800] = 0
    frames = array(log_mel(ops.convert_to_tensor(tone[None].astype("float32")), frame, 10, rate))
    assert frames.shape == (1, 20, 10)
    assert np.allclose(frames[0, :8], -1, atol=1e-4)  # windows reach one and a half frames on
    assert np.all(frames[0, 12:18].argmax(1) == frames[0, 12:18].mean(0).argmax())
    # 1000 Hz are 1000 mel, and bands are 2146 / 11 apart: the fifth.
    assert frames[0, 15].argmax() == 4
    assert frames[0, 15, 4] - frames[0, 15, 9] > 0.5


@pytest.mark.backends
def test_energies_are_what_numpy_computes():
    x = sounds(1, 100)
    frames = array(log_mel(ops.convert_to_tensor(x), 20, 4, 8000))
    padded = np.concatenate([np.zeros(30), x[0], np.zeros(30)])
    window = np.hanning(81)[:-1]
    corners = 700 * (10 ** (np.linspace(0, 2595 * np.log10(1 + 4000 / 700), 6) / 2595) - 1)
    frequencies = np.arange(41) * 100.0
    for number in range(5):
        spectrum = np.fft.rfft(window * padded[20 * number : 20 * number + 80])
        power = np.abs(spectrum) ** 2 / (np.sum(window**2) * 40)
        for band in range(4):
            triangle = np.interp(frequencies, corners[band : band + 3], [0, 1, 0], 0, 0)
            expected = np.log(power @ triangle + 1e-6) / 6.9077553 + 1
            assert frames[0, number, band] == pytest.approx(expected, abs=2e-3)


def test_upsampling_starts_as_interpolation_between_the_middles_of_frames():
    keras.utils.set_random_seed(0)
    model = WaveNet(WaveNetConfig(**{**SMALL, "local_channels": 2, "frame_length": 6}))
    frames = np.random.default_rng(0).normal(size=(1, 7, 2)).astype("float32")
    samples = array(model.network.upsampling(ops.convert_to_tensor(frames)))
    assert samples.shape == (1, 40, 2)
    middles = 6 * np.arange(7) + 2.5
    for channel in range(2):  # before the first middle and after the last, as at them
        expected = np.interp(np.arange(40), middles, frames[0, :, channel])
        assert np.allclose(samples[0, :, channel], expected, atol=1e-5)


@pytest.mark.backends
def test_sounds_are_made_after_the_frames_that_are_given():
    model = wavenet(local_channels=3, frame_length=6)
    guide = sounds(2, seed=4)
    frames = model.frames(guide)
    assert frames.shape == (2, 7, 3)
    made = model.sample(2, seed=1, frames=frames)
    assert np.array_equal(made, model.sample(2, seed=1, frames=frames))
    assert not np.array_equal(made, model.sample(2, seed=1, frames=frames[::-1]))
    # Frames are those of the sound in the model's levels, so that training saw the same.
    assert np.allclose(frames, model.frames(model.values(codes_of(model, guide))), atol=1e-6)


def test_training_tells_the_network_each_sounds_own_frames():
    model = wavenet(local_channels=3, frame_length=6)
    x = sounds(2)
    codes = codes_of(model, x)
    told = {"labels": None, "frames": ops.convert_to_tensor(model.frames(x))}
    logits = array(model.logits(ops.convert_to_tensor(codes), told, False))
    logits = logits[:, :, 0].astype("float64")
    chosen = np.take_along_axis(logits, codes, axis=-1)[..., 0]
    expected = (chosen - np.log(np.exp(logits).sum(-1))).sum(1)
    assert model.log_likelihood(x) == pytest.approx(expected, rel=1e-5)


@pytest.mark.backends
def test_a_likelihood_and_a_training_are_of_sounds_of_any_length():
    model = wavenet(class_conditional=True, class_count=3)
    x, labels = sounds(4), np.array([0, 1, 2, 0], "int32")
    whole = model.log_likelihood(x, labels)
    codes = codes_of(model, x)
    for length in (20, 1):
        logits = predict(model, codes[:, :length], labels)[:, :, 0].astype("float64")
        chosen = np.take_along_axis(logits, codes[:, :length], axis=-1)[..., 0]
        expected = (chosen - np.log(np.exp(logits).sum(-1))).sum(1)
        assert model.log_likelihood(x[:, :length], labels) == pytest.approx(expected, rel=1e-4)
    assert model.log_likelihood(x, labels) == pytest.approx(whole, rel=1e-6)
    model.compile()
    for length in (40, 30, 20):
        history = model.fit(x[:, :length], labels, batch_size=4, verbose=0).history
        bits = history["nll_nats"][0] / length / np.log(2)
        assert history["nll_bits_per_dim"][0] == pytest.approx(bits, rel=1e-5)


def test_sounds_no_longer_than_the_receptive_field_are_refused_where_training_begins_past_it():
    model = wavenet(loss_from="receptive-field")
    field = model.config.receptive_field
    model.compile()
    with pytest.raises(DataError, match=f"receptive field of {field} samples.* {field} samples"):
        model.train_on_batch(sounds(2, length=field))
    model.train_on_batch(sounds(2, length=field + 1))


def test_a_model_that_follows_a_signal_has_sounds_of_one_length():
    model = wavenet(local_channels=3, frame_length=6)
    model.compile()
    x = sounds(2, length=80)
    for use in (
        model.log_likelihood,
        lambda x: model.complete(x, np.ones(x.shape, bool)),
        model.train_on_batch,
    ):
        with pytest.raises(DataError, match=r"must have the shape \(40,\)\. Received: \(80,\)"):
            use(x)


@pytest.mark.backends
def test_a_sound_of_a_class_follows_the_last_one_of_its_class():
    model = wavenet(local_channels=3, frame_length=6, class_conditional=True, class_count=3)
    model.compile()
    x, labels = sounds(6), np.array([0, 2, 0, 0, 2, 0], "int32")
    frames = model.frames(x)
    before = array(model.guides)
    model.train_on_batch(x, labels)
    guides = array(model.guides)
    assert np.allclose(guides[[0, 2]], frames[[5, 4]], atol=1e-5)
    assert np.array_equal(guides[1], before[1])  # there was none
    wanted = np.array([2, 0, 0], "int32")
    told = model.sample(3, labels=wanted, frames=guides[wanted])
    assert np.array_equal(model.sample(3, labels=wanted), told)


def test_a_sound_is_completed_after_its_own_signal_as_far_as_it_is_known():
    model = wavenet(local_channels=3, frame_length=6)
    model.guides.assign(np.random.default_rng(1).normal(size=model.guides.shape))
    guides = array(model.guides)
    x, known = sounds(3), np.broadcast_to(np.arange(40) < 25, (3, 40))
    own = model.frames(x)
    # Windows of 24 samples from 9 before a frame of 6: the second ends at 21, the third at 27.
    expected = np.concatenate([own[:, :2], guides[:3, 2:]], axis=1)
    assert np.allclose(model.frames(x, known), expected, atol=1e-6)
    made = model.complete(x, known, seed=5)
    assert np.array_equal(made, model.complete(x, known, seed=5, frames=expected))
    assert not np.array_equal(made, model.complete(x, known, seed=5, frames=own))
    assert np.array_equal(made, model.complete(np.where(known, x, np.nan), known, seed=5))
    nothing = np.zeros(x.shape, bool)
    assert np.array_equal(model.complete(x, nothing, seed=5), model.sample(3, seed=5))


def test_the_command_completes_a_sound_after_its_own_signal(tmp_path):
    folder, fields = tmp_path / "run", {**SMALL, "local_channels": 3, "frame_length": 80}
    values = [f"{name}={fields[name]}" for name in fields if name not in ("length", "levels")]
    settings = [part for value in values for part in ("--set", value)]
    command = ["train", "wavenet", "--out", str(folder), "--steps", "1", "--batch-size", "2"]
    assert run([*command, "--clip-seconds", "0.1", *settings]) == 0
    found = complete_run(open_run(folder), Given(fraction=0.2), count=2, variants=2, seed=3)
    model, x = load_model(open_run(folder)), np.repeat(found.begun.x, 2, axis=0)
    labels = np.repeat(found.begun.labels, 2)
    known = np.repeat(found.known, 2, axis=0)
    made = model.complete(x, known, seed=3, labels=labels, frames=model.frames(x))
    assert np.array_equal(found.made.reshape(made.shape), made)


def test_sounds_can_be_longer_or_shorter_than_those_of_training():
    model = wavenet(class_conditional=True, class_count=3)
    long, short = model.sample(2, seed=3, length=90), model.sample(2, seed=3, length=20)
    assert (long.shape, short.shape) == ((2, 90), (2, 20))
    assert np.array_equal(long[0, :20], short[0])  # the draws of the first sound are the same
    with pytest.raises(DataError, match=r"length must be at least 1\. Received: 0"):
        model.sample(1, length=0)
    with pytest.raises(DataError, match=r"as long as those of its training, 40.*length = 41"):
        wavenet(local_channels=3, frame_length=6).sample(1, length=41)


@pytest.mark.backends
def test_samples_follow_the_last_sounds_of_training_where_no_frames_are_given():
    model = wavenet(local_channels=3, frame_length=6)
    model.compile()
    x = sounds(4)
    model.fit(x, batch_size=2, epochs=1, shuffle=False, verbose=0)
    own = model.frames(x[[2, 3, 0, 1]])
    assert np.array_equal(model.sample(4, seed=2), model.sample(4, seed=2, frames=own))


def test_frames_of_another_shape_are_refused():
    model = wavenet(local_channels=3, frame_length=6)
    with pytest.raises(DataError, match=r"frames must have the shape \(2, 7, 3\).*\(2, 7, 2\)"):
        model.sample(2, frames=np.zeros((2, 7, 2)))
    with pytest.raises(DataError, match=r"frames must be finite\. Received: NaN"):
        model.sample(2, frames=np.full((2, 7, 3), np.nan))
    with pytest.raises(DataError, match=r"shape \(40,\)\. Received: \(41,\)"):
        model.frames(np.zeros((1, 41)))
    with pytest.raises(DataError, match="follows no signal"):
        wavenet().sample(1, frames=np.zeros((1, 7, 3)))


# What cannot be built.


@pytest.mark.parametrize(
    ("field", "message"),
    [
        ({"levels": 2}, "levels must lie between 3 and 65536. Received: 2"),
        ({"filter_width": 1}, "filter_width must be at least 2"),
        ({"stacks": 0}, "stacks must be at least 1"),
        ({"dilations": 10**12}, "dilations must be at most 24"),
        ({"loss_from": "receptive-field", "stacks": 10**12}, "length must be above the receptive"),
        ({"loss_from": "receptive-field", "length": 9}, "receptive field of 9 samples.*loss_from"),
        ({"class_conditional": True}, "class_count of at least 2"),
        ({"local_channels": -1}, "local_channels must not be below 0"),
        ({"local_channels": 2, "frame_length": 7}, "frame_length must be even"),
        ({"learning_rate": 0.0}, "learning_rate must be above 0"),
        ({"average": 1.0}, "average must lie in"),
    ],
)
def test_what_cannot_be_built_is_refused(field, message):
    with pytest.raises(ConfigError, match=message):
        WaveNetConfig(**{**SMALL, **field})


def test_the_command_makes_sounds_of_another_length_and_rate(tmp_path, capsys):
    folder = tmp_path / "run"
    options = [
        f"{name}={value}" for name, value in SMALL.items() if name not in ("length", "levels")
    ]
    settings = [part for option in options for part in ("--set", option)]
    command = ["train", "wavenet", "--out", str(folder), "--steps", "1", "--batch-size", "2"]
    assert run([*command, *settings]) == 0
    wav = tmp_path / "one.wav"
    asked = ["--count", "1", "--out", str(tmp_path / "one.png")]
    assert run(["sample", str(folder), *asked, "--seconds", "0.05", "--sample-rate", "16000"]) == 0
    assert read_sound(wav, 16_000).shape == (800,)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["one.png", "one.wav", "run", "work"]
    capsys.readouterr()
    assert run(["sample", str(folder), *asked, "--sample-rate", "10"]) == 1
    assert "between 1,000 and 768,000. Received: 10" in capsys.readouterr().err
