"""Which recipes are most likely to win, by how much data there is and how far it is from the pretraining data.

What `auto` goes by. The rules are those of the recipes' own files ("when to use it", "when it loses") and no others:

- Fine-tuning from a trained head is the favourite wherever there is enough to learn from (Kumar et al., ICLR 2022;
  Kornblith et al., "Do Better ImageNet Models Transfer Better?", CVPR 2019).
- Few examples of near data: what holds the network to its pretrained weights (L2-SP: Li et al., ICML 2018) or changes
  little by construction (LoRA). Few texts: pairs (SetFit: Tunstall et al., 2022).
- Far data: all stages should move, each slower than the one above (ULMFiT: Howard & Ruder, ACL 2018).
- Plenty of near data: single epochs differ by luck, and their average does not (Wortsman et al., ICML 2022).

`self_training` is never among them: it looks at the test split. Nor are `bit_hyperrule`, which is for large networks
and much data, and `scratch`, which is what the rest is measured against.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from tlzoo.cards import BackboneCard
from tlzoo.recipes.facts import Facts

Shift = Literal["near", "far", "unknown"]

FEW = 30
"""Examples a class below which images are few."""

FEW_TEXTS = 64
"""Examples a class up to which pairs of texts say more than texts (SetFit)."""

UNEVEN = 4.0
"""Times the commonest class may have the examples of the rarest before classes are weighted."""


@dataclass(frozen=True)
class Entry:
    """A recipe worth trying.

    Attributes:
        recipe: Its name.
        why: In words.
        options: That differ from its defaults.
    """

    recipe: str
    why: str
    options: Mapping[str, Any] = field(default_factory=dict)


def shortlist(card: BackboneCard, facts: Facts, shift: Shift = "unknown") -> tuple[Entry, ...]:
    """Returns the recipes to try, the likeliest to win first.

    Args:
        card: The backbone.
        facts: The data.
        shift: How far the data is from the pretraining data.
    """
    each = examples_a_class(facts)
    many = f"{each:.0f} examples a class" if facts.task == "classification" else f"{facts.train} examples"
    entries = _texts(facts, each, many) if card.modality == "text" else _images(each, many, shift)
    return tuple(entries)


def examples_a_class(facts: Facts) -> float:
    """Returns the mean number of training examples of a class, or a tenth of all where there are no classes."""
    return facts.train / (facts.classes if facts.task == "classification" else 10)


def class_weights(facts: Facts) -> tuple[Literal["none", "sqrt"], str]:
    """Returns how classes should be weighted, and why.

    Args:
        facts: The data.
    """
    if facts.task != "classification" or not facts.counts or not min(facts.counts):
        return "none", "nothing to weight"
    ratio = max(facts.counts) / min(facts.counts)
    told = f"the commonest class has {ratio:.1f} times the examples of the rarest"
    return ("sqrt", told) if ratio > UNEVEN else ("none", told)


def _texts(facts: Facts, each: float, many: str) -> list[Entry]:
    tune = Entry("fine_tune", f"{many}: the favourite")
    gradual = Entry("gradual_unfreeze", "texts, for which it was found")
    lora = Entry("lora", "low-rank changes forget less")
    if facts.task == "classification" and each <= FEW_TEXTS:
        return [Entry("few_shot", f"{many}: pairs say more than so few texts"), lora, tune]
    return [tune, gradual, lora]


def _images(each: float, many: str, shift: Shift) -> list[Entry]:
    tune = Entry("fine_tune", f"{many}: the favourite")
    all_stages = Entry("discriminative", "data unlike the pretraining data: low stages should move too")
    if each < FEW:
        held = Entry("l2_sp", f"{many}: held by the pretrained weights")
        small = Entry("lora", "low-rank changes forget less")
        return [tune, all_stages] if shift == "far" else [held, tune, small]
    average = Entry("soup", "plenty of examples: an average of epochs is less a matter of luck")
    return [tune, all_stages, average] if shift == "far" else [tune, average]
