"""From what a user names to data, splits, a backbone's card and a plan; trains nothing."""

from __future__ import annotations

import logging
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tlzoo.errors import UsageError
from tlzoo.workflows.inputs import open_dataset
from tlzoo.workflows.request import Request

if TYPE_CHECKING:
    from tlzoo.cards import BackboneCard
    from tlzoo.data.dataset import Dataset
    from tlzoo.data.splits import Splits
    from tlzoo.plans import Plan, TaskName
    from tlzoo.recipes.facts import Facts

log = logging.getLogger("tlzoo")

BACKBONES = {"image": "efficientnet_lite0", "text": "minilm_l6"}
"""What is trained where no backbone is named: small, good, and fetched from a package index."""

ENGINES = {"image": ("auto", "graph", "litert"), "text": ("auto", "graph", "fused", "xla")}
"""What computes features of each modality."""


@dataclass(frozen=True)
class Settled:
    """What a recipe plans for.

    Attributes:
        dataset: All items.
        splits: Which of them train, validate and test.
        card: The backbone.
        facts: Data and machine in numbers.
    """

    dataset: Dataset
    splits: Splits
    card: BackboneCard
    facts: Facts


def settle(data: Any, request: Request) -> Settled:
    """Loads and splits the data, and finds the backbone.

    Args:
        data: Anything `tlzoo.load` takes, or a `Dataset`.
        request: What is asked for; its recipe knows its options.

    Raises:
        DataError: The data cannot be learned from.
        UsageError: A name or an option is wrong.
    """
    from tlzoo import registry
    from tlzoo.data.dataset import Dataset
    from tlzoo.recipes.catalog import check_options

    named = registry.backbones().get(request.backbone) if request.backbone else None
    loaded = data.task if isinstance(data, Dataset) else "classification"
    task: TaskName = request.task or loaded
    check_options(request.recipe, named, request.options, task)  # a misspelt option fails before data is read
    dataset = open_dataset(data, request.task, request.data_options)
    card = named or registry.backbones().get(BACKBONES[dataset.modality])
    refuse_other_modality(card, dataset)
    refuse_engine(request.engine, dataset)
    splits = dataset.split(seed=request.seed, validation=request.validation, test=request.test)
    held_out = len(splits.validation)
    if not held_out:
        log.warning(
            "too few examples for a validation split: the training split chooses and calibrates as well"
        )
        splits = replace(splits, validation=splits.train)
    return Settled(dataset, splits, card, facts_of(dataset, splits, held_out))


def prepare(data: Any, request: Request) -> tuple[Dataset, Splits, Plan]:
    """Loads and splits the data and makes the plan.

    Args:
        data: Anything `tlzoo.load` takes, or a `Dataset`.
        request: What is asked for.

    Raises:
        DataError: The data cannot be learned from.
        UsageError: A name or an option is wrong.
    """
    settled = settle(data, request)
    return settled.dataset, settled.splits, plan_of(settled, request)


def plan_of(settled: Settled, request: Request) -> Plan:
    """Returns the plan of a request's recipe, with its options and its seed."""
    from tlzoo.recipes.catalog import make_plan

    options = {"seed": request.seed, **request.options}
    return make_plan(request.recipe, settled.card, settled.facts, options)


def facts_of(dataset: Dataset, splits: Splits, held_out: int) -> Facts:
    """Returns data and machine in numbers.

    Args:
        dataset: All items.
        splits: Which of them train.
        held_out: Validation examples that do not train as well.
    """
    from tlzoo.recipes.facts import Facts

    return Facts(
        len(splits.train),
        len(dataset.class_names),
        tuple(dataset.counts(splits.train).values()),
        dataset.symmetry,
        gpu=_gpu(),
        task=dataset.task,
        validation=held_out,
    )


def refuse_other_modality(card: BackboneCard, dataset: Dataset) -> None:
    """Raises `UsageError` unless a backbone takes what a data set holds."""
    if card.modality != dataset.modality:
        raise UsageError(
            f"backbone '{card.name}' takes {card.modality}s, and '{dataset.name}' holds {dataset.modality}s.",
            allowed=f"backbones that `tlzoo list --modality {dataset.modality}` shows.",
            do=f"Leave --backbone out, or name {BACKBONES[dataset.modality]}.",
        )


def refuse_engine(engine: str, dataset: Dataset) -> None:
    """Raises `UsageError` if an engine does not compute features of a data set's modality."""
    if engine not in ENGINES[dataset.modality]:
        raise UsageError(
            f"engine '{engine}' for {dataset.modality}s.",
            allowed=f"{', '.join(ENGINES[dataset.modality])}.",
            do="Leave it out: the fastest is found and remembered.",
        )


def _gpu() -> bool:
    """True if a device gains from half precision; asked without importing TensorFlow when there is none."""
    if not (Path("/proc/driver/nvidia").exists() or sys.platform == "darwin"):
        return False
    import tensorflow as tf

    devices = tf.config.list_physical_devices("GPU")
    details = [tf.config.experimental.get_device_details(device) for device in devices]
    return any(detail.get("compute_capability", (0, 0)) >= (7, 0) for detail in details)
