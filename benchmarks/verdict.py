"""Is the verdict right? Cases on real data whose truth a longer training settles.

    python benchmarks/verdict.py                 all cases but the last, which takes long
    python benchmarks/verdict.py easy Lite0      those whose names hold one of these words

For each case a run is trained on a few hundred real examples, and `tlzoo verdict` is asked as a user would, with a
short budget and three seeds. Then the truth: the same plan and the same network from random weights with twice the
epochs the verdict gave it (at most 150) at the rate it chose, four fresh seeds each, judged on every example
that did not train: up to several times the test split the verdict had. The truth's interval is computed here by itself:
Student's over seeds, and the examples' own noise. Its word is positive or negative where that excludes 0 and reaches
beyond a point, else tie.

`right`: the words agree. `cautious`: neutral where the truth has a sign. `overbold`: a sign where the truth is a tie.
`WRONG SIGN`: what must never be.

Sources are small convolutional networks that really learned digits or solar cells first (`small_networks.py`), the same
with their weights shuffled or never trained, word vectors learned from the unlabelled reviews, and EfficientNet-Lite0.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import json
import os
import re
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import small_networks as small
from common import finish

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

SEEDS, TRUE_SEEDS, MOST, MARGIN = 3, 4, 150, 0.01
LIKE_SCRATCH = {
    "top": 0,
    "rate": 2e-3,
    "rate_ratio": 1.0,
    "batchnorm": "train",
    "epochs": 60,
    "head_epochs": 1,
    "weight_decay": 0.05,
}
"""Options of `fine_tune` with which all stages learn as fast as from scratch: weights that say nothing gain nothing."""


@dataclass(frozen=True)
class Case:
    """A question whose answer is settled.

    Attributes:
        name: What is transferred to what.
        backbone: Name of the card.
        data: Gives the labelled data.
        train: Training examples.
        recipe: Of the run.
        options: Of the recipe.
        seconds: The verdict may spend.
    """

    name: str
    backbone: str
    data: Callable[[], Any]
    train: int
    recipe: str = "fine_tune"
    options: dict[str, Any] = field(default_factory=dict)
    seconds: float = 90.0


FROZEN = "feature_extraction"


def cases() -> list[Case]:
    """Returns all cases."""
    near, ten = range(5, 10), range(10)
    return [
        Case("digits, from other digits, frozen, 100", "small_half", lambda: other_digits(10), 100, FROZEN),
        Case("digits, shuffled weights, frozen, 300", "small_shuffled", lambda: digits(ten), 300, FROZEN),
        Case("digits, random weights, all tuned, 300", "small_random", lambda: digits(ten), 300,
             options=LIKE_SCRATCH),
        Case("cells, from other cells, frozen, 300", "small_cells", other_cells, 300, FROZEN),
        Case("digits, from solar cells, frozen, 300", "small_cells", lambda: digits(ten), 300, FROZEN),
        Case("parity, from other digits, frozen, 100", "small_half", lambda: other_digits(2), 100, FROZEN),
        Case("digits 5 and 6, from 0-4, easy, 200", "small_digits", lambda: digits((5, 6)), 200),
        Case("ratings, shuffled vectors, frozen, 300", "shuffled_vectors", ratings, 300, FROZEN, {"length": 64}),
        Case("conditions, word vectors, frozen, 200", "review_vectors", conditions, 200, FROZEN, {"length": 64}),
        Case("digits 5-9, from 0-4, 100", "small_digits", lambda: digits(near), 100),
        Case("digits 5-9, from 0-4, frozen, 300", "small_digits", lambda: digits(near), 300, FROZEN),
        Case("digits, shuffled weights, all tuned, 300", "small_shuffled", lambda: digits(ten), 300,
             options=LIKE_SCRATCH),
        # Half an hour by itself, mostly for the truth.
        Case("digits, EfficientNet-Lite0 at 32, frozen, 150", "efficientnet_lite0", lambda: digits(ten), 150,
             FROZEN, {"size": 32}, 240.0),
    ]  # fmt: skip


def main() -> None:
    """Prints a line for each case, and how many are right."""
    parser = argparse.ArgumentParser()
    parser.add_argument("words", nargs="*")
    chosen = parser.parse_args().words
    start, rows = time.perf_counter(), []
    with tempfile.TemporaryDirectory(prefix="tlzoo-verdicts-") as folder:
        make_zoo(Path(folder) / "zoo")
        print(f"networks and vectors made in {time.perf_counter() - start:.0f} s", flush=True)
        for number, case in enumerate(cases()):
            if any(word in case.name for word in chosen) or (not chosen and case.seconds <= Case.seconds):
                rows.append(outcome(case, Path(folder) / f"run{number}"))
    print(
        f"\n{'case':<46} {'verdict':<9} {'gain of the verdict':<22} {'truth':<9} {'gain in truth':<22} outcome"
    )
    for row in rows:
        print(
            f"{row['case']:<46} {row['word']:<9} {row['gain']:<22} {row['truth']:<9} {row['true']:<22} {row['is']}"
        )
    counts = {
        word.replace(" ", "_").lower(): sum(row["is"] == word for row in rows)
        for word in ("right", "cautious", "overbold", "WRONG SIGN")
    }
    finish(cases=len(rows), **counts, minutes=(time.perf_counter() - start) / 60)


def outcome(case: Case, out: Path) -> dict[str, Any]:
    """Returns what the verdict says, and the truth."""
    import tlzoo

    data, begun = case.data(), time.perf_counter()
    asked, all_of_it = split(data, case.train)
    options = {"backbone": case.backbone, "recipe": case.recipe, **case.options}
    run = tlzoo.train(asked, out=out, **options)
    start = time.perf_counter()
    found = tlzoo.verdict(run, budget=case.seconds, seeds=SEEDS, sizes=(), margin=MARGIN)
    middle = time.perf_counter()
    longer = tlzoo.train(all_of_it, out=out.with_name(out.name + "-truth"), **options)
    true = truth(longer, found, out)
    said = {"positive": "positive", "negative": "negative", "neutral": "tie"}[found.word]
    word = true_word(true)
    opposite = {said, word} == {"positive", "negative"}
    judged = (
        "right" if said == word else "WRONG SIGN" if opposite else "cautious" if said == "tie" else "overbold"
    )
    row = {
        "case": case.name,
        "word": found.word,
        "gain": told(found.gain.estimate, found.gain.low, found.gain.high) if found.gain else "-",
        "truth": word,
        "true": told(*true),
        "is": judged,
    }
    sizes = f"test {found.tested}, truth {len(longer.folder.read_splits()['test'])}"
    print(f"{row}\n  {sizes}; {middle - start:.0f} s, truth {time.perf_counter() - middle:.0f} s, in all "
          f"{time.perf_counter() - begun:.0f} s")  # fmt: skip
    learners = [
        f"{each.name}: {each.value:.4f}, {each.seeds} seeds, {each.epochs} epochs" for each in found.rows
    ]
    print("  " + "\n  ".join([*learners, *found.cautions, *found.missing]), flush=True)
    return row


def split(data: Any, train: int) -> tuple[Any, Any]:
    """Returns the data as the verdict sees it, and as the truth does: the same training, and all the rest as test."""
    order = np.random.default_rng(3).permutation(len(data))
    held, tested = max(60, train // 3), min(300, (len(data) - train) // 3)
    names = np.array(["test"] * len(data), dtype=object)
    names[order[:train]], names[order[train : train + held]] = "train", "validation"
    whole = replace(data, given_split=tuple(names), source="", groups=None)
    few = order[: train + held + tested]
    return whole.subset(np.sort(few)), whole


def truth(run: Any, found: Any, out: Path) -> tuple[float, float, float]:
    """Returns the gain and its interval by fresh seeds, more epochs and more test examples."""
    from tlzoo.workflows.verdict_cells import Cells, Learner
    from tlzoo.workflows.verdict_scratch import Scratch

    cells, config = Cells(run, run.dataset, out.with_name(out.name + "-cells")), run.folder.config
    epochs = min(MOST, 2 * int(max(row.epochs for row in found.rows if row.name == "scratch")))
    plan = run.folder.plan
    mine = Learner("run", plan.backbone, plan.recipe, config["options"])
    rate = json.loads((out / "verdict" / "state.json").read_text())["scratch"]["rate"]
    theirs = Scratch(epochs, rate).learner(plan, cells)
    right = [
        np.stack([correct(run, cells.make(learner, 1.0, 100 + seed)) for seed in range(TRUE_SEEDS)])
        for learner in (mine, theirs)
    ]
    from scipy.stats import t

    means = [each.mean(axis=1) for each in right]
    gain = float(means[0].mean() - means[1].mean())
    seeds = sum(float(each.var(ddof=1)) / TRUE_SEEDS for each in means)
    examples = float(np.var(right[0].mean(axis=0) - right[1].mean(axis=0)) / right[0].shape[1])
    half = float(t.ppf(0.975, 2 * (TRUE_SEEDS - 1))) * np.sqrt(seeds + examples)
    return gain, gain - half, gain + half


def correct(run: Any, cell: Any) -> np.ndarray:
    """Returns which test examples are decided rightly, float (n,)."""
    return (cell.answers.argmax(axis=1) == run.dataset.labels[cell.index]).astype(float)


def true_word(true: tuple[float, float, float]) -> str:
    """Returns the word of a truth."""
    _, low, high = true
    return "positive" if low > 0 and high > MARGIN else "negative" if high < 0 and low < -MARGIN else "tie"


def told(estimate: float, low: float, high: float) -> str:
    """Returns a gain in points."""
    return f"{100 * estimate:+.1f} [{100 * low:.1f}, {100 * high:.1f}]"


def make_zoo(zoo: Path) -> None:
    """Pretrains networks and vectors, and writes their cards."""
    import tlzoo

    images, labels = _digits()
    low = labels < 5
    body = small.pretrained(images[low], labels[low])
    small.write_card(zoo, "small_digits", body, "digits 0 to 4")
    small.write_card(zoo, "small_shuffled", small.shuffled(body), "nothing")
    small.write_card(zoo, "small_random", small.network(7), "nothing")
    first, _ = _halves(len(labels))
    small.write_card(zoo, "small_half", small.pretrained(images[first], labels[first]), "half of the digits")
    cells = tlzoo.load("elpv")
    first, _ = _halves(len(cells))
    small.write_card(
        zoo,
        "small_cells",
        small.pretrained(small.pictures(cells.subset(first)), cells.labels[first], epochs=15),
        "half of ELPV",
    )
    _vectors(zoo)


def _vectors(zoo: Path) -> None:
    from tlzoo.training.word2vec import Word2VecOptions
    from tlzoo.workflows.vectors import train_vectors

    texts = zoo / "texts.csv"
    with texts.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["text"])
        writer.writerows([str(each)] for each in ratings().items)
    for name in ("review_vectors", "shuffled_vectors"):
        train_vectors(texts, name=name, options=Word2VecOptions(size=50, epochs=15))
    file = zoo / "vectors" / "shuffled_vectors.bin"
    from gensim.models import KeyedVectors

    kept = KeyedVectors.load_word2vec_format(str(file), binary=True)
    kept.vectors[:] = np.random.default_rng(0).permutation(kept.vectors.ravel()).reshape(kept.vectors.shape)
    kept.save_word2vec_format(str(file), binary=True)
    card = zoo / "backbones" / "shuffled_vectors.toml"
    made = hashlib.sha256(file.read_bytes()).hexdigest()
    card.write_text(re.sub(r"[0-9a-f]{64}", made, card.read_text()))


def _digits() -> tuple[np.ndarray, np.ndarray]:
    import tlzoo

    data = tlzoo.load("digits")
    return small.pictures(data), data.labels


def digits(chosen: Any) -> Any:
    """Returns some of scikit-learn's digits at 32 pixels."""
    import tlzoo

    images, labels = _digits()
    rows = np.flatnonzero(np.isin(labels, list(chosen)))
    return tlzoo.load((images[rows], labels[rows] - min(chosen)))


def other_digits(modulus: int) -> Any:
    """Returns digits on which no network was pretrained, by their remainder."""
    import tlzoo

    images, labels = _digits()
    _, rest = _halves(len(labels))
    return tlzoo.load((images[rest], labels[rest] % modulus))


def other_cells() -> Any:
    """Returns solar cells on which no network was pretrained, functional or defective, at 32 pixels."""
    import tlzoo

    data = tlzoo.load("elpv")
    _, rest = _halves(len(data))
    return tlzoo.load((small.pictures(data.subset(rest)), data.labels[rest]))


def _halves(n: int) -> tuple[np.ndarray, np.ndarray]:
    order = np.random.default_rng(1).permutation(n)
    return np.sort(order[: n // 2]), np.sort(order[n // 2 :])


def conditions() -> Any:
    """Returns drug reviews by what the drug was taken for."""
    import tlzoo

    return replace(tlzoo.load("drug_reviews", target="condition"), given_split=None)


def ratings() -> Any:
    """Returns drug reviews by what their authors thought."""
    import tlzoo

    return replace(tlzoo.load("drug_reviews"), given_split=None)


if __name__ == "__main__":
    main()
