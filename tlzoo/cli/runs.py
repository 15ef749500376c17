"""`tlzoo train`, `plan`, `evaluate`, `compare`: from data to a run, and what runs say."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from tlzoo.cli.output import emit, progress
from tlzoo.cli.parser import Parser, Subparsers, add_command, completes
from tlzoo.cli.reading import add_labels, add_reading, reading
from tlzoo.cli.scores import METRICS, lines, summary, words
from tlzoo.errors import UsageError

if TYPE_CHECKING:
    from tlzoo.plans import Plan

RECIPE_NAMES = (
    *(
        "feature_extraction",
        "fine_tune",
        "few_shot",
        "scratch",
        "lp_ft",
        "discriminative",
        "gradual_unfreeze",
    ),
    *("bit_hyperrule", "l2_sp", "delta", "bss", "stoch_norm", "co_tuning", "soup", "lora", "self_training"),
)
"""All recipes, in the order of the catalog, which would import pydantic for `--help`."""

_TRAIN = """\
  tlzoo train photos/                                   a folder for each class
  tlzoo train photos/ --recipe auto --budget 10m        finds out which recipe wins, and says why
  tlzoo train labels.csv --recipe fine_tune             columns path,label[,split,group]
  tlzoo train reviews.csv --text-column review --label-column stars
  tlzoo train reviews.csv --task regression --label-column stars     a number
  tlzoo train films.csv --task multilabel --label-columns drama,comedy
  tlzoo train elpv --recipe fine_tune --set epochs=20 --seed 1 --out runs/cells
  tlzoo train --resume runs/cells                       go on after an interruption"""

_PLAN = """\
  tlzoo plan photos/ --recipe fine_tune
  tlzoo plan elpv --recipe fine_tune --set top=3 --json"""

_EVALUATE = """\
  tlzoo evaluate runs/first                  the test split the run held back
  tlzoo evaluate runs/first new_photos/      other labelled data"""

_COMPARE = """\
  tlzoo compare runs/probe runs/tuned runs/scratch
  tlzoo compare runs/* --metric macro_f1 --json"""


def add(subparsers: Subparsers) -> None:
    """Adds the commands of this group."""
    train = add_command(
        subparsers, "train", _train, help="train a model and collect the evidence", examples=_TRAIN
    )
    add_request(train, data_optional=True)
    completes(
        train.add_argument("--out", metavar="RUN", help="the run folder (default: the next runs/…)"), "folder"
    )
    train.add_argument(
        "--budget",
        type=budget_seconds,
        metavar="TIME",
        help="time for --recipe auto: 90s, 10m (default), 1h30m",
    )
    completes(train.add_argument("--resume", metavar="RUN", help="go on with an interrupted run"), "folder")
    plan = add_command(
        subparsers, "plan", _plan, help="print what train would do, and train nothing", examples=_PLAN
    )
    add_request(plan)
    evaluate = add_command(
        subparsers,
        "evaluate",
        _evaluate,
        help="score a run, on its test split or on other data",
        examples=_EVALUATE,
    )
    completes(evaluate.add_argument("run_folder", metavar="RUN", help="a finished run"), "folder")
    evaluate.add_argument("data", nargs="?", metavar="DATA", help="labelled data with classes the run knows")
    add_reading(evaluate)
    add_labels(evaluate)
    compare = add_command(
        subparsers,
        "compare",
        _compare,
        help="compare runs: who wins, by how much, is it noise",
        examples=_COMPARE,
    )
    completes(compare.add_argument("runs", nargs="+", metavar="RUN", help="finished runs"), "folder")
    compare.add_argument(
        "--metric",
        choices=METRICS,
        help="what is compared (default: accuracy; for multilabel macro_f1, for regression rmse)",
    )


def add_request(
    parser: Parser, *, data_optional: bool = False, recipe: str | None = "feature_extraction"
) -> None:
    """Adds what says which data, backbone and recipe are meant.

    Args:
        parser: Of a command.
        data_optional: Whether the data may be left out.
        recipe: The default; None leaves the choice out.
    """
    data = parser.add_argument(
        "data",
        metavar="DATA",
        nargs="?" if data_optional else None,
        help="a folder, a table (CSV, TSV, JSON, Parquet), or a data set's name",
    )
    completes(data, "folder")
    backbone = parser.add_argument(
        "--backbone",
        help="a backbone's name (default: efficientnet_lite0 for images, minilm_l6 for texts)",
    )
    completes(backbone, "backbone")
    if recipe:
        names = (*RECIPE_NAMES, "auto") if data_optional else RECIPE_NAMES
        parser.add_argument("--recipe", default=recipe, help=f"{', '.join(names)} (default: %(default)s)")
    parser.add_argument(
        "--task",
        choices=("classification", "multilabel", "regression"),
        help="what is learned: one label of several (the default), any of several, or a number",
    )
    parser.add_argument("--seed", type=int, default=0, help="of everything random (default: %(default)s)")
    parser.add_argument(
        "--validation", type=_share, default=0.1, metavar="SHARE", help="share that chooses and calibrates"
    )
    parser.add_argument("--test", type=_share, metavar="SHARE", help="share held out for the final scores")
    parser.add_argument(
        "--engine",
        default="auto",
        choices=("auto", "graph", "litert", "fused", "xla"),
        help="what computes features",
    )
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        dest="settings",
        help="a hyper-parameter of the recipe",
    )
    parser.add_argument(
        "--on-broken",
        default="0.02",
        metavar="HOW",
        help="broken images or empty texts: refuse, skip, or skip up to a share (default: %(default)s)",
    )
    add_reading(parser)
    add_labels(parser)


def _share(text: str) -> float:
    value = float(text)
    if not 0 < value < 1:
        raise argparse.ArgumentTypeError(f"{text} is not between 0 and 1")
    return value


def budget_seconds(text: str) -> float:
    """Returns the seconds of a span of time such as `10m`, for `argparse`."""
    from tlzoo.workflows.budget import parse_budget

    try:
        return parse_budget(text)
    except UsageError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def request_of(arguments: argparse.Namespace) -> Any:
    """Returns what a command line asks to be trained."""
    from pathlib import Path

    from tlzoo.recipes.options import parse_settings
    from tlzoo.workflows.train import Request

    broken = arguments.on_broken
    out = getattr(arguments, "out", None)
    return Request(
        backbone=arguments.backbone,
        recipe=getattr(arguments, "recipe", Request.recipe),
        out=Path(out) if out else None,
        seed=arguments.seed,
        validation=arguments.validation,
        test=arguments.test,
        engine=arguments.engine,
        task=arguments.task,
        budget=getattr(arguments, "budget", None),
        options=parse_settings(arguments.settings),
        data_options={
            "on_broken": broken if broken in ("refuse", "skip") else float(broken),
            **reading(arguments),
        },
    )


def _train(arguments: argparse.Namespace) -> int:
    from tlzoo.workflows import train as workflow

    if bool(arguments.data) == bool(arguments.resume):
        raise UsageError(
            "`tlzoo train` got " + ("both DATA and --resume." if arguments.data else "no data."),
            allowed="DATA for a new run, or --resume RUN to go on with one.",
            do="tlzoo train photos/",
        )
    if arguments.resume and (asked := reading(arguments)):
        raise UsageError(
            f"{', '.join(asked)} with --resume.",
            allowed="a run reads its data as it did before.",
            do="Leave it out.",
        )
    try:
        with progress(arguments) as tell:
            if arguments.resume:
                run = workflow.resume(arguments.resume, progress=tell)
            else:
                run = workflow.train(arguments.data, request_of(arguments), progress=tell)
    except KeyboardInterrupt:
        import sys

        where = arguments.resume or arguments.out or "RUN"
        print(f"stopped; nothing is lost. Go on with: tlzoo train --resume {where}", file=sys.stderr)  # noqa: T201
        raise
    emit(arguments, summary(run), words(run))
    return 0


def _plan(arguments: argparse.Namespace) -> int:
    from tlzoo.workflows.prepare import prepare

    dataset, splits, plan = prepare(arguments.data, request_of(arguments))
    sizes = {name: len(indices) for name, indices in splits.items()}
    values = {
        "digest": plan.digest,
        "data": dataset.name,
        "splits": sizes,
        "plan": plan.model_dump(mode="json"),
    }
    emit(arguments, values, _plan_words(plan, dataset.name, sizes))
    return 0


def _plan_words(plan: Plan, data: str, sizes: dict[str, int]) -> str:
    lines = [
        f"{plan.recipe} of {plan.backbone} ({'pretrained' if plan.pretrained else 'random weights'}) on {data}"
        + (f", {plan.task}" if plan.task != "classification" else ""),
        f"  {_seen(plan)}; class weights {plan.class_weights}; "
        f"{plan.precision}; seed {plan.seed}; plan {plan.digest}",
        "  " + ", ".join(f"{name} {count}" for name, count in sizes.items()),
    ]
    if plan.transductive:
        lines.append("  looks at the examples of the test split while training, never at their labels")
    for phase in plan.phases:
        lines.append(
            f"phase {phase.name}: {phase.epochs} epochs of {phase.inputs}, {phase.optimizer}, {phase.schedule}"
        )
        given = phase.model_dump(
            mode="json",
            exclude={"name", "inputs", "trains", "rates", "epochs", "optimizer", "schedule"} | phase.unsaid,
        )
        lines += [f"    rate {rate:<8g} {stage}" for stage, rate in phase.rates.items()]
        lines += [f"    {name} = {value}" for name, value in given.items() if value not in ([], 0, 0.0, None)]
    return "\n".join(lines)


def _seen(plan: Plan) -> str:
    if plan.size != (0, 0):
        return f"images {plan.size[0]} x {plan.size[1]}, {plan.resize}"
    return f"texts of up to {plan.length} tokens, {plan.long_text}" if plan.length else "whole texts"


def _evaluate(arguments: argparse.Namespace) -> int:
    from tlzoo.workflows.run import Run

    run = Run(arguments.run_folder)
    scores = run.evaluate(arguments.data, **reading(arguments))
    values = {"run": str(run.path), "data": arguments.data or "test split", **scores.to_dict()}
    emit(arguments, values, "\n".join(lines(run.task, scores)))
    return 0


def _compare(arguments: argparse.Namespace) -> int:
    from tlzoo.evaluation.compare import compare, render_table
    from tlzoo.evaluation.record import RunRecord

    comparison = compare([RunRecord.read(path) for path in arguments.runs], arguments.metric)
    emit(arguments, comparison.to_dict(), render_table(comparison))
    return 0
