"""A place for one picture, which is handed on as the file it is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gradio as gr


def picture(**options: Any) -> gr.Image:
    """Returns a `gr.Image` that gives handlers the path of the upload, or None.

    Gradio would open it first: it leaves the file open, turns greys into colours, and what it cannot read is told in
    its own words rather than by `tlzoo.errors`.

    Args:
        options: Of `gr.Image`.
    """
    made = gr.Image(type="filepath", **options)
    usual = made.preprocess

    def path(payload: Any) -> Any:
        file = getattr(payload, "path", None)
        return str(Path(file)) if file else usual(payload)

    made.preprocess = path  # a subclass would have Gradio write a stub file beside this one
    return made
