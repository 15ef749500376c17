"""The network of a bundle as a LiteRT file: kept where it is right and quicker, and only there."""

import numpy as np
import pytest
import tensorflow as tf

from tests.export.tiny_classifier import HOSTILE, SAMPLES, SIZE, exportable_of, number, several
from tlzoo.bundle import NETWORK_FILE, read_bundle, verify_checksums
from tlzoo.export import lite
from tlzoo.export.answers import answers_of
from tlzoo.export.predictor import Predictor
from tlzoo.export.saved_model import export_saved_model
from tlzoo.export.signatures import example
from tlzoo.lite_network import LiteNetwork

pytestmark = pytest.mark.slow


def converted(exportable) -> bytes:
    holder = tf.Module()
    holder.kept = [variable.value for variable in exportable.features.variables]
    holder.forward = tf.function(
        lambda pixels: {"features": exportable.features(pixels, training=False)},
        input_signature=[tf.TensorSpec((1, *SIZE, 3), tf.float32)],
    )
    concrete = holder.forward.get_concrete_function()
    return bytes(tf.lite.TFLiteConverter.from_concrete_functions([concrete], holder).convert())


@pytest.fixture
def quicker(monkeypatch):
    """A tiny network's file may lose against its graph by noise: here it always wins."""
    monkeypatch.setattr(lite, "_timed", lambda *_: (0.001, 0.002))


@pytest.fixture(params=[exportable_of, several, number], ids=lambda make: make.__name__)
def kept(request, card, tmp_path, quicker):
    exportable = request.param(card)
    folder = export_saved_model(exportable, tmp_path / "photos", network=lambda: converted(exportable))
    return exportable, folder


def asked(exportable, signatures):
    raw, pixels = np.array(SAMPLES, object), np.random.default_rng(0).integers(0, 256, (3, 30, 9, 3))
    examples = np.array([example(one, exportable.front.feature) for one in SAMPLES], object)
    given = {"serving_default": raw, "features": raw, "pixels": pixels.astype(np.float32)}
    return {**given, answers_of(exportable).request: examples}


def test_every_signature_answers_as_the_graph_does(kept):
    exportable, folder = kept
    loaded = tf.saved_model.load(str(folder))
    _, facts = read_bundle(folder)
    network = LiteNetwork.of(folder, facts, loaded)
    for key, rows in asked(exportable, loaded.signatures).items():
        assert network.takes(key, rows)
        signature = loaded.signatures[key]
        (name,) = signature.structured_input_signature[1]
        expected = signature(**{name: tf.constant(rows)})
        for count in (1, 3):
            found = network.run(key, rows[:count])
            assert set(found) == set(expected)
            for alias, values in found.items():
                wanted = expected[alias].numpy()[:count]
                assert (values.shape, values.dtype) == (wanted.shape, wanted.dtype)
                if values.dtype == object:
                    assert values.tolist() == wanted.tolist()
                else:
                    np.testing.assert_allclose(values, wanted, rtol=1e-4, atol=1e-4)


def test_the_bundle_says_what_it_holds(kept):
    _, folder = kept
    _, facts = read_bundle(folder)
    assert NETWORK_FILE in facts.checksums
    verify_checksums(folder, facts)
    assert 0 <= facts.network.max_difference <= 1e-4
    assert (facts.network.milliseconds, facts.network.graph_milliseconds) == (1.0, 2.0)
    assert set(facts.signatures) == set(tf.saved_model.load(str(folder)).signatures)


def test_a_predictor_computes_with_it(kept, monkeypatch):
    exportable, folder = kept
    predictor, calls = Predictor.load(folder), []
    run = LiteNetwork.run
    monkeypatch.setattr(
        LiteNetwork, "run", lambda self, key, rows: calls.append((key, len(rows))) or run(self, key, rows)
    )
    found = predictor.predict(list(SAMPLES))
    assert calls == [("serving_default", 3)]
    predictor._network = None
    plain = predictor.predict(list(SAMPLES))
    for ours, graphs in zip(found, plain, strict=True):
        if exportable.task == "regression":
            assert ours.value == pytest.approx(graphs.value, rel=1e-5)
        else:
            assert ours.label == graphs.label
            assert ours.probabilities == pytest.approx(graphs.probabilities, abs=1e-5)


