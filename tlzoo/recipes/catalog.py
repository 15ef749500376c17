"""All recipes by name, and the one call that makes a plan."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from tlzoo.cards import BackboneCard
from tlzoo.errors import UsageError, unknown_name
from tlzoo.plans import Plan, TaskName
from tlzoo.recipes.bit_hyperrule import bit_hyperrule
from tlzoo.recipes.bss import bss
from tlzoo.recipes.co_tuning import co_tuning
from tlzoo.recipes.delta import delta
from tlzoo.recipes.discriminative import discriminative
from tlzoo.recipes.facts import Facts
from tlzoo.recipes.feature_extraction import feature_extraction
from tlzoo.recipes.few_shot import few_shot
from tlzoo.recipes.fine_tune import fine_tune
from tlzoo.recipes.gradual_unfreeze import gradual_unfreeze
from tlzoo.recipes.l2_sp import l2_sp
from tlzoo.recipes.lora import lora
from tlzoo.recipes.lp_ft import lp_ft
from tlzoo.recipes.options import arguments, checked
from tlzoo.recipes.scratch import scratch
from tlzoo.recipes.self_training import self_training
from tlzoo.recipes.soup import soup
from tlzoo.recipes.stoch_norm import stoch_norm
from tlzoo.recipes.tasks import fitted, refuse_meaningless

Recipe = Callable[..., Plan]

RECIPES: Mapping[str, Recipe] = {
    recipe.__name__: recipe
    for recipe in (
        feature_extraction,
        fine_tune,
        few_shot,
        scratch,
        lp_ft,
        discriminative,
        gradual_unfreeze,
        bit_hyperrule,
        l2_sp,
        delta,
        bss,
        stoch_norm,
        co_tuning,
        soup,
        lora,
        self_training,
    )
}


def check_options(
    recipe: str,
    card: BackboneCard | None,
    options: Mapping[str, Any],
    task: TaskName = "classification",
) -> None:
    """Raises what `make_plan` would raise whatever the data is, so that it is known before data is read.

    Args:
        recipe: Its name.
        card: The backbone; None if the data decides.
        options: Hyper-parameters that differ from the recipe's defaults.
        task: What is learned.
    """
    if card is not None:
        make_plan(recipe, card, Facts(1, 2, task=task), options)
    else:
        refuse_meaningless(task, checked(_recipe(recipe), options))


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
    function = _recipe(recipe)
    given = checked(function, options or {})
    refuse_meaningless(facts.task, given)
    try:
        return fitted(function(card, facts, **arguments(function, given)), facts.task, given)
    except ValueError as error:
        raise UsageError(f"recipe '{recipe}': {error}.", do="Change the option.") from error


def _recipe(name: str) -> Recipe:
    if name == "auto":
        raise UsageError(
            "auto has no plan: it decides while it measures, and ends with the plan of a recipe.",
            allowed=f"{', '.join(RECIPES)}.",
            do="Use it with `tlzoo train`, or name a recipe.",
        )
    if name not in RECIPES:
        raise unknown_name("recipe", name, RECIPES)
    return RECIPES[name]
