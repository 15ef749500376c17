"""All recipes by name, and the one call that makes a plan."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from tlzoo.cards import BackboneCard
from tlzoo.errors import UsageError, unknown_name
from tlzoo.plans import Plan
from tlzoo.recipes.facts import Facts
from tlzoo.recipes.feature_extraction import feature_extraction
from tlzoo.recipes.fine_tune import fine_tune
from tlzoo.recipes.options import checked
from tlzoo.recipes.scratch import scratch

Recipe = Callable[..., Plan]

RECIPES: Mapping[str, Recipe] = {
    recipe.__name__: recipe for recipe in (feature_extraction, fine_tune, scratch)
}


def make_plan(
    recipe: str, card: BackboneCard, facts: Facts, options: Mapping[str, Any] | None = None
) -> Plan:
    """Makes the plan of a recipe.

    Args:
        recipe: Its name.
        card: The backbone.
        facts: The data.
        options: Hyper-parameters that differ from the recipe's defaults.

    Raises:
        UnknownNameError: No such recipe, or no such option.
        UsageError: An option's value is out of range.
    """
    if recipe not in RECIPES:
        raise unknown_name("recipe", recipe, RECIPES)
    function = RECIPES[recipe]
    try:
        return function(card, facts, **checked(function, options or {}))
    except ValueError as error:
        raise UsageError(f"recipe '{recipe}': {error}.", do="Change the option.") from error
