"""Components that hand over where an upload lies, and do nothing else with it."""

from __future__ import annotations

from pathlib import Path
from typing import Any, TypeVar

import gradio as gr

Field = TypeVar("Field", gr.File, gr.Image)


def by_path(field: Field) -> Field:
    """Makes a component give handlers the path of its upload, as a string.

    Gradio's own would open pictures and not close them, raise its own errors at broken ones, and make one more empty
    file for every file, which nobody deletes.

    Args:
        field: Of one file; the path is where Gradio has put it, checked to be an upload.
    """
    own = field.preprocess

    def preprocess(payload: Any) -> Any:
        path = getattr(payload, "path", None)
        return str(path) if path and Path(path).is_file() else own(payload)

    field.preprocess = preprocess
    return field
