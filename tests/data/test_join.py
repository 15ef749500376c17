"""Two data sets as one."""

import numpy as np
import pytest

from tlzoo.data.join import join
from tlzoo.data.load import load
from tlzoo.errors import DataError


def texts(prefix, labels, **options):
    return load(([f"{prefix} {at}" for at in range(len(labels))], list(labels)), **options)


def test_the_second_stands_behind_the_first_under_its_classes():
    first, second = texts("one", "abcabc"), texts("two", "ccaa")
    found = join(first, second)
    assert found.class_names == ("a", "b", "c")
    assert found.words() == [*"abcabc", *"ccaa"]
    assert found.items[6:] == second.items
    assert found.fingerprint not in (first.fingerprint, second.fingerprint)
    assert join(first, second).fingerprint == found.fingerprint


def test_an_unknown_class_and_another_modality_are_refused():
    first = texts("one", "abab")
    with pytest.raises(DataError, match=r"1 classes that .* lacks: z"):
        join(first, texts("two", "azaz"))
    images = load(
        (np.zeros((4, 8, 8, 3), np.uint8) + np.arange(4, dtype=np.uint8)[:, None, None, None], list("abab"))
    )
    with pytest.raises(DataError, match="holds texts and"):
        join(first, images)


def test_numbers_are_no_classes():
    numbers = load(([*"abcdefghijkl"], list(np.arange(12.0))), task="regression")
    with pytest.raises(DataError, match="data of regression"):
        join(numbers, numbers)
