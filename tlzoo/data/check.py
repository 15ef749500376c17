"""A doctor's look at a data set before anybody trains on it. Works without TensorFlow."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tlzoo.data import duplicates, findings
from tlzoo.data.check_texts import TextCheck, check_texts
from tlzoo.data.columns import Columns
from tlzoo.data.convert import Pixels, from_pillow, open_pillow
from tlzoo.data.dataset import Item
from tlzoo.data.listing import Listing
from tlzoo.data.load import gather
from tlzoo.data.probe import Probe, look
from tlzoo.data.verdict import verdict
from tlzoo.errors import DataError
from tlzoo.progress import Progress

SMALL_SIDE = 32
"""Images with a shorter side, in pixels, are called small."""
LONG_ASPECT = 4.0
"""Images longer than this many times their shorter side are called long."""


@dataclass(frozen=True)
class Check:
    """What `check` found; every list holds keys as reports call the items.

    Attributes:
        source: What was looked at.
        images: Number of listed images, broken ones included.
        classes: Number of images by class, in label order.
        splits: Number of images by split, where the source is split.
        broken: (key, reason) of images that cannot be decoded.
        duplicates: Groups of identical files.
        near_duplicates: Pairs of different files that show the same.
        leaks: (key, split, key, split) of identical or near-identical images in different splits.
        conflicts: (key, label, key, label) of identical or near-identical images with different labels.
        tiny_classes: Number of images of classes with fewer than `TINY_CLASS`.
        imbalance: Images of the largest class per image of the smallest.
        sizes: `{"smallest": [w, h], "median": [w, h], "largest": [w, h], "distinct": n}`, in pixels.
        small: Images with a side below `SMALL_SIDE` pixels.
        long: Images longer than `LONG_ASPECT` times their shorter side.
        modes: Number of images by Pillow mode (`RGB`, `L`, `CMYK` …).
        formats: Number of images by file format.
        ignored: Files that were passed over.
        refusal: Why `load` would refuse the source; None if it would not.
        verdict: The findings in words, worst first.
    """

    source: str
    images: int
    classes: dict[str, int]
    splits: dict[str, int]
    broken: list[tuple[str, str]]
    duplicates: list[list[str]]
    near_duplicates: list[tuple[str, str]]
    leaks: list[tuple[str, str, str, str]]
    conflicts: list[tuple[str, str, str, str]]
    tiny_classes: dict[str, int]
    imbalance: float
    sizes: dict[str, Any]
    small: list[str]
    long: list[str]
    modes: dict[str, int]
    formats: dict[str, int]
    ignored: list[str]
    refusal: str | None
    verdict: list[str] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        """True if `load` accepts the source and nothing in it would spoil the evidence."""
        return self.refusal is None and not (self.broken or self.leaks or self.conflicts)

    def to_json(self) -> dict[str, Any]:
        """Returns everything as plain lists, dictionaries, strings and numbers, with `ok`."""
        return {"ok": self.ok, **asdict(self)}


def check(
    source: Any,
    *,
    columns: Columns | Mapping[str, str] | None = None,
    tolerance: float = 0.02,
    progress: Progress | None = None,
    **options: Any,
) -> Check | TextCheck:
    """Decodes every image of a source once, or reads every text, and reports what would spoil training or its evidence.

    Args:
        source: As for `load`.
        columns: As for `load`.
        tolerance: Share of broken images, or empty texts, that `load` would skip.
        progress: Told how far it is.
        **options: `load`'s `text_column` … `unescape_html`, and those of the data set card.

    Returns:
        The findings; bad images and empty texts never raise.

    Raises:
        UsageError: The source is not understood.
        DataError: It cannot even be listed (an empty folder, a table without labels).

    Example:
        >>> check("photos/").verdict  # doctest: +SKIP
        ['251 images of 2 classes; nothing is wrong with them.']
    """
    listing = gather(source, columns=columns, progress=progress, **options)
    if listing.modality == "text":
        return check_texts(listing, tolerance, progress)
    probes = look(listing, progress)
    thumbnails, reasons = _decode(listing, probes, progress)
    whole = [index for index in range(len(listing.items)) if index not in reasons]
    digests = [probes[index].digest for index in whole]
    groups = [[whole[member] for member in group] for group in duplicates.same(digests)]
    near = [(whole[a], whole[b]) for a, b in duplicates.near(thumbnails[whole], digests)] if whole else []
    alike = findings.neighbours(groups) + near
    found = Check(
        broken=[(listing.keys[index], why) for index, why in sorted(reasons.items())],
        duplicates=[[listing.keys[index] for index in group] for group in groups],
        near_duplicates=[(listing.keys[a], listing.keys[b]) for a, b in near],
        leaks=findings.differing(listing, alike, listing.splits),
        conflicts=findings.differing(listing, alike, listing.labels),
        refusal=findings.refusal(listing, probes, reasons, tolerance),
        **findings.counts(listing, "images"),
        **_shapes(listing, [(index, probes[index]) for index in whole]),
    )
    return Check(**{**found.__dict__, "verdict": verdict(found)})


def _decode(
    listing: Listing, probes: list[Probe], progress: Progress | None
) -> tuple[NDArray[np.uint8], dict[int, str]]:
    """Returns a thumbnail of every image, and why some have none."""
    thumbnails = np.zeros((len(listing.items), 1024), np.uint8)
    reasons: dict[int, str] = {}

    def one(index: int) -> NDArray[np.uint8] | str:
        try:
            return probes[index].reason or duplicates.thumbnail(_pixels(listing.items[index]))
        except DataError as error:
            return error.what.rstrip(".")

    with ThreadPoolExecutor() as pool:
        for index, found in enumerate(pool.map(one, range(len(listing.items)))):
            if isinstance(found, str):
                reasons[index] = found
            else:
                thumbnails[index] = found
            if progress and ((index + 1) % 64 == 0 or index + 1 == len(listing.items)):
                progress(index + 1, len(listing.items), "decoding images")
    return thumbnails, reasons


def _pixels(item: Item) -> Pixels:
    if isinstance(item, str):
        raise DataError("a text, not an image.")
    if not isinstance(item, Path):
        return item
    with open_pillow(item.read_bytes()) as image:
        if image.format == "JPEG":
            image.draft(
                "RGB", (256, 256)
            )  # decodes at a fraction of the size, but still to the end of the file
        return from_pillow(image)


def _shapes(listing: Listing, found: list[tuple[int, Probe]]) -> dict[str, Any]:
    sizes = sorted((one.width * one.height, one.width, one.height) for _, one in found) or [(0, 0, 0)]
    picked = {"smallest": sizes[0], "median": sizes[len(sizes) // 2], "largest": sizes[-1]}
    return {
        "sizes": {**{name: list(size[1:]) for name, size in picked.items()}, "distinct": len(set(sizes))},
        "small": [listing.keys[i] for i, one in found if min(one.width, one.height) < SMALL_SIDE],
        "long": [listing.keys[i] for i, one in found if _aspect(one) > LONG_ASPECT],
        "modes": dict(Counter(one.mode for _, one in found)),
        "formats": dict(Counter(one.format or "array" for _, one in found)),
    }


def _aspect(found: Probe) -> float:
    return max(found.width, found.height) / max(min(found.width, found.height), 1)
