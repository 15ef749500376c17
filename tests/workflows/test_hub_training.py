"""The whole way with a TF Hub module as the backbone: features, fine-tuning by stages, a bundle that serves."""

from __future__ import annotations

import numpy as np
import pytest

import tlzoo
from tests.sources import hub_toys

CARD = """
title = "Toy module"
family = "toy"
locator = "tf-hub:{folder}"
pooling = "none"
params = 266
features = 6
weight_bytes = 1
licence = "Apache-2.0"
citation = "None"
[input]
size = [8, 8]
min_size = 8
fixed = true
[preprocessing]
convention = "affine"
mean = [0.0, 0.0, 0.0]
scale = [255.0, 255.0, 255.0]
[pretraining]
dataset = "nothing"
classes = 0
"""


@pytest.fixture(scope="module")
def backbone(tmp_path_factory):
    zoo = tmp_path_factory.mktemp("zoo")
    for kind in ("backbones", "datasets"):
        (zoo / kind).mkdir()
    card = CARD.format(folder=hub_toys.write(hub_toys.Image(), zoo / "module"))
    card += "".join(f'[[stages]]\nname = "{name}"\nmembers = ["{name}/*"]\n' for name in hub_toys.BLOCKS)
    (zoo / "backbones" / "module.toml").write_text(card)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TLZOO_ZOO", str(zoo))
        yield "module"


@pytest.fixture(scope="module")
def images():
    """Half of them redder than the others."""
    labels = np.arange(160) % 2
    pixels = np.random.default_rng(0).integers(0, 120, (160, 8, 8, 3))
    pixels[labels == 1, :, :, 0] += 100
    return pixels.astype(np.uint8), labels


@pytest.mark.slow
@pytest.mark.parametrize(
    ("recipe", "options"),
    [
        ("feature_extraction", {}),
        ("fine_tune", {"head_epochs": 1, "epochs": 2, "batch_size": 16, "symmetry": "none"}),
    ],
)
def test_from_images_to_a_bundle(tmp_path, backbone, images, recipe, options):
    run = tlzoo.train(images, recipe=recipe, backbone=backbone, out=tmp_path / "run", **options)
    assert run.metrics["test"]["accuracy"] > 0.9
    served = run.export(tmp_path / "bundle")  # compares its answers with the model's
    assert served is not None
    assert list((tmp_path / "bundle").rglob("saved_model.pb"))
