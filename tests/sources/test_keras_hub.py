"""`keras-hub:` and `hf:` with presets saved here, in the hubs' own forms."""

from __future__ import annotations

import json

import keras
import keras_hub as hub
import numpy as np
import pytest
from safetensors.numpy import save_file

from tlzoo import registry
from tlzoo.errors import CardError, UnreachableError, WeightsError
from tlzoo.sources import huggingface, keras_hub, networks

TINY = {"patch_size": 8, "num_layers": 1, "num_heads": 2, "hidden_dim": 16, "mlp_dim": 32}


def _card(**changes):
    architecture = {"class": "ViTBackbone", **TINY}
    return registry.backbones().get("vit_base").model_copy(update={"architecture": architecture, **changes})


@pytest.fixture(scope="module")
def preset(tmp_path_factory):
    folder = tmp_path_factory.mktemp("preset")
    backbone = hub.models.ViTBackbone(image_shape=(16, 16, 3), **TINY)
    backbone.save_to_preset(str(folder))
    return folder, backbone


def _same(ours, theirs):
    for one, other in zip(ours.weights, theirs.weights, strict=True):
        np.testing.assert_array_equal(np.asarray(one), np.asarray(other))


def test_a_local_folder_is_loaded_completely(preset):
    folder, saved = preset
    card = _card(locator=f"keras-hub:{folder}")
    assert networks.at_hand(card)
    assert networks.fetch(card) == folder
    network = networks.load_network(card, pretrained=True, size=(16, 16))
    _same(network, saved)
    assert network.input_shape == (None, 16, 16, 3)
    assert network.output_shape == (None, 5, 16)


def test_without_weights_the_cards_architecture_is_built(preset):
    network = networks.load_network(_card(), pretrained=False, size=(32, 32))
    assert network.output_shape == (None, 17, 16)


def test_without_weights_and_architecture_the_folder_tells(preset):
    folder, saved = preset
    card = _card(locator=f"keras-hub:{folder}", architecture={})
    network = networks.load_network(card, pretrained=False, size=(16, 16))
    assert network.count_params() == saved.count_params()
    assert not np.array_equal(np.asarray(network.weights[1]), np.asarray(saved.weights[1]))


def test_the_newest_version_in_the_hubs_cache_is_used(preset, tmp_path, monkeypatch):
    folder, saved = preset
    monkeypatch.setenv("KAGGLEHUB_CACHE", str(tmp_path))
    versions = tmp_path / "models" / "keras" / "vit" / "keras" / "vit_base_patch16_224_imagenet"
    for version in ("9", "10"):
        (versions / version).mkdir(parents=True)
    assert not networks.at_hand(_card())
    for name in ("config.json", "model.weights.h5"):
        (versions / "10" / name).write_bytes((folder / name).read_bytes())
    assert keras_hub.find(_card()) == versions / "10"
    _same(networks.load_network(_card(), pretrained=True, size=(16, 16)), saved)


def test_a_folder_without_weights_is_not_at_hand(tmp_path):
    (tmp_path / "config.json").write_text("{}")
    card = _card(locator=f"keras-hub:{tmp_path}")
    assert not networks.at_hand(card)
    with pytest.raises(UnreachableError, match=r"lacks config.json or weights"):
        networks.fetch(card)


def test_weights_of_another_architecture_are_refused(preset, tmp_path):
    folder, _ = preset
    other = hub.models.ViTBackbone(image_shape=(16, 16, 3), **{**TINY, "hidden_dim": 32})
    (tmp_path / "config.json").write_bytes((folder / "config.json").read_bytes())
    other.save_weights(tmp_path / "model.weights.h5")
    with pytest.raises(WeightsError, match="does not load at"):
        networks.load_network(_card(locator=f"keras-hub:{tmp_path}"), pretrained=True, size=(16, 16))


@pytest.mark.parametrize(
    ("architecture", "said"),
    [
        ({"class": "WitBackbone"}, "no class 'WitBackbone'"),
        ({"class": "ViTBackbone", "patches": 3}, "cannot be built"),
        ({"class": "ViTBackbone", **TINY, "patch_size": 7}, "divisible"),
    ],
)
def test_architectures_that_cannot_be_built(architecture, said):
    with pytest.raises(CardError) as caught:
        networks.load_network(_card(architecture=architecture), pretrained=False, size=(16, 16))
    assert said in str(caught.value)


