import keras
import numpy as np
import pytest

from tlzoo.models.co_tuning import CoTuningLoss, TargetAccuracy, relationship, with_source_head

RANDOM = np.random.default_rng(0)


def softmax(logits):
    shifted = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return shifted / shifted.sum(axis=-1, keepdims=True)


def test_a_class_stands_for_the_mean_of_what_the_source_says_of_it():
    logits, labels = RANDOM.normal(size=(7, 5)), np.array([0, 1, 1, 0, 1, 2, 2])
    related = relationship(logits, np.eye(3)[labels])
    for label in range(3):
        np.testing.assert_allclose(related[label], softmax(logits[labels == label]).mean(axis=0), rtol=1e-5)
    np.testing.assert_allclose(related.sum(axis=1), 1, rtol=1e-5)


def test_logits_of_any_size_are_no_trouble():
    assert np.isfinite(relationship(np.array([[1e4, -1e4]]), np.ones((1, 1)))).all()


@pytest.mark.parametrize("smoothing", [0.0, 0.2])
def test_loss_by_hand(smoothing):
    related = softmax(RANDOM.normal(size=(3, 5))).astype(np.float32)
    targets, counts = np.eye(3, dtype=np.float32)[[0, 2]], np.array([[1], [0]], np.float32)
    outputs = RANDOM.normal(size=(2, 8)).astype(np.float32)
    task = keras.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=smoothing)
    loss = CoTuningLoss(task, related, 2.3).call(np.concatenate([targets, counts], axis=1), outputs)
    smoothed = targets * (1 - smoothing) + smoothing / 3
    expected = -(smoothed * np.log(softmax(outputs[:, :3]))).sum(axis=1)
    expected[0] += 2.3 * -(related[0] * np.log(softmax(outputs[:1, 3:]))).sum()
    np.testing.assert_allclose(loss, expected, rtol=1e-5)


def test_accuracy_is_of_the_new_head():
    metric = TargetAccuracy(2)
    outputs = np.array([[1.0, 0.0, 99.0, 0.0], [1.0, 0.0, 0.0, 99.0]], np.float32)
    metric.update_state(np.array([[1, 0, 1], [0, 1, 1]], np.float32), outputs)
    assert float(metric.result()) == 0.5


def test_both_heads_stand_on_the_same_features():
    inputs = keras.Input((4,))
    features = keras.layers.Dense(6, name="features")(inputs)
    head = keras.layers.Dense(2, name="head")
    model = keras.Model(inputs, head(keras.layers.Dropout(0.5, name="dropout")(features)))
    kernel, bias = RANDOM.normal(size=(6, 5)).astype(np.float32), np.arange(5, dtype=np.float32)
    both = with_source_head(model, kernel, bias)
    x = RANDOM.normal(size=(3, 4)).astype(np.float32)
    seen = np.array(keras.Model(inputs, features)(x))
    expected = np.concatenate([np.array(model(x)), seen @ kernel + bias], axis=1)
    np.testing.assert_allclose(both(x), expected, atol=1e-5)
    assert both.get_layer("head") is head
