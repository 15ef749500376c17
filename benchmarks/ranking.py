"""How well do scores rank feature extractors by what training on them really gives?

    python benchmarks/ranking.py                         the four data sets results are reported on
    python benchmarks/ranking.py elpv digits --seeds 0   some of them
    python benchmarks/ranking.py --others                those that choices were made on

For each data set, ten extractors (`extractors.py`) are scored on the training split as `tlzoo rank` does. Then each
gets the head that `feature_extraction` trains, its penalty chosen by cross-validation, and is judged on the test split:
half of the data, because some hundred test examples cannot tell apart extractors that differ by a point. Scores and
accuracies are means over the splits. The table has the weighted Kendall tau (SciPy's) between each score and the test
accuracy; `rank` is what `tlzoo rank` goes by; `test again` is what an oracle gets: the tau of the accuracies of one
split and those of another. Features and results are kept in the cache, so that a second run is quick.

The peer: how scores rank ten ImageNet networks by fine-tuned accuracy, mean of eight data sets, as the Transfer
Learning Library publishes it.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import tempfile
import time
from pathlib import Path
from typing import Any

import extractors
import numpy as np
from common import finish

PUBLISHED = {"h_score": 0.670, "logme": 0.665, "nce": 0.501, "leep": 0.287}
SHOWN = ("rank", "probe", "logme", "h_score", "knn", "gbc")
VALIDATION, TEST = 0.1, 0.5


def main() -> None:
    """Prints a table for each data set, and one of taus."""
    parser = argparse.ArgumentParser()
    parser.add_argument("names", nargs="*")
    parser.add_argument("--others", action="store_true")
    parser.add_argument("--seeds", default="0,1")
    arguments = parser.parse_args()
    known = {**extractors.DATASETS, **extractors.OTHERS}
    names = arguments.names or list(extractors.OTHERS if arguments.others else extractors.DATASETS)
    seeds = [int(seed) for seed in arguments.seeds.split(",")]
    start, taus = time.perf_counter(), {}
    for name in names:
        data = known[name]()
        found = [outcome(name, data, seed) for seed in seeds]
        taus[name] = {score: tau(found, score) for score in SHOWN}
        taus[name]["each"] = float(np.mean([tau([one], "rank") for one in found]))
        taus[name]["test again"] = again(found)
        taus[name]["picked"] = float(np.mean([picked(one) for one in found]))
        _print_table(name, data, found)
    _print_taus(taus)
    means = {score: float(np.mean([each[score] for each in taus.values()])) for score in SHOWN}
    finish(taus={name: each["rank"] for name, each in taus.items()}, mean=means["rank"], means=means,
           seeds=seeds, minutes=(time.perf_counter() - start) / 60)  # fmt: skip


def outcome(name: str, data: Any, seed: int) -> dict[str, dict[str, float]]:
    """Returns scores and test accuracy of each extractor with one split."""
    from tlzoo.scores.ranking import places
    from tlzoo.workflows.rank import resampled
    from tlzoo.workflows.rank_scores import Candidate, Examples, Scored

    splits = data.split(seed=seed, validation=VALIDATION, test=TEST)
    examples = Examples(data, splits.train)
    found, scored = {}, []
    for extractor in extractors.family(data.modality):
        kept = _kept(
            f"{name}-{extractor}-{seed}", data, lambda e=extractor: _one(name, data, e, splits, seed)
        )
        found[extractor] = json.loads(str(kept["facts"]))
        scored.append(Scored(Candidate(extractor, None), found[extractor], kept["outputs"], 0.0))
    probes, logmes = (np.array([each.scores[key] for each in scored]) for key in ("probe", "logme"))
    draws = resampled(scored, examples, np.arange(len(splits.train)), seed)
    for place in places(probes, logmes, draws):
        row = found[scored[place.index].candidate.name]
        row |= {"rank": place.value, "within_noise": place.within_noise}
    return found


def _one(name: str, data: Any, extractor: str, splits: Any, seed: int) -> dict[str, np.ndarray]:
    from tlzoo.workflows.rank_scores import all_scores

    features = features_of(name, data, extractor)
    groups = np.unique([data.digests[row] for row in splits.train], return_inverse=True)[1]
    start = time.perf_counter()
    scores, outputs = all_scores(features[splits.train], data.labels[splits.train], groups)
    middle = time.perf_counter()
    accuracy = tuned(data, features, splits, seed)
    facts = {**scores, "accuracy": accuracy, "score_seconds": middle - start}
    print(f"{name}, seed {seed}, {extractor}: accuracy {accuracy:.4f}, probe {scores['probe']:.4f}; scored in "
          f"{middle - start:.1f} s, trained in {time.perf_counter() - middle:.1f} s", flush=True)  # fmt: skip
    return {"outputs": outputs, "facts": np.array(json.dumps(facts))}


def features_of(name: str, data: Any, extractor: str) -> np.ndarray:
    """Returns an extractor's features of all items, float32 (n, d)."""
    return _kept(f"{name}-{extractor}", data, lambda: {"features": _features(data, extractor)})["features"]


def _features(data: Any, extractor: str) -> np.ndarray:
    from tlzoo.features.extract import Extractor
    from tlzoo.features.text_extract import TextExtractor

    backbone = extractors.family(data.modality)[extractor]()
    if data.modality == "text":
        return TextExtractor(backbone, data, "graph").plain()
    return np.asarray(Extractor(backbone, data).plain())


