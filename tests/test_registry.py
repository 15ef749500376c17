import shutil

import pytest

from tlzoo import paths
from tlzoo.cards import BackboneCard, DatasetCard
from tlzoo.errors import CardError, UnknownNameError
from tlzoo.registry import Registry, backbones, datasets


@pytest.fixture
def zoo(tmp_path):
    """A zoo with two backbones and one data set, copied from the shipped one."""
    for kind, names in {"backbones": ("resnet50", "vgg16"), "datasets": ("elpv",)}.items():
        (tmp_path / kind).mkdir()
        for name in names:
            shutil.copy(paths.zoo_dir() / kind / f"{name}.toml", tmp_path / kind)
    return tmp_path


def test_names_are_sorted_and_no_card_is_read(zoo):
    (zoo / "backbones" / "broken.toml").write_text("= not toml")
    registry = backbones(zoo)
    assert registry.names == ["broken", "resnet50", "vgg16"]
    assert len(registry) == 3
    assert "vgg16" in registry
    assert "vgg" not in registry
    assert 7 not in registry


def test_get_reads_one_card_once(zoo):
    (zoo / "backbones" / "broken.toml").write_text("= not toml")
    registry = backbones(zoo)
    card = registry.get("vgg16")
    assert isinstance(card, BackboneCard)
    assert card.name == "vgg16"
    assert registry.get("vgg16") is card


def test_iterating_reads_all_and_reports_a_broken_card(zoo):
    assert [card.name for card in backbones(zoo)] == ["resnet50", "vgg16"]
    (zoo / "backbones" / "broken.toml").write_text("= not toml")
    with pytest.raises(CardError, match=r"broken\.toml"):
        list(backbones(zoo))


def test_a_name_nobody_knows_suggests_close_ones(zoo):
    with pytest.raises(UnknownNameError, match="There is no backbone 'resnet5'") as caught:
        backbones(zoo).get("resnet5")
    assert caught.value.allowed == "resnet50, vgg16"
    assert caught.value.do == "Did you mean 'resnet50'? `tlzoo list` shows them all."


@pytest.mark.parametrize("name", ["../datasets/elpv", "", ".", "resnet50.toml"])
def test_names_are_not_paths(zoo, name):
    with pytest.raises(UnknownNameError):
        backbones(zoo).get(name)


def test_an_empty_or_missing_folder_has_no_cards(tmp_path):
    registry = Registry(tmp_path / "none", DatasetCard, "data set")
    assert registry.names == []
    assert list(registry) == []
    with pytest.raises(UnknownNameError, match="There is no data set 'x'") as caught:
        registry.get("x")
    assert caught.value.allowed == "none exist."


def test_the_shipped_zoo_is_found_without_a_path():
    assert "efficientnet_lite0" in backbones()
    assert {"elpv", "digits"} <= set(datasets().names)
    assert all(isinstance(card, DatasetCard) for card in datasets())
