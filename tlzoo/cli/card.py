"""Cards and machines as text for people."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING, Any

from tlzoo.cli.output import size

if TYPE_CHECKING:
    from tlzoo.cards.glance import Glance
    from tlzoo.workflows.zoo import Entry

_WIDTH = 100
_POOLING = {"mean": "mean", "cls": "cls", "last": "last", "none": "the network itself"}


def describe(entry: Entry) -> str:
    """Writes a card as text.

    Args:
        entry: A backbone or a data set.
    """
    card, backbone = entry.card, entry.kind == "backbone"
    facts = _backbone(card) if backbone else _dataset(card)
    here = "yes" if entry.at_hand else f"no; tlzoo fetch {card.name}"
    facts += [("licence", card.licence), ("citation", card.citation), ("here", here), ("notes", card.notes)]
    example = "texts.csv" if card.modality == "text" else "photos/"
    kind, line = ("backbone", f"{example} --backbone {card.name}") if backbone else ("data set", card.name)
    return f"{card.title} ({kind} {card.name})\n\n{_facts(facts)}\n\nNext: tlzoo train {line}"


def _backbone(card: Glance) -> list[tuple[str, str]]:
    scaled = ", scaled to length 1" if card.normalise else ""
    return [
        ("family", card.family),
        ("weights", f"{card.params:,} ({size(card.weight_bytes)} to download)"),
        ("features", f"{card.features}, pooled by {_POOLING[card.pooling]}{scaled}"),
        *(_text(card) if card.modality == "text" else _image(card)),
        ("pretraining", card.pretraining.dataset),
        ("accuracy", _accuracy(card.pretraining.accuracy)),
        ("stages", " -> ".join(stage.name for stage in card.stages)),
        ("from", card.locator),
    ]


def _image(card: Glance) -> list[tuple[str, str]]:
    height, width = card.input.size
    pixels = f"{height}x{width}, {'fixed' if card.input.fixed else f'at least {card.input.min_size}'}"
    return [("pixels", pixels), ("preprocessing", _preparation(card.preprocessing))]


def _text(card: Glance) -> list[tuple[str, str]]:
    tokens = f"up to {card.input.length:,}" if card.input.length else "texts of any length"
    kind = "the network takes strings" if card.tokenizer.kind == "in_model" else str(card.tokenizer.kind)
    return [("tokens", tokens), ("tokenizer", kind)]


def _preparation(preprocessing: Glance) -> str:
    if not preprocessing.mean:
        return str(preprocessing.convention)
    mean, scale = (", ".join(f"{n:g}" for n in preprocessing[key]) for key in ("mean", "scale"))
    return f"{preprocessing.convention}: (pixels - [{mean}]) / [{scale}]"


def _accuracy(accuracy: Glance | None) -> str:
    if not accuracy:
        return "-"
    return f"{100 * accuracy.top1:.1f}% top-1 on {accuracy.dataset} ({accuracy.source})"


def _dataset(card: Glance) -> list[tuple[str, str]]:
    return [
        ("items", f"{card.examples:,}"),
        ("classes", f"{len(card.classes)}: {', '.join(card.classes)}"),
        ("protocol", card.protocol),
        ("test share", f"{card.test_fraction:g}"),
        ("options", ", ".join(f"{name}={value}" for name, value in card.options.items())),
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
