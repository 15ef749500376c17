"""From words written beside items to what is learned: a class, any of several labels, or a number."""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tlzoo.data import cells
from tlzoo.errors import DataError
from tlzoo.plans import TaskName

BETWEEN = ";"
"""Stands between the labels of one item wherever tlzoo writes them."""

SEPARATORS = ";|"
"""What may stand between labels in a cell, unless another separator is asked for."""

VALUE = "value"
"""What the one output of a regression is called, where classifiers have class names."""

Labels = NDArray[Any]
"""int64 (n,), float64 (n,) or uint8 (n, c), by task."""


@dataclass(frozen=True)
class Kind:
    """What labels are.

    Attributes:
        task: What is learned from them.
        separator: What stands between several labels in a cell; None takes any of `SEPARATORS`.
    """

    task: TaskName = "classification"
    separator: str | None = None

    def read(self, value: Any, where: str, need: str = "a text and a label in every row.") -> str:
        """Returns a label as one word: a class; a number; or labels with `BETWEEN` between them, perhaps none.

        Args:
            value: What stands in the cell; for several labels also a list of them.
            where: What errors call the row.
            need: What errors say is allowed.

        Raises:
            DataError: There is none, or it is not of this kind.

        Example:
            >>> Kind("multilabel").read("b | a; b", "row 2")
            'b;a'
        """
        if self.task == "multilabel":
            return BETWEEN.join(self._names(value, where))
        word = cells.label(value, where, need)
        if self.task == "regression":
            number(word, where)
        return word

    def _names(self, value: Any, where: str) -> list[str]:
        """Returns the distinct labels of a cell, in their order."""
        if isinstance(value, (list, tuple, set, frozenset)):
            parts = [cells.plain(each) for each in value]
            parts = sorted(parts) if isinstance(value, (set, frozenset)) else parts
        elif self.separator is None:
            parts = re.split(f"[{re.escape(SEPARATORS)}]", cells.plain(value))
        else:
            parts = cells.plain(value).split(self.separator)
        names = [unicodedata.normalize("NFC", part.strip()) for part in parts]
        names = [cells.encodable(name, where, "label") for name in dict.fromkeys(names) if name]
        for name in names:
            refuse_between(name, where)
        return names


def refuse_between(name: str, where: str) -> None:
    """Raises `DataError` for a label that holds what tlzoo writes between labels."""
    if BETWEEN in name:
        raise DataError(
            f"{where}: the label '{name}' holds '{BETWEEN}', which stands between labels.",
            allowed=f"labels without '{BETWEEN}'.",
            do="Rename it.",
        )


def number(word: str, where: str) -> float:
    """Returns a label that is a number.

    Raises:
        DataError: It is none, or not finite.
    """
    try:
        value = float(word)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise DataError(
            f"{where}: the label '{word[:40]}' is no finite number.",
            allowed="numbers like 3, -0.5 or 1e3, with a point for decimals.",
            do="Correct it, drop the row, or learn classes: --task classification.",
        )
    return value


def encoded(
    task: TaskName, words: Sequence[str], keys: Sequence[str], names: Sequence[str], source: str
) -> Labels:
    """Returns labels as arrays.

    Args:
        task: What is learned.
        words: As `Kind.read` gives them.
        keys: What errors call each item.
        names: Class names, in label order.
        source: What errors call the source.

    Raises:
        DataError: A word is no number where one is needed.
    """
    if task == "regression":
        pairs = zip(words, keys, strict=True)
        return np.array([number(word, f"{source}, {key}") for word, key in pairs], np.float64)
    at = {name: index for index, name in enumerate(names)}
    if task == "classification":
        return np.array([at[word] for word in words], np.int64)
    labels = np.zeros((len(words), len(names)), np.uint8)
    for row, word in enumerate(words):
        labels[row, [at[name] for name in parts(word)]] = 1
    return labels


def decoded(task: TaskName, labels: Labels, names: Sequence[str]) -> list[str]:
    """Returns labels as words, one per item; the same labels always give the same words."""
    if task == "regression":
        return [repr(value) for value in labels.tolist()]
    if task == "classification":
        return [names[label] for label in labels]
    return [BETWEEN.join(names[at] for at in np.flatnonzero(row).tolist()) for row in labels]


def parts(word: str) -> list[str]:
    """Returns the labels in a word; none of an empty one."""
    return word.split(BETWEEN) if word else []
