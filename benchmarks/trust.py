"""What tlzoo says of trust, tried on solar cells (ELPV) and drug reviews.

    python benchmarks/trust.py                        trains a run of each first
    python benchmarks/trust.py RUN_ELPV RUN_REVIEWS   runs of feature_extraction on these data sets

Prediction sets are calibrated on a random half of the held-out examples (validation and test split together) and
measured on the other half, 500 times. Foreign inputs: photographs and drawings that come with scikit-image,
scikit-learn's photographs and digits; poly cells for a detector that knows mono cells (near); for reviews, docstrings
of the standard library. Labels: 5% of the training labels flipped at random. Near copies: 60 cells once more, brighter,
compressed, mirrored. Active learning: linear heads on features, from 40 labels to 240.
"""

from __future__ import annotations

import io
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from common import finish

from tlzoo.metrics import acquisition, label_noise, neighbours, ood
from tlzoo.metrics.calibration import fit_temperature, softmax
from tlzoo.metrics.conformal import fit_sets, judge_sets
from tlzoo.metrics.selective import risk_coverage

SPLITS = 500
WITHIN = 0.015


def main() -> None:
    """Prints a table of each kind, and all of them as JSON."""
    import tlzoo

    folder = Path(tempfile.mkdtemp(prefix="tlzoo-trust-"))
    names, runs = ("elpv", "drug_reviews"), []
    for at, name in enumerate(names):
        path = Path(sys.argv[1 + at]) if len(sys.argv) > 2 else folder / name
        runs.append(tlzoo.open_run(path) if path.exists() else tlzoo.train(name, out=path))
    found: dict[str, Any] = {}
    for name, run in zip(names, runs, strict=True):
        found[name] = {"sets": _sets(name, run), "selective": _selective(name, run)}
    cells, reviews = runs
    features = np.asarray(cells.context.extractor.plain())
    found["elpv"] |= {
        "ood": _far(cells, features),
        "near_ood": _near(cells, features),
        "noise": _noise(cells, features),
        "copies": _copies(cells, features),
        "active": _active(cells, features),
    }
    found["drug_reviews"]["ood"] = _texts(reviews)
    finish(**found)


def _held_out(run: Any) -> tuple[np.ndarray, np.ndarray]:
    with np.load(run.path / "predictions.npz") as kept:
        logits = np.concatenate([kept[f"{split}_logits"] for split in ("validation", "test")])
        labels = np.concatenate([kept[f"{split}_labels"] for split in ("validation", "test")])
    return logits, labels


def _sets(name: str, run: Any) -> dict[str, Any]:
    """Coverage over many random halves; the temperature is fitted on the same half as the sets."""
    logits, labels = _held_out(run)
    half, changed, found = len(labels) // 2, 0, {}
    print(f"\n{name}: prediction sets, {half} calibrate, {len(labels) - half} judge, {SPLITS} times")
    for method in ("lac", "aps", "raps"):
        for asked in (0.8, 0.9, 0.95):
            scores = []
            for seed in range(SPLITS):
                order = np.random.default_rng(seed).permutation(len(labels))
                fit, judge = order[:half], order[half:]
                temperature = fit_temperature(logits[fit], labels[fit])
                rows = softmax(logits, temperature)
                changed += int(np.sum(rows.argmax(axis=1) != logits.argmax(axis=1)))
                rule = fit_sets(labels[fit], rows[fit], asked, method=method, seed=seed)
                scores.append(judge_sets(labels[judge], rule.sets(rows[judge], seed=seed + SPLITS)))
            shares = np.array([each.coverage for each in scores])
            size = float(np.mean([each.size for each in scores]))
            near = float(np.mean(np.abs(shares - asked) <= WITHIN))
            found[f"{method}_{asked}"] = [float(shares.mean()), float(shares.std()), size]
            print(
                f"  {method:4} {asked:.0%} asked: {shares.mean():.2%} on average ({100 * (shares.mean() - asked):+.2f} "
                f"points), deviation {100 * shares.std():.2f}; {near:.0%} of splits within 1.5 points; "
                f"{size:.2f} classes"
            )
    print(f"  decisions changed by a temperature: {changed}")
    return {**found, "changed": changed}


def _selective(name: str, run: Any) -> list[float]:
    with np.load(run.path / "predictions.npz") as kept:
        rows, labels = softmax(kept["test_logits"], run.temperature), kept["test_labels"]
    curve = risk_coverage(rows.max(axis=1), rows.argmax(axis=1) == labels)
    whole, some = curve.at(1.0)[1], curve.at(0.8)[1]
    print(f"{name}: accuracy {whole:.2%} of all answers, {some:.2%} of the surest 80%; AURC {curve.aurc:.4f}")
    return [whole, some, curve.aurc]


