import json

import numpy as np
import pytest
import tensorflow as tf
from ai_edge_litert.interpreter import Interpreter

from tests.export.tiny_classifier import HOSTILE, SIZE, exportable_of
from tlzoo.bundle import read_bundle, sha256
from tlzoo.errors import BundleError, ParityError
from tlzoo.export.litert import export_litert
from tlzoo.export.saved_model import export_saved_model

PIXELS = np.random.default_rng(0).integers(0, 256, (12, *SIZE, 3), dtype=np.uint8)
LABELS = np.arange(12) % len(HOSTILE)


@pytest.mark.parametrize(("kind", "allowed"), [("float32", 1e-4), ("float16", 2e-2), ("int8", 0.3)])
def test_the_three_kinds(exportable, tmp_path, kind, allowed):
    calibration = [PIXELS[:5], PIXELS[5:]] if kind == "int8" else None
    path = tmp_path / f"{kind}.tflite"
    facts = export_litert(exportable, path, kind, calibration=calibration, evaluate=(PIXELS, LABELS))
    assert (facts.file, facts.kind, facts.n) == (path.name, kind, 12)
    assert (facts.bytes, facts.sha256) == (path.stat().st_size, sha256(path))
    assert (facts.input_dtype, facts.input_shape) == ("float32", (1, *SIZE, 3))
    assert facts.max_difference <= allowed
    assert 0 <= facts.accuracy <= 1
    assert abs(facts.accuracy_difference) <= 1

    run = Interpreter(model_path=str(path)).get_signature_runner()
    answer = run(pixels=PIXELS[:1].astype(np.float32))["probabilities"]
    expected = tf.nn.softmax(exportable.model.predict(PIXELS[:1].astype(np.float32), verbose=0) / 1.7)
    assert answer.dtype == np.float32
    np.testing.assert_allclose(answer, expected, atol=allowed)

    about = json.loads(path.with_suffix(".json").read_text())
    assert about["class_names"] == list(HOSTILE)
    assert about["sha256"] == facts.sha256


def test_without_labels_the_samples_are_compared(exportable, tmp_path):
    facts = export_litert(exportable, tmp_path)
    assert facts.file == "tiny_photos_float32.tflite"
    assert (facts.accuracy, facts.accuracy_difference, facts.n) == (None, None, 3)
    assert facts.max_difference < 1e-4


@pytest.mark.slow
def test_a_bundle_lists_its_litert_files(exportable, tmp_path):
    folder = export_saved_model(exportable, tmp_path)
    export_litert(exportable, folder)
    facts = export_litert(exportable, folder)
    assert (folder / "assets.extra" / "litert" / facts.file).is_file()
    assert read_bundle(tmp_path, verify=True)[1].litert == (facts,)


def test_a_mixed_precision_model_converts(card, tmp_path):
    facts = export_litert(exportable_of(card, "mixed_float16"), tmp_path)
    assert facts.max_difference < 2e-2


def test_answers_that_are_no_numbers_are_refused(card, tmp_path):
    exportable = exportable_of(card)
    exportable.head.bias.assign([float("nan")] * len(HOSTILE))
    with pytest.raises(ParityError, match="differs from the model by nan"):
        export_litert(exportable, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_what_cannot_work_is_refused(exportable, tmp_path):
    with pytest.raises(BundleError, match=r"no calibration examples.*Pass training examples"):
        export_litert(exportable, tmp_path, "int8", calibration=[])
    with pytest.raises(BundleError, match="kind 'int4'"):
        export_litert(exportable, tmp_path, "int4")
    assert list(tmp_path.iterdir()) == []
