"""The output `ood_score`: in the graph as in NumPy, in the description, and in what predictors and clients say."""

import csv
import dataclasses
import json

import numpy as np
import pytest
import tensorflow as tf

from tests.export.tiny_classifier import SAMPLES, encoded, exportable_of, number, several
from tlzoo.bundle import FACTS_FILE, BundleFacts, ConformalFacts, read_bundle
from tlzoo.errors import BundleError, ParityError
from tlzoo.export import verify
from tlzoo.export.ood import OodScore
from tlzoo.export.predictor import Predictor, write_csv
from tlzoo.export.saved_model import export_saved_model
from tlzoo.export.signatures import example, sample_inputs
from tlzoo.metrics import ood

pytestmark = pytest.mark.slow


def detector(exportable, axes=3):
    """Returns a detector fitted on features of smooth pictures."""
    front = exportable.front
    pictures = [encoded("PNG", (20, 20), seed) for seed in range(60)]
    eaten = front.decode(tf.constant(pictures))
    features = exportable.features(eaten, training=False).numpy()
    found = ood.fit_mahalanobis(features, np.arange(60) % 2, axes)
    return OodScore("mahalanobis", ood.threshold(found(features)), found)


def told(exportable, method="mahalanobis"):
    score = detector(exportable) if method == "mahalanobis" else OodScore("energy", -2.0)
    return dataclasses.replace(exportable, ood=score)


FLOORS = ConformalFacts(method="lac", coverage=0.9, floors=(0.2,), n=100)


@pytest.fixture(scope="module", params=["mahalanobis", "energy"])
def written(request, card, tmp_path_factory):
    exportable = dataclasses.replace(told(exportable_of(card), request.param), conformal=FLOORS)
    return exportable, export_saved_model(exportable, tmp_path_factory.mktemp("ood") / "photos")


def asked(folder, signature, given):
    loaded = tf.saved_model.load(str(folder)).signatures[signature]
    (name,) = loaded.structured_input_signature[1]
    return {key: tensor.numpy() for key, tensor in loaded(**{name: tf.constant(given)}).items()}


def test_the_graph_scores_as_numpy_does(written):
    exportable, folder = written
    eaten = sample_inputs(exportable)
    features = exportable.features(eaten, training=False).numpy()
    wanted = exportable.ood.reference(features, exportable.model(eaten, training=False).numpy())
    for signature, given in (("serving_default", SAMPLES), ("features", SAMPLES), ("pixels", eaten.numpy())):
        found = asked(folder, signature, given)["ood_score"]
        assert (found.dtype, found.shape) == (np.float32, (len(SAMPLES),))
        np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=1e-4)


def test_classify_keeps_to_what_tensorflow_serving_takes(written):
    answer = asked(written[1], "classify", [example(one, "image/encoded") for one in SAMPLES])
    assert set(answer) == {"classes", "scores"}


def test_an_empty_batch_is_answered(written):
    for signature in ("serving_default", "features"):
        assert asked(written[1], signature, np.array([], object).astype(bytes))["ood_score"].shape == (0,)


def test_the_description_says_what_it_means(written):
    exportable, folder = written
    facts = read_bundle(folder, verify=True)[1]
    assert facts.ood.method == exportable.ood.method
    assert facts.ood.threshold == exportable.ood.threshold
    assert facts.ood.kept == 0.95
    assert facts.conformal == FLOORS
    for signature in ("serving_default", "pixels", "features"):
        assert facts.signatures[signature].outputs["ood_score"].dtype == "float32"
        assert facts.signatures[signature].outputs["ood_score"].shape == (None,)
    assert facts.parity.passed


def test_older_descriptions_are_read(bundle_dir):
    said = json.loads((bundle_dir / "1" / FACTS_FILE).read_text())
    for added in ("ood", "conformal"):
        said.pop(added)
    facts = BundleFacts.model_validate(said)
    assert facts.ood is facts.conformal is None


