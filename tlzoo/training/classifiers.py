"""The model a phase trains: the run's classifier, and what stands around it only while it learns."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import keras
import numpy as np

from tlzoo.backbones.taps import stage_taps
from tlzoo.errors import UsageError
from tlzoo.features.statistics import normalisations
from tlzoo.models.assemble import assemble
from tlzoo.models.co_tuning import CoTuningLoss, TargetAccuracy, relationship, with_source_head
from tlzoo.models.lora import lora_targets, low_rank
from tlzoo.models.penalties import Penalised, make_penalty
from tlzoo.models.stochastic import Stochastic
from tlzoo.plans import Phase
from tlzoo.sources.heads import Head as SourceHead
from tlzoo.sources.heads import source_head
from tlzoo.training.context import Context
from tlzoo.training.feed import Examples
from tlzoo.training.head_path import Head
from tlzoo.training.settling import settling


def trained_stages(phase: Phase) -> list[str]:
    """Returns the stages of the backbone that a phase trains, stem first."""
    return [stage for stage in phase.trains if stage != "head"]


@contextlib.contextmanager
def trainable_parts(context: Context, phase: Phase) -> Iterator[None]:
    """Lets train what a phase trains, and BatchNorm settle; low-rank changes, where it has some, are merged at the end.

    Args:
        context: What the phase may use.
        phase: Says which stages, and how.
    """
    stages = trained_stages(phase)
    context.backbone.train(stages, batchnorm="frozen" if phase.batchnorm == "frozen" else "train")
    lora = low_rank(context.backbone, stages, phase.lora) if phase.lora else contextlib.nullcontext()
    with settling(context, phase), lora:
        yield


def classifier(context: Context, head: Head | None, phase: Phase | None = None) -> keras.Model:
    """Returns the model from what the backbone eats to logits.

    Args:
        context: What the phase may use; the backbone is frozen as the phase says.
        head: What its head is filled with; None leaves it new.
        phase: Says what stands around it while training; None for the model that training leaves.
    """
    layer = context.task.head()
    body = None if phase is None else _body(context, phase, layer)
    model = assemble(context.backbone, layer, dropout=phase.dropout if phase else 0.0, body=body)
    if head is not None:
        layer.kernel.assign(head.kernel)
        layer.bias.assign(head.bias)
    if phase is not None and phase.co_tuning:
        return with_source_head(model, *_source_head(context))
    return model


def objective(context: Context, phase: Phase) -> tuple[Any, list[Any]]:
    """Returns the loss of a phase, and what is shown beside it."""
    task, loss = context.task, context.task.loss(phase.label_smoothing)
    if not phase.co_tuning:
        return loss, task.metrics()
    train = context.splits.train
    kernel, bias = _source_head(context)
    logits = np.asarray(context.extractor.plain()[train]) @ kernel + bias
    related = relationship(logits, task.targets(context.labels[train]))
    return CoTuningLoss(loss, related, phase.co_tuning), [TargetAccuracy(len(related))]


def marked(examples: Examples, phase: Phase, *, training: bool) -> Examples:
    """Returns examples whose targets say whether the source's head learns from them, if the phase has one.

    Args:
        examples: With targets (n, c).
        phase: May have a source's head.
        training: False for examples that only judge the target's head.
    """
    if not phase.co_tuning:
        return examples
    column = np.full((len(examples), 1), float(training), np.float32)
    return examples.with_targets(np.concatenate([examples.targets, column], axis=1))


def refuse_impossible(context: Context) -> None:
    """Raises what phases would, for want of something in the backbone, before any time is spent.

    Args:
        context: With its backbone loaded.

    Raises:
        UsageError: A phase wants what the backbone does not have.
    """
    backbone = context.backbone
    for phase in context.plan.phases:
        if phase.co_tuning:
            _source_head(context)
        if phase.lora:
            lora_targets(backbone, trained_stages(phase), phase.lora)
        if phase.penalty and phase.penalty.kind == "delta":
            stage_taps(backbone, trained_stages(phase))
        if phase.batchnorm == "stochastic" and not normalisations(backbone):
            raise UsageError(
                f"{backbone.card.name} has no BatchNormalization, and batchnorm=stochastic.",
                allowed="networks that have (EfficientNet, ResNet, MobileNet …).",
                do="Use fine_tune.",
            )


def _body(context: Context, phase: Phase, head: keras.layers.Layer) -> keras.layers.Layer:
    backbone, body = context.backbone, context.backbone.model
    if phase.batchnorm == "stochastic":
        body = Stochastic(body, normalisations(backbone), phase.batch_share, context.plan.seed)
    if penalty := phase.penalty:
        source = context.pretrained if penalty.kind != "bss" else None
        term = make_penalty(penalty, backbone, source, trained_stages(phase), head)
        body = Penalised(body, term)
    return body


def _source_head(context: Context) -> SourceHead:
    card = context.backbone.card
    found = source_head(card) if context.plan.pretrained else None
    if found is None:
        raise UsageError(
            f"{card.name}: the classifier it was pretrained with is not at hand, and co_tuning goes on training it.",
            allowed="efficientnet_lite0 … 4, or a `keras-app` backbone whose whole network Keras has in its cache.",
            do="Use another backbone, or l2_sp, which needs no such classifier.",
        )
    return found
