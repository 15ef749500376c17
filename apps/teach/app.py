"""Teach a model in the browser: classes, examples, Train, and try it."""

from __future__ import annotations

from typing import Any

import gradio as gr

from tlzoo.registry import app_card

from ..common.page import page


def build(predictor: Any = None) -> gr.Blocks:
    """Returns the page."""
    with page(app_card("teach")) as blocks:
        gr.Button("Train", variant="primary", elem_id="main")
    return blocks
