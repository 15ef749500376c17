"""Heat maps laid over the pictures they belong to."""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from tlzoo import paths
from tlzoo.evaluation.mistakes import THUMBNAIL, thumbnail

Image = npt.NDArray[np.uint8]
Map = npt.NDArray[np.floating[Any]]

STRENGTH = 0.65
"""Share of the colour where a map is 1."""
_COLOURS = ((0.0, (60, 20, 110)), (0.5, (230, 60, 60)), (1.0, (255, 220, 60)))
"""From nothing to most: violet, red, yellow, each lighter than the one before, so that grey print keeps the order."""


def overlay(picture: Image, heat: Map, side: int = THUMBNAIL) -> Image:
    """Returns a picture with a heat map laid over it, no longer than `side` pixels, uint8 (h, w, 3).

    Args:
        picture: What the network saw, uint8 (h, w, 3).
        heat: 0..1, (h', w') of any size; stretched over the picture.
        side: Longest side in pixels.
    """
    from PIL import Image as Pillow

    small = thumbnail(picture, side)
    size = (small.shape[1], small.shape[0])
    grey = Pillow.fromarray(np.asarray(heat, np.float32))
    spread = np.clip(np.asarray(grey.resize(size, Pillow.Resampling.BICUBIC)), 0, 1)
    places = [place for place, _ in _COLOURS]
    colour = np.stack(
        [np.interp(spread, places, [rgb[channel] for _, rgb in _COLOURS]) for channel in range(3)], axis=-1
    )
    share = STRENGTH * spread[..., None]
    return np.asarray(np.round(small * (1 - share) + colour * share), np.uint8)


def write_overlays(run_dir: Path, overlays: Sequence[Image]) -> None:
    """Writes overlays beside the thumbnails of the first mistakes, and notes them in `mistakes.json` under `why`.

    Args:
        run_dir: The run folder, with its mistakes written.
        overlays: In the order of the mistakes; fewer than these, or as many.
    """
    from PIL import Image as Pillow

    folder = run_dir / "mistakes"
    entries = json.loads((folder / "mistakes.json").read_text("utf-8"))
    for number, (entry, picture) in enumerate(zip(entries, overlays, strict=False)):
        content = io.BytesIO()
        Pillow.fromarray(picture).save(content, "PNG", optimize=True)
        entry["why"] = f"{number:03d}_why.png"
        paths.write_bytes(folder / entry["why"], content.getvalue())
    paths.write_json(folder / "mistakes.json", entries)
