"""Where things lie in a version folder, and how its descriptions are read and written."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from pathlib import Path

from tlzoo import paths
from tlzoo.bundle.facts import BundleFacts

EXTRA = "assets.extra"
FACTS_FILE = f"{EXTRA}/bundle.json"
LABELS_FILE = f"{EXTRA}/labels.txt"
WARMUP_FILE = f"{EXTRA}/tf_serving_warmup_requests"
NETWORK_FILE = f"{EXTRA}/network.tflite"


def write_facts(folder: Path, facts: BundleFacts) -> None:
    """Writes `bundle.json` into a version folder, whole or not at all."""
    paths.write_text(folder / FACTS_FILE, facts.model_dump_json(indent=2) + "\n")


def write_labels(folder: Path, class_names: Sequence[str]) -> None:
    r"""Writes `labels.txt` into a version folder, one line per class.

    Backslashes, control characters and line separators are escaped as in Python strings, so that every class
    is one line whatever it is called. `bundle.json` has the names unescaped.

    Args:
        folder: The version folder.
        class_names: The labels, in the order of the probabilities.
    """
    paths.write_text(folder / LABELS_FILE, "".join(f"{_one_line(name)}\n" for name in class_names))


def _one_line(name: str) -> str:
    special = {"Cc", "Zl", "Zp"}
    return "".join(
        char.encode("unicode_escape").decode()
        if char == "\\" or unicodedata.category(char) in special
        else char
        for char in name
    )
