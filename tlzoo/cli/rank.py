"""`tlzoo rank`: which backbone suits this data, before any is trained on it."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from tlzoo.cli.output import emit, progress, size, table
from tlzoo.cli.parser import Parser, Subparsers, add_command, completes
from tlzoo.cli.reading import add_labels, add_reading, reading

if TYPE_CHECKING:
    from tlzoo.workflows.rank import Ranking, RankRequest

_EXAMPLES = """\
  tlzoo rank photos/                                    all backbones on this machine
  tlzoo rank photos/ --backbones efficientnet_lite0,resnet50 --csv ranks.csv
  tlzoo rank photos/ --size 128,224                     each at both sizes
  tlzoo rank reviews.csv --text-column review --label-column stars
  tlzoo rank elpv --tensorboard ranks/                  scalars and a table for TensorBoard"""

_EPILOG = """\
Nothing is trained: features are computed once, kept in the cache, and judged by closed forms.
  probe     cross-validated ridge regression on the features; what the ranking goes by
  LogME     log evidence of a Bayesian linear model, for fewer examples than features too
  H         H-score, regularised; how much of the variation lies between classes
  k-NN      accuracy of the nearest neighbours, each example left out in turn
  GBC       overlap of one Gaussian for each class (0 is none)
  LEEP, NCE what the classes the backbone was pretrained on foretell; where its head is at hand
Ranks from the training split alone: labels of the test split stay unseen."""


def add(subparsers: Subparsers) -> None:
    """Adds the command."""
    parser = add_command(
        subparsers,
        "rank",
        _rank,
        help="say which backbone suits your data, without training any",
        examples=_EXAMPLES,
    )
    parser.epilog = f"{parser.epilog}\n\n{_EPILOG}"
    data = parser.add_argument(
        "data", metavar="DATA", help="a folder, a table (CSV, TSV, JSON, Parquet), or a data set's name"
    )
    completes(data, "folder")
    _add_choice(parser)
    parser.add_argument(
        "--task",
        choices=("classification", "multilabel", "regression"),
        help="what is learned: one label of several (the default), any of several, or a number",
    )
    parser.add_argument("--seed", type=int, default=0, help="of split and resampling (default: %(default)s)")
    parser.add_argument(
        "--most",
        type=int,
        default=2000,
        metavar="N",
        help="training examples that are looked at (default: %(default)s)",
    )
    parser.add_argument(
        "--engine", default="auto", choices=("auto", "graph", "litert", "xla"), help="what computes features"
    )
    completes(parser.add_argument("--csv", metavar="FILE", help="write the table there too"), "file")
    completes(
        parser.add_argument("--tensorboard", metavar="DIR", help="write a page for TensorBoard there too"),
        "folder",
    )
    add_reading(parser)
    add_labels(parser)


def _add_choice(parser: Parser) -> None:
    which = parser.add_mutually_exclusive_group()
    names = which.add_argument(
        "--backbones",
        type=_names,
        default=(),
        metavar="A,B,…",
        help="backbones by name (default: those whose weights are on this machine)",
    )
    completes(names, "backbone")
    which.add_argument(
        "--all", action="store_true", dest="every", help="all that take such data, fetched where need be"
    )
    parser.add_argument(
        "--size", type=_counts, default=(), metavar="N,…", help="sides of square images in pixels"
    )
    parser.add_argument("--length", type=_counts, default=(), metavar="N,…", help="most tokens of a text")


def _names(text: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in text.split(",") if name.strip())


def _counts(text: str) -> tuple[int, ...]:
    try:
        found = tuple(int(part) for part in text.split(","))
    except ValueError:
        found = ()
    if not found or min(found) < 1:
        raise argparse.ArgumentTypeError(f"'{text}' is no list of counts; write 128 or 128,224")
    return found


def _request(arguments: argparse.Namespace) -> RankRequest:
    from tlzoo.workflows.rank import RankRequest

    return RankRequest(
        backbones=arguments.backbones,
        every=arguments.every,
        sizes=arguments.size,
        lengths=arguments.length,
        seed=arguments.seed,
        most=arguments.most,
        engine=arguments.engine,
        task=arguments.task,
        data_options=reading(arguments),
    )


def _rank(arguments: argparse.Namespace) -> None:
    from tlzoo.workflows.rank import rank

    with progress(arguments) as tell:
        ranking = rank(arguments.data, _request(arguments), progress=tell)
    if arguments.csv:
        ranking.write_csv(arguments.csv)
    if arguments.tensorboard:
        ranking.write_tensorboard(arguments.tensorboard)
    emit(arguments, ranking.to_dict(), _words(ranking))


def _words(ranking: Ranking) -> str:
    header = ("", "backbone", "probe", "95%", "ranks", "LogME", "H", "k-NN", "GBC", "LEEP", "NCE", "weights")
    rows = [_cells(row) for row in ranking.table()]
    shown = table((*header, "s/1,000", "bundle"), rows, right=(0, 2, 5, 6, 7, 8, 9, 10, 11, 12, 13))
    notes = [f"left out: {name}: {why}" for name, why in ranking.left_out.items()]
    return "\n".join([shown, "", ranking.recommendation, *notes, f"next    {ranking.command}"])


def _cells(row: dict[str, Any]) -> tuple[str, ...]:
    ranks = (
        f"{row['rank_low']}-{row['rank_high']}" if row["rank_low"] < row["rank_high"] else str(row["rank"])
    )
    return (
        f"{row['rank']}{'*' if row['within_noise'] else ' '}",
        row["backbone"],
        f"{row['probe']:.3f}",
        f"{row['probe_low']:.3f}-{row['probe_high']:.3f}",
        ranks,
        *("-" if row[key] is None else f"{row[key]:.3f}" for key in ("logme", "h_score", "knn")),
        *("-" if row[key] is None else f"{row[key]:.3g}" for key in ("gbc", "leep", "nce")),
        size(row["params"], ""),
        f"{row['seconds_per_1000']:.1f}",
        size(row["bundle_bytes"]),
    )
