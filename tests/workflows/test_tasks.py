"""Regression and several labels end to end on real digits: data to bundle, in the units and names of the labels."""

import csv
import json

import keras
import numpy as np
import pytest

import tlzoo
from tlzoo.cli.main import main
from tlzoo.errors import DataError, UsageError

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("tiny")]

SMALL = {"backbone": "tiny", "validation": 0.2, "test": 0.25}
TUNE = SMALL | {"recipe": "fine_tune", "head_epochs": 5, "epochs": 2, "batch_size": 16, "dropout": 0.2}


@pytest.fixture(scope="module")
def brightness(digits):
    """Images with a number far from 0 and 1: what a head in standardised units would get wrong."""
    images = digits[0]
    return images, 1000 + 100 * images.mean(axis=(1, 2, 3))


@pytest.fixture(scope="module")
def features_of_digits(digits):
    """Images with zeros and ones: whether it is a 1, whether it is a 2, whether it is bright."""
    images, labels = digits
    bright = images.mean(axis=(1, 2, 3)) > np.median(images.mean(axis=(1, 2, 3)))
    return images, np.stack([labels == 1, labels == 2, bright], axis=1).astype(np.uint8)


@pytest.fixture(scope="module")
def number(tiny, brightness, tmp_path_factory):
    out = tmp_path_factory.mktemp("number") / "run"
    return tlzoo.train(brightness, task="regression", out=out, epochs=60, **SMALL)


@pytest.fixture(scope="module")
def several(tiny, features_of_digits, tmp_path_factory):
    out = tmp_path_factory.mktemp("several") / "run"
    return tlzoo.train(features_of_digits, task="multilabel", out=out, epochs=40, **SMALL)


