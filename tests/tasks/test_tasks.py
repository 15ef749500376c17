import keras
import numpy as np
import pytest

from tlzoo.tasks.classification import Classification, class_weights
from tlzoo.tasks.multilabel import Multilabel
from tlzoo.tasks.regression import Regression
from tlzoo.tasks.task import task_of

NUMBERS = np.array([100.0, 300.0, 500.0, 1100.0])
SETS = np.array([[1, 0, 1], [0, 0, 0], [0, 1, 1], [1, 1, 1]], np.uint8)
CLASSES = np.array([0, 2, 1, 2])


def cases():
    return [
        (task_of("classification", ("a", "b", "c"), CLASSES), CLASSES),
        (task_of("multilabel", ("a", "b", "c"), SETS), SETS),
        (task_of("regression", ("value",), NUMBERS), NUMBERS),
    ]


@pytest.fixture(params=range(3), ids=["classification", "multilabel", "regression"])
def case(request):
    return cases()[request.param]


def test_names_lead_to_tasks():
    assert [type(task) for task, _ in cases()] == [Classification, Multilabel, Regression]
    assert [task.name for task, _ in cases()] == ["classification", "multilabel", "regression"]


def test_a_new_head_says_the_same_of_everything(case):
    task, labels = case
    outputs = task.head()(np.random.default_rng(0).normal(size=(4, 5)).astype(np.float32))
    assert outputs.shape == task.targets(labels).shape == (4, len(task.class_names))
    np.testing.assert_allclose(np.asarray(outputs), np.tile(task.start or [0.0] * outputs.shape[1], (4, 1)))


def test_several_labels_begin_at_their_shares():
    sets = np.array([[1, 0, 0]] * 9 + [[1, 1, 0]], np.uint8)
    outputs = np.asarray(task_of("multilabel", ("a", "b", "c"), sets).head()(np.zeros((1, 2), np.float32)))
    np.testing.assert_allclose(1 / (1 + np.exp(-outputs[0])), [10.5 / 11, 1.5 / 11, 0.5 / 11], rtol=1e-5)


def test_tensors_and_arrays_agree_on_the_loss(case):
    task, labels = case
    outputs = np.random.default_rng(1).normal(size=(4, 2, len(task.class_names))).astype(np.float32)
    each = np.asarray(task.each(task.targets(labels)[:, None], outputs))
    judged, shown = task.judged(outputs, labels)
    assert judged.shape == shown.shape == each.shape == (4, 2)
    scale = len(task.class_names) if task.name == "multilabel" else 1
    np.testing.assert_allclose(judged * scale, each, rtol=1e-4)
    loss = float(task.loss()(task.targets(labels), outputs[:, 0]))
    assert judged[:, 0].mean() == pytest.approx(loss, rel=1e-4)


def test_what_is_shown_is_the_metric_of_fit(case):
    task, labels = case
    outputs = np.random.default_rng(2).normal(size=(4, 1, len(task.class_names))).astype(np.float32)
    (metric,) = task.metrics()
    metric.update_state(task.targets(labels), outputs[:, 0])
    assert metric.name == task.shown
    assert float(metric.result()) == pytest.approx(task.judged(outputs, labels)[1].mean(), rel=1e-5)


def test_heads_answer_in_the_unit_of_the_labels():
    task = Regression.fitted(NUMBERS)
    kernel, bias = task.in_units(np.ones((1, 1), np.float32), np.zeros(1, np.float32))
    standardised = task.targets(NUMBERS)
    np.testing.assert_allclose((standardised @ kernel + bias)[:, 0], NUMBERS, rtol=1e-6)
    assert standardised.mean() == pytest.approx(0, abs=1e-6)
    assert standardised.std() == pytest.approx(1, rel=1e-6)


def test_errors_are_shown_in_the_unit_of_the_labels():
    task = Regression.fitted(NUMBERS)
    outputs = task.targets(NUMBERS + 7)[:, None]
    np.testing.assert_allclose(task.judged(outputs, NUMBERS)[1], 7, rtol=1e-4)


def test_label_smoothing_reaches_several_labels():
    task = Multilabel(("a", "b"))
    sure = np.array([[20.0, -20.0]], np.float32)
    targets = task.targets(np.array([[1, 0]], np.uint8))
    assert float(task.loss()(targets, sure)) == pytest.approx(0, abs=1e-6)
    assert float(task.loss(0.1)(targets, sure)) == pytest.approx(1, rel=1e-3)


def test_only_classes_have_weights():
    task, labels = cases()[0]
    expected = class_weights(labels, 3, "balanced")[labels]
    np.testing.assert_array_equal(task.weights(labels, labels, "balanced"), expected)
    for other, values in cases()[1:]:
        assert other.weights(values, values[:2], "balanced").tolist() == [1, 1]


def test_what_cannot_be_learned_is_named():
    assert Classification(("a", "b", "c")).unseen(np.array([0, 2])) == ["b"]
    assert Multilabel(("a", "b", "c")).unseen(np.array([[1, 0, 0], [1, 0, 1]])) == ["b"]
    assert Regression(0.0, 1.0).unseen(np.array([1.0])) == []
    assert Regression(0.0, 1.0).unseen(np.zeros(0)) == ["value"]


def test_heads_are_one_dense_layer(case):
    assert isinstance(case[0].head(), keras.layers.Dense)
    assert case[0].head().name == "head"
