"""The one door to tokenizers: a card says of which kind its is, and its source has the files."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tlzoo.errors import CardError
from tlzoo.sources import networks

if TYPE_CHECKING:
    from tlzoo.cards import BackboneCard
    from tlzoo.sources.tokenizer import Tokenizer


def load_tokenizer(card: BackboneCard) -> Tokenizer | None:
    """Returns the tokenizer of a text backbone; None where its network takes strings.

    Random twins need it too: a vocabulary is no weight.

    Args:
        card: A text card.

    Raises:
        CardError: The card is no text card, or names a tokenizer that does not exist.
        UnreachableError: Its files are not here and cannot be fetched.
        WeightsError: Its files are not whole.

    Example:
        >>> load_tokenizer(backbones().get("minilm_l6")).start  # doctest: +SKIP
        (101,)
    """
    if card.tokenizer is None:
        raise CardError(f"{card.name} is no text backbone.", allowed="cards with [tokenizer].")
    if card.tokenizer.kind == "in_model":
        return None
    if card.tokenizer.kind == "words":
        from tlzoo.sources import words

        return words.load_words_tokenizer(card)
    from tlzoo.sources import hub_tokenizer

    folder = networks.fetch(card)
    if folder is None:
        raise CardError(f"{card.name}: {card.scheme} has no tokenizers.", do="Mend the card's locator.")
    return hub_tokenizer.load(card, folder)
