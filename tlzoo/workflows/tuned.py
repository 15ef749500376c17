"""Adaptation end to end: the network itself learns from both domains, and is trusted as any other way is."""

from __future__ import annotations

import logging
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from tlzoo.adaptation.choice import Adapted, Domains, Learner, Trust, judge, led_back
from tlzoo.adaptation.heads import Linear
from tlzoo.plans import Phase
from tlzoo.progress import Progress
from tlzoo.workflows.joint_feed import Feed, joint_batches

if TYPE_CHECKING:
    from tlzoo.backbones.backbone import Backbone
    from tlzoo.data.dataset import Dataset
    from tlzoo.workflows.domains import Sight

log = logging.getLogger("tlzoo")


@dataclass(frozen=True)
class Start:
    """What tuning begins from and is told.

    Attributes:
        learner: The way on AdaBN features whose head it begins with; it also leads back.
        phase: Stages, rates, epochs, batch and augmentation.
        objective: One of `alignment.network.TUNE_OBJECTIVES`.
        trade_off: Weight of the objective.
        seed: Of everything random.
    """

    learner: Learner
    phase: Phase
    objective: str
    trade_off: float = 1.0
    seed: int = 0


@dataclass(frozen=True)
class Tuned:
    """A network that has learned from both domains.

    Attributes:
        weights: Of the backbone, with the target's statistics.
        head: For its features of either domain.
        source: Features of the whole source, under its own statistics (n, d).
        target: Of the whole target, under its own (m, d).
    """

    weights: dict[str, np.ndarray]
    head: Linear
    source: np.ndarray
    target: np.ndarray

    @property
    def adapted(self) -> Adapted:
        """One head for both domains."""
        return Adapted(self.head, self.head)

    def install(self, backbone: Backbone) -> None:
        """Leaves the weights in a backbone of the same card and size."""
        from tlzoo.backbones.weights import restore

        restore(backbone.model.weights, self.weights, origin="the tuned network")


def tune_and_judge(
    sight: Sight, rows: np.ndarray, start: Start, weights: np.ndarray, progress: Progress | None = None
) -> tuple[Tuned, Trust]:
    """Tunes a network on both domains, and two more on a half of each to know how far it can be trusted.

    Args:
        sight: Features of both domains; its backbone is as before afterwards.
        rows: Which source examples may be learned from, int (k,).
        start: What it begins from.
        weights: Importance of those examples (k,).
        progress: Told how far it is.

    Returns:
        The network that learned from everything, and its trust: measured as for any other way, but that the way back
        is that of the head it began with.
    """
    source, target = sight.features("adabn")
    labels = sight.pair.source.labels[rows]
    domains = Domains(source[rows], labels, target, start.seed)
    whole = tune(sight, (rows, np.arange(len(target))), start, _told(progress, start, "all"))
    said, back = np.zeros_like(labels), np.zeros_like(labels)
    pseudo = []
    for number, (half, other) in enumerate(zip(domains.halves, domains.halves[::-1], strict=True), start=1):
        tuned = tune(
            sight, (rows[half.rows], half.target_rows), start, _told(progress, start, f"half {number}")
        )
        pseudo.append(tuned.head.decisions(tuned.target))
        said[other.rows] = tuned.head.decisions(tuned.source[rows[other.rows]])
        back[other.rows] = led_back(start.learner, target, pseudo[-1], half, other)
    return whole, judge(labels, (pseudo[0], pseudo[1]), said, back, weights)


def _told(progress: Progress | None, start: Start, part: str) -> Progress | None:
    def tell(done: int, total: int | None, what: str) -> None:
        assert progress is not None  # noqa: S101 - made only where there is one
        progress(done, total, f"end to end, {start.objective}, {part}: {what}")

    return tell if progress else None


def tune(
    sight: Sight, rows: tuple[np.ndarray, np.ndarray], start: Start, progress: Progress | None = None
) -> Tuned:
    """Tunes the network on some rows of both domains.

    Args:
        sight: Features of both domains; its backbone is as before afterwards.
        rows: Of the source and of the target, int (k,) and (l,).
        start: What it begins from.
        progress: Told how many steps are taken.
    """
    from tlzoo.backbones.weights import restore, snapshot

    backbone, pair = sight.backbone, sight.pair
    source, target = sight.features("adabn")
    labels = pair.source.labels[rows[0]]
    begun = start.learner(source[rows[0]], labels, target[rows[1]]).target
    before = snapshot(backbone.model.weights)
    try:
        head = _trained(sight, rows, start, begun, progress)
        features = []
        for each in (pair.source, pair.target):
            features.append(_own_features(backbone, each, sight, progress))
        return Tuned(snapshot(backbone.model.weights), head, features[0], features[1])
    finally:
        restore(backbone.model.weights, before, origin="the network as it was")
        backbone.train(())


def _own_features(
    backbone: Backbone, dataset: Dataset, sight: Sight, progress: Progress | None
) -> np.ndarray:
    """Returns a domain's features under its own statistics, and leaves these in the network."""
    from tlzoo.features.cache import FeatureCache
    from tlzoo.features.extract import Extractor
    from tlzoo.features.statistics import assign, estimate

    own = assign(backbone, estimate(backbone, dataset, sight.resize, progress))
    # Nobody asks for features of these weights again.
    with tempfile.TemporaryDirectory(prefix="tlzoo-tuned-") as folder:
        cache = FeatureCache(Path(folder))
        extractor = Extractor(own, dataset, sight.resize, "graph", cache, progress=progress)
        return np.array(extractor.plain())


def _trained(
    sight: Sight, rows: tuple[np.ndarray, np.ndarray], start: Start, begun: Linear, progress: Progress | None
) -> Linear:
    """Moves the network's weights, and returns the head that goes with them."""
    import keras

    from tlzoo.alignment.network import Joint, JointStep
    from tlzoo.features.statistics import normalising_by_batch
    from tlzoo.training.optimizers import make_optimizer, variable_key

    keras.utils.set_random_seed(start.seed)
    backbone, phase = sight.backbone, start.phase
    head = keras.layers.Dense(begun.kernel.shape[1], name="head")
    head.build((None, begun.kernel.shape[0]))
    head.kernel.assign(begun.kernel)
    head.bias.assign(begun.bias)
    backbone.train([each for each in phase.trains if each != "head"], batchnorm="train")
    moving = list(backbone.network.trainable_variables)
    stages = {
        variable_key(variable): stage.name
        for stage in backbone.stages
        for layer in stage.layers
        for variable in layer.variables
    }
    steps, batches = joint_batches(sight, rows, Feed(phase, start.seed), begun)

    def optimizer(variables: Any) -> keras.optimizers.Optimizer:
        names = {variable_key(each): stages.get(variable_key(each), "head") for each in variables}
        return make_optimizer(phase, names, steps)

    how = Joint(start.objective, start.trade_off, steps, phase.label_smoothing, start.seed)  # type: ignore[arg-type]
    with normalising_by_batch(backbone):
        step = JointStep(backbone.model, head, moving, optimizer, how)
        for number, batch in enumerate(batches):
            losses = step(batch, number)
            if number % 10 == 0:
                log.debug(
                    "step %d of %d: %.4f, %s %.4f", number, steps, losses[0], start.objective, losses[1]
                )
            if progress:
                progress(number + 1, steps, "steps")
    kernel, bias = (
        np.array(keras.ops.convert_to_numpy(each), np.float64) for each in (head.kernel, head.bias)
    )
    return Linear(kernel, bias)