def tuned(data: Any, features: np.ndarray, splits: Any, seed: int) -> float:
    """Returns the test accuracy of the head that `feature_extraction` trains on features (n, d)."""
    import keras

    from tlzoo import registry
    from tlzoo.recipes.catalog import make_plan
    from tlzoo.recipes.facts import Facts
    from tlzoo.tasks.task import task_of
    from tlzoo.training.context import Context
    from tlzoo.training.phases import train_head
    from tlzoo.training.rundir import RunDir

    # The plan depends on the data alone; the card only names the backbone.
    card = registry.backbones().get("minilm_l6" if data.modality == "text" else "efficientnet_lite0")
    counts = tuple(data.counts(splits.train).values())
    facts = Facts(len(splits.train), len(data.class_names), counts, data.symmetry)
    plan = make_plan("feature_extraction", card, facts, {"seed": seed})
    with tempfile.TemporaryDirectory(prefix="tlzoo-ranking-") as folder:
        keras.utils.set_random_seed(seed)
        context = Context(
            plan=plan,
            run=RunDir.create(Path(folder) / "run"),
            backbone=None,
            dataset=data,
            splits=splits,
            task=task_of(plan.task, data.class_names, data.labels[splits.train]),
        )
        context.__dict__["extractor"] = _Known(features)
        head = train_head(context, plan.phases[0], 0)
    keras.backend.clear_session()
    said = head.logits(features[splits.test]).argmax(axis=1)
    return float(np.mean(said == data.labels[splits.test]))


class _Known:
    """An extractor whose features are there already."""

    def __init__(self, features: np.ndarray) -> None:
        self.features = features

    def plain(self) -> np.ndarray:
        return self.features

    def views(self, *_: Any) -> list[np.ndarray]:
        return []


def _kept(what: str, data: Any, make: Any) -> dict[str, np.ndarray]:
    from tlzoo import paths

    name = hashlib.sha256(f"3 {what} {data.fingerprint}".encode()).hexdigest()[:24]
    file = paths.cache_dir() / "benchmarks" / f"{name}.npz"
    if not file.is_file():
        values = make()
        with paths.replacing(file) as target:
            np.savez(target, **values)
    with np.load(file, allow_pickle=False) as kept:
        return dict(kept)


def tau(found: list[dict[str, dict[str, float]]], score: str) -> float:
    """Returns the weighted tau between a score and the test accuracy, means over splits both."""
    from tlzoo.scores.ranking import weighted_tau

    return weighted_tau(_means(found, score), _means(found, "accuracy"))


def again(found: list[dict[str, dict[str, float]]]) -> float:
    """Returns the mean weighted tau between the test accuracies of two splits; NaN of a single one."""
    from itertools import permutations

    from tlzoo.scores.ranking import weighted_tau

    pairs = permutations([_means([one], "accuracy") for one in found], 2)
    taus = [weighted_tau(one, other) for one, other in pairs]
    return float(np.mean(taus)) if taus else float("nan")


def _means(found: list[dict[str, dict[str, float]]], column: str) -> list[float]:
    return [float(np.mean([one[extractor][column] for one in found])) for extractor in found[0]]


def picked(found: dict[str, dict[str, float]]) -> float:
    """Returns how much test accuracy the extractor that is ranked first lacks of the best one's."""
    first = max(found.values(), key=lambda row: row["rank"])
    return max(row["accuracy"] for row in found.values()) - first["accuracy"]


def _print_table(name: str, data: Any, found: list[dict[str, dict[str, float]]]) -> None:
    columns = ("accuracy", *SHOWN)
    print(f"\n{name}: {len(data)} items, {len(data.class_names)} classes; means over {len(found)} splits")
    print(
        f"  {'extractor':22s}"
        + "".join(f"{column:>10s}" for column in columns)
        + "   within noise of the first"
    )
    rows = {
        extractor: [float(np.mean([one[extractor][column] for one in found])) for column in columns]
        for extractor in found[0]
    }
    for extractor, values in sorted(rows.items(), key=lambda pair: -pair[1][1]):
        near = sum(one[extractor]["within_noise"] for one in found)
        print(
            f"  {extractor:22s}"
            + "".join(f"{value:10.4f}" for value in values)
            + f"   {near} of {len(found)}"
        )


def _print_taus(taus: dict[str, dict[str, float]]) -> None:
    columns = (*SHOWN, "each", "test again")
    print(f"\n  {'weighted tau':22s}" + "".join(f"{column:>11s}" for column in columns) + "   accuracy lost")
    for name, each in taus.items():
        print(f"  {name:22s}" + "".join(f"{each[key]:11.3f}" for key in columns) + f"   {each['picked']:.4f}")
    means = [float(np.mean([each[key] for each in taus.values()])) for key in columns]
    print(f"  {'mean':22s}" + "".join(f"{value:11.3f}" for value in means))
    published = [f"{PUBLISHED[key]:11.3f}" if key in PUBLISHED else " " * 11 for key in columns]
    print(f"  {'published, ImageNet':22s}" + "".join(published))
    print("  (each: mean of the taus of single splits; accuracy lost: by taking what is ranked first)")


if __name__ == "__main__":
    main()
