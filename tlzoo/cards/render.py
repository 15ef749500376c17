"""Renders cards as Markdown, so that documents say what the cards say."""

from __future__ import annotations

from collections.abc import Iterable

from tlzoo.cards.backbone import BackboneCard

BEGIN, END = "<!-- backbones: rendered from zoo/backbones by scripts/render_zoo -->", "<!-- /backbones -->"


def backbone_table(cards: Iterable[BackboneCard]) -> str:
    """Returns a Markdown table of backbones, a row each, ordered by family and size.

    Args:
        cards: The cards to show.
    """
    lines = [
        "| name | input | parameters | features | published top-1 | stages | weights from | licence |",
        "|---|--:|--:|--:|--:|--:|---|---|",
    ]
    lines += [_row(card) for card in sorted(cards, key=lambda card: (card.family, card.params, card.name))]
    return "\n".join(lines)


def replaced(document: str, table: str) -> str:
    """Returns a document with the table between its markers renewed.

    Args:
        document: Markdown that holds both markers.
        table: The new table.

    Raises:
        ValueError: A marker is missing.
    """
    head, begin, rest = document.partition(BEGIN)
    _, end, tail = rest.partition(END)
    if not (begin and end):
        raise ValueError(f"the document lacks the markers {BEGIN} and {END}")
    return f"{head}{BEGIN}\n{table}\n{END}{tail}"


def _row(card: BackboneCard) -> str:
    accuracy = card.pretraining.accuracy
    cells = (
        f"`{card.name}`",
        _input(card),
        f"{card.params / 1e6:.1f} M",
        f"{card.features}",
        f"{100 * accuracy.top1:.1f} %" if accuracy else "–",
        f"{len(card.stages)}",
        f"`{card.scheme}`",
        card.licence,
    )
    return "| " + " | ".join(cells) + " |"


def _input(card: BackboneCard) -> str:
    """Returns what the network sees at most: pixels a side, or tokens."""
    if card.modality == "image":
        return f"{card.input.size[0]} px"
    return f"{card.input.length} tokens" if card.input.length else "any text"
