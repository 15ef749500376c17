"""Training end to end on real digits: what moves, what does not, and what a killed run gives."""

import json

import keras
import numpy as np
import pytest

import tlzoo
from tlzoo.errors import RunError, UnknownNameError
from tlzoo.training.rundir import RunDir

pytestmark = pytest.mark.usefixtures("tiny")

SMALL = {"backbone": "tiny", "validation": 0.2, "test": 0.25}
TUNE = SMALL | {"recipe": "fine_tune", "head_epochs": 5, "epochs": 3, "batch_size": 16, "dropout": 0.2}


@pytest.fixture(scope="module")
def probe(tiny, digits, tmp_path_factory):
    out = tmp_path_factory.mktemp("probe") / "run"
    return tlzoo.train(digits, recipe="feature_extraction", out=out, epochs=20, **SMALL)


@pytest.fixture(scope="module")
def tuned(tiny, digits, tmp_path_factory):
    return tlzoo.train(digits, out=tmp_path_factory.mktemp("tuned") / "run", **TUNE)


def test_features_tell_digits_apart(probe):
    scores = probe.evaluate()
    assert scores.accuracy > 0.6 > probe.metrics["majority"]["accuracy"]


def test_a_run_folder_holds_everything_it_promises(probe):
    names = {path.name for path in probe.path.iterdir()}
    assert names >= {
        "config.json", "plan.json", "card.json", "labels.json", "splits.csv", "log.jsonl", "tensorboard",
        "weights.npz", "predictions.npz", "metrics.json", "mistakes", "report.html",
    }  # fmt: skip
    assert "checkpoints" not in names


def test_config_says_how_to_reproduce(probe):
    config = probe.folder.config
    assert config["command"].startswith("tlzoo train")
    assert len(config["weights_hash"]) == len(config["data"]["fingerprint"]) == 64
    assert config["versions"]["keras"] == keras.__version__


def test_the_model_is_an_ordinary_keras_model_that_gives_the_recorded_logits(probe, digits):
    with np.load(probe.path / "predictions.npz") as kept:
        index, logits = kept["test_index"], kept["test_logits"]
    again = probe.model.predict(digits[0][index].astype(np.float32), verbose=0)
    np.testing.assert_allclose(again, logits, atol=5e-3)


def test_a_reopened_run_gives_the_same_model(probe, digits):
    reopened = tlzoo.open_run(probe.path, digits)
    pixels = digits[0][:4].astype(np.float32)
    np.testing.assert_array_equal(
        reopened.model.predict(pixels, verbose=0), probe.model.predict(pixels, verbose=0)
    )


def test_features_are_computed_once(digits, tmp_path, probe):
    again = tlzoo.train(digits, recipe="feature_extraction", out=tmp_path / "run", epochs=20, **SMALL)
    assert again.metrics["test"] == probe.metrics["test"]


def test_fine_tuning_moves_what_it_should_and_nothing_else(digits, tmp_path):
    run = tlzoo.train(digits, out=tmp_path / "run", **(TUNE | {"top": 2}))
    fresh = tlzoo.load_backbone("tiny")
    for stage, mine in zip(fresh.stages, run.backbone.stages, strict=True):
        pairs = [
            (np.array(a), np.array(b))
            for one, other in zip(stage.layers, mine.layers, strict=True)
            for a, b in zip(one.weights, other.weights, strict=True)
        ]
        moved = [not np.array_equal(a, b) for a, b in pairs]
        assert any(moved) == (stage.name in ("block", "top")), stage.name


@pytest.mark.slow
def test_batchnorm_statistics_stay_bit_identical(tuned):
    fresh = tlzoo.load_backbone("tiny")
    for mine, theirs in zip(tuned.backbone.batchnorms(), fresh.batchnorms(), strict=True):
        for a, b in zip(mine.weights, theirs.weights, strict=True):
            np.testing.assert_array_equal(np.array(a), np.array(b))


@pytest.mark.slow
def test_batchnorm_learns_when_asked(digits, tmp_path):
    run = tlzoo.train(digits, out=tmp_path / "run", **(TUNE | {"batchnorm": "train", "epochs": 1, "top": 0}))
    fresh = tlzoo.load_backbone("tiny")
    pairs = zip(run.backbone.batchnorms(), fresh.batchnorms(), strict=True)
    assert all(not np.array_equal(np.array(a.moving_mean), np.array(b.moving_mean)) for a, b in pairs)


