"""Networks over word vectors: what they compute, that padding changes no bit, and that everything comes back."""

from __future__ import annotations

import hashlib
import math

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.sources.word_cards import POOLS, VECTORS, WORDS, card_of, written
from tlzoo.errors import CardError, WeightsError
from tlzoo.sources import networks
from tlzoo.sources.vectors import open_vectors

ROWS, UNKNOWN = len(WORDS) + 1, len(WORDS)


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    return written(tmp_path_factory.mktemp("vectors"))


def load(card, pretrained=True):
    return networks.load_network(card, pretrained=pretrained, size=(0, 0))


def padded(rows, width):
    tokens = np.full((len(rows), width), -1, np.int32)
    for row, text in zip(tokens, rows, strict=True):
        row[: len(text)] = text
    return tokens


def features(network, tokens):
    return np.asarray(network(tokens, training=False))


def test_the_mean_is_over_words_only(file):
    network = load(card_of(file))
    got = features(network, padded([[2, 3, 2], [0], []], 5))
    np.testing.assert_allclose(got[0], VECTORS[[2, 3, 2]].mean(axis=0), rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(got[1], VECTORS[0])
    np.testing.assert_array_equal(got[2], np.zeros(6, "f4"))


def test_unknown_words_count_as_the_mean_word(file):
    got = features(load(card_of(file)), np.array([[UNKNOWN]], "i4"))
    np.testing.assert_allclose(got[0], VECTORS.mean(axis=0), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("a", [1e-3, 0.1])
def test_sif_is_the_formula_of_the_paper(file, a):
    network = load(card_of(file, "sif", a=a))
    tokens = [0, 2, 11, UNKNOWN]
    harmonic = math.fsum(1 / rank for rank in range(1, ROWS + 1))
    weights = [a / (a + 1 / ((token + 1) * harmonic)) for token in tokens]
    matrix = np.asarray(open_vectors(file).matrix)
    wanted = sum(weight * matrix[token] for weight, token in zip(weights, tokens, strict=True)) / len(tokens)
    np.testing.assert_allclose(features(network, padded([tokens], 6))[0], wanted, rtol=1e-5, atol=1e-7)
    assert weights == sorted(weights)  # rare words count more


def test_the_cnn_is_keras_convolution_with_a_maximum_over_words(file):
    network = load(card_of(file, "cnn", filters=7))
    text = [2, 0, 5, 4, 3, 1]
    parts = []
    for width in (3, 4, 5):
        dense = network.get_layer(f"convolution{width}")
        layer = keras.layers.Conv1D(7, width, padding="same", activation="relu")
        layer.build((None, None, 6))
        layer.set_weights([np.reshape(dense.get_weights()[0], (width, 6, 7)), dense.get_weights()[1]])
        parts.append(np.max(np.asarray(layer(VECTORS[None, text])), axis=1))
    got = features(network, padded([text], 9))
    np.testing.assert_allclose(got, np.concatenate(parts, axis=-1), rtol=1e-4, atol=1e-6)


def test_the_gru_reads_words_only_and_in_both_directions(file):
    network = load(card_of(file, "gru", units=4))
    text = [2, 0, 5]
    encoder = network.get_layer("encoder")
    bare = np.asarray(encoder(VECTORS[None, text]))
    np.testing.assert_allclose(features(network, padded([text], 8)), bare, rtol=1e-5, atol=1e-6)
    backwards = features(network, padded([text[::-1]], 8))
    assert not np.allclose(bare, backwards)
    weights = [layer.get_weights()[0] for layer in (encoder.forward_layer, encoder.backward_layer)]
    assert not np.array_equal(*weights)  # two seeds, or one direction would begin as the other


@pytest.mark.parametrize("pool", POOLS)
def test_padding_changes_no_bit(pool, file):
    network = load(card_of(file, pool))
    graph = tf.function(lambda tokens: network(tokens, training=False), reduce_retracing=True)
    random = np.random.default_rng(0)
    for _ in range(20):
        rows = [random.integers(0, ROWS, random.integers(0, 40)) for _ in range(random.integers(1, 9))]
        tight = max(1, *(len(row) for row in rows))
        wanted = graph(padded(rows, tight)).numpy()
        for width in (tight + 1, 64, 200):
            np.testing.assert_array_equal(graph(padded(rows, width)).numpy(), wanted)


@pytest.mark.parametrize("pool", POOLS)
def test_networks_begin_the_same_every_time_unless_they_are_random(pool, file):
    card = card_of(file, pool)
    first, second, other = load(card), load(card), load(card, pretrained=False)
    for ours, again in zip(first.get_weights(), second.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, again)
    assert [weight.shape for weight in other.weights] == [weight.shape for weight in first.weights]
    assert not np.array_equal(other.get_weights()[0], first.get_weights()[0])


def test_random_vectors_need_no_file(tmp_path):
    network = load(card_of(tmp_path / "none.vec"), pretrained=False)
    assert network.count_params() == ROWS * 6 + 1
    assert network.input_shape == (None, None)
    assert network.input.dtype == "int32"
    assert network.output_shape == (None, 6)


@pytest.mark.parametrize("pool", POOLS)
def test_networks_come_back_from_keras_files(pool, file, tmp_path):
    network = load(card_of(file, pool))
    network.save(tmp_path / "n.keras")
    again = keras.saving.load_model(tmp_path / "n.keras")
    tokens = padded([[0, 2, 5], [3]], 4)
    np.testing.assert_array_equal(features(again, tokens), features(network, tokens))


def test_gradients_are_sparse_and_training_leaves_the_cache_alone(file):
    """The weight may be the memory map itself; an optimizer must copy before it writes."""
    copy = open_vectors(file).folder / "vectors.npy"
    before = hashlib.sha256(copy.read_bytes()).hexdigest()
    network = load(card_of(file))
    weight = network.get_layer("embedding").embeddings
    tokens = padded([[2, 3], [0]], 3)
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(network(tokens) ** 2)
    gradient = tape.gradient(loss, weight.value)
    assert isinstance(gradient, tf.IndexedSlices)
    for optimizer in ("sgd", "adam"):
        model = keras.Sequential([network, keras.layers.Dense(1)])
        model.compile(optimizer, "mse")
        old = np.array(weight)
        model.fit(tokens, np.ones((2, 1)), epochs=2, verbose=0)
        changed = np.abs(np.array(weight) - old).max(axis=1) > 0
        assert changed[[0, 2, 3]].all()
    assert hashlib.sha256(copy.read_bytes()).hexdigest() == before


@pytest.mark.parametrize("pool", POOLS)
def test_litert_computes_the_same(pool, file):
    from ai_edge_litert.interpreter import Interpreter

    network = load(card_of(file, pool))
    holder = tf.Module()
    holder.kept = [variable.value for variable in network.variables]
    holder.forward = tf.function(lambda tokens: network(tokens, training=False))
    concrete = holder.forward.get_concrete_function(tf.TensorSpec((1, 16), tf.int32))
    flat = tf.lite.TFLiteConverter.from_concrete_functions([concrete], holder).convert()
    interpreter = Interpreter(model_content=flat)
    interpreter.allocate_tensors()
    for text in ([0, 2, 5, UNKNOWN], []):
        interpreter.set_tensor(interpreter.get_input_details()[0]["index"], padded([text], 16))
        interpreter.invoke()
        got = interpreter.get_tensor(interpreter.get_output_details()[0]["index"])
        np.testing.assert_allclose(got, features(network, padded([text], 16)), rtol=1e-5, atol=1e-6)


def test_vectors_of_another_shape_say_what_the_card_should_say(file):
    with pytest.raises(WeightsError, match=r"its file gives vectors \(13, 6\)") as caught:
        load(card_of(file, rows=12))
    assert caught.value.do == "Write rows = 13 and width = 6 into [architecture]."


@pytest.mark.parametrize(
    "wrong",
    [{"pool": "sum"}, {"rows": 0}, {"width": "6"}, {"units": 3}, {"pool": "gru", "a": 1}, {"filters": 2}],
)
def test_architectures_that_do_not_exist(file, wrong):
    card = card_of(file)
    with pytest.raises(CardError, match=r"\[architecture\]") as caught:
        load(card.model_copy(update={"architecture": {**card.architecture, **wrong}}), pretrained=False)
    assert (
        "mean takes nothing more; sif takes a; cnn takes widths, filters; gru takes units"
        in caught.value.allowed
    )


def test_the_house_does_not_pool_again(file):
    with pytest.raises(CardError, match="pooling = 'mean'"):
        load(card_of(file).model_copy(update={"pooling": "mean"}))
