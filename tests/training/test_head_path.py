import keras
import numpy as np
import pytest
from sklearn.datasets import load_breast_cancer
from sklearn.linear_model import LogisticRegression

from tlzoo.plans import Augment, Phase
from tlzoo.training.feed import Examples, steps_per_epoch, training_batches
from tlzoo.training.head_path import BestOfPath, PathPenalty, path_loss, path_model, standardisation
from tlzoo.training.optimizers import make_optimizer, variable_key

PENALTIES = (1e-3, 1e-1, 10.0)


@pytest.fixture(scope="module")
def tumours():
    features, labels = load_breast_cancer(return_X_y=True)
    return features.astype(np.float32)[:400], labels[:400], features.astype(np.float32)[400:], labels[400:]


def fitted(tumours, penalties, epochs=150, patience=0):
    features, labels, other, other_labels = tumours
    examples = Examples(
        lambda chosen: features[chosen],
        features.shape[1:],
        "float32",
        np.eye(2, dtype=np.float32)[labels],
        np.ones(len(labels), np.float32),
    )
    phase = Phase(
        name="head", inputs="features", trains=("head",), rates={"head": 0.02}, epochs=epochs, batch_size=64,
        l2=penalties, warmup=0.0,
    )  # fmt: skip
    keras.utils.set_random_seed(0)
    model = path_model(features, 2, penalties)
    steps = steps_per_epoch(len(examples), 64)
    stage_of = {variable_key(variable): "head" for variable in model.trainable_variables}
    model.compile(make_optimizer(phase, stage_of, steps * epochs), loss=path_loss)
    best = BestOfPath(
        penalties, (features, labels), (other, other_labels), standardisation(features), patience
    )
    batches = training_batches(examples, 64, 0, Augment(flip="none"), first_epoch=0, epochs=epochs)
    history = model.fit(
        batches, steps_per_epoch=steps, epochs=epochs, callbacks=[best], verbose=0, shuffle=False
    )
    return model, best, history


@pytest.fixture(scope="module")
def joint(tumours):
    return fitted(tumours, PENALTIES)


@pytest.mark.parametrize("at", range(len(PENALTIES)))
def test_every_head_of_the_path_is_the_regularised_logistic_regression(tumours, joint, at):
    features, labels, other, _ = tumours
    mean, deviation = standardisation(features)
    peer = LogisticRegression(C=2 / (PENALTIES[at] * len(labels)), max_iter=5000)
    peer.fit((features - mean) / deviation, labels)
    head = joint[1]._folded(at, 0.0)
    logits = head.logits(other)
    ours = 1 / (1 + np.exp(logits[:, 0] - logits[:, 1]))
    assert np.abs(ours - peer.predict_proba((other - mean) / deviation)[:, 1]).mean() < 0.02


def test_heads_do_not_influence_each_other(tumours, joint):
    alone = fitted(tumours, PENALTIES[1:2])[1]._folded(0, 0.0)
    np.testing.assert_allclose(joint[1]._folded(1, 0.0).kernel, alone.kernel, rtol=1e-3, atol=1e-6)


def test_the_kept_head_is_the_best_on_validation_over_all_epochs(joint):
    assert joint[1].best.val_loss == pytest.approx(min(joint[2].history["val_loss"]), rel=1e-6)


def test_logs_show_the_best_head(tumours, joint):
    labels = tumours[3]
    accuracy = (joint[1].best.logits(tumours[2]).argmax(axis=1) == labels).mean()
    assert accuracy > 0.95
    assert set(joint[2].history) >= {"loss", "accuracy", "val_loss", "val_accuracy", "l2"}


def test_folding_standardisation_into_the_head_changes_nothing(tumours, joint):
    model, best, _ = joint
    inside = model.predict(tumours[2], verbose=0)[:, 1]
    np.testing.assert_allclose(best._folded(1, 0.0).logits(tumours[2]), inside, rtol=1e-3, atol=1e-3)


def test_patience_stops(tumours):
    assert len(fitted(tumours, (1e-6,), epochs=150, patience=3)[2].epoch) < 150


def test_a_constant_feature_does_no_harm():
    mean, deviation = standardisation(np.array([[1.0, 5.0], [3.0, 5.0]], np.float32))
    assert deviation.tolist() == [1.0, 1.0]
    assert mean.tolist() == [2.0, 5.0]


def test_penalty_by_hand():
    kernel = keras.ops.convert_to_tensor(np.array([[1.0, 2.0, 3.0, 4.0]], np.float32))
    assert float(PathPenalty((1.0, 0.1))(kernel)) == pytest.approx(0.5 * (1 * 5 + 0.1 * 25))
