"""The first step of the page: classes with pictures or texts, or a file with all of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import gradio as gr

from ..common import uploads
from ..common.errors import spoken
from ..common.page import tabs
from ..common.session import Visits
from . import gather, samples
from .lesson import Lesson

MOST = 8
"""Classes that have a box on the page; more come as a file."""
SHOWN = 2
"""Boxes that are open at first."""
ENDINGS = [*uploads.PICTURES]


@dataclass
class Slots:
    """Boxes of one kind of class.

    Attributes:
        columns: What is shown or hidden.
        names: Names of the classes.
        boxes: Galleries, or boxes of text.
        count: How many are open.
    """

    columns: list[Any] = field(default_factory=list)
    names: list[Any] = field(default_factory=list)
    boxes: list[Any] = field(default_factory=list)
    count: Any = None


@dataclass
class Inputs:
    """Everything that is filled in before training.

    Attributes:
        kind: State: `pictures`, `texts` or `file`; which tab is open.
        pictures: Boxes for pictures.
        texts: Boxes for texts.
        upload: The file.
        columns: Names of a table's columns.
        tabs: The tabs.
        examples: Buttons, by title.
    """

    kind: Any
    pictures: Slots
    texts: Slots
    upload: Any
    columns: tuple[Any, Any]
    tabs: Any
    examples: dict[str, Any]

    @property
    def all(self) -> list[Any]:
        """What `gatherer` takes, in its order."""
        slots = [self.pictures.names, self.pictures.boxes, self.texts.names, self.texts.boxes]
        return [self.kind, *(each for part in slots for each in part), self.upload, *self.columns]


def draw(offered: dict[str, Any]) -> Inputs:
    """Draws the step; call it inside of the page.

    Args:
        offered: Examples to click: what makes them, by title.
    """
    kind = gr.State("pictures")
    gr.HTML(
        '<div class="tl-step"><h2>1. Show examples</h2><p>Ten to fifty of each class teach well. '
        "Different light, places and words make it robust.</p></div>",
        padding=False,
    )
    with gr.Row(elem_classes=["tl-examples"]):
        buttons = {name: gr.Button(name, size="sm", min_width=120) for name in offered}
    with tabs(selected="pictures") as kinds:
        with gr.Tab("Pictures", id="pictures") as first:
            pictures = _slots(_gallery)
        with gr.Tab("Texts", id="texts") as second:
            texts = _slots(_lines)
        with gr.Tab("A file", id="file") as third:
            gr.Markdown(
                "A zip file with a folder of pictures for each class; or a table (CSV, TSV, JSONL, Parquet) with a "
                "column of texts and one of labels."
            )
            upload = gr.File(
                label="A zip file or a table",
                file_types=[".zip", *uploads.TABLES],
                height=140,
                elem_id="upload",
            )
            with gr.Row():
                text_column, label_column = (
                    gr.Textbox(label=f"Column of {what}", placeholder="found by itself", max_lines=1)
                    for what in ("texts", "labels")
                )
    for tab, name in ((first, "pictures"), (second, "texts"), (third, "file")):
        tab.select(partial(str, name), None, kind, show_progress="hidden", api_visibility="private")
    return Inputs(kind, pictures, texts, upload, (text_column, label_column), kinds, buttons)


def _slots(box: Callable[[int], Any]) -> Slots:
    slots = Slots(count=gr.State(SHOWN))
    with gr.Row(equal_height=False, elem_classes=["tl-slots"]):
        for number in range(MOST):
            with gr.Column(min_width=240, visible=number < SHOWN) as column:
                slots.names.append(
                    gr.Textbox(label=f"Name of class {number + 1}", placeholder=_hint(number), max_lines=1)
                )
                slots.boxes.append(box(number))
            slots.columns.append(column)
    with gr.Row():
        more = gr.Button("Add a class", size="sm", min_width=120)
        fewer = gr.Button("Remove the last class", size="sm", min_width=120)
    # Every click counts, also quick ones: one after another, none dropped.
    quick: dict[str, Any] = {"trigger_mode": "multiple", "concurrency_limit": 1, "show_progress": "hidden"}
    outputs = [slots.count, *slots.columns]
    for button, step in ((more, 1), (fewer, -1)):
        button.click(partial(_resized, step), slots.count, outputs, api_visibility="private", **quick)
    return slots


def _resized(step: int, count: int) -> list[Any]:
    count = min(max(count + step, 2), MOST)
    return [count, *opened(count)]


def opened(count: int) -> list[Any]:
    """Returns updates that show the first `count` boxes."""
    return [gr.update(visible=at < count) for at in range(MOST)]


def _hint(number: int) -> str:
    return ("for example: cat", "for example: dog")[number] if number < 2 else "another class"


def _gallery(number: int) -> Any:
    return gr.Gallery(
        label=f"Pictures of class {number + 1}",
        type="filepath",
        file_types=ENDINGS,
        sources=["upload", "webcam", "clipboard"],
        show_label=False,
        elem_classes=["tl-shots"],
        height=220,
        object_fit="cover",
        allow_preview=False,
        interactive=True,
        buttons=[],
        elem_id=f"pictures-{number}",
    )


def _lines(number: int) -> Any:
    return gr.Textbox(
        label=f"Texts of class {number + 1}, one a line", lines=7, max_lines=12, elem_id=f"texts-{number}"
    )


def gatherer(given: tuple[Any, ...]) -> Callable[[Path], Any]:
    """Returns what makes a data set of the values of `Inputs.all`, in a new folder."""
    kind, rest = given[0], list(given[1:])
    parts = [rest[at * MOST : (at + 1) * MOST] for at in range(4)]
    upload, text_column, label_column = rest[4 * MOST :]
    if kind == "texts":
        return lambda folder: gather.texts(folder, parts[2], [text or "" for text in parts[3]])
    if kind == "file":
        file = None if upload is None else Path(upload)
        return lambda folder: gather.file(folder, file, text_column or "", label_column or "")
    dropped = [[Path(path) for path, _ in gallery or ()] for gallery in parts[1]]
    return lambda folder: gather.pictures(folder, parts[0], dropped)


def connect_examples(
    inputs: Inputs, offered: dict[str, Any], visits: Visits[Lesson], tries: Any, said: Any
) -> None:
    """Makes the buttons fill the boxes.

    Args:
        inputs: The step.
        offered: What makes the examples, by title.
        visits: The visitors' lessons.
        tries: Gallery of held-back pictures.
        said: Box of a text to try.
    """
    names, boxes = inputs.pictures.names + inputs.texts.names, inputs.pictures.boxes + inputs.texts.boxes
    counts = [inputs.pictures.count, inputs.texts.count]
    columns = inputs.pictures.columns + inputs.texts.columns
    outputs = [inputs.kind, inputs.tabs, *counts, *columns, *names, *boxes, tries, said]
    for title, make in offered.items():
        fill = visits.bound(spoken(partial(_filled, make)))
        inputs.examples[title].click(fill, None, outputs, show_progress="hidden", api_visibility="private")


def _filled(make: Callable[[Path], samples.Sample], lesson: Lesson) -> list[Any]:
    sample = make(lesson.new("sample"))
    count, found = len(sample.classes), list(sample.classes.items())
    empty = MOST - count
    names, contents = [name for name, _ in found] + [""] * empty, [items for _, items in found]
    keep = [gr.skip() for _ in range(MOST)]
    if sample.kind == "texts":
        filled = ["\n".join(items) for items in contents] + [""] * empty
        counts = [gr.skip(), count, *keep, *opened(count), *keep, *names, *keep, *filled]
        return [
            "texts",
            gr.update(selected="texts"),
            *counts,
            gr.update(value=[], visible=False),
            sample.tries[0],
        ]
    filled_pictures = [[str(item) for item in items] for items in contents] + [None] * empty
    counts = [count, gr.skip(), *opened(count), *keep, *names, *keep, *filled_pictures, *keep]
    tries = gr.update(value=[str(item) for item in sample.tries], visible=True)
    return ["pictures", gr.update(selected="pictures"), *counts, tries, gr.skip()]
