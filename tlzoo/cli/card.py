"""Cards and machines as text for people."""

from __future__ import annotations

import textwrap
from typing import Any

from tlzoo.cards import BackboneCard, DatasetCard
from tlzoo.cli.output import size

_WIDTH = 100


def describe(card: BackboneCard | DatasetCard, at_hand: bool) -> str:
    """Writes a card as text.

    Args:
        card: A backbone's or data set's.
        at_hand: Whether its weights or data are on this machine.
    """
    facts = _backbone(card) if isinstance(card, BackboneCard) else _dataset(card)
    here = "yes" if at_hand else f"no; tlzoo fetch {card.name}"
    facts += [("licence", card.licence), ("citation", card.citation), ("here", here), ("notes", card.notes)]
    kind = "backbone" if isinstance(card, BackboneCard) else "data set"
    after = f"--backbone {card.name}" if isinstance(card, BackboneCard) else ""
    data = "photos/" if isinstance(card, BackboneCard) else card.name
    title = f"{card.title} ({kind} {card.name})"
    return f"{title}\n\n{_facts(facts)}\n\nNext: tlzoo train {data} {after}".rstrip()


def _backbone(card: BackboneCard) -> list[tuple[str, str]]:
    accuracy = card.pretraining.accuracy
    height, width = card.input.size
    pixels = f"{height}x{width}, {'fixed' if card.input.fixed else f'at least {card.input.min_size}'}"
    published = (
        f"{100 * accuracy.top1:.1f}% top-1 on {accuracy.dataset} ({accuracy.source})" if accuracy else "-"
    )
    preparation = str(card.preprocessing.convention)
    if card.preprocessing.mean and card.preprocessing.scale:
        mean, scale = (
            ", ".join(f"{n:g}" for n in v) for v in (card.preprocessing.mean, card.preprocessing.scale)
        )
        preparation += f": (pixels - [{mean}]) / [{scale}]"
    return [
        ("family", card.family),
        ("weights", f"{card.params:,} ({size(card.weight_bytes)} to download)"),
        ("features", f"{card.features}, pooled by {card.pooling}"),
        ("pixels", pixels),
        ("preprocessing", preparation),
        ("pretraining", card.pretraining.dataset),
        ("accuracy", published),
        ("stages", " -> ".join(stage.name for stage in card.stages)),
        ("from", card.locator),
    ]


def _dataset(card: DatasetCard) -> list[tuple[str, str]]:
    options = ", ".join(f"{name}={value}" for name, value in card.options.items())
    return [
        ("items", f"{card.examples:,}"),
        ("classes", f"{len(card.classes)}: {', '.join(card.classes)}"),
        ("protocol", card.protocol),
        ("test share", f"{card.test_fraction:g}"),
        ("options", options),
        ("from", card.locator),
    ]


def _facts(facts: list[tuple[str, str]]) -> str:
    """Lays out `key  value` lines; long values wrap, empty ones are left out."""
    wide = max(len(key) for key, value in facts if value) + 2
    lines = []
    for key, value in facts:
        if value:
            wrapped = textwrap.wrap(value, _WIDTH - wide, break_long_words=False, break_on_hyphens=False)
            lines += [f"{key:{wide}}{wrapped[0]}", *(" " * wide + line for line in wrapped[1:])]
    return "\n".join(lines)


def describe_machine(found: dict[str, Any]) -> str:
    """Writes what `tlzoo doctor` found as text."""
    devices, cache, here = found["devices"], found["cache"], found["at_hand"]
    memory = f", {size(devices['memory_bytes'])} memory" if devices["memory_bytes"] else ""
    facts = [
        ("python", f"{found['python']['version']}, {found['python']['executable']}"),
        ("platform", found["platform"]),
        ("cpu", f"{devices['cores']} cores{memory}"),
        ("gpu", ", ".join(devices["gpus"]) or "none"),
        ("cache", f"{cache['path']}: {size(cache['bytes'])}, {size(cache['free_bytes'])} free"),
        *((f"  {name}", size(count)) for name, count in cache["parts"].items()),
        ("zoo", found["zoo"]),
        ("backbones here", ", ".join(here["backbones"]) or "none; tlzoo fetch efficientnet_lite0"),
        ("data sets here", ", ".join(here["datasets"]) or "none"),
    ]
    if tensorflow := found.get("tensorflow"):
        text = f"{', '.join(tensorflow['devices'])}; imported in {tensorflow['import_seconds']} s"
        facts.append(("tensorflow", text))
    versions = ", ".join(f"{name} {version or 'MISSING'}" for name, version in found["versions"].items())
    facts.append(("versions", versions))
    problems = [f"- {problem}" for problem in found["problems"]] or ["No problems found."]
    return "\n".join([_facts(facts), "", *problems])
