"""The worst mistakes: wrong decisions that gave the right class the least probability."""

from __future__ import annotations

import dataclasses
import io
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from tlzoo import paths
from tlzoo.errors import TlzooError
from tlzoo.evaluation.attribution import Push

#: Longest side of a thumbnail, in pixels.
THUMBNAIL = 160

#: Characters of a text that are kept.
SHOWN_TEXT = 2000

Image = npt.NDArray[np.uint8]
ReadImage = Callable[[Any], Image]


@dataclasses.dataclass(frozen=True)
class Mistake:
    """One wrong decision.

    Attributes:
        index: Position in the data set.
        label: The right class, 0..c-1.
        predicted: The class that won.
        probability: Of the class that won.
        probability_of_label: Of the right class.
    """

    index: int
    label: int
    predicted: int
    probability: float
    probability_of_label: float

    def told(self, class_names: Sequence[str]) -> dict[str, Any]:
        """Returns what reports say of it."""
        return {
            "label": class_names[self.label],
            "predicted": class_names[self.predicted],
            "probability": self.probability,
            "probability_of_label": self.probability_of_label,
        }


class Told(Protocol):
    """A mistake of any task."""

    @property
    def index(self) -> int:
        """Position in the data set."""

    def told(self, class_names: Sequence[str]) -> dict[str, Any]:
        """Returns what reports say of it."""


def worst_mistakes(
    labels: npt.NDArray[np.integer[Any]],
    probabilities: npt.NDArray[np.floating[Any]],
    indices: npt.NDArray[np.integer[Any]],
    limit: int = 24,
) -> list[Mistake]:
    """Returns wrong decisions, the one that gave its right class the least probability first.

    Args:
        labels: Integers (n,) in 0..c-1.
        probabilities: (n, c), rows that sum to 1.
        indices: (n,) positions in the data set.
        limit: How many at most.

    Example:
        >>> worst_mistakes(np.array([0, 0]), np.array([[0.4, 0.6], [0.1, 0.9]]), np.array([7, 8]))[0].index
        8
    """
    decisions = probabilities.argmax(axis=1)
    of_label = probabilities[np.arange(len(labels)), labels]
    wrong = np.flatnonzero(decisions != labels)
    # The data set's order breaks ties, so that the same run always shows the same pictures.
    order = wrong[np.lexsort((indices[wrong], of_label[wrong]))][:limit]
    return [
        Mistake(
            int(indices[i]),
            int(labels[i]),
            int(decisions[i]),
            float(probabilities[i, decisions[i]]),
            float(of_label[i]),
        )
        for i in order
    ]


def write_mistakes(
    run_dir: Path,
    mistakes: Sequence[Told],
    items: Sequence[Any],
    class_names: Sequence[str],
    read_image: ReadImage | None = None,
    names: Sequence[str] | None = None,
    pushes: Sequence[Sequence[Push]] = (),
) -> list[dict[str, Any]]:
    """Writes thumbnails and `mistakes.json` into `run_dir/mistakes`, in place of what was there.

    Of texts, their beginnings stand in `mistakes.json` itself. An item that cannot be read keeps its entry, without
    a picture.

    Args:
        run_dir: The run folder.
        mistakes: Worst first.
        items: The data set's items: paths, uint8 arrays (h, w, 3) or (h, w), or texts.
        class_names: c names in label order.
        read_image: Turns a path into uint8 (h, w, 3); by default that of `tlzoo.data.images`.
        names: What each item is called; by default its path, or `array:<index>`.
        pushes: Of the first texts, what each stretch of the part that is shown did; in the order of the mistakes.

    Returns:
        What `mistakes.json` holds.
    """
    target = run_dir / "mistakes"
    shutil.rmtree(target, ignore_errors=True)
    entries = []
    with paths.new_dir(target) as folder:
        for number, mistake in enumerate(mistakes):
            item = items[mistake.index]
            text = item if isinstance(item, str) else None
            picture = b"" if text is not None else _thumbnail(item, read_image)
            file = f"{number:03d}.png" if picture else ""
            if picture:
                (folder / file).write_bytes(picture)
            called = f"array:{mistake.index}" if isinstance(item, np.ndarray) else str(item)
            shown = {} if text is None else _shown(text, pushes[number] if number < len(pushes) else ())
            entries.append(
                {
                    "file": file,
                    "item": names[mistake.index] if names else called,
                    **mistake.told(class_names),
                    **shown,
                }
            )
        paths.write_json(folder / "mistakes.json", entries)
    return entries


def _shown(text: str, pushes: Sequence[Push]) -> dict[str, Any]:
    shown: dict[str, Any] = {"text": text[:SHOWN_TEXT], "cut": len(text) > SHOWN_TEXT}
    return shown | ({"pushes": [dataclasses.asdict(push) for push in pushes]} if pushes else {})


def thumbnail(image: Image, side: int = THUMBNAIL) -> Image:
    """Returns an image no longer than `side` pixels, in RGB; small images stay as they are.

    Args:
        image: uint8 (h, w), (h, w, 1) or (h, w, 3).
        side: Longest side in pixels.
    """
    from PIL import Image as Pillow

    plain = image[..., 0] if image.ndim == 3 and image.shape[2] == 1 else image
    picture = Pillow.fromarray(np.ascontiguousarray(plain)).convert("RGB")
    picture.thumbnail((side, side))
    return np.asarray(picture)


def _thumbnail(item: Any, read_image: ReadImage | None) -> bytes:
    from PIL import Image as Pillow

    try:
        image = item if isinstance(item, np.ndarray) else (read_image or _default_reader())(item)
    except (TlzooError, OSError, ValueError):
        return b""
    content = io.BytesIO()
    Pillow.fromarray(thumbnail(image)).save(content, "PNG", optimize=True)
    return content.getvalue()


def _default_reader() -> ReadImage:
    from tlzoo.data import images

    return images.read_image
