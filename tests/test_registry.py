import shutil
from pathlib import Path

import pytest

from tlzoo import paths
from tlzoo.cards import BackboneCard, DatasetCard
from tlzoo.errors import CardError, UnknownNameError
from tlzoo.registry import Registry, backbones, datasets


@pytest.fixture
def zoo(tmp_path, monkeypatch):
    """A zoo with two backbones and one data set, copied from the shipped one, and an empty cache."""
    monkeypatch.setenv("TLZOO_CACHE", str(tmp_path / "cache"))
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
    registry = Registry(tmp_path / "none", "DatasetCard", "data set")
    assert registry.names == []
    assert list(registry) == []
    with pytest.raises(UnknownNameError, match="There is no data set 'x'") as caught:
        registry.get("x")
    assert caught.value.allowed == "none exist."


def test_the_shipped_zoo_is_found_without_a_path():
    assert "efficientnet_lite0" in backbones()
    assert {"elpv", "digits"} <= set(datasets().names)
    assert all(isinstance(card, DatasetCard) for card in datasets())


def test_glances_hold_the_values_of_checked_cards(zoo):
    cards, glances = list(backbones(zoo)), backbones(zoo).glances()
    assert [glance.name for glance in glances] == ["resnet50", "vgg16"]
    for card, glance in zip(cards, glances, strict=True):
        assert BackboneCard.model_validate(dict(glance)) == card
        assert glance.input.size == list(card.input.size)
        assert glance["stages"][0].name == card.stages[0].name
        assert glance.scheme == card.scheme
    with pytest.raises(AttributeError, match="the card has no 'colour'"):
        _ = glances[0].colour


def test_cards_are_checked_once_until_one_changes(zoo, monkeypatch):
    first = backbones(zoo).glances()
    with monkeypatch.context() as patch:
        patch.setattr(Registry, "get", lambda *_: pytest.fail("read again"))
        assert backbones(zoo).glances() == first
        assert backbones(zoo).glance("vgg16") == first[1]
    card = zoo / "backbones" / "vgg16.toml"
    card.write_text(card.read_text().replace("VGG16", "VGG-16", 1))
    assert backbones(zoo).glance("vgg16").title == "VGG-16"
    assert len(list((zoo / "cache" / "cards").glob("backbones-*.json"))) == 1  # the old copy is gone
    (zoo / "backbones" / "broken.toml").write_text("title = 'Broken'")
    with pytest.raises(CardError, match=r"broken\.toml"):
        backbones(zoo).glances()


def test_a_broken_card_does_not_hide_the_others(zoo):
    (zoo / "backbones" / "broken.toml").write_text("title = 'Broken'")
    assert backbones(zoo).glance("vgg16").family == "vgg"
    with pytest.raises(CardError, match=r"broken\.toml"):
        backbones(zoo).glance("broken")
    with pytest.raises(UnknownNameError):
        backbones(zoo).glance("vgg61x")


def test_a_cache_that_cannot_be_written_costs_only_time(zoo, monkeypatch):
    (zoo / "cache").write_text("a file where the folder would be")
    assert len(backbones(zoo).glances()) == 2


@pytest.fixture
def own(zoo, tmp_path, monkeypatch):
    """The zoo in place of the shipped one, and a user's own beside it with one card, `mine`."""
    monkeypatch.setenv("TLZOO_ZOO", str(zoo))
    folder = tmp_path / "own"
    (folder / "backbones").mkdir(parents=True)
    shutil.copy(zoo / "backbones" / "vgg16.toml", folder / "backbones" / "mine.toml")
    monkeypatch.setenv("TLZOO_USER_ZOO", str(folder))
    return folder


def test_the_users_own_cards_stand_beside_the_shipped_ones(own, zoo):
    assert backbones().names == ["mine", "resnet50", "vgg16"]
    assert backbones().get("mine").name == "mine"
    assert [glance.name for glance in backbones().glances()] == ["mine", "resnet50", "vgg16"]
    assert backbones(zoo).names == ["resnet50", "vgg16"]  # a folder that is named is the only one


def test_both_folders_are_remembered(own, zoo, monkeypatch):
    first = backbones().glances()
    monkeypatch.setattr(Registry, "get", lambda *_: pytest.fail("read again"))
    assert backbones().glances() == first
    assert len(list((zoo / "cache" / "cards").glob("backbones*.json"))) == 2


@pytest.mark.parametrize("remembered", [True, False])
def test_a_users_card_never_takes_the_place_of_a_shipped_one(own, zoo, remembered):
    if remembered:  # a later version ships a card of a name the user has
        backbones().glances()
        shutil.copy(zoo / "backbones" / "vgg16.toml", zoo / "backbones" / "mine.toml")
        name = "mine"
    else:
        shutil.copy(own / "backbones" / "mine.toml", own / "backbones" / "vgg16.toml")
        name = "vgg16"
    for act in (
        lambda: backbones().get(name),
        lambda: backbones().glances(),
        lambda: backbones().glance(name),
    ):
        with pytest.raises(
            CardError, match=f"{name}.toml has the name of a backbone that is shipped"
        ) as caught:
            act()
        assert caught.value.do == "Rename or remove your card."
    assert backbones().get("resnet50").name == backbones().glance("resnet50").name == "resnet50"


def test_the_users_own_zoo_lies_in_the_cache_by_default(tmp_path, monkeypatch):
    monkeypatch.setenv("TLZOO_CACHE", str(tmp_path))
    monkeypatch.delenv("TLZOO_USER_ZOO", raising=False)
    assert paths.user_zoo_dir() == tmp_path / "zoo"
    monkeypatch.setenv("TLZOO_USER_ZOO", "~/zoo")
    assert paths.user_zoo_dir() == Path.home() / "zoo"
