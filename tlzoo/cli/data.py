"""`tlzoo data check`: what is wrong with a data set, before anything is trained on it."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from typing import TYPE_CHECKING

from tlzoo.cli.output import emit, progress, table
from tlzoo.cli.parser import Parser, Subparsers, add_command, completes
from tlzoo.cli.reading import add_reading, reading
from tlzoo.errors import DataError

if TYPE_CHECKING:
    from tlzoo.data.check import Check
    from tlzoo.data.check_texts import TextCheck

_CLASSES = 40
"""Classes shown as text; --json has them all."""


def add(subparsers: Subparsers) -> None:
    """Adds the commands."""
    group = subparsers.add_parser("data", help="look at data before training on it")
    commands = group.add_subparsers(dest="subcommand", metavar="COMMAND", title="commands", required=True)
    _add_check(commands)


def _add_check(subparsers: Subparsers) -> Parser:
    parser = add_command(
        subparsers,
        "check",
        check,
        help="report broken files, duplicates across splits, class balance, tiny classes, odd sizes",
        examples="  tlzoo data check photos/\n  tlzoo data check labels.csv --json\n  tlzoo data check elpv\n"
        "  tlzoo data check reviews.csv --text-column review --label-column stars --unescape-html",
    )
    parser.epilog = f"{parser.epilog}\n\nExits with 3 if something would spoil training or its evidence."
    path = parser.add_argument(
        "path", metavar="PATH", help="a folder, a table (CSV, TSV, JSON, Parquet), or a data set's name"
    )
    completes(path, "file")
    add_reading(parser)
    return parser


def check(arguments: argparse.Namespace) -> int:
    """`tlzoo data check PATH`; exit code 3 if something would spoil training or its evidence."""
    from tlzoo.data.check import Check
    from tlzoo.data.check import check as examine

    with progress(arguments) as tell:
        found = examine(arguments.path, progress=tell, **reading(arguments))
    emit(
        arguments,
        found.to_json(),
        _describe(found, _images(found) if isinstance(found, Check) else _texts(found)),
    )
    return 0 if found.ok else DataError.exit_code


def _images(found: Check) -> list[tuple[str, str]]:
    sizes = " … ".join("x".join(map(str, found.sizes[key])) for key in ("smallest", "median", "largest"))
    return [
        ("images", f"{found.images:,} in {len(found.classes)} classes"),
        ("splits", _counted(found.splits) or "none given"),
        ("pixels", f"{sizes} (smallest … median … largest, width x height)"),
        ("formats", _counted(found.formats)),
        ("modes", _counted(found.modes)),
        ("imbalance", f"{found.imbalance:g} images of the largest class per image of the smallest"),
    ]


def _texts(found: TextCheck) -> list[tuple[str, str]]:
    return [
        ("texts", f"{found.documents:,} in {len(found.classes)} classes"),
        ("splits", _counted(found.splits) or "none given"),
        ("characters", _spread(found.characters)),
        ("words", _spread(found.words)),
        ("encodings", _counted(found.encodings) or "none; strings in memory"),
        ("entities", f"in {found.html_entities:.1%} of the texts"),
        ("imbalance", f"{found.imbalance:g} texts of the largest class per text of the smallest"),
    ]


def _counted(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{name} {count:,}" for name, count in counts.items())


def _spread(values: Mapping[str, int]) -> str:
    shown = " … ".join(f"{values[key]:,}" for key in ("min", "median", "p95", "max"))
    return f"{shown} (shortest … median … 95% … longest)"


def _describe(found: Check | TextCheck, facts: list[tuple[str, str]]) -> str:
    """Writes the findings as text: facts first, the verdict last, where the eye rests."""
    noun = facts[0][0]
    wide = max(len(key) for key, _ in facts) + 2
    classes = [(name, f"{count:,}") for name, count in found.classes.items()]
    shown = table(("class", noun), classes[:_CLASSES], right=(1,))
    if len(classes) > _CLASSES:
        shown += f"\n… and {len(classes) - _CLASSES} more"
    return "\n".join(
        [
            found.source,
            "",
            *(f"{key:{wide}}{value}" for key, value in facts),
            "",
            shown,
            "",
            *(f"- {line}" for line in found.verdict),
        ]
    )
