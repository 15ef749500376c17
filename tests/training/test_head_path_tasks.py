"""The path of heads for numbers and for sets of labels, against scikit-learn's solvers."""

import keras
import numpy as np
import pytest
from sklearn.datasets import load_breast_cancer, load_diabetes
from sklearn.linear_model import LogisticRegression, Ridge

from tlzoo.data.strata import merged, strata
from tlzoo.plans import Augment, Phase
from tlzoo.tasks.multilabel import Multilabel
from tlzoo.tasks.regression import Regression
from tlzoo.training.feed import Examples, steps_per_epoch, training_batches
from tlzoo.training.head_path import (
    BestOfPath,
    Known,
    PathLoss,
    fold_of,
    path_model,
    standardisation,
    with_fold_weights,
)
from tlzoo.training.optimizers import make_optimizer, variable_key

PENALTIES = (1e-2, 1.0, 10.0)


def fitted(task, features, labels, other, other_labels, *, folded=False, epochs=150):
    names = [str(row) for row in range(len(labels))]
    fold = fold_of(merged(strata(labels), 5), names, seed=0) if folded else None
    targets = with_fold_weights(task.targets(labels), fold)
    folds = 0 if fold is None else fold.max() + 1
    ones = np.ones(len(labels), np.float32)
    examples = Examples(lambda chosen: features[chosen], features.shape[1:], "float32", targets, ones)
    phase = Phase(
        name="head", inputs="features", trains=("head",), rates={"head": 0.02}, epochs=epochs, batch_size=64,
        l2=PENALTIES, warmup=0.0,
    )  # fmt: skip
    keras.utils.set_random_seed(0)
    model = path_model(features, len(task.class_names), PENALTIES, folds)
    steps = steps_per_epoch(len(examples), 64)
    stage_of = {variable_key(variable): "head" for variable in model.trainable_variables}
    model.compile(make_optimizer(phase, stage_of, steps * epochs), loss=PathLoss(task.each))
    best = BestOfPath(
        PENALTIES, Known(features, labels, fold), Known(other, other_labels), standardisation(features),
        judged=task.judged, shown=task.shown,
    )  # fmt: skip
    batches = training_batches(examples, 64, 0, Augment(flip="none"), first_epoch=0, epochs=epochs)
    history = model.fit(
        batches, steps_per_epoch=steps, epochs=epochs, callbacks=[best], verbose=0, shuffle=False
    )
    return best, history


@pytest.fixture(scope="module")
def diabetes():
    features, labels = load_diabetes(return_X_y=True)
    features = features.astype(np.float32)
    return features[:350], labels[:350], features[350:], labels[350:]


def test_a_feature_that_hardly_varies_is_not_blown_up():
    features = np.random.default_rng(0).normal(size=(500, 3)).astype(np.float32) * [1, 2, 1e-4]
    assert standardisation(features)[1][2] < 2e-4
    deviation = standardisation(features, Regression(0.0, 1.0).floor)[1]
    assert deviation[2] == pytest.approx(0.1 * deviation[0], rel=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("folded", [False, True])
def test_every_head_is_a_ridge_regression_in_the_unit_of_the_labels(diabetes, folded):
    features, labels, other, _ = diabetes
    task = Regression.fitted(labels)
    best, history = fitted(task, *diabetes, folded=folded)
    mean, deviation = standardisation(features)
    for at, l2 in enumerate(PENALTIES):
        peer = Ridge(alpha=0.5 * l2 * len(labels)).fit((features - mean) / deviation, labels)
        head = best._picked(at, *best._unstandardised(), 0.0)
        kernel, bias = task.in_units(head.kernel, head.bias)
        ours, theirs = (other @ kernel + bias)[:, 0], peer.predict((other - mean) / deviation)
        assert np.abs(ours - theirs).mean() < 0.05 * labels.std()
    assert {"loss", "mae", "val_loss", "val_mae"} <= set(history.history)
    assert ("cv_loss" in history.history) == folded
    assert 20 < history.history["val_mae"][-1] < 60


@pytest.mark.slow
def test_heads_of_several_labels_are_classifiers_of_each(diabetes):
    features, labels = load_breast_cancer(return_X_y=True)
    features = features.astype(np.float32)
    sets = np.stack([labels, features[:, 0] + 5 * np.sin(np.arange(len(labels))) > 15], axis=1).astype(
        np.uint8
    )
    best, history = fitted(
        Multilabel(("a", "b")), features[:400], sets[:400], features[400:], sets[400:], folded=True
    )
    mean, deviation = standardisation(features[:400])
    for at, l2 in enumerate(PENALTIES[:2]):
        logits = best._picked(at, *best._unstandardised(), 0.0).logits(features[400:])
        for label in (0, 1):
            peer = LogisticRegression(C=1 / (l2 * 400), max_iter=5000)
            peer.fit((features[:400] - mean) / deviation, sets[:400, label])
            theirs = peer.predict_proba((features[400:] - mean) / deviation)[:, 1]
            assert np.abs(1 / (1 + np.exp(-logits[:, label])) - theirs).mean() < 0.03
    assert history.history["label_accuracy"][-1] > 0.8


def test_folds_of_sets_of_labels_exist_although_most_sets_are_rare():
    sets = (np.random.default_rng(0).random((100, 8)) < 0.3).astype(np.uint8)
    fold = fold_of(merged(strata(sets), 5), [str(row) for row in range(100)], seed=0)
    assert set(fold.tolist()) == {0, 1, 2, 3, 4}
