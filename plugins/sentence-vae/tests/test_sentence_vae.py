"""The sentence VAE is what its paper says: annealed, its words dropped, its bound one."""

import math

import keras
import numpy as np
import pytest
from keras import ops
from scipy import special
from zoo_sentence_vae import SentenceVAE, SentenceVAEConfig, Word2Vec, Word2VecConfig

from zoo.data.vocabulary import UNKNOWN
from zoo.engine import compile_function
from zoo.errors import ConfigError, DataError
from zoo.metrics.evaluation import choose_metrics

pytestmark = pytest.mark.backends

WORDS = ("", "▁<unknown>", "▁a", "▁b", "▁c", "▁d")
LENGTH = 5
SENTENCES = np.array([[2, 3, 0, 0, 0], [4, 4, 5, 2, 0], [3, 0, 0, 0, 0], [5, 1, 2, 0, 0]], "int32")


def array(values):
    return np.asarray(ops.convert_to_numpy(values), "float64")


def vae(seed=0, **config):
    keras.utils.set_random_seed(seed)
    small = {"units": 5, "embedding_size": 4, "latent_size": 2}
    values = {"vocabulary": WORDS, "max_length": LENGTH, **small, **config}
    return SentenceVAE(SentenceVAEConfig(**values))


def spread(model, scale=1.0, seed=1):
    """Give a model weights that are far from those of a beginning."""
    draws = np.random.default_rng(seed)
    for weight in model.trainable_variables:
        weight.assign(draws.normal(0, scale, weight.shape).astype("float32"))
    return model


def logits_of(model, x, latents):
    """Return the logits (B, T, V) of the parallel network as NumPy."""
    run = compile_function(
        model, lambda x, z: model.writer.logits(model.writer(model.inputs_of(x, False), z))
    )
    return array(run(x, latents))


@pytest.mark.parametrize("cell", ["lstm", "gru"])
def test_the_reconstruction_is_the_cross_entropy_of_words_up_to_the_end(cell):
    model = spread(vae(cell=cell))
    latents = np.random.default_rng(2).normal(size=(4, 2)).astype("float32")
    log_p = special.log_softmax(logits_of(model, SENTENCES, latents), axis=-1)
    expected = [
        -sum(log_p[row, place, x[place]] for place in range(list(x).index(0) + 1))
        for row, x in enumerate(SENTENCES)
    ]
    run = compile_function(model, lambda x, z: model.nll_given(x, None, z))
    assert np.allclose(array(run(SENTENCES, latents[:, None]))[:, 0], expected, rtol=1e-4)


@pytest.mark.parametrize("config", [{"cell": "lstm"}, {"cell": "gru"}, {"latent_inputs": False}])
def test_the_decoder_predicts_word_by_word_what_the_network_does_at_once(config):
    model = spread(vae(**config), 0.7)
    latents = np.random.default_rng(2).normal(size=(4, 2)).astype("float32")

    def steps(x, latents):
        decoder = model.decoder({"latents": latents, "labels": None})
        state, logits = decoder.start(4), []
        for row in range(LENGTH):
            one, state = decoder.step(state, x[:, :, None], row, 0)
            logits.append(one)
        return ops.stack(logits, axis=1)

    found = array(compile_function(model, steps)(SENTENCES, latents))
    assert np.allclose(found, logits_of(model, SENTENCES, latents), atol=1e-5)


def test_a_batch_that_is_cut_at_its_longest_sentence_is_worth_the_same():
    model = spread(vae())
    long = np.pad(SENTENCES, ((0, 0), (0, 3)))
    assert np.allclose(model.encode(long), model.encode(SENTENCES), atol=1e-6)
    first, second = (model.log_likelihood(x, seed=3) for x in (long, SENTENCES))
    assert np.allclose(first, second, atol=1e-5)


def test_later_words_change_no_prediction_before_them():
    model = spread(vae())
    latents = np.ones((1, 2), "float32")
    other = SENTENCES[1:2].copy()
    other[0, 2] = 3
    before, after = (logits_of(model, x, latents) for x in (SENTENCES[1:2], other))
    assert np.array_equal(before[:, :3], after[:, :3])
    assert not np.allclose(before[:, 3], after[:, 3])


