"""A folder per class, alone or below `train`, `val` and `test`."""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Iterator, Sequence
from pathlib import Path

from tlzoo.data.listing import SUFFIXES, TEXT_SUFFIXES, Listing
from tlzoo.data.reading import Modality, Reading
from tlzoo.data.splits import TRAIN, WORDS
from tlzoo.data.texts import read_files
from tlzoo.errors import DataError

_LAYOUTS = "a folder per class (photos/cat/1.jpg), or those below train/, val/ and test/."
_KINDS = {"image": SUFFIXES, "text": TEXT_SUFFIXES}


def read_folder(root: Path, asked: Reading | None = None) -> Listing:
    """Lists the images, or else the texts, below a folder, in an order that does not depend on the file system.

    Args:
        root: Holds a folder per class, or `train`, `val` … folders that do; a lone folder inside is entered.
        asked: `modality`, and for texts their encoding and whether HTML's entities are undone.

    Returns:
        Every file with an image's suffix, labelled by its class folder; the rest is in `ignored`. Texts are the
        `.txt` files of folders that hold no image; they are read at once.

    Raises:
        DataError: It holds no class folders, no images or texts, or split folders beside class folders.
        UsageError: Columns are asked for, or of images what only texts have.

    Example:
        >>> read_folder(Path("photos")).labels[:2]  # doctest: +SKIP
        ['cat', 'cat']
    """
    asked = asked or Reading()
    asked.refuse(f"the folder '{root}'", "columns")
    base = _enter(root)
    folders, loose = _children(base)
    modality = asked.modality or _modality(folders)
    if modality == "image" and folders:
        asked.refuse_modality(f"the images in '{root}'", "image")
        asked.refuse(f"the images in '{root}'", "encoding")
    listing = _empty(root, modality)
    listing.ignored += [f"{path.name} (outside the class folders)" for path in loose]
    if not folders:
        raise DataError(
            f"folder '{root}' holds {_amount(loose)} and no folders.",
            allowed=_LAYOUTS,
            do="Sort the images (or texts) into a folder per class, or list them in a CSV file with columns path (or "
            "text) and label.",
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
            f"folder '{root}' holds no {modality}s.",
            allowed=f"{_LAYOUTS} {modality.capitalize()} files end in {' '.join(sorted(_KINDS[modality]))}.",
            do="Check the path.",
        )
    if modality == "text":
        read_files(listing, asked)
    return listing


def visible(name: str) -> bool:
    """Returns False for files that operating systems and archivers leave behind."""
    return not name.startswith((".", "__MACOSX", "@eaDir")) and name.lower() not in (
        "thumbs.db",
        "desktop.ini",
    )


def _empty(root: Path, modality: Modality) -> Listing:
    name = root.resolve().name or f"{modality}s"
    return Listing.of_texts(name, str(root)) if modality == "text" else Listing(name=name, source=str(root))


def _modality(folders: Sequence[Path]) -> Modality:
    """Returns `text` for folders that hold texts and not a single image."""
    texts = False
    for path in (path for folder in folders for path in _files(folder)):
        if path.suffix.lower() in SUFFIXES:
            return "image"
        texts = texts or path.suffix.lower() in TEXT_SUFFIXES
    return "text" if texts else "image"


def _amount(files: list[Path]) -> str:
    for noun, suffixes in _KINDS.items():
        if count := sum(path.suffix.lower() in suffixes for path in files):
            return f"{count} {noun}{'s' * (count != 1)}"
    return "no images" if files else "nothing"


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
            if path.suffix.lower() not in _KINDS[listing.modality]:
                what = "an image's" if listing.modality == "image" else "a text's"
                listing.ignored.append(f"{key} (not {what} suffix)")
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
