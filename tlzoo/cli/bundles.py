"""`tlzoo export`: from a run to a bundle."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tlzoo.cli.output import emit, progress, size
from tlzoo.cli.parser import Subparsers, add_command, completes

if TYPE_CHECKING:
    from tlzoo.workflows.run import Run

_EXPORT = """\
  tlzoo export runs/first models/photos                  the next version, for TensorFlow Serving
  tlzoo export runs/first phone/ --format litert --kind int8"""

_ASKED = {"image": "PHOTO…", "text": '--text "…"'}
"""What a bundle of each modality is asked about."""


def add(subparsers: Subparsers) -> None:
    """Adds the command."""
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
    export.add_argument(
        "--ood",
        default="auto",
        choices=("auto", "mahalanobis", "energy", "none"),
        help="one more output, ood_score: how foreign an item is (default: as `tlzoo trust` left it)",
    )


def _export(arguments: argparse.Namespace) -> int:
    from tlzoo.workflows.run import Run

    run = Run(arguments.run_folder)
    if arguments.format == "litert":
        return _export_litert(arguments, run)
    with progress(arguments) as tell:
        bundle = run.export(arguments.directory, ood=arguments.ood, progress=_step(tell))
    facts = bundle.facts
    values = {
        "bundle": str(bundle.folder),
        "version": int(bundle.folder.name),
        "signatures": sorted(facts.signatures),
        "parity": facts.parity.model_dump(mode="json"),
        "class_names": list(facts.class_names),
        "ood": None if facts.ood is None else facts.ood.model_dump(mode="json"),
        "conformal": None if facts.conformal is None else facts.conformal.model_dump(mode="json"),
    }
    parity = f"{facts.parity.n} {facts.modality}s, largest difference {facts.parity.max_difference:.1e}"
    lines = [
        f"bundle     {bundle.folder}",
        f"answers as the model in memory does: {parity}",
        f"signatures {', '.join(sorted(facts.signatures))}",
        *(
            []
            if facts.ood is None
            else [f"ood_score  {facts.ood.method}, foreign above {facts.ood.threshold:.4g}"]
        ),
        f"next       tlzoo predict {arguments.directory} {_ASKED[facts.modality]}",
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
    if facts.rmse is not None:
        text += f", RMSE {facts.rmse:.4g} ({facts.rmse_difference:+.2g} against the model)"
    emit(arguments, values, text)
    return 0


def _step(tell: Any) -> Any:
    return None if tell is None else lambda words: tell(0, None, words)