@pytest.mark.parametrize("latents", [True, False])
def test_the_probabilities_of_all_sentences_add_up_to_one(latents):
    model = spread(vae(latent_size=2 if latents else 0, vocabulary=WORDS[:4], max_length=4), 0.5)
    # Sentences of up to 3 of 3 words; what is longer has the rest of the probability.
    ended, running = [], [()]
    for _ in range(3):
        ended += running
        running = [(*s, word) for s in running for word in (1, 2, 3)]
    every = [*((*s, 0) for s in ended), *((*s, 0) for s in running)]
    x = np.array([(*s, *[0] * (4 - len(s))) for s in every], "int32")
    assert len(x) == 1 + 3 + 9 + 27
    if latents:
        z = np.full((len(x), 1, 2), 0.3, "float32")
        run = compile_function(model, lambda x, z: model.nll_given(x, None, z))
        log_p = -array(run(x, z))[:, 0]
    else:
        assert model.likelihood_kind == "exact"
        log_p = model.log_likelihood(x).astype("float64")
    # Those of three words: the end after them is not certain, as no sentence goes on.
    short = np.exp(log_p[:13]).sum()
    bare = x[13:].copy()
    prefixes = logits_of(model, bare, np.full((27, 2), 0.3, "float32") if latents else None)
    log_q = special.log_softmax(prefixes, axis=-1)
    chosen = np.take_along_axis(log_q[:, :3], bare[:, :3, None], axis=2)[..., 0].sum(axis=1)
    assert short + np.exp(chosen).sum() == pytest.approx(1, abs=1e-5)


def test_the_bound_rises_to_the_likelihood_and_stays_below_it():
    model = spread(vae(latent_size=1), 0.6)
    # Quadrature over the only latent number.
    nodes, weights = np.polynomial.hermite_e.hermegauss(60)
    run = compile_function(model, lambda x, z: model.nll_given(x, None, z))
    grid = np.tile(nodes[None, :, None], (4, 1, 1)).astype("float32")
    log_weights = np.log(weights / math.sqrt(2 * math.pi))
    exact = special.logsumexp(log_weights - array(run(SENTENCES, grid)), axis=1)
    tight = model.log_likelihood(SENTENCES, importance_samples=5000, seed=1)
    assert np.allclose(tight, exact, atol=0.05)
    bounds = [model.log_likelihood(SENTENCES, seed=seed) for seed in range(200)]
    error = np.std(bounds, axis=0) / math.sqrt(200)
    assert np.all(np.mean(bounds, axis=0) < exact + 3 * error)


@pytest.mark.parametrize(
    ("annealing", "weights"),
    [
        # After 0, 2, 5, 8 and 20 of 10 steps.
        ("logistic", [1 / (1 + math.exp(6)), 1 / (1 + math.exp(3.6)), 0.5, 0.9734030, 1.0]),
        ("linear", [0.0, 0.2, 0.5, 0.8, 1.0]),
        ("none", [1.0, 1.0, 1.0, 1.0, 1.0]),
    ],
)
def test_the_weight_of_the_kl_term_rises_with_the_steps(annealing, weights):
    model = vae(annealing=annealing, annealing_steps=10)
    model.compile()
    for step, weight in zip((0, 2, 5, 8, 20), weights, strict=True):
        model.optimizer.iterations.assign(step)
        assert float(array(model.kl_weight(True))) == pytest.approx(weight, abs=1e-5)
        assert float(array(model.kl_weight(False))) == 1.0  # the bound is measured as one


def test_fit_follows_the_weight_on_every_backend():
    model = vae(annealing="linear", annealing_steps=4)
    model.compile()
    history = model.fit(SENTENCES, batch_size=2, epochs=3, verbose=0).history
    # Means over steps 0 and 1, 2 and 3, 4 and 5.
    assert np.allclose(history["kl_weight"], [0.125, 0.625, 1.0])
    first = {name: values[0] for name, values in history.items()}
    parts = first["reconstruction_nats"] + first["kl_nats"]
    assert first["negative_bound_nats"] == pytest.approx(parts, rel=1e-5)
    assert first["objective_nats"] < first["negative_bound_nats"]


def test_free_nats_cost_nothing():
    model = vae(free_nats=50.0, annealing="none")
    terms = {name: float(array(v)) for name, v in model.loss_of(SENTENCES, None, False).items()}
    assert terms["objective_nats"] == pytest.approx(terms["reconstruction_nats"] + 50, rel=1e-5)