def test_without_it_nothing_is_added(bundle_dir):
    facts = read_bundle(bundle_dir)[1]
    assert facts.ood is None
    assert not [name for one in facts.signatures.values() for name in one.outputs if name == "ood_score"]


def test_the_detector_is_written_once(card, tmp_path):
    plain = export_saved_model(exportable_of(card), tmp_path / "plain")
    more = export_saved_model(told(exportable_of(card)), tmp_path / "more")
    numbers = sum(array.size for array in detector(exportable_of(card)).detector.arrays().values())
    sizes = [(each / "variables" / "variables.data-00000-of-00001").stat().st_size for each in (plain, more)]
    assert sizes[1] - sizes[0] < 4 * 2 * numbers + 2048


@pytest.mark.parametrize("make", [number, several])
def test_other_tasks_tell_foreign_inputs_too(card, tmp_path, make):
    exportable = told(make(card))
    folder = export_saved_model(exportable, tmp_path)
    plain = {"value", "low", "high"} if make is number else {"probabilities", "predicted", "label_names"}
    assert set(asked(folder, "serving_default", SAMPLES)) == plain | {"ood_score"}
    assert Predictor.load(folder).predict(list(SAMPLES))[0].ood_score > 0


def test_a_model_without_a_head_of_its_own(card, tmp_path):
    exportable = told(exportable_of(card, head=None))
    assert "ood_score" in asked(export_saved_model(exportable, tmp_path), "serving_default", SAMPLES)


def test_half_precision(card, tmp_path):
    exportable = told(exportable_of(card, "mixed_float16", head=None))
    answer = asked(export_saved_model(exportable, tmp_path), "serving_default", SAMPLES)
    assert answer["ood_score"].dtype == np.float32


def test_a_wrong_score_is_not_published(card, tmp_path, monkeypatch):
    monkeypatch.setattr(
        OodScore, "reference", lambda self, features, logits: np.zeros(len(features), np.float32)
    )
    with pytest.raises(ParityError, match="differs"):
        export_saved_model(told(exportable_of(card)), tmp_path)
    assert not list(tmp_path.glob("[0-9]*"))


def test_a_missing_score_is_not_published(card, tmp_path):
    exportable = exportable_of(card)
    folder = export_saved_model(exportable, tmp_path)
    with pytest.raises(ParityError):
        verify.check_parity(folder, told(exportable))


@pytest.mark.parametrize(
    ("make", "score"),
    [
        (number, OodScore("energy", 1.0)),
        (several, OodScore("energy", 1.0)),
        (exportable_of, OodScore("mahalanobis", 1.0)),
        (exportable_of, OodScore("mahalanobis", 1.0, ood.fit_mahalanobis(np.eye(9)))),
        (exportable_of, OodScore("energy", float("nan"))),
    ],
)
def test_refuses_scores_that_do_not_fit(card, make, score):
    with pytest.raises(BundleError, match="out-of-distribution"):
        dataclasses.replace(make(card), ood=score)


def test_predictions_and_files_say_it(written, tmp_path):
    exportable, folder = written
    predictor = Predictor.load(folder)
    found = predictor.predict([*SAMPLES, b"no image"])
    wanted = asked(folder, "serving_default", SAMPLES)["ood_score"]
    np.testing.assert_allclose([one.ood_score for one in found[:-1]], wanted, rtol=1e-5)
    assert found[-1].ood_score is None
    assert sum(found[0].probabilities.values()) == pytest.approx(1, abs=1e-5)
    write_csv(found, tmp_path / "said.csv", exportable.class_names, foreign=True)
    with (tmp_path / "said.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert float(rows[0]["ood_score"]) == found[0].ood_score
    assert (rows[-1]["ood_score"], bool(rows[-1]["error"])) == ("", True)


def test_floors_make_sets(written):
    facts = read_bundle(written[1])[1]
    probabilities = asked(written[1], "serving_default", SAMPLES)["probabilities"]
    assert (probabilities >= np.float32(facts.conformal.floors)).any(axis=1).all()
