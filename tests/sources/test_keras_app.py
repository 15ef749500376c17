"""`keras-app:` with real files in Keras's old weights format, written by hand."""

from __future__ import annotations

import h5py
import keras
import numpy as np
import pytest

from tlzoo import registry
from tlzoo.cards import Checksum
from tlzoo.errors import CardError, ChecksumError, WeightsError
from tlzoo.sources import keras_app


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    (tmp_path / "models").mkdir()
    return tmp_path


def _card(name, **changes):
    return registry.backbones().get(name).model_copy(update=changes)


def _unpinned(name):
    card = _card(name)
    return card.model_copy(update={"checksums": (Checksum(file=card.checksums[0].file),)})


def _write_legacy_h5(network, path):
    """What Keras 2 wrote, and what keras.applications still publishes."""
    with h5py.File(path, "w") as file:
        file.attrs["layer_names"] = [layer.name.encode() for layer in network.layers]
        for layer in network.layers:
            group = file.create_group(layer.name)
            weights = [*layer.trainable_weights, *layer.non_trainable_weights]
            names = [f"{index}_{weight.name}".encode() for index, weight in enumerate(weights)]
            group.attrs["weight_names"] = names
            for name, weight in zip(names, weights, strict=True):
                group[name.decode()] = np.asarray(weight)


def test_weights_in_keras_cache_are_at_hand_and_loaded_completely(home):
    card = _unpinned("mobilenet_v3_small")
    assert not keras_app.at_hand(card)
    random = keras_app.load(card, pretrained=False, size=(32, 32))
    _write_legacy_h5(random, keras_app.weights_path(card))
    assert keras_app.at_hand(card)
    assert keras_app.fetch(card) == home / "models" / card.checksums[0].file
    loaded = keras_app.load(card, pretrained=True, size=(64, 48))
    for ours, theirs in zip(loaded.weights, random.weights, strict=True):
        np.testing.assert_array_equal(np.asarray(ours), np.asarray(theirs))


def test_mobilenet_takes_the_cards_weights_at_every_size_without_a_warning(home):
    card = _unpinned("mobilenet")
    random = keras_app.load(card, pretrained=False, size=(32, 32))
    _write_legacy_h5(random, keras_app.weights_path(card))
    loaded = keras_app.load(card, pretrained=True, size=(40, 40))
    np.testing.assert_array_equal(np.asarray(loaded.weights[0]), np.asarray(random.weights[0]))


@pytest.mark.slow
def test_efficientnet_normalises_pixels_as_the_librarys_pretrained_network(home, monkeypatch):
    card = _unpinned("efficientnet_b0")
    published = keras.applications.EfficientNetB0(include_top=False, weights=None, input_shape=(32, 32, 3))
    rng = np.random.default_rng(0)
    published.set_weights([rng.uniform(0.05, 0.1, weight.shape) for weight in published.weights])
    normalization = next(x for x in published.layers if isinstance(x, keras.layers.Normalization))
    means, deviations = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])
    normalization.set_weights([means, deviations, np.array(0)])  # deviations for variances, as published
    path = keras_app.weights_path(card)
    _write_legacy_h5(published, path)
    monkeypatch.setattr("keras.src.utils.file_utils.get_file", lambda *_, **__: str(path))
    theirs = keras.applications.EfficientNetB0(include_top=False, input_shape=(32, 32, 3))
    ours = keras_app.load(card, pretrained=True, size=(32, 32))
    pixels = rng.uniform(0, 255, (2, 32, 32, 3)).astype("float32")
    np.testing.assert_allclose(ours.predict(pixels, verbose=0), theirs.predict(pixels, verbose=0), rtol=1e-4)
    random = keras_app.load(card, pretrained=False, size=(32, 32))
    assert [layer.name for layer in random.layers][3:] == [layer.name for layer in ours.layers][3:]
    for one, other in zip(random.get_weights()[:2], ours.get_weights()[:2], strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-6)


def test_weights_of_another_network_are_refused(home):
    card = _unpinned("mobilenet_v3_small")
    other = keras.Sequential([keras.Input((2,)), keras.layers.Dense(3)])
    _write_legacy_h5(other, keras_app.weights_path(card))
    with pytest.raises(WeightsError, match=r"mobilenet_v3_small: .* does not fit .*MobileNetV3Small"):
        keras_app.load(card, pretrained=True, size=(32, 32))


def test_a_damaged_file_is_refused_before_anything_is_built(home):
    card = _card("vgg16")
    keras_app.weights_path(card).write_bytes(b"half a download")
    with pytest.raises(ChecksumError, match=card.checksums[0].md5):
        keras_app.load(card, pretrained=True, size=(32, 32))


def test_a_function_that_does_not_exist():
    with pytest.raises(CardError, match=r"keras.applications has no 'ResNet51'"):
        keras_app.load(_card("resnet50", locator="keras-app:ResNet51"), pretrained=False, size=(32, 32))


def test_a_card_must_name_its_file():
    with pytest.raises(CardError, match=r"names its weights file"):
        keras_app.at_hand(_card("resnet50", checksums=()))


@pytest.mark.parametrize(
    "name", ["vgg16", "mobilenet", "mobilenet_v2", "mobilenet_v3_small", "convnext_tiny"]
)
def test_address_file_and_hash_are_the_librarys_own(name, monkeypatch):
    card = _card(name)
    asked = {}

    class Stop(Exception):
        pass

    def get_file(fname, origin, cache_subdir, file_hash=None):
        asked.update(file=fname, url=origin, hash=file_hash)
        raise Stop

    monkeypatch.setattr("keras.src.utils.file_utils.get_file", get_file)
    with pytest.raises(Stop):
        getattr(keras.applications, card.locator.partition(":")[2])(
            include_top=False, input_shape=(224, 224, 3)
        )
    pin = card.checksums[0]
    assert asked == {"file": pin.file, "url": keras_app.url(card), "hash": pin.md5 or pin.sha256}
