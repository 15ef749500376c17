"""What handlers hand on to the next ones of the same visitor."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import gradio as gr

IDLE = 3600
"""Seconds after which what nobody uses is forgotten."""


def state() -> gr.State:
    """Returns state of one visitor, forgotten after an hour; a folder in it is deleted then."""
    return gr.State(None, time_to_live=IDLE, delete_callback=forget)


def forget(held: Any) -> None:
    """Deletes a folder that belongs to a visitor; anything else is just let go."""
    if isinstance(held, Path):
        shutil.rmtree(held, ignore_errors=True)
