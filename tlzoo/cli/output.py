"""What commands print: one JSON object or text for people on stdout, progress on stderr."""

from __future__ import annotations

import argparse
import contextlib
import math
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from tlzoo.progress import Progress

_LINE_SECONDS = 5.0


def emit(arguments: argparse.Namespace, values: Mapping[str, Any], text: str) -> None:
    """Prints a command's answer.

    Args:
        arguments: The command's; `json` chooses the form.
        values: What `--json` prints; numbers that JSON lacks (NaN, infinities) become null.
        text: What people read.
    """
    if arguments.json:
        import json

        text = json.dumps(_plain(values), indent=2, ensure_ascii=False, allow_nan=False)
    print(text)  # noqa: T201


def _plain(value: Any) -> Any:
    """Turns a value into what JSON can hold."""
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_plain(item) for item in value]
    if hasattr(value, "tolist"):  # NumPy's numbers and arrays, without importing NumPy
        return _plain(value.tolist())
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value if value is None or isinstance(value, str | int) else str(value)


def table(header: Sequence[str], rows: Sequence[Sequence[str]], right: Sequence[int] = ()) -> str:
    """Lays out a table in plain text.

    Args:
        header: Column titles.
        rows: Cells, as many a row as there are titles.
        right: Numbers of the columns that are aligned to the right.

    Example:
        >>> print(table(["name", "n"], [["a", "10"]], right=[1]))
        name   n
        a     10
    """
    lines = [tuple(header), *(tuple(row) for row in rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(header))]
    return "\n".join(
        "  ".join(
            cell.rjust(width) if column in right else cell.ljust(width)
            for column, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in lines
    )


def size(count: float, unit: str = "B") -> str:
    """Writes a count with a prefix: 17364911 as `17.4 MB`."""
    for prefix in ("", "k", "M", "G"):
        if abs(count) < 1000:
            return f"{count:.0f} {unit}" if not prefix else f"{count:.1f} {prefix}{unit}"
        count /= 1000
    return f"{count:.1f} T{unit}"


@contextlib.contextmanager
def progress(arguments: argparse.Namespace) -> Iterator[Progress | None]:
    """Shows how far things are, on stderr: a bar on a terminal, a line every few seconds elsewhere.

    Args:
        arguments: The command's; `quiet` gives None instead.

    Example:
        >>> with progress(arguments) as tell:  # doctest: +SKIP
        ...     fetch(card, tell)
    """
    if arguments.quiet:
        yield None
    elif not sys.stderr.isatty():
        yield _Lines()
    else:
        from rich.console import Console
        from rich.progress import BarColumn, TextColumn, TimeRemainingColumn
        from rich.progress import Progress as Bars

        columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.percentage:>3.0f}%"))
        with Bars(*columns, TimeRemainingColumn(), console=Console(stderr=True), transient=True) as bars:
            tasks: dict[str, Any] = {}

            def tell(done: int, total: int | None, text: str) -> None:
                if (key := _what(text)) not in tasks:
                    tasks[key] = bars.add_task(text, total=total)
                bars.update(tasks[key], completed=done, total=total, description=text)

            yield tell


def _what(text: str) -> str:
    """Returns the part of a progress text that stays while it goes on: `tune` of `tune, epoch 3/12: …`."""
    return text.partition(",")[0]


class _Lines:
    """Writes a line when something new begins, and then at most every few seconds."""

    def __init__(self) -> None:
        self.last, self.text = 0.0, ""

    def __call__(self, done: int, total: int | None, text: str) -> None:
        now = time.monotonic()
        if _what(text) == _what(self.text) and now - self.last < _LINE_SECONDS:
            return
        self.last, self.text = now, text
        share = f" {100 * done / total:.0f}%" if total else ""
        print(f"{text}{share}", file=sys.stderr, flush=True)  # noqa: T201
