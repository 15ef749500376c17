from __future__ import annotations

import hashlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tlzoo.data.splits import Material, Splits, split
from tlzoo.errors import DataError, UsageError


def key(number: int) -> str:
    return hashlib.sha256(str(number).encode()).hexdigest()


def material(counts: list[int], **more: object) -> Material:
    labels = np.repeat(np.arange(len(counts)), counts)
    return Material(labels, [key(i) for i in range(len(labels))], **more)


def check_whole(splits: Splits, total: int) -> None:
    together = np.concatenate([indices for _, indices in splits.items()])
    assert sorted(together) == list(range(total))
    for _, indices in splits.items():
        assert indices.dtype == np.int64
        assert (np.diff(indices) > 0).all()


@settings(max_examples=150, deadline=None)
@given(
    counts=st.lists(st.integers(2, 40), min_size=2, max_size=6),
    seed=st.integers(0, 2**31),
    validation=st.floats(0, 0.4),
    test=st.floats(0.05, 0.4),
)
def test_strata_hold_for_any_counts(counts: list[int], seed: int, validation: float, test: float) -> None:
    made = material(counts)
    splits = split(made, seed=seed, validation=validation, test=test)
    check_whole(splits, sum(counts))
    for label, count in enumerate(counts):
        in_train, in_validation, in_test = ((made.labels[i] == label).sum() for _, i in splits.items())
        assert in_train >= 1
        assert in_test >= 1
        assert abs(in_test - count * test) <= 1
        assert abs(in_validation - count * validation) <= 1
        if validation > 0 and count >= 3:
            assert in_validation >= 1


@settings(max_examples=150, deadline=None)
@given(data=st.data(), seed=st.integers(0, 1000))
def test_groups_never_straddle(data: st.DataObject, seed: int) -> None:
    total = data.draw(st.integers(12, 60))
    labels = np.array(data.draw(st.lists(st.integers(0, 2), min_size=total, max_size=total)))
    groups = [str(g) for g in data.draw(st.lists(st.integers(0, 9), min_size=total, max_size=total))]
    made = Material(labels, [key(i) for i in range(total)], groups=groups)
    spread = [{g for g, each in zip(groups, labels, strict=True) if each == label} for label in range(3)]
    indispensable = set().union(*(each for each in spread if len(each) == 1))
    if len(set(groups)) < 3 or indispensable == set(groups):
        with pytest.raises(DataError, match="group"):
            split(made, seed=seed)
        return
    splits = split(made, seed=seed)
    check_whole(splits, total)
    where: dict[str, str] = {}
    for name, index in ((name, index) for name, indices in splits.items() for index in indices):
        assert where.setdefault(groups[index], name) == name
    assert set(labels) == set(labels[splits.train])
    # A group that holds a good part of everything stays in training, whatever that costs the other splits.
    largest = max(groups.count(group) for group in set(groups))
    for label, holders in enumerate(spread):
        if holders - indispensable and len(holders) >= 2 and largest <= total / 4:
            held = {name for name, indices in splits.items() if label in labels[indices]}
            assert "train" in held
            assert len(held) >= 2


