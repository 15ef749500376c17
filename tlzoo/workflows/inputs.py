"""What a run folder gives back: its data, its splits, its context."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from tlzoo.errors import DataError, RunError, TlzooError, UsageError

if TYPE_CHECKING:
    from tlzoo.backbones.backbone import Backbone
    from tlzoo.data.dataset import Dataset
    from tlzoo.export.fronts import Front
    from tlzoo.plans import Plan, TaskName
    from tlzoo.training.context import Context
    from tlzoo.training.rundir import RunDir

_FLAGS = ("modality", "encoding", "on_broken", "task", "label_separator")
"""Arguments of `load` that are options of the command line by themselves."""

SAMPLES = 4
"""Examples of the validation split that travel into the export, for parity and warm-up."""


def open_dataset(data: Any, task: TaskName | None, options: Mapping[str, Any]) -> Dataset:
    """Returns labelled data, loaded if it is not yet.

    Args:
        data: Anything `tlzoo.load` takes, or a `Dataset`.
        task: What is to be learned from it; None takes what the data was loaded for, else classification.
        options: Of `load`.

    Raises:
        DataError: The data cannot be learned from.
        UsageError: It was loaded for another task.
    """
    from tlzoo.data.dataset import Dataset
    from tlzoo.data.load import load

    if not isinstance(data, Dataset):
        return load(data, task=task, **options)
    if task not in (None, data.task):
        raise UsageError(
            f"task '{task}' for data that was loaded for {data.task}.",
            allowed=f"'{data.task}', or nothing.",
            do=f"Load the data with task='{task}'.",
        )
    return data


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
    try:
        dataset = load(source, **config["data"]["options"])
    except TlzooError as error:
        raise RunError(
            f"The data this run was trained on cannot be read again: {error.what}",
            allowed="the very same files and labels.",
            do="Put them back to where they were.",
        ) from error
    if config.get("target", {}).get("labels"):
        dataset = _with_target(dataset, config["target"])
    check_fingerprint(config, dataset)
    return dataset


def _with_target(dataset: Dataset, target: Mapping[str, Any]) -> Dataset:
    """Returns an adaptation's data: the source, and behind it the target that judges."""
    from tlzoo.data.join import join
    from tlzoo.data.load import load

    if not target["source"]:
        raise RunError(
            "The target of this run was given in memory.",
            allowed="data on disk, or a data set of the zoo.",
            do="Pass source and target again, joined: `tlzoo.data.join.join(source, target)`.",
        )
    return join(dataset, load(target["source"], to_learn=False, **target["options"]))


def data_words(options: Mapping[str, Any]) -> list[str]:
    """Returns the words of the command line that have data read the same way again.

    Args:
        options: Arguments of `load`. What is no option of its own is one of a data set card; a path column has
            no word, since the usual names are looked for anyway.

    Example:
        >>> data_words({"text_column": "review", "unescape_html": True, "target": "condition"})
        ['--text-column', 'review', '--unescape-html', '--data-option', 'target=condition']
    """
    found: list[str] = []
    for name, value in options.items():
        flag = f"--{name.replace('_', '-')}"
        if name == "columns":
            found += data_words(
                {f"{role}_column": column for role, column in value.items() if role != "path"}
            )
        elif name == "unescape_html":
            found.append(flag if value else "--no-unescape-html")
        elif name == "label_columns":
            found += [flag, value if isinstance(value, str) else ",".join(value)]
        elif name.endswith("_column") or name in _FLAGS:
            found += [flag, str(value)]
        else:
            found += ["--data-option", f"{name}={value}"]
    return found


def check_fingerprint(config: dict[str, Any], dataset: Dataset) -> None:
    """Raises `RunError` unless a data set is what a run was trained on."""
    if dataset.fingerprint != config["data"]["fingerprint"]:
        raise RunError(
            f"The data at '{config['data']['source']}' has changed since the run began "
            f"(fingerprint {dataset.fingerprint[:12]}, was {config['data']['fingerprint'][:12]}).",
            allowed="the very same files and labels.",
            do="Restore the data, or train a new run.",
        )


def make_context(
    folder: RunDir, dataset: Dataset | None = None, progress: Any = None, backbone: Backbone | None = None
) -> Context:
    """Puts together what a run's plan needs: backbone, data, splits, task.

    Args:
        folder: A run folder with its config, plan, card and splits written.
        dataset: The data, if it is already loaded.
        progress: Told how far things are.
        backbone: The backbone, if it is already loaded, as the plan wants it.
    """
    from tlzoo.data.splits import Splits
    from tlzoo.tasks.task import task_of
    from tlzoo.training.context import Context

    plan, config = folder.plan, folder.config
    dataset = dataset or reload_dataset(config)
    splits = folder.read_splits()
    return Context(
        plan=plan,
        run=folder,
        backbone=backbone or backbone_of(folder),
        dataset=dataset,
        splits=Splits(splits["train"], splits["validation"], splits["test"]),
        task=task_of(plan.task, folder.labels, dataset.labels[splits["train"]]),
        progress=progress,
        engine=config.get("engine", "auto"),
    )


def backbone_of(folder: RunDir) -> Backbone:
    """Returns the backbone that a run's plan begins with.

    Args:
        folder: A run folder with its plan and card written.
    """
    from tlzoo.backbones.load import load_backbone

    plan = folder.plan
    return load_backbone(
        folder.card,
        pretrained=plan.pretrained,
        size=plan.size,
        length=plan.length or None,
        long_text=plan.long_text,
        seed=plan.seed,
    )


def front_of(backbone: Backbone, plan: Plan) -> Front:
    """Returns what stands before a backbone when it is served.

    Args:
        backbone: Of a run.
        plan: Of the same run.
    """
    from tlzoo.export.fronts import ImageFront, TextFront

    if backbone.card.modality == "image":
        return ImageFront(plan.size, plan.resize)
    # A network that takes strings brings its own tables; layers with weights are saved as weights.
    layers = backbone.network.layers if backbone.encoder is None else ()
    return TextFront(backbone.encoder, tuple(layer for layer in layers if not layer.weights))


def samples(folder: RunDir, dataset: Dataset, count: int = SAMPLES) -> tuple[bytes, ...]:
    """Returns a few encoded images, or texts, of the validation split, as a client would send them.

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
        if isinstance(item, str):
            encoded.append(item.encode("utf-8"))
            continue
        try:
            if isinstance(item, Path) and item.suffix.lower() in {".jpg", ".jpeg", ".png"}:
                encoded.append(item.read_bytes())
            else:
                encoded.append(encode_png(read_image(item)))
        except (DataError, OSError):
            continue
    return tuple(encoded)
