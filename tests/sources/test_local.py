"""`file:` in every format, whole and not whole."""

from __future__ import annotations

import keras
import numpy as np
import pytest
from safetensors.numpy import save_file

from tlzoo import registry
from tlzoo.errors import CardError, ChecksumError, UnreachableError, UsageError, WeightsError
from tlzoo.sources import networks

SIZE = (32, 32)


def _card(path, **changes):
    architecture = {} if str(path).endswith(".keras") else {"like": "mobilenet"}
    update = {"name": "mine", "locator": f"file:{path}", "checksums": (), "architecture": architecture}
    return registry.backbones().get("mobilenet").model_copy(update={**update, **changes})


@pytest.fixture(scope="module")
def trained():
    return networks.load_network(registry.backbones().get("mobilenet"), pretrained=False, size=SIZE)


def _arrays(network):
    return {weight.path: np.asarray(weight) for weight in network.weights}


def _positions(network):
    return {f"{i:05d}|{w.path}": np.asarray(w) for i, w in enumerate(network.weights)}


WRITERS = {
    "m.keras": lambda network, path: network.save(path),
    "m.weights.h5": lambda network, path: network.save_weights(path),
    "m.npz": lambda network, path: np.savez(path, **_arrays(network)),
    "positions.npz": lambda network, path: np.savez(path, **_positions(network)),
    "m.safetensors": lambda network, path: save_file(_arrays(network), path),
}


@pytest.mark.parametrize("file", WRITERS)
def test_every_format_comes_back_completely(file, trained, tmp_path):
    path = tmp_path / file
    card = _card(path)
    assert not networks.at_hand(card)
    WRITERS[file](trained, path)
    assert networks.at_hand(card)
    assert networks.fetch(card) == path
    network = networks.load_network(card, pretrained=True, size=SIZE)
    for ours, theirs in zip(network.weights, trained.weights, strict=True):
        np.testing.assert_array_equal(np.asarray(ours), np.asarray(theirs))


@pytest.mark.slow
@pytest.mark.parametrize("file", ["m.npz", "positions.npz", "m.safetensors"])
@pytest.mark.parametrize("damage", ["missing", "left over", "shape"])
def test_weights_that_do_not_fit_are_counted_and_not_loaded(file, damage, trained, tmp_path):
    arrays = _positions(trained) if file.startswith("positions") else _arrays(trained)
    first, count = next(iter(arrays)), len(arrays)
    if damage == "missing":
        del arrays[first]
    elif damage == "left over":
        arrays["head/kernel"] = np.zeros(3, "float32")
    else:
        arrays[first] = np.zeros(3, "float32")
    path = tmp_path / file
    (np.savez if file.endswith("npz") else lambda target, **a: save_file(a, target))(path, **arrays)
    with pytest.raises(WeightsError) as caught:
        networks.load_network(_card(path), pretrained=True, size=SIZE)
    loaded = count if damage == "left over" else count - 1
    left = 0 if damage == "missing" else 1
    assert f"{loaded} of {count} weights loaded, {left} left over" in str(caught.value)


def test_h5_of_another_network_is_counted(trained, tmp_path):
    other = keras.Sequential([keras.Input((2,)), keras.layers.Dense(3)])
    other.save_weights(tmp_path / "m.weights.h5")
    with pytest.raises(WeightsError, match=r"0 of \d+ weights loaded, 2 left over"):
        networks.load_network(_card(tmp_path / "m.weights.h5"), pretrained=True, size=SIZE)


def test_a_whole_model_without_its_weights_is_random_again(trained, tmp_path):
    trained.save(tmp_path / "m.keras")
    card = _card(tmp_path / "m.keras")
    network = networks.load_network(card, pretrained=False, size=SIZE)
    assert not np.array_equal(np.asarray(network.weights[0]), np.asarray(trained.weights[0]))


def test_a_whole_model_takes_its_own_size_only(trained, tmp_path):
    trained.save(tmp_path / "m.keras")
    with pytest.raises(UsageError, match="takes 32x32 pixels, not 64x64"):
        networks.load_network(_card(tmp_path / "m.keras"), pretrained=True, size=(64, 64))


def test_code_in_a_model_file_is_refused(tmp_path):
    pixels = keras.Input((*SIZE, 3))
    keras.Model(pixels, keras.layers.Lambda(lambda x: x)(pixels)).save(tmp_path / "m.keras")
    with pytest.raises(WeightsError, match="does not load"):
        networks.load_network(_card(tmp_path / "m.keras"), pretrained=True, size=SIZE)


def test_pickles_in_an_archive_are_refused(tmp_path):
    np.savez(tmp_path / "m.npz", a=np.array([{}], dtype=object))
    with pytest.raises(WeightsError, match="cannot be read"):
        networks.load_network(_card(tmp_path / "m.npz"), pretrained=True, size=SIZE)


@pytest.mark.parametrize("file", ["m.npz", "m.safetensors", "m.weights.h5", "m.keras"])
def test_damaged_files_are_refused(file, tmp_path):
    (tmp_path / file).write_bytes(b"not at all what it says")
    with pytest.raises(WeightsError):
        networks.load_network(_card(tmp_path / file), pretrained=True, size=SIZE)


def test_an_unknown_format(tmp_path):
    (tmp_path / "m.onnx").write_bytes(b"x")
    with pytest.raises(UsageError, match=r"Allowed: \.weights\.h5, \.npz, \.safetensors; a \.keras file"):
        networks.load_network(_card(tmp_path / "m.onnx"), pretrained=True, size=SIZE)


def test_weights_need_an_architecture(tmp_path):
    (tmp_path / "m.npz").write_bytes(b"x")
    with pytest.raises(CardError, match="do not say what network"):
        networks.load_network(_card(tmp_path / "m.npz", architecture={}), pretrained=True, size=SIZE)


@pytest.mark.parametrize(
    ("architecture", "features"),
    [({"class": "MobileNet", "alpha": 0.25}, 256), ({"class": "ViTBackbone", "patch_size": 8, "num_layers": 1,
     "num_heads": 2, "hidden_dim": 16, "mlp_dim": 32}, 16)],
)  # fmt: skip
def test_architectures_by_class(architecture, features, tmp_path):
    card = _card(tmp_path / "m.npz", architecture=architecture)
    assert networks.load_network(card, pretrained=False, size=SIZE).output_shape[-1] == features


def test_a_pinned_file_is_verified(trained, tmp_path):
    (tmp_path / "m.npz").write_bytes(b"x")
    from tlzoo.cards import Checksum

    with pytest.raises(ChecksumError):
        networks.fetch(_card(tmp_path / "m.npz", checksums=(Checksum(file="m.npz", sha256="0" * 64),)))


def test_a_missing_file(tmp_path):
    with pytest.raises(UnreachableError, match="which does not exist"):
        networks.fetch(_card(tmp_path / "m.npz"))
