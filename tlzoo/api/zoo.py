"""Backbones and data sets by name, and which backbone suits some data."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from typing import TYPE_CHECKING, Any, Literal

from tlzoo.errors import unknown_name

if TYPE_CHECKING:
    from tlzoo.backbones.backbone import Backbone
    from tlzoo.plans import TaskName
    from tlzoo.workflows.rank import Ranking
    from tlzoo.workflows.zoo import Entry


def catalogue(
    kind: Literal["backbone", "dataset"] = "backbone",
    *,
    modality: str | None = None,
    task: str | None = None,
    offline: bool = False,
    max_params: int | None = None,
) -> list[Entry]:
    """Lists the cards of the zoo, and which of them need no network on this machine.

    Args:
        kind: Backbones, smallest first; or data sets, by name.
        modality: `image` or `text`; by default both.
        task: What they can learn, or be learned from; by default anything.
        offline: Only what is on this machine.
        max_params: Backbones with at most this many weights.

    Returns:
        Entries with `card`, `at_hand` and `cost`; see `tlzoo.workflows.zoo.Entry`.

    Example:
        >>> [entry.card.name for entry in catalogue(max_params=2_000_000)]
        ['mobilenet_v3_small']
    """
    from tlzoo.workflows import zoo

    chosen = zoo.Filter(modality, task, offline, max_params)
    return zoo.backbones(chosen) if kind == "backbone" else zoo.datasets(chosen)


def at_hand(
    kind: Literal["backbone", "dataset"] = "backbone", modality: Literal["image", "text"] | None = None
) -> list[str]:
    """Returns the names of backbones, smallest first, or of data sets, that need no network on this machine.

    Args:
        kind: Of cards.
        modality: Of what they take or hold; None for all.

    Example:
        >>> "digits" in at_hand("dataset")
        True
    """
    from tlzoo.workflows import zoo

    listed = zoo.backbones if kind == "backbone" else zoo.datasets
    return [str(entry.card.name) for entry in listed(zoo.Filter(modality=modality, offline=True))]


def load_backbone(
    name: str, *, pretrained: bool = True, size: tuple[int, int] | None = None, seed: int = 0
) -> Backbone:
    """Loads a backbone by name.

    Args:
        name: Name of a card.
        pretrained: False builds the same architecture with random weights.
        size: Height and width in pixels; by default the card's.
        seed: Of the random weights.

    Example:
        >>> backbone = load_backbone("resnet50", pretrained=False)  # doctest: +SKIP
        >>> backbone.freeze(until="conv4")  # doctest: +SKIP
    """
    from tlzoo.backbones.load import load_backbone as load_by_name

    return load_by_name(name, pretrained=pretrained, size=size, seed=seed)


def rank(
    data: Any,
    *,
    backbones: Sequence[str] = (),
    every: bool = False,
    seed: int = 0,
    task: TaskName | None = None,
    progress: Any = None,
    **options: Any,
) -> Ranking:
    """Says which backbone suits some data, without training any.

    Args:
        data: Anything `load` takes, or what `load` returned.
        backbones: Names of cards; by default all whose weights are on this machine.
        every: All backbones that take such data, fetched where need be.
        seed: Of split and resampling; `train` with the same seed has the same split.
        task: What is learned; as for `train`.
        progress: Called with (done, total, what).
        options: Further fields of `tlzoo.workflows.rank.RankRequest`: `sizes`, `lengths`, `most`, `engine` …; a
            misspelt one is refused with a suggestion.

    Raises:
        TlzooError: Anything a user can mend.

    Example:
        >>> ranking = rank("photos/")  # doctest: +SKIP
        >>> print(ranking.recommendation)  # doctest: +SKIP
        >>> train("photos/", backbone=ranking.best)  # doctest: +SKIP
    """
    from tlzoo.workflows import rank as workflow

    known = [field.name for field in fields(workflow.RankRequest)]
    for name in options:
        if name not in known:
            raise unknown_name("option of rank", name, known)
    request = workflow.RankRequest(backbones=tuple(backbones), every=every, seed=seed, task=task, **options)
    return workflow.rank(data, request, progress=progress)
