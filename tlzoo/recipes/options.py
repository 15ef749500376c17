"""What recipes share: types of their options, and reading options that people typed."""

from __future__ import annotations

import inspect
import json
import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Literal, get_type_hints

from pydantic import TypeAdapter, ValidationError

from tlzoo.errors import UsageError, unknown_name
from tlzoo.recipes.facts import Symmetry

ClassWeights = Literal["none", "balanced", "sqrt"]
Batchnorm = Literal["frozen", "train"]
Optimizer = Literal["adamw", "sgd"]
Schedule = Literal["cosine", "constant", "one_cycle"]

L2_GRID = (1e-4, 1e-3, 3e-3, 1e-2, 3e-2, 1e-1, 3e-1, 1.0)

FIXED = ("card", "facts")


FLIPS: Mapping[Symmetry, Literal["none", "horizontal", "both"]] = {
    "none": "none",
    "horizontal": "horizontal",
    "dihedral": "both",
}


def option_names(recipe: Callable[..., Any]) -> list[str]:
    """Returns the names of a recipe's options."""
    return [name for name in inspect.signature(recipe).parameters if name not in FIXED]


def defaults(recipe: Callable[..., Any]) -> dict[str, Any]:
    """Returns a recipe's options with their defaults."""
    signature = inspect.signature(recipe)
    return {name: signature.parameters[name].default for name in option_names(recipe)}


def checked(recipe: Callable[..., Any], options: Mapping[str, Any]) -> dict[str, Any]:
    """Checks options against a recipe's signature.

    Args:
        recipe: A recipe.
        options: Values, or text as typed on the command line ("20", "1e-3", "[1, 2]", "true", "both").

    Returns:
        The options with values of the annotated types.

    Raises:
        UnknownNameError: An option the recipe does not have; suggests the one that was probably meant.
        UsageError: A value of the wrong type or range.
    """
    names = option_names(recipe)
    hints = get_type_hints(recipe)
    result: dict[str, Any] = {}
    for name, value in options.items():
        if name not in names:
            raise unknown_name(f"option of recipe '{recipe.__name__}'", name, names)
        value = _parsed(value)
        if name == "size" and isinstance(value, int):
            value = (value, value)
        try:
            result[name] = TypeAdapter(hints[name]).validate_python(value)
        except ValidationError as error:
            raise UsageError(
                f"{name}={value!r}: {error.errors()[0]['msg']}.",
                allowed=f"a value like the default, {defaults(recipe)[name]!r}.",
                do="Change the value.",
            ) from error
    return result


def parse_settings(settings: Iterable[str]) -> dict[str, str]:
    """Parses `name=value` words.

    Example:
        >>> parse_settings(["epochs=20", "flip=both"])
        {'epochs': '20', 'flip': 'both'}
    """
    result = {}
    for word in settings:
        name, equals, value = word.partition("=")
        if not equals or not name.strip():
            raise UsageError(
                f"'{word}' sets nothing.", allowed="NAME=VALUE.", do="Write --set epochs=20, for example."
            )
        result[name.strip().replace("-", "_")] = value.strip()
    return result


def turns(symmetry: Symmetry) -> dict[str, Any]:
    """Returns the arguments of `Augment` for a symmetry of the data."""
    return {"flip": FLIPS[symmetry], "quarter_turns": symmetry == "dihedral"}


def ladder(names: tuple[str, ...], top: float, ratio: float) -> dict[str, float]:
    """Returns a rate for each name, falling geometrically from the last to the first.

    Args:
        names: Stages, stem first.
        top: Rate of the last one.
        ratio: Rate of the first one as a share of `top`, in (0, 1].

    Example:
        >>> ladder(("stem", "middle", "top"), 1.0, 0.01)
        {'stem': 0.01, 'middle': 0.1, 'top': 1.0}
    """
    if len(names) < 2:
        return dict.fromkeys(names, top)
    step = math.log(ratio) / (len(names) - 1)
    return {
        name: float(f"{top * math.exp(step * (len(names) - 1 - at)):.6g}") for at, name in enumerate(names)
    }


def _parsed(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    if "x" in value and all(part.isdigit() for part in value.split("x")):
        return [int(part) for part in value.split("x")]
    try:
        return json.loads(value)
    except json.JSONDecodeError:
        return value
