"""What finished runs are worth, and why they say what they say."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from tlzoo.evaluation.compare import Comparison
    from tlzoo.evaluation.overview import Overview
    from tlzoo.workflows.run import Run
    from tlzoo.workflows.suggest import Suggestion
    from tlzoo.workflows.verdict_answer import Verdict


def open_run(path: str | Path, data: Any = None) -> Run:
    """Opens a finished run.

    Args:
        path: The run folder.
        data: The data it was trained on, if that was given in memory; data on disk is found again.

    Raises:
        RunError: It is no run folder, the run is not finished, or the data is not what it was.
    """
    from tlzoo.workflows.run import Run

    return Run(path) if data is None else Run.with_data(path, data)


def compare(*runs: Any, metric: str | None = None) -> Comparison:
    """Compares runs with bootstrap intervals.

    Args:
        runs: Runs, or their folders; one or more.
        metric: `accuracy` (the default), `balanced_accuracy`, `macro_f1`, `log_loss` or `ece`; for multilabel
            `macro_f1` (the default), `micro_f1` or `mean_average_precision`; for regression `rmse` (the default), `mae`
            or `r2`.
    """
    from tlzoo.evaluation.compare import compare as compare_records
    from tlzoo.evaluation.record import RunRecord

    return compare_records([RunRecord.read(getattr(run, "path", run)) for run in runs], metric)


def overview(*folders: str | Path) -> Overview:
    """Reads runs to be shown side by side; what cannot be read is named, never an error.

    Args:
        folders: Run folders, or folders with run folders in them.

    Returns:
        Finished runs with curves, costs, confusion and verdict; and the folders that cannot be shown, with reasons.

    Example:
        >>> [run.name for run in overview("runs").runs]  # doctest: +SKIP
        ['first', 'second']
    """
    from tlzoo.evaluation.overview import overview as read

    return read(folders)


def verdict(
    run: Run | str | Path,
    *,
    data: Any = None,
    budget: str | float = "10m",
    seeds: int = 5,
    sizes: Sequence[float] = (0.1, 0.25, 0.5),
    margin: float = 0.01,
    try_mitigations: bool = False,
    epochs: int | None = None,
    progress: Any = None,
) -> Verdict:
    """Says whether transfer helped in a run, against the same network from scratch, and adds it to the report.

    Args:
        run: A finished run, or its folder.
        data: The data it was trained on, if that was given in memory.
        budget: That may be spent, earlier calls included, such as `"10m"`; a number is seconds.
        seeds: How many of run and scratch, 2 or more.
        sizes: Shares of the training split for the learning curve, in (0, 1].
        margin: Gains up to this are called neutral: a share, or in units of the spread of numbers.
        try_mitigations: Whether what is advised where transfer gained nothing is tried at once.
        epochs: Of the baseline; by default as many as help and there is time for.
        progress: Called with (done, total, what).

    Raises:
        RunError: It is no finished run, or its data is gone or has changed.
        UsageError: The run transferred nothing, or the question makes no sense.

    Example:
        >>> verdict("runs/first").sentence  # doctest: +SKIP
        'Positive transfer: +12.3 points [8.0, 16.5] of accuracy over the same network from scratch (5 seeds, …).'
    """
    from tlzoo.workflows.budget import parse_budget
    from tlzoo.workflows.verdict import VerdictRequest
    from tlzoo.workflows.verdict import verdict as judge

    seconds = parse_budget(budget) if isinstance(budget, str) else float(budget)
    asked = VerdictRequest(seeds, tuple(sizes), seconds, margin, try_mitigations, epochs)
    return judge(run, asked, data=data, progress=progress)


def trust(
    run: Run | str | Path,
    *,
    coverage: float = 0.9,
    method: Literal["lac", "aps", "raps"] = "lac",
    by_class: bool = False,
    foreign: Any = None,
    progress: Any = None,
) -> dict[str, Any]:
    """Measures how far a run can be trusted, and adds it to its `metrics.json` and report.

    Args:
        run: A finished run, or its folder.
        coverage: Share of prediction sets that should hold the right class, above 0 and below 1.
        method: Of prediction sets; see `tlzoo.metrics.conformal.fit_sets`.
        by_class: Whether every class is promised the coverage by itself.
        foreign: Items the run should find foreign: a folder, a table of texts, or items in memory.
        progress: Called with (done, total, what).

    Returns:
        `calibration`, `conformal`, `selective` and `ood`; see `tlzoo.workflows.trust.trust`.

    Example:
        >>> trust("runs/first", coverage=0.95)["conformal"]["test"]["coverage"]  # doctest: +SKIP
        0.953
    """
    from tlzoo.evaluation.trust import Asked
    from tlzoo.workflows.trust import trust as measure

    return measure(run, Asked(coverage, method, by_class), foreign=foreign, progress=progress)


def suggest(run: Run | str | Path, items: Any, n: int = 50, **options: Any) -> list[Suggestion]:
    """Returns the unlabelled items that a run would learn most of, the most wanted first.

    Args:
        run: A finished run, or its folder.
        items: A folder, a table of texts, or items in memory.
        n: How many.
        options: See `tlzoo.workflows.suggest.suggest`.
    """
    from tlzoo.workflows.suggest import suggest as choose

    return choose(run, items, n, **options)


def explain_words(
    text: str, ask: Callable[[Sequence[str]], Any], label: int | None = None
) -> list[tuple[str, float]]:
    """Says which words of a text pushed an answer, by leaving each out.

    Args:
        text: The text; its first 1,500 characters are looked at.
        ask: From texts to probabilities (n, c); of a bundle, a run or a server.
        label: The class to look at, in 0..c-1; by default the one that wins.

    Returns:
        Stretches that together are the text, and how each pushed: -1 (away from the class) to 1 (towards it).

    Example:
        >>> explain_words("Not bad at all.", ask)[0]  # doctest: +SKIP
        ('Not ', 0.62)
    """
    import numpy as np

    from tlzoo.evaluation.attribution import MOST_SPANS, explain, log_odds

    winner = int(np.argmax(np.asarray(ask([text]))[0])) if label is None else label

    def support(variants: Sequence[tuple[int, str]]) -> Any:
        rows = np.asarray(ask([variant for _, variant in variants]), np.float64)
        return log_odds(np.log(np.maximum(rows, 1e-12)), np.full(len(rows), winner))

    return [(push.text, push.weight) for push in explain([text], [MOST_SPANS], support, 1500)[0]]
