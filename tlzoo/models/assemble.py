"""Puts a backbone and a head together."""

from __future__ import annotations

import keras

from tlzoo.backbones.backbone import Backbone


def assemble(
    backbone: Backbone,
    head: keras.layers.Layer,
    *,
    dropout: float = 0.0,
    body: keras.layers.Layer | None = None,
) -> keras.Model:
    """Returns the model from what the backbone eats to what the head says.

    Args:
        backbone: Gives the features.
        head: Takes float32 features (b, d).
        dropout: Share of features dropped before the head while training.
        body: Stands in for `backbone.model`, which it calls; None for `backbone.model` itself.

    Returns:
        A Keras model from what the backbone eats (float32 pixels (b, h, w, 3) in 0..255, tokens int32 (b, t), or
        strings (b,)) to the head's output; `backbone.model` is a layer of it, so freezing the backbone freezes the
        model.
    """
    eaten = backbone.model.input
    inputs = keras.Input(eaten.shape[1:], dtype=eaten.dtype, name=eaten.name)
    features = (body or backbone.model)(inputs)
    if dropout:
        features = keras.layers.Dropout(dropout, name="dropout")(features)
    return keras.Model(inputs, head(features), name=f"{backbone.card.name}_classifier")