def _auroc(known: np.ndarray, foreign: np.ndarray) -> float:
    from sklearn.metrics import roc_auc_score

    truth = np.repeat([0, 1], [len(known), len(foreign)])
    return float(roc_auc_score(truth, np.append(known, foreign)))


def _judged(
    scores: dict[str, Any], features: dict[str, np.ndarray], logits: dict[str, np.ndarray]
) -> dict[str, Any]:
    """AUROC, and the share of foreign and of test examples above the threshold that keeps 95% of validation."""
    found = {}
    for title, score in scores.items():
        of = {split: score(logits[split] if title == "energy" else rows) for split, rows in features.items()}
        limit = ood.threshold(of["validation"])
        shares = [float(np.mean(of[split] > limit)) for split in ("foreign", "test")]
        found[title] = [_auroc(of["test"], of["foreign"]), *shares]
        print(
            f"  {title:18} AUROC {found[title][0]:.3f}; flagged: {shares[0]:.1%} of foreign, {shares[1]:.1%} of test"
        )
    return found


def _detectors(train: np.ndarray, labels: np.ndarray) -> dict[str, Any]:
    width = train.shape[1]
    found: dict[str, Any] = {"energy": ood.energy, "knn": ood.Nearest.fitted(train)}
    for axes in (32, ood.AXES, 512, width):
        if axes <= width:
            detector = ood.fit_mahalanobis(train, labels, axes)
            size = sum(each.nbytes for each in detector.arrays().values())
            found[f"mahalanobis {axes}"] = detector
            print(f"  mahalanobis with {axes} axes: {size / 1e6:.2f} MB")
    return found


