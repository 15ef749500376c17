"""What attempts are judged by, and what is left of them."""

import json

import numpy as np
import pytest

import tlzoo
from tlzoo.workflows.attempts import Attempt, attempt, judged, lighten, read_attempt
from tlzoo.workflows.carry import Prepared
from tlzoo.workflows.prepare import prepare
from tlzoo.workflows.request import Request
from tlzoo.workflows.train import resume

REQUEST = Request(backbone="tiny", validation=0.2, test=0.25, options={"epochs": 2})


class TestJudging:
    def test_classes_by_calibrated_cross_entropy(self):
        labels = np.array([0, 1] * 50)
        logits = np.where(np.arange(100)[:, None] < 80, np.eye(2)[labels], np.eye(2)[1 - labels]) * 10.0
        losses, shown = judged("classification", logits.astype(np.float32), labels)
        assert shown == 0.8
        assert losses.mean() == pytest.approx(
            -0.8 * np.log(0.8) - 0.2 * np.log(0.2), abs=0.02
        )  # not 10 * 0.2

    def test_numbers_by_their_share_of_the_variance(self):
        labels = np.array([0.0, 2.0, 4.0])
        losses, shown = judged("regression", np.full((3, 1), 2.0, np.float32), labels)
        assert losses.mean() == pytest.approx(1)
        assert shown == pytest.approx(4 / 3)

    def test_sets_by_cross_entropy_over_labels(self):
        labels = np.array([[0, 1], [1, 0], [1, 1], [0, 0]], np.uint8)
        losses, shown = judged("multilabel", (labels * 8.0 - 4).astype(np.float32), labels)
        assert losses.shape == (4,)
        assert shown == 1.0
        assert losses.mean() < 0.3

    @pytest.mark.parametrize("value", [np.nan, np.inf])
    def test_what_diverged_loses_against_anything(self, value):
        losses, _ = judged("classification", np.array([[value, 0.0], [0, 1]], np.float32), np.array([0, 1]))
        assert np.isinf(losses).all()

    def test_gains_are_paired(self, tmp_path):
        base = np.linspace(0, 1, 100)
        gain, error = Attempt(tmp_path, base - 0.1, 0, 0).gain_over(Attempt(tmp_path, base, 0, 0))
        assert (gain, error) == (pytest.approx(0.1), pytest.approx(0, abs=1e-9))


@pytest.mark.usefixtures("tiny")
class TestAttempts:
    def test_the_test_split_is_not_looked_at_until_it_is_finished(self, digits, tmp_path):
        made = Prepared(*prepare(digits, REQUEST))
        found = attempt(tmp_path / "a", made, REQUEST)
        assert not (tmp_path / "a" / "predictions.npz").exists()
        assert "test" not in json.dumps(json.loads((tmp_path / "a" / "attempt.json").read_text()))
        run = resume(tmp_path / "a", digits)
        assert run.metrics["validation"]["accuracy"] == pytest.approx(found.shown)
        plain = tlzoo.train(
            digits, backbone="tiny", out=tmp_path / "plain", validation=0.2, test=0.25, epochs=2
        )
        assert run.metrics["test"] == plain.metrics["test"]

    def test_what_is_done_is_read_and_not_done_again(self, digits, tmp_path):
        made = Prepared(*prepare(digits, REQUEST))
        first = attempt(tmp_path / "a", made, REQUEST)
        lighten(tmp_path / "a")
        again = attempt(tmp_path / "a", made, REQUEST)
        np.testing.assert_array_equal(again.losses, first.losses)
        assert (again.seconds, again.shown, again.cut) == (first.seconds, first.shown, False)
        assert not (tmp_path / "a" / "weights.npz").exists()
        assert read_attempt(tmp_path / "b") is None
