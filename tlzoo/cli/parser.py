"""An argument parser whose errors suggest, whose commands look alike, and which completes in shells."""

from __future__ import annotations

import argparse
import difflib
import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NoReturn

Subparsers = Any  # argparse's own type is private
Handler = Callable[[argparse.Namespace], int | None]


class Parser(argparse.ArgumentParser):
    """Like argparse's, but a misspelt command or option is answered with the closest one.

    Attributes:
        prepare: Rewrites the words of a command before they are parsed; None leaves them.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(**{"allow_abbrev": False, **options})
        self.prepare: Callable[[Sequence[str]], list[str]] | None = None

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """Parses words, once they are prepared."""
        if args is not None and self.prepare is not None:
            args = self.prepare(args)
        return super().parse_known_args(args, namespace)

    def error(self, message: str) -> NoReturn:
        """Prints what came in, what is allowed and what to do; exits with 2."""
        lines = [f"error: {message}"]
        if guess := self._guess(message):
            lines.append(f"  what to do: Did you mean '{guess}'?")
        lines.append(f"  help: {self.prog} --help")
        self.exit(2, "\n".join(lines) + "\n")

    def _guess(self, message: str) -> str | None:
        if match := re.search(r"invalid choice: '([^']*)'.*choose from (.*)\)", message):
            word, known = match[1], re.findall(r"'([^']*)'", match[2])
        elif match := re.search(r"unrecognized arguments: (--[\w-]+)", message):
            word, known = match[1], [name for parser in walk(self) for name in parser._option_string_actions]
        else:
            return None
        close = difflib.get_close_matches(word, known, n=1, cutoff=0.5)
        return close[0] if close else None


def add_command(subparsers: Subparsers, name: str, run: Handler, *, help: str, examples: str) -> Parser:
    """Adds a command with the options every command has: `--json`, `--quiet`, `--debug`.

    Args:
        subparsers: What `add` of a group got.
        name: The command.
        run: Its handler: arguments in, exit code (None is 0) out.
        help: One line, without a full stop.
        examples: Lines shown below `--help`.

    Returns:
        The command's parser, to add its own arguments to.

    Example:
        >>> parser = add_command(subparsers, "list", run, help="list", examples="  tlzoo list")  # doctest: +SKIP
        >>> parser.add_argument("--offline", action="store_true")  # doctest: +SKIP
    """
    parser: Parser = subparsers.add_parser(
        name,
        help=help,
        description=help[0].upper() + help[1:] + ".",
        epilog=f"examples:\n{examples.rstrip()}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    group = parser.add_argument_group("output")
    group.add_argument("--json", action="store_true", help="print one JSON object on stdout and nothing else")
    group.add_argument("--quiet", "-q", action="store_true", help="print no progress")
    # SUPPRESS: `tlzoo --debug list` must not be undone by the default of `tlzoo list`.
    group.add_argument("--debug", action="store_true", default=argparse.SUPPRESS, help=argparse.SUPPRESS)
    parser.set_defaults(run=run)
    return parser


def completes(action: argparse.Action, what: str) -> argparse.Action:
    """Marks what an argument stands for, for shell completion.

    Args:
        action: What `add_argument` returned.
        what: `file`, `folder`, `backbone`, `dataset` or `card` (either of the two).

    Returns:
        The same action.
    """
    action.tlzoo_completes = what  # type: ignore[attr-defined]
    return action


class PrintCompletion(argparse.Action):
    """`--print-completion SHELL`: prints a completion script and exits."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: str | Sequence[Any] | None,
        option_string: str | None = None,
    ) -> NoReturn:
        """Prints the script for the shell named in `values`."""
        import shtab

        known = {"file": shtab.FILE, "folder": shtab.DIRECTORY}
        for action in (action for part in walk(parser) for action in part._actions):
            what = getattr(action, "tlzoo_completes", None)
            if what in known:
                action.complete = known[what]  # type: ignore[attr-defined]
            elif what:
                action.choices = _names(what)
        print(shtab.complete(parser, shell=str(values)))  # noqa: T201
        parser.exit(0)


def _names(what: str) -> list[str]:
    from tlzoo import registry

    backbones = registry.backbones().names if what in ("backbone", "card") else []
    return backbones + (registry.datasets().names if what in ("dataset", "card") else [])


def walk(parser: argparse.ArgumentParser) -> Iterator[argparse.ArgumentParser]:
    """Yields a parser and all its commands' parsers."""
    yield parser
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for child in action.choices.values():
                yield from walk(child)
