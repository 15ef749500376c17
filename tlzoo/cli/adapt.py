"""`tlzoo adapt`, `shift`: from a labelled domain to one without labels, and how far apart both are."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tlzoo.cli.output import emit, progress, table
from tlzoo.cli.parser import Parser, Subparsers, add_command, completes
from tlzoo.cli.reading import add_reading, reading

if TYPE_CHECKING:
    from tlzoo.workflows.shift import Shift

_ADAPT = """\
  tlzoo adapt --source elpv:mono --target elpv:poly     the target's labels only judge, at the very end
  tlzoo adapt --source labelled/ --target new_photos/ --target-labels none
  tlzoo adapt --source elpv:poly --target elpv:mono --methods adabn,coral,mcc --json
  tlzoo adapt --source elpv:mono --target elpv:poly --end-to-end self_training --size 160"""

_SHIFT = """\
  tlzoo shift labelled/ from_the_new_camera/
  tlzoo shift elpv:mono elpv:poly --json
  tlzoo shift photos/ unlabelled/ --target-labels none"""

_METHODS = "adabn, standardise, coral, self_training, mmd, deep_coral, dann, cdan, mcc"
_END_TO_END = "self_training, mmd, deep_coral, dann, cdan, mcc"
_SHOWN = {"a_distance": "A-distance", "frechet": "Fréchet", "coral": "CORAL", "mmd": "MMD"}


def add(subparsers: Subparsers) -> None:
    """Adds the commands of this group."""
    adapt = add_command(
        subparsers, "adapt", _adapt, help="adapt a classifier to a domain without labels", examples=_ADAPT
    )
    for name, text in (("source", "labelled data"), ("target", "data to adapt to")):
        option = adapt.add_argument(
            f"--{name}", required=True, metavar="DATA", help=f"{text}; a part: elpv:mono"
        )
        completes(option, "folder")
    adapt.add_argument(
        "--methods",
        metavar="A,B,…",
        help=f"what is tried, in every combination: {_METHODS} (default: the first four)",
    )
    adapt.add_argument(
        "--end-to-end",
        metavar="A,B,…",
        default="",
        help=f"tune the network itself as well, minutes each: {_END_TO_END} (images)",
    )
    adapt.add_argument(
        "--epochs", type=int, default=2, help="of that, passes over the source (default: %(default)s)"
    )
    adapt.add_argument(
        "--size", type=int, metavar="PIXELS", help="height and width of images (default: the card's)"
    )
    completes(
        adapt.add_argument("--out", metavar="RUN", help="the run folder (default: the next runs/…)"), "folder"
    )
    adapt.add_argument(
        "--validation",
        type=float,
        default=0.2,
        metavar="SHARE",
        help="share of the source that calibrates",
    )
    _add_common(adapt)
    shift = add_command(
        subparsers,
        "shift",
        _shift,
        help="measure how far two data sets are apart, before training",
        examples=_SHIFT,
    )
    for name, text in (("first", "labelled data"), ("second", "other data")):
        completes(shift.add_argument(name, metavar=name.upper(), help=f"{text}; a part: elpv:mono"), "folder")
    _add_common(shift)


def _add_common(parser: Parser) -> None:
    parser.add_argument(
        "--target-labels",
        choices=("score", "none"),
        default="score",
        help="score: they judge what is finished; none: there are none, or nobody looks (default: %(default)s)",
    )
    completes(
        parser.add_argument("--backbone", help="a backbone's name (default: as for tlzoo train)"), "backbone"
    )
    parser.add_argument("--seed", type=int, default=0, help="of everything random (default: %(default)s)")
    parser.add_argument(
        "--engine", default="auto", choices=("auto", "graph", "litert", "xla"), help="what computes features"
    )
    add_reading(parser)


def _adapt(arguments: argparse.Namespace) -> None:
    import json

    from tlzoo.workflows.adapt import AdaptRequest, adapt
    from tlzoo.workflows.ways import USUAL

    methods = _listed(arguments.methods) if arguments.methods else USUAL
    request = AdaptRequest(
        backbone=arguments.backbone,
        methods=methods,
        end_to_end=_listed(arguments.end_to_end),
        epochs=arguments.epochs,
        size=arguments.size,
        target_labels=arguments.target_labels,
        out=Path(arguments.out) if arguments.out else None,
        seed=arguments.seed,
        validation=arguments.validation,
        engine=arguments.engine,
        data_options=reading(arguments),
    )
    with progress(arguments) as tell:
        run = adapt(arguments.source, arguments.target, request, progress=tell)
    told = json.loads((run.path / "adaptation.json").read_text(encoding="utf-8"))
    seconds = run.metrics["seconds"]
    values = {"run": str(run.path), "report": str(run.report), "seconds": seconds, **told}
    emit(arguments, values, _words(told, run.path))


def _listed(words: str) -> tuple[str, ...]:
    return tuple(each.strip() for each in words.split(",") if each.strip())


def _words(told: Mapping[str, Any], run: Path) -> str:
    """Returns what people read: every way, what was trusted, what it gave, and whom it hurt."""
    labelled = told["target"]["labels"]
    lines = [
        f"{told['source']['name']} to {told['target']['name']}, {told['tried']} ways tried",
        "",
        _table(told),
        "",
    ]
    lines += [
        _distance_table({"before": told["distances"]["before"], "after": told["distances"]["after"]}),
        "",
    ]
    lines += [_shares(told["label_shift"]), ""]
    chosen = told["chosen"]
    lines.append(
        f"chosen  {chosen['way']} (strength {chosen['strength']:g}), without a label of the target: {told['rule']}"
    )
    if labelled:
        lines.append(f"always the target's most common class: accuracy {told['majority']:.3f}")
        lines += [f"hurt    {each}" for each in told["hurt"]]
    else:
        lines.append(
            "The target has no labels, so nothing here says how right it is: label a few dozen to know."
        )
    lines += [f"report  {run / 'report.html'}", f"next    tlzoo export {run} models/adapted"]
    return "\n".join(lines)


def _table(told: Mapping[str, Any]) -> str:
    rows = []
    names = list(told["label_shift"]["source"])
    for row in told["ways"]:
        cells = [
            f"{'> ' if row['chosen'] else '  '}{row['way']}",
            f"{row['trust']['total']:.3f}",
            f"{row['consensus']:.3f}",
        ]
        if told["target"]["labels"]:
            scores = row["scores"]
            cells += [f"{scores['accuracy']:.3f}", f"{scores['balanced_accuracy']:.3f}"]
            cells += [
                "-" if scores["recall"][name] is None else f"{scores['recall'][name]:.2f}"
                for name in names[:6]
            ]
        else:
            cells += [f"{row['decided'][name]:.2f}" for name in names[:6]]
        rows.append(cells)
    header = ["  way", "trust", "consensus"]
    header += (
        ["accuracy", "balanced", *(f"recall {name}" for name in names[:6])]
        if told["target"]["labels"]
        else [f"decided {name}" for name in names[:6]]
    )
    return table(header, rows, right=range(1, len(header)))


def _distance_table(measured: Mapping[str, Mapping[str, float]]) -> str:
    rows = [[shown, *(f"{each[key]:.4g}" for each in measured.values())] for key, shown in _SHOWN.items()]
    return table(["distance", *measured], rows, right=range(1, len(measured) + 1))


def _shares(shares: Mapping[str, Mapping[str, float]]) -> str:
    names = list(next(iter(shares.values())))
    rows = [[key, *(f"{each[name]:.2f}" for name in names[:8])] for key, each in shares.items()]
    return table(["share of", *names[:8]], rows, right=range(1, min(len(names), 8) + 1))


def _shift(arguments: argparse.Namespace) -> None:
    from tlzoo.workflows.shift import shift

    with progress(arguments) as tell:
        found = shift(
            arguments.first,
            arguments.second,
            backbone=arguments.backbone,
            seed=arguments.seed,
            target_labels=arguments.target_labels,
            engine=arguments.engine,
            progress=tell,
            **reading(arguments),
        )
    emit(arguments, found.to_dict(), _shift_words(found))


def _shift_words(found: Shift) -> str:
    measured = {"between": found.between.to_dict(), f"within {found.first}": found.within.to_dict()}
    return "\n".join(
        [
            f"{found.first} and {found.second}, in features of {found.backbone}",
            "",
            _distance_table(measured),
            "",
            _shares(found.shares),
            "",
            f"{found.verdict}: {found.advice}",
        ]
    )
