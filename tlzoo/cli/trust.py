"""`tlzoo trust`, `clean`, `suggest`: how far a run can be trusted, what is wrong with data, what to label next."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tlzoo.cli.output import emit, progress, table
from tlzoo.cli.parser import Subparsers, add_command, completes
from tlzoo.cli.reading import add_reading, reading

if TYPE_CHECKING:
    from tlzoo.workflows.clean import Findings

_TRUST = """\
  tlzoo trust runs/first                          calibration, prediction sets, when to be silent, foreign inputs
  tlzoo trust runs/first --coverage 0.95 --method aps
  tlzoo trust runs/first --foreign holiday/       how well it finds pictures that are none of its business"""

_CLEAN = """\
  tlzoo clean photos/                             labels a model disagrees with, and near copies, by file name
  tlzoo clean reviews.csv --csv findings.csv      all of them, a row each
  tlzoo clean photos/ --run runs/first            with that run's backbone and splits: copies across them leak"""

_SUGGEST = """\
  tlzoo suggest runs/first unlabelled/ -n 50
  tlzoo suggest runs/reviews new.csv --text-column review --csv next.csv"""

_SHOWN = 20
"""Findings of each kind shown as text; --json and --csv have them all."""
_STRATEGIES = ("badge", "margin", "entropy", "coreset", "random")


def add(subparsers: Subparsers) -> None:
    """Adds the commands."""
    _add_trust(subparsers)
    _add_clean(subparsers)
    _add_suggest(subparsers)


def _add_trust(subparsers: Subparsers) -> None:
    parser = add_command(
        subparsers,
        "trust",
        _trust,
        help="measure how far a run can be trusted, and add it to its report",
        examples=_TRUST,
    )
    completes(parser.add_argument("run_folder", metavar="RUN", help="a finished run"), "folder")
    parser.add_argument(
        "--coverage",
        type=float,
        default=0.9,
        metavar="SHARE",
        help="share of prediction sets that should hold the right class (default: %(default)s)",
    )
    parser.add_argument(
        "--method",
        default="lac",
        choices=("lac", "aps", "raps"),
        help="of prediction sets (default: %(default)s)",
    )
    parser.add_argument("--by-class", action="store_true", help="promise every class the coverage by itself")
    foreign = parser.add_argument(
        "--foreign", metavar="PATH", help="items it does not know: a folder, a file, a table of texts"
    )
    completes(foreign, "file")
    _add_texts(parser)


def _add_clean(subparsers: Subparsers) -> None:
    parser = add_command(
        subparsers,
        "clean",
        _clean,
        help="name labels that are probably wrong, and items that are nearly the same",
        examples=_CLEAN,
    )
    parser.epilog = f"{parser.epilog}\n\nFindings are suspicions: the exit code is 0 with or without them."
    data = parser.add_argument("data", metavar="DATA", help="labelled data, as for train")
    completes(data, "folder")
    completes(parser.add_argument("--run", metavar="RUN", dest="run_folder", help="a finished run"), "folder")
    completes(parser.add_argument("--backbone", help="a backbone's name, without a run"), "backbone")
    parser.add_argument("--seed", type=int, default=0, help="of the folds (default: %(default)s)")
    completes(parser.add_argument("--csv", metavar="OUT", help="write all findings to a CSV file"), "file")
    add_reading(parser)


def _add_suggest(subparsers: Subparsers) -> None:
    parser = add_command(
        subparsers, "suggest", _suggest, help="name the unlabelled items to label next", examples=_SUGGEST
    )
    completes(parser.add_argument("run_folder", metavar="RUN", help="a finished run"), "folder")
    items = parser.add_argument("items", metavar="UNLABELLED", help="a folder, or a table of texts")
    completes(items, "folder")
    parser.add_argument("-n", type=int, default=50, metavar="N", help="how many (default: %(default)s)")
    parser.add_argument("--strategy", choices=_STRATEGIES, help="how they are chosen (default: badge)")
    parser.add_argument("--seed", type=int, default=0, help="of what is drawn (default: %(default)s)")
    completes(parser.add_argument("--csv", metavar="OUT", help="write them to a CSV file"), "file")
    _add_texts(parser)


