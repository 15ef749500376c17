import pytest

from tlzoo import registry
from tlzoo.errors import UnknownNameError
from tlzoo.workflows import zoo


def test_backbones_come_smallest_first_and_data_sets_by_name():
    sizes = [entry.card.params for entry in zoo.backbones()]
    assert sizes == sorted(sizes)
    assert len(sizes) == len(registry.backbones())
    assert [entry.card.name for entry in zoo.datasets()] == registry.datasets().names


def test_filters_combine():
    chosen = zoo.Filter(modality="image", task="classification", max_params=3_000_000)
    assert [entry.card.name for entry in zoo.backbones(chosen)] == [
        card.name
        for card in sorted(registry.backbones(), key=lambda c: (c.params, c.name))
        if card.params <= 3_000_000 and card.modality == "image"
    ]
    texts = [entry.card.name for entry in zoo.backbones(zoo.Filter(modality="text"))]
    assert texts == [
        card.name for card in sorted(registry.backbones(), key=lambda c: c.params) if card.tokenizer
    ]


def test_a_task_nobody_knows_is_refused():
    with pytest.raises(UnknownNameError, match="There is no task 'x'"):
        zoo.Filter(task="x")


def test_offline_asks_each_card_once(monkeypatch, tmp_path):
    monkeypatch.setenv("TLZOO_CACHE", str(tmp_path))
    asked = []

    def at_hand(kind, card):
        asked.append(card.name)
        return card.name == "resnet50"

    monkeypatch.setattr(zoo, "at_hand", at_hand)
    assert [entry.card.name for entry in zoo.backbones(zoo.Filter(offline=True))] == ["resnet50"]
    assert sorted(asked) == registry.backbones().names


@pytest.mark.parametrize(("name", "kind"), [("resnet50", "backbone"), ("digits", "dataset")])
def test_names_of_both_kinds_are_found(name, kind):
    entry = zoo.find(name)
    assert (entry.kind, entry.card.name) == (kind, name)
    with pytest.raises(UnknownNameError, match="There is no backbone or data set 'resnet5x'"):
        zoo.find("resnet5x")


def test_no_name_is_both():
    assert not set(registry.backbones().names) & set(registry.datasets().names)


def test_cards_and_their_glances_are_at_hand_alike():
    for name in ("resnet50", "efficientnet_lite0"):
        card, glance = registry.backbones().get(name), registry.backbones().glance(name)
        assert zoo.at_hand("backbone", card) == zoo.at_hand("backbone", glance)


def test_what_a_library_carries_needs_no_fetching():
    fetched = zoo.fetch("digits")
    assert (fetched.kind, fetched.path, fetched.was_at_hand) == ("dataset", None, True)
    assert (
        zoo.at_hand("dataset", registry.datasets().get("digits").model_copy(update={"locator": "nope:x"}))
        is False
    )
