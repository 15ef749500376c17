"""Parts of a data set by name: `elpv:mono` is what its card's own option would pick."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tlzoo import registry
from tlzoo.errors import UsageError


def named_part(source: Any, options: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
    """Returns a source without the part it names, and the option that picks the part.

    Args:
        source: Anything `load` takes. Only a string of the form `NAME:PART` that is no path names a part.
        options: Those of the data set card.

    Raises:
        UsageError: The card has no parts, or the option is given as well.

    Example:
        >>> named_part("elpv:mono", {})
        ('elpv', {'cell_type': 'mono'})
    """
    if not isinstance(source, str) or ":" not in source or Path(source).expanduser().exists():
        return source, options
    name, _, part = source.partition(":")
    known = registry.datasets()
    if name not in known:
        return source, options
    option = known.get(name).part
    if not option or not part:
        raise UsageError(
            f"'{source}' names a part of {name}.",
            allowed=f"{name}:PART" if option else f"{name}, which has no parts.",
            do=f"Name the whole: {name}.",
        )
    if option in options:
        raise UsageError(
            f"'{source}' beside {option}={options[option]!r}.", allowed="one of them.", do="Remove one."
        )
    return name, {**options, option: part}
