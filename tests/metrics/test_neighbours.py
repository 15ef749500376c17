import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tlzoo.metrics.neighbours import groups, near_pairs


def rows_of(n=300, width=32, seed=0):
    return np.random.default_rng(seed).normal(size=(n, width)) + 3


def test_finds_copies_with_a_little_noise_and_nothing_else():
    rows = rows_of()
    copies = rows[:20] + np.random.default_rng(1).normal(scale=0.05, size=(20, 32))
    found = near_pairs(np.vstack([rows, copies]))
    assert {tuple(pair) for pair in found.pairs.tolist()} == {(at, 300 + at) for at in range(20)}
    assert (np.diff(found.cosines) <= 0).all()
    assert found.threshold < found.cosines.min()


def test_nothing_is_near_among_strangers():
    assert len(near_pairs(rows_of(1500)).pairs) == 0


def test_a_lonely_pair_in_a_sparse_region_is_near_though_dense_ones_are_nearer():
    random = np.random.default_rng(0)
    dense = np.repeat(random.normal(size=(1, 64)), 200, axis=0) + random.normal(scale=0.1, size=(200, 64))
    sparse = random.normal(size=(60, 64))
    twin = sparse[:1] + random.normal(scale=0.3, size=(1, 64))
    assert [0 + 200, 260] in near_pairs(np.vstack([dense, sparse, twin])).pairs.tolist()


def test_a_given_threshold_is_obeyed():
    rows = rows_of(100)
    found = near_pairs(rows, threshold=0.3)
    centred = rows - rows.mean(axis=0)
    directions = centred / np.linalg.norm(centred, axis=1, keepdims=True)
    wanted = np.argwhere(np.triu(directions @ directions.T, 1) >= 0.3)
    assert sorted(map(tuple, found.pairs.tolist())) == sorted(map(tuple, wanted.tolist()))


def test_blocks_do_not_show():
    rows = rows_of(2100)
    rows[2090] = rows[3] * 1.0001
    assert near_pairs(rows).pairs.tolist() == [[3, 2090]]
    seen = []
    near_pairs(rows, tell=lambda done, total: seen.append((done, total)))
    assert seen[-1] == (2100, 2100)


@pytest.mark.parametrize("n", [0, 1])
def test_one_item_has_no_pair(n):
    assert near_pairs(np.ones((n, 4))).pairs.shape == (0, 2)


def test_all_the_same():
    assert len(near_pairs(np.tile(np.arange(4.0), (5, 1)) + np.eye(5, 4) * 0).pairs) in (0, 10)


def test_two_items_are_no_evidence():
    assert len(near_pairs(np.array([[1.0, 0.0], [0.0, 1.0]])).pairs) == 0


@given(st.lists(st.tuples(st.integers(0, 12), st.integers(13, 25)), min_size=1, max_size=20))
def test_groups_hold_every_pair_once(pairs):
    found = groups(np.array(pairs))
    members = [item for group in found for item in group]
    assert len(members) == len(set(members))
    for first, second in pairs:
        assert sum(first in group and second in group for group in found) == 1
    assert [len(group) for group in found] == sorted(map(len, found), reverse=True)
