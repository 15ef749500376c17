"""Why a model says what it says, found out by asking it alone: parts are hidden, and its answer falls or does not."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from PIL import Image

import tlzoo
from tlzoo.client import Prediction
from tlzoo.errors import DataError

from .values import About, Reason, Tell

FAINT = 0.1
"""Fall of log-odds that is shown in full at least: where nothing matters, nothing shall look as if it did."""
GRID = 7
"""Hidden squares a side, of a picture."""
SIDE = 336
"""Longest side of a picture that is shown under a heat map, in pixels."""

STEP = 7
"""Hidden variants that are asked about at once, between two looks at whether the work is to stop."""

Ask = Callable[[Sequence[Any]], list[Prediction]]


def by_hiding(ask: Ask, about: About, item: Any, label: str | None, tell: Tell) -> Reason:
    """Returns why a model says what it says: of a text by its words, of a picture by its squares.

    Args:
        ask: From items to predictions.
        about: The model.
        item: Path, bytes, array or Pillow image; or a text.
        label: The class to look at; None for the one that wins.
        tell: Told how far it is.
    """
    asked = telling(ask, tell)
    if about.modality == "text":
        return words_of(asked, item, label, about.class_names)
    return places_of(asked, item, label)


def telling(ask: Ask, tell: Tell) -> Ask:
    """Makes questions about many variants tell how far they are, a few variants at a time."""

    def step_by_step(items: Sequence[Any]) -> list[Prediction]:
        found: list[Prediction] = []
        for at in range(0, len(items), STEP):
            tell(at, len(items), f"asking about {len(items):,} variants")
            found += ask(items[at : at + STEP])
        return found

    return step_by_step


def words_of(ask: Ask, text: str, label: str | None, names: Sequence[str]) -> Reason:
    """Returns which words of a text pushed the answer.

    Args:
        ask: From texts to predictions.
        text: The text.
        label: The class to look at; None for the one that wins.
        names: All classes; those that the model answers with if empty.
    """
    first = _whole(ask([text])[0])
    names = list(names or first.probabilities)
    label = label or first.label or names[0]

    def shares(texts: Sequence[str]) -> np.ndarray:
        return np.array([[each.probabilities.get(name, 0.0) for name in names] for each in ask(list(texts))])

    words = tlzoo.explain_words(text, shares, names.index(label))
    return Reason(label, "each word is left out, and the answer falls or rises", words=words)


def places_of(ask: Ask, item: Any, label: str | None) -> Reason:
    """Returns where in a picture the evidence lies: squares of it are hidden one by one.

    Args:
        ask: From pictures to predictions.
        item: Path, bytes, array or Pillow image.
        label: The class to look at; None for the one that wins.
    """
    picture = _opened(item)
    whole = _whole(ask([picture])[0])
    label = label or whole.label or ""
    hidden = [_hiding(picture, at // GRID, at % GRID) for at in range(GRID * GRID)]
    # Log-odds, since a probability near 1 hardly falls whatever is hidden.
    left = np.array([_log_odds(each, label) for each in ask(hidden)])
    falls = np.maximum(_log_odds(whole, label) - left, 0.0)
    heat = (falls / max(falls.max(), FAINT)).reshape(GRID, GRID)
    told = "the answer falls" if falls.max() >= FAINT else "no one of them matters"
    return Reason(label, f"squares are hidden one by one, and {told}", picture=_under(picture, heat))


def _log_odds(said: Prediction, label: str) -> float:
    """Returns those of a class against all others together, whose share is told more finely than 1 minus its own."""
    others = sum(share for name, share in said.probabilities.items() if name != label)
    return float(np.log(max(said.probabilities.get(label, 0.0), 1e-12) / max(others, 1e-12)))


def _whole(said: Prediction) -> Prediction:
    if said.error is not None:
        raise DataError(said.error)
    return said


def _opened(item: Any) -> Image.Image:
    from io import BytesIO

    try:
        if isinstance(item, np.ndarray):
            picture = Image.fromarray(item).convert("RGB")
        elif isinstance(item, Image.Image):
            picture = item.convert("RGB")
        else:
            with Image.open(BytesIO(item) if isinstance(item, bytes) else item) as opened:
                picture = opened.convert("RGB")
    except OSError as error:
        raise DataError(
            "the picture cannot be read.", allowed="PNG, JPEG and the like.", do="Try another."
        ) from error
    picture.thumbnail((SIDE, SIDE))
    return picture


def _hiding(picture: Image.Image, row: int, column: int) -> Image.Image:
    hidden, (width, height) = picture.copy(), picture.size
    box = (
        column * width // GRID,
        row * height // GRID,
        (column + 1) * width // GRID,
        (row + 1) * height // GRID,
    )
    mean = tuple(int(value) for value in np.asarray(picture).reshape(-1, 3).mean(axis=0))
    hidden.paste(mean, box)
    return hidden


def _under(picture: Image.Image, heat: np.ndarray) -> np.ndarray:
    """Returns a picture with warm colours laid over it where the evidence lies."""
    smooth = Image.fromarray((heat * 255).astype(np.uint8)).resize(picture.size, Image.Resampling.BICUBIC)
    share = (np.asarray(smooth, np.float32) / 255)[..., None] * 0.65
    colour = np.array([255, 96, 0], np.float32)
    return np.asarray(np.asarray(picture, np.float32) * (1 - share) + colour * share, np.uint8)
