"""The command line: builds the argument tree, runs one command, turns errors into exit codes.

To add a group of commands, write a module in this package with `add(subparsers)` and list it in `GROUPS`.
Such a module must import nothing heavy; its handlers import what they need when they run.
"""

from __future__ import annotations

import argparse
import importlib
import os
import sys
import traceback
from collections.abc import Iterator, Sequence

import tlzoo
from tlzoo.cli.hush import hush
from tlzoo.cli.parser import Parser, PrintCompletion
from tlzoo.errors import TlzooError

GROUPS = (
    "runs",
    "verdict",
    "trust",
    "rank",
    "layers",
    "tune",
    "adapt",
    "bundles",
    "serve",
    "deploy",
    "bench",
    "app",
    "predict",
    "zoo",
    "data",
    "vectors",
)
"""Modules of this package, in the order of `tlzoo --help`."""

UNEXPECTED, INTERRUPTED, BROKEN_PIPE = 1, 130, 141

_EXAMPLES = """\
examples:
  tlzoo list --offline                  backbones and data sets that need no network
  tlzoo data check photos/              what would spoil training, before it is spoilt
  tlzoo rank photos/                    which backbone suits this data, before any is trained
  tlzoo train photos/ --out runs/first  the best classifier the data allows, with evidence
  tlzoo compare runs/first runs/second  who wins, by how much, is it noise
  tlzoo verdict runs/first              did transfer help, against the same network from scratch
  tlzoo trust runs/first                prediction sets, when to be silent, foreign inputs
  tlzoo clean photos/                   labels that are probably wrong, and near copies
  tlzoo export runs/first models/first  a bundle TensorFlow Serving reads as it is
  tlzoo serve models/first              TensorFlow Serving's REST and gRPC on this machine
  tlzoo predict models/first new/       answers for a folder of any size
  tlzoo app teach                       teach a model in the browser, without code
  tlzoo list --json | jq .count         every command that reports takes --json
"""


def build_parser() -> Parser:
    """Returns the whole argument tree; imports no TensorFlow."""
    parser = Parser(
        prog="tlzoo",
        description=(tlzoo.__doc__ or "").partition("\n")[0],
        epilog=f"{_EXAMPLES}\n{exit_codes()}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"tlzoo {tlzoo.__version__}")
    parser.add_argument("--debug", action="store_true", help="show the traceback of an error")
    parser.add_argument(
        "--print-completion",
        action=PrintCompletion,
        choices=("bash", "zsh", "tcsh"),
        metavar="SHELL",
        help="print shell completion for bash, zsh or tcsh",
    )
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", title="commands")
    for group in GROUPS:
        importlib.import_module(f"tlzoo.cli.{group}").add(commands)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one command.

    Args:
        argv: Words after the program's name; by default those of this process.

    Returns:
        The exit code; `tlzoo --help` lists them all.

    Example:
        >>> main(["list", "--offline", "--quiet"])  # doctest: +SKIP
        0
    """
    hush()
    return run(build_parser(), argv)


def run(parser: Parser, argv: Sequence[str] | None) -> int:
    """Runs one command of a parser; turns errors into words and exit codes.

    Args:
        parser: Sets `command`, `debug` and `run`.
        argv: Words after the program's name; by default those of this process.
    """
    debug = False
    try:
        arguments = parser.parse_args(argv)
        debug = arguments.debug
        if arguments.command is None:
            parser.print_help()
            return 0
        code = int(arguments.run(arguments) or 0)
        sys.stdout.flush()
        return code
    except KeyboardInterrupt:
        _say("interrupted")
        return INTERRUPTED
    except BrokenPipeError:
        # Whoever read our output has gone (`tlzoo list | head`); let the interpreter flush into nothing.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return BROKEN_PIPE
    except Exception as error:
        if debug:
            traceback.print_exc()
        return _explain(error)


def _explain(error: Exception) -> int:
    """Prints an error for people and returns its exit code."""
    if isinstance(error, TlzooError):
        _say(f"error: {error.what}")
        if error.allowed:
            _say(f"  allowed: {error.allowed}")
        if error.do:
            _say(f"  what to do: {error.do}")
        return error.exit_code
    if isinstance(error, OSError):
        _say(f"error: {error}")
        return UNEXPECTED
    _say(f"error: {type(error).__name__}: {error}")
    _say(
        "  what to do: This is a defect of tlzoo. Report it with the output of the same command and --debug."
    )
    return UNEXPECTED


def _say(text: str) -> None:
    print(text, file=sys.stderr)  # noqa: T201


def exit_codes() -> str:
    """Lists the exit codes from the tree of errors, so that help and code cannot differ."""
    codes = {0: "All went well.", 1: "A defect of tlzoo, a full disk, or a finding of `tlzoo doctor`."}
    for kind in _kinds(TlzooError):
        codes.setdefault(kind.exit_code, (kind.__doc__ or "").partition("\n")[0])
    codes |= {INTERRUPTED: "Interrupted (Ctrl-C).", BROKEN_PIPE: "Whoever read the output has gone."}
    return "exit codes:\n" + "\n".join(f"  {code:3}  {text}" for code, text in sorted(codes.items()))


def _kinds(kind: type[TlzooError]) -> Iterator[type[TlzooError]]:
    for child in kind.__subclasses__():
        yield child
        yield from _kinds(child)
