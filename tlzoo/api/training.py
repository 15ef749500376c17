"""What trains: a recipe, a search of its options, an adaptation."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tlzoo.backbones.backbone import Backbone
    from tlzoo.plans import Plan, TaskName
    from tlzoo.workflows.domains import TargetLabels
    from tlzoo.workflows.run import Run
    from tlzoo.workflows.tune_answer import Tuning


def train(
    data: Any,
    *,
    backbone: str | Backbone | None = None,
    recipe: str = "feature_extraction",
    out: str | Path | None = None,
    seed: int = 0,
    validation: float = 0.1,
    test: float | None = None,
    engine: str = "auto",
    task: TaskName | None = None,
    budget: float | str | None = None,
    progress: Any = None,
    ready: Callable[[Run], None] | None = None,
    **options: Any,
) -> Run:
    """Trains a model and collects the evidence.

    Args:
        data: Anything `load` takes, or what `load` returned.
        backbone: Name of a card (`tlzoo list` shows them), or what `load_backbone` returned, which saves loading it
            again where the recipe leaves it as it is; by default efficientnet_lite0 for images and minilm_l6 for texts.
        recipe: `feature_extraction`, `fine_tune`, `few_shot` (texts), `scratch`, or another that `tlzoo train --help`
            lists; `auto` finds out which wins.
        out: The run folder; by default the next free one under `runs/`.
        seed: Of everything random.
        validation: Share of what is not tested that chooses and calibrates, in (0, 1).
        test: Share held out for the final scores, in (0, 1); by default the data set's own, else 0.2.
        engine: `auto`, `graph`, `litert` (images), `fused` or `xla` (texts).
        task: `classification` (the default), `multilabel` or `regression`; data that `load` returned knows its own.
        budget: Time for `auto`: seconds, or words such as `10m`, which is the default.
        progress: Called with (done, total, what).
        ready: Called with the run once it can be asked, before its report is made; not with `auto`.
        options: The recipe's hyper-parameters; a misspelt one is refused with a suggestion. With `auto` those of
            `fine_tune`: every recipe gets what it has of them.

    Raises:
        TlzooError: Anything a user can mend.

    Example:
        >>> run = train("photos/", recipe="fine_tune", out="runs/first")  # doctest: +SKIP
    """
    from tlzoo.workflows import train as workflow
    from tlzoo.workflows.budget import parse_budget

    loaded = None if backbone is None or isinstance(backbone, str) else backbone
    name = loaded.card.name if loaded is not None else backbone
    request = _request(name, recipe, out, seed, validation, test, engine, task, options)  # type: ignore[arg-type]
    seconds = parse_budget(budget) if isinstance(budget, str) else budget
    asked = replace(request, budget=seconds)
    return workflow.train(data, asked, progress=progress, loaded=loaded, ready=ready)


def plan(
    data: Any,
    *,
    backbone: str | None = None,
    recipe: str = "feature_extraction",
    seed: int = 0,
    task: TaskName | None = None,
    **options: Any,
) -> Plan:
    """Returns the plan `train` would carry out, and trains nothing.

    Args:
        data: Anything `load` takes.
        backbone: Name of a card; by default as for `train`.
        recipe: Name of a recipe.
        seed: Of everything random.
        task: What is learned; as for `train`.
        options: The recipe's hyper-parameters.
    """
    from tlzoo.workflows import train as workflow

    return workflow.prepare(data, _request(backbone, recipe, None, seed, 0.1, None, "auto", task, options))[2]


def tune(
    data: Any,
    *,
    backbone: str | None = None,
    recipe: str = "fine_tune",
    trials: int = 20,
    budget: float | str | None = None,
    search: Sequence[str] = (),
    out: str | Path | None = None,
    seed: int = 0,
    task: TaskName | None = None,
    progress: Any = None,
    **options: Any,
) -> Tuning:
    """Searches the options of a recipe; the validation split alone chooses, and the best trial is tested once.

    Args:
        data: Anything `load` takes, or what `load` returned.
        backbone: Name of a card; by default as for `train`.
        recipe: Name of a recipe.
        trials: How many; the first is the recipe as it is.
        budget: Time for all of it: seconds, or words such as `10m`.
        search: Options to search; by default all that are worth it.
        out: The search's folder; the same search in it goes on.
        seed: Of everything random.
        task: What is learned; as for `train`.
        progress: Called with (done, total, what).
        options: Hyper-parameters that stay as they are.

    Raises:
        TlzooError: Anything a user can mend.

    Example:
        >>> found = tune("photos/", trials=10, budget="30m")  # doctest: +SKIP
        >>> found.run.evaluate()  # doctest: +SKIP
    """
    from tlzoo.workflows import tune as workflow
    from tlzoo.workflows.budget import parse_budget

    request = _request(backbone, recipe, out, seed, 0.1, None, "auto", task, options)
    seconds = parse_budget(budget) if isinstance(budget, str) else budget
    asked = workflow.TuneRequest(request, trials, seconds, tuple(search))
    return workflow.tune(data, asked, progress=progress)


def resume(path: str | Path, data: Any = None, *, progress: Any = None) -> Run:
    """Goes on with an interrupted run; see `tlzoo.workflows.train.resume`."""
    from tlzoo.workflows import train as workflow

    return workflow.resume(path, data, progress=progress)


def adapt(
    source: Any,
    target: Any,
    *,
    target_labels: TargetLabels = "score",
    methods: Sequence[str] | None = None,
    end_to_end: Sequence[str] = (),
    epochs: int = 2,
    size: int | None = None,
    backbone: str | None = None,
    out: str | Path | None = None,
    seed: int = 0,
    validation: float = 0.2,
    engine: str = "auto",
    progress: Any = None,
    **options: Any,
) -> Run:
    """Adapts a classifier from a labelled source to a target, choosing how without a label of the target.

    Args:
        source: Anything `load` takes, of classes, or a part of a data set (`elpv:mono`).
        target: Likewise; without labels also a folder of images or a table of texts.
        target_labels: `score`: they judge what is finished; `none`: there are none, or nobody looks.
        methods: What is tried, in every combination: `adabn`, `standardise`, `coral`, `self_training` (these by
            default), `mmd`, `deep_coral`, `dann`, `cdan`, `mcc`.
        end_to_end: Objectives by which the network itself is tuned as well (`self_training`, `mmd`, `deep_coral`,
            `dann`, `cdan`, `mcc`); images and networks with BatchNormalization only, minutes each.
        epochs: Of that, passes over the source.
        size: Height and width of images in pixels; by default the card's.
        backbone: Name of a card; by default as for `train`.
        out: The run folder; by default the next free one under `runs/`.
        seed: Of everything random.
        validation: Share of the source that calibrates, in (0, 1).
        engine: What computes features.
        progress: Called with (done, total, what).
        options: How both are read; see `load`.

    Raises:
        TlzooError: Anything a user can mend.

    Example:
        >>> run = adapt("elpv:mono", "elpv:poly", target_labels="none")  # doctest: +SKIP
        >>> run.export("models/poly")  # doctest: +SKIP
    """
    from tlzoo.workflows import adapt as workflow
    from tlzoo.workflows.ways import USUAL

    request = workflow.AdaptRequest(
        backbone=backbone,
        methods=USUAL if methods is None else tuple(methods),
        end_to_end=tuple(end_to_end),
        epochs=epochs,
        size=size,
        target_labels=target_labels,
        out=Path(out) if out else None,
        seed=seed,
        validation=validation,
        engine=engine,
        data_options=options,
    )
    return workflow.adapt(source, target, request, progress=progress)


def _request(
    backbone: str | None,
    recipe: str,
    out: str | Path | None,
    seed: int,
    validation: float,
    test: float | None,
    engine: str,
    task: TaskName | None,
    options: dict[str, Any],
) -> Any:
    from tlzoo.workflows.train import Request

    return Request(
        backbone=backbone,
        recipe=recipe,
        out=Path(out) if out else None,
        seed=seed,
        validation=validation,
        test=test,
        engine=engine,
        task=task,
        options=options,
    )
