"""From a labelled source to a target without labels: try ways, trust one without a label, prove what it gives."""

from __future__ import annotations

import logging
import shlex
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from tlzoo.adaptation.choice import Adapted, Domains, Trust, consensus, importance, trust
from tlzoo.progress import Progress
from tlzoo.workflows.adapt_plan import RECIPE, backbone_of, plan_of
from tlzoo.workflows.domains import Sight, TargetLabels, load_pair
from tlzoo.workflows.run import Run
from tlzoo.workflows.ways import END_TO_END, USUAL, Learners, Way, check_end_to_end, end_to_end, ways

if TYPE_CHECKING:
    from tlzoo.data.dataset import Dataset
    from tlzoo.data.splits import Splits
    from tlzoo.plans import Plan

log = logging.getLogger("tlzoo")


@dataclass(frozen=True)
class AdaptRequest:
    """What a user asks of an adaptation.

    Attributes:
        backbone: Name of a card; None takes the usual one for the data.
        methods: What is tried, and in every combination: some of `ways.METHODS`.
        end_to_end: Objectives by which the network itself is tuned as well: some of `ways.END_TO_END`. Minutes each.
        epochs: Of that, passes over the source.
        size: Height and width of images in pixels; None takes the card's.
        target_labels: `score` the target's labels at the very end, or look at `none`.
        out: The run folder; by default the next free `runs/<source>-adapt-<n>`.
        seed: Of everything random.
        validation: Share of the source that is not learned from: it calibrates.
        engine: What computes plain features.
        data_options: How both domains are read.
    """

    backbone: str | None = None
    methods: tuple[str, ...] = USUAL
    end_to_end: tuple[str, ...] = ()
    epochs: int = 2
    size: int | None = None
    target_labels: TargetLabels = "score"
    out: Path | None = None
    seed: int = 0
    validation: float = 0.2
    engine: str = "auto"
    data_options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Tried:
    """A way that was tried.

    Attributes:
        way: The way.
        adapted: Its heads.
        trust: What is known of it without a label of the target.
        said: Its probabilities for the target (m, c).
        consensus: How far these agree with what all ways say together.
    """

    way: Way
    adapted: Adapted
    trust: Trust
    said: np.ndarray
    consensus: float = 0.0


def adapt(
    source: Any,
    target: Any,
    request: AdaptRequest,
    *,
    progress: Progress | None = None,
    command: str | None = None,
) -> Run:
    """Adapts a classifier from a labelled source to a target, and reports.

    No label of the target is looked at before the head is chosen and finished; with `target_labels="none"` never.

    Args:
        source: Anything `tlzoo.load` takes, of classes.
        target: Likewise; without labels also a folder of images or a table of texts.
        request: What is asked for.
        progress: Told how far things are.
        command: The line that started this.

    Returns:
        The finished run: its model answers for the target, and it is exported, served and compared as any other.

    Raises:
        TlzooError: Anything a user can mend.

    Example:
        >>> run = adapt("elpv:mono", "elpv:poly", AdaptRequest())  # doctest: +SKIP
        >>> run.folder.config["target"]["chosen"]  # doctest: +SKIP
        'adabn + self_training'
    """
    from threadpoolctl import threadpool_limits

    from tlzoo.training.rundir import RunDir
    from tlzoo.workflows.train import next_run

    started = time.perf_counter()
    ways(request.methods, adabn=True)  # a misspelt method fails before data is read
    check_end_to_end(request.end_to_end, adabn=True)
    pair = load_pair(source, target, request.target_labels, request.data_options, progress)
    plan = plan_of(pair, request)
    folder = RunDir.create(request.out or next_run(pair.source.name, RECIPE))
    sight = Sight(backbone_of(plan), pair, plan.resize, request.engine, progress)
    check_end_to_end(request.end_to_end, adabn=sight.adaptable)
    weights_hash = sight.backbone.weights_hash
    # Thousands of products of small matrices: threads would wait for each other longer than they work.
    with folder.lock(), threadpool_limits(limits=1):
        splits, tried = try_ways(sight, request, progress)
        tried += try_end_to_end(sight, splits, tried, (request, plan), progress)
        tried = compared(tried)
        chosen = choose(tried)
        log.info("chosen without a label of the target: %s", chosen.way.name)
        from tlzoo.workflows.adapted import Finished, write_run

        write_run(
            folder,
            Finished(sight, splits, tried, chosen, request, plan, weights_hash),
            command or command_of(source, target, request, folder.path),
            started,
        )
    return Run(folder.path)


