"""Cards as plain values, for those who only look: no pydantic, which costs longer to import than all cards to read."""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tlzoo import paths


class Glance(dict[str, Any]):
    """A checked card's values: `glance.input.size`, `glance["input"]["size"]`. Sequences are lists."""

    def __getattr__(self, name: str) -> Any:
        try:
            return self[name]
        except KeyError:
            raise AttributeError(f"the card has no '{name}'") from None

    @property
    def scheme(self) -> str:
        """The locator's scheme (`keras-app`, `pypi` …)."""
        return str(self["locator"]).partition(":")[0]


def glances(folder: Path, check: Callable[[], list[dict[str, Any]]], label: str = "") -> list[Glance]:
    """Returns all cards of a folder, from the cache if exactly these cards were checked before.

    Args:
        folder: A folder of `NAME.toml` files.
        check: Reads and checks them all; called only if any of them, or what checks them, has changed.
        label: What the cache calls this folder; by default its name. Folders of one label push each other out.

    Raises:
        CardError: From `check`: a card does not hold together.
    """
    label = label or folder.name
    index = paths.cache_dir() / "cards" / f"{label}-{_fingerprint(folder)}.json"
    try:
        text = index.read_text(encoding="utf-8")
    except OSError:
        text = json.dumps(check())
        with contextlib.suppress(OSError):  # a cache that cannot be written costs time, not an error
            for old in index.parent.glob(f"{label}-*.json"):
                old.unlink(missing_ok=True)
            paths.write_text(index, text)
    return [plain(card) for card in json.loads(text)]


def plain(values: dict[str, Any]) -> Glance:
    """Returns a card's JSON values as a glance, all the way down."""
    return Glance({key: _plain(value) for key, value in values.items()})


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return plain(value)
    return [_plain(item) for item in value] if isinstance(value, list) else value


def _fingerprint(folder: Path) -> str:
    """Hashes the cards and the code that checks them, which may add fields or change defaults."""
    state = hashlib.sha256(str(folder.resolve()).encode())
    for path in sorted([*folder.glob("*.toml"), *Path(__file__).parent.glob("*.py")]):
        content = path.read_bytes()
        state.update(f"{path.name} {len(content)}\n".encode() + content)
    return state.hexdigest()[:20]
