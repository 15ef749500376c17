"""What recipes share: types of their options, and reading options that people typed."""

from __future__ import annotations

import inspect
import json
import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, fields, is_dataclass, replace
from typing import Any, Literal, get_type_hints

from pydantic import TypeAdapter, ValidationError

from tlzoo.errors import UsageError, unknown_name
from tlzoo.recipes.facts import Symmetry

ClassWeights = Literal["none", "balanced", "sqrt"]
Batchnorm = Literal["frozen", "train", "stochastic"]
Optimizer = Literal["adamw", "sgd"]
Schedule = Literal["cosine", "constant", "one_cycle", "slanted", "milestones"]
Keep = Literal["best", "last"]

L2_GRID = (1e-4, 1e-3, 3e-3, 1e-2, 3e-2, 1e-1, 3e-1, 1.0)

FIXED = ("card", "facts")


FLIPS: Mapping[Symmetry, Literal["none", "horizontal", "both"]] = {
    "none": "none",
    "horizontal": "horizontal",
    "dihedral": "both",
}


@dataclass(frozen=True)
class Option:
    """One thing users can set.

    Attributes:
        default: What the recipe takes otherwise.
        hint: Its type.
        group: The argument of the recipe that holds it, if it is a field of a group.
    """

    default: Any
    hint: Any
    group: str = ""


def options_of(recipe: Callable[..., Any]) -> dict[str, Option]:
    """Returns a recipe's options by name; those of groups stand beside the recipe's own.

    Args:
        recipe: A recipe; arguments whose default is a dataclass are groups of options. An argument of its own stands
            before a field of the same name.
    """
    hints, parameters = get_type_hints(recipe), inspect.signature(recipe).parameters
    given = {name: parameter.default for name, parameter in parameters.items() if name not in FIXED}
    found = {name: Option(value, hints[name]) for name, value in given.items() if not is_dataclass(value)}
    for name, group in given.items():
        if not is_dataclass(group):
            continue
        inner = get_type_hints(type(group))
        for field in fields(group):
            option = Option(getattr(group, field.name), inner[field.name], name)
            found.setdefault(field.name, option)
    return found


def option_names(recipe: Callable[..., Any]) -> list[str]:
    """Returns the names of a recipe's options."""
    return list(options_of(recipe))


def defaults(recipe: Callable[..., Any]) -> dict[str, Any]:
    """Returns a recipe's options with their defaults."""
    return {name: option.default for name, option in options_of(recipe).items()}


def arguments(recipe: Callable[..., Any], options: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the keyword arguments that give a recipe its options, those of a group put together.

    Args:
        recipe: A recipe.
        options: Checked options by name.
    """
    known, parameters = options_of(recipe), inspect.signature(recipe).parameters
    found = {name: value for name, value in options.items() if not known[name].group}
    for group in {known[name].group for name in options} - {""}:
        values = {name: value for name, value in options.items() if known[name].group == group}
        found[group] = replace(parameters[group].default, **values)
    return found


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
    known = options_of(recipe)
    result: dict[str, Any] = {}
    for name, value in options.items():
        if name not in known:
            raise unknown_name(f"option of recipe '{recipe.__name__}'", name, list(known))
        value = _parsed(value)
        if name == "size" and isinstance(value, int):
            value = (value, value)
        try:
            result[name] = TypeAdapter(known[name].hint).validate_python(value)
        except ValidationError as error:
            raise UsageError(
                f"{name}={value!r}: {error.errors()[0]['msg']}.",
                allowed=f"a value like the default, {known[name].default!r}.",
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


def head_batch(examples: int) -> int:
    """Returns a batch size that gives a head on cached features at least 16 steps an epoch: 16 to 256 examples.

    Args:
        examples: Training examples, their views included.
    """
    return min(256, max(16, examples // 16))


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
