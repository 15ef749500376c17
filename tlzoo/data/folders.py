"""A folder per class, alone or below `train`, `val` and `test`."""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Iterator
from pathlib import Path

from tlzoo.data.listing import SUFFIXES, Listing
from tlzoo.data.splits import TRAIN, WORDS
from tlzoo.errors import DataError

_LAYOUTS = "a folder per class (photos/cat/1.jpg), or those below train/, val/ and test/."


def read_folder(root: Path) -> Listing:
    """Lists the images below a folder, in an order that does not depend on the file system.

    Args:
        root: Holds a folder per class, or `train`, `val` … folders that do; a lone folder inside is entered.

    Returns:
        Every file with an image's suffix, labelled by its class folder; the rest is in `ignored`.

    Raises:
        DataError: It holds no class folders, no images, or split folders beside class folders.

    Example:
        >>> read_folder(Path("photos")).labels[:2]  # doctest: +SKIP
        ['cat', 'cat']
    """
    base = _enter(root)
    listing = Listing(name=_name(root), source=str(root))
    folders, loose = _children(base)
    listing.ignored += [f"{path.name} (outside the class folders)" for path in loose]
    if not folders:
        raise DataError(
            f"folder '{root}' holds {_amount(loose)} and no folders.",
            allowed=_LAYOUTS,
            do="Sort the images into a folder per class, or list them in a CSV file with columns path and label.",
        )
    if _is_split(base, folders):
        listing.splits = []
        for folder in folders:
            classes, loose = _children(folder)
            listing.ignored += [f"{folder.name}/{path.name} (outside the class folders)" for path in loose]
            _add_classes(listing, base, classes, WORDS[folder.name.lower()])
    else:
        _add_classes(listing, base, folders, None)
    if not listing.items:
        raise DataError(
            f"folder '{root}' holds no images.",
            allowed=f"{_LAYOUTS} Image files end in {' '.join(sorted(SUFFIXES))}.",
            do="Check the path.",
        )
    return listing


def visible(name: str) -> bool:
    """Returns False for files that operating systems and archivers leave behind."""
    return not name.startswith((".", "__MACOSX", "@eaDir")) and name.lower() not in (
        "thumbs.db",
        "desktop.ini",
    )


def _name(root: Path) -> str:
    return root.resolve().name or "images"


def _amount(files: list[Path]) -> str:
    images = sum(path.suffix.lower() in SUFFIXES for path in files)
    return f"{images} image{'s' * (images != 1)}" if images else "nothing" if not files else "no images"


def _children(folder: Path) -> tuple[list[Path], list[Path]]:
    found = sorted((path for path in folder.iterdir() if visible(path.name)), key=lambda path: path.name)
    return [path for path in found if path.is_dir()], [path for path in found if not path.is_dir()]


def _enter(root: Path) -> Path:
    """Follows lone folders down, as unpacked archives leave them, to where there is a choice."""
    base = root
    while True:
        folders, _ = _children(base)
        if len(folders) != 1:
            return base
        inner, _ = _children(folders[0])
        if not inner or folders[0].name.lower() in WORDS:
            return base
        base = folders[0]


def _is_split(base: Path, folders: list[Path]) -> bool:
    words = {path.name.lower() for path in folders}
    known = words & WORDS.keys()
    holds = any(_children(path)[0] for path in folders if path.name.lower() in WORDS)
    if known == words and TRAIN in {WORDS[word] for word in words} and holds:
        return True
    if len({WORDS[word] for word in known}) > 1 and holds and known != words:
        raise DataError(
            f"folder '{base}' holds splits ({', '.join(sorted(known))}) beside {', '.join(sorted(words - known)[:5])}.",
            allowed=_LAYOUTS,
            do="Move the other folders away, or put them below train/, val/ or test/.",
        )
    if known == words and holds:
        raise DataError(
            f"folder '{base}' holds {', '.join(sorted(words))} and no train folder.",
            allowed=_LAYOUTS,
            do="Add train/ with a folder per class.",
        )
    return False


def _add_classes(listing: Listing, base: Path, folders: list[Path], split: str | None) -> None:
    for folder in folders:
        label = unicodedata.normalize("NFC", folder.name)
        for path in _files(folder):
            key = path.relative_to(base).as_posix()
            if path.suffix.lower() not in SUFFIXES:
                listing.ignored.append(f"{key} (not an image's suffix)")
                continue
            listing.items.append(path)
            listing.keys.append(key)
            listing.labels.append(label)
            if listing.splits is not None:
                listing.splits.append(split)


def _files(folder: Path) -> Iterator[Path]:
    seen: set[str] = set()
    for parent, names, files in os.walk(folder, followlinks=True):
        real = os.path.realpath(parent)
        names[:] = sorted(name for name in names if visible(name)) if real not in seen else []
        if real not in seen:
            yield from (Path(parent, name) for name in sorted(files) if visible(name))
        seen.add(real)