def test_word_dropout_hides_that_share_of_the_words_from_the_decoder_alone():
    model = vae(word_dropout=0.3, embedding_size=1)
    numbers = np.array([[10.0], [1.0], [2.0], [3.0], [4.0], [5.0]], "float32")
    model.embedding.embeddings.assign(numbers)  # so that a vector says which token it is of
    x = np.tile(np.array([2, 3, 4, 5, 0], "int32"), (5000, 1))
    found = array(model.inputs_of(ops.convert_to_tensor(x), True))[..., 0]
    assert np.all(found[:, 0] == 10)  # nothing stands before the first word
    hidden = found[:, 1:] == numbers[UNKNOWN]
    assert hidden.mean() == pytest.approx(0.3, abs=4 * math.sqrt(0.21 / hidden.size))
    assert np.array_equal(found[:, 1:][~hidden], np.tile([2.0, 3, 4, 5], (5000, 1))[~hidden])
    assert np.all(array(model.inputs_of(ops.convert_to_tensor(x), False))[:, 1:, 0] == [2, 3, 4, 5])


@pytest.mark.backends
def test_a_decoder_without_inputs_has_none_when_it_is_measured_or_draws():
    model = spread(vae(word_dropout=1.0), 2.0)
    latents = model.draw_latents(12, seed=2)
    drawn = model.decode(latents, temperature=0.0)
    inputs = model.inputs_of(ops.convert_to_tensor(drawn), False)
    unknown = array(model.embedding.embeddings)[UNKNOWN]
    assert np.allclose(array(inputs)[:, 1:], unknown)
    # The most likely words, one after another, are those of all at once; the last is an end.
    logits = array(model.writer.logits(model.writer(inputs, ops.convert_to_tensor(latents)))).copy()
    logits[..., UNKNOWN] = -np.inf
    is_word = drawn > 0
    assert is_word.sum() > 8
    assert np.array_equal(logits.argmax(-1)[is_word], drawn[is_word])


def test_embedding_dropout_takes_a_word_away_wherever_it_stands():
    model = vae(embedding_dropout=0.4)
    model.embedding.embeddings.assign(np.ones((6, 4), "float32"))
    x = np.tile(np.array([2, 3, 2, 2, 3], "int32"), (3000, 1))
    found = array(model.embed(ops.convert_to_tensor(x), True))  # (B, T, E)
    assert set(np.round(np.unique(found), 4)) == {0.0, round(1 / 0.6, 4)}
    is_kept = found[..., 0] > 0
    assert np.array_equal(is_kept[:, [0, 0, 1]], is_kept[:, [2, 3, 4]])
    assert is_kept.mean() == pytest.approx(0.6, abs=0.03)
    assert np.mean(is_kept[:, 0] == is_kept[:, 1]) == pytest.approx(0.52, abs=0.04)


def test_greedy_decoding_takes_the_most_likely_word_again_and_again():
    model = spread(vae(), 1.5)
    latents = model.draw_latents(3, seed=4)
    decoded = model.decode(latents)
    assert np.array_equal(decoded, model.decode(latents, seed=9))
    logits = logits_of(model, decoded, latents)
    logits[..., UNKNOWN] = -np.inf
    likeliest = logits.argmax(axis=-1)
    for made, wanted in zip(decoded, likeliest, strict=True):
        length = list(made).index(0)
        assert np.array_equal(made[:length], wanted[:length])
        assert length == LENGTH - 1 or wanted[length] == 0


def test_filters_of_sample_are_those_of_each_word():
    model = spread(vae(latent_size=0))
    greedy = model.sample(20, seed=1, temperature=0)
    assert np.array_equal(greedy, model.sample(20, seed=2, top_k=1))
    assert np.array_equal(greedy, model.sample(20, seed=3, nucleus=1e-6))
    assert not np.array_equal(greedy, model.sample(20, seed=3))
    with pytest.raises(DataError, match="top_k must"):
        model.sample(1, top_k=-1)


def test_what_the_vocabulary_lacks_is_not_written():
    model = spread(vae(latent_size=0))
    bias = model.writer.trainable_variables[-1]
    bias.assign([0.0, 9.0, 0.0, 0.0, 0.0, 0.0])
    sentences = model.sample(50, seed=1)
    assert not (sentences == UNKNOWN).any()
    assert len(np.unique(sentences)) == len(WORDS) - 1


def test_sentences_that_are_made_end():
    sentences = spread(vae()).sample(50, seed=3)
    assert sentences.shape == (50, LENGTH)
    assert sentences.dtype == np.int32
    for tokens in sentences:
        assert not tokens[list(tokens).index(0) :].any()


