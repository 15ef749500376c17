"""Where a run looks: heat maps of its mistakes for the report, and of any pictures for apps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from tlzoo.errors import UsageError

if TYPE_CHECKING:
    import keras

    from tlzoo.evaluation.mistakes import Mistake
    from tlzoo.training.context import Context
    from tlzoo.workflows.run import Run

EXPLAINED = 12
"""Mistakes that get a heat map, worst first."""


@dataclass(frozen=True, eq=False)
class Explained:
    """A picture and where the evidence for a class lies.

    Attributes:
        item: What reports call it.
        label: The class.
        heat: Float32 (h, w), 0..1, coarse: as large as the network's last map.
        picture: What the network saw, uint8 (h', w', 3); the map covers all of it.
        method: `cam` (exact) or `grad_cam`.
    """

    item: str
    label: str
    heat: np.ndarray
    picture: np.ndarray
    method: str

    def overlay(self, side: int = 448) -> np.ndarray:
        """Returns the picture with the map laid over it, uint8 (h, w, 3), no longer than `side` pixels."""
        from tlzoo.evaluation.overlays import overlay

        return overlay(self.picture, self.heat, side)


def explain(run: Run, items: Any, labels: Sequence[str] | None = None) -> list[Explained]:
    """Returns where in pictures a run finds the evidence for a class.

    Args:
        run: A classifier of images.
        items: A folder or a file; or arrays, bytes, Pillow images.
        labels: The class to look for in each; by default the one that wins.

    Raises:
        UsageError: The run is no classifier of images, or its network has no map; or a label is unknown.
        DataError: There is nothing that can be read.

    Example:
        >>> explain(run, "holiday/a.jpg")[0].overlay().shape  # doctest: +SKIP
        (224, 224, 3)
    """
    from tlzoo.data.stream import stream_pixels
    from tlzoo.models.heat_maps import heat_maps_of
    from tlzoo.workflows.features import unlabelled

    _refuse(run)
    head = run.model.get_layer("head")
    maps = heat_maps_of(run.backbone, head.kernel)
    if maps is None:
        raise UsageError(
            f"{run.folder.card.name} has no map to look at.", allowed="networks that keep places apart."
        )
    dataset, plan = unlabelled(run, items), run.folder.plan
    wanted = None if labels is None else _numbers(run, labels, len(dataset))
    found: list[Explained] = []
    for pixels, places in stream_pixels(dataset, np.arange(len(dataset)), plan.size, plan.resize, 16):
        if wanted is None:
            classes = np.asarray(run.model(pixels.astype(np.float32), training=False)).argmax(axis=1)
        else:
            classes = wanted[places]
        for at, kind, heat, picture in zip(places, classes, maps(pixels, classes), pixels, strict=True):
            found.append(Explained(dataset.keys[at], run.class_names[kind], heat, picture, maps.method))
    return found


def _refuse(run: Run) -> None:
    if run.task != "classification" or run.folder.card.modality != "image":
        raise UsageError(
            f"heat maps for {run.task} of {run.folder.card.modality}s.",
            allowed="classification of images.",
            do="Of texts, the report marks the words of the worst mistakes.",
        )


def _numbers(run: Run, labels: Sequence[str], count: int) -> np.ndarray:
    unknown = sorted(set(labels) - set(run.class_names))
    if unknown or len(labels) != count:
        raise UsageError(
            f"{len(labels)} labels for {count} pictures"
            + (f", of them {unknown[0]!r} unknown." if unknown else "."),
            allowed=f"one a picture, of {', '.join(run.class_names[:20])}.",
        )
    return np.array([run.class_names.index(label) for label in labels], np.int64)


def overlays_of_mistakes(
    context: Context, model: keras.Model, mistakes: Sequence[Mistake]
) -> tuple[list[np.ndarray], str]:
    """Returns overlays of the worst mistakes, up to `EXPLAINED` of them, and how they were made; none without a map.

    Args:
        context: What was trained on what; its backbone has the weights that training left.
        model: From pixels to logits.
        mistakes: On items of the context's data set, worst first.
    """
    import tensorflow as tf

    from tlzoo.data.convert import read_image
    from tlzoo.data.images import resize
    from tlzoo.evaluation.overlays import overlay
    from tlzoo.models.heat_maps import WORDS, heat_maps_of

    mistakes = mistakes[:EXPLAINED]
    maps = heat_maps_of(context.backbone, model.get_layer("head").kernel) if mistakes else None
    if maps is None:
        return [], ""
    plan, items = context.plan, [context.dataset.items[mistake.index] for mistake in mistakes]
    # Not the stream that training reads: tracing it costs more than a dozen pictures.
    seen = [resize(tf.constant(read_image(item)), plan.size, plan.resize) for item in items]
    pixels = tf.stack(seen).numpy().astype(np.uint8)
    heats = maps(pixels, [mistake.predicted for mistake in mistakes])
    return [overlay(picture, heat) for picture, heat in zip(pixels, heats, strict=True)], WORDS[maps.method]
