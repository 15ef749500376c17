"""`tlzoo train`, `plan`, `evaluate`, `compare`: from data to a run, and what runs say."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from tlzoo.cli.output import emit, progress
from tlzoo.cli.parser import Parser, Subparsers, add_command, completes
from tlzoo.errors import UsageError

if TYPE_CHECKING:
    from tlzoo.plans import Plan
    from tlzoo.workflows.run import Run

_TRAIN = """\
  tlzoo train photos/                                   a folder for each class
  tlzoo train labels.csv --recipe fine_tune             columns path,label[,split,group]
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
        subparsers, "train", _train, help="train a classifier and collect the evidence", examples=_TRAIN
    )
    _add_request(train, data_optional=True)
    completes(
        train.add_argument("--out", metavar="RUN", help="the run folder (default: the next runs/…)"), "folder"
    )
    completes(train.add_argument("--resume", metavar="RUN", help="go on with an interrupted run"), "folder")
    plan = add_command(
        subparsers, "plan", _plan, help="print what train would do, and train nothing", examples=_PLAN
    )
    _add_request(plan)
    evaluate = add_command(
        subparsers,
        "evaluate",
        _evaluate,
        help="score a run, on its test split or on other data",
        examples=_EVALUATE,
    )
    completes(evaluate.add_argument("run_folder", metavar="RUN", help="a finished run"), "folder")
    evaluate.add_argument("data", nargs="?", metavar="DATA", help="labelled data with classes the run knows")
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
        default="accuracy",
        choices=("accuracy", "balanced_accuracy", "macro_f1", "log_loss", "ece"),
        help="what is compared (default: %(default)s)",
    )


def _add_request(parser: Parser, *, data_optional: bool = False) -> None:
    data = parser.add_argument(
        "data",
        metavar="DATA",
        nargs="?" if data_optional else None,
        help="a folder, a CSV file, or a data set's name",
    )
    completes(data, "folder")
    backbone = parser.add_argument(
        "--backbone", default="efficientnet_lite0", help="a backbone's name (default: %(default)s)"
    )
    completes(backbone, "backbone")
    parser.add_argument(
        "--recipe",
        default="feature_extraction",
        help="feature_extraction, fine_tune or scratch (default: %(default)s)",
    )
    parser.add_argument("--seed", type=int, default=0, help="of everything random (default: %(default)s)")
    parser.add_argument(
        "--validation", type=_share, default=0.1, metavar="SHARE", help="share that chooses and calibrates"
    )
    parser.add_argument("--test", type=_share, metavar="SHARE", help="share held out for the final scores")
    parser.add_argument(
        "--engine", default="auto", choices=("auto", "graph", "litert"), help="what computes features"
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
        "--data-option",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="an option of a data set, like cell_type=mono",
    )
    parser.add_argument(
        "--on-broken",
        default="0.02",
        metavar="HOW",
        help="broken images: refuse, skip, or skip up to a share (default: %(default)s)",
    )


def _share(text: str) -> float:
    value = float(text)
    if not 0 < value < 1:
        raise argparse.ArgumentTypeError(f"{text} is not between 0 and 1")
    return value


