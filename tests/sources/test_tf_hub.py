"""`tf-hub:` handles, caches, archives and folders, and the networks built of them."""

from __future__ import annotations

import hashlib
import io
import os
import shutil
import tarfile

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.sources import hub_toys
from tlzoo import registry
from tlzoo.backbones.backbone import build_backbone
from tlzoo.cards import BackboneCard, Checksum
from tlzoo.errors import CardError, ChecksumError, SourceError, UnreachableError
from tlzoo.sources import download, networks, tf_hub

KAGGLE = "google/nnlm/tensorFlow2/en-dim50/1"
HTTPS = "https://tfhub.dev/google/nnlm-en-dim50/2"
STAGES = [{"name": name, "members": [f"{name}/*"]} for name in hub_toys.BLOCKS]


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    root = tmp_path_factory.mktemp("hub")
    made = {"image": hub_toys.Image(), "text": hub_toys.Text(root), "pre": hub_toys.Preprocessor()}
    made["encoder"] = hub_toys.Encoder()
    return {name: hub_toys.write(module, root / name) for name, module in made.items()}


@pytest.fixture(autouse=True)
def caches(tmp_path, monkeypatch):
    """Empty caches, and hubs that refuse at once."""
    for name in ("KAGGLEHUB_CACHE", "TFHUB_CACHE_DIR", "TLZOO_CACHE"):
        monkeypatch.setenv(name, str(tmp_path / name))
    monkeypatch.setattr(tf_hub, "_HUB", "https://127.0.0.1:9")
    return tmp_path


def card(locator, text=False, **changes):
    values = {
        "name": "toy",
        "title": "Toy",
        "family": "toy",
        "locator": f"tf-hub:{locator}",
        "modality": "text" if text else "image",
        "input": {} if text else {"size": (8, 8), "min_size": 8, "fixed": True},
        "tokenizer": {"kind": "in_model"} if text else None,
        "preprocessing": {"convention": "in_model"}
        if text
        else {"convention": "affine", "mean": (0, 0, 0), "scale": (255, 255, 255)},
        "pooling": "none",
        "params": 266,
        "features": 6,
        "weight_bytes": 1,
        "pretraining": {"dataset": "nothing", "classes": 0},
        "licence": "Apache-2.0",
        "citation": "None",
        "stages": STAGES,
    }
    return BackboneCard.model_validate({**values, **changes})


def text_card(locator, **changes):
    stages = [{"name": "stem", "members": ["embeddings"]}, {"name": "top", "members": ["*"]}]
    return card(locator, text=True, **{"stages": stages, "features": 4, **changes})


def packed(folder, archive, prefix="./"):
    with tarfile.open(archive, "w:gz") as tar:
        tar.add(folder, arcname=prefix)
    return archive


def same(one, other):
    np.testing.assert_array_equal(np.asarray(one), np.asarray(other))


def test_a_folder_becomes_a_network_with_stages(folders):
    image = card(folders["image"])
    assert networks.at_hand(image)
    network = networks.load_network(image, pretrained=True, size=(8, 8))
    pixels = np.random.default_rng(0).uniform(size=(4, 8, 8, 3)).astype("float32")
    same(network(pixels), (loaded := tf.saved_model.load(str(folders["image"])))(pixels))
    assert loaded
    assert network.count_params() == image.params
    assert (network.input_shape, network.output_shape) == ((None, 8, 8, 3), (None, 6))


def test_a_backbone_freezes_and_trains_it_by_stages(folders):
    backbone = build_backbone(card(folders["image"]))
    assert backbone.stage_names == hub_toys.BLOCKS
    assert len(backbone.batchnorms()) == 4
    assert set(backbone.stage_of().values()) == set(hub_toys.BLOCKS)
    assert len(backbone.stage_of()) == 20
    weights = {
        weight.path: weight for stage in backbone.stages for layer in stage.layers for weight in layer.weights
    }
    for batchnorm, moving in (("frozen", False), ("train", True)):
        backbone.train(("block2", "top"), batchnorm=batchnorm)
        before = {path: np.array(weight) for path, weight in weights.items()}
        model = keras.Sequential([backbone.model, keras.layers.Dense(2)])
        model.compile("adam", loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True))
        pixels = np.random.default_rng(0).uniform(0, 255, (32, 8, 8, 3)).astype("float32")
        model.fit(pixels, np.arange(32) % 2, epochs=1, verbose=0)
        for path, weight in weights.items():
            trains = ("block2" in path or "top" in path) and (moving or "moving" not in path)
            assert np.array_equal(before[path], np.array(weight)) != trains, (batchnorm, path)


