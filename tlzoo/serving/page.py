"""The index page: for people, which models there are, and a form to try them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from functools import cache
from importlib.resources import files

from tlzoo.serving.options import ModelConfig

Labels = Mapping[str, Mapping[str, int]]


def page(models: Iterable[ModelConfig], labels: Labels) -> bytes:
    """Returns the page; everything that changes is asked for by the browser, through the REST API.

    Args:
        models: Their names are shown; where they lie is not.
        labels: Version numbers by label, by model.
    """
    shown = [{"name": one.name, "labels": dict(labels.get(one.name, {}))} for one in models]
    # "<" would end the script early.
    data = json.dumps(shown).replace("<", "\\u003c")
    return _template().replace("/*MODELS*/[]", data).encode()


@cache
def _template() -> str:
    return files("tlzoo.serving").joinpath("templates", "index.html").read_text("utf-8")
