"""What a recipe may know about the data and the machine."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from tlzoo.plans import TaskName

Symmetry = Literal["none", "horizontal", "dihedral"]


@dataclass(frozen=True)
class Facts:
    """Data and device, in numbers.

    Attributes:
        train: Examples in the training split.
        classes: How many classes (labels, or numbers) there are.
        counts: Training examples of each class, in label order.
        symmetry: Which mirrorings and turns leave a label as it is.
        gpu: True if the device gains from half precision.
        task: What is learned.
        validation: Examples in the validation split; None if nobody knows.
    """

    train: int
    classes: int
    counts: tuple[int, ...] = ()
    symmetry: Symmetry = "horizontal"
    gpu: bool = False
    task: TaskName = "classification"
    validation: int | None = None
