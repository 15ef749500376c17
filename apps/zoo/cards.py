"""One card as a page: everything that is known of a backbone or a data set, and how to use it."""

from __future__ import annotations

from html import escape
from typing import Any

_POOLING = {
    "mean": "mean over positions",
    "cls": "the first token",
    "last": "the last token",
    "none": "the network gives one vector itself",
}
_SCHEMES = {
    "pypi": "the Python package index",
    "keras-app": "Keras Applications",
    "keras-hub": "Keras Hub presets",
    "tf-hub": "TensorFlow Hub",
    "hf": "Hugging Face",
    "file": "a file of your own",
    "sklearn": "scikit-learn, which carries it",
}


def size(number: float, unit: str = "B") -> str:
    """Returns a count in thousands, millions …: `3.4 M`, `13.6 MB`."""
    for power, letter in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if number >= power:
            return f"{number / power:.1f} {letter}{unit}"
    return f"{number:.0f} {unit}".strip()


def page(entry: Any) -> str:
    """Returns the card of a backbone or a data set as HTML."""
    card = entry.card
    rows = _backbone(entry) if entry.kind == "backbone" else _dataset(card)
    here = "yes" if entry.at_hand else "no; fetch it first, as below"
    rows += [
        ("Licence", card.licence),
        ("Citation", card.citation),
        ("Comes from", _origin(card)),
        ("On this machine", here),
        ("Pinned files", "; ".join(_pinned(each) for each in card.checksums)),
        ("Good to know", card.notes),
    ]
    listed = "".join(f"<dt>{escape(key)}</dt><dd>{_linked(value)}</dd>" for key, value in rows if value)
    kind = "backbone" if entry.kind == "backbone" else "data set"
    state = "at hand" if entry.at_hand else "to be fetched"
    return (
        f'<article class="tl-page" aria-label="Card of {escape(card.name)}"><h2>{escape(card.title)}</h2>'
        f"<p><code>{escape(card.name)}</code> · {kind} for {escape(card.modality)}s · "
        f'<span class="tl-badge{" tl-here" if entry.at_hand else ""}">{state}</span></p><dl>{listed}</dl></article>'
    )


def commands(entry: Any) -> str:
    """Returns the words of the command line that use it, and the same in Python."""
    card = entry.card
    fetch = [] if entry.at_hand else [f"tlzoo fetch {card.name}"]
    if entry.kind == "dataset":
        return "\n".join([*fetch, f"tlzoo train {card.name}", f"# in Python: tlzoo.train({card.name!r})"])
    data = "texts.csv" if card.modality == "text" else "photos/"
    return "\n".join(
        [
            *fetch,
            f"tlzoo train {data} --backbone {card.name}",
            f"# in Python: tlzoo.train({data!r}, backbone={card.name!r})",
        ]
    )


def _backbone(entry: Any) -> list[tuple[str, str]]:
    card, cost = entry.card, entry.cost
    scaled = ", scaled to length 1" if card.normalise else ""
    measured = f"{cost.milliseconds:.3g} ms for one example of {cost.of} ({cost.engine})" if cost else ""
    classes = f", {card.pretraining.classes:,} classes" if card.pretraining.classes else ", without labels"
    return [
        ("Family", card.family),
        ("Parameters", f"{card.params:,}"),
        ("Download", size(card.weight_bytes)),
        ("Features", f"{card.features:,} numbers; pooled: {_POOLING[card.pooling]}{scaled}"),
        ("Takes", _takes(card)),
        ("Preprocessing", _preparation(card) if card.modality == "image" else _tokens(card)),
        ("Pretrained on", card.pretraining.dataset + classes),
        ("Published accuracy", _accuracy(card.pretraining.accuracy)),
        ("Measured here", measured),
        (f"Stages ({len(card.stages)})", " → ".join(stage.name for stage in card.stages)),
    ]


def _dataset(card: Any) -> list[tuple[str, str]]:
    options = ", ".join(f"{name} = {value}" for name, value in card.options.items())
    return [
        ("Items", f"{card.examples:,}"),
        (f"Classes ({len(card.classes)})", ", ".join(card.classes)),
        ("Split", card.protocol),
        ("Held out for testing", f"{100 * card.test_fraction:g} %, where its authors say nothing"),
        ("Options", options),
        ("Parts", f"{card.name}:{card.part.upper()} names one" if card.part else ""),
    ]


def _takes(card: Any) -> str:
    if card.modality == "text":
        return f"up to {card.input.length:,} tokens" if card.input.length else "texts of any length"
    height, width = card.input.size
    other = "no other size" if card.input.fixed else f"or other sizes from {card.input.min_size} pixels on"
    return f"{height} × {width} pixels; {other}"


def _preparation(card: Any) -> str:
    told = card.preprocessing
    if not told.mean:
        return {
            "caffe": "caffe: BGR, means subtracted",
            "tf": "tf: pixels / 127.5 - 1",
            "torch": "torch: pixels / 255, then mean and deviation of each channel",
            "in_model": "inside the network",
        }[told.convention]
    mean, scale = (", ".join(f"{number:g}" for number in told[key]) for key in ("mean", "scale"))
    return f"affine: (pixels - [{mean}]) / [{scale}]"


def _tokens(card: Any) -> str:
    kind = card.tokenizer.kind
    lower = ", in lower case" if card.tokenizer.lowercase else ""
    return "inside the network, which takes strings" if kind == "in_model" else f"{kind}{lower}"


def _accuracy(accuracy: Any) -> str:
    if not accuracy:
        return "none that was published"
    return f"{100 * accuracy.top1:.1f} % top-1, {accuracy.dataset}. Source: {accuracy.source}"


def _origin(card: Any) -> str:
    return f"{_SCHEMES.get(card.scheme, card.scheme)}: {card.locator}"


def _pinned(checksum: Any) -> str:
    digest = (
        f"SHA-256 {checksum.sha256}" if checksum.sha256 else f"MD5 {checksum.md5}" if checksum.md5 else ""
    )
    return f"{checksum.file} {digest}".strip()


def _linked(value: str) -> str:
    """Escapes a value; web addresses in it become links, which open elsewhere."""
    words = []
    for word in escape(value).split(" "):
        bare = word.rstrip(".,;)")
        if bare.startswith("https://"):
            word = f'<a href="{bare}" target="_blank" rel="noreferrer noopener">{bare}</a>{word[len(bare) :]}'
        words.append(word)
    return " ".join(words)
