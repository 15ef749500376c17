"""Source heads, from a package and from Keras's cache."""

import h5py
import numpy as np
import pytest

from tlzoo import registry
from tlzoo.errors import WeightsError
from tlzoo.sources.heads import source_head
from tlzoo.sources.keras_app import weights_path
from tlzoo.sources.networks import at_hand


def test_efficientnet_lite_brings_its_head():
    card = registry.backbones().get("efficientnet_lite0")
    if not at_hand(card):
        pytest.skip("the package is not on this machine")
    kernel, bias = source_head(card)
    assert (kernel.shape, bias.shape, kernel.dtype) == ((1280, 1000), (1000,), np.float32)
    assert kernel.std() > 0


def test_text_encoders_have_none():
    assert source_head(registry.backbones().get("minilm_l6")) is None


@pytest.fixture
def keras_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    (tmp_path / "models").mkdir()
    return tmp_path / "models"


def write(path, layers):
    """Writes layers as Keras 2 did: a group per layer, in it a group of that name, in it `kernel:0` and `bias:0`."""
    with h5py.File(path, "w") as file:
        for name, (kernel, bias) in layers.items():
            group = file.create_group(f"{name}/{name}")
            group["kernel:0"], group["bias:0"] = kernel, bias


@pytest.mark.parametrize("name", ["resnet50", "mobilenet_v2", "efficientnet_b0"])
def test_a_whole_network_in_keras_cache_has_the_head(keras_cache, name):
    card = registry.backbones().get(name)
    headless = weights_path(card)
    assert source_head(card) is None
    whole = headless.name.replace("_notop", "").replace("_no_top", "")
    assert whole != headless.name
    kernel, bias = np.random.default_rng(0).normal(size=(card.features, 1000)), np.arange(1000.0)
    write(
        keras_cache / whole, {"conv1": (np.zeros((3, 3, 3, 8)), np.zeros(8)), "predictions": (kernel, bias)}
    )
    found = source_head(card)
    np.testing.assert_allclose(found[0], kernel, rtol=1e-6)
    np.testing.assert_allclose(found[1], bias)


def test_a_convolution_of_one_pixel_is_a_head_too(keras_cache):
    card = registry.backbones().get("mobilenet")
    whole = weights_path(card).name.replace("_no_top", "")
    write(keras_cache / whole, {"conv_preds": (np.ones((1, 1, 1024, 1000)), np.zeros(1000))})
    assert source_head(card)[0].shape == (1024, 1000)


def test_a_head_behind_further_layers_is_none(keras_cache):
    card = registry.backbones().get("vgg16")
    whole = weights_path(card).name.replace("_notop", "")
    write(keras_cache / whole, {"predictions": (np.ones((4096, 1000), np.float16), np.zeros(1000))})
    assert source_head(card) is None


def test_a_damaged_file_is_refused(keras_cache):
    card = registry.backbones().get("resnet50")
    (keras_cache / weights_path(card).name.replace("_notop", "")).write_bytes(b"no weights")
    with pytest.raises(WeightsError, match="no file of weights"):
        source_head(card)
