"""Examples to click: scikit-learn's digits, letters written for this page, solar cells where they are fetched."""

from __future__ import annotations

import csv
import random
import shutil
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tlzoo

EACH = 15
"""Pictures of a class to learn from."""
HELD_BACK = 3
"""Pictures of a class to try the model with."""
LETTERS = Path(__file__).with_name("examples") / "letters.csv"


@dataclass(frozen=True)
class Sample:
    """A small data set for the page.

    Attributes:
        kind: `pictures` or `texts`.
        classes: Pictures' paths, or texts, by class.
        tries: What to try the model with.
    """

    kind: str
    classes: dict[str, list[Any]]
    tries: list[Any]


def digits(folder: Path) -> Sample:
    """Returns handwritten digits 0 to 3, written as PNG files.

    Args:
        folder: Where to.
    """
    from PIL import Image
    from sklearn.datasets import load_digits

    data = load_digits()
    folder.mkdir(parents=True)
    found: dict[str, list[Any]] = {}
    tries = []
    for digit in range(4):
        files = []
        for number in [at for at, kind in enumerate(data.target) if kind == digit][: EACH + HELD_BACK]:
            grey = (255 - data.images[number] * (255 / 16)).astype("uint8")
            files.append(folder / f"{digit}_{number:04d}.png")
            Image.fromarray(grey).resize((96, 96), Image.Resampling.BICUBIC).save(files[-1])
        found[("zero", "one", "two", "three")[digit]] = files[:EACH]
        tries += files[EACH:]
    return Sample("pictures", found, tries)


def letters(folder: Path) -> Sample:
    """Returns letters to a shop: praise, complaints and questions."""
    by_class: dict[str, list[Any]] = defaultdict(list)
    with LETTERS.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            by_class[row["label"]].append(row["text"])
    tries = [
        "I love it, thank you so much!",
        "The zip broke after two days and nobody answers.",
        "Do you have it in blue as well?",
    ]
    return Sample("texts", dict(by_class), tries)


def cells(folder: Path) -> Sample:
    """Returns solar cells in four classes, by what they are made of and whether they work.

    Args:
        folder: For copies: nothing outside of the app's own folder is shown.
    """
    folder.mkdir(parents=True)
    found: dict[str, list[Any]] = {}
    tries = []
    for part in ("mono", "poly"):
        data = tlzoo.load(f"elpv:{part}")
        for kind, name in enumerate(data.class_names):
            files = [
                Path(str(item)) for item, label in zip(data.items, data.labels, strict=True) if label == kind
            ]
            random.Random(0).shuffle(files)  # noqa: S311 - the same ones every time
            files = [Path(shutil.copy(file, folder)) for file in files[: EACH + HELD_BACK]]
            found[f"{part} {name}"] = files[:EACH]
            tries += files[EACH:]
    return Sample("pictures", found, tries)


def offered() -> dict[str, Any]:
    """Returns what can be clicked on this machine, by its title."""
    there = {"Handwritten digits": digits, "Letters to a shop": letters}
    return {**there, "Solar cells": cells} if "elpv" in tlzoo.at_hand("dataset") else there
