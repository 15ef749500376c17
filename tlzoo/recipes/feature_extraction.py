"""Feature extraction: the backbone stays as it is, a linear head learns on its features.

When to use it: few examples (up to some hundreds a class), data near the pretraining data, or no patience: the
backbone runs once over the data. When it loses: data far from the pretraining data, where the features miss what
matters, and many examples, where fine-tuning overtakes it.

The head is a multinomial logistic regression on standardised features; its L2 penalty is chosen by
cross-validation (Kornblith et al., "Do Better ImageNet Models Transfer Better?", CVPR 2019, §A.4).
"""

from __future__ import annotations

from tlzoo.cards import BackboneCard
from tlzoo.errors import UsageError
from tlzoo.plans import Augment, LongText, Phase, Plan, Resize
from tlzoo.recipes.facts import Facts, Symmetry
from tlzoo.recipes.modality import augmented, seen
from tlzoo.recipes.options import L2_GRID, ClassWeights, head_batch


def feature_extraction(
    card: BackboneCard,
    facts: Facts,
    *,
    size: tuple[int, int] | None = None,
    resize: Resize = "stretch",
    length: int | None = None,
    long_text: LongText = "head",
    epochs: int = 60,
    batch_size: int | None = None,
    rate: float = 1e-3,
    l2: tuple[float, ...] = L2_GRID,
    views: int = 0,
    symmetry: Symmetry | None = None,
    crop: float = 1.0,
    patience: int = 0,
    class_weights: ClassWeights = "none",
    seed: int = 0,
) -> Plan:
    """Plans a linear head on cached features.

    Args:
        card: The backbone.
        facts: The data.
        size: Height and width of images in pixels; by default the card's.
        resize: How images get that size.
        length: Most tokens of a text that are looked at; by default the card's, at most 256.
        long_text: What becomes of longer texts: their `head` is kept, or `head_tail`, or all in `chunks`.
        epochs: Passes of the head over the features.
        batch_size: Examples a step; by default 16 steps an epoch, of 16 to 256 examples.
        rate: Peak learning rate of the head.
        l2: Penalties tried side by side; the best in cross-validation on the training split (for more than 8,192
            examples, on the validation split) is kept.
        views: Augmented copies of each training image whose features are cached too.
        symmetry: Mirrorings and turns to train with: `none`, `horizontal`, or `dihedral` (all eight of the
            square, where up means nothing: cells, satellite pictures); by default what the data says.
        crop: Smallest share of the area those copies keep.
        patience: Epochs without gain before the head stops; 0 never stops.
        class_weights: `none`, `balanced` or `sqrt`.
        seed: Of everything random.
    """
    if views and card.modality == "text":
        raise UsageError(f"views={views}: no change is known that leaves a text's label alone.", allowed="0.")
    changes = views or card.modality == "text"  # which refuses them
    augment = augmented(card, facts, symmetry, crop=crop) if changes else Augment(flip="none")
    head = Phase(
        name="head",
        inputs="features",
        trains=("head",),
        rates={"head": rate},
        epochs=epochs,
        batch_size=batch_size or head_batch(facts.train * (views + 1)),
        l2=tuple(l2),
        warmup=0.0,
        views=views,
        augment=augment,
        patience=patience,
    )
    return Plan(
        recipe="feature_extraction",
        backbone=card.name,
        **seen(card, size=size, resize=resize, length=length, long_text=long_text),
        phases=(head,),
        class_weights=class_weights,
        seed=seed,
    )
