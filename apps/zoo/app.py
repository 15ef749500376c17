"""Browse the zoo: filter, see what costs what, read cards, copy the command."""

from __future__ import annotations

from typing import Any

import gradio as gr

from tlzoo.registry import app_card

from ..common.errors import spoken
from ..common.html import note
from ..common.page import page, tabs
from ..common.picks import picked, picks, table
from .cards import commands, size
from .cards import page as card_page
from .chart import chart
from .shelf import ANY, SORTS, Shelf, Wish

FIRST = "efficientnet_lite0"
"""The card that is open in the beginning, where there is one of that name."""
SIZES = [("any size", 0), *((f"up to {n} M", n) for n in (3, 5, 10, 25, 50, 100))]
MODALITIES = [("all", ANY), ("pictures", "image"), ("texts", "text")]
AXES = ("parameters", "time on this machine")
EXAMPLES = {
    "At hand": Wish(at_hand=True),
    "Best below 10 M": Wish(modality="image", most=10, sort=SORTS[1]),
    "For texts": Wish(modality="text"),
    "Apache 2.0": Wish(words="apache-2.0"),
    "Everything": Wish(),
}
"""Wishes to click."""


def open_source(source: Any) -> Shelf:
    """Returns the cards; nothing has to be named for that."""
    del source
    return Shelf()


def build(shelf: Shelf) -> gr.Blocks:
    """Returns the page.

    Args:
        shelf: The cards.
    """
    first, (opened, words) = _lists(shelf, Wish(), AXES[0], FIRST), _card(shelf, FIRST)
    with page(app_card("zoo")) as blocks:
        wishes, find = _wishes(shelf)
        with gr.Row():
            with gr.Column(scale=3, min_width=340), tabs():
                with gr.Tab("Backbones"):
                    axis = gr.Radio(AXES, value=AXES[0], label="Cost is", elem_id="tl-axis")
                    picture, nets = (
                        picks(first[0], elem_id="tl-picture"),
                        picks(first[1], elem_id="tl-nets", elem_classes=["tl-list"]),
                    )
                with gr.Tab("Data sets"):
                    sets = picks(first[2], elem_id="tl-sets", elem_classes=["tl-list"])
            with gr.Column(scale=2, min_width=320):
                shown = gr.HTML(opened, elem_id="tl-shown", padding=False)
                code = gr.Code(
                    words,
                    label="To use it",
                    language="shell",
                    interactive=False,
                    elem_id="tl-code",
                    wrap_lines=True,
                )
        chosen = gr.State(FIRST)

        def look(name: str, way: Any, *given: Any) -> tuple[str, str, str]:
            return _lists(shelf, Wish(*given), way, name)

        def pick(event: gr.EventData) -> tuple[str, str, str]:
            return picked(event), *_card(shelf, picked(event))

        seen = [chosen, axis, *wishes]
        lists = [picture, nets, sets]
        quiet: dict[str, Any] = {"show_progress": "hidden"}
        gr.on(
            [blocks.load, find.click, axis.change, *(wish.change for wish in wishes)],
            spoken(look),
            seen,
            lists,
            **quiet,
        )
        for piece in lists:
            piece.select(spoken(pick), None, [chosen, shown, code], **quiet)
        chosen.change(spoken(look), seen, lists, **quiet)
    return blocks


def _wishes(shelf: Shelf) -> tuple[list[gr.components.Component], gr.Button]:
    """Lays out the filters; returns them in the order of `Wish`, and the button."""
    usual = Wish()
    with gr.Row():
        words = gr.Textbox(
            label="Words in the card", placeholder="mobile, resnet, apache …", scale=6, max_lines=1
        )
        find = gr.Button(
            "Find", variant="primary", elem_id="main", elem_classes=["tl-beside"], scale=1, min_width=110
        )
    with gr.Row():
        modality = gr.Dropdown(MODALITIES, value=ANY, label="For", min_width=120)
        task = gr.Dropdown(
            [ANY, "classification", "multilabel", "regression"], value=ANY, label="Learns", min_width=140
        )
        family = gr.Dropdown([ANY, *shelf.families()], value=ANY, label="Family", min_width=150)
        most = gr.Dropdown(SIZES, value=0, label="Parameters", min_width=120)
        sort = gr.Dropdown(list(SORTS), value=SORTS[0], label="Order", min_width=170)
        at_hand = gr.Checkbox(label="On this machine only", value=False, min_width=150)
    wishes: list[gr.components.Component] = [words, modality, task, family, most, at_hand, sort]
    with gr.Row(elem_classes=["tl-examples"]):
        for name, wish in EXAMPLES.items():
            told = [getattr(wish, field) for field in usual.__dataclass_fields__]
            gr.Button(name, size="sm", min_width=90).click(
                lambda told=told: told, None, wishes, show_progress="hidden"
            )
    return wishes, find


def _lists(shelf: Shelf, wish: Wish, axis: Any, chosen: str) -> tuple[str, str, str]:
    nets, sets = shelf.find("backbone", wish), shelf.find("dataset", wish)
    if not nets:
        none = note("No backbone fits. Ask for less: fewer words, any family, more parameters.", "warn")
        return "", none, _sets(sets)
    return chart(nets, axis, chosen), _nets(nets), _sets(sets)


def _nets(nets: list[Any]) -> str:
    header = ("backbone", "parameters", "top-1", "features", "download", "here", "licence")
    rows = []
    for entry in nets:
        card, accuracy = entry.card, entry.card.pretraining.accuracy
        rows.append(
            (
                card.name,
                size(card.params, ""),
                f"{100 * accuracy.top1:.1f} %" if accuracy else "–",
                f"{card.features:,}",
                size(card.weight_bytes),
                "yes" if entry.at_hand else "–",
                card.licence,
            )
        )
    return f'<p class="tl-caption">{len(nets)} backbones</p>' + table(header, rows, "Backbones")


def _sets(sets: list[Any]) -> str:
    if not sets:
        return note("No data set fits.", "warn")
    header = ("data set", "items", "classes", "for", "here", "licence")
    rows = [
        (
            entry.card.name,
            f"{entry.card.examples:,}",
            str(len(entry.card.classes)),
            f"{entry.card.modality}s",
            "yes" if entry.at_hand else "–",
            entry.card.licence,
        )
        for entry in sets
    ]
    return table(header, rows, "Data sets")


def _card(shelf: Shelf, name: str) -> tuple[str, str]:
    entry = shelf.named(name)
    if entry is None:
        return note("Pick a backbone or a data set to read its card."), ""
    return card_page(entry), commands(entry)
