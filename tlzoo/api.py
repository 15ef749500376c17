"""The Python front door: the same words as the command line."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tlzoo.backbones.backbone import Backbone
    from tlzoo.data.dataset import Dataset
    from tlzoo.evaluation.compare import Comparison
    from tlzoo.export.predictor import Predictor
    from tlzoo.plans import Plan
    from tlzoo.workflows.run import Run


def load(source: Any, **options: Any) -> Dataset:
    """Loads labelled data.

    Args:
        source: A folder, a CSV file, a DataFrame, arrays, `tf.data` data sets, or a data set's name.
        options: See `tlzoo.data.load.load`.

    Raises:
        DataError: The data cannot be learned from.

    Example:
        >>> load("photos/").counts()  # doctest: +SKIP
        {'cats': 120, 'dogs': 98}
    """
    from tlzoo.data.load import load as load_data

    return load_data(source, **options)


def train(
    data: Any,
    *,
    backbone: str = "efficientnet_lite0",
    recipe: str = "feature_extraction",
    out: str | Path | None = None,
    seed: int = 0,
    validation: float = 0.1,
    test: float | None = None,
    engine: str = "auto",
    progress: Any = None,
    **options: Any,
) -> Run:
    """Trains a classifier and collects the evidence.

    Args:
        data: Anything `load` takes, or what `load` returned.
        backbone: Name of a card; `tlzoo list` shows them.
        recipe: `feature_extraction`, `fine_tune` or `scratch`.
        out: The run folder; by default the next free one under `runs/`.
        seed: Of everything random.
        validation: Share of what is not tested that chooses and calibrates, in (0, 1).
        test: Share held out for the final scores, in (0, 1); by default the data set's own, else 0.2.
        engine: `auto`, `graph` or `litert`.
        progress: Called with (done, total, what).
        options: The recipe's hyper-parameters; a misspelt one is refused with a suggestion.

    Raises:
        TlzooError: Anything a user can mend.

    Example:
        >>> run = train("photos/", recipe="fine_tune", out="runs/first")  # doctest: +SKIP
    """
    from tlzoo.workflows import train as workflow

    request = _request(backbone, recipe, out, seed, validation, test, engine, options)
    return workflow.train(data, request, progress=progress)


def plan(
    data: Any,
    *,
    backbone: str = "efficientnet_lite0",
    recipe: str = "feature_extraction",
    seed: int = 0,
    **options: Any,
) -> Plan:
    """Returns the plan `train` would carry out, and trains nothing.

    Args:
        data: Anything `load` takes.
        backbone: Name of a card.
        recipe: Name of a recipe.
        seed: Of everything random.
        options: The recipe's hyper-parameters.
    """
    from tlzoo.workflows import train as workflow

    return workflow.prepare(data, _request(backbone, recipe, None, seed, 0.1, None, "auto", options))[2]


def resume(path: str | Path, data: Any = None, *, progress: Any = None) -> Run:
    """Goes on with an interrupted run; see `tlzoo.workflows.train.resume`."""
    from tlzoo.workflows import train as workflow

    return workflow.resume(path, data, progress=progress)


def open_run(path: str | Path, data: Any = None) -> Run:
    """Opens a finished run.

    Args:
        path: The run folder.
        data: The data it was trained on, if that was given in memory; data on disk is found again.

    Raises:
        RunError: It is no run folder, the run is not finished, or the data is not what it was.
    """
    from tlzoo.workflows.run import Run

    return Run(path) if data is None else Run.with_data(path, data)


def compare(*runs: Any, metric: str = "accuracy") -> Comparison:
    """Compares runs with bootstrap intervals.

    Args:
        runs: Runs, or their folders; one or more.
        metric: `accuracy`, `balanced_accuracy`, `macro_f1`, `log_loss` or `ece`.
    """
    from tlzoo.evaluation.compare import compare as compare_records
    from tlzoo.evaluation.record import RunRecord

    return compare_records([RunRecord.read(getattr(run, "path", run)) for run in runs], metric)


def load_backbone(
    name: str, *, pretrained: bool = True, size: tuple[int, int] | None = None, seed: int = 0
) -> Backbone:
    """Loads a backbone by name.

    Args:
        name: Name of a card.
        pretrained: False builds the same architecture with random weights.
        size: Height and width in pixels; by default the card's.
        seed: Of the random weights.

    Example:
        >>> backbone = load_backbone("resnet50", pretrained=False)  # doctest: +SKIP
        >>> backbone.freeze(until="conv4")  # doctest: +SKIP
    """
    from tlzoo.backbones.load import load_backbone as load_by_name

    return load_by_name(name, pretrained=pretrained, size=size, seed=seed)


def load_bundle(path: str | Path, *, verify: bool = False) -> Predictor:
    """Loads an exported bundle for use in this process.

    Args:
        path: The bundle's folder (its newest version is taken) or one version of it.
        verify: Whether to check every file against its recorded checksum first.
    """
    from tlzoo.export.predictor import Predictor

    return Predictor.load(Path(path), verify=verify)


def _request(
    backbone: str,
    recipe: str,
    out: str | Path | None,
    seed: int,
    validation: float,
    test: float | None,
    engine: str,
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
        options=options,
    )
