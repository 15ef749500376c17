"""The dispatcher: which source a card goes to, what is at hand, and what an unreachable backbone is told."""

from __future__ import annotations

import subprocess
import sys
import time

import pytest

from tlzoo import registry
from tlzoo.errors import CardError, UnreachableError
from tlzoo.sources import keras_app, networks


@pytest.fixture
def offline(tmp_path, monkeypatch):
    """Empty caches, and a server that refuses at once."""
    for name in ("KERAS_HOME", "KAGGLEHUB_CACHE", "HF_HUB_CACHE", "TLZOO_CACHE"):
        monkeypatch.setenv(name, str(tmp_path / name))
    monkeypatch.setattr(keras_app, "_HOST", "https://127.0.0.1:9")
    monkeypatch.setattr("tlzoo.sources.keras_hub._HUB", "https://127.0.0.1:9")
    monkeypatch.setenv("HF_ENDPOINT", "https://127.0.0.1:9")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    return tmp_path


def _card(card, **changes):
    return registry.backbones().get(card).model_copy(update=changes)


@pytest.mark.parametrize(
    ("card", "locator"),
    [
        ("mobilenet_v3_small", None),
        ("swin_tiny", None),
        ("swin_tiny", "hf:microsoft/swin-tiny-patch4-window7-224"),
        ("swin_tiny", "keras-hub:/nowhere/at/all"),
        ("resnet50", "file:/nowhere/resnet50.keras"),
    ],
)
def test_an_unreachable_backbone_says_everything_and_quickly(offline, card, locator):
    card = _card(card, **({"locator": locator} if locator else {}))
    start = time.monotonic()
    with pytest.raises(UnreachableError) as caught:
        networks.load_network(card, pretrained=True, size=card.input.size)
    assert time.monotonic() - start < 5
    text = str(caught.value)
    assert f"backbone '{card.name}' ({card.locator})" in text
    assert "Tried: " in text
    assert "backbones that work offline here: none yet" in text
    assert "pretrained=False" in text


def test_what_works_offline_is_named(offline):
    folder = offline / "KERAS_HOME" / "models"
    folder.mkdir(parents=True)
    (folder / _card("vgg16").checksums[0].file).write_bytes(b"x")
    assert networks.offline_names() == ["vgg16"]
    with pytest.raises(UnreachableError, match="offline here: vgg16"):
        networks.fetch(_card("resnet50"))


def test_nothing_is_at_hand_in_empty_caches(offline):
    assert [card.name for card in registry.backbones() if networks.at_hand(card)] == []


def test_asking_what_is_at_hand_imports_no_tensorflow():
    code = (
        "import sys; from tlzoo.sources import networks; networks.offline_names(); "
        "print(sorted({'tensorflow', 'keras', 'keras_hub', 'h5py'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_an_architecture_like_another_cards(tmp_path):
    card = _card("vgg16", name="mine", locator=f"file:{tmp_path}/m.npz", architecture={"like": "mobilenet"})
    network = networks.load_network(card, pretrained=False, size=(32, 32))
    assert network.count_params() == _card("mobilenet").params


def test_architectures_that_go_in_a_circle(tmp_path, monkeypatch):
    (tmp_path / "backbones").mkdir()
    text = (registry.paths.zoo_dir() / "backbones" / "vgg16.toml").read_text()
    for name, other in (("one", "two"), ("two", "one")):
        card = text.replace("keras-app:VGG16", "file:x.npz") + f'\n[architecture]\nlike = "{other}"\n'
        (tmp_path / "backbones" / f"{name}.toml").write_text(card)
    monkeypatch.setenv("TLZOO_ZOO", str(tmp_path))
    with pytest.raises(CardError, match="circle"):
        networks.load_network(_card("one"), pretrained=False, size=(32, 32))
