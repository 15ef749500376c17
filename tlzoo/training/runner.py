"""The interpreter of plans: phases in order, nothing lost when it is killed, nothing moved that should not."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass, replace

import keras
import numpy as np

from tlzoo.backbones.backbone import Backbone
from tlzoo.backbones.weights import read_arrays, restore, snapshot, weights_digest, write_arrays
from tlzoo.data.splits import Splits
from tlzoo.errors import RunError
from tlzoo.models.assemble import assemble
from tlzoo.models.lora import lora_targets
from tlzoo.plans import Phase
from tlzoo.tasks.task import task_of
from tlzoo.training.classifiers import classifier, refuse_impossible, trained_stages
from tlzoo.training.context import Context
from tlzoo.training.head_path import Head
from tlzoo.training.passes import features_now
from tlzoo.training.phases import train_head, train_pairs, train_stages
from tlzoo.training.rundir import RunDir

log = logging.getLogger("tlzoo")


@dataclass(frozen=True)
class Outcome:
    """What training gives.

    Attributes:
        splits: What was trained, validated and tested on, broken images left out.
        model: From float32 pixels (b, h, w, 3) in 0..255, or tokens (b, t), to logits (b, c), or numbers (b, 1).
        logits: `{split: float32 (m, c)}` for each split that was asked about, in the order of the split.
        features: Features float32 (m, d) of the test split; of no example if nothing was asked about it.
        seconds: Seconds by phase, and of the final pass under `predict`.
        l2: The penalty of the head that was kept, if one was chosen.
    """

    splits: Splits
    model: keras.Model
    logits: dict[str, np.ndarray]
    features: np.ndarray
    seconds: dict[str, float]
    l2: float | None


def run_plan(context: Context, asked: tuple[str, ...] = ("validation", "test")) -> Outcome:
    """Carries out a plan, from the last checkpoint if there is one.

    Args:
        context: What the phases may use.
        asked: Splits that the model is asked about in the end; trials leave `test` out.

    Returns:
        The trained model and what it says of validation and test.

    Raises:
        UsageError: The backbone lacks what the plan asks of it.
        RunError: A weight that should have stayed frozen has moved.
    """
    refuse_impossible(context)
    context = context.without_broken()
    before = _frozen_digest(context)
    head: Head | None = None
    model: keras.Model | None = None
    seconds: dict[str, float] = {}
    first_epoch = 0
    for phase in context.plan.phases:
        start = time.perf_counter()
        if phase.inputs == "features":
            head = _head(context, phase, first_epoch)
        elif phase.inputs == "pairs":
            train_pairs(context, phase, first_epoch)
            context = context.tuned()
        else:
            begun = head if model is None else _head_of(model)
            model = train_stages(context, phase, first_epoch, begun)
        seconds[phase.name] = round(time.perf_counter() - start, 2)
        first_epoch += phase.epochs
    if _frozen_digest(context) != before:
        raise RunError(
            "Weights that should have stayed frozen have moved.", do="Report this: it is a defect of tlzoo."
        )
    model = _finished(context, head if model is None else _head_of(model))
    start = time.perf_counter()
    logits, features = _predict(context, model, asked)
    seconds["predict"] = round(time.perf_counter() - start, 2)
    write_arrays(context.run.weights_file, snapshot(model.weights))
    return Outcome(context.splits, model, logits, features, seconds, head.l2 if head else None)


def load_model(run: RunDir, backbone: Backbone) -> keras.Model:
    """Returns the trained model of a finished run; its data is not needed.

    Args:
        run: Its folder.
        backbone: As its plan wants it; gets the weights that training left.

    Raises:
        WeightsError: The weights do not fit completely.
    """
    model = assemble(backbone, task_of(run.plan.task, run.labels, None).head())
    file = run.weights_file
    restore(model.weights, read_arrays(file), origin=str(file))
    return model


def _head(context: Context, phase: Phase, first_epoch: int) -> Head:
    """Trains the head, or reads it if an interrupted run had finished this phase."""
    path = context.run.checkpoint(phase.name)
    if path.is_file():
        kept = read_arrays(path)
        return Head(kept["kernel"], kept["bias"], float(kept["l2"]), float(kept["val_loss"]))
    context.run.trim_log(phase.name, 0)
    head = train_head(context, phase, first_epoch)
    numbers = {"l2": np.array(head.l2), "val_loss": np.array(head.val_loss)}
    write_arrays(path, {"kernel": head.kernel, "bias": head.bias, **numbers})
    return head


def _frozen_digest(context: Context) -> str:
    """Digest of every weight that no phase may move."""
    may_move = {id(variable) for phase in context.plan.phases for variable in _may_move(context, phase)}
    return weights_digest([v for v in context.backbone.network.weights if id(v) not in may_move])


def _may_move(context: Context, phase: Phase) -> list[keras.Variable]:
    """Returns the weights that a phase may move: kernels with low-rank changes, or all of its stages."""
    backbone, names = context.backbone, trained_stages(phase)
    if phase.lora:
        return [layer.kernel for layer in lora_targets(backbone, names, phase.lora).values()]
    variables = [
        v
        for stage in backbone.stages
        if stage.name in names
        for layer in stage.layers
        for v in layer.variables
    ]
    if phase.batchnorm != "frozen":
        return variables
    still = {id(v) for layer in backbone.batchnorms() for v in layer.variables}
    return [v for v in variables if id(v) not in still]


def _head_of(model: keras.Model) -> Head:
    kernel, bias = (keras.ops.convert_to_numpy(weight) for weight in model.get_layer("head").weights)
    return Head(kernel, bias, 0.0, 0.0)


def _finished(context: Context, head: Head | None) -> keras.Model:
    """Returns the model with a trained head, without dropout, so that a run's model has one form."""
    if head is None:
        return classifier(context, None)
    kernel, bias = context.task.in_units(head.kernel, head.bias)
    return classifier(context, replace(head, kernel=kernel, bias=bias))


def _predict(
    context: Context, model: keras.Model, asked: tuple[str, ...]
) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Returns logits of splits, and features of test, without a pass if the backbone is untouched."""
    head = _head_of(model)
    untouched = all(phase.inputs == "features" for phase in context.plan.phases)
    splits = {name: indices for name, indices in context.splits.items() if name in asked}
    if untouched:
        plain = context.extractor.plain()
        features = {name: np.asarray(plain[indices]) for name, indices in splits.items()}
    else:
        features = {name: features_now(context, indices) for name, indices in splits.items()}
    logits = {name: head.logits(values) for name, values in features.items()}
    return logits, features.get("test", np.zeros((0, context.backbone.card.features), np.float32))
