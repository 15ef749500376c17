"""Linear heads, and pseudo-labels that let no class vanish."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tlzoo.adaptation.heads import Linear, confident, fit, self_train


def blobs(random, counts, shift=0.0, width=4):
    """Classes along the axes, moved as a whole."""
    labels = np.repeat(np.arange(len(counts)), counts)
    return random.normal(size=(len(labels), width)) + 2.5 * np.eye(width)[labels] + shift, labels


def test_a_head_learns_and_says_probabilities():
    random = np.random.default_rng(0)
    features, labels = blobs(random, (60, 60, 60))
    head = fit(features, labels, 3, 1.0)
    assert np.mean(head.decisions(features) == labels) > 0.85
    np.testing.assert_allclose(head.probabilities(features).sum(axis=1), 1.0)


def test_two_classes_give_scikit_learns_probabilities():
    from sklearn.linear_model import LogisticRegression

    features, labels = blobs(np.random.default_rng(1), (70, 30))
    model = LogisticRegression(C=0.1, class_weight="balanced", tol=1e-8, max_iter=1000).fit(features, labels)
    found = fit(features, labels, 2, 0.1).probabilities(features)
    np.testing.assert_allclose(found, model.predict_proba(features), atol=1e-3)


@pytest.mark.parametrize("present", [[0, 2], [1], [0, 1, 3]])
def test_an_absent_class_is_never_decided_for(present):
    random = np.random.default_rng(2)
    labels = np.repeat(present, 20)
    features = random.normal(size=(len(labels), 3)) + labels[:, None]
    assert set(fit(features, labels, 4, 1.0).decisions(features)) <= set(present)


def test_self_training_follows_the_target_where_it_has_drifted():
    random = np.random.default_rng(3)
    source, labels = blobs(random, (80, 80), width=8)
    target, truth = blobs(random, (80, 80), width=8)
    target = target + 1.6 * np.eye(8)[5] * (
        2 * truth[:, None] - 1
    )  # a feature that says nothing in the source
    before = np.mean(fit(source, labels, 2, 0.05).decisions(target) == truth)
    after = np.mean(self_train(source, labels, target, 2, 0.05).decisions(target) == truth)
    assert after > before


logits = st.integers(2, 4).flatmap(
    lambda classes: st.lists(
        st.lists(st.floats(-9, 9, allow_nan=False), min_size=classes, max_size=classes),
        min_size=1,
        max_size=30,
    )
)


@given(logits, st.floats(0.05, 1.0), st.integers(0, 2**31))
def test_each_class_gets_its_share_and_no_example_twice(rows, part, seed):
    rows = np.array(rows)
    shares = np.random.default_rng(seed).dirichlet(np.ones(rows.shape[1]))
    chosen, pseudo = confident(rows, shares, part)
    assert len(chosen) == len(pseudo) == len(set(chosen.tolist()))
    counts = np.bincount(pseudo, minlength=rows.shape[1])
    assert (counts <= np.round(part * shares * len(rows))).all()
    assert len(chosen) >= min(len(rows), np.round(part * shares * len(rows)).sum()) - rows.shape[1]


def test_the_surest_are_chosen():
    head = Linear(np.array([[0.0, 1.0]]), np.zeros(2))
    features = np.array([[-3.0], [-1.0], [0.1], [1.0], [3.0]])
    chosen, pseudo = confident(head.logits(features), np.array([0.5, 0.5]), 0.4)
    assert dict(zip(chosen.tolist(), pseudo.tolist(), strict=True)) == {0: 0, 4: 1}
