"""`tlzoo serve`: models behind TensorFlow Serving's APIs, on this machine, without Docker."""

from __future__ import annotations

import argparse
import logging
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from tlzoo.cli.output import emit
from tlzoo.cli.parser import Subparsers, add_command, completes

if TYPE_CHECKING:
    from tlzoo.serving.command import Command

_EXAMPLES = """\
  tlzoo serve models/photos                              REST on 8501, gRPC on 8500, of this machine only
  tlzoo serve models/photos pets=models/cats --port 0    two models, no gRPC
  tlzoo serve models/photos/3                            this version and no other
  tlzoo serve --model_name=photos --model_base_path=/models/photos --rest_api_port=8501
  tlzoo serve --model_config_file=serving/config/models.config --enable_batching
  tlzoo serve models/photos --host 0.0.0.0 --token-file tokens.txt
  tlzoo serve models/photos --write-config deploy/       files and command for TensorFlow Serving itself

then:
  curl http://localhost:8501/v1/models/photos
  curl http://localhost:8501/v1/models/photos/metadata
  curl http://localhost:8501/monitoring/prometheus/metrics

Every flag of tensorflow_model_server is taken, with underscores or dashes; those without a meaning here are named
on standard error, and those that would change answers are refused. Models named by folder also get metrics."""

_TAKE_VALUES = ("--write-config",)


def add(subparsers: Subparsers) -> None:
    """Adds the command."""
    from tlzoo.serving.flags import add_flags, normalise

    parser = add_command(
        subparsers,
        "serve",
        _serve,
        help="serve bundles and SavedModels by TensorFlow Serving's REST and gRPC APIs",
        examples=_EXAMPLES,
    )
    parser.usage = "%(prog)s [BUNDLE ...] [--flag=value ...]"
    parser.prepare = lambda words: normalise(words, _TAKE_VALUES)
    add_flags(parser)
    for action in parser._actions:
        if action.metavar in ("FILE", "DIR", "BUNDLE"):
            completes(action, "file" if action.metavar == "FILE" else "folder")
    group = parser.add_argument_group("for TensorFlow Serving itself")
    written = group.add_argument(
        "--write-config", metavar="DIR", help="write its files there, print its commands, and serve nothing"
    )
    completes(written, "folder")
    group.add_argument("--force", action="store_true", help="replace files there that differ")


def _serve(arguments: argparse.Namespace) -> int:
    from tlzoo.serving.command import command_of
    from tlzoo.serving.flags import given_in

    command = command_of(arguments.bundles, given_in(arguments))
    for note in command.notes:
        _say(f"note: {note}")
    if command.version:
        return _version(arguments)
    if arguments.write_config:
        return _write(arguments, command)
    return _run(command)


def _run(command: Command) -> int:
    from tlzoo.serving.server import serve

    lines = logging.StreamHandler()
    lines.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    logger = logging.getLogger("tlzoo.serving")
    logger.addHandler(lines)
    logger.setLevel(logging.INFO)
    try:
        return serve(command.options)
    finally:
        logger.removeHandler(lines)


def _version(arguments: argparse.Namespace) -> int:
    from importlib.metadata import version

    import tlzoo

    found = {"tlzoo": tlzoo.__version__, "tensorflow": version("tensorflow")}
    emit(arguments, found, f"tlzoo ModelServer: {found['tlzoo']}\nTensorFlow Library: {found['tensorflow']}")
    return 0


def _write(arguments: argparse.Namespace, command: Command) -> int:
    from tlzoo.serving.deployment import deployment, write

    folder = Path(arguments.write_config)
    plan = deployment(command.options)
    files = write(plan.files, folder, force=arguments.force)
    for note in plan.notes:
        _say(f"note: {note}")
    docker, compose = plan.docker(folder), plan.compose(folder)
    lines = [f"wrote      {file}" for file in files] + [f"docker     {docker}"]
    lines += [f"compose    {compose}"] if compose else []
    values = {
        "files": [str(file) for file in files],
        "docker": docker,
        "compose": compose,
        "notes": plan.notes,
    }
    emit(arguments, values, "\n".join(lines))
    return 0


def _say(text: str) -> None:
    print(text, file=sys.stderr)  # noqa: T201
