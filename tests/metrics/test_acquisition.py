import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tlzoo.metrics.acquisition import STRATEGIES, choose, entropy, margin
from tlzoo.metrics.calibration import softmax


def pool(n=200, classes=3, seed=0):
    random = np.random.default_rng(seed)
    return softmax(random.normal(scale=2, size=(n, classes))), random.normal(size=(n, 10))


def test_doubt_by_hand():
    rows = np.array([[1.0, 0.0], [0.5, 0.5], [0.75, 0.25]])
    assert margin(rows).tolist() == pytest.approx([0, 1, 0.5])
    assert entropy(rows).tolist() == pytest.approx([0, 1, 0.8113], abs=1e-4)
    assert entropy(np.full((1, 7), 1 / 7)).tolist() == pytest.approx([1])


@given(st.sampled_from(STRATEGIES), st.integers(1, 60), st.integers(0, 70), st.integers(0, 50))
def test_gives_as_many_different_ones_as_asked(strategy, n, wanted, seed):
    rows, features = pool(n, seed=seed)
    chosen = choose(rows, features, wanted, strategy=strategy, seed=seed)
    assert len(chosen) == len(set(chosen.tolist())) == min(n, wanted)
    assert np.array_equal(chosen, choose(rows, features, wanted, strategy=strategy, seed=seed))


def test_the_most_doubtful_come_first():
    rows, features = pool()
    for strategy, doubt in (("margin", margin(rows)), ("entropy", entropy(rows))):
        chosen = choose(rows, features, 20, strategy=strategy)
        assert doubt[chosen].min() >= np.delete(doubt, chosen).max()
        assert (np.diff(doubt[chosen]) <= 0).all()


def test_badge_prefers_doubt_and_avoids_copies():
    rows, features = pool(400)
    chosen = choose(rows, features, 40)
    assert margin(rows)[chosen].mean() > margin(rows).mean() + 0.1
    # The most doubtful example fifty times: margin takes nothing else, badge takes it once.
    torn = int(margin(rows).argmax())
    many = [torn] * 50
    rows, features = np.vstack([rows, rows[many]]), np.vstack([features, features[many]])
    copies = {torn, *range(400, 450)}
    assert len(copies & set(choose(rows, features, 20).tolist())) == 1
    assert len(copies & set(choose(rows, features, 20, strategy="margin").tolist())) == 20


def test_distances_of_gradients_are_those_of_their_outer_products():
    rows, features = pool(12)
    errors = rows - np.eye(3)[rows.argmax(axis=1)]
    unit = features / np.linalg.norm(features, axis=1, keepdims=True)
    outer = np.einsum("ic,id->icd", errors, unit).reshape(12, -1)
    first = int(np.square(outer).sum(axis=1).argmax())
    assert choose(rows, features, 1)[0] == first


def test_coreset_leaves_what_is_known():
    random = np.random.default_rng(0)
    centres = np.eye(4)[np.repeat(np.arange(4), 25)] * 5
    features = centres + random.normal(scale=0.1, size=(100, 4))
    rows = np.full((100, 2), 0.5)
    assert set(choose(rows, features, 4, strategy="coreset") // 25) == {0, 1, 2, 3}
    known = features[:50]
    assert set(choose(rows, features, 2, strategy="coreset", known=known) // 25) == {2, 3}


def test_nothing_in_doubt_still_gives_something():
    chosen = choose(np.tile([1.0, 0.0], (10, 1)), np.ones((10, 3)), 4)
    assert len(set(chosen.tolist())) == 4


def test_refuses_strategies_nobody_knows():
    with pytest.raises(ValueError, match="strategy"):
        choose(*pool(5), 1, strategy="luck")
