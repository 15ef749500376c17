"""Carries out phases: the only compile() and fit() of the house."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass

import keras
import numpy as np
import tensorflow as tf

from tlzoo.backbones.weights import restore
from tlzoo.data.strata import merged, strata
from tlzoo.plans import Augment, Phase
from tlzoo.training.callbacks.deadline import StopInTime
from tlzoo.training.callbacks.journal import Journal
from tlzoo.training.callbacks.keep_best import KeepBest
from tlzoo.training.callbacks.keep_several import KeepSeveral, Weights
from tlzoo.training.callbacks.progress import TellProgress
from tlzoo.training.callbacks.tensorboard import RunBoard
from tlzoo.training.checkpoints import Checkpoint, WriteCheckpoint, resume
from tlzoo.training.classifiers import classifier, marked, objective, trainable_parts, trained_stages
from tlzoo.training.context import Context
from tlzoo.training.feed import Examples, plain_batches, steps_per_epoch, training_batches
from tlzoo.training.head_path import (
    FOLDS,
    BestOfPath,
    Head,
    Known,
    PathLoss,
    fold_of,
    path_model,
    standardisation,
    with_fold_weights,
)
from tlzoo.training.optimizers import current_rates, make_optimizer, variable_key
from tlzoo.training.pairs import VALIDATION_PAIRS, VALIDATION_SEED, Pairs, pair_batches, pair_model
from tlzoo.training.pseudo import with_pseudo_labels
from tlzoo.training.settling import settling
from tlzoo.training.soup import greedy_soup

log = logging.getLogger("tlzoo")


def train_head(context: Context, phase: Phase, first_epoch: int) -> Head:
    """Trains a linear head on cached features.

    Args:
        context: What the phase may use.
        phase: Its `inputs` are `features`.
        first_epoch: Global number of its first epoch.

    Returns:
        The head that says most of held-out folds (or of the validation split) over penalties and epochs.
    """
    features, targets, weights = _head_examples(context, phase)
    train, validation = context.splits.train, context.splits.validation
    penalties = phase.l2 or (0.0,)
    fold = _folds(context, train)
    folds = 0 if fold is None else int(fold.max()) + 1
    copies = len(features) // len(train)
    targets = with_fold_weights(targets, None if fold is None else np.tile(fold, copies))
    examples = Examples(lambda chosen: features[chosen], features.shape[1:], "float32", targets, weights)
    plain = context.extractor.plain()
    floor = context.task.floor
    model = path_model(features, targets.shape[1] - folds, penalties, folds, floor, context.task.start)
    steps = steps_per_epoch(len(examples), phase.batch_size)
    stage_of = {variable_key(variable): "head" for variable in model.trainable_variables}
    # The steps are so small that leaving the graph after each would take longer than taking them.
    model.compile(
        make_optimizer(phase, stage_of, steps * phase.epochs),
        loss=PathLoss(context.task.each),
        jit_compile=False,
        steps_per_execution=_at_once(steps),
    )
    rates = _rates(phase, model)
    best = BestOfPath(
        penalties,
        Known(features[: len(train)], context.labels[train], fold),
        Known(plain[validation], context.labels[validation]),
        standardisation(features, floor),
        phase.patience,
        context.task.judged,
        context.task.shown,
    )
    callbacks = [best, *_listeners(context, phase, first_epoch, rates, steps)]
    batches = training_batches(
        examples,
        phase.batch_size,
        context.plan.seed,
        Augment(flip="none"),
        first_epoch=0,
        epochs=phase.epochs,
    )
    model.fit(
        batches, steps_per_epoch=steps, epochs=phase.epochs, callbacks=callbacks, shuffle=False, verbose=0
    )
    if best.best is None:
        raise AssertionError("fit() ran no epoch")
    log.info("head: L2 %g, validation loss %.4f", best.best.l2, best.best.val_loss)
    return best.best


def _folds(context: Context, train: np.ndarray) -> np.ndarray | None:
    names = context.dataset.groups or context.dataset.digests
    labels = context.labels[train]
    if context.task.name != "classification":
        labels = merged(strata(labels), FOLDS)
    outputs = len(context.task.class_names)
    return fold_of(labels, [names[index] for index in train], context.plan.seed, outputs=outputs)


def _at_once(steps: int) -> int:
    """Returns the largest divisor of `steps` up to 64; a number that does not divide would run epochs together."""
    return max(count for count in range(1, min(steps, 64) + 1) if steps % count == 0)


def _head_examples(context: Context, phase: Phase) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Returns features (m, d), targets (m, c) and weights (m,), plain and augmented copies together."""
    train = context.splits.train
    parts = [context.extractor.plain()[train]]
    parts += context.extractor.views(train, phase.augment, phase.views, context.plan.seed)
    copies = len(parts)
    targets = np.tile(context.task.targets(context.labels[train]), (copies, 1))
    weights = np.tile(context.weights(train), copies)
    return (parts[0] if copies == 1 else np.concatenate(parts)), targets, weights


