"""What every training does, whatever becomes of it: a folder is begun, and its plan is carried out."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from tlzoo.progress import Progress
from tlzoo.workflows.inputs import make_context
from tlzoo.workflows.request import Request, command_of, config_of, write_splits

if TYPE_CHECKING:
    from tlzoo.backbones.backbone import Backbone
    from tlzoo.data.dataset import Dataset
    from tlzoo.data.splits import Splits
    from tlzoo.plans import Plan
    from tlzoo.training.context import Context
    from tlzoo.training.deadline import Deadline
    from tlzoo.training.rundir import RunDir
    from tlzoo.training.runner import Outcome


@dataclass(frozen=True)
class Prepared:
    """Data and plan, before anything is trained.

    Attributes:
        dataset: All items.
        splits: Which of them train, validate and test.
        plan: What to do.
    """

    dataset: Dataset
    splits: Splits
    plan: Plan


def begin(folder: RunDir, made: Prepared, request: Request, command: str | None = None) -> None:
    """Writes what a run folder holds before anything is trained; the configuration last.

    Args:
        folder: An empty run folder.
        made: Data and plan.
        request: What was asked for; it names the plan's backbone.
        command: The line that does it again; by default made from the request.
    """
    from tlzoo import registry

    request = replace(request, backbone=made.plan.backbone)
    card = registry.backbones().get(made.plan.backbone)
    folder.write_json("card.json", card.model_dump(mode="json"))
    folder.write_json("plan.json", made.plan.model_dump(mode="json"))
    folder.write_json("labels.json", list(made.dataset.class_names))
    write_splits(folder, made.dataset, made.splits)
    command = command or command_of(made.dataset, request, folder.path)
    folder.write_json("config.json", config_of(made.dataset, made.splits, request, command))


def carry_out(
    folder: RunDir,
    dataset: Dataset,
    progress: Progress | None = None,
    *,
    deadline: Deadline | None = None,
    asked: tuple[str, ...] = ("validation", "test"),
    loaded: Backbone | None = None,
) -> tuple[Context, Outcome]:
    """Carries out the plan of a run folder, from the last checkpoint if there is one; the caller holds its lock.

    Args:
        folder: A run folder that was begun.
        dataset: Its data.
        progress: Told how far things are.
        deadline: When training stops, wherever it is.
        asked: Splits that the model is asked about in the end.
        loaded: A backbone that is at hand; taken where the plan leaves it as it is.

    Returns:
        What was trained on what, and what came of it.
    """
    import keras

    from tlzoo.training.runner import run_plan

    plan = folder.plan
    keras.utils.set_random_seed(plan.seed)
    if plan.precision != "float32":
        keras.config.set_dtype_policy(plan.precision)
    try:
        spared = loaded if loaded is not None and _leaves(plan, loaded) else None
        context = replace(make_context(folder, dataset, progress, spared), deadline=deadline)
        config = folder.config
        config["weights_hash"] = context.backbone.weights_hash
        folder.write_json("config.json", config)
        return context, run_plan(context, asked)
    finally:
        keras.config.set_dtype_policy("float32")


def _leaves(plan: Plan, loaded: Backbone) -> bool:
    """Returns whether a plan wants just this backbone, and gives it back as it was."""
    encoder = loaded.encoder
    seen = encoder is None or (plan.length or encoder.length, plan.long_text) == (
        encoder.length,
        encoder.long_text,
    )
    untouched = plan.pretrained and all(phase.inputs == "features" for phase in plan.phases)
    wanted = (plan.backbone, plan.size) == (loaded.card.name, loaded.size) and loaded.pretrained
    return wanted and untouched and seen and plan.precision == "float32"