def test_stages_that_the_module_was_not_cut_for(folders):
    from tlzoo.backbones.stages import resolve_stages

    network = networks.load_network(card(folders["image"]), pretrained=True, size=(8, 8))
    with pytest.raises(CardError, match=r"was not cut for stage 'stem' of x/\*"):
        resolve_stages(network, card("/x", stages=[{**STAGES[0], "members": ["x/*"]}, *STAGES[1:]]).stages)
    with pytest.raises(CardError, match=r"stage 'stem' selects 'x/.', which matches no variable"):
        tf_hub.load(
            card(folders["image"], stages=[{**STAGES[0], "members": ["x/*"]}, *STAGES[1:]]),
            pretrained=True,
            size=(8, 8),
        )


def test_strings_go_in(folders):
    texts = tf.constant(["good plot", "bad"])
    network = tf_hub.load(text_card(folders["text"]), pretrained=True, size=(0, 0))
    loaded = tf.saved_model.load(str(folders["text"]))
    same(network(texts), loaded(texts))


@pytest.mark.parametrize(("key", "shape"), [("pooled_output", (None, 4)), ("sequence_output", (None, 8, 4))])
def test_strings_go_through_a_preprocessor(folders, key, shape):
    architecture = {"preprocessor": str(folders["pre"]), "output_key": key}
    stages = [{"name": "stem", "members": ["word_embeddings/*"]}, {"name": "top", "members": ["*"]}]
    bert = text_card(folders["encoder"], architecture=architecture, stages=stages)
    assert tf_hub.at_hand(bert)
    assert tf_hub.load(bert, pretrained=True, size=(0, 0)).output_shape == shape
    assert not tf_hub.at_hand(bert.model_copy(update={"architecture": {"preprocessor": "/nowhere/at/all"}}))


def test_without_an_output_key_a_module_of_several_outputs_is_refused(folders):
    bert = text_card(folders["encoder"], architecture={"preprocessor": str(folders["pre"])})
    bert = bert.model_copy(update={"stages": text_card("/x").stages[1:]})
    with pytest.raises(CardError, match="the module gives pooled_output, sequence_output"):
        tf_hub.load(bert, pretrained=True, size=(0, 0))


def test_unknown_keys_of_the_architecture(folders):
    with pytest.raises(CardError, match="architecture has width"):
        tf_hub.load(card(folders["image"], architecture={"width": 1}), pretrained=True, size=(8, 8))


def test_random_weights_come_from_the_seed(folders):
    hashes = [
        build_backbone(card(folders["image"]), pretrained=False, seed=seed).weights_hash for seed in (1, 1, 2)
    ]
    assert hashes[0] == hashes[1] != hashes[2]
    assert build_backbone(card(folders["image"])).weights_hash not in hashes


@pytest.mark.parametrize("prefix", ["./", "module"])
def test_an_archive_is_unpacked_once_into_the_cache(folders, tmp_path, prefix):
    archive = packed(folders["image"], tmp_path / "image.tar.gz", prefix)
    pin = Checksum(file=archive.name, sha256=hashlib.sha256(archive.read_bytes()).hexdigest())
    image = card(archive, checksums=(pin,))
    assert networks.at_hand(image)
    folder = networks.fetch(image)
    assert tmp_path / "TLZOO_CACHE" in folder.parents
    stamp = (folder / "saved_model.pb").stat().st_mtime_ns
    assert networks.fetch(image) == folder
    assert (folder / "saved_model.pb").stat().st_mtime_ns == stamp
    assert networks.load_network(image, pretrained=True, size=(8, 8)).count_params() == 266
    with pytest.raises(ChecksumError):
        networks.fetch(card(archive, checksums=(Checksum(file=archive.name, sha256="0" * 64),)))


def test_files_inside_can_be_pinned(folders):
    sha256 = hashlib.sha256((folders["image"] / "saved_model.pb").read_bytes()).hexdigest()
    assert tf_hub.fetch(card(folders["image"], checksums=(Checksum(file="saved_model.pb", sha256=sha256),)))
    with pytest.raises(ChecksumError, match=r"saved_model\.pb has sha256"):
        tf_hub.fetch(card(folders["image"], checksums=(Checksum(file="saved_model.pb", sha256="0" * 64),)))