def _add_texts(parser: Any) -> None:
    texts = parser.add_argument_group("texts")
    texts.add_argument("--text-column", metavar="NAME", help="the column of texts in a table")
    texts.add_argument("--encoding", metavar="NAME", help="of tables and .txt files (default: detected)")


def _texts(arguments: argparse.Namespace) -> dict[str, Any]:
    return {"text_column": arguments.text_column, "encoding": arguments.encoding}


def _trust(arguments: argparse.Namespace) -> int:
    from tlzoo.evaluation.trust import Asked, words
    from tlzoo.workflows.run import Run
    from tlzoo.workflows.trust import trust

    run = Run(arguments.run_folder)
    asked = Asked(arguments.coverage, arguments.method, arguments.by_class)
    with progress(arguments) as tell:
        found = trust(run, asked, foreign=arguments.foreign, progress=tell, **_texts(arguments))
    lines = [*words(found, run.class_names), f"report       {run.report}"]
    emit(arguments, {"run": str(run.path), **found}, "\n".join(lines))
    return 0


def _clean(arguments: argparse.Namespace) -> int:
    from tlzoo.workflows.clean import clean, write_csv

    with progress(arguments) as tell:
        found = clean(
            arguments.data,
            run=arguments.run_folder,
            backbone=arguments.backbone,
            seed=arguments.seed,
            progress=tell,
            **reading(arguments),
        )
    if arguments.csv:
        write_csv(found, Path(arguments.csv))
    emit(arguments, {**found.to_dict(), "csv": arguments.csv}, _found(found, arguments.csv))
    return 0


def _found(found: Findings, csv: str | None) -> str:
    lines = [f"{found.source or 'data in memory'}: {found.items:,} items, features of {found.backbone}"]
    if found.accuracy is not None:
        lines.append(
            f"{len(found.suspects):,} labels are probably wrong ({found.noise:.1%} estimated); heads that have not "
            f"seen an item agree with {found.accuracy:.1%} of the labels"
        )
    if found.suspects:
        rows = [
            (
                each.item,
                each.label,
                each.suggested,
                f"{each.probability_of_label:.3f}",
                f"{each.probability:.3f}",
            )
            for each in found.suspects[:_SHOWN]
        ]
        lines += ["", table(("item", "label", "looks like", "P(label)", "P(looks)"), rows, right=(3, 4))]
        lines += _more(len(found.suspects), csv)
    lines += ["", f"{len(found.twins):,} pairs are nearly the same: {len(found.leaks):,} across splits, "
              f"{len(found.conflicts):,} with different labels"]  # fmt: skip
    if found.twins:
        order = sorted(found.twins, key=lambda each: not (each.leaks or each.conflicts))[:_SHOWN]
        pairs = [
            (*each.items, each.how, f"{each.cosine:.3f}", _apart(each.splits), _apart(each.labels))
            for each in order
        ]
        lines += ["", table(("item", "item", "how", "cosine", "splits", "labels"), pairs, right=(3,))]
        lines += _more(len(found.twins), csv)
    return "\n".join([*lines, *([f"all findings in {csv}"] if csv else [])])


def _apart(two: tuple[str | None, str | None]) -> str:
    return f"{two[0] or '-'} | {two[1] or '-'}" if two[0] != two[1] else two[0] or "-"


def _more(count: int, csv: str | None) -> list[str]:
    if count <= _SHOWN:
        return []
    return [f"… and {count - _SHOWN:,} more" + ("" if csv else ": --csv findings.csv, or --json")]


def _suggest(arguments: argparse.Namespace) -> int:
    from tlzoo.workflows.suggest import suggest, write_csv

    with progress(arguments) as tell:
        found = suggest(
            arguments.run_folder,
            arguments.items,
            arguments.n,
            strategy=arguments.strategy,
            seed=arguments.seed,
            progress=tell,
            **_texts(arguments),
        )
    if arguments.csv:
        write_csv(found, Path(arguments.csv))
    values = {
        "run": arguments.run_folder,
        "suggestions": [each.to_dict() for each in found],
        "csv": arguments.csv,
    }
    emit(arguments, values, "\n".join(_line(each.to_dict()) for each in found))
    return 0


def _line(each: dict[str, Any]) -> str:
    if each["label"] is None:
        return str(each["item"])
    return f"{each['item']}: {each['label']} {each['probability']:.3f}, doubt {each['doubt']:.3f}"
