"""What many tests share: a cache that survives the session, and a few real digits."""

from __future__ import annotations

import os

import numpy as np
import pytest
from hypothesis import HealthCheck, settings

from tests.app_models import app_server, cells, talk  # noqa: F401 - fixtures

# How long an example takes, or is made, says how busy the machine is and nothing about the code.
settings.register_profile("tlzoo", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("tlzoo")

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
# Cards of whoever runs the tests are none of their business.
os.environ["TLZOO_USER_ZOO"] = os.path.join(os.path.dirname(__file__), "none")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items):
    """Whatever asks for a real browser is slow."""
    for item in items:
        if "chromium" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.slow)


@pytest.fixture(scope="session")
def digits():
    """(images uint8 (120, 32, 32, 3), labels (120,)) of the first three digits, as real as scikit-learn's are."""
    from PIL import Image
    from sklearn.datasets import load_digits

    data = load_digits()
    chosen = np.concatenate([np.flatnonzero(data.target == digit)[:40] for digit in (0, 1, 2)])
    grey = (data.images[chosen] * (255 / 16)).astype(np.uint8)
    images = np.stack([np.asarray(Image.fromarray(one).resize((32, 32))) for one in grey])
    return np.repeat(images[..., None], 3, axis=-1), data.target[chosen]


def write_photos(folder, images, labels):
    """Writes PNG files into a folder for each digit."""
    from PIL import Image

    for number, (image, label) in enumerate(zip(images, labels, strict=True)):
        (folder / f"digit {label}").mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(folder / f"digit {label}" / f"{number:03d}.png")


@pytest.fixture(scope="module")
def photos(digits, tmp_path_factory):
    """A folder of PNG files, sorted by digit; each module's own, so that it may add to it."""
    folder = tmp_path_factory.mktemp("photos")
    write_photos(folder, *digits)
    return folder


@pytest.fixture(scope="module")
def domains(digits, tmp_path_factory):
    """Two folders of digits: `bright` as they are, `dim` in poor light."""
    root = tmp_path_factory.mktemp("domains")
    images, labels = digits
    write_photos(root / "bright", images, labels)
    write_photos(root / "dim", 30 + images // 4, labels)
    return root


TINY_CARD = """
title = "Tiny"
family = "tiny"
locator = "file:{path}"
params = {params}
features = 32
weight_bytes = 1
licence = "Apache-2.0"
citation = "None"
[input]
size = [32, 32]
min_size = 8
[preprocessing]
convention = "tf"
[pretraining]
dataset = "nothing"
classes = 0
[[stages]]
name = "stem"
tap = "stem_out"
[[stages]]
name = "block"
tap = "block_out"
[[stages]]
name = "top"
tap = "top_out"
"""


@pytest.fixture(scope="session")
def tiny_zoo(tmp_path_factory):
    """A zoo with one backbone, `tiny`: three stages of convolution, BatchNorm and ReLU in a `.keras` file."""
    import keras

    zoo = tmp_path_factory.mktemp("zoo")
    keras.utils.set_random_seed(3)
    pixels = x = keras.Input((32, 32, 3), name="tiny_input")
    for name, width in (("stem", 8), ("block", 16), ("top", 32)):
        x = keras.layers.Conv2D(width, 3, 2, "same", use_bias=False, name=f"{name}_conv")(x)
        x = keras.layers.BatchNormalization(name=f"{name}_bn")(x)
        x = keras.layers.ReLU(name=f"{name}_out")(x)
    network = keras.Model(pixels, x, name="tiny")
    network.save(zoo / "tiny.keras")
    (zoo / "backbones").mkdir()
    (zoo / "datasets").mkdir()
    card = TINY_CARD.format(path=zoo / "tiny.keras", params=network.count_params())
    (zoo / "backbones" / "tiny.toml").write_text(card)
    return zoo


@pytest.fixture(scope="module")
def tiny(tiny_zoo):
    """Puts the tiny zoo in place of the shipped one."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TLZOO_ZOO", str(tiny_zoo))
        yield "tiny"


@pytest.fixture(scope="session")
def tiny_text_zoo(tmp_path_factory, tiny_zoo):
    """A zoo of `tiny_text` (a BERT of two layers in a preset's folder), `tiny_strings` (it takes strings), `tiny`."""
    import shutil

    from tests.tiny_texts import write_strings, write_zoo

    zoo = tmp_path_factory.mktemp("text_zoo")
    write_zoo(zoo)
    write_strings(zoo)
    shutil.copy(tiny_zoo / "backbones" / "tiny.toml", zoo / "backbones")
    return zoo


@pytest.fixture(scope="module")
def tiny_text(tiny_text_zoo):
    """Puts the zoo of the tiny text backbone in place of the shipped one."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TLZOO_ZOO", str(tiny_text_zoo))
        yield "tiny_text"


@pytest.fixture(scope="session")
def corpus(tmp_path_factory):
    """A CSV file of 90 short texts in three classes, some of them odd."""
    from tests.tiny_texts import write_corpus

    return write_corpus(tmp_path_factory.mktemp("corpus") / "talk.csv")


@pytest.fixture(scope="session", autouse=True)
def _own_feature_cache(tmp_path_factory):
    """Keeps features, pixels and engines of tests out of the user's cache, and shares its packages."""
    from tlzoo import paths

    real, own = paths.cache_dir(), tmp_path_factory.mktemp("cache")
    (real / "packages").mkdir(parents=True, exist_ok=True)
    (own / "packages").symlink_to(real / "packages")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TLZOO_CACHE", str(own))
        yield
