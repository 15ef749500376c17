import numpy as np
import pytest

from tlzoo.tasks.classification import Classification, class_weights


def test_the_head_starts_unbiased():
    head = Classification(("a", "b", "c")).head()
    logits = head(np.ones((2, 5), np.float32))
    assert logits.shape == (2, 3)
    assert not np.asarray(logits).any()


def test_loss_of_logits_by_hand():
    task = Classification(("a", "b"))
    value = task.loss()(task.targets(np.array([0])), np.array([[np.log(3.0), 0.0]], np.float32))
    assert float(value) == pytest.approx(-np.log(0.75), rel=1e-5)


def test_targets_are_one_hot():
    assert Classification(("a", "b", "c")).targets(np.array([2, 0])).tolist() == [[0, 0, 1], [1, 0, 0]]


@pytest.mark.parametrize(("how", "ratio"), [("none", 1), ("sqrt", 3), ("balanced", 9)])
def test_class_weights_have_mean_one_over_the_examples(how, ratio):
    labels = np.array([0] * 90 + [1] * 10)
    weights = class_weights(labels, 2, how)
    assert weights[1] / weights[0] == pytest.approx(ratio, rel=1e-5)
    assert weights[labels].mean() == pytest.approx(1, rel=1e-5)


def test_a_class_without_examples_gets_a_finite_weight():
    assert np.isfinite(class_weights(np.array([0, 0, 2]), 3, "balanced")).all()
