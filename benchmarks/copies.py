"""How many re-saved copies of solar cells thumbnails find again, among all 2,624 cells of ELPV.

    python benchmarks/copies.py

200 cells, drawn at random, are saved once more: as JPEG, at another size, or both, brighter or mirrored. `data check`
and `clean` compare thumbnails (`tlzoo/data/duplicates.py`). Pairs of different cells are counted too: they are wrong.
"""

from __future__ import annotations

import io

import numpy as np
from common import finish
from PIL import Image

CELLS = 200


def main() -> None:
    """Prints how many copies of each kind are found, and all as JSON."""
    import tlzoo
    from tlzoo.data import duplicates
    from tlzoo.data.convert import read_image

    items = tlzoo.load("elpv").items
    pixels = [read_image(item) for item in items]
    small = np.stack([duplicates.thumbnail(each) for each in pixels])
    chosen = np.random.default_rng(0).choice(len(items), CELLS, replace=False).tolist()
    changes = {
        "JPEG 90": lambda cell: _saved(cell, 90),
        "JPEG 50": lambda cell: _saved(cell, 50),
        "JPEG 20": lambda cell: _saved(cell, 20),
        "JPEG 4": lambda cell: _saved(cell, 4),
        "224 px": lambda cell: _resized(cell, 224),
        "150 px": lambda cell: _resized(cell, 150),
        "64 px": lambda cell: _resized(cell, 64),
        "224 px, JPEG 50": lambda cell: _saved(_resized(cell, 224), 50),
        "150 px, JPEG 50": lambda cell: _saved(_resized(cell, 150), 50),
        "15% brighter": lambda cell: np.clip(cell * 1.15, 0, 255).astype(np.uint8),
        "mirrored": lambda cell: np.ascontiguousarray(cell[:, ::-1]),
    }
    alone = duplicates.near(small, [str(at) for at in range(len(small))])
    print(f"{len(alone)} pairs among the {len(small)} cells as they are")
    found = {}
    for title, change in changes.items():
        more = np.stack([duplicates.thumbnail(change(pixels[at])) for at in chosen])
        rows = np.concatenate([small, more])
        pairs = set(duplicates.near(rows, [str(at) for at in range(len(rows))]))
        wanted = {(at, len(small) + place) for place, at in enumerate(chosen)}
        found[title] = [len(pairs & wanted), len(pairs - wanted)]
        print(f"  {title:16} {len(pairs & wanted)} of {CELLS} found; {len(pairs - wanted)} other pairs")
    finish(copies=found, cells=CELLS, among=len(small))


def _saved(cell: np.ndarray, quality: int) -> np.ndarray:
    file = io.BytesIO()
    Image.fromarray(cell).save(file, "JPEG", quality=quality)
    with Image.open(file) as image:
        return np.asarray(image.convert("RGB"))


def _resized(cell: np.ndarray, side: int) -> np.ndarray:
    return np.asarray(Image.fromarray(cell).resize((side, side), Image.Resampling.BILINEAR))


if __name__ == "__main__":
    main()
