"""Scratch: the same architecture from random weights, the honest baseline of every transfer.

When to use it: to learn whether transfer helped at all, and for data so far from any pretraining (and so plentiful)
that pretrained weights are a burden. When it loses: nearly always on little data (He et al., "Rethinking ImageNet
Pre-training", ICCV 2019, says how much longer it needs).
"""

from __future__ import annotations

from tlzoo.cards import BackboneCard
from tlzoo.plans import Augment, Phase, Plan, Resize
from tlzoo.recipes.facts import Facts, Symmetry
from tlzoo.recipes.options import ClassWeights, Optimizer, Schedule, turns


def scratch(
    card: BackboneCard,
    facts: Facts,
    *,
    size: tuple[int, int] | None = None,
    resize: Resize = "stretch",
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
        epochs: Passes over the images.
        batch_size: Images a step.
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
        inputs="pixels",
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
        augment=Augment(
            **turns(symmetry or facts.symmetry),
            crop=crop,
            brightness=brightness,
            contrast=contrast,
            mixup=mixup,
        ),
        batchnorm="train",
        patience=patience,
    )
    return Plan(
        recipe="scratch",
        backbone=card.name,
        pretrained=False,
        size=size or card.input.size,
        resize=resize,
        phases=(everything,),
        class_weights=class_weights,
        precision="mixed_float16" if facts.gpu else "float32",
        seed=seed,
    )
