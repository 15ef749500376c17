"""A run answers before its report is made; a backbone that is at hand is not loaded again, and stays as it was."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import tlzoo
from tlzoo.backbones.weights import weights_digest
from tlzoo.errors import RunError
from tlzoo.metrics.ood import energy

pytestmark = pytest.mark.slow


@pytest.fixture
def named(digits):
    images, labels = digits
    return images[:120], np.array(["zero", "one", "two"])[labels[:120]]


def test_a_run_is_asked_before_its_report_is_made(tiny, named, tmp_path):
    seen = []

    def ready(run):
        seen.append((run.report.exists(), run.predict(named[0][:3]), dict(run.metrics)))

    run = tlzoo.train(named, backbone="tiny", out=tmp_path / "run", epochs=8, engine="graph", ready=ready)
    ((reported, early, metrics),) = seen
    assert not reported
    assert [one.label for one in early] == [one.label for one in run.predict(named[0][:3])]
    for name in ("test", "validation", "temperature", "trust"):
        assert metrics[name] == run.metrics[name]


def test_a_loaded_backbone_gives_the_same_run_and_stays_as_it_was(tiny, named, tmp_path):
    loaded = tlzoo.load_backbone("tiny")
    before = weights_digest(loaded.model.weights)
    first = tlzoo.train(named, backbone=loaded, out=tmp_path / "a", epochs=8, engine="graph")
    plain = tlzoo.train(named, backbone="tiny", out=tmp_path / "b", epochs=8, engine="graph")
    assert first.backbone is loaded
    assert plain.backbone is not loaded
    assert first.evaluate().to_dict() == plain.evaluate().to_dict()
    tuned = tlzoo.train(named, backbone=loaded, recipe="fine_tune", out=tmp_path / "c", epochs=1)
    assert tuned.backbone is not loaded
    assert weights_digest(loaded.model.weights) == before
    reopened = tlzoo.open_run(tmp_path / "a", named)
    assert reopened.predict(named[0][:1])[0].label == first.predict(named[0][:1])[0].label


def test_answers_are_those_of_the_evaluation_and_broken_items_stand_among_them(tiny, named, tmp_path):
    run = tlzoo.train(named, backbone="tiny", out=tmp_path / "run", epochs=8, engine="graph")
    expected = run.probabilities(run.dataset)
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"nothing")
    answers = run.predict([named[0][0], broken, named[0][1]])
    assert answers[1].item == str(broken)
    assert answers[1].error is not None
    for answer, row in zip(answers[::2], expected, strict=False):
        assert list(answer.probabilities.values()) == pytest.approx(row.tolist(), abs=1e-4)
        assert answer.score == max(answer.probabilities.values())


@pytest.mark.parametrize("task", ["regression", "multilabel"])
def test_other_tasks_answer_in_their_own_terms(tiny, digits, tmp_path, task):
    images, labels = digits[0][:60], digits[1][:60]
    sets = [f"{label};odd" if at % 2 else str(label) for at, label in enumerate(labels)]
    told = [float(label) for label in labels] if task == "regression" else sets
    data = tlzoo.load((images, told), task=task)
    run = tlzoo.train(data, backbone="tiny", out=tmp_path / "run", epochs=8, engine="graph")
    (answer,) = run.predict([images[0]])
    (row,) = run.probabilities(run.dataset.subset([0]))
    if task == "regression":
        assert answer.value == pytest.approx(float(row[0]), rel=1e-3, abs=1e-3)
        assert answer.high - answer.value == pytest.approx(run.band)
    else:
        assert list(answer.probabilities.values()) == pytest.approx(row.tolist(), abs=1e-3)
        assert set(answer.labels) == {
            n for n, p, t in zip(run.class_names, row, run.thresholds, strict=True) if p >= t
        }


def test_words_are_explained_by_asking_alone():
    def ask(texts):
        good = np.array([0.9 if "good" in text else 0.2 for text in texts])
        return np.stack([good, 1 - good], axis=1)

    pushes = dict(tlzoo.explain_words("a good film", ask))
    assert "".join(pushes) == "a good film"
    assert pushes["good "] == 1.0
    assert pushes["a "] == 0.0
    assert dict(tlzoo.explain_words("a good film", ask, label=1))["good "] == -1.0


@pytest.fixture(scope="module")
def photos(digits, tmp_path_factory):
    """The digits as files, so that a run can read them again."""
    folder = tmp_path_factory.mktemp("photos") / "data"
    for number, (image, label) in enumerate(zip(*digits, strict=True)):
        (folder / f"digit {label}").mkdir(exist_ok=True, parents=True)
        Image.fromarray(image).save(folder / f"digit {label}" / f"{number:03d}.png")
    return folder


def test_a_run_tells_foreign_items_as_its_bundle_does(tiny, photos, tmp_path):
    run = tlzoo.train(photos, backbone="tiny", out=tmp_path / "run", epochs=8, engine="graph")
    noise = np.random.default_rng(0).integers(0, 256, (32, 32, 3), dtype=np.uint8)
    items = [next(photos.rglob("*.png")), b"broken", noise]
    assert all(one.ood_score is None for one in run.predict(items))
    told = run.predict(items, ood="mahalanobis")
    assert told[1].ood_score is None
    assert told[0].ood_score < run.ood("mahalanobis").threshold < told[2].ood_score
    bundle = run.export(tmp_path / "model")  # with the detector that is there by now
    for mine, theirs in zip(told[::2], bundle.predict(items)[::2], strict=True):
        assert mine.ood_score == pytest.approx(theirs.ood_score, rel=1e-2)
    assert bundle.facts.ood.threshold == run.ood().threshold
    kept = np.load(run.path / "predictions.npz")
    (one,) = run.predict([run.dataset.items[int(kept["validation_index"][0])]], ood="energy")
    assert one.ood_score == pytest.approx(float(energy(kept["validation_logits"])[0]), abs=1e-3)


def test_a_run_answers_where_its_data_is_gone(tiny, photos, tmp_path):
    data = Path(shutil.copytree(photos, tmp_path / "data"))
    run = tlzoo.train(data, backbone="tiny", out=tmp_path / "run", epochs=8, engine="graph")
    items = [path.read_bytes() for path in sorted(data.rglob("*.png"))[:3]]
    told = run.predict(items)
    data.rename(tmp_path / "elsewhere")
    alone = tlzoo.open_run(run.path)
    assert [one.label for one in alone.predict(items)] == [one.label for one in told]
    assert alone.explain(items[:1])[0].label in run.class_names
    with pytest.raises(RunError, match="cannot be read again"):
        alone.ood("mahalanobis")
    assert tlzoo.trust(run.path)["ood"] is None
    (tmp_path / "elsewhere").rename(data)
    assert alone.ood("mahalanobis") is not None
    data.rename(tmp_path / "elsewhere")
    assert (
        tlzoo.open_run(run.path).predict(items)[0].ood_score is not None
    )  # its folder has kept the detector
