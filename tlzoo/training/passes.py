"""A pass of the backbone as it is now, whose features nobody keeps."""

from __future__ import annotations

import numpy as np

from tlzoo.features.engines import GraphEngine
from tlzoo.features.text_extract import features_of
from tlzoo.training.context import Context, Decoded


def features_now(context: Context, indices: np.ndarray) -> np.ndarray:
    """Returns features float32 (m, d) of some items under the backbone's present weights.

    Args:
        context: With the backbone and the items.
        indices: Items, int (m,).
    """
    inputs = context.inputs
    if not isinstance(inputs, Decoded):
        return features_of(context.backbone, inputs, indices)
    engine = GraphEngine(context.backbone)
    step = engine.batch_size
    parts = [engine(inputs.read(indices[at : at + step])) for at in range(0, len(indices), step)]
    return np.concatenate(parts) if parts else np.zeros((0, context.backbone.card.features), np.float32)