@settings(max_examples=50, deadline=None)
@given(order=st.permutations(range(40)), seed=st.integers(0, 99), grouped=st.booleans())
def test_order_does_not_matter(order: list[int], seed: int, grouped: bool) -> None:
    groups = [str(i // 3) for i in range(40)] if grouped else None
    plain = material([22, 18], groups=groups)
    shuffled = Material(
        plain.labels[order], [plain.keys[i] for i in order], groups=groups and [groups[i] for i in order]
    )
    before = split(plain, seed=seed).names()
    after = split(shuffled, seed=seed).names()
    assert [before[i] for i in order] == after


@pytest.mark.parametrize("grouped", [False, True])
def test_seeds_decide(grouped: bool) -> None:
    rng = np.random.default_rng(0)
    sizes = rng.integers(1, 12, 40)
    groups = [str(g) for g in np.repeat(np.arange(40), sizes)] if grouped else None
    total = int(sizes.sum())
    labels = rng.integers(0, 3, total)
    made = Material(labels, [key(i) for i in range(total)], groups=groups)
    found = [tuple(split(made, seed=seed).names()) for seed in range(12)]
    assert found[0] == tuple(split(made, seed=0).names())
    assert len(set(found)) == 12


def test_grouped_shares_come_close() -> None:
    rng = np.random.default_rng(1)
    sizes = rng.integers(1, 20, 200)
    labels = np.concatenate([rng.choice(3, size, p=rng.dirichlet([1, 1, 1])) for size in sizes])
    groups = [str(g) for g in np.repeat(np.arange(200), sizes)]
    splits = split(Material(labels, [key(i) for i in range(len(labels))], groups=groups), seed=3)
    for indices, share in ((splits.validation, 0.15), (splits.test, 0.2)):
        for label in range(3):
            got = (labels[indices] == label).sum() / (labels == label).sum()
            assert abs(got - share) < 0.05


def test_identical_files_stay_together() -> None:
    labels = np.tile([0, 1], 30)
    keys = [key(i // 6) for i in range(60)]
    splits = split(Material(labels, keys), seed=0)
    for name in range(10):
        members = [splits.names()[i] for i in range(60) if i // 6 == name]
        assert len(set(members)) == 1


def test_every_class_of_three_is_everywhere() -> None:
    made = material([3, 3, 300])
    for _, indices in split(made, seed=5).items():
        assert set(made.labels[indices]) == {0, 1, 2}


def test_totals_are_exact_with_many_small_classes() -> None:
    splits = split(material([10] * 50), seed=0, validation=0.15, test=0.25)
    assert [len(indices) for _, indices in splits.items()] == [300, 75, 125]


def given_words(words: dict[str, int]) -> list[str]:
    return [word for word, count in words.items() for _ in range(count)]


def test_given_splits_are_kept_and_validation_is_carved_from_train() -> None:
    words = given_words({"train": 40, "test": 10}) * 2
    made = material([50, 50], given=words)
    splits = split(made, seed=0, validation=0.25)
    assert splits.test.tolist() == [i for i, word in enumerate(words) if word == "test"]
    assert len(splits.validation) == 20
    assert len(splits.train) == 60


def test_all_three_given_are_kept_whatever_the_seed() -> None:
    words = given_words({"train": 6, "validation": 2, "test": 2}) * 2
    for seed in (0, 1):
        assert split(material([10, 10], given=words), seed=seed).names() == words


def test_without_a_given_test_set_one_is_carved() -> None:
    words = given_words({"train": 40, "validation": 10}) * 2
    splits = split(material([50, 50], given=words), seed=0, test=0.25)
    assert [len(indices) for _, indices in splits.items()] == [60, 20, 20]


def test_unassigned_items_train() -> None:
    words = [None, "train", None, "test", None, None, None, "test"]
    splits = split(material([4, 4], given=words), seed=0, validation=0.0)
    assert splits.test.tolist() == [3, 7]
    assert len(splits.train) == 6


def test_refusals_say_what_to_do() -> None:
    with pytest.raises(UsageError, match=r"validation=0\.5 and test=0\.5"):
        split(material([4, 4]), seed=0, validation=0.5, test=0.5)
    with pytest.raises(DataError, match="all 8 items belong to 1 group") as caught:
        split(material([4, 4], groups=["one"] * 8), seed=0)
    assert "3 groups or more" in caught.value.allowed
    assert "split column" in caught.value.do
    words = ["train", "train", "test", "test"] * 2
    with pytest.raises(DataError, match="group 'a' stands in train and test"):
        split(material([4, 4], given=words, groups=["a"] * 8), seed=0)
    lonely = given_words({"train": 4, "test": 4})
    with pytest.raises(DataError, match="no training example of 'dog'"):
        split(material([4, 4], given=lonely, class_names=("cat", "dog")), seed=0)
