"""What an adaptation leaves behind: an ordinary run, and the evidence of how it was chosen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from tlzoo.adaptation.distances import distances
from tlzoo.adaptation.heads import Linear
from tlzoo.adaptation.label_shift import bbse, saerens
from tlzoo.metrics.classification import Scores, majority_scores, score
from tlzoo.workflows.adapt_plan import without_tuning
from tlzoo.workflows.request import Request, config_of, source_of, write_splits

if TYPE_CHECKING:
    from tlzoo.data.dataset import Dataset
    from tlzoo.data.splits import Splits
    from tlzoo.plans import Plan
    from tlzoo.training.rundir import RunDir
    from tlzoo.workflows.adapt import AdaptRequest, Tried
    from tlzoo.workflows.domains import Pair, Sight

RULE = (
    "the way that agrees most with all ways together, each heard as far as it is trusted: the product of two kappas, "
    "between heads of both halves of the data on the target, and on the source of heads learned back from the target's "
    "pseudo-labels. None of it sees a label of the target"
)
MUCH = 0.05
"""A recall that falls by more counts as hurt."""


@dataclass(frozen=True)
class Finished:
    """Everything an adaptation knows at its end.

    Attributes:
        sight: Features of both domains.
        splits: Of the source.
        tried: Everything that was tried.
        chosen: What was chosen of it.
        request: What was asked for.
        plan: What the run says it did.
        weights_hash: Of the backbone as it was loaded.
    """

    sight: Sight
    splits: Splits
    tried: Sequence[Tried]
    chosen: Tried
    request: AdaptRequest
    plan: Plan
    weights_hash: str

    @property
    def pair(self) -> Pair:
        """Both domains."""
        return self.sight.pair


def write_run(folder: RunDir, done: Finished, command: str, started: float) -> None:
    """Writes a finished run's folder.

    Args:
        folder: Empty.
        done: What happened.
        command: The line that does it again.
        started: `time.perf_counter()` when it began.
    """
    from tlzoo.workflows.evidence import write_evidence

    if not done.chosen.way.features.startswith("end_to_end"):
        done = replace(done, plan=without_tuning(done.plan))
    told = evidence(done)
    dataset, splits = judged_data(done.pair, done.splits)
    folder.write_json("card.json", done.sight.backbone.card.model_dump(mode="json"))
    folder.write_json("plan.json", done.plan.model_dump(mode="json"))
    folder.write_json("labels.json", list(dataset.class_names))
    write_splits(folder, dataset, splits)
    folder.write_json("config.json", _config(done, dataset, splits, command))
    folder.write_json("adaptation.json", told)
    context, outcome = _outcome(folder, done, dataset, splits)
    write_evidence(context, outcome, started)


def judged_data(pair: Pair, splits: Splits) -> tuple[Dataset, Splits]:
    """Returns the run's data set and its splits.

    A labelled target is the test split. Without labels nothing of it can be judged, so the test split is what the
    source held out: what the adapted model still says of the source.

    Args:
        pair: Both domains.
        splits: Of the source.
    """
    from tlzoo.data.join import join
    from tlzoo.data.splits import Splits

    if not pair.labelled:
        return pair.source, Splits(splits.train, splits.validation, splits.validation)
    count = len(pair.source)
    test = np.arange(count, count + len(pair.target))
    return join(pair.source, pair.target), Splits(splits.train, splits.validation, test)


def evidence(done: Finished) -> dict[str, Any]:
    """Returns what `adaptation.json` holds: what was tried, trusted and found.

    Args:
        done: What happened.
    """
    pair, chosen = done.pair, done.chosen
    truth = _truth(pair)
    rows = [_row(done, each, truth) for each in best_of_each(done.tried)]
    found: dict[str, Any] = {
        "source": {"name": pair.titles[0], "n": len(pair.source)},
        "target": {"name": pair.titles[1], "n": len(pair.target), "labels": pair.labelled},
        "rule": RULE,
        "tried": len(done.tried),
        "chosen": {"way": chosen.way.name, **asdict(chosen.way)},
        "ways": rows,
        "distances": _distances(done),
        "label_shift": _label_shift(done, truth),
    }
    if truth is not None:
        names = pair.source.class_names
        found["majority"] = majority_scores(truth, truth, names).accuracy
        found["hurt"] = hurt(rows)
    return found


def best_of_each(tried: Sequence[Tried]) -> list[Tried]:
    """Returns the penalty of each way that agrees most with all together, in the order in which they were tried."""
    best: dict[str, Tried] = {}
    for each in tried:
        if each.way.name not in best or each.consensus > best[each.way.name].consensus:
            best[each.way.name] = each
    return list(best.values())


def hurt(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """Returns a sentence for each class that the chosen way finds less often than learning from the source alone."""
    alone = next(row for row in rows if row["way"] == "source only")["scores"]
    mine = next(row for row in rows if row["chosen"])["scores"]
    return [
        f"{name}: recall {alone['recall'][name]:.2f} from the source alone, {recall:.2f} adapted"
        for name, recall in mine["recall"].items()
        if recall is not None and recall < alone["recall"][name] - MUCH
    ]


def _truth(pair: Pair) -> np.ndarray | None:
    from tlzoo.data.join import places

    return places(pair.source, pair.target)[pair.target.labels] if pair.labelled else None


def _row(done: Finished, each: Tried, truth: np.ndarray | None) -> dict[str, Any]:
    names = done.pair.source.class_names
    said = each.said
    shares = np.bincount(said.argmax(axis=1), minlength=len(names)) / len(said)
    return {
        "way": each.way.name,
        **asdict(each.way),
        "chosen": each.way.name == done.chosen.way.name,
        "trust": each.trust.to_dict(),
        "consensus": each.consensus,
        "decided": dict(zip(names, shares.tolist(), strict=True)),
        "scores": None if truth is None else _told(score(truth, said, names)),
    }


def _told(scores: Scores) -> dict[str, Any]:
    return {
        "accuracy": scores.accuracy,
        "balanced_accuracy": scores.balanced_accuracy,
        "recall": {each.name: each.recall for each in scores.per_class},
    }


def _distances(done: Finished) -> dict[str, dict[str, float]]:
    """Returns distances as the source alone sees both domains, and in the space that was chosen."""
    from tlzoo.adaptation.maps import none

    source, target = done.sight.features("plain")
    before = none(source, target)
    features = done.sight.features(done.chosen.way.features)
    after = _alignment(done.chosen, *features)
    seed = done.request.seed
    return {
        "before": distances(before.source(source), before.target(target), seed).to_dict(),
        "after": distances(after.source(features[0]), after.target(features[1]), seed).to_dict(),
    }


def _alignment(chosen: Tried, source: np.ndarray, target: np.ndarray) -> Any:
    from tlzoo.workflows.ways import ALIGNMENTS

    return ALIGNMENTS[chosen.way.align](source, target)


def _label_shift(done: Finished, truth: np.ndarray | None) -> dict[str, dict[str, float]]:
    """Returns shares of the classes: in the source, estimated for the target, and there if they are known."""
    names, labels = done.pair.source.class_names, done.pair.source.labels
    source, target = done.sight.features(done.chosen.way.features)
    held = done.splits.validation
    said, guessed = (
        done.chosen.adapted.source.probabilities(source[held]),
        done.chosen.adapted.target.probabilities(target),
    )
    found = {"source": np.bincount(labels, minlength=len(names)) / len(labels)}
    if len(np.unique(labels[held])) == len(names):
        found["bbse"] = bbse(said, labels[held], guessed)
    # Heads weigh classes alike, so equal shares are what their probabilities presume.
    found["saerens"] = saerens(guessed, np.full(len(names), 1.0 / len(names)))
    if truth is not None:
        found["target"] = np.bincount(truth, minlength=len(names)) / len(truth)
    return {key: dict(zip(names, shares.tolist(), strict=True)) for key, shares in found.items()}


def _config(done: Finished, dataset: Dataset, splits: Splits, command: str) -> dict[str, Any]:
    request, pair = done.request, done.pair
    asked = Request(
        backbone=done.plan.backbone,
        recipe=done.plan.recipe,
        seed=request.seed,
        validation=request.validation,
        engine=request.engine,
        options=_options(request),
        data_options=request.data_options,
    )
    config = config_of(dataset, splits, asked, command)
    config["data"]["name"] = f"{pair.titles[0]}-to-{pair.titles[1]}".replace(":", "_")
    config["target"] = {
        "name": pair.target.name,
        "source": source_of(pair.target),
        "options": dict(pair.target.options),
        "labels": pair.labelled,
        "n": len(pair.target),
        "chosen": done.chosen.way.name,
    }
    return {**config, "weights_hash": done.weights_hash}


def _options(request: AdaptRequest) -> dict[str, Any]:
    """Returns the options that say something: those of tuning only where something was tuned."""
    found: dict[str, Any] = {"methods": list(request.methods)}
    if request.size is not None:
        found["size"] = request.size
    if request.end_to_end:
        found |= {"end_to_end": list(request.end_to_end), "epochs": request.epochs}
    return found


def _outcome(folder: RunDir, done: Finished, dataset: Dataset, splits: Splits) -> tuple[Any, Any]:
    """Returns context and outcome as `run_plan` would have left them: one Dense head on one backbone."""
    from tlzoo.backbones.weights import snapshot, write_arrays
    from tlzoo.tasks.task import task_of
    from tlzoo.training.classifiers import classifier
    from tlzoo.training.context import Context
    from tlzoo.training.head_path import Head
    from tlzoo.training.runner import Outcome

    source, target = done.sight.features(done.chosen.way.features)
    done.sight.settle(done.chosen.way.features)
    context = Context(
        plan=done.plan,
        run=folder,
        backbone=done.sight.backbone,
        dataset=dataset,
        splits=splits,
        task=task_of("classification", dataset.class_names, dataset.labels),
        progress=done.sight.progress,
        engine=done.request.engine,
    )
    served = done.chosen.adapted.target
    model = classifier(context, _head(served, Head))
    write_arrays(folder.weights_file, snapshot(model.weights))
    tested = target if done.pair.labelled else source[splits.test]
    logits = {
        # The source's own side: that is what calibration and trust rest on.
        "validation": done.chosen.adapted.source.logits(source[splits.validation]).astype(np.float32),
        "test": served.logits(tested).astype(np.float32),
    }
    return context, Outcome(splits, model, logits, tested, {}, None)


def _head(linear: Linear, kind: Any) -> Any:
    return kind(linear.kernel.astype(np.float32), linear.bias.astype(np.float32), 0.0, 0.0)
