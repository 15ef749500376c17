"""Bundles that answer with numbers, or with any of several labels."""

import dataclasses
import json

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.export.tiny_classifier import (
    HOSTILE,
    SAMPLES,
    THRESHOLDS,
    exportable_of,
    number,
    several,
)
from tlzoo.bundle import read_bundle
from tlzoo.errors import BundleError, ParityError
from tlzoo.export import saved_model, verify
from tlzoo.export.litert import export_litert
from tlzoo.export.predictor import Predictor, write_csv
from tlzoo.export.saved_model import export_saved_model
from tlzoo.export.signatures import example


@pytest.fixture(scope="module")
def number_bundle(card, tmp_path_factory):
    return export_saved_model(number(card), tmp_path_factory.mktemp("number") / "b")


@pytest.fixture(scope="module")
def sets_bundle(card, tmp_path_factory):
    return export_saved_model(several(card), tmp_path_factory.mktemp("several") / "b")


def asked(folder, signature, given):
    loaded = tf.saved_model.load(str(folder)).signatures[signature]
    (name,) = loaded.structured_input_signature[1]
    return {key: tensor.numpy() for key, tensor in loaded(**{name: tf.constant(given)}).items()}


@pytest.mark.slow
def test_numbers_and_their_band(card, number_bundle):
    answer = asked(number_bundle, "serving_default", SAMPLES)
    exportable = number(card)
    wanted = verify.reference_of(exportable).probabilities[:, 0]
    np.testing.assert_allclose(answer["value"], wanted, rtol=1e-5)
    np.testing.assert_allclose(answer["high"] - answer["value"], 12.5)
    np.testing.assert_allclose(answer["value"] - answer["low"], 12.5)
    assert all(each.shape == (3,) for each in answer.values())


def test_regress_takes_examples_and_gives_one_column(number_bundle):
    examples = [example(sample, "image/encoded") for sample in SAMPLES]
    outputs = asked(number_bundle, "regress", examples)
    assert list(outputs) == ["outputs"]
    assert outputs["outputs"].shape == (3, 1)
    assert outputs["outputs"].dtype == np.float32
    value = asked(number_bundle, "serving_default", SAMPLES)["value"]
    np.testing.assert_allclose(outputs["outputs"][:, 0], value, rtol=1e-6)


@pytest.mark.slow
def test_labels_and_their_thresholds(sets_bundle):
    answer = asked(sets_bundle, "serving_default", SAMPLES)
    assert (answer["predicted"] == (answer["probabilities"] >= np.float32(THRESHOLDS))).all()
    assert [name.decode() for name in answer["label_names"][2]] == list(HOSTILE)
    assert not np.allclose(answer["probabilities"].sum(axis=1), 1)
    ranked = asked(sets_bundle, "classify", [example(sample, "image/encoded") for sample in SAMPLES])
    assert (np.diff(ranked["scores"], axis=1) <= 0).all()


@pytest.mark.slow
@pytest.mark.parametrize("signature", ["serving_default", "features"])
def test_an_empty_batch_is_answered(number_bundle, sets_bundle, signature):
    for folder in (number_bundle, sets_bundle):
        answer = asked(folder, signature, np.array([], dtype=object).astype(bytes))
        assert all(len(each) == 0 for each in answer.values())


def test_the_description_says_what_the_task_needs(number_bundle, sets_bundle):
    _, facts = read_bundle(number_bundle, verify=True)
    assert (facts.task, facts.band, facts.thresholds, facts.class_names) == (
        "regression",
        12.5,
        (),
        ("value",),
    )
    _, facts = read_bundle(sets_bundle, verify=True)
    assert (facts.task, facts.band, facts.thresholds) == ("multilabel", None, THRESHOLDS)
    described = json.loads((sets_bundle / "assets.extra" / "bundle.json").read_text())
    assert described["thresholds"] == list(THRESHOLDS)


def test_predictors_say_numbers_and_labels(number_bundle, sets_bundle, tmp_path):
    (one,) = Predictor.load(number_bundle).predict(SAMPLES[0])
    assert (one.label, one.probabilities) == (None, {})
    assert one.low < one.value < one.high
    (one,) = Predictor.load(sets_bundle).predict(SAMPLES[0])
    reached = [n for n, t in zip(HOSTILE, THRESHOLDS, strict=True) if one.probabilities[n] >= t]
    assert list(one.labels) == reached
    broken = Predictor.load(number_bundle).predict([SAMPLES[0], b"no image"])
    write_csv(broken, tmp_path / "n.csv", ("value",), "regression")
    header, first, second = (tmp_path / "n.csv").read_text().splitlines()
    assert header == "item,value,low,high,error"
    assert first.startswith("bytes:0,12")
    assert second.startswith("bytes:1,,,,")


def test_an_answer_that_differs_is_refused(card, tmp_path, monkeypatch):
    true = number(card)
    lie = dataclasses.replace(true, band=1e4)
    monkeypatch.setattr(saved_model, "endpoints", lambda _: verify_endpoints(lie))
    with pytest.raises(ParityError, match="serving_default"):
        export_saved_model(true, tmp_path / "b")


def verify_endpoints(exportable):
    from tlzoo.export.signatures import endpoints

    return endpoints(exportable)


@pytest.mark.parametrize(
    "changes",
    [
        {"task": "regression"},
        {"task": "multilabel"},
        {"task": "multilabel", "thresholds": (0.5,)},
        {"band": 1.0},
        {"thresholds": THRESHOLDS},
    ],
)
def test_parts_that_do_not_belong_to_the_task_are_refused(card, changes):
    with pytest.raises(BundleError, match="The task"):
        exportable_of(card, **changes)


def test_litert_gives_value_or_probabilities(card, tmp_path):
    from ai_edge_litert.interpreter import Interpreter

    for exportable, output, key in (
        (number(card), "value", "rmse"),
        (several(card), "probabilities", "accuracy"),
    ):
        eaten = verify.reference_of(exportable).eaten
        labels = np.zeros(3) if output == "value" else np.zeros((3, 5), np.uint8)
        facts = export_litert(exportable, tmp_path / f"{output}.tflite", evaluate=(eaten, labels))
        assert getattr(facts, key) is not None
        assert facts.max_difference < 1e-3
        runner = Interpreter(str(tmp_path / f"{output}.tflite")).get_signature_runner()
        assert list(runner.get_output_details()) == [output]
        about = json.loads((tmp_path / f"{output}.json").read_text())
        assert about["task"] == exportable.task


def test_models_in_memory_are_ordinary(card):
    assert isinstance(number(card).model, keras.Model)