def _request(arguments: argparse.Namespace) -> Any:
    from pathlib import Path

    from tlzoo.recipes.options import parse_settings
    from tlzoo.workflows.train import Request

    broken = arguments.on_broken
    out = getattr(arguments, "out", None)
    return Request(
        backbone=arguments.backbone,
        recipe=arguments.recipe,
        out=Path(out) if out else None,
        seed=arguments.seed,
        validation=arguments.validation,
        test=arguments.test,
        engine=arguments.engine,
        options=parse_settings(arguments.settings),
        data_options={
            "on_broken": broken if broken in ("refuse", "skip") else float(broken),
            **parse_settings(arguments.data_option),
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
    try:
        with progress(arguments) as tell:
            if arguments.resume:
                run = workflow.resume(arguments.resume, progress=tell)
            else:
                run = workflow.train(arguments.data, _request(arguments), progress=tell)
    except KeyboardInterrupt:
        import sys

        where = arguments.resume or arguments.out or "RUN"
        print(f"stopped; nothing is lost. Go on with: tlzoo train --resume {where}", file=sys.stderr)  # noqa: T201
        raise
    emit(arguments, summary(run), _words(run))
    return 0


def summary(run: Run) -> dict[str, Any]:
    """Returns what `--json` prints about a run.

    Keys: `run`, `report`, `backbone`, `recipe`, the test scores (`accuracy`, `balanced_accuracy`, `macro_f1`,
    `log_loss`, `ece`, `auroc`, `n`), `majority_accuracy`, `temperature`, `seconds`, `seconds_by_phase`, `seed`.
    """
    test, config = run.metrics["test"], run.folder.config
    scores = ("accuracy", "balanced_accuracy", "macro_f1", "log_loss", "ece", "auroc", "n")
    return {
        "run": str(run.path),
        "report": str(run.report),
        "backbone": config["backbone"],
        "recipe": config["recipe"],
        **{key: test[key] for key in scores},
        "majority_accuracy": run.metrics["majority"]["accuracy"],
        "temperature": run.metrics["temperature"],
        "seconds": run.metrics["seconds"],
        "seconds_by_phase": run.metrics["phases"],
        "seed": config["seed"],
    }


def _words(run: Run) -> str:
    facts = summary(run)
    auroc = "" if facts["auroc"] is None else f", AUROC {facts['auroc']:.3f}"
    return (
        f"test accuracy {facts['accuracy']:.4f} on {facts['n']} items (majority baseline "
        f"{facts['majority_accuracy']:.4f}), balanced {facts['balanced_accuracy']:.4f}, macro F1 "
        f"{facts['macro_f1']:.4f}{auroc}, ECE {facts['ece']:.3f}; {facts['seconds']:.1f} s\n"
        f"report  {facts['report']}\n"
        f"curves  tensorboard --logdir {run.path / 'tensorboard'}\n"
        f"next    tlzoo export {run.path} models/{run.folder.config['data']['name']}"
    )


def _plan(arguments: argparse.Namespace) -> int:
    from tlzoo.workflows.train import prepare

    dataset, splits, plan = prepare(arguments.data, _request(arguments))
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
        f"{plan.recipe} of {plan.backbone} ({'pretrained' if plan.pretrained else 'random weights'}) on {data}",
        f"  images {plan.size[0]} x {plan.size[1]}, {plan.resize}; class weights {plan.class_weights}; "
        f"{plan.precision}; seed {plan.seed}; plan {plan.digest}",
        "  " + ", ".join(f"{name} {count}" for name, count in sizes.items()),
    ]
    for phase in plan.phases:
        lines.append(
            f"phase {phase.name}: {phase.epochs} epochs of {phase.inputs}, {phase.optimizer}, {phase.schedule}"
        )
        given = phase.model_dump(
            mode="json", exclude={"name", "inputs", "trains", "rates", "epochs", "optimizer", "schedule"}
        )
        lines += [f"    rate {rate:<8g} {stage}" for stage, rate in phase.rates.items()]
        lines += [f"    {name} = {value}" for name, value in given.items() if value not in ([], 0, 0.0, None)]
    return "\n".join(lines)


def _evaluate(arguments: argparse.Namespace) -> int:
    from tlzoo.workflows.run import Run

    run = Run(arguments.run_folder)
    scores = run.evaluate(arguments.data)
    values = {"run": str(run.path), "data": arguments.data or "test split", **scores.to_dict()}
    lines = [
        f"accuracy {scores.accuracy:.4f} on {scores.n} items, balanced {scores.balanced_accuracy:.4f}, "
        f"macro F1 {scores.macro_f1:.4f}, log-loss {scores.log_loss:.4f}, ECE {scores.ece:.3f}"
    ]
    width = max(len(each.name) for each in scores.per_class)
    lines += [
        f"  {each.name:{width}s}  precision {_number(each.precision)}  recall {_number(each.recall)}  "
        f"F1 {_number(each.f1)}  n {each.n}"
        for each in scores.per_class
    ]
    emit(arguments, values, "\n".join(lines))
    return 0


def _number(value: float | None) -> str:
    return "  -  " if value is None else f"{value:.3f}"


def _compare(arguments: argparse.Namespace) -> int:
    from tlzoo.evaluation.compare import compare, render_table
    from tlzoo.evaluation.record import RunRecord

    comparison = compare([RunRecord.read(path) for path in arguments.runs], arguments.metric)
    emit(arguments, comparison.to_dict(), render_table(comparison))
    return 0
