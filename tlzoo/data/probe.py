"""A quick look into every file: its hash, its header, and whether it ends where it should. No TensorFlow."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tlzoo.data.convert import open_pillow, reason
from tlzoo.data.fingerprint import array_digest
from tlzoo.data.listing import Listing
from tlzoo.errors import DataError
from tlzoo.progress import Progress


@dataclass(frozen=True)
class Probe:
    """What a quick look found.

    Attributes:
        digest: SHA-256 of the content; empty if it cannot be read.
        reason: Why it is broken; None if it looks whole.
        width: In pixels, as the header says; 0 if broken.
        height: In pixels.
        mode: Pillow's word for channels and depth (`RGB`, `L`, `I;16` …).
        format: `JPEG`, `PNG` …; empty for arrays.
    """

    digest: str
    reason: str | None = None
    width: int = 0
    height: int = 0
    mode: str = ""
    format: str = ""


def look(listing: Listing, progress: Progress | None = None) -> list[Probe]:
    """Looks at every item of a listing; what the listing knows to be broken is not looked at again.

    Args:
        listing: Images or texts.
        progress: Told how far it is.

    Returns:
        One `Probe` per item, in order.
    """
    if listing.modality == "image":
        return probe([item for item in listing.items if not isinstance(item, str)], progress)
    digests = [hashlib.sha256(str(item).encode()).hexdigest() for item in listing.items]
    if progress:
        progress(len(digests), len(digests), "reading texts")
    return [Probe(digest, listing.broken.get(key)) for key, digest in zip(listing.keys, digests, strict=True)]


def probe(items: Sequence[Path | NDArray[np.uint8]], progress: Progress | None = None) -> list[Probe]:
    """Looks at every item, in parallel; never raises for a bad one.

    Args:
        items: Paths or uint8 arrays.
        progress: Told how far it is.

    Returns:
        One `Probe` per item, in order.
    """
    found = []
    with ThreadPoolExecutor(min(8, (os.cpu_count() or 1) + 2)) as pool:
        for result in pool.map(_one, items):
            found.append(result)
            if progress and (len(found) % 64 == 0 or len(found) == len(items)):
                progress(len(found), len(items), "looking at images")
    return found


def _one(item: Path | NDArray[np.uint8]) -> Probe:
    if not isinstance(item, Path):
        return Probe(array_digest(item), None, item.shape[1], item.shape[0], "RGB")
    try:
        content = item.read_bytes()
    except OSError as error:
        return Probe("", error.strerror or reason(error))
    digest = hashlib.sha256(content).hexdigest()
    if not content:
        return Probe(digest, "the file is empty")
    try:
        with open_pillow(content) as image:
            cut = image.format == "JPEG" and content.rfind(b"\xff\xd9") < 0
            ends = "the file is cut short" if cut else None
            return Probe(digest, ends, image.width, image.height, image.mode, image.format or "")
    except DataError as error:
        return Probe(digest, error.what.rstrip("."))
