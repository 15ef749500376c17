import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics

from tlzoo.metrics.classification import Scores, majority_scores, score


def some(n=200, classes=4, seed=0):
    random = np.random.default_rng(seed)
    labels = random.integers(0, classes, n)
    logits = random.normal(size=(n, classes)) + 2 * np.eye(classes)[labels]
    probabilities = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    return labels, probabilities, [f"class {i}" for i in range(classes)]


def test_equals_scikit_learn_where_every_class_occurs():
    labels, probabilities, names = some()
    found, decisions = score(labels, probabilities, names), probabilities.argmax(axis=1)
    assert found.n == 200
    assert found.accuracy == pytest.approx(metrics.accuracy_score(labels, decisions))
    assert found.balanced_accuracy == pytest.approx(metrics.balanced_accuracy_score(labels, decisions))
    assert found.macro_f1 == pytest.approx(metrics.f1_score(labels, decisions, average="macro"))
    assert found.log_loss == pytest.approx(metrics.log_loss(labels, probabilities))
    assert found.auroc == pytest.approx(metrics.roc_auc_score(labels, probabilities, multi_class="ovr"))
    assert np.array_equal(found.confusion, metrics.confusion_matrix(labels, decisions))


def test_binary_auroc_is_that_of_class_one():
    labels = np.array([0, 0, 1, 1])
    probabilities = np.array([[0.9, 0.1], [0.4, 0.6], [0.45, 0.55], [0.1, 0.9]])
    assert score(labels, probabilities, ["a", "b"]).auroc == pytest.approx(0.75)


def test_by_hand():
    labels = np.array([0, 0, 0, 1])
    probabilities = np.array([[0.8, 0.2], [0.6, 0.4], [0.4, 0.6], [0.3, 0.7]])
    found = score(labels, probabilities, ["a", "b"])
    assert found.accuracy == 0.75
    assert found.balanced_accuracy == pytest.approx((2 / 3 + 1) / 2)
    assert found.per_class[0].precision == 1.0
    assert found.per_class[0].recall == pytest.approx(2 / 3)
    assert found.per_class[1].precision == 0.5
    assert found.macro_f1 == pytest.approx((0.8 + 2 / 3) / 2)
    assert found.log_loss == pytest.approx(-np.log([0.8, 0.6, 0.4, 0.7]).mean())
    assert found.confusion == ((2, 1), (0, 1))


def test_a_class_without_examples_that_nobody_predicts_costs_nothing():
    labels, probabilities = np.array([0, 1]), np.array([[0.9, 0.1, 0.0], [0.1, 0.9, 0.0]])
    found = score(labels, probabilities, ["a", "b", "absent"])
    assert (found.accuracy, found.balanced_accuracy, found.macro_f1) == (1.0, 1.0, 1.0)
    assert found.auroc is None
    absent = found.per_class[2]
    assert (absent.n, absent.precision, absent.recall, absent.f1) == (0, None, None, None)


def test_a_class_without_examples_that_is_predicted_has_f1_zero():
    labels, probabilities = np.array([0, 1]), np.array([[0.9, 0.1, 0.0], [0.1, 0.1, 0.8]])
    found = score(labels, probabilities, ["a", "b", "absent"])
    assert (found.per_class[2].precision, found.per_class[2].recall, found.per_class[2].f1) == (
        0.0,
        None,
        0.0,
    )
    assert found.macro_f1 == pytest.approx(1 / 3)
    assert found.per_class[1].precision is None


def test_a_test_split_of_one_class():
    found = score(np.zeros(3, np.int64), np.array([[0.9, 0.1]] * 2 + [[0.2, 0.8]]), ["a", "b"])
    assert found.accuracy == found.balanced_accuracy == pytest.approx(2 / 3)
    assert found.auroc is None
    assert found.confusion == ((2, 1), (0, 0))


def test_a_task_of_one_class():
    found = score(np.zeros(2, np.int64), np.ones((2, 1)), ["only"])
    assert (found.accuracy, found.log_loss, found.auroc) == (1.0, 0.0, None)


def test_a_certain_mistake_costs_a_finite_loss():
    assert 30 < score(np.array([0]), np.array([[0.0, 1.0]]), ["a", "b"]).log_loss < 40


def test_float32_rows_that_sum_to_nearly_one_are_fine():
    labels, probabilities, names = some(classes=200, n=1000)
    found = score(labels, probabilities.astype(np.float32), names)
    assert len(found.per_class) == 200
    assert found.log_loss == pytest.approx(score(labels, probabilities, names).log_loss, rel=1e-5)


def test_survives_json():
    labels, probabilities, names = some()
    found = score(labels, probabilities, names)
    assert Scores.from_dict(json.loads(json.dumps(found.to_dict()))) == found


def test_majority_predicts_training_frequencies():
    found = majority_scores(np.array([1, 1, 1, 0]), np.array([1, 0, 1, 1]), ["a", "b"])
    assert found.accuracy == 0.75
    assert found.balanced_accuracy == 0.5
    assert found.auroc == 0.5
    assert found.ece == pytest.approx(0.0)
    assert found.log_loss == pytest.approx(-(3 * np.log(0.75) + np.log(0.25)) / 4)


def test_majority_of_nothing():
    with pytest.raises(ValueError, match="0 labels"):
        majority_scores(np.array([], np.int64), np.array([0]), ["a", "b"])


@pytest.mark.parametrize(
    ("labels", "probabilities", "message"),
    [
        ([], np.ones((0, 2)), "0 examples"),
        ([0], np.ones((1, 3)) / 3, r"\(1, 3\).*\(1, 2\)"),
        ([2], np.ones((1, 2)) / 2, r"2 to 2.*0\.\.1"),
        ([-1], np.ones((1, 2)) / 2, "-1"),
        ([0], [[np.nan, 0.5]], "finite"),
        ([0], [[1.5, -0.5]], "not negative"),
        ([0], [[0.3, 0.3]], "sum to 1"),
    ],
)
def test_refuses_what_cannot_be_scored(labels, probabilities, message):
    with pytest.raises(ValueError, match=message):
        score(np.array(labels, np.int64), np.array(probabilities), ["a", "b"])


@given(st.integers(1, 40), st.integers(2, 6), st.integers(0, 10_000))
def test_every_share_is_a_share(n, classes, seed):
    found = score(*some(n, classes, seed))
    shares = [found.accuracy, found.balanced_accuracy, found.macro_f1, found.ece, found.auroc or 0.0]
    assert all(0 <= share <= 1 for share in shares)
    assert sum(map(sum, found.confusion)) == n
    assert found.log_loss >= 0


def test_many_classes_keep_no_square():
    assert len(score(*some(classes=200)).confusion) == 200
    assert score(*some(classes=201)).confusion == ()
