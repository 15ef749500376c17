"""Puts a backbone and a head together."""

from __future__ import annotations

import keras

from tlzoo.backbones.backbone import Backbone


def assemble(backbone: Backbone, head: keras.layers.Layer, *, dropout: float = 0.0) -> keras.Model:
    """Returns the model from pixels to what the head says.

    Args:
        backbone: Gives the features.
        head: Takes float32 features (b, d).
        dropout: Share of features dropped before the head while training.

    Returns:
        A Keras model from float32 pixels (b, h, w, 3) in 0..255 to the head's output; `backbone.model` is a
        layer of it, so freezing the backbone freezes the model.
    """
    pixels = keras.Input((*backbone.size, 3), name="pixels")
    features = backbone.model(pixels)
    if dropout:
        features = keras.layers.Dropout(dropout, name="dropout")(features)
    return keras.Model(pixels, head(features), name=f"{backbone.card.name}_classifier")
