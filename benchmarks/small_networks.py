"""Small networks that were really pretrained on real pictures, and their twins that were not; as cards of a zoo."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np

WIDTHS = (16, 32, 64, 96)
SIDE = 32

CARD = """
title = "{title}"
family = "small"
locator = "file:{path}"
params = {params}
features = {features}
weight_bytes = 1
licence = "Apache-2.0"
citation = "None"
[input]
size = [{side}, {side}]
min_size = 16
[preprocessing]
convention = "tf"
[pretraining]
dataset = "{dataset}"
classes = 0
"""


def network(seed: int) -> Any:
    """Returns four stages of convolution, BatchNorm and ReLU with random weights."""
    import keras

    keras.utils.set_random_seed(seed)
    pixels = x = keras.Input((SIDE, SIDE, 3))
    for at, width in enumerate(WIDTHS):
        x = keras.layers.Conv2D(width, 3, 2, "same", use_bias=False, name=f"stage{at}_conv")(x)
        x = keras.layers.BatchNormalization(name=f"stage{at}_bn")(x)
        x = keras.layers.ReLU(name=f"stage{at}_out")(x)
    return keras.Model(pixels, x)


def pretrained(images: np.ndarray, labels: np.ndarray, epochs: int = 25, seed: int = 1) -> Any:
    """Returns the network as it is after it has learned labels (n,) of images uint8 (n, 32, 32, 3)."""
    import keras

    body = network(seed)
    head = keras.layers.Dense(int(labels.max()) + 1)(keras.layers.GlobalAveragePooling2D()(body.output))
    model = keras.Model(body.input, head)
    model.compile(keras.optimizers.AdamW(2e-3), keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    x = images.astype(np.float32) / 127.5 - 1
    model.fit(x, labels, batch_size=64, epochs=epochs, verbose=0)
    return body


def shuffled(body: Any, seed: int = 2) -> Any:
    """Returns a copy each of whose weights has its numbers in another order."""
    import keras

    random = np.random.default_rng(seed)
    copy = keras.models.clone_model(body)
    copy.set_weights(
        [random.permutation(weight.ravel()).reshape(weight.shape) for weight in body.get_weights()]
    )
    return copy


def write_card(zoo: Path, name: str, body: Any, dataset: str) -> None:
    """Writes a network and its card into a folder of cards."""
    folder = zoo / "backbones"
    folder.mkdir(parents=True, exist_ok=True)
    path = zoo / f"{name}.keras"
    body.save(path)
    card = CARD.format(
        title=name, path=path, params=body.count_params(), features=WIDTHS[-1], side=SIDE, dataset=dataset
    )
    stages = "".join(f'[[stages]]\nname = "stage{at}"\ntap = "stage{at}_out"\n' for at in range(len(WIDTHS)))
    (folder / f"{name}.toml").write_text(card + stages)
    os.environ["TLZOO_USER_ZOO"] = str(zoo)


def pictures(data: Any, side: int = SIDE) -> np.ndarray:
    """Returns all images of a data set as uint8 (n, side, side, 3)."""
    from PIL import Image

    from tlzoo.data.images import read_image

    found = [np.asarray(item if isinstance(item, np.ndarray) else read_image(item)) for item in data.items]
    return np.stack([np.asarray(Image.fromarray(each).resize((side, side))) for each in found])