def test_broken_images_are_told_from_good_ones(card, tmp_path, quicker):
    exportable = exportable_of(card)
    folder = export_saved_model(exportable, tmp_path / "photos", network=lambda: converted(exportable))
    good, bad, other = Predictor.load(folder).predict([SAMPLES[0], b"no image", SAMPLES[1]])
    assert good.label in HOSTILE
    assert other.label in HOSTILE
    assert "no image" in bad.error or "image" in bad.error


def test_what_differs_is_not_kept(card, tmp_path, quicker):
    exportable, other = exportable_of(card), exportable_of(card)
    for weight in other.features.weights:
        weight.assign(weight + 0.5)
    folder = export_saved_model(exportable, tmp_path / "photos", network=lambda: converted(other))
    _, facts = read_bundle(folder)
    assert facts.network is None
    assert not (folder / NETWORK_FILE).exists()
    assert NETWORK_FILE not in facts.checksums


def test_what_is_slower_is_not_kept(card, tmp_path, monkeypatch):
    monkeypatch.setattr(lite, "_timed", lambda *_: (0.002, 0.001))
    exportable = exportable_of(card)
    folder = export_saved_model(exportable, tmp_path / "photos", network=lambda: converted(exportable))
    assert read_bundle(folder)[1].network is None


def test_both_ways_are_timed(card, tmp_path):
    exportable = exportable_of(card)
    folder = export_saved_model(exportable, tmp_path / "photos", network=lambda: converted(exportable))
    _, facts = read_bundle(folder)
    if facts.network is not None:  # otherwise the graph was as quick, as it may be for so small a network
        assert 0 < facts.network.milliseconds < facts.network.graph_milliseconds


def test_a_network_that_does_not_convert_stays_a_graph(exportable, tmp_path):
    folder = export_saved_model(exportable, tmp_path / "photos", network=lambda: None)
    assert read_bundle(folder)[1].network is None
    assert not hasattr(tf.saved_model.load(str(folder)), "before_serving_default")


@pytest.mark.parametrize("change", [{"dtype": "mixed_float16"}, {"head": None}], ids=str)
def test_nobody_converts_what_could_not_stand_for_the_network(card, tmp_path, change):
    exportable = exportable_of(card, **change)
    assert not lite.fits_lite(exportable)
    asked = []
    export_saved_model(exportable, tmp_path / "photos", network=lambda: asked.append(1))
    assert asked == []


def test_a_file_that_was_changed_is_not_used(card, tmp_path, quicker):
    exportable = exportable_of(card)
    folder = export_saved_model(exportable, tmp_path / "photos", network=lambda: converted(exportable))
    loaded, (_, facts) = tf.saved_model.load(str(folder)), read_bundle(folder)
    (folder / NETWORK_FILE).write_bytes((folder / NETWORK_FILE).read_bytes() + b"\0")
    assert LiteNetwork.of(folder, facts, loaded) is None
    (folder / NETWORK_FILE).unlink()
    assert LiteNetwork.of(folder, facts, loaded) is None


def test_rows_it_cannot_take_are_for_the_graph(card, tmp_path, quicker):
    exportable = exportable_of(card)
    folder = export_saved_model(exportable, tmp_path / "photos", network=lambda: converted(exportable))
    network = LiteNetwork.of(folder, read_bundle(folder)[1], tf.saved_model.load(str(folder)))
    assert not network.takes("serving_default", np.array([], object))
    assert not network.takes("serving_default", np.array(b"x", object))
    assert not network.takes("pixels", np.zeros((4, 4, 3), np.float32))
    assert not network.takes("other", np.array([b"x"], object))
