"""Domain adaptation on the ELPV solar cells: monocrystalline to polycrystalline, and back; mean over seeds.

    python benchmarks/adaptation.py                       closed forms, self-training, AdaBN
    python benchmarks/adaptation.py --learned             MMD, Deep CORAL, DANN, CDAN and MCC as well (minutes)
    python benchmarks/adaptation.py --end-to-end self_training --seeds 0    a quarter of an hour each way
    python benchmarks/adaptation.py --seeds 0,1 --direction mono,poly
    python benchmarks/adaptation.py --rules               which rule should choose

How the choice is made: of all ways (features x alignment x head x penalty) the one that agrees most with all of them
together, each heard as far as it is trusted (`tlzoo.adaptation.choice`). The rule was picked on shifts of handwritten
digits (`--rules`), not on these cells. Labels of the target are for the columns of this table alone; a row shows the
penalty that was chosen for its way. The whole target is adapted to, without its labels, and scored.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np
from common import finish

KINDS = {"mono": "poly", "poly": "mono"}


def main() -> None:
    """Prints a table a direction: each way's scores, trust and whom it hurts; distances; what was chosen."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seeds", default="0,1,2")
    parser.add_argument("--direction", default="both", help="mono,poly or poly,mono; both by default")
    parser.add_argument("--learned", action="store_true")
    parser.add_argument("--end-to-end", default="", help="objectives by which the network is tuned as well")
    parser.add_argument("--size", type=int, help="of images, for frozen features as well")
    parser.add_argument("--epochs", type=int, default=2)
    parser.add_argument("--rules", action="store_true", help="compare rules of choice on shifts of digits")
    arguments = parser.parse_args()
    if arguments.rules:
        import adaptation_rules

        adaptation_rules.main()
        return
    seeds = [int(word) for word in arguments.seeds.split(",")]
    pairs = list(KINDS.items()) if arguments.direction == "both" else [tuple(arguments.direction.split(","))]
    figures: dict[str, Any] = {}
    for source, target in pairs:
        figures[f"{source}_to_{target}"] = direction(source, target, seeds, arguments)
    finish(**figures)


def direction(source: str, target: str, seeds: list[int], asked: argparse.Namespace) -> dict[str, Any]:
    """Adapts from one kind of cell to the other and prints what each way gives."""
    from tlzoo.workflows.adapt import AdaptRequest, adapt
    from tlzoo.workflows.ways import METHODS, USUAL

    folder, told, plain, minutes = Path(tempfile.mkdtemp(prefix="tlzoo-adapt-")), [], [], []
    methods = METHODS if asked.learned else USUAL
    tuned = tuple(each for each in asked.end_to_end.split(",") if each)
    data = f"elpv:{source}", f"elpv:{target}"
    for seed in seeds:
        start = time.process_time()
        request = AdaptRequest(
            methods=methods,
            end_to_end=tuned,
            epochs=asked.epochs,
            size=asked.size,
            seed=seed,
            out=folder / str(seed),
        )
        told.append(read(adapt(*data, request).path))
        minutes.append((time.process_time() - start) / 60)
        without = tuple(each for each in methods if each != "adabn")
        request = AdaptRequest(methods=without, size=asked.size, seed=seed, out=folder / f"plain-{seed}")
        plain.append(read(adapt(*data, request).path))
    print(f"\n{source} to {target}, mean over seeds {seeds}, {np.mean(minutes):.1f} processor minutes a seed")
    print(f"always the most common class: {told[0]['majority']:.3f}\n")
    table(told)
    print("\ndistance      before      after")
    for key, before in told[0]["distances"]["before"].items():
        print(f"{key:10s} {before:9.4g}  {told[0]['distances']['after'][key]:9.4g}")
    for key, shares in told[0]["label_shift"].items():
        print(f"shares {key:8s} " + ", ".join(f"{name} {share:.2f}" for name, share in shares.items()))
    figures: dict[str, float] = {}
    for title, runs in (("all", told), ("plain", plain)):
        rows = [next(row for row in each["ways"] if row["chosen"]) for each in runs]
        for key, short in (("accuracy", "accuracy"), ("balanced_accuracy", "balanced")):
            figures[f"{title}_{short}"] = round(float(np.mean([row["scores"][key] for row in rows])), 4)
        print(
            f"of {title} features: accuracy {figures[title + '_accuracy']:.3f}, balanced "
            f"{figures[title + '_balanced']:.3f}; chosen " + ", ".join(row["way"] for row in rows)
        )
    ceiling(target, seeds)
    return figures


def table(told: list[dict[str, Any]]) -> None:
    """Prints the mean of each way over seeds, with the change of every class against the source alone."""
    rows = defaultdict(list)
    for each in told:
        for row in each["ways"]:
            rows[row["way"]].append(row)
    names = list(told[0]["label_shift"]["source"])
    alone = {name: mean_recall(rows["source only"], name) for name in names}
    print(f"{'way':44s} trust  consensus  accuracy  balanced  " + "  ".join(f"{name:>18s}" for name in names))
    for way, found in rows.items():
        recalls = "  ".join(
            f"{mean_recall(found, name):10.2f} ({mean_recall(found, name) - alone[name]:+.2f})"
            for name in names
        )
        scores = [np.mean([row["scores"][key] for row in found]) for key in ("accuracy", "balanced_accuracy")]
        trust = np.mean([row["trust"]["total"] for row in found])
        near = np.mean([row["consensus"] for row in found])
        print(f"{way:44s} {trust:.3f}      {near:.3f}     {scores[0]:.3f}     {scores[1]:.3f}  {recalls}")


def mean_recall(rows: list[dict[str, Any]], name: str) -> float:
    """Returns the mean recall of a class."""
    return float(np.mean([row["scores"]["recall"][name] for row in rows]))


def ceiling(target: str, seeds: list[int]) -> None:
    """Prints what a head trained on three quarters of the target's own labels gives on the rest."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.metrics import accuracy_score, balanced_accuracy_score
    from sklearn.model_selection import train_test_split

    from tlzoo.backbones.load import load_backbone
    from tlzoo.data.load import load
    from tlzoo.features.extract import Extractor

    dataset = load(f"elpv:{target}")
    features = np.asarray(Extractor(load_backbone("efficientnet_lite0"), dataset).plain())
    found = []
    for seed in seeds:
        train, test = train_test_split(
            np.arange(len(dataset)), test_size=0.25, stratify=dataset.labels, random_state=seed
        )
        mean, deviation = features[train].mean(axis=0), features[train].std(axis=0) + 1e-6
        model = LogisticRegression(C=1e-2, max_iter=300)
        model.fit((features[train] - mean) / deviation, dataset.labels[train])
        said = model.predict((features[test] - mean) / deviation)
        truth = dataset.labels[test]
        found.append((accuracy_score(truth, said), balanced_accuracy_score(truth, said)))
    accuracy, balanced = np.mean(found, axis=0)
    print(
        f"trained on the target's own labels, plain features: accuracy {accuracy:.3f}, balanced {balanced:.3f}"
    )


def read(path: Path) -> dict[str, Any]:
    """Returns a run's `adaptation.json`."""
    import json

    return json.loads((path / "adaptation.json").read_text())


if __name__ == "__main__":
    main()
