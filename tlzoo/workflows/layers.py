"""`tlzoo layers`: where in a backbone the information about one's own data peaks, and what to freeze.

A probe after each stage (Alain & Bengio, "Understanding intermediate layers using linear classifier probes", 2016,
arXiv:1610.01644), and, on request, each stage tuned alone (Lee et al., "Surgical Fine-Tuning Improves Adaptation to
Distribution Shifts", ICLR 2023, arXiv:2210.11466).
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from tlzoo.progress import Progress
from tlzoo.workflows.prepare import prepare
from tlzoo.workflows.request import Request
from tlzoo.workflows.trials import head_of, journal, trial_context

if TYPE_CHECKING:
    from tlzoo.data.dataset import Dataset
    from tlzoo.plans import Plan
    from tlzoo.training.context import Context

MOST = 2000
"""Training examples that are looked at."""

MEASURES = {"classification": "accuracy", "multilabel": "mean average precision", "regression": "R2"}


@dataclass(frozen=True)
class StageScore:
    """What a probe says after one stage.

    Attributes:
        stage: Its name.
        features: Length of its feature vector.
        score: Cross-validated accuracy, mean average precision or R², by task.
        error: Standard error of the difference from the best stage; 0 for that one.
        tuned: Validation loss after the stage was tuned alone; None where that was not asked for.
        tuned_shown: What training shows beside it (accuracy …), likewise.
    """

    stage: str
    features: int
    score: float
    error: float
    tuned: float | None = None
    tuned_shown: float | None = None


@dataclass(frozen=True)
class Layers:
    """What all stages say.

    Attributes:
        data: Name of the data.
        backbone: Name of the backbone.
        examples: Training examples the probes were cross-validated on.
        measure: What scores are.
        stages: Stem first.
        peak: The stage after which the probe is best.
        enough: The first stage whose probe is not worse than that by two standard errors.
        top: What `--set top=` is suggested: the stages above `enough` train, one at least.
        untuned: Validation loss of the head alone, beside the stages tuned alone; None where that was not asked for.
        surgical: The stage that gains most when it is tuned alone; None if none gains, or it was not asked for.
    """

    data: str
    backbone: str
    examples: int
    measure: str
    stages: tuple[StageScore, ...]
    peak: str
    enough: str
    top: int
    untuned: float | None = None
    surgical: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """Returns everything as JSON can hold it."""
        return asdict(self)

    @property
    def far(self) -> bool:
        """Whether the last stage loses information, beyond noise: then the data is unlike the pretraining data."""
        best, last = max(each.score for each in self.stages), self.stages[-1]
        return best - last.score > 2 * last.error

    @property
    def advice(self) -> str:
        """What the scores mean for freezing, in words."""
        names = [each.stage for each in self.stages]
        if self.peak == names[-1]:
            where = "information rises to the end: features suit this data"
        elif not self.far:
            where = f"the peak, '{self.peak}', and the last stage differ by no more than noise"
        else:
            where = f"what follows '{self.peak}' is made for the pretraining data and loses some of it"
        frozen = names[: len(names) - self.top]
        cut = (
            f"freeze {frozen[0]} to {frozen[-1]}"
            if len(frozen) > 1
            else f"freeze {frozen[0]}"
            if frozen
            else ""
        )
        advice = f"{where}; {cut or 'train all stages'} (top={self.top})."
        if self.untuned is None:
            return advice
        if self.surgical is None:
            return f"{advice} No single stage gains when it is tuned alone."
        return f"{advice} Tuned alone, '{self.surgical}' gains most."

    def write(self, path: Path) -> None:
        """Writes the picture: SVG or PNG, by the file's ending; `.html` for a page with picture and numbers."""
        from tlzoo.evaluation.layers_page import write_page
        from tlzoo.evaluation.pictures import write_stages

        scores = {each.stage: each.score for each in self.stages}
        errors = {each.stage: each.error for each in self.stages}
        if path.suffix == ".html":
            write_page(path, self.to_dict(), self.advice)
        else:
            write_stages(path, scores, errors, self.peak, self.measure)


