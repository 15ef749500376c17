"""`tlzoo layers` and `tlzoo lr-find`: which stages to train, and how fast, before a run is spent on it."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from tlzoo.cli.output import emit, progress, table
from tlzoo.cli.parser import Subparsers, add_command, completes
from tlzoo.cli.runs import add_request, request_of

if TYPE_CHECKING:
    from tlzoo.workflows.layers import Layers

_LAYERS = """\
  tlzoo layers photos/ --backbone efficientnet_lite0     where in it the information about these photos peaks
  tlzoo layers photos/ --surgical                        and which single stage gains most when tuned alone
  tlzoo layers reviews.csv --picture layers.html         a page with picture and numbers (or .svg, .png)"""

_RATES = """\
  tlzoo lr-find photos/ --recipe fine_tune               a hundred rates on the recipe's own phase
  tlzoo lr-find photos/ --recipe lora --picture rates.svg"""


def add(subparsers: Subparsers) -> None:
    """Adds the commands of this group."""
    layers = add_command(
        subparsers,
        "layers",
        _layers,
        help="probe every stage of a backbone, say what to freeze",
        examples=_LAYERS,
    )
    add_request(layers, recipe=None)
    layers.add_argument("--surgical", action="store_true", help="tune each stage alone, too (trains)")
    layers.add_argument("--epochs", type=int, default=2, metavar="N", help="of each such tuning (default: 2)")
    rates = add_command(
        subparsers, "lr-find", _rates, help="suggest a learning rate for a recipe", examples=_RATES
    )
    add_request(rates, recipe="fine_tune")
    for parser, kinds in ((layers, ".svg, .png or .html"), (rates, ".svg or .png")):
        completes(parser.add_argument("--picture", metavar="FILE", help=f"draw it there: {kinds}"), "file")


def _layers(arguments: argparse.Namespace) -> None:
    from dataclasses import replace

    from tlzoo.workflows.layers import layers

    request = replace(request_of(arguments), recipe="fine_tune")
    with progress(arguments) as tell:
        found = layers(
            arguments.data, request, surgical=arguments.surgical, epochs=arguments.epochs, progress=tell
        )
    if arguments.picture:
        found.write(Path(arguments.picture))
    emit(arguments, {**found.to_dict(), "advice": found.advice}, _words(found))


def _words(found: Layers) -> str:
    header = ["stage", "features", found.measure, "± 2 errors"]
    header += ["val loss tuned alone"] if found.untuned is not None else []
    rows = [
        [each.stage, str(each.features), f"{each.score:.4f}", f"{2 * each.error:.4f}"]
        + ([f"{each.tuned:.4f}"] if each.tuned is not None else [])
        for each in found.stages
    ]
    alone = [] if found.untuned is None else [f"head alone: validation loss {found.untuned:.4f}"]
    lines = [table(header, rows, right=range(1, len(header))), *alone, found.advice]
    lines.append(
        f"next    tlzoo train … --backbone {found.backbone} --recipe fine_tune --set top={found.top}"
    )
    return "\n".join(lines)


def _rates(arguments: argparse.Namespace) -> None:
    from tlzoo.workflows.trials import find_rate

    with progress(arguments) as tell:
        found = find_rate(arguments.data, request_of(arguments), progress=tell)
    if arguments.picture:
        found.write(Path(arguments.picture))
    tried = (
        f"{len(found.rates)} rates from {found.rates[0]:.1e} to {found.rates[-1]:.1e}, phase {found.phase}"
    )
    said = (
        f"suggested rate {found.suggestion:g}\nnext    tlzoo train … --recipe {found.recipe} --set rate="
        f"{found.suggestion:g}"
        if found.suggestion is not None
        else "no rate lowered the loss: look at the data, or at the recipe's other options."
    )
    emit(arguments, found.to_dict(), f"{tried}\n{said}")
