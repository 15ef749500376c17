"""A tiny real classifier to export, and pictures to show it."""

import io

import keras
import numpy as np
from PIL import Image

from tlzoo.cards.backbone import BackboneCard
from tlzoo.export.exportable import Exportable
from tlzoo.export.fronts import ImageFront

SIZE = (16, 20)
HOSTILE = ("zoë", 'qu"ote,', "new\nline", "back\\slash 漢字", "a")


def encoded(format: str, size: tuple[int, int], seed: int = 0, **options: object) -> bytes:
    """Returns a smooth picture of (height, width), encoded."""
    rng = np.random.default_rng(seed)
    small = Image.fromarray(rng.integers(0, 256, (4, 4, 3), dtype=np.uint8))
    buffer = io.BytesIO()
    small.resize(size[::-1], Image.Resampling.BILINEAR).save(buffer, format, **options)
    return buffer.getvalue()


SAMPLES = (encoded("JPEG", (40, 30), 1), encoded("PNG", (9, 50), 2), encoded("PNG", SIZE, 3))


def classifier(dtype: str = "float32", classes: int = len(HOSTILE)):
    """Returns (model, features, head) of a small convolutional net with batch normalisation and dropout."""
    keras.utils.set_random_seed(7)
    pixels = keras.Input((*SIZE, 3), name="pixels")
    x = keras.layers.Rescaling(1 / 127.5, -1, dtype=dtype)(pixels)
    x = keras.layers.Conv2D(6, 3, strides=2, activation="silu", dtype=dtype)(x)
    x = keras.layers.BatchNormalization(dtype=dtype)(x)
    features = keras.Model(pixels, keras.layers.GlobalAveragePooling2D(dtype=dtype)(x), name="tiny")
    for weight in features.weights:
        if weight.path.endswith("moving_mean"):
            weight.assign(np.linspace(-0.1, 0.1, 6))
    head = keras.layers.Dense(
        classes, name="head", kernel_initializer=keras.initializers.RandomNormal(stddev=4)
    )
    again = keras.Input((*SIZE, 3))
    logits = head(keras.layers.Dropout(0.5)(features(again)))
    return keras.Model(again, logits), features, head


def exportable_of(card: BackboneCard, dtype: str = "float32", **changes: object) -> Exportable:
    model, features, head = classifier(dtype)
    facts = {"data_fingerprint": "f" * 64, "weights_hash": "w" * 64, "metrics": {"test": {"accuracy": 0.9}}}
    given = {
        "model": model,
        "features": features,
        "class_names": HOSTILE,
        "temperature": 1.7,
        "front": ImageFront(SIZE, "stretch"),
        "name": "tiny photos",
        "card": card,
        "facts": {**facts, "note": "n"},
        "samples": SAMPLES,
        "head": head,
    }
    return Exportable(**{**given, **changes})


THRESHOLDS = (0.5, 0.1, 0.9, 0.3, 0.6)


def tiny_card() -> BackboneCard:
    return BackboneCard.model_validate(
        {
            "name": "tiny",
            "title": "Tiny",
            "family": "tiny",
            "locator": "file:tiny",
            "input": {"size": SIZE},
            "preprocessing": {"convention": "in_model"},
            "params": 100,
            "features": 6,
            "weight_bytes": 400,
            "pretraining": {"dataset": "none"},
            "licence": "MIT",
            "citation": "none",
            "stages": [{"name": "stem", "tap": "a"}, {"name": "top", "tap": "b"}],
        }
    )


def number(card: BackboneCard) -> Exportable:
    """Returns a regression."""
    model, features, head = classifier(classes=1)
    head.bias.assign([1234.0])
    parts = {"model": model, "features": features, "head": head}
    return exportable_of(card, **parts, class_names=("value",), temperature=1.0, task="regression", band=12.5)


def several(card: BackboneCard) -> Exportable:
    """Returns a model of several labels."""
    return exportable_of(card, task="multilabel", thresholds=THRESHOLDS)