class Stop:
    """Presses Ctrl-C after some calls that speak of a phase."""

    def __init__(self, phase, calls):
        self.phase, self.calls = phase, calls

    def __call__(self, done, total, what):
        if what.startswith(self.phase):
            self.calls -= 1
            if self.calls == 0:
                raise KeyboardInterrupt


@pytest.mark.slow
@pytest.mark.parametrize(("phase", "calls"), [("head", 3), ("tune", 2), ("tune", 9), ("tune", 17)])
def test_an_interrupted_run_resumes_to_the_very_same_result(digits, tmp_path, tuned, phase, calls):
    out = tmp_path / "run"
    with pytest.raises(KeyboardInterrupt):
        tlzoo.train(digits, out=out, progress=Stop(phase, calls), **TUNE)
    assert not RunDir.open(out).finished
    resumed = tlzoo.resume(out, digits)
    with np.load(resumed.path / "weights.npz") as mine, np.load(tuned.path / "weights.npz") as theirs:
        assert len(mine.files) == len(theirs.files)
        for a, b in zip(mine.files, theirs.files, strict=True):
            np.testing.assert_array_equal(mine[a], theirs[b])
    assert resumed.metrics["test"] == tuned.metrics["test"]
    epochs = [(line["phase"], line["epoch"]) for line in log(out)]
    assert epochs == [(line["phase"], line["epoch"]) for line in log(tuned.path)]


def log(path):
    return [json.loads(line) for line in (path / "log.jsonl").read_text().splitlines()]


def test_other_data_cannot_be_slipped_under_a_resumed_run(digits, tmp_path):
    out = tmp_path / "run"
    with pytest.raises(KeyboardInterrupt):
        tlzoo.train(digits, out=out, progress=Stop("tune", 2), **TUNE)
    images, labels = digits
    with pytest.raises(RunError, match="has changed"):
        tlzoo.resume(out, (255 - images, labels))


def test_a_misspelt_option_fails_before_anything_is_written(digits, tmp_path):
    with pytest.raises(UnknownNameError, match="Did you mean 'epochs'"):
        tlzoo.train(digits, backbone="tiny", out=tmp_path / "run", epoch=3)
    assert not (tmp_path / "run").exists()


@pytest.mark.slow
def test_scratch_starts_elsewhere_and_is_reproducible(digits, tmp_path):
    options = SMALL | {"recipe": "scratch", "epochs": 1, "batch_size": 16}
    first = tlzoo.train(digits, out=tmp_path / "a", **options)
    second = tlzoo.train(digits, out=tmp_path / "b", **options)
    assert first.folder.config["weights_hash"] == second.folder.config["weights_hash"]
    assert first.metrics["test"] == second.metrics["test"]


def test_scratch_answers_what_it_has_learned_however_short_it_trains(digits, tmp_path):
    """With Keras's own momentum these 75 steps end at chance, with nearly all training examples right."""
    run = tlzoo.train(
        digits,
        out=tmp_path / "run",
        recipe="scratch",
        engine="graph",
        batch_size=16,
        **(SMALL | {"epochs": 15}),
    )
    assert run.metrics["test"]["accuracy"] > 0.6 > run.metrics["majority"]["accuracy"]
    assert {layer.momentum for layer in run.backbone.batchnorms()} == {0.99}


@pytest.mark.slow
def test_class_weights_and_views_and_sgd_run(digits, tmp_path):
    run = tlzoo.train(
        digits, recipe="feature_extraction", out=tmp_path / "run", views=1, class_weights="balanced", crop=0.8,
        epochs=3, **SMALL,
    )  # fmt: skip
    assert run.folder.plan.phases[0].views == 1
    run = tlzoo.train(
        digits, out=tmp_path / "sgd", optimizer="sgd", schedule="one_cycle", mixup=0.2, class_weights="sqrt",
        patience=1, **(TUNE | {"epochs": 2}),
    )  # fmt: skip
    assert run.evaluate().n == 30


@pytest.mark.slow
def test_evaluating_other_data_and_exporting(probe, digits, tmp_path):
    images, labels = digits
    scores = probe.evaluate((images[::2], labels[::2]))
    assert scores.n == 60
    assert scores.accuracy > 0.7
    bundle = probe.export(tmp_path / "digits")
    answers = bundle.predict(list(images[:6]))
    logits = probe.model.predict(images[:6].astype(np.float32), verbose=0)
    assert [answer.label for answer in answers] == [probe.class_names[at] for at in logits.argmax(axis=1)]


def test_comparing_runs(probe, tuned):
    comparison = tlzoo.compare(probe, tuned)
    assert len(comparison.rows) == 2
