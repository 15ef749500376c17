"""`tlzoo export` and `tlzoo predict`: from a run to a bundle, and from a bundle to answers."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tlzoo.cli.output import emit, progress, size
from tlzoo.cli.parser import Subparsers, add_command, completes

if TYPE_CHECKING:
    from tlzoo.export.predictor import Predictor
    from tlzoo.workflows.run import Run

_EXPORT = """\
  tlzoo export runs/first models/photos                  the next version, for TensorFlow Serving
  tlzoo export runs/first phone/ --format litert --kind int8"""

_PREDICT = """\
  tlzoo predict models/photos holiday.jpg
  tlzoo predict models/photos holiday/ --csv holiday.csv   folders of any size
  tlzoo predict models/photos *.jpg --top 3 --json"""

_SHOWN = 1000
"""Predictions that `--json` holds at most; more belong into `--csv`."""


def add(subparsers: Subparsers) -> None:
    """Adds the commands of this group."""
    export = add_command(
        subparsers, "export", _export, help="write a run as a bundle that serves", examples=_EXPORT
    )
    completes(export.add_argument("run_folder", metavar="RUN", help="a finished run"), "folder")
    completes(export.add_argument("directory", metavar="DIR", help="the bundle's folder"), "folder")
    export.add_argument(
        "--format",
        default="saved_model",
        choices=("saved_model", "litert"),
        help="for servers or for phones (default: %(default)s)",
    )
    export.add_argument(
        "--kind", default="float32", choices=("float32", "float16", "int8"), help="precision of a LiteRT file"
    )
    predict = add_command(
        subparsers, "predict", _predict, help="ask a bundle about images", examples=_PREDICT
    )
    completes(
        predict.add_argument("bundle", metavar="BUNDLE", help="a bundle's folder, or one version of it"),
        "folder",
    )
    completes(
        predict.add_argument("paths", nargs="+", metavar="PATH", help="images, or folders of them"), "file"
    )
    completes(predict.add_argument("--csv", metavar="OUT", help="write all answers to a CSV file"), "file")
    predict.add_argument("--top", type=int, metavar="K", help="give the K likeliest classes")
    predict.add_argument(
        "--batch-size", type=int, default=16, metavar="N", help="images a call (default: %(default)s)"
    )
    predict.add_argument("--verify", action="store_true", help="check the bundle's checksums first")


def _export(arguments: argparse.Namespace) -> int:
    from tlzoo.workflows.run import Run

    run = Run(arguments.run_folder)
    if arguments.format == "litert":
        return _export_litert(arguments, run)
    with progress(arguments) as tell:
        bundle = run.export(arguments.directory, progress=_step(tell))
    facts = bundle.facts
    values = {
        "bundle": str(bundle.folder),
        "version": int(bundle.folder.name),
        "signatures": sorted(facts.signatures),
        "parity": facts.parity.model_dump(mode="json"),
        "class_names": list(facts.class_names),
    }
    parity = f"{facts.parity.n} images, largest difference {facts.parity.max_difference:.1e}"
    lines = [
        f"bundle     {bundle.folder}",
        f"answers as the model in memory does: {parity}",
        f"signatures {', '.join(sorted(facts.signatures))}",
        f"next       tlzoo predict {arguments.directory} PHOTO…",
    ]
    emit(arguments, values, "\n".join(lines))
    return 0


def _export_litert(arguments: argparse.Namespace, run: Run) -> int:
    facts = run.export_litert(arguments.directory, arguments.kind)
    path = Path(arguments.directory) / facts.file
    values = {"path": str(path), **facts.model_dump(mode="json")}
    text = f"{path}: {size(facts.bytes)}, {arguments.kind}"
    if facts.accuracy is not None:
        text += f", accuracy {facts.accuracy:.4f} ({100 * facts.accuracy_difference:+.2f} points against the model)"
    emit(arguments, values, text)
    return 0


def _step(tell: Any) -> Any:
    return None if tell is None else lambda words: tell(0, None, words)


def _predict(arguments: argparse.Namespace) -> int:
    from tlzoo.export.predictor import Predictor, write_csv

    bundle = Predictor.load(arguments.bundle, verify=arguments.verify)
    shown: list[dict[str, Any]] = []
    counts = {"items": 0, "errors": 0}
    with progress(arguments) as tell:
        answers = _told(bundle, arguments, tell, counts, shown)
        if arguments.csv:
            write_csv(answers, Path(arguments.csv), bundle.facts.class_names)
        else:
            for _ in answers:
                pass
    values = {"bundle": str(bundle.folder), **counts, "csv": arguments.csv, "predictions": shown}
    emit(arguments, values, _words(shown, counts, arguments.csv))
    return 3 if counts["errors"] and counts["errors"] == counts["items"] else 0


def _told(
    bundle: Predictor,
    arguments: argparse.Namespace,
    tell: Any,
    counts: dict[str, int],
    shown: list[dict[str, Any]],
) -> Iterator[Any]:
    """Passes answers on, counting them and keeping the first for the screen."""
    for answer in bundle.stream(arguments.paths, batch_size=arguments.batch_size, top=arguments.top):
        counts["items"] += 1
        counts["errors"] += answer.error is not None
        if len(shown) < _SHOWN and not (arguments.csv and arguments.json is False):
            facts = {"item": answer.item, "label": answer.label, "score": answer.score}
            shown.append({**facts, "probabilities": dict(answer.probabilities), "error": answer.error})
        if tell and counts["items"] % 50 == 0:
            tell(counts["items"], None, "classifying")
        yield answer


def _words(shown: list[dict[str, Any]], counts: dict[str, int], csv: str | None) -> str:
    lines = []
    for answer in shown:
        if answer["error"]:
            lines.append(f"{answer['item']}: {answer['error']}")
            continue
        ranked = sorted(answer["probabilities"].items(), key=lambda pair: -pair[1])[:5]
        lines.append(f"{answer['item']}: " + ", ".join(f"{name} {share:.3f}" for name, share in ranked))
    if csv:
        lines.append(f"{counts['items']} answers in {csv}")
    if counts["errors"]:
        lines.append(f"{counts['errors']} of {counts['items']} could not be read")
    return "\n".join(lines)