class TestRegression:
    def test_it_beats_the_mean_in_the_unit_of_the_labels(self, number):
        scores = number.evaluate()
        assert scores.rmse < 0.5 * number.metrics["baseline"]["rmse"]
        assert scores.r2 > 0.7

    def test_the_plan_records_the_task_and_smooths_nothing(self, number, brightness):
        assert number.folder.plan.task == "regression"
        plan = tlzoo.plan(brightness, backbone="tiny", recipe="fine_tune", task="regression")
        assert {phase.label_smoothing for phase in plan.phases} == {0.0}

    def test_the_model_gives_the_numbers_that_were_recorded(self, number, brightness):
        with np.load(number.path / "predictions.npz") as kept:
            index, logits = kept["test_index"], kept["test_logits"]
        again = number.model.predict(brightness[0][index].astype(np.float32), verbose=0)
        assert again.shape == (len(index), 1)
        np.testing.assert_allclose(again, logits, rtol=1e-4)

    def test_the_band_holds_what_it_promises_where_it_was_fitted(self, number):
        band = number.metrics["band"]
        with np.load(number.path / "predictions.npz") as kept:
            errors = np.abs(kept["validation_labels"] - kept["validation_logits"][:, 0])
        assert (errors <= band["radius"] + 1e-6).mean() >= band["level"]
        assert 0 <= band["coverage"] <= 1

    def test_the_report_shows_it(self, number):
        page = number.report.read_text()
        for words in ("Predicted and true", 'class="dot"', "Always the mean", "Mean absolute error"):
            assert words in page
        assert "What was taken for what" not in page

    def test_splits_hold_numbers(self, number, brightness):
        with (number.path / "splits.csv").open() as file:
            rows = list(csv.DictReader(file))
        assert all(float(row["label"]) == brightness[1][int(row["index"])] for row in rows)

    def test_a_reopened_run_evaluates_other_data(self, number, brightness):
        images, values = brightness
        reopened = tlzoo.open_run(number.path, brightness)
        assert reopened.evaluate((images[:30], values[:30])).r2 > 0.7

    def test_the_bundle_answers_in_the_unit_of_the_labels(self, number, brightness, tmp_path):
        bundle = number.export(tmp_path / "number")
        images = brightness[0][:5]
        wanted = number.model.predict(images.astype(np.float32), verbose=0)[:, 0]
        answers = bundle.predict(list(images))
        np.testing.assert_allclose([answer.value for answer in answers], wanted, rtol=1e-4)
        band = number.metrics["band"]["radius"]
        assert answers[0].high - answers[0].value == pytest.approx(band, rel=1e-3)
        assert bundle.facts.task == "regression"
        assert bundle.facts.band == band
        assert set(bundle.facts.signatures) == {"serving_default", "pixels", "features", "regress"}
        assert set(bundle.facts.parity.checked) == set(bundle.facts.signatures)
        assert bundle.facts.signatures["regress"].outputs["outputs"].shape == (None, 1)

    def test_the_regress_signature_is_marked_as_one(self, number, tmp_path):
        bundle = number.export(tmp_path / "number")
        from tensorflow.core.protobuf.saved_model_pb2 import SavedModel

        saved = SavedModel.FromString((bundle.folder / "saved_model.pb").read_bytes())
        methods = {key: one.method_name for key, one in saved.meta_graphs[0].signature_def.items()}
        assert methods["regress"] == "tensorflow/serving/regress"
        assert methods["serving_default"] == "tensorflow/serving/predict"
        assert tlzoo.load_bundle(bundle.folder, verify=True)

    def test_litert_gives_the_value(self, number, tmp_path):
        facts = number.export_litert(tmp_path)
        assert facts.rmse == pytest.approx(number.metrics["test"]["rmse"], rel=1e-3)
        assert facts.accuracy is None

    def test_fine_tuning_goes_on_from_the_head_in_standardised_units(self, brightness, tmp_path):
        run = tlzoo.train(brightness, task="regression", out=tmp_path / "run", **TUNE)
        log = [json.loads(line) for line in (run.path / "log.jsonl").read_text().splitlines()]
        head, tune = ([line for line in log if line["phase"] == name] for name in ("head", "tune"))
        assert tune[0]["val_loss"] < 3 * head[-1]["val_loss"] + 1
        assert {"mae", "val_mae"} <= set(tune[0])
        assert run.evaluate().rmse < run.metrics["baseline"]["rmse"]

    def test_from_scratch_begins_at_the_mean(self, brightness, tmp_path):
        run = tlzoo.train(
            brightness, task="regression", recipe="scratch", epochs=1, out=tmp_path / "run", **SMALL
        )
        assert run.evaluate().rmse < 3 * run.metrics["baseline"]["rmse"]

    def test_class_weights_are_refused(self, brightness, tmp_path):
        with pytest.raises(UsageError, match="class_weights=balanced for the task regression"):
            tlzoo.train(brightness, task="regression", class_weights="balanced", backbone="tiny")

    def test_a_data_frame_with_a_column_called_task_is_none_of_a_dataset(self, digits, tmp_path):
        pandas = pytest.importorskip("pandas")
        _table(tmp_path, *digits)
        frame = pandas.read_csv(tmp_path / "table.csv").assign(task="x")
        frame["path"] = [str(tmp_path / name) for name in frame["path"]]
        assert tlzoo.plan(frame, backbone="tiny").task == "classification"

    @pytest.mark.parametrize(("phase", "calls"), [("head", 3), ("tune", 7)])
    def test_an_interrupted_run_ends_as_if_nothing_had_happened(self, brightness, tmp_path, phase, calls):
        whole = tlzoo.train(brightness, task="regression", out=tmp_path / "whole", **TUNE)
        left = [calls]

        def stop(done, total, what):
            left[0] -= what.startswith(phase)
            if not left[0]:
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            tlzoo.train(brightness, task="regression", out=tmp_path / "run", progress=stop, **TUNE)
        resumed = tlzoo.resume(tmp_path / "run", brightness)
        assert resumed.metrics["test"] == whole.metrics["test"]


