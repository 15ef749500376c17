"""What belongs to one visitor: a folder that vanishes when the visit ends."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import Any

import gradio as gr

IDLE = 3600
"""Seconds after which the state of a page that nobody uses is forgotten."""


def new_folder() -> Path:
    """Returns a new folder of one visitor, inside the app's temporary folder."""
    return Path(tempfile.mkdtemp(prefix="visit-"))


def forget(state: Any) -> None:
    """Deletes what belongs to a visitor: a folder, or whatever has one as `folder`."""
    folder = getattr(state, "folder", state)
    if isinstance(folder, Path):
        shutil.rmtree(folder, ignore_errors=True)


def state(value: Any = None) -> gr.State:
    """Returns state of one visitor, deleted with its folder when the page is closed or idle for an hour."""
    return gr.State(value, time_to_live=IDLE, delete_callback=forget)