@pytest.mark.parametrize(("file", "why"), [("model.json", "TensorFlow.js"), ("lite.tflite", "TFLite")])
def test_archives_of_other_formats_are_called_by_their_names(tmp_path, file, why):
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / file).write_bytes(b"x")
    archive = packed(tmp_path / "in", tmp_path / "other.tar.gz")
    with pytest.raises(SourceError, match=why):
        tf_hub.load(card(archive), pretrained=True, size=(8, 8))


def test_a_hostile_archive_leaves_nothing(tmp_path):
    archive = tmp_path / "evil.tar.gz"
    with tarfile.open(archive, "w:gz") as tar:
        entry = tarfile.TarInfo("../evil.txt")
        tar.addfile(entry, io.BytesIO(b""))
    with pytest.raises(SourceError, match="outside"):
        tf_hub.fetch(card(archive))
    assert not list(tmp_path.rglob("evil.txt"))
    assert [path.suffix for path in (tmp_path / "TLZOO_CACHE" / "tf-hub").iterdir()] == [".lock"]


@pytest.mark.parametrize(
    "handle",
    [
        KAGGLE,
        "https://www.kaggle.com/models/google/nnlm/frameworks/TensorFlow2/variations/en-dim50/versions/1",
        "https://kaggle.com/models/google/nnlm/tensorFlow2/en-dim50/1",
    ],
)
def test_kagglehubs_cache_is_read(folders, tmp_path, handle):
    folder = tmp_path / "KAGGLEHUB_CACHE" / "models" / KAGGLE
    shutil.copytree(folders["text"], folder)
    assert tf_hub.find(handle) is None  # without its mark the download broke off
    folder.with_name("1.complete").touch()
    assert tf_hub.find(handle) == folder
    assert networks.at_hand(text_card(handle))


def test_tensorflow_hubs_cache_is_read(folders, tmp_path, monkeypatch):
    folder = tmp_path / "TFHUB_CACHE_DIR" / hashlib.sha1(HTTPS.encode()).hexdigest()
    shutil.copytree(folders["text"], folder)
    assert tf_hub.find(HTTPS) == folder
    monkeypatch.delenv("TFHUB_CACHE_DIR")
    monkeypatch.setattr("tempfile.gettempdir", lambda: str(tmp_path))
    (tmp_path / "TFHUB_CACHE_DIR").rename(tmp_path / "tfhub_modules")
    assert tf_hub.find(HTTPS) == tmp_path / "tfhub_modules" / folder.name
    monkeypatch.setattr(os, "getuid", lambda: 12345)
    assert tf_hub.find(HTTPS) is None


def test_tfhub_dev_is_asked_for_an_archive(folders, tmp_path, monkeypatch):
    asked = []

    def fake(url, target, checksum, progress):
        asked.append((url, checksum.sha256))
        target.parent.mkdir(parents=True, exist_ok=True)
        return packed(folders["text"], target)

    monkeypatch.setattr(download, "download", fake)
    folder = tf_hub.fetch(text_card(HTTPS))
    assert asked == [(f"{HTTPS}?tf-hub-format=compressed", None)]
    assert (folder / "saved_model.pb").is_file()
    assert tf_hub.find(HTTPS) is not None
    assert tf_hub.fetch(text_card(HTTPS)) == folder
    assert len(asked) == 1


@pytest.mark.parametrize("handle", [KAGGLE, "/nowhere/at/all"])
def test_what_cannot_be_reached_is_told_in_the_houses_form(handle):
    with pytest.raises(UnreachableError) as caught:
        networks.load_network(text_card(handle), pretrained=True, size=(0, 0))
    text = str(caught.value)
    assert f"backbone 'toy' (tf-hub:{handle})" in text
    assert "Tried: " in text
    assert "backbones that work offline here" in text
    assert "pretrained=False" not in text  # the module is its own architecture


def test_kaggles_own_errors_are_told(monkeypatch):
    monkeypatch.setattr(download, "require_answer", lambda url: None)
    asked = []

    def refuse(handle):
        asked.append(handle)
        raise RuntimeError("403 forbidden")

    monkeypatch.setattr("kagglehub.model_download", refuse)
    with pytest.raises(UnreachableError, match="403 forbidden"):
        tf_hub.fetch(text_card(KAGGLE))
    assert asked == [KAGGLE]


def test_cards_of_the_zoo_point_at_versions():
    for one in registry.backbones():
        if one.scheme == "tf-hub":
            assert all(handle.rpartition("/")[2].isdigit() for handle in tf_hub._handles(one)), one.name