def train_stages(context: Context, phase: Phase, first_epoch: int, head: Head | None) -> keras.Model:
    """Trains stages of the backbone, and the head, on what it eats; goes on from a checkpoint if there is one.

    Args:
        context: What the phase may use.
        phase: Its `inputs` are `pixels` or `tokens`.
        first_epoch: Global number of its first epoch.
        head: Where the head begins; None begins at zero.

    Returns:
        The model from pixels, or tokens, to logits, with the weights of the epoch that the phase keeps.
    """
    own = phase.pseudo is None
    train = (
        context.examples(context.splits.train, weighted=True)
        if own
        else with_pseudo_labels(context, phase, head)
    )
    train = marked(train, phase, training=True)
    validation = marked(context.examples(context.splits.validation, weighted=False), phase, training=False)

    def batches(first: int, last: int) -> tf.data.Dataset:
        return training_batches(
            train, phase.batch_size, context.plan.seed, phase.augment, first_epoch=first, epochs=last
        )

    feed = _Feed(
        steps_per_epoch(len(train), phase.batch_size), batches, plain_batches(validation, phase.batch_size)
    )
    loss, metrics = objective(context, phase)
    with trainable_parts(context, phase):
        model = classifier(context, head, phase)
        _fit(context, phase, first_epoch, model, feed, loss, metrics)
    return model


