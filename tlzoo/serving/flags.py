"""From the words of a command to values of flags, read as TensorFlow's flags are.

What `tensorflow_model_server` takes is taken with the same meaning; beside it stand folders of bundles and additions.
`flag_table.py` lists them all, `command.py` says what they mean together.
"""

from __future__ import annotations

import argparse
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, NoReturn

from tlzoo.errors import UsageError, unknown_name
from tlzoo.serving.command import Command, command_of
from tlzoo.serving.flag_table import ADDITIONS, FLAGS, MODEL_SERVER, Flag, Value

_METAVARS = {"bool": "true|false", "int": "N", "float": "X", "text": "TEXT", "file": "FILE", "folder": "DIR"}


def parse(words: Sequence[str]) -> Command:
    """Reads the words of a command, as `tlzoo serve` does.

    Args:
        words: Flags of `tensorflow_model_server`, additions and bundles, in any order.

    Raises:
        UsageError: A flag is unknown, refused or has no such value, or flags do not fit together.
        BundleError: A folder is no bundle.

    Example:
        >>> parse(["--model_base_path=/models/photos", "--rest-api-port", "8080"]).options.rest_port
        8080
    """
    parser = _Parser(allow_abbrev=False, add_help=False)
    add_flags(parser)
    namespace, unknown = parser.parse_known_args(normalise(words))
    if unknown:
        known = [flag.name for flag in FLAGS.values()]
        raise unknown_name(
            "flag", unknown[0].partition("=")[0].lstrip("-"), known, do="See `tlzoo serve --help`."
        )
    return command_of(namespace.bundles, given_in(namespace))


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise UsageError(
            f"{message}.", allowed="--flag=value or --flag value.", do="See `tlzoo serve --help`."
        )


def add_flags(parser: argparse.ArgumentParser) -> None:
    """Adds bundles and all flags to a parser; those that mean nothing here, or are refused, stay out of its help."""
    parser.add_argument(
        "bundles",
        nargs="*",
        metavar="BUNDLE",
        help="folders written by `tlzoo export`, or versions of them; NAME=DIR gives another name",
    )
    served = parser.add_argument_group("flags of tensorflow_model_server, with its meanings")
    for flag in MODEL_SERVER:
        _add(served, flag)
    added = parser.add_argument_group("beyond tensorflow_model_server")
    for flag in ADDITIONS:
        _add(added, flag)


def _add(group: Any, flag: Flag) -> None:
    shown = str(flag.default).lower() if flag.kind == "bool" else flag.default
    text = flag.help + (f" (default: {shown})" if flag.default is not None else "")
    group.add_argument(
        f"--{flag.name}",
        dest=flag.key,
        type=_READERS.get(flag.kind, str),
        metavar=_METAVARS[flag.kind],
        help=argparse.SUPPRESS if flag.idle or flag.refused else text.replace("%", "%%"),
    )


def _bool(text: str) -> bool:
    values = {"true": True, "1": True, "false": False, "0": False}
    if text not in values:
        raise argparse.ArgumentTypeError(f"'{text}' is none of true, false, 1 and 0")
    return values[text]


def _int(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"'{text}' is no whole number") from None


def _float(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"'{text}' is no number") from None


_READERS: dict[str, Callable[[str], Value]] = {"bool": _bool, "int": _int, "float": _float}


def normalise(words: Sequence[str], others: Sequence[str] = ()) -> list[str]:
    """Rewrites words so that argparse reads them as TensorFlow's flags are read.

    Underscores and dashes become the same, a boolean without a value is true, a value joins its flag, and bundles
    come first, wherever they stood.

    Args:
        words: As typed.
        others: Options that are none of these flags but take a value, such as `--write-config`.

    Example:
        >>> normalise(["--enable-batching", "models/photos", "--port", "0"])
        ['models/photos', '--enable_batching=true', '--port=0']
    """
    bundles: list[str] = []
    flags: list[str] = []
    rest = deque(words)
    while rest:
        word = rest.popleft()
        if word == "--":
            return [*bundles, *rest, *flags]
        if not word.startswith("-"):
            bundles.append(word)
            continue
        name, equals, value = word.partition("=")
        flag = FLAGS.get(name[2:].replace("-", "_")) if name.startswith("--") else None
        if not equals and flag and flag.kind == "bool":
            equals, value = "=", "true"
        elif not equals and (flag or name in others) and rest and not rest[0].startswith("--"):
            equals, value = "=", rest.popleft()
        flags.append(f"{f'--{flag.name}' if flag else name}{equals}{value}")
    return [*bundles, *flags]


def given_in(namespace: argparse.Namespace) -> dict[str, Value]:
    """Returns the flags that were given, out of all that a parser knows."""
    return {key: value for key in FLAGS if (value := getattr(namespace, key, None)) is not None}
