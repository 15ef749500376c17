"""Carries out phases: the only compile() and fit() of the house."""

from __future__ import annotations

import logging
from collections.abc import Callable

import keras
import numpy as np

from tlzoo.models.assemble import assemble
from tlzoo.plans import Augment, Phase
from tlzoo.training.callbacks.journal import Journal
from tlzoo.training.callbacks.keep_best import KeepBest
from tlzoo.training.callbacks.progress import TellProgress
from tlzoo.training.callbacks.tensorboard import RunBoard
from tlzoo.training.checkpoints import Checkpoint, WriteCheckpoint, resume
from tlzoo.training.context import Context
from tlzoo.training.feed import Examples, plain_batches, steps_per_epoch, training_batches
from tlzoo.training.head_path import BestOfPath, Head, path_loss, path_model, standardisation
from tlzoo.training.optimizers import current_rates, make_optimizer, variable_key

log = logging.getLogger("tlzoo")


def train_head(context: Context, phase: Phase, first_epoch: int) -> Head:
    """Trains a linear head on cached features.

    Args:
        context: What the phase may use.
        phase: Its `inputs` are `features`.
        first_epoch: Global number of its first epoch.

    Returns:
        The head with the smallest validation loss over penalties and epochs.
    """
    features, targets, weights = _head_examples(context, phase)
    examples = Examples(lambda chosen: features[chosen], features.shape[1:], "float32", targets, weights)
    plain = context.extractor.plain()
    penalties = phase.l2 or (0.0,)
    model = path_model(features, targets.shape[1], penalties)
    steps = steps_per_epoch(len(examples), phase.batch_size)
    stage_of = {variable_key(variable): "head" for variable in model.trainable_variables}
    # The steps are so small that leaving the graph after each would take longer than taking them.
    model.compile(
        make_optimizer(phase, stage_of, steps * phase.epochs),
        loss=path_loss,
        jit_compile=False,
        steps_per_execution=_at_once(steps),
    )
    rates = _rates(phase, model)
    train, validation = context.splits.train, context.splits.validation
    best = BestOfPath(
        penalties,
        (features[: len(train)], context.labels[train]),
        (plain[validation], context.labels[validation]),
        standardisation(features),
        phase.patience,
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


def _at_once(steps: int) -> int:
    """Returns the largest divisor of `steps` up to 64; a number that does not divide would run epochs together."""
    return max(count for count in range(1, min(steps, 64) + 1) if steps % count == 0)


def _head_examples(context: Context, phase: Phase) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Returns features (m, d), one-hot targets (m, c) and weights (m,), plain and augmented copies together."""
    train = context.splits.train
    parts = [context.extractor.plain()[train]]
    parts += context.extractor.views(train, phase.augment, phase.views, context.plan.seed)
    copies = len(parts)
    targets = np.tile(context.task.targets(context.labels[train]), (copies, 1))
    weights = np.tile(context.weights(train), copies)
    return (parts[0] if copies == 1 else np.concatenate(parts)), targets, weights


def train_pixels(context: Context, phase: Phase, first_epoch: int, head: Head | None) -> keras.Model:
    """Trains stages of the backbone, and the head, on images; goes on from a checkpoint if there is one.

    Args:
        context: What the phase may use.
        phase: Its `inputs` are `pixels`.
        first_epoch: Global number of its first epoch.
        head: Where the head begins; None begins at zero.

    Returns:
        The model from pixels to logits, with the best epoch's weights.
    """
    model = classifier(context, head, dropout=phase.dropout)
    stages = [stage for stage in phase.trains if stage != "head"]
    context.backbone.train(stages, batchnorm=phase.batchnorm)
    train = context.examples(context.splits.train, weighted=True)
    steps = steps_per_epoch(len(train), phase.batch_size)
    optimizer = make_optimizer(phase, _stage_of(context, model), steps * phase.epochs)
    model.compile(
        optimizer,
        loss=context.task.loss(phase.label_smoothing),
        metrics=context.task.metrics(),
        jit_compile=False,
    )
    keep_best = KeepBest(phase.patience)
    path = context.run.checkpoint(phase.name)
    done, before = 0, 0.0
    if path.is_file():
        checkpoint = Checkpoint.read(path)
        resume(checkpoint, model, keep_best, path)
        done, before = checkpoint.epoch, checkpoint.seconds
        log.info("%s goes on after epoch %d", phase.name, done)
    context.run.trim_log(phase.name, done)
    listeners = _listeners(context, phase, first_epoch, _rates(phase, model), steps, before)
    journal = listeners[0]
    callbacks = [keep_best, *listeners, WriteCheckpoint(path, keep_best, lambda: journal.seconds)]
    stopped = bool(phase.patience) and keep_best.waited >= phase.patience
    if done < phase.epochs and not stopped:
        model.fit(
            training_batches(
                train,
                phase.batch_size,
                context.plan.seed,
                phase.augment,
                first_epoch=done,
                epochs=phase.epochs,
            ),
            validation_data=plain_batches(
                context.examples(context.splits.validation, weighted=False), phase.batch_size
            ),
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
    return model


def classifier(context: Context, head: Head | None, *, dropout: float = 0.0) -> keras.Model:
    """Returns the model from pixels to logits, its head filled if one is given."""
    layer = context.task.head()
    model = assemble(context.backbone, layer, dropout=dropout)
    if head is not None:
        layer.kernel.assign(head.kernel)
        layer.bias.assign(head.bias)
    return model


def _stage_of(context: Context, model: keras.Model) -> dict[int, str]:
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
