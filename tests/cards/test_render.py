from pathlib import Path

import pytest

from tlzoo import registry
from tlzoo.cards.render import BEGIN, END, backbone_table, replaced

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("document", ["README.md", "zoo/README.md"])
def test_documents_say_what_the_cards_say(document):
    text = (ROOT / document).read_text(encoding="utf-8")
    table = backbone_table(registry.backbones(ROOT / "zoo"))
    assert replaced(text, table) == text, "run scripts/render_zoo"


def test_every_card_has_a_row():
    cards = list(registry.backbones(ROOT / "zoo"))
    table = backbone_table(cards)
    assert table.count("\n") == len(cards) + 1
    assert all(f"`{card.name}`" in table for card in cards)


def test_only_what_stands_between_the_markers_changes():
    assert replaced(f"a {BEGIN} old {END} b", "new") == f"a {BEGIN}\nnew\n{END} b"


def test_a_document_without_markers_is_refused():
    with pytest.raises(ValueError, match="lacks the markers"):
        replaced("nothing here", "table")
