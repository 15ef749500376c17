"""Training from data to evidence: load, split, plan, train, score, report."""

from __future__ import annotations

import logging
import platform
import shlex
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tlzoo.errors import RunError
from tlzoo.progress import Progress
from tlzoo.workflows.inputs import check_fingerprint, make_context, reload_dataset
from tlzoo.workflows.run import Run

if TYPE_CHECKING:
    from tlzoo.data.dataset import Dataset
    from tlzoo.data.splits import Splits
    from tlzoo.plans import Plan
    from tlzoo.training.rundir import RunDir

log = logging.getLogger("tlzoo")


DISTRIBUTIONS = (
    "tlzoo",
    "tensorflow",
    "keras",
    "keras-hub",
    "ai-edge-litert",
    "numpy",
    "scikit-learn",
    "pillow",
)


@dataclass(frozen=True)
class Request:
    """What a user asks of a training run.

    Attributes:
        backbone: Name of a card.
        recipe: Name of a recipe.
        out: The run folder; by default the next free `runs/<data>-<recipe>-<n>`.
        seed: Of splits, weights, order and augmentation.
        validation: Share of the items that are not tested, held out to choose and calibrate.
        test: Share held out for the verdict; by default the data set's own, else 0.2.
        engine: `auto`, `graph` or `litert`, for features.
        options: The recipe's hyper-parameters that differ from its defaults.
        data_options: How the data was read.
    """

    backbone: str = "efficientnet_lite0"
    recipe: str = "feature_extraction"
    out: Path | None = None
    seed: int = 0
    validation: float = 0.1
    test: float | None = None
    engine: str = "auto"
    options: Mapping[str, Any] = field(default_factory=dict)
    data_options: Mapping[str, Any] = field(default_factory=dict)


def prepare(data: Any, request: Request) -> tuple[Dataset, Splits, Plan]:
    """Loads and splits the data and makes the plan; trains nothing.

    Args:
        data: Anything `tlzoo.load` takes, or a `Dataset`.
        request: What is asked for.

    Raises:
        DataError: The data cannot be learned from.
        UsageError: A name or an option is wrong.
    """
    from tlzoo import registry
    from tlzoo.data.dataset import Dataset
    from tlzoo.data.load import load
    from tlzoo.recipes.catalog import make_plan
    from tlzoo.recipes.facts import Facts

    card = registry.backbones().get(request.backbone)
    make_plan(
        request.recipe, card, Facts(1, 2), request.options
    )  # a misspelt option fails before data is read
    dataset = data if isinstance(data, Dataset) else load(data, **request.data_options)
    splits = dataset.split(seed=request.seed, validation=request.validation, test=request.test)
    if not len(splits.validation):
        log.warning(
            "too few examples for a validation split: the training split chooses and calibrates as well"
        )
        splits = replace(splits, validation=splits.train)
    counts = [0] * len(dataset.class_names)
    for label in dataset.labels[splits.train]:
        counts[label] += 1
    facts = Facts(len(splits.train), len(dataset.class_names), tuple(counts), dataset.symmetry, gpu=_gpu())
    plan = make_plan(request.recipe, card, facts, {"seed": request.seed, **request.options})
    return dataset, splits, plan


def train(
    data: Any, request: Request, *, progress: Progress | None = None, command: str | None = None
) -> Run:
    """Trains, scores and reports.

    Args:
        data: Anything `tlzoo.load` takes, or a `Dataset`.
        request: What is asked for.
        progress: Told how far things are.
        command: The line that started this, for the reproduction line of the report.

    Returns:
        The finished run.

    Raises:
        TlzooError: Anything a user can mend, before time is spent where that is possible.
    """
    from tlzoo import registry
    from tlzoo.training.rundir import RunDir

    started = time.perf_counter()
    dataset, splits, plan = prepare(data, request)
    folder = RunDir.create(request.out or next_run(dataset.name, request.recipe))
    card = registry.backbones().get(request.backbone)
    folder.write_json("card.json", card.model_dump(mode="json"))
    folder.write_json("plan.json", plan.model_dump(mode="json"))
    folder.write_json("labels.json", list(dataset.class_names))
    _write_splits(folder, dataset, splits)
    config = _config(dataset, splits, request, command or _command(dataset, request, folder.path))
    folder.write_json("config.json", config)
    return _carry_out(folder, dataset, progress, started)


