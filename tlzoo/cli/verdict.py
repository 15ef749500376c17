"""`tlzoo verdict`: did transfer help, against the same network from scratch."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from tlzoo.cli.output import emit, progress, table
from tlzoo.cli.parser import Subparsers, add_command, completes
from tlzoo.cli.runs import budget_seconds

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tlzoo.metrics.bootstrap import Interval
    from tlzoo.workflows.verdict_answer import Verdict

_EXAMPLES = """\
  tlzoo verdict runs/first                         positive, neutral or negative transfer, with its interval
  tlzoo verdict runs/first --budget 1h --seeds 8   with more seeds, goes on where it was
  tlzoo verdict runs/first --try                   and what each mitigation gives, where transfer gained nothing"""

_EPILOG = """\
The plan of the run learns again with other seeds, and the same network from random weights for as long as validation
says it gains, within the budget. The gain is measured on the test split of the run, in pairs, and told with a
bootstrap interval over test examples and seeds. Neutral is what includes no gain at all, or nothing beyond the margin.
Everything is remembered in RUN/verdict: killed or short of time, the same command goes on; asked again, it is free."""


def add(subparsers: Subparsers) -> None:
    """Adds the command."""
    parser = add_command(
        subparsers,
        "verdict",
        _verdict,
        help="say whether transfer helped, and add it to the report",
        examples=_EXAMPLES,
    )
    parser.epilog = f"{parser.epilog}\n\n{_EPILOG}"
    completes(parser.add_argument("run_folder", metavar="RUN", help="a finished run"), "folder")
    parser.add_argument(
        "--budget",
        type=budget_seconds,
        default=600.0,
        metavar="TIME",
        help="time for all of it: 90s, 10m (default), 1h30m",
    )
    parser.add_argument(
        "--seeds", type=int, default=5, metavar="N", help="of run and scratch each (default: %(default)s)"
    )
    parser.add_argument(
        "--sizes",
        type=_shares,
        default=(0.1, 0.25, 0.5, 1.0),
        metavar="PERCENT,…",
        help="of the training split, for the learning curve (default: 10,25,50,100)",
    )
    parser.add_argument(
        "--margin",
        type=float,
        default=1.0,
        metavar="POINTS",
        help="gains up to this are neutral (default: 1)",
    )
    parser.add_argument(
        "--try", action="store_true", dest="tries", help="train the mitigations that are named, too"
    )
    parser.add_argument(
        "--epochs",
        type=int,
        metavar="N",
        help="of the baseline (default: as many as help and there is time for)",
    )


def _shares(text: str) -> Sequence[float]:
    from tlzoo.errors import UsageError
    from tlzoo.workflows.verdict import percentages

    try:
        return percentages(text)
    except UsageError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def _verdict(arguments: argparse.Namespace) -> None:
    from tlzoo.workflows.verdict import VerdictRequest, verdict

    asked = VerdictRequest(
        seeds=arguments.seeds,
        shares=tuple(arguments.sizes),
        seconds=arguments.budget,
        margin=arguments.margin / 100,
        tries=arguments.tries,
        epochs=arguments.epochs,
    )
    with progress(arguments) as tell:
        found = verdict(arguments.run_folder, asked, progress=tell)
    emit(arguments, found.to_dict(), _words(found))


def _words(found: Verdict) -> str:
    lines = [found.sentence, *(f"  careful: {caution}" for caution in found.cautions), ""]
    tried = any(row.over_run for row in found.rows)
    header = [
        "learner",
        found.metric.replace("_", " "),
        "gain over scratch",
        *(["over the run"] if tried else []),
    ]
    header += ["seeds", "trained for", "how"]
    rows = [
        [
            row.name,
            _value(row.value),
            _gain(row.gain),
            *([_gain(row.over_run)] if tried else []),
            "" if row.training is None else str(row.seeds),
            "" if row.training is None else f"{row.training:.0f} s",
            row.told,
        ]
        for row in found.rows
    ]
    lines += [table(header, rows, right=range(1, len(header) - 1)), ""]
    points = [
        [
            f"{point.examples:,}",
            f"{point.share:.0%}",
            _value(point.run),
            _value(point.scratch),
            _gain(point.gain),
        ]
        for point in found.curve
    ]
    if len(points) > 1:
        lines += [table(["examples", "share", "run", "scratch", "gain"], points, right=range(5)), ""]
    lines.append(found.catch_up_words)
    lines += [f"try         {each.name}: {each.why}\n            {each.command}" for each in found.advice]
    lines += [f"no time for {each}" for each in found.missing]
    return "\n".join([*lines, f"report      {found.run}/report.html"])


def _value(value: float) -> str:
    return f"{value:.4f}"


def _gain(gain: Interval | None) -> str:
    return "" if gain is None else f"{100 * gain.estimate:+.1f} [{100 * gain.low:.1f}, {100 * gain.high:.1f}]"
