import numpy as np
import pytest
from sklearn import metrics

from tlzoo.metrics import resampled
from tlzoo.metrics.bootstrap import metric_interval
from tlzoo.metrics.multilabel import (
    MultilabelScores,
    centred,
    commonest_scores,
    fit_sigmoid_temperature,
    fit_thresholds,
    score_sets,
    sigmoid,
)
from tlzoo.metrics.regression import score_values

NAMES = ["a", "b", "c"]


@pytest.fixture(scope="module")
def seen():
    random = np.random.default_rng(0)
    labels = (random.random((200, 3)) < [0.5, 0.2, 0.05]).astype(np.uint8)
    logits = random.normal(size=(200, 3)) + 2.0 * labels - [1, 1.5, 2]
    return labels, logits


def test_scores_are_those_of_scikit_learn(seen):
    labels, probabilities = seen[0], sigmoid(seen[1])
    thresholds = [0.3, 0.5, 0.4]
    scores, decisions = score_sets(labels, probabilities, thresholds, NAMES), probabilities >= thresholds
    assert scores.macro_f1 == pytest.approx(metrics.f1_score(labels, decisions, average="macro"))
    assert scores.micro_f1 == pytest.approx(metrics.f1_score(labels, decisions, average="micro"))
    ap = metrics.average_precision_score(labels, probabilities, average="macro")
    assert scores.mean_average_precision == pytest.approx(ap)
    assert scores.subset_accuracy == pytest.approx((decisions == labels).all(axis=1).mean())
    assert scores.log_loss == pytest.approx(metrics.log_loss(labels.ravel(), probabilities.ravel()))
    assert MultilabelScores.from_dict(scores.to_dict()) == scores


def test_labels_without_examples_are_left_out():
    labels = np.array([[1, 0], [0, 0]])
    scores = score_sets(labels, np.array([[0.9, 0.1], [0.2, 0.1]]), [0.5, 0.5], ["a", "b"])
    assert scores.macro_f1 == scores.mean_average_precision == 1.0
    assert scores.per_label[1].f1 is scores.per_label[1].average_precision is None


def test_the_baseline_decides_as_the_commonest_set_does_and_ranks_by_chance():
    train = np.array([[1, 0], [1, 0], [1, 1], [0, 1]])
    scores = commonest_scores(train, train, ["a", "b"])
    assert scores.subset_accuracy == 0.5
    assert scores.per_label[0].recall == 1
    assert scores.per_label[1].recall == 0
    assert scores.mean_average_precision == pytest.approx((0.75 + 0.5) / 2)


def test_temperature_undoes_overconfidence(seen):
    labels, logits = seen
    right = fit_sigmoid_temperature(logits, labels)
    assert fit_sigmoid_temperature(3 * logits, labels) == pytest.approx(3 * right, rel=1e-3)
    assert fit_sigmoid_temperature(np.zeros((4, 2)), labels[:4, :2]) == 1.0
    with pytest.raises(ValueError, match="finite"):
        fit_sigmoid_temperature(np.full((4, 2), np.nan), labels[:4, :2])


def test_thresholds_give_the_best_f1(seen):
    labels, probabilities = seen[0], sigmoid(seen[1])
    for at, threshold in enumerate(fit_thresholds(labels, probabilities)):
        mine = metrics.f1_score(labels[:, at], probabilities[:, at] >= threshold)
        tried = [
            metrics.f1_score(labels[:, at], probabilities[:, at] >= t) for t in np.linspace(0.02, 0.98, 400)
        ]
        assert mine >= max(tried) - 1e-9


def test_rare_labels_share_a_threshold():
    random = np.random.default_rng(0)
    labels = (random.random((60, 4)) < [0.5, 0.05, 0.05, 0.05]).astype(int)
    probabilities = np.clip(0.3 * labels + 0.1 * random.random((60, 4)), 0, 1)
    found = fit_thresholds(labels, probabilities)
    assert found[1] == found[2] == found[3]
    assert (probabilities[:, 1:] >= found[1]).astype(int).tolist() == labels[:, 1:].tolist()


def test_a_lone_rare_label_keeps_one_half():
    labels = np.zeros((50, 1), int)
    labels[:4] = 1
    assert fit_thresholds(labels, np.linspace(0, 1, 50)[:, None]) == [0.5]


def test_centring_keeps_order_and_decisions(seen):
    probabilities, thresholds = sigmoid(seen[1]), [0.1, 0.5, 0.9]
    moved = centred(probabilities, thresholds)
    assert ((moved >= 0.5) == (probabilities >= thresholds)).all()
    assert (
        np.argsort(moved, axis=0, kind="stable") == np.argsort(probabilities, axis=0, kind="stable")
    ).all()


@pytest.mark.parametrize("metric", ["macro_f1", "micro_f1", "mean_average_precision"])
def test_resampled_metrics_are_the_scores_of_each_resample(seen, metric):
    labels = seen[0]
    scores = np.round(sigmoid(seen[1]), 2)  # with ties
    rows = np.random.default_rng(1).integers(0, 200, (5, 200))
    found = resampled.statistic(metric, labels, scores, "multilabel")(rows)
    for row, value in zip(rows, found, strict=True):
        assert value == pytest.approx(getattr(score_sets(labels[row], scores[row], [0.5] * 3, NAMES), metric))


@pytest.mark.parametrize("metric", ["rmse", "mae", "r2"])
def test_resampled_errors_are_the_scores_of_each_resample(metric):
    random = np.random.default_rng(0)
    labels, values = random.normal(size=50), random.normal(size=50)
    rows = random.integers(0, 50, (5, 50))
    found = resampled.statistic(metric, labels, values, "regression")(rows)
    for row, value in zip(rows, found, strict=True):
        assert value == pytest.approx(getattr(score_values(labels[row], values[row]), metric))
    interval = metric_interval(labels, values, metric, task="regression")
    assert interval.low < interval.estimate < interval.high