def test_training_begins_with_the_vectors_of_a_run_that_may_be_gone_later(tmp_path):
    words = ("", "▁<unknown>", "▁d", "▁x", "▁b")
    vectors = Word2Vec(Word2VecConfig(vocabulary=words, max_length=LENGTH, embedding_size=4))
    table = np.arange(20, dtype="float32").reshape(5, 4)
    vectors.words.embeddings.assign(table)
    vectors.compile()
    vectors.save(tmp_path / "model.keras")
    model = vae(word_vectors=str(tmp_path))
    before = model.word_vectors()
    model.compile(keras.optimizers.SGD(0.0))
    model.fit(SENTENCES, batch_size=4, epochs=1, verbose=0)
    found = model.word_vectors()
    assert np.array_equal(found[[5, 3]], table[[2, 4]])  # d and b
    assert np.array_equal(found[[0, 1, 2, 4]], before[[0, 1, 2, 4]])
    (tmp_path / "model.keras").unlink()
    model.fit(SENTENCES, batch_size=4, epochs=1, verbose=0)
    untrained = vae(word_vectors=str(tmp_path))
    untrained.compile()
    with pytest.raises(DataError, match="No vectors of words"):
        untrained.fit(SENTENCES, batch_size=4, epochs=1, verbose=0)


def test_a_trained_model_keeps_its_vectors_when_it_is_compiled_again(tmp_path):
    vectors = Word2Vec(Word2VecConfig(vocabulary=WORDS, max_length=LENGTH, embedding_size=4))
    vectors.compile()
    vectors.save(tmp_path / "model.keras")
    model = vae(word_vectors=str(tmp_path))
    with pytest.raises(ValueError, match="call `compile"):
        model.fit(SENTENCES, verbose=0)
    model.compile(keras.optimizers.SGD(0.1))
    model.fit(SENTENCES, batch_size=4, epochs=1, verbose=0)
    model.save(tmp_path / "trained.keras")
    model.save_weights(tmp_path / "trained.weights.h5")
    fresh = vae(word_vectors=str(tmp_path))
    fresh.load_weights(tmp_path / "trained.weights.h5")
    trained = model.word_vectors()
    (tmp_path / "model.keras").unlink()
    for again in (model, keras.saving.load_model(tmp_path / "trained.keras"), fresh):
        again.compile(keras.optimizers.SGD(0.0))
        again.fit(SENTENCES, batch_size=4, epochs=1, verbose=0)
        assert np.array_equal(again.word_vectors(), trained)


def test_vectors_that_do_not_suit_are_refused():
    model = vae()
    with pytest.raises(ConfigError, match="must have the embedding_size, 4"):
        model.take_word_vectors(WORDS, np.zeros((6, 3), "float32"))
    with pytest.raises(ConfigError, match="of the same language"):
        model.take_word_vectors(("", "▁<unknown>", "▁x"), np.zeros((3, 4), "float32"))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"vocabulary": ("a", "b")}, "begins with the empty token"),
        ({"word_dropout": 1.5}, "word_dropout must lie"),
        ({"embedding_dropout": 1.0}, "embedding_dropout must lie"),
        ({"units": 0}, "units must be at least 1"),
        ({"latent_size": -1}, "latent_size must be at least 0"),
        ({"learning_rate": 0.0}, "learning_rate must be above 0"),
    ],
)
def test_values_that_make_no_model_are_refused(change, message):
    with pytest.raises(ConfigError, match=message):
        SentenceVAEConfig(**change)


def test_the_parameters_are_those_of_the_sizes():
    words = tuple(f"w{number}" for number in range(9877))
    sizes = {"units": 256, "embedding_size": 300, "latent_size": 16, "latent_inputs": False}
    model = vae(vocabulary=("", *words[1:]), cell="gru", **sizes)
    recurrent = 300 * 768 + 256 * 768 + 768 + 256  # twice: reader and writer
    latent = 256 * 32 + 32 + 16 * 256 + 256
    expected = 9877 * 300 + 2 * recurrent + latent + 256 * 9877 + 9877
    assert model.count_params() == expected


def test_collapse_is_looked_for_unasked_where_there_are_latent_vectors():
    shown = [choose_metrics(vae(latent_size=z), (), "text", "tokens") for z in (2, 0)]
    assert shown == [["nll", "perplexity", "information"], ["nll", "perplexity"]]
