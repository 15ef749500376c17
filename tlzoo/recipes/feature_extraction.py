"""Feature extraction: the backbone stays as it is, a linear head learns on its features.

When to use it: few examples (up to some hundreds a class), data near the pretraining data, or no patience: the
backbone runs once over the data. When it loses: data far from the pretraining data, where the features miss what
matters, and many examples, where fine-tuning overtakes it.

The head is a multinomial logistic regression on standardised features; its L2 penalty is chosen on the
validation split (Kornblith et al., "Do Better ImageNet Models Transfer Better?", CVPR 2019, §A.4).
"""

from __future__ import annotations

from tlzoo.cards import BackboneCard
from tlzoo.plans import Augment, Phase, Plan, Resize
from tlzoo.recipes.facts import Facts, Symmetry
from tlzoo.recipes.options import L2_GRID, ClassWeights, turns


def feature_extraction(
    card: BackboneCard,
    facts: Facts,
    *,
    size: tuple[int, int] | None = None,
    resize: Resize = "stretch",
    epochs: int = 60,
    batch_size: int = 256,
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
        epochs: Passes of the head over the features.
        batch_size: Examples a step.
        rate: Peak learning rate of the head.
        l2: Penalties tried side by side; the best on validation is kept.
        views: Augmented copies of each training image whose features are cached too.
        symmetry: Mirrorings and turns to train with: `none`, `horizontal`, or `dihedral` (all eight of the
            square, where up means nothing: cells, satellite pictures); by default what the data says.
        crop: Smallest share of the area those copies keep.
        patience: Epochs without gain before the head stops; 0 never stops.
        class_weights: `none`, `balanced` or `sqrt`.
        seed: Of everything random.
    """
    augment = Augment(**turns(symmetry or facts.symmetry), crop=crop) if views else Augment(flip="none")
    head = Phase(
        name="head",
        inputs="features",
        trains=("head",),
        rates={"head": rate},
        epochs=epochs,
        batch_size=batch_size,
        l2=tuple(l2),
        warmup=0.0,
        views=views,
        augment=augment,
        patience=patience,
    )
    return Plan(
        recipe="feature_extraction",
        backbone=card.name,
        size=size or card.input.size,
        resize=resize,
        phases=(head,),
        class_weights=class_weights,
        seed=seed,
    )
