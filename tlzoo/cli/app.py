"""`tlzoo app`: pages in the browser for people who write no code."""

from __future__ import annotations

import argparse
from pathlib import Path

from tlzoo.cli.output import emit, table
from tlzoo.cli.parser import Subparsers, add_command, completes

_EXAMPLES = """\
  tlzoo app                                              which apps there are
  tlzoo app teach                                        teach a model with your own pictures or texts
  tlzoo app teach --port 8080 --max-upload-mb 500
  tlzoo app search --data photos/
  tlzoo app search --data mails.csv --text-column body
  tlzoo app compare --runs runs/first runs/second
  tlzoo app inspect --bundle models/elpv
  tlzoo app inspect --url http://localhost:8501/v1/models/elpv"""


def add(subparsers: Subparsers) -> None:
    """Adds the command."""
    parser = add_command(
        subparsers, "app", _app, help="open an app in the browser, or list them", examples=_EXAMPLES
    )
    parser.add_argument("name", metavar="NAME", nargs="?", default="", help="of the app (default: list them)")
    group = parser.add_argument_group("what it answers with")
    completes(group.add_argument("--bundle", type=Path, metavar="DIR", help="a bundle's folder"), "folder")
    group.add_argument("--url", default="", metavar="URL", help="a server: http://HOST:PORT/v1/models/NAME")
    runs = group.add_argument(
        "--run",
        dest="runs",
        type=Path,
        action="append",
        default=[],
        metavar="RUN",
        help="a run folder; some apps take several",
    )
    completes(runs, "folder")
    several = group.add_argument(
        "--runs",
        type=Path,
        nargs="+",
        action="extend",
        metavar="RUN",
        help="run folders, or folders of such, for apps that take several",
    )
    completes(several, "folder")
    completes(
        group.add_argument(
            "--folder",
            type=Path,
            metavar="DIR",
            help="pictures or texts to search; for teach, the models a server serves",
        ),
        "folder",
    )
    group.add_argument(
        "--data", default="", metavar="DATA", help="a folder, a table or a data set to look through"
    )
    backbone = group.add_argument(
        "--backbone", default="", metavar="NAME", help="whose features search compares"
    )
    completes(backbone, "backbone")
    group.add_argument("--text-column", default="", metavar="NAME", help="the column of texts in a table")
    group.add_argument("--tensorboard", default="", metavar="URL", help="where a TensorBoard shows the runs")
    group = parser.add_argument_group("serving")
    group.add_argument(
        "--host", default="127.0.0.1", help="address to listen on (default: %(default)s, this machine only)"
    )
    group.add_argument("--port", type=int, metavar="N", help="port (default: the next free one from 7860 on)")
    group.add_argument("--share", action="store_true", help="make it public through Gradio's servers")
    group.add_argument(
        "--max-upload-mb",
        type=int,
        default=200,
        metavar="N",
        help="largest upload, in MB (default: %(default)s)",
    )


def _app(arguments: argparse.Namespace) -> int:
    from tlzoo.registry import apps
    from tlzoo.workflows.apps import Launch, Source, start

    if not arguments.name:
        cards = apps()
        rows = [[card.name, ", ".join(f"--{one}" for one in card.takes), card.summary] for card in cards]
        values = {"apps": [card.model_dump(mode="json") for card in cards]}
        emit(arguments, values, table(["app", "takes", "what it is for"], rows))
        return 0
    source = Source(
        bundle=arguments.bundle,
        url=arguments.url,
        runs=tuple(arguments.runs),
        folder=arguments.folder,
        data=arguments.data,
        backbone=arguments.backbone,
        text_column=arguments.text_column,
        tensorboard=arguments.tensorboard,
    )
    launch = Launch(arguments.host, arguments.port, arguments.share, arguments.max_upload_mb, arguments.quiet)
    start(arguments.name, source, launch)
    return 0