def layers(
    data: Any,
    request: Request,
    *,
    surgical: bool = False,
    epochs: int = 2,
    most: int = MOST,
    progress: Progress | None = None,
) -> Layers:
    """Probes what each stage of a backbone says of labelled data.

    Args:
        data: Anything `tlzoo.load` takes, or a `Dataset`.
        request: Backbone, data options, seed, and options of `fine_tune` for the surgical check.
        surgical: Whether each stage is tuned alone, too.
        epochs: Of each such tuning.
        most: Training examples that are looked at.
        progress: Told how far things are.

    Raises:
        UsageError: What stages give cannot be seen (modules of TF Hub).
    """
    from tlzoo.features.stages import StageExtractor

    dataset, splits, plan = prepare(data, request)
    random = np.random.default_rng(plan.seed)
    rows = np.sort(random.permutation(splits.train)[:most])
    with trial_context(dataset, splits, plan, progress=progress) as context:
        extractor = StageExtractor(context.backbone, dataset, plan.resize, progress=progress)
        found = probed(dataset, rows, extractor.of(rows))
        tuned, untuned = _tuned_alone(context.without_broken(), plan, epochs) if surgical else ({}, None)
    stages = tuple(
        replace(each, tuned=alone.get("tuned"), tuned_shown=alone.get("shown"))
        for each in found
        for alone in [tuned.get(each.stage, {})]
    )
    losses = {name: each["tuned"] for name, each in tuned.items()}
    gains = {name: loss for name, loss in losses.items() if untuned is not None and loss < untuned}
    peak, enough = _peak(stages)
    return Layers(
        data=dataset.name,
        backbone=plan.backbone,
        examples=len(rows),
        measure=MEASURES[plan.task],
        stages=stages,
        peak=peak,
        enough=enough,
        top=max(1, len(stages) - 1 - [each.stage for each in stages].index(enough)),
        untuned=untuned,
        surgical=min(gains, key=lambda name: gains[name]) if gains else None,
    )


def probed(dataset: Dataset, rows: np.ndarray, features: dict[str, np.ndarray]) -> list[StageScore]:
    """Returns each stage's score, stem first.

    Args:
        dataset: Its labels, and what must not judge each other.
        rows: Examples, int (m,).
        features: float32 (m, d) by stage; rows of NaN are left out.
    """
    from tlzoo.scores.ridge_probe import probe

    sound = np.isfinite(next(iter(features.values()))[:, 0])
    labels = dataset.labels[rows[sound]]
    names = dataset.groups or dataset.digests
    groups = np.unique([names[int(at)] for at in rows[sound]], return_inverse=True)[1]
    probes = {name: probe(each[sound], labels, groups) for name, each in features.items()}
    right = {name: _quality(each.outputs, labels) for name, each in probes.items()}
    best = max(probes, key=lambda name: probes[name].score)
    return [
        StageScore(
            name,
            int(features[name].shape[1]),
            float(each.score),
            float(np.std(right[best] - right[name]) / math.sqrt(len(labels))),
        )
        for name, each in probes.items()
    ]


def _quality(outputs: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Returns how well each example is answered, (n,): right or wrong, the share of labels, or explained variance."""
    if labels.ndim == 2:
        varies = labels.std(axis=0) > 0
        return np.asarray(np.mean((outputs > 0) == (labels[:, varies] > 0), axis=1))
    if np.issubdtype(labels.dtype, np.floating):
        return np.asarray(-np.square(outputs[:, 0] - labels) / max(float(labels.var()), 1e-12))
    return np.asarray(np.unique(labels)[outputs.argmax(axis=1)] == labels, np.float64)


def _peak(stages: tuple[StageScore, ...]) -> tuple[str, str]:
    best = max(stages, key=lambda each: each.score)
    enough = next(each for each in stages if best.score - each.score <= 2 * each.error)
    return best.stage, enough.stage


def _tuned_alone(context: Context, plan: Plan, epochs: int) -> tuple[dict[str, dict[str, float]], float]:
    """Returns validation loss, and what is shown, after each stage was tuned alone, and the loss of the head alone."""
    from tlzoo.backbones.weights import restore, snapshot
    from tlzoo.training.phases import train_stages

    head = head_of(context, plan.phases[:1])
    assert head is not None  # noqa: S101 - `fine_tune` begins with one
    before, tune = snapshot(context.backbone.network.weights), plan.phases[1]
    found = {}
    for name in context.backbone.stage_names:
        rate = tune.rates["head"]
        fields = {
            "name": f"only_{name}",
            "trains": (name, "head"),
            "rates": {name: rate, "head": rate},
            "epochs": epochs,
            "label_smoothing": 0.0,
        }
        phase = tune.model_copy(update=fields)
        train_stages(context, phase, 0, head)
        restore(context.backbone.network.weights, before, origin="before the trial")
        best = min(journal(context, phase.name), key=lambda entry: entry["val_loss"])
        found[name] = {"tuned": best["val_loss"], "shown": best[f"val_{context.task.shown}"]}
    return found, head.val_loss
