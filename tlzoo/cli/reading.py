"""How DATA is read: the options that every command which reads data has."""

from __future__ import annotations

import argparse
from typing import Any

from tlzoo.cli.parser import Parser

_COLUMNS = {
    "text": "the column of texts in a table",
    "label": "the column of classes in a table",
    "split": "the column of train, validation and test in a table",
    "group": "the column of what must not straddle splits (an author, a patient)",
}


def add_reading(parser: Parser) -> None:
    """Adds the options to a command, as a group of its own."""
    group = parser.add_argument_group("reading data")
    for role, words in _COLUMNS.items():
        group.add_argument(f"--{role}-column", metavar="NAME", help=words)
    group.add_argument(
        "--modality", choices=("image", "text"), help="what a source holds that could be either"
    )
    group.add_argument(
        "--encoding", metavar="NAME", help="of tables and files of text (default: detected, UTF-8 first)"
    )
    group.add_argument(
        "--unescape-html",
        action=argparse.BooleanOptionalAction,
        default=None,
        help="read &amp; and the like in texts as what they stand for",
    )
    group.add_argument(
        "--data-option",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="an option of a data set, like cell_type=mono",
    )


def add_labels(parser: Parser) -> None:
    """Adds the options of several labels to a command."""
    group = parser.add_argument_group("several labels (--task multilabel)")
    group.add_argument(
        "--label-separator", metavar="TEXT", help="between the labels of a cell (default: ; or |)"
    )
    group.add_argument("--label-columns", metavar="A,B,…", help="columns of zeros and ones, one per label")


def reading(arguments: argparse.Namespace) -> dict[str, Any]:
    """Returns what was asked for as arguments of `load`."""
    from tlzoo.recipes.options import parse_settings

    names = [f"{role}_column" for role in _COLUMNS] + ["modality", "encoding", "unescape_html"]
    asked = {name: getattr(arguments, name) for name in names}
    asked |= {name: getattr(arguments, name, None) for name in ("label_separator", "label_columns")}
    given = {name: value for name, value in asked.items() if value is not None}
    return {**given, **parse_settings(arguments.data_option)}
