"""Options that many recipes share, as values: a recipe takes a group as one argument, users set its fields by name.

A recipe's own defaults stand in its signature (`steps: Steps = Steps(warmup=0.0)`); `options.py` takes groups apart
for users and puts them together again for recipes.
"""

from __future__ import annotations

from dataclasses import dataclass

from tlzoo.plans import LongText, Resize
from tlzoo.recipes.facts import Symmetry
from tlzoo.recipes.options import Batchnorm, ClassWeights, Keep, Optimizer, Schedule


@dataclass(frozen=True)
class Frame:
    """Options of the plan as a whole.

    Attributes:
        size: Height and width of images in pixels; by default the card's.
        resize: How images get that size.
        length: Most tokens of a text that are looked at; by default the card's, at most 256.
        long_text: What becomes of longer texts: their `head` is kept, or `head_tail`, or all in `chunks`.
        class_weights: `none`, `balanced` or `sqrt`.
        seed: Of everything random.
    """

    size: tuple[int, int] | None = None
    resize: Resize = "stretch"
    length: int | None = None
    long_text: LongText = "head"
    class_weights: ClassWeights = "none"
    seed: int = 0


@dataclass(frozen=True)
class Steps:
    """Options of training steps.

    Attributes:
        batch_size: Examples a step.
        optimizer: `adamw` or `sgd`.
        schedule: Shape of the rates after warm-up.
        warmup: Share of the steps over which rates rise.
        weight_decay: Decoupled decay of kernels.
        label_smoothing: Share of each label spread over all classes.
        dropout: Share of features dropped before the head.
        clip_norm: Largest global norm of the gradient; 0 leaves it alone.
        batchnorm: `frozen`, or `train` to let trained stages update their statistics.
        patience: Epochs without gain before training stops; 0 never stops early.
        keep: Whose weights are kept: the `best` epoch's, or the `last` one's; by default as in `fine_tune`.
    """

    batch_size: int = 32
    optimizer: Optimizer = "adamw"
    schedule: Schedule = "cosine"
    warmup: float = 0.1
    weight_decay: float = 0.01
    label_smoothing: float = 0.1
    dropout: float = 0.0
    clip_norm: float = 1.0
    batchnorm: Batchnorm = "frozen"
    patience: int = 0
    keep: Keep | None = None


@dataclass(frozen=True)
class Changes:
    """Options of how training images change at random.

    Attributes:
        symmetry: Mirrorings and turns to train with: `none`, `horizontal`, or `dihedral` (all eight of the square,
            where up means nothing: cells, satellite pictures); by default what the data says.
        crop: Smallest share of the area a random crop keeps.
        brightness: Largest random shift, as a share of the full range.
        contrast: Largest random relative change.
        mixup: Alpha of the blending of pairs; 0 blends nothing.
    """

    symmetry: Symmetry | None = None
    crop: float = 1.0
    brightness: float = 0.0
    contrast: float = 0.0
    mixup: float = 0.0
