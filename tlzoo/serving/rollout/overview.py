"""What is deployed: every version of every model, and what it does there."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tlzoo import bundle
from tlzoo.errors import BundleError, unknown_name
from tlzoo.serving.rollout.entry import Entry, read_entry
from tlzoo.serving.rollout.folder import ModelFolder
from tlzoo.serving.rollout.site import Site, models


@dataclass(frozen=True)
class Row:
    """One version.

    Attributes:
        model: Its model.
        version: Its number.
        state: `answers` (whoever names no version), `served` too, `kept`, or `rolled back`.
        labels: What `models.config` calls it.
        deployed: When, ISO 8601; "" if nobody wrote that down.
        user: By whom.
        source: From where.
        damage: Why it is not as it was exported; "" if it is, or nobody looked.
    """

    model: str
    version: int
    state: str
    labels: tuple[str, ...] = ()
    deployed: str = ""
    user: str = ""
    source: str = ""
    damage: str = ""


def overview(site: Site, name: str = "", *, verify: bool = False) -> list[Row]:
    """Lists versions, newest first; takes no lock and changes nothing.

    Args:
        site: Where.
        name: One model; "" for all.
        verify: True to compare every file with its checksum.

    Raises:
        UnknownNameError: There is no such model.
        BundleError: `models.config` cannot be read.
    """
    known = models(site.repository)
    if name and name not in known:
        raise unknown_name("model", name, known)
    return [row for one in ([name] if name else known) for row in _rows(site, one, verify)]


def _rows(site: Site, name: str, verify: bool) -> Iterator[Row]:
    folder, entry = ModelFolder(site.repository, name), read_entry(site, name)
    lines = {line.get("version"): line for line in folder.history.lines() if line.get("action") == "deploy"}
    visible, aside = folder.visible(), folder.aside()
    for number, path in sorted({**aside, **visible}.items(), reverse=True):
        line = lines.get(number, {})
        yield Row(
            name,
            number,
            _state(entry, number, visible),
            tuple(sorted(label for label, at in entry.model.labels.items() if at == number)),
            str(line.get("time", "")),
            str(line.get("user", "")),
            str(line.get("source", "")),
            _damage(path) if verify else "",
        )


def _state(entry: Entry, number: int, visible: dict[int, Path]) -> str:
    served = entry.served(visible)
    if number not in visible:
        return "rolled back"
    if number == max(served, default=None):
        return "answers"
    return "served" if number in served else "kept"


def _damage(path: Path) -> str:
    try:
        bundle.read_bundle(path, verify=True)
    except (BundleError, OSError) as error:
        return error.what if isinstance(error, BundleError) else str(error)
    return ""