class TestMultilabel:
    def test_it_beats_the_commonest_labels(self, several):
        scores = several.evaluate()
        assert scores.macro_f1 > several.metrics["baseline"]["macro_f1"] + 0.2
        assert scores.mean_average_precision > 0.8
        assert [each.name for each in scores.per_label] == ["0", "1", "2"]

    def test_thresholds_and_temperature_stand_in_the_metrics(self, several):
        assert len(several.metrics["thresholds"]) == 3
        assert several.temperature > 0

    def test_the_report_shows_it(self, several):
        page = several.report.read_text()
        for words in ("Label by label", "Average precision", "Always the commonest set", "macro F1"):
            assert words in page

    def test_evaluating_other_data(self, several, features_of_digits):
        images, labels = features_of_digits
        assert several.evaluate((images[::2], labels[::2])).micro_f1 > 0.7

    def test_the_bundle_answers_with_labels(self, several, features_of_digits, tmp_path):
        bundle = several.export(tmp_path / "several")
        images = features_of_digits[0][::20]
        answers = bundle.predict(list(images))
        logits = several.model.predict(images.astype(np.float32), verbose=0)
        wanted = 1 / (1 + np.exp(-logits / several.temperature))
        np.testing.assert_allclose([list(one.probabilities.values()) for one in answers], wanted, atol=1e-3)
        assert bundle.facts.thresholds == several.thresholds
        outputs = bundle.facts.signatures["serving_default"].outputs
        assert {name: facts.dtype for name, facts in outputs.items()} == {
            "probabilities": "float32", "predicted": "bool", "label_names": "string",
        }  # fmt: skip
        assert set(bundle.facts.parity.checked) == {"serving_default", "pixels", "features", "classify"}

    def test_litert_measures_decisions(self, several, tmp_path):
        assert several.export_litert(tmp_path).accuracy > 0.8

    def test_fine_tuning_runs(self, features_of_digits, tmp_path):
        run = tlzoo.train(features_of_digits, task="multilabel", out=tmp_path / "run", **TUNE)
        line = json.loads((run.path / "log.jsonl").read_text().splitlines()[-1])
        assert {"label_accuracy", "val_label_accuracy"} <= set(line)


def test_runs_of_different_tasks_are_not_compared(number, several):
    with pytest.raises(UsageError, match="learned regression, and"):
        tlzoo.compare(number, several)


@pytest.mark.parametrize("metric", [None, "mae", "r2"])
def test_comparing_regressions(number, metric):
    comparison = tlzoo.compare(number, number, metric=metric)
    assert comparison.metric == (metric or "rmse")
    assert comparison.pairs[0].paired
    assert comparison.pairs[0].verdict == "no difference"


@pytest.mark.parametrize("metric", [None, "micro_f1", "mean_average_precision"])
def test_comparing_several_labels(several, metric):
    value = tlzoo.compare(several, metric=metric).rows[0].value
    assert value.estimate == pytest.approx(several.metrics["test"][metric or "macro_f1"])


def test_the_command_line_learns_and_predicts_numbers(brightness, tmp_path, capsys):
    table = _table(tmp_path, brightness[0], brightness[1])
    out = tmp_path / "run"
    words = ["train", str(table), "--task", "regression", "--backbone", "tiny", "--set", "epochs=5"]
    assert main([*words, "--out", str(out), "--quiet"]) == 0
    assert "test RMSE" in capsys.readouterr().out
    config = json.loads((out / "config.json").read_text())
    assert "--task regression" in config["command"]
    assert main(["evaluate", str(out), str(table), "--quiet"]) == 0
    assert "RMSE" in capsys.readouterr().out
    assert main(["export", str(out), str(tmp_path / "bundle"), "--quiet"]) == 0
    capsys.readouterr()
    csv_file = tmp_path / "out.csv"
    assert main(["predict", str(tmp_path / "bundle"), str(tmp_path / "0.png"), "--csv", str(csv_file)]) == 0
    assert csv_file.read_text().splitlines()[0] == "item,value,low,high,error"
    assert main(["compare", str(out), "--json"]) == 0


def _table(folder, images, labels):
    from PIL import Image

    rows = ["path,label"]
    for at, (image, label) in enumerate(zip(images, labels, strict=True)):
        Image.fromarray(image).save(folder / f"{at}.png")
        rows.append(f"{at}.png,{label}")
    (folder / "table.csv").write_text("\n".join(rows))
    return folder / "table.csv"


def test_a_constant_number_is_refused(digits):
    with pytest.raises(DataError, match="is 3"):
        tlzoo.load((digits[0], np.full(len(digits[0]), 3.0)), task="regression")


def test_keras_is_the_only_keras(number):
    assert isinstance(number.model, keras.Model)


@pytest.mark.parametrize("trained", ["number", "several"])
def test_opened_again_it_answers_without_its_data(trained, digits, request):
    run = request.getfixturevalue(trained)
    again = tlzoo.open_run(run.path)  # the data was given in memory, and is not given again
    for mine, theirs in zip(again.predict(digits[0][:4]), run.predict(digits[0][:4]), strict=True):
        assert mine.labels == theirs.labels
        assert mine.value == pytest.approx(theirs.value, abs=1e-3)
        assert mine.probabilities == pytest.approx(theirs.probabilities, abs=1e-4)
