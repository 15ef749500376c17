"""`tlzoo data check`: what is wrong with a data set, before anything is trained on it."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from tlzoo.cli.output import emit, progress, table
from tlzoo.cli.parser import Parser, Subparsers, add_command, completes
from tlzoo.errors import DataError

if TYPE_CHECKING:
    from tlzoo.data.check import Check

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
        examples="  tlzoo data check photos/\n  tlzoo data check labels.csv --json\n  tlzoo data check elpv",
    )
    parser.epilog = f"{parser.epilog}\n\nExits with 3 if something would spoil training or its evidence."
    path = parser.add_argument("path", metavar="PATH", help="a folder, a CSV file, or a data set's name")
    completes(path, "file")
    return parser


def check(arguments: argparse.Namespace) -> int:
    """`tlzoo data check PATH`; exit code 3 if something would spoil training or its evidence."""
    from tlzoo.data.check import check as examine

    with progress(arguments) as tell:
        found = examine(arguments.path, progress=tell)
    emit(arguments, found.to_json(), _describe(found))
    return 0 if found.ok else DataError.exit_code


def _describe(found: Check) -> str:
    """Writes the findings as text: facts first, the verdict last, where the eye rests."""
    sizes = " … ".join("x".join(map(str, found.sizes[key])) for key in ("smallest", "median", "largest"))
    facts = [
        ("images", f"{found.images:,} in {len(found.classes)} classes"),
        ("splits", ", ".join(f"{name} {count:,}" for name, count in found.splits.items()) or "none given"),
        ("pixels", f"{sizes} (smallest … median … largest, width x height)"),
        ("formats", ", ".join(f"{name} {count:,}" for name, count in found.formats.items())),
        ("modes", ", ".join(f"{name} {count:,}" for name, count in found.modes.items())),
        ("imbalance", f"{found.imbalance:g} images of the largest class per image of the smallest"),
    ]
    wide = max(len(key) for key, _ in facts) + 2
    classes = [(name, f"{count:,}") for name, count in found.classes.items()]
    shown = table(("class", "images"), classes[:_CLASSES], right=(1,))
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