def resume(path: str | Path, data: Any = None, *, progress: Progress | None = None) -> Run:
    """Goes on with an interrupted run and ends as an uninterrupted one would have.

    Args:
        path: The run folder.
        data: The same data again, if it was given in memory.
        progress: Told how far things are.

    Raises:
        RunError: It is no run folder, or the data has changed.
    """
    from tlzoo.data.dataset import Dataset
    from tlzoo.data.load import load
    from tlzoo.training.rundir import RunDir

    started = time.perf_counter()
    folder = RunDir.open(Path(path))
    for name in ("plan.json", "card.json", "labels.json", "splits.csv"):
        if not (folder.path / name).is_file():
            raise RunError(f"'{folder.path}' was stopped before '{name}' was written.", do="Train a new run.")
    if folder.finished:
        log.info("%s is already finished", folder.path)
        return Run(folder.path)
    if data is None:
        dataset = reload_dataset(folder.config)
    else:
        dataset = data if isinstance(data, Dataset) else load(data)
        check_fingerprint(folder.config, dataset)
    return _carry_out(folder, dataset, progress, started)


def next_run(name: str, recipe: str) -> Path:
    """Returns the next free `runs/<name>-<recipe>-<n>`."""
    number = 1
    while (path := Path("runs") / f"{name}-{recipe}-{number}").exists():
        number += 1
    return path


def _carry_out(folder: RunDir, dataset: Dataset, progress: Progress | None, started: float) -> Run:
    import keras

    from tlzoo.training.runner import run_plan
    from tlzoo.workflows.evidence import write_evidence

    with folder.lock():
        plan = folder.plan
        keras.utils.set_random_seed(plan.seed)
        if plan.precision != "float32":
            keras.config.set_dtype_policy(plan.precision)
        try:
            context = make_context(folder, dataset, progress)
            config = folder.config
            config["weights_hash"] = context.backbone.weights_hash
            folder.write_json("config.json", config)
            outcome = run_plan(context)
        finally:
            keras.config.set_dtype_policy("float32")
        write_evidence(context, outcome, started)
        folder.drop_checkpoints()
    return Run(folder.path, trained=(context, outcome.model))


def _config(dataset: Dataset, splits: Splits, request: Request, command: str) -> dict[str, Any]:
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
        "data": {
            "name": dataset.name,
            "source": _source(dataset),
            "options": dict(request.data_options),
            "fingerprint": dataset.fingerprint,
            "counts": dataset.counts(),
            "splits": sizes,
            "skipped": [[str(item), reason] for item, reason in dataset.skipped],
        },
        "versions": {"python": platform.python_version(), **_versions()},
        "machine": f"{platform.system()} {platform.machine()}",
        "weights_hash": "",
    }


def _source(dataset: Dataset) -> str:
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


def _command(dataset: Dataset, request: Request, out: Path) -> str:
    words = [
        "tlzoo",
        "train",
        dataset.source or "DATA",
        "--backbone",
        request.backbone,
        "--recipe",
        request.recipe,
    ]
    words += ["--seed", str(request.seed), "--out", str(out)]
    for name, value in request.options.items():
        words += ["--set", f"{name}={value}"]
    return shlex.join(words)


def _write_splits(folder: RunDir, dataset: Dataset, splits: Splits) -> None:
    rows = []
    for name in ("train", "validation", "test"):
        for index in getattr(splits, name):
            item = dataset.items[index]
            shown = str(item) if isinstance(item, (str, Path)) else f"array:{index}"
            group = dataset.groups[index] if dataset.groups else ""
            rows.append((int(index), shown, dataset.class_names[dataset.labels[index]], name, str(group)))
    folder.write_splits(rows)


def _gpu() -> bool:
    """True if a device gains from half precision; asked without importing TensorFlow when there is none."""
    if not (Path("/proc/driver/nvidia").exists() or sys.platform == "darwin"):
        return False
    import tensorflow as tf

    devices = tf.config.list_physical_devices("GPU")
    details = [tf.config.experimental.get_device_details(device) for device in devices]
    return any(detail.get("compute_capability", (0, 0)) >= (7, 0) for detail in details)
