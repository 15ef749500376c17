"""What a recipe's plan becomes where something else than one label of several is learned."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tlzoo.errors import UsageError
from tlzoo.plans import Phase, Plan, TaskName

RIDGE_GRID = (1e-3, 1e-2, 1e-1, 1.0, 3.0, 10.0, 30.0, 100.0)
"""Penalties of a regression's head: a squared error never saturates, so it needs more than a cross-entropy."""

_MEANINGLESS: Mapping[TaskName, Mapping[str, Any]] = {
    "classification": {},
    "multilabel": {"class_weights": "none"},
    "regression": {"class_weights": "none", "label_smoothing": 0.0},
}
"""Options that say nothing about a task, with the only value they may have."""


def refuse_meaningless(task: TaskName, options: Mapping[str, Any]) -> None:
    """Raises `UsageError` for an option that says nothing about the task.

    Args:
        task: What is learned.
        options: What was asked for, checked.
    """
    for name, only in _MEANINGLESS[task].items():
        if options.get(name, only) != only:
            raise UsageError(
                f"{name}={options[name]} for the task {task}.",
                allowed=f"{name}={only}, or another task.",
                do=f"Leave {name} out.",
            )


def fitted(plan: Plan, task: TaskName, options: Mapping[str, Any]) -> Plan:
    """Returns the plan for a task; a classifier's plan is what the recipe made.

    Args:
        plan: As the recipe made it.
        task: What is learned.
        options: What was asked for, which no default of a task overrides.

    Raises:
        UsageError: The recipe needs classes.
    """
    if task == "classification":
        return plan
    if any(phase.inputs == "pairs" for phase in plan.phases):
        raise UsageError(
            f"recipe '{plan.recipe}' for the task {task}: pairs are alike or not by their one class.",
            allowed="the task classification.",
            do="Use feature_extraction or fine_tune.",
        )
    if any(phase.co_tuning for phase in plan.phases):
        raise UsageError(
            f"recipe '{plan.recipe}' for the task {task}: it learns what source classes each class looks like.",
            allowed="the task classification.",
            do="Use fine_tune.",
        )
    if any(phase.pseudo for phase in plan.phases):
        raise UsageError(
            f"recipe '{plan.recipe}' for the task {task}: it learns from examples it is sure are of one class.",
            allowed="the task classification.",
            do="Use fine_tune.",
        )
    phases = tuple(_without_classes(phase, options) for phase in plan.phases) if task == "regression" else ()
    return plan.model_copy(update={"task": task, "phases": phases or plan.phases})


def _without_classes(phase: Phase, options: Mapping[str, Any]) -> Phase:
    """Numbers have no other classes to smooth them over."""
    l2 = RIDGE_GRID if phase.l2 and "l2" not in options else phase.l2
    return phase.model_copy(update={"label_smoothing": 0.0, "l2": l2})