def train_pairs(context: Context, phase: Phase, first_epoch: int) -> None:
    """Tunes stages of the backbone on pairs of examples; goes on from a checkpoint if there is one.

    Args:
        context: What the phase may use.
        phase: Its `inputs` are `pairs`.
        first_epoch: Global number of its first epoch.

    Raises:
        DataError: No pairs can be drawn.
    """
    context.backbone.train(trained_stages(phase), batchnorm=phase.batchnorm)
    inputs, train = context.inputs, context.splits.train
    judging = context.splits.validation
    if not Pairs.possible(context.labels[judging]):
        judging = train  # a handful of validation examples may hold no pair
    pairs, known = Pairs(context.labels[train]), Pairs(context.labels[judging])
    eaten = context.backbone.model.input
    spec = tf.TensorSpec(eaten.shape, eaten.dtype)

    def batches(first: int, last: int) -> tf.data.Dataset:
        seeds = [(context.plan.seed, at, step) for at in range(first, last) for step in range(phase.steps)]
        return pair_batches(lambda at: inputs.read(train[at]), pairs, phase.batch_size, spec, seeds)

    judged = [(VALIDATION_SEED, step) for step in range(max(1, VALIDATION_PAIRS // phase.batch_size))]
    validation = pair_batches(lambda at: inputs.read(judging[at]), known, phase.batch_size, spec, judged)
    feed = _Feed(phase.steps, batches, validation)
    with settling(context, phase):
        _fit(context, phase, first_epoch, pair_model(context.backbone), feed, "mse", [])


@dataclass(frozen=True)
class _Feed:
    """What `fit()` is fed.

    Attributes:
        steps: Of an epoch.
        batches: Gives the training batches of epochs `first` to `last`.
        validation: The same batches after every epoch.
    """

    steps: int
    batches: Callable[[int, int], tf.data.Dataset]
    validation: tf.data.Dataset


def _fit(
    context: Context,
    phase: Phase,
    first_epoch: int,
    model: keras.Model,
    feed: _Feed,
    loss: keras.losses.Loss | str,
    metrics: list[keras.metrics.Metric],
) -> None:
    """Trains to the end of the phase from wherever it was left, and leaves the weights of the epoch it keeps."""
    steps = feed.steps
    optimizer = make_optimizer(phase, stage_of_variables(context, model), steps * phase.epochs)
    model.compile(optimizer, loss=loss, metrics=metrics, jit_compile=False)
    keep_best = KeepBest(phase.patience, last=phase.keep == "last")
    several = KeepSeveral(phase.soup)
    path = context.run.checkpoint(phase.name)
    done, before, over = 0, 0.0, False
    if path.is_file():
        checkpoint = Checkpoint.read(path)
        resume(checkpoint, model, keep_best, several, path)
        done, before, over = checkpoint.epoch, checkpoint.seconds, checkpoint.finished
        log.info("%s goes on after epoch %d", phase.name, done)
    context.run.trim_log(phase.name, done)
    listeners = _listeners(context, phase, first_epoch, _rates(phase, model), steps, before)
    journal = listeners[0]
    writer = WriteCheckpoint(path, keep_best, several, lambda: journal.seconds)
    in_time = [StopInTime(context.deadline)] if context.deadline else []
    callbacks = [*in_time, keep_best, several, *listeners, writer]
    stopped = over or (bool(phase.patience) and keep_best.waited >= phase.patience)
    if done < phase.epochs and not stopped:
        model.fit(
            feed.batches(done, phase.epochs),
            validation_data=feed.validation,
            initial_epoch=done,
            epochs=phase.epochs,
            steps_per_epoch=steps,
            callbacks=callbacks,
            shuffle=False,
            verbose=0,
        )
    else:
        keep_best.set_model(model)
        keep_best.on_train_end()
    if len(several.kept) > 1:
        _stir(context, phase, model, feed.validation, several)


def _stir(
    context: Context, phase: Phase, model: keras.Model, validation: tf.data.Dataset, several: KeepSeveral
) -> None:
    """Leaves the average of those epochs that are better together, and writes down which they were."""

    def judge(weights: Weights) -> float:
        restore(model.weights, weights, origin="soup")
        return float(model.evaluate(validation, verbose=0, return_dict=True)["loss"])

    weights, epochs, loss = greedy_soup(several.kept, judge)
    restore(model.weights, weights, origin="soup")
    facts = {"epochs": epochs, "val_loss": loss, "best_val_loss": several.kept[0][0]}
    context.run.write_json("soup.json", {**context.run.soups, phase.name: facts})
    log.info("%s: soup of epochs %s, validation loss %.4f", phase.name, epochs, loss)


def stage_of_variables(context: Context, model: keras.Model) -> dict[int, str]:
    """Returns the stage of each trainable variable by key; what no stage holds is the head."""
    stages = {
        variable_key(variable): stage.name
        for stage in context.backbone.stages
        for layer in stage.layers
        for variable in layer.variables
    }
    keys = (variable_key(variable) for variable in model.trainable_variables)
    return {key: stages.get(key, "head") for key in keys}


def _rates(phase: Phase, model: keras.Model) -> Callable[[], dict[str, float]]:
    return lambda: current_rates(phase, model.optimizer)


def _listeners(
    context: Context,
    phase: Phase,
    first_epoch: int,
    rates: Callable[[], dict[str, float]],
    steps: int,
    before: float = 0.0,
) -> list[keras.callbacks.Callback]:
    listeners: list[keras.callbacks.Callback] = [
        Journal(context.run.path / "log.jsonl", phase.name, first_epoch, rates, before),
        RunBoard(context.run.path / "tensorboard", phase.name, first_epoch, rates),
    ]
    if context.progress:
        listeners.append(TellProgress(context.progress, phase.name, phase.epochs, steps))
    return listeners
