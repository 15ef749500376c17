"""Pictures for tests, made rather than kept."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
from PIL import Image


def gradient(height: int = 24, width: int = 32, seed: int = 0) -> np.ndarray:
    """A smooth image that looks different after any flip or turn."""
    y, x = np.mgrid[0:height, 0:width]
    shift = np.random.default_rng(seed).integers(0, 100, 3)
    planes = [x * (150 / width), y * (150 / height), (x + 2 * y) * (60 / (height + width))]
    return np.stack([plane + s for plane, s in zip(planes, shift, strict=True)], -1).astype(np.uint8)


def noise(height: int, width: int, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3)).astype(np.uint8)


def encoded(image: Image.Image | np.ndarray, kind: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    image = Image.fromarray(image) if isinstance(image, np.ndarray) else image
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def write_folder(root: Path, classes: dict[str, int], seed: int = 0, side: int = 20) -> Path:
    """A folder per class with that many different PNG files each."""
    for label, count in classes.items():
        (root / label).mkdir(parents=True, exist_ok=True)
        for index in range(count):
            seed += 1
            Image.fromarray(noise(side, side + 4, seed)).save(root / label / f"{index:03d}.png")
    return root
