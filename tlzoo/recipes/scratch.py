"""Scratch: the same architecture from random weights, the honest baseline of every transfer.

When to use it: to learn whether transfer helped at all, and for data so far from any pretraining (and so plentiful)
that pretrained weights are a burden. When it loses: nearly always on little data (He et al., "Rethinking ImageNet
Pre-training", ICCV 2019, says how much longer it needs).
"""

from __future__ import annotations

from tlzoo.cards import BackboneCard
from tlzoo.plans import LongText, Phase, Plan, Resize
from tlzoo.recipes.facts import Facts, Symmetry
from tlzoo.recipes.modality import augmented, eaten, seen
from tlzoo.recipes.options import ClassWeights, Optimizer, Schedule


def scratch(
    card: BackboneCard,
    facts: Facts,
    *,
    size: tuple[int, int] | None = None,
    resize: Resize = "stretch",
    length: int | None = None,
    long_text: LongText = "head",
    epochs: int = 30,
    batch_size: int = 32,
    rate: float = 2e-3,
    optimizer: Optimizer = "adamw",
    schedule: Schedule = "cosine",
    warmup: float = 0.1,
    weight_decay: float = 0.05,
    label_smoothing: float = 0.1,
    clip_norm: float = 1.0,
    symmetry: Symmetry | None = None,
    crop: float = 1.0,
    brightness: float = 0.0,
    contrast: float = 0.0,
    mixup: float = 0.0,
    patience: int = 0,
    class_weights: ClassWeights = "none",
    seed: int = 0,
) -> Plan:
    """Plans training of everything from random weights, BatchNorm included.

    Args:
        card: The backbone whose architecture is used.
        facts: The data.
        size: Height and width of images in pixels; by default the card's.
        resize: How images get that size.
        length: Most tokens of a text that are looked at; by default the card's, at most 256.
        long_text: What becomes of longer texts: their `head` is kept, or `head_tail`, or all in `chunks`.
        epochs: Passes over the examples.
        batch_size: Examples a step.
        rate: Peak learning rate of everything.
        optimizer: `adamw` or `sgd`.
        schedule: Shape of the rate after warm-up.
        warmup: Share of the steps over which the rate rises.
        weight_decay: Decoupled decay of kernels.
        label_smoothing: Share of each label spread over all classes.
        clip_norm: Largest global norm of the gradient; 0 leaves it alone.
        symmetry: Mirrorings and turns to train with; by default what the data says.
        crop: Smallest share of the area a random crop keeps.
        brightness: Largest random shift, as a share of the full range.
        contrast: Largest random relative change.
        mixup: Alpha of the blending of pairs; 0 blends nothing.
        patience: Epochs without gain before training stops; 0 never stops early.
        class_weights: `none`, `balanced` or `sqrt`.
        seed: Of everything random, the first weights included.
    """
    trains = (*(stage.name for stage in card.stages), "head")
    everything = Phase(
        name="scratch",
        inputs=eaten(card),
        trains=trains,
        rates=dict.fromkeys(trains, rate),
        epochs=epochs,
        batch_size=batch_size,
        optimizer=optimizer,
        schedule=schedule,
        warmup=warmup,
        weight_decay=weight_decay,
        label_smoothing=label_smoothing,
        clip_norm=clip_norm,
        augment=augmented(
            card, facts, symmetry, crop=crop, brightness=brightness, contrast=contrast, mixup=mixup
        ),
        batchnorm="train",
        patience=patience,
    )
    return Plan(
        recipe="scratch",
        backbone=card.name,
        pretrained=False,
        **seen(card, size=size, resize=resize, length=length, long_text=long_text),
        phases=(everything,),
        class_weights=class_weights,
        precision="mixed_float16" if facts.gpu else "float32",
        seed=seed,
    )
