"""`tlzoo tune`: search a recipe's options, judged on validation alone."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING, Any

from tlzoo.cli.output import emit, progress, table
from tlzoo.cli.parser import Subparsers, add_command, completes
from tlzoo.cli.runs import add_request, budget_seconds, request_of

if TYPE_CHECKING:
    from tlzoo.workflows.tune_answer import Tuning

_EXAMPLES = """\
  tlzoo tune photos/ --recipe fine_tune --trials 20 --budget 1h
  tlzoo tune photos/ --search rate,top --set epochs=4    only these, and that fixed
  tlzoo tune photos/ --out runs/search --trials 40       once more: goes on, killed or not"""

_EPILOG = """\
Trials are drawn by Optuna (tree-structured Parzen estimator) around the defaults; the first is the recipe as it is.
The validation split alone chooses; the best trial is then tested once and is a run like any other. Everything is
written down as it happens: the same command with the same --out goes on where a killed one stopped.
tensorboard --logdir DIR/tensorboard shows the trials on its HParams page."""


def add(subparsers: Subparsers) -> None:
    """Adds the command."""
    parser = add_command(
        subparsers,
        "tune",
        _tune,
        help="search the options of a recipe, chosen on validation only",
        examples=_EXAMPLES,
    )
    parser.epilog = f"{parser.epilog}\n\n{_EPILOG}"
    add_request(parser, recipe="fine_tune")
    parser.add_argument("--trials", type=int, default=20, metavar="N", help="how many (default: %(default)s)")
    parser.add_argument(
        "--budget", type=budget_seconds, metavar="TIME", help="time for all of it: 90s, 10m, 1h30m"
    )
    parser.add_argument(
        "--search",
        type=_names,
        default=(),
        metavar="NAME,…",
        help="options to search (default: all that are worth it)",
    )
    completes(
        parser.add_argument(
            "--out", metavar="DIR", help="the search's folder (default: the next runs/…-tune-…)"
        ),
        "folder",
    )


def _names(text: str) -> tuple[str, ...]:
    return tuple(name.strip().replace("-", "_") for name in text.split(",") if name.strip())


def _tune(arguments: argparse.Namespace) -> None:
    from dataclasses import replace

    from tlzoo.workflows.tune import TuneRequest, tune

    request = replace(request_of(arguments), budget=None)
    asked = TuneRequest(request, arguments.trials, arguments.budget, arguments.search)
    try:
        with progress(arguments) as tell:
            found = tune(arguments.data, asked, progress=tell)
    except KeyboardInterrupt:
        where = arguments.out or "DIR, the newest runs/…-tune-…"
        print(f"stopped; nothing is lost. Go on with the same command and --out {where}", file=sys.stderr)  # noqa: T201
        raise
    emit(arguments, {**found.to_dict(), "test": _tested(found), "seconds": found.seconds}, _words(found))


def _tested(found: Tuning) -> Any:
    return None if found.run is None else dict(found.run.metrics["test"])


def _words(found: Tuning) -> str:
    from tlzoo.cli.scores import words

    rows = found.rows()
    names = list(rows[0]["options"])
    header = ["trial", "val loss", f"val {found.shown.replace('_', ' ')}", "seconds", *names, ""]
    cells = [
        [
            str(row["trial"]),
            "diverged" if row["val_loss"] is None else f"{row['val_loss']:.4f}",
            f"{row[f'val_{found.shown}']:.4f}",
            f"{row['seconds']:.0f}",
            *(f"{row['options'][name]}" for name in names),
            "cut short" if row["cut"] else "",
        ]
        for row in rows
    ]
    told = [table(header, cells, right=range(len(header) - 1)), "", found.verdict]
    settings = " ".join(f"--set {name}={value}" for name, value in found.options.items())
    told += [f"options {settings}"] if settings else []
    return "\n".join(told + ([words(found.run)] if found.run else []))
