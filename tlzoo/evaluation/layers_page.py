"""The page of `tlzoo layers`: one HTML file with the picture and the numbers."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from html import escape
from pathlib import Path
from typing import Any

from tlzoo import paths
from tlzoo.evaluation.pictures import write_stages

_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>{title}</title>
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; img-src data:">
<style>body{{font:16px/1.5 system-ui,sans-serif;max-width:50rem;margin:2rem auto;padding:0 1rem}}
td,th{{padding:.2rem .8rem;text-align:right}}td:first-child,th:first-child{{text-align:left}}
svg{{max-width:100%}}</style>
</head><body><h1>{title}</h1><p>{advice}</p>{picture}<table><tr>{header}</tr>{rows}</table></body></html>
"""


def write_page(path: Path, found: Mapping[str, Any], advice: str) -> None:
    """Writes the page.

    Args:
        path: The file.
        found: What `Layers.to_dict` returns.
        advice: In words.
    """
    scores = {each["stage"]: each["score"] for each in found["stages"]}
    errors = {each["stage"]: each["error"] for each in found["stages"]}
    with tempfile.TemporaryDirectory() as folder:
        picture = Path(folder) / "stages.svg"
        write_stages(picture, scores, errors, found["peak"], found["measure"])
        drawn = picture.read_text("utf-8")
    header = ["stage", "features", found["measure"], "± 2 errors"]
    tuned = found["untuned"] is not None
    header += ["validation loss, tuned alone"] if tuned else []
    rows = [
        [each["stage"], each["features"], f"{each['score']:.4f}", f"{2 * each['error']:.4f}"]
        + ([f"{each['tuned']:.4f}"] if tuned else [])
        for each in found["stages"]
    ]
    page = _PAGE.format(
        title=escape(f"Stages of {found['backbone']} on {found['data']}"),
        advice=escape(advice),
        picture=drawn[drawn.index("<svg") :],
        header="".join(f"<th>{escape(name)}</th>" for name in header),
        rows="".join(
            "<tr>" + "".join(f"<td>{escape(str(cell))}</td>" for cell in row) + "</tr>" for row in rows
        ),
    )
    paths.write_text(path, page)
