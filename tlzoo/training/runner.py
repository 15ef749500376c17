"""The interpreter of plans: phases in order, nothing lost when it is killed, nothing moved that should not."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass

import keras
import numpy as np

from tlzoo.backbones.weights import read_arrays, restore, snapshot, weights_digest, write_arrays
from tlzoo.data.splits import Splits
from tlzoo.errors import RunError
from tlzoo.features.engines import GraphEngine
from tlzoo.plans import Phase
from tlzoo.training.context import Context
from tlzoo.training.head_path import Head
from tlzoo.training.phases import classifier, train_head, train_pixels

log = logging.getLogger("tlzoo")


@dataclass(frozen=True)
class Outcome:
    """What training gives.

    Attributes:
        splits: What was trained, validated and tested on, broken images left out.
        model: From float32 pixels (b, h, w, 3) in 0..255 to logits (b, c).
        logits: `{split: float32 (m, c)}` for validation and test, in the order of the splits.
        features: Features float32 (m, d) of the test split.
        seconds: Seconds by phase, and of the final pass under `predict`.
        l2: The penalty of the head that was kept, if one was chosen.
    """

    splits: Splits
    model: keras.Model
    logits: dict[str, np.ndarray]
    features: np.ndarray
    seconds: dict[str, float]
    l2: float | None


def run_plan(context: Context) -> Outcome:
    """Carries out a plan, from the last checkpoint if there is one.

    Args:
        context: What the phases may use.

    Returns:
        The trained model and what it says of validation and test.

    Raises:
        RunError: A weight that should have stayed frozen has moved.
    """
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
        else:
            model = train_pixels(context, phase, first_epoch, head)
        seconds[phase.name] = round(time.perf_counter() - start, 2)
        first_epoch += phase.epochs
    if _frozen_digest(context) != before:
        raise RunError(
            "Weights that should have stayed frozen have moved.", do="Report this: it is a defect of tlzoo."
        )
    model = classifier(context, head) if model is None else _without_dropout(context, model)
    start = time.perf_counter()
    logits, features = _predict(context, model)
    seconds["predict"] = round(time.perf_counter() - start, 2)
    write_arrays(context.run.weights_file, snapshot(model.weights))
    return Outcome(context.splits, model, logits, features, seconds, head.l2 if head else None)


def load_model(context: Context) -> keras.Model:
    """Returns the trained model of a finished run.

    Raises:
        WeightsError: The weights do not fit completely.
    """
    model = classifier(context, None)
    file = context.run.weights_file
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
    backbone = context.backbone
    trained = {stage for phase in context.plan.phases for stage in phase.trains}
    moves_statistics = any(
        phase.batchnorm == "train" for phase in context.plan.phases if phase.inputs == "pixels"
    )
    still = [
        v
        for stage in backbone.stages
        if stage.name not in trained
        for layer in stage.layers
        for v in layer.variables
    ]
    if not moves_statistics:
        still += [v for layer in backbone.batchnorms() for v in layer.variables]
    unique = {id(variable): variable for variable in still}
    return weights_digest([v for v in backbone.network.weights if id(v) in unique])


def _without_dropout(context: Context, model: keras.Model) -> keras.Model:
    """Returns the same weights without the dropout layer, so that a run's model has one form."""
    kernel, bias = (keras.ops.convert_to_numpy(weight) for weight in model.get_layer("head").weights)
    return classifier(context, Head(kernel, bias, 0.0, 0.0))


def _predict(context: Context, model: keras.Model) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Returns logits of validation and test, and features of test, without a pass if the backbone is untouched."""
    kernel, bias = (keras.ops.convert_to_numpy(weight) for weight in model.get_layer("head").weights)
    untouched = all(phase.inputs == "features" for phase in context.plan.phases)
    splits = {"validation": context.splits.validation, "test": context.splits.test}
    if untouched:
        plain = context.extractor.plain()
        features = {name: np.asarray(plain[indices]) for name, indices in splits.items()}
    else:
        engine = GraphEngine(context.backbone)
        features = {name: _pass(context, engine, indices) for name, indices in splits.items()}
    logits = {name: (values @ kernel + bias).astype(np.float32) for name, values in features.items()}
    return logits, features["test"]


def _pass(context: Context, engine: GraphEngine, indices: np.ndarray) -> np.ndarray:
    step = engine.batch_size
    parts = [engine(context.pixels.read(indices[at : at + step])) for at in range(0, len(indices), step)]
    return np.concatenate(parts) if parts else np.zeros((0, context.backbone.card.features), np.float32)
