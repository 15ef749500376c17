import keras
import numpy as np
import pytest
from sklearn.datasets import load_breast_cancer
from sklearn.linear_model import LogisticRegression

from tlzoo.plans import Augment, Phase
from tlzoo.training.feed import Examples, steps_per_epoch, training_batches
from tlzoo.training.head_path import (
    BestOfPath,
    Known,
    PathPenalty,
    fold_of,
    path_loss,
    path_model,
    standardisation,
    with_fold_weights,
)
from tlzoo.training.optimizers import make_optimizer, variable_key

pytestmark = pytest.mark.slow

PENALTIES = (1e-3, 1e-1, 10.0)


@pytest.fixture(scope="module")
def tumours():
    features, labels = load_breast_cancer(return_X_y=True)
    return features.astype(np.float32)[:400], labels[:400], features.astype(np.float32)[400:], labels[400:]


def fitted(tumours, penalties, epochs=150, patience=0, fold=None):
    features, labels, other, other_labels = tumours
    folds = 0 if fold is None else fold.max() + 1
    examples = Examples(
        lambda chosen: features[chosen],
        features.shape[1:],
        "float32",
        with_fold_weights(np.eye(2, dtype=np.float32)[labels], fold),
        np.ones(len(labels), np.float32),
    )
    phase = Phase(
        name="head", inputs="features", trains=("head",), rates={"head": 0.02}, epochs=epochs, batch_size=64,
        l2=penalties, warmup=0.0,
    )  # fmt: skip
    keras.utils.set_random_seed(0)
    model = path_model(features, 2, penalties, folds)
    steps = steps_per_epoch(len(examples), 64)
    stage_of = {variable_key(variable): "head" for variable in model.trainable_variables}
    model.compile(make_optimizer(phase, stage_of, steps * epochs), loss=path_loss)
    best = BestOfPath(
        penalties,
        Known(features, labels, fold),
        Known(other, other_labels),
        standardisation(features),
        patience,
    )
    batches = training_batches(examples, 64, 0, Augment(flip="none"), first_epoch=0, epochs=epochs)
    history = model.fit(
        batches, steps_per_epoch=steps, epochs=epochs, callbacks=[best], verbose=0, shuffle=False
    )
    return model, best, history


def head_at(best, at):
    return best._picked(at, *best._unstandardised(), 0.0)


@pytest.fixture(scope="module")
def joint(tumours):
    return fitted(tumours, PENALTIES)


@pytest.mark.parametrize("at", range(len(PENALTIES)))
def test_every_head_of_the_path_is_the_regularised_logistic_regression(tumours, joint, at):
    features, labels, other, _ = tumours
    mean, deviation = standardisation(features)
    peer = LogisticRegression(C=2 / (PENALTIES[at] * len(labels)), max_iter=5000)
    peer.fit((features - mean) / deviation, labels)
    head = head_at(joint[1], at)
    logits = head.logits(other)
    ours = 1 / (1 + np.exp(logits[:, 0] - logits[:, 1]))
    assert np.abs(ours - peer.predict_proba((other - mean) / deviation)[:, 1]).mean() < 0.02


def test_heads_do_not_influence_each_other(tumours, joint):
    alone = head_at(fitted(tumours, PENALTIES[1:2])[1], 0)
    np.testing.assert_allclose(head_at(joint[1], 1).kernel, alone.kernel, rtol=1e-3, atol=1e-6)


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
    np.testing.assert_allclose(head_at(best, 1).logits(tumours[2]), inside, rtol=1e-3, atol=1e-3)


def test_patience_stops(tumours):
    assert len(fitted(tumours, (1e-6,), epochs=150, patience=3)[2].epoch) < 150


def test_a_constant_feature_does_no_harm():
    mean, deviation = standardisation(np.array([[1.0, 5.0], [3.0, 5.0]], np.float32))
    assert deviation.tolist() == [1.0, 1.0]
    assert mean.tolist() == [2.0, 5.0]


def test_penalty_by_hand():
    kernel = keras.ops.convert_to_tensor(np.array([[1.0, 2.0, 3.0, 4.0]], np.float32))
    assert float(PathPenalty((1.0, 0.1))(kernel)) == pytest.approx(0.5 * (1 * 5 + 0.1 * 25))


@pytest.fixture(scope="module")
def fold(tumours):
    return fold_of(tumours[1], [str(row) for row in range(len(tumours[1]))], seed=1)


@pytest.fixture(scope="module")
def crossed(tumours, fold):
    return fitted(tumours, PENALTIES, fold=fold)


class TestFolds:
    def test_the_head_of_a_fold_is_the_one_trained_without_it(self, tumours, crossed, fold):
        features, labels, other, _ = tumours
        mean, deviation = standardisation(features)
        seen = fold != 2
        peer = LogisticRegression(C=2 / (PENALTIES[1] * seen.sum()), max_iter=5000)
        peer.fit((features[seen] - mean) / deviation, labels[seen])
        logits = head_at(crossed[1], 3 * len(PENALTIES) + 1).logits(other)
        ours = 1 / (1 + np.exp(logits[:, 0] - logits[:, 1]))
        assert np.abs(ours - peer.predict_proba((other - mean) / deviation)[:, 1]).mean() < 0.02

    def test_heads_that_see_everything_do_not_notice_the_folds(self, joint, crossed):
        ours, alone = head_at(crossed[1], 1).kernel, head_at(joint[1], 1).kernel
        np.testing.assert_allclose(ours, alone, rtol=1e-3, atol=1e-6)

    def test_the_penalty_is_chosen_on_what_was_held_out(self, crossed):
        history = crossed[2].history
        at = int(np.argmin(history["cv_loss"]))
        assert crossed[1].best.l2 == pytest.approx(history["l2"][at])
        assert history["cv_loss"][-1] > history["loss"][-1]

    def test_groups_stay_together(self, tumours):
        groups = [str(row // 4) for row in range(len(tumours[1]))]
        fold = fold_of(tumours[1], groups, seed=0)
        assert len(set(zip(groups, fold.tolist(), strict=True))) == len(set(groups))
        assert set(fold.tolist()) == {0, 1, 2, 3, 4}

    def test_there_are_no_folds_where_a_class_has_one_example(self):
        assert fold_of(np.array([0, 0, 0, 1]), list("abcd"), seed=0) is None

    def test_there_are_no_folds_where_their_heads_would_fill_the_memory(self):
        labels, groups = np.arange(1000) % 4, [str(row) for row in range(1000)]
        assert fold_of(labels, groups, seed=0, outputs=400) is not None
        assert fold_of(labels, groups, seed=0, outputs=401) is None

    def test_weights_keep_the_mean(self):
        weighted = with_fold_weights(np.eye(2, dtype=np.float32)[[0, 1, 0, 1]], np.array([0, 0, 1, 1]))
        assert weighted[:, 2:].tolist() == [[0, 2], [0, 2], [2, 0], [2, 0]]