def _logits(run: Any, features: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    from tlzoo.workflows.features import logits_of

    return {name: logits_of(run, rows) for name, rows in features.items()}


def _far(run: Any, features: np.ndarray) -> dict[str, Any]:
    """Cells against pictures of anything else."""
    from tlzoo.workflows.features import features_of, unlabelled

    splits, labels = run.folder.read_splits(), run.dataset.labels
    foreign = unlabelled(run, _pictures())
    of = {split: features[splits[split]] for split in ("validation", "test")}
    of["foreign"] = features_of(run, foreign)[0]
    print(f"\nelpv: {len(of['foreign'])} pictures that are no cells, against {len(of['test'])} cells")
    return _judged(_detectors(features[splits["train"]], labels[splits["train"]]), of, _logits(run, of))


def _pictures() -> list[np.ndarray]:
    import skimage
    from PIL import Image
    from sklearn.datasets import load_digits, load_sample_images

    found = list(load_sample_images().images)
    for file in sorted((Path(skimage.__file__).parent / "data").glob("*.[pj][np]g")):
        with Image.open(file) as image:
            found.append(np.asarray(image.convert("RGB")))
    digits = (load_digits().images[:60] * (255 / 16)).astype(np.uint8)
    return found + [np.repeat(each[..., None], 3, axis=2) for each in digits]


def _near(run: Any, features: np.ndarray) -> dict[str, Any]:
    """Mono cells against poly cells: the same thing, made another way."""
    import tlzoo

    mono = set(tlzoo.load("elpv", cell_type="mono").keys)
    is_mono = np.array([key in mono for key in run.dataset.keys])
    splits, labels = run.folder.read_splits(), run.dataset.labels
    known = {split: indices[is_mono[indices]] for split, indices in splits.items()}
    of = {split: features[known[split]] for split in ("validation", "test")}
    of["foreign"] = features[splits["test"][~is_mono[splits["test"]]]]
    print(
        f"\nelpv: {len(of['foreign'])} poly cells, against {len(of['test'])} mono cells, the detector knows mono only"
    )
    return _judged(_detectors(features[known["train"]], labels[known["train"]]), of, _logits(run, of))


def _texts(run: Any) -> dict[str, Any]:
    import inspect

    from tlzoo.workflows.features import features_of, unlabelled

    modules = [
        sys.modules[name] for name in sorted(sys.modules) if "." not in name and not name.startswith("_")
    ]
    documents = {inspect.getdoc(each) or "" for module in modules for each in vars(module).values()
                 if inspect.isfunction(each)}  # fmt: skip
    chosen = sorted(text for text in documents if 200 < len(text) < 2000)[:200]
    features, splits = np.asarray(run.context.extractor.plain()), run.folder.read_splits()
    of = {split: features[splits[split]] for split in ("validation", "test")}
    of["foreign"] = features_of(run, unlabelled(run, chosen))[0]
    print(f"\ndrug_reviews: {len(chosen)} docstrings against {len(of['test'])} reviews")
    train = splits["train"]
    return _judged(_detectors(features[train], run.dataset.labels[train]), of, _logits(run, of))


def _noise(run: Any, features: np.ndarray) -> dict[str, float]:
    """Flipped labels among the training split, found by heads that have not seen them."""
    train, right, found = run.folder.read_splits()["train"], [], []
    rows, labels = features[train], run.dataset.labels[train]
    print(f"\nelpv: 5% of {len(train)} training labels flipped")
    for seed in range(3):
        flipped = np.random.default_rng(seed).choice(len(train), round(0.05 * len(train)), replace=False)
        wrong = labels.copy()
        wrong[flipped] = 1 - wrong[flipped]
        probabilities = label_noise.out_of_fold(rows, wrong, seed=seed)
        issues = [issue.index for issue in label_noise.find_label_issues(wrong, probabilities)]
        hits = np.isin(issues, flipped)
        right.append([hits.mean(), hits.sum() / len(flipped), hits[: len(flipped)].mean()])
        found.append([len(issues), label_noise.noise_share(wrong, probabilities)])
        print(
            f"  seed {seed}: {len(issues)} named, precision {right[-1][0]:.2f}, recall {right[-1][1]:.2f}; precision "
            f"of the first {len(flipped)}: {right[-1][2]:.2f}; estimated noise {found[-1][1]:.1%}"
        )
    means = np.mean(right, axis=0)
    clean = label_noise.out_of_fold(rows, labels)
    named = len(label_noise.find_label_issues(labels, clean))
    print(f"  without flips {named} are named; labelled by chance, precision would be 0.05")
    return {"precision": float(means[0]), "recall": float(means[1]), "precision_of_first": float(means[2])}


def _copies(run: Any, features: np.ndarray) -> dict[str, list[int]]:
    """Copies of 60 cells among all cells."""
    from tlzoo.data.convert import read_image
    from tlzoo.workflows.features import features_of, unlabelled

    chosen = np.random.default_rng(0).choice(len(features), 60, replace=False)
    cells = [read_image(run.dataset.items[at]) for at in chosen]
    changes = {
        "the same": lambda cell: cell,
        "15% brighter": lambda cell: np.clip(cell * 1.15, 0, 255).astype(np.uint8),
        "mirrored": lambda cell: np.ascontiguousarray(cell[:, ::-1]),
        "JPEG 60": _compressed,
    }
    before = {tuple(pair) for pair in neighbours.near_pairs(features).pairs.tolist()}
    print(f"\nelpv: near copies of 60 cells among {len(features)}; {len(before)} pairs before")
    found = {}
    for title, change in changes.items():
        more = features_of(run, unlabelled(run, [change(cell) for cell in cells]))[0]
        pairs = {tuple(pair) for pair in neighbours.near_pairs(np.vstack([features, more])).pairs.tolist()}
        wanted = {(int(at), len(features) + number) for number, at in enumerate(chosen)}
        found[title] = [len(pairs & wanted), len(pairs - wanted)]
        print(f"  {title:14} {len(pairs & wanted)} of 60 found; {len(pairs - wanted)} other pairs")
    return found


def _compressed(cell: np.ndarray) -> np.ndarray:
    from PIL import Image

    file = io.BytesIO()
    Image.fromarray(cell).save(file, "JPEG", quality=60)
    with Image.open(file) as image:
        return np.asarray(image.convert("RGB"))


def _active(run: Any, features: np.ndarray) -> dict[str, float]:
    """Accuracy after 240 labels, chosen 40 at a time, mean over seeds."""
    from sklearn.linear_model import LogisticRegression

    splits, labels = run.folder.read_splits(), run.dataset.labels
    deviation = features[splits["train"]].std(axis=0)
    rows = (features - features[splits["train"]].mean(axis=0)) / np.where(deviation > 1e-6, deviation, 1)
    pool, test, found = splits["train"], splits["test"], {}
    print("\nelpv: accuracy of a linear head on 240 labels, chosen 40 at a time")
    for strategy in acquisition.STRATEGIES:
        ends = []
        for seed in range(5):
            known = np.random.default_rng(seed).choice(pool, 40, replace=False)
            while len(known) < 240:
                head = LogisticRegression(C=0.01, max_iter=300).fit(rows[known], labels[known])
                rest = np.setdiff1d(pool, known)
                more = acquisition.choose(
                    head.predict_proba(rows[rest]), features[rest], 40,
                    strategy=strategy, known=features[known], seed=seed,
                )  # fmt: skip
                known = np.append(known, rest[more])
            head = LogisticRegression(C=0.01, max_iter=300).fit(rows[known], labels[known])
            ends.append(head.score(rows[test], labels[test]))
        found[strategy] = float(np.mean(ends))
        print(f"  {strategy:8} {np.mean(ends):.4f} ± {np.std(ends) / np.sqrt(5):.4f}")
    return found


if __name__ == "__main__":
    main()
