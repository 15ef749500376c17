"""What a source holds before anything is judged: items and the words written beside them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from tlzoo.plans import TaskName

SUFFIXES = frozenset(
    {".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".apng", ".webp", ".bmp", ".dib", ".gif", ".tif", ".tiff"}
    | {".ppm", ".pgm", ".pbm", ".pnm", ".tga", ".jp2", ".ico"}
)
"""Suffixes of image files, in lower case."""
TEXT_SUFFIXES = frozenset({".txt", ".text"})
"""Suffixes of files that hold one text each, in lower case."""


@dataclass
class Listing:
    """Items as a source lists them; `load` turns it into a `Dataset`, `check` into a report.

    Attributes:
        name: Short name.
        source: Where it is.
        items: Paths, uint8 arrays or texts.
        keys: What reports call each.
        labels: Class name of each; by task also a number, or several labels as `targets.Kind` writes them.
        splits: `train`, `validation`, `test` or None of each; None where nobody split.
        groups: Group of each; None where there are none.
        ignored: What was passed over, with the reason in brackets.
        class_names: In label order, where the source states one.
        symmetry: Which mirrorings and turns leave a label as it is.
        test_fraction: Default share of the test set.
        modality: `image` or `text`.
        broken: Why items are known to be broken already, by key.
        encodings: Number of files by the encoding their text was in.
        notes: What was decided on the way, in words.
        task: What is to be learned.
    """

    name: str
    source: str
    items: list[Path | NDArray[np.uint8] | str] = field(default_factory=list)
    keys: list[str] = field(default_factory=list)
    labels: list[str] = field(default_factory=list)
    splits: list[str | None] | None = None
    groups: list[str] | None = None
    ignored: list[str] = field(default_factory=list)
    class_names: tuple[str, ...] | None = None
    test_fraction: float = 0.2
    symmetry: Literal["none", "horizontal", "dihedral"] = "horizontal"
    modality: Literal["image", "text"] = "image"
    broken: dict[str, str] = field(default_factory=dict)
    encodings: dict[str, int] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    task: TaskName = "classification"

    @classmethod
    def of_texts(cls, name: str, source: str) -> Listing:
        """Returns an empty listing of texts, which have no symmetry: a sentence has no mirror image."""
        return cls(name=name, source=source, modality="text", symmetry="none")

    def keep(self, indices: Sequence[int]) -> None:
        """Drops all items but those at `indices`."""
        for name in ("items", "keys", "labels", "splits", "groups"):
            values = getattr(self, name)
            if values is not None:
                setattr(self, name, [values[index] for index in indices])


def class_order(labels: Sequence[str]) -> tuple[str, ...]:
    """Returns the distinct labels: by number where all are whole numbers, by name otherwise.

    Example:
        >>> class_order(["10", "9", "9"])
        ('9', '10')
    """
    names = sorted(set(labels))
    if all(name.lstrip("-").isdecimal() for name in names):
        names.sort(key=lambda name: (int(name), name))
    return tuple(names)
