"""Trust, clean and suggest on real digits: from a run folder, or from data alone."""

import csv
import json

import numpy as np
import pytest
from PIL import Image

import tlzoo
from tlzoo.errors import DataError, RunError, UsageError
from tlzoo.workflows.clean import write_csv
from tlzoo.workflows.foreign import FILE, known_of

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("tiny")]

SMALL = {"backbone": "tiny", "validation": 0.2, "test": 0.25}
WRONG = (5, 7, 9, 11, 13, 15)
"""Zeros that stand a second time under another label."""


def named(found):
    """Returns which of the wrong ones were named."""
    return {item for each in found.suspects if "wrong" in (item := each.item)}


@pytest.fixture(scope="module")
def photos(photos, digits):
    """The digits; one more is a copy in another format, some are copies under another label."""
    Image.fromarray(digits[0][3]).save(photos / "digit 0" / "copy.bmp")
    for at in WRONG:
        Image.fromarray(digits[0][at]).save(photos / "digit 2" / f"wrong{at}.png")
    return photos


@pytest.fixture(scope="module")
def run(tiny, photos, tmp_path_factory):
    return tlzoo.train(photos, out=tmp_path_factory.mktemp("runs") / "run", epochs=30, **SMALL)


@pytest.fixture(scope="module")
def noise(tmp_path_factory):
    """A folder of pictures that are no digits, and one that is no picture."""
    folder = tmp_path_factory.mktemp("noise")
    random = np.random.default_rng(0)
    for number in range(12):
        pixels = random.integers(0, 256, (32, 32, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / f"{number:02d}.png")
    (folder / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\nno")
    return folder


class TestTrust:
    def test_training_measures_what_costs_nothing(self, run):
        trust = run.metrics["trust"]
        assert trust["conformal"]["coverage"] == 0.9
        assert trust["calibration"]["changed_by_temperature"] == 0
        assert 'id="trust"' in run.report.read_text()
        assert not (run.path / FILE).exists() or "ood" in trust

    def test_foreign_pictures_are_found(self, run, noise):
        found = tlzoo.trust(run, coverage=0.8, method="aps", foreign=noise)
        assert found["ood"]["foreign"] == {"source": str(noise), "n": 12}
        assert set(found["ood"]["scores"]) == {"mahalanobis", "knn", "energy"}
        assert found["ood"]["scores"]["mahalanobis"]["auroc"] > 0.9
        kept = json.loads((run.path / "metrics.json").read_text())
        assert kept["trust"]["conformal"]["method"] == "aps"
        assert kept["test"] == run.metrics["test"]
        assert "Foreign: 12 items" in run.report.read_text()

    def test_the_detector_is_kept_in_the_run_folder(self, run, monkeypatch):
        first = known_of(run)
        assert (run.path / FILE).is_file()
        monkeypatch.setattr("tlzoo.workflows.foreign.ood.fit_mahalanobis", None)
        again = known_of(tlzoo.open_run(run.path))
        rows = np.load(run.path / "predictions.npz")["test_features"]
        assert np.array_equal(first.detector(rows), again.detector(rows))
        assert (again.threshold, again.n) == (first.threshold, first.n)

    def test_data_that_is_gone_costs_only_what_needs_it(self, tiny, digits, tmp_path):
        out = tmp_path / "memory"
        tlzoo.train(digits, out=out, epochs=2, **SMALL)
        found = tlzoo.trust(out)
        assert found["ood"] is None
        assert "in memory" in found["ood_reason"]
        assert found["conformal"]["n"] > 0
        with pytest.raises(RunError, match="in memory"):
            tlzoo.trust(out, foreign=[digits[0][0]])
        assert tlzoo.trust(tlzoo.open_run(out, digits))["ood"]["foreign"] is None

    def test_numbers_have_foreign_inputs_too(self, tiny, digits, tmp_path):
        values = digits[0].mean(axis=(1, 2, 3))
        number = tlzoo.train((digits[0], values), task="regression", out=tmp_path / "run", epochs=5, **SMALL)
        found = tlzoo.trust(number)
        assert set(found) == {"ood"}
        assert set(found["ood"]["scores"]) == {"mahalanobis", "knn"}
        assert "Foreign inputs" in number.report.read_text()

    def test_a_tuned_backbone_is_measured_with_its_own_weights(self, tiny, photos, noise, tmp_path):
        options = {"recipe": "fine_tune", "head_epochs": 3, "epochs": 1, "batch_size": 16}
        tuned = tlzoo.train(photos, out=tmp_path / "tuned", **SMALL, **options)
        found = tlzoo.trust(tuned, foreign=noise)["ood"]["scores"]["mahalanobis"]
        assert found["test_flagged"] < 0.5 < found["foreign_flagged"]

    @pytest.mark.parametrize("coverage", [0, 1, 1.5, -0.1])
    def test_refuses_a_coverage_that_is_no_share(self, run, coverage):
        with pytest.raises(UsageError, match="coverage"):
            tlzoo.trust(run, coverage=coverage)


class TestExport:
    def test_a_bundle_carries_what_trust_left(self, run, noise, tmp_path):
        tlzoo.trust(run, coverage=0.9)
        bundle = run.export(tmp_path / "told")
        facts = bundle.facts
        assert (facts.ood.method, facts.ood.threshold) == ("mahalanobis", known_of(run).threshold)
        assert facts.conformal.coverage == 0.9
        assert facts.conformal.floors[0] == -run.metrics["trust"]["conformal"]["thresholds"][0]
        foreign = bundle.predict([noise])
        assert sum(one.ood_score > facts.ood.threshold for one in foreign if one.error is None) >= 10
        assert run.export(tmp_path / "none", ood="none").facts.ood is None

    def test_sets_of_ranks_are_not_told(self, run, tmp_path):
        tlzoo.trust(run, method="aps")
        assert run.export(tmp_path / "b", ood="energy").facts.conformal is None

    def test_energy_needs_no_data(self, run, tmp_path):
        facts = run.export(tmp_path / "b", ood="energy").facts
        assert facts.ood.method == "energy"
        assert "ood_score" in facts.signatures["serving_default"].outputs

    def test_refuses_methods_nobody_knows(self, run, tmp_path):
        with pytest.raises(UsageError, match="ood_score"):
            run.export(tmp_path / "b", ood="luck")


class TestClean:
    def test_names_the_wrong_label_and_the_copies(self, run, photos):
        found = tlzoo.clean(photos, run=run)
        pairs = {frozenset(each.items): each for each in found.twins}
        copy = pairs[frozenset({"digit 0/003.png", "digit 0/copy.bmp"})]
        wrong = pairs[frozenset({"digit 0/007.png", "digit 2/wrong7.png"})]
        assert not copy.conflicts
        assert wrong.conflicts
        assert wrong in found.conflicts
        assert {each.how for each in (copy, wrong)} <= {"same", "looks", "features"}
        assert len(named(found)) >= len(WRONG) / 2
        assert {each.suggested for each in found.suspects if "wrong" in each.item} == {"digit 0"}
        assert {each.split for each in found.suspects} <= {"train", "validation", "test"}
        assert found.items == 121 + len(WRONG)
        json.dumps(found.to_dict())

    def test_without_a_run_there_are_no_splits_and_no_leaks(self, photos):
        found = tlzoo.clean(photos, backbone="tiny")
        assert found.backbone == "tiny"
        assert found.leaks == []
        assert named(found)

    def test_copies_across_given_splits_leak(self, digits, tmp_path):
        images, labels = digits
        for part, some in (("train", range(0, 120, 2)), ("test", [1, 3, 41, 81, 0])):
            for at in some:
                folder = tmp_path / part / str(labels[at])
                folder.mkdir(parents=True, exist_ok=True)
                Image.fromarray(images[at]).save(folder / f"{at:03d}.{'png' if part == 'train' else 'bmp'}")
        leaks = tlzoo.clean(tmp_path, backbone="tiny").leaks
        assert ("test/0/000.bmp", "train/0/000.png") in {tuple(sorted(each.items)) for each in leaks}

    def test_a_file_of_findings(self, run, photos, tmp_path):
        found = tlzoo.clean(photos, run=run.path)
        write_csv(found, tmp_path / "found.csv")
        with (tmp_path / "found.csv").open() as file:
            rows = list(csv.DictReader(file))
        assert len(rows) == len(found.suspects) + len(found.twins)
        assert {row["finding"] for row in rows} <= {"label", "near", "leak", "conflict"}
        assert any(row["item"] in named(found) and row["finding"] == "label" for row in rows)

    def test_numbers_have_copies_but_no_labels_to_doubt(self, digits):
        found = tlzoo.clean((digits[0], np.arange(120.0)), backbone="tiny", task="regression")
        assert (found.accuracy, found.noise, found.suspects) == (None, None, ())

    def test_refuses_two_sources_of_features(self, run, photos):
        with pytest.raises(UsageError, match="backbone"):
            tlzoo.clean(photos, run=run, backbone="tiny")

    def test_refuses_a_run_of_the_other_modality(self, run, corpus):
        with pytest.raises(UsageError, match="holds texts"):
            tlzoo.clean(corpus, run=run)


class TestSuggest:
    def test_names_files_below_the_folder(self, run, photos, noise):
        found = tlzoo.suggest(run, noise, n=5)
        assert len({each.item for each in found}) == 5
        assert {each.item for each in found} <= {f"{number:02d}.png" for number in range(12)}
        assert all(each.label in run.class_names and 0 <= each.doubt <= 1 for each in found)
        assert tlzoo.suggest(run, photos, n=1, strategy="margin")[0].item.startswith("digit ")

    def test_the_most_doubtful_first(self, run, photos):
        doubts = [each.doubt for each in tlzoo.suggest(run, photos, n=200, strategy="margin")]
        assert doubts == sorted(doubts, reverse=True)
        assert len(doubts) == 121 + len(WRONG)

    def test_farthest_from_what_is_known(self, run, photos, noise, tmp_path):
        mixed = tmp_path / "mixed"
        mixed.mkdir()
        for number, file in enumerate(
            [*sorted(photos.rglob("*.png"))[:20], *sorted(noise.glob("0*.png"))[:3]]
        ):
            mixed.joinpath(f"{number:02d}.png").write_bytes(file.read_bytes())
        found = tlzoo.suggest(run, mixed, n=2, strategy="coreset")
        assert found[0].item in {"20.png", "21.png", "22.png"}

    def test_items_in_memory(self, run, digits):
        found = tlzoo.suggest(run, list(digits[0][:6]), n=3)
        assert {each.item for each in found} <= {f"array:{number}" for number in range(6)}

    def test_refusals(self, run, tmp_path, photos):
        with pytest.raises(UsageError, match="strategy"):
            tlzoo.suggest(run, photos, strategy="luck")
        with pytest.raises(UsageError, match="suggestions"):
            tlzoo.suggest(run, photos, n=0)
        (tmp_path / "empty").mkdir()
        for missing in (tmp_path / "empty", tmp_path / "nowhere"):
            with pytest.raises(DataError, match="no images"):
                tlzoo.suggest(run, missing)
