"""Fine-tuning: the head first, then the backbone from the top down to a chosen stage.

When to use it: some hundreds of examples or more, or data unlike the pretraining data. When it loses: very few
examples, and test data from elsewhere than the training data, where it distorts features that a plain head would
have kept (Kumar et al., "Fine-Tuning can Distort Pretrained Features", ICLR 2022; starting from a trained head, as
here, is their remedy).

Earlier stages move at lower rates (Howard & Ruder, ULMFiT, ACL 2018; fastai's `fine_tune`); rates warm up and
fall along a half cosine; BatchNorm keeps its statistics unless asked.
"""

from __future__ import annotations

from tlzoo.cards import BackboneCard
from tlzoo.errors import UsageError
from tlzoo.plans import LongText, Phase, Plan, Resize
from tlzoo.recipes.facts import Facts, Symmetry
from tlzoo.recipes.modality import augmented, eaten, seen
from tlzoo.recipes.options import (
    L2_GRID,
    Batchnorm,
    ClassWeights,
    Keep,
    Optimizer,
    Schedule,
    head_batch,
    ladder,
)

RATES = {"image": 3e-4, "text": 1e-4}
"""Peak rates: convolutional networks with frozen statistics stand more than small transformers."""

FEW = 200
"""Validation examples below which the epoch of a classifier of texts is not chosen by them.

Their loss rises with over-confidence, which calibration undoes, while accuracy still does: it chooses early epochs,
and by so few examples at random.
"""


def fine_tune(
    card: BackboneCard,
    facts: Facts,
    *,
    size: tuple[int, int] | None = None,
    resize: Resize = "stretch",
    length: int | None = None,
    long_text: LongText = "head",
    top: int | None = None,
    head_epochs: int = 30,
    epochs: int = 8,
    batch_size: int = 32,
    rate: float | None = None,
    rate_ratio: float = 0.3,
    optimizer: Optimizer = "adamw",
    schedule: Schedule = "cosine",
    warmup: float = 0.1,
    weight_decay: float = 0.01,
    label_smoothing: float = 0.1,
    dropout: float = 0.0,
    clip_norm: float = 1.0,
    symmetry: Symmetry | None = None,
    crop: float = 1.0,
    brightness: float = 0.0,
    contrast: float = 0.0,
    mixup: float = 0.0,
    batchnorm: Batchnorm = "frozen",
    patience: int = 0,
    keep: Keep | None = None,
    class_weights: ClassWeights = "none",
    seed: int = 0,
) -> Plan:
    """Plans a head on cached features, then training of the top stages on pixels or tokens.

    Args:
        card: The backbone.
        facts: The data.
        size: Height and width of images in pixels; by default the card's.
        resize: How images get that size.
        length: Most tokens of a text that are looked at; by default the card's, at most 256.
        long_text: What becomes of longer texts: their `head` is kept, or `head_tail`, or all in `chunks`.
        top: How many stages train, counted from the top; 0 trains all of them. By default the upper two thirds: the
            lowest stages are the most general (Yosinski et al., NeurIPS 2014) and cost the most to train.
        head_epochs: Passes of the head over cached features before anything else moves.
        epochs: Passes over the examples.
        batch_size: Examples a step.
        rate: Peak learning rate of the head and the top stage; by default `RATES` of the modality.
        rate_ratio: Rate of the lowest trained stage as a share of `rate`.
        optimizer: `adamw` or `sgd`.
        schedule: Shape of the rates after warm-up.
        warmup: Share of the steps over which rates rise.
        weight_decay: Decoupled decay of kernels.
        label_smoothing: Share of each label spread over all classes.
        dropout: Share of features dropped before the head.
        clip_norm: Largest global norm of the gradient; 0 leaves it alone.
        symmetry: Mirrorings and turns to train with: `none`, `horizontal`, or `dihedral` (all eight of the
            square, where up means nothing: cells, satellite pictures); by default what the data says.
        crop: Smallest share of the area a random crop keeps.
        brightness: Largest random shift, as a share of the full range.
        contrast: Largest random relative change.
        mixup: Alpha of the blending of pairs; 0 blends nothing.
        batchnorm: `frozen`, or `train` to let trained stages update their statistics.
        patience: Epochs without gain before training stops; 0 never stops early.
        keep: Which epoch's weights are kept: the `best` by validation loss, or the `last`. By default the last of
            classifiers of texts with fewer than `FEW` validation examples, if rates fall and patience is 0.
        class_weights: `none`, `balanced` or `sqrt`.
        seed: Of everything random.

    Raises:
        UsageError: `top` asks for more stages than there are.
    """
    names = tuple(stage.name for stage in card.stages)
    top = usual_top(card) if top is None else top
    if not 0 <= top <= len(names):
        raise UsageError(
            f"top={top}: {card.name} has {len(names)} stages.", allowed=f"0 (all) to {len(names)}."
        )
    stages = names[-top:] if top else names
    rate = RATES[card.modality] if rate is None else rate
    head = Phase(
        name="head",
        inputs="features",
        trains=("head",),
        rates={"head": 1e-3},
        epochs=head_epochs,
        batch_size=head_batch(facts.train),
        l2=L2_GRID,
        warmup=0.0,
    )
    tune = Phase(
        name="tune",
        inputs=eaten(card),
        trains=(*stages, "head"),
        rates={**ladder(stages, rate, rate_ratio), "head": rate},
        epochs=epochs,
        batch_size=batch_size,
        optimizer=optimizer,
        schedule=schedule,
        warmup=warmup,
        weight_decay=weight_decay,
        label_smoothing=label_smoothing,
        dropout=dropout,
        clip_norm=clip_norm,
        augment=augmented(
            card, facts, symmetry, crop=crop, brightness=brightness, contrast=contrast, mixup=mixup
        ),
        batchnorm=batchnorm,
        patience=patience,
        keep=keep or kept(card, facts, patience, schedule),
    )
    return Plan(
        recipe="fine_tune",
        backbone=card.name,
        **seen(card, size=size, resize=resize, length=length, long_text=long_text),
        phases=(head, tune),
        class_weights=class_weights,
        precision="mixed_float16" if facts.gpu else "float32",
        seed=seed,
    )


def usual_top(card: BackboneCard) -> int:
    """Returns how many stages train unless somebody says: the upper two thirds."""
    return len(card.stages) - len(card.stages) // 3


def kept(card: BackboneCard, facts: Facts, patience: int, schedule: Schedule) -> Keep:
    """Returns which epoch's weights are kept unless somebody says: the last one where few examples would choose.

    Args:
        card: The backbone.
        facts: The data.
        patience: Epochs without gain before training stops.
        schedule: Shape of the rates after warm-up.
    """
    few = facts.validation is not None and facts.validation < FEW
    texts = card.modality == "text" and facts.task == "classification"
    return "last" if few and texts and not patience and schedule != "constant" else "best"
