"""A doctor's look at texts before anybody trains on them. Works without TensorFlow."""

from __future__ import annotations

import html
import re
import unicodedata
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from tlzoo.data import duplicates, findings
from tlzoo.data.listing import Listing
from tlzoo.data.probe import look
from tlzoo.data.verdict_texts import verdict
from tlzoo.progress import Progress

_ENTITY = re.compile(r"&(?:#[0-9]{1,7}|#[xX][0-9a-fA-F]{1,6}|[a-zA-Z][a-zA-Z0-9]{1,31});")


class _Plain(dict[int, int]):
    """For `str.translate`: a space for punctuation, separators and control characters; remembers what it met."""

    def __missing__(self, letter: int) -> int:
        self[letter] = ord(" ") if unicodedata.category(chr(letter))[0] in "PZC" else letter
        return self[letter]


_PLAIN = _Plain()


@dataclass(frozen=True)
class TextCheck:
    """What `check` found in texts; every list holds keys as reports call the texts (`row:17`).

    Attributes:
        source: What was looked at.
        documents: Number of listed texts, broken ones included.
        classes: Number of texts by class, in label order.
        splits: Number of texts by split, where the source is split.
        empty: Texts of nothing but white space.
        broken: (key, reason) of texts that cannot be used, empty ones included.
        duplicates: Groups of identical texts.
        near_duplicates: Groups of texts that differ in nothing but capitals, punctuation and white space, each
            different one once.
        leaks: (key, split, key, split) of identical or near-identical texts in different splits.
        conflicts: (key, label, key, label) of identical or near-identical texts with different labels.
        tiny_classes: Number of texts of classes with fewer than `findings.TINY_CLASS`.
        imbalance: Texts of the largest class per text of the smallest.
        characters: `{"min": n, "median": n, "p95": n, "max": n}` over texts that are not broken.
        words: The same, in words between white space.
        encodings: Number of files by the encoding their text is in.
        html_entities: Share of texts that hold HTML entities (`&amp;`, `&#039;` …), 0 to 1.
        ignored: Files that were passed over.
        notes: What was decided while the source was read.
        refusal: Why `load` would refuse the source; None if it would not.
        verdict: The findings in words, worst first.
    """

    source: str
    documents: int
    classes: dict[str, int]
    splits: dict[str, int]
    empty: list[str]
    broken: list[tuple[str, str]]
    duplicates: list[list[str]]
    near_duplicates: list[list[str]]
    leaks: list[tuple[str, str, str, str]]
    conflicts: list[tuple[str, str, str, str]]
    tiny_classes: dict[str, int]
    imbalance: float
    characters: dict[str, int]
    words: dict[str, int]
    encodings: dict[str, int]
    html_entities: float
    ignored: list[str]
    notes: list[str]
    refusal: str | None
    verdict: list[str] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        """True if `load` accepts the source and nothing in it would spoil the evidence."""
        return self.refusal is None and not (self.broken or self.leaks or self.conflicts)

    def to_json(self) -> dict[str, Any]:
        """Returns everything as plain lists, dictionaries, strings and numbers, with `ok` and `modality`."""
        return {"ok": self.ok, "modality": "text", **asdict(self)}


def check_texts(listing: Listing, tolerance: float, progress: Progress | None = None) -> TextCheck:
    """Reports what would spoil training on texts, or its evidence.

    Args:
        listing: Texts.
        tolerance: Share of empty and unreadable texts that `load` would skip.
        progress: Told how far it is.
    """
    probes = look(listing, progress)
    reasons = {index: found.reason for index, found in enumerate(probes) if found.reason}
    whole = [index for index in range(len(listing.items)) if index not in reasons]
    texts = [str(listing.items[index]) for index in whole]
    exact = _named(duplicates.same([probes[index].digest for index in whole]), whole)
    alike = _named(_alike(texts), whole)
    different = [list({probes[index].digest: index for index in reversed(group)}.values()) for group in alike]
    near = [sorted(group) for group in different if len(group) > 1]
    pairs = findings.neighbours(alike)
    found = TextCheck(
        empty=[listing.keys[index] for index in reasons if not str(listing.items[index]).strip()],
        broken=[(listing.keys[index], why) for index, why in sorted(reasons.items())],
        duplicates=[[listing.keys[index] for index in group] for group in exact],
        near_duplicates=[[listing.keys[index] for index in group] for group in near],
        leaks=findings.differing(listing, pairs, listing.splits),
        conflicts=findings.differing(listing, pairs, listing.labels),
        characters=_spread([len(text) for text in texts]),
        words=_spread([len(text.split()) for text in texts]),
        encodings=listing.encodings,
        html_entities=round(sum(map(has_entities, texts)) / max(len(texts), 1), 4),
        notes=listing.notes,
        refusal=findings.refusal(listing, probes, reasons, tolerance),
        **findings.counts(listing, "documents"),
    )
    return TextCheck(**{**found.__dict__, "verdict": verdict(found)})


def normalised(text: str) -> str:
    """Returns a text without capitals and punctuation, its words one space apart; what is only those stays.

    Example:
        >>> normalised("  Great  stuff!! ") == normalised("great stuff")
        True
    """
    folded = unicodedata.normalize("NFKC", text).casefold()
    plain = folded.translate(_PLAIN)
    return " ".join(plain.split()) or " ".join(folded.split())


def has_entities(text: str) -> bool:
    """Tells if a text holds an HTML entity: one that HTML knows, closed by a semicolon."""
    return any(html.unescape(found[0]) != found[0] for found in _ENTITY.finditer(text))


def _alike(texts: Sequence[str]) -> list[list[int]]:
    groups: dict[str, list[int]] = defaultdict(list)
    for index, text in enumerate(texts):
        groups[normalised(text)].append(index)
    return [members for members in groups.values() if len(members) > 1]


def _named(groups: Sequence[Sequence[int]], whole: Sequence[int]) -> list[list[int]]:
    return [[whole[member] for member in group] for group in groups]


def _spread(values: Sequence[int]) -> dict[str, int]:
    ordered = sorted(values) or [0]
    places = {"min": 0.0, "median": 0.5, "p95": 0.95, "max": 1.0}
    return {name: ordered[round(place * (len(ordered) - 1))] for name, place in places.items()}
