"""What a run was asked for, and how that is written down so that it can be done again."""

from __future__ import annotations

import platform
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tlzoo.workflows.inputs import data_words

if TYPE_CHECKING:
    from tlzoo.data.dataset import Dataset
    from tlzoo.data.splits import Splits
    from tlzoo.plans import TaskName
    from tlzoo.training.rundir import RunDir

DISTRIBUTIONS = (
    "tlzoo",
    "tensorflow",
    "keras",
    "keras-hub",
    "tensorflow-text",
    "ai-edge-litert",
    "numpy",
    "scikit-learn",
    "pillow",
)


@dataclass(frozen=True)
class Request:
    """What a user asks of a training run.

    Attributes:
        backbone: Name of a card; None takes the usual one for the data.
        recipe: Name of a recipe.
        out: The run folder; by default the next free `runs/<data>-<recipe>-<n>`.
        seed: Of splits, weights, order and augmentation.
        validation: Share of the items that are not tested, held out to choose and calibrate.
        test: Share held out for the verdict; by default the data set's own, else 0.2.
        engine: `auto`, `graph`, `litert` (images), `fused` or `xla` (texts), for features.
        task: What is learned; None takes that of a `Dataset`, else `classification`.
        options: The recipe's hyper-parameters that differ from its defaults.
        data_options: How the data was read.
        budget: Seconds that `auto` may spend; None takes its own.
    """

    backbone: str | None = None
    recipe: str = "feature_extraction"
    out: Path | None = None
    seed: int = 0
    validation: float = 0.1
    test: float | None = None
    engine: str = "auto"
    task: TaskName | None = None
    options: Mapping[str, Any] = field(default_factory=dict)
    data_options: Mapping[str, Any] = field(default_factory=dict)
    budget: float | None = None


def config_of(dataset: Dataset, splits: Splits, request: Request, command: str) -> dict[str, Any]:
    """Returns what `config.json` holds before anything is trained.

    Args:
        dataset: The data.
        splits: Its splits.
        request: What was asked for.
        command: The line that does it again.
    """
    sizes = {"train": len(splits.train), "validation": len(splits.validation), "test": len(splits.test)}
    return {
        "command": command,
        "backbone": request.backbone,
        "recipe": request.recipe,
        "options": dict(request.options),
        "seed": request.seed,
        "validation": request.validation,
        "test": request.test,
        "engine": request.engine,
        **({"budget": request.budget} if request.recipe == "auto" else {}),
        "data": {
            "name": dataset.name,
            "source": source_of(dataset),
            "options": {**request.data_options, **dataset.options},
            "fingerprint": dataset.fingerprint,
            "counts": dataset.counts(),
            "splits": sizes,
            "skipped": [[str(item), reason] for item, reason in dataset.skipped],
        },
        "versions": {"python": platform.python_version(), **_versions()},
        "machine": f"{platform.system()} {platform.machine()}",
        "weights_hash": "",
    }


def source_of(dataset: Dataset) -> str:
    """Returns where the data can be found again: an absolute path or a data set's name; empty if it was in memory."""
    from tlzoo import registry

    path = Path(dataset.source)
    if dataset.source and path.exists():
        return str(path.resolve())
    return dataset.source if dataset.source in registry.datasets() else ""


def _versions() -> dict[str, str]:
    found = {}
    for name in DISTRIBUTIONS:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "not installed"
    return found


def command_of(dataset: Dataset, request: Request, out: Path) -> str:
    """Returns the command line that trains the same run again.

    Args:
        dataset: The data.
        request: What was asked for.
        out: The run folder.
    """
    words = ["tlzoo", "train", dataset.source or "DATA", "--recipe", request.recipe]
    words += ["--backbone", request.backbone] if request.backbone else []
    words += ["--seed", str(request.seed), "--out", str(out)]
    usual = Request()
    for name in ("validation", "test", "engine"):
        if (value := getattr(request, name)) != getattr(usual, name):
            words += [f"--{name}", str(value)]
    words += ["--budget", f"{request.budget:g}s"] if request.budget else []
    for name, value in request.options.items():
        words += ["--set", f"{name}={value}"]
    words += data_words(dataset.options)
    return shlex.join(words)


def write_splits(folder: RunDir, dataset: Dataset, splits: Splits) -> None:
    """Writes down which item is in which split; of a text its key, never the text."""
    rows, words = [], dataset.words()
    for name in ("train", "validation", "test"):
        for index in getattr(splits, name):
            item = dataset.items[index]
            shown = str(item) if isinstance(item, Path) else dataset.keys[index]
            group = dataset.groups[index] if dataset.groups else ""
            rows.append((int(index), shown, words[index], name, str(group)))
    folder.write_splits(rows)