def test_a_pyramid_needs_one_level(tmp_path):
    card = registry.backbones().get("hgnetv2_b4")
    architecture = {key: value for key, value in card.architecture.items() if key != "out_features"}
    with pytest.raises(CardError, match="1 inputs and 5 outputs"):
        networks.load_network(
            card.model_copy(update={"architecture": architecture}), pretrained=False, size=(32, 32)
        )


def _hugging_face_vit(folder):
    """A Hugging Face ViT folder with the smallest network, as the hub stores it."""
    dim, mlp, layers = 16, 32, 1
    config = {
        "model_type": "vit", "image_size": 16, "patch_size": 8, "num_hidden_layers": layers,
        "num_attention_heads": 2, "hidden_size": dim, "intermediate_size": mlp, "hidden_dropout_prob": 0.0,
        "attention_probs_dropout_prob": 0.0, "qkv_bias": True, "layer_norm_eps": 1e-12,
    }  # fmt: skip
    rng = np.random.default_rng(0)
    shapes = {
        "embeddings.cls_token": (1, 1, dim),
        "embeddings.position_embeddings": (1, 5, dim),
        "embeddings.patch_embeddings.projection.weight": (dim, 3, 8, 8),
        "embeddings.patch_embeddings.projection.bias": (dim,),
        "layernorm.weight": (dim,),
        "layernorm.bias": (dim,),
    }
    for part in ("attention.attention.query", "attention.attention.key", "attention.attention.value",
                 "attention.output.dense"):  # fmt: skip
        shapes[f"encoder.layer.0.{part}.weight"] = (dim, dim)
        shapes[f"encoder.layer.0.{part}.bias"] = (dim,)
    shapes["encoder.layer.0.intermediate.dense.weight"], shapes["encoder.layer.0.intermediate.dense.bias"] = (
        (mlp, dim),
        (mlp,),
    )
    shapes["encoder.layer.0.output.dense.weight"], shapes["encoder.layer.0.output.dense.bias"] = (
        (dim, mlp),
        (dim,),
    )
    for part in ("layernorm_before", "layernorm_after"):
        shapes[f"encoder.layer.0.{part}.weight"] = shapes[f"encoder.layer.0.{part}.bias"] = (dim,)
    folder.mkdir(parents=True)
    (folder / "config.json").write_text(json.dumps(config))
    tensors = {f"vit.{name}": rng.normal(size=shape).astype("float32") for name, shape in shapes.items()}
    save_file(tensors, folder / "model.safetensors")
    return tensors


def test_a_hugging_face_repository_in_its_cache_is_converted(tmp_path, monkeypatch):
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    card = _card(locator="hf:someone/tiny-vit", architecture={})
    assert not networks.at_hand(card)
    folder = tmp_path / "models--someone--tiny-vit" / "snapshots" / "abc"
    tensors = _hugging_face_vit(folder)
    assert networks.at_hand(card)
    assert networks.fetch(card) == folder
    network = networks.load_network(card, pretrained=True, size=(16, 16))
    kernel = next(weight for weight in network.weights if weight.path.endswith("patch_embedding/kernel"))
    expected = tensors["vit.embeddings.patch_embeddings.projection.weight"].transpose(2, 3, 1, 0)
    np.testing.assert_array_equal(np.asarray(kernel), expected)


def test_the_hugging_face_cache_follows_its_variables(tmp_path, monkeypatch):
    for name in ("HF_HUB_CACHE", "HF_HOME", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert huggingface.hub_cache() == tmp_path / ".cache" / "huggingface" / "hub"
    monkeypatch.setenv("XDG_CACHE_HOME", "/x")
    assert str(huggingface.hub_cache()) == "/x/huggingface/hub"
    monkeypatch.setenv("HF_HOME", "/h")
    assert str(huggingface.hub_cache()) == "/h/hub"
    monkeypatch.setenv("HF_HUB_CACHE", "/c")
    assert str(huggingface.hub_cache()) == "/c"


def test_standard_output_stays_clean(preset, capsys):
    with keras_hub.quiet_stdout():
        keras.utils.Progbar(1).update(1)
    assert capsys.readouterr().out == ""
