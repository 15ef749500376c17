"""What a run folder gives back: its data, its splits, its context."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from tlzoo.errors import DataError, RunError

if TYPE_CHECKING:
    from tlzoo.data.dataset import Dataset
    from tlzoo.training.context import Context
    from tlzoo.training.rundir import RunDir

SAMPLES = 4
"""Images of the validation split that travel into the export, for parity and warm-up."""


def reload_dataset(config: dict[str, Any]) -> Dataset:
    """Loads the data a run was trained on.

    Args:
        config: What the run's `config.json` holds.

    Raises:
        RunError: The data was given in memory, or is no longer what it was.
    """
    from tlzoo.data.load import load

    source = config["data"]["source"]
    if not source:
        raise RunError(
            "This run was trained on data given in memory.",
            allowed="data on disk, or a data set of the zoo.",
            do="Pass the same data again.",
        )
    dataset = load(source, **config["data"]["options"])
    check_fingerprint(config, dataset)
    return dataset


def check_fingerprint(config: dict[str, Any], dataset: Dataset) -> None:
    """Raises `RunError` unless a data set is what a run was trained on."""
    if dataset.fingerprint != config["data"]["fingerprint"]:
        raise RunError(
            f"The data at '{config['data']['source']}' has changed since the run began "
            f"(fingerprint {dataset.fingerprint[:12]}, was {config['data']['fingerprint'][:12]}).",
            allowed="the very same files and labels.",
            do="Restore the data, or train a new run.",
        )


def make_context(folder: RunDir, dataset: Dataset | None = None, progress: Any = None) -> Context:
    """Puts together what a run's plan needs: backbone, data, splits, task.

    Args:
        folder: A run folder with its config, plan, card and splits written.
        dataset: The data, if it is already loaded.
        progress: Told how far things are.
    """
    from tlzoo.backbones.load import load_backbone
    from tlzoo.data.splits import Splits
    from tlzoo.tasks.classification import Classification
    from tlzoo.training.context import Context

    plan, config = folder.plan, folder.config
    dataset = dataset or reload_dataset(config)
    backbone = load_backbone(folder.card, pretrained=plan.pretrained, size=plan.size, seed=plan.seed)
    splits = folder.read_splits()
    return Context(
        plan=plan,
        run=folder,
        backbone=backbone,
        dataset=dataset,
        splits=Splits(splits["train"], splits["validation"], splits["test"]),
        task=Classification(folder.labels),
        progress=progress,
        engine=config.get("engine", "auto"),
    )


def samples(folder: RunDir, dataset: Dataset, count: int = SAMPLES) -> tuple[bytes, ...]:
    """Returns a few encoded images of the validation split, as a client would send them.

    Args:
        folder: The run.
        dataset: Its data.
        count: How many at most.
    """
    from tlzoo.data.images import encode_png, read_image

    indices = folder.read_splits()["validation"]
    chosen = indices[np.linspace(0, len(indices) - 1, min(count, len(indices))).astype(int)]
    encoded = []
    for index in chosen:
        item = dataset.items[int(index)]
        try:
            if isinstance(item, Path) and item.suffix.lower() in {".jpg", ".jpeg", ".png"}:
                encoded.append(item.read_bytes())
            else:
                encoded.append(encode_png(read_image(item)))
        except (DataError, OSError):
            continue
    return tuple(encoded)