def try_ways(
    sight: Sight, request: AdaptRequest, progress: Progress | None = None
) -> tuple[Splits, list[Tried]]:
    """Learns a head in every way and judges each without a label of the target.

    Args:
        sight: Features of both domains.
        request: Names the methods.
        progress: Told how many ways were tried.

    Returns:
        The source's splits (none of it for testing), and what was tried, in order.
    """
    sight.features("plain")
    dataset = sight.pair.source
    splits = source_splits(dataset, request)
    learners = Learners(len(dataset.class_names), request.seed)
    all_ways = ways(request.methods, adabn=sight.adaptable)
    domains: dict[str, tuple[Domains, np.ndarray]] = {}
    tried = []
    for number, way in enumerate(all_ways):
        if way.features not in domains:
            domains[way.features] = _domains(sight, way.features, splits, request.seed)
        known, weights = domains[way.features]
        learner = learners.learner(way)
        adapted = learner(known.source, known.labels, known.target)
        said = adapted.target.probabilities(known.target)
        tried.append(Tried(way, adapted, trust(learner, known, weights), said))
        if progress:
            progress(number + 1, len(all_ways), f"adapting, {way.name}")
    return splits, tried


def try_end_to_end(
    sight: Sight,
    splits: Splits,
    tried: Sequence[Tried],
    asked: tuple[AdaptRequest, Plan],
    progress: Progress | None = None,
) -> list[Tried]:
    """Tunes the network by every objective that is asked for; its features become those of a way each.

    Args:
        sight: Features of both domains.
        splits: Of the source.
        tried: Ways on frozen features; the network begins with the head chosen from those on AdaBN's as they are.
        asked: What is asked for, and the plan, whose last phase says how the network is tuned.
        progress: Told how far it is.
    """
    from tlzoo.workflows.tuned import Start, tune_and_judge

    request, plan = asked
    if not request.end_to_end:
        return []
    fit = [each for each in tried if (each.way.features, each.way.align) == ("adabn", "none")]
    way = choose(compared(fit)).way if fit else Way("adabn", "none", "source", 1e-3)
    learner = Learners(len(sight.pair.source.class_names), request.seed).learner(way)
    weights = _domains(sight, "adabn", splits, request.seed)[1]
    found = []
    for name in request.end_to_end:
        start = Start(learner, plan.phases[-1], END_TO_END[name], seed=request.seed)
        tuned, judged = tune_and_judge(sight, splits.train, start, weights, progress)
        new = end_to_end(name)
        sight.add(new.features, tuned)
        found.append(Tried(new, tuned.adapted, judged, tuned.head.probabilities(tuned.target)))
    return found


def source_splits(dataset: Dataset, request: AdaptRequest) -> Splits:
    """Returns the source's training and validation splits; splits it came with say nothing of another domain."""
    from tlzoo.data.splits import Splits

    found = replace(dataset, given_split=None).split(seed=request.seed, test=request.validation)
    train = np.sort(np.concatenate([found.train, found.validation]))
    return Splits(train, found.test if len(found.test) else train, np.zeros(0, np.int64))


def compared(tried: Sequence[Tried]) -> list[Tried]:
    """Returns all that was tried, with how far each agrees with all together."""
    found = consensus([each.said for each in tried], [each.trust.total for each in tried])
    return [replace(each, consensus=value) for each, value in zip(tried, found, strict=True)]


def choose(tried: Sequence[Tried]) -> Tried:
    """Returns what agrees most with all together; of equals the first, which is the simplest."""
    return max(tried, key=lambda each: each.consensus)


def _domains(sight: Sight, kind: str, splits: Splits, seed: int) -> tuple[Domains, np.ndarray]:
    source, target = sight.features(kind)
    known = Domains(source[splits.train], sight.pair.source.labels[splits.train], target, seed)
    return known, importance(known.source, target, seed)


def command_of(source: Any, target: Any, request: AdaptRequest, out: Path) -> str:
    """Returns the command line that adapts in the same way again.

    Args:
        source: As it was given.
        target: Likewise.
        request: What was asked for.
        out: The run folder.
    """
    from tlzoo.workflows.inputs import data_words

    shown = [str(each) if isinstance(each, (str, Path)) else "DATA" for each in (source, target)]
    words = ["tlzoo", "adapt", "--source", shown[0], "--target", shown[1], "--seed", str(request.seed)]
    words += ["--target-labels", request.target_labels, "--out", str(out)]
    words += ["--backbone", request.backbone] if request.backbone else []
    usual = AdaptRequest()
    for name in ("methods", "end_to_end"):
        if (listed := getattr(request, name)) != getattr(usual, name):
            words += [f"--{name.replace('_', '-')}", ",".join(listed)]
    for name in ("validation", "engine", "size", "epochs"):
        if (value := getattr(request, name)) != getattr(usual, name):
            words += [f"--{name}", str(value)]
    return shlex.join(words + data_words(request.data_options))
