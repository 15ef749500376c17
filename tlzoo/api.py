"""The Python front door: the same words as the command line."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from tlzoo.errors import unknown_name

if TYPE_CHECKING:
    from tlzoo.backbones.backbone import Backbone
    from tlzoo.data.dataset import Dataset
    from tlzoo.evaluation.compare import Comparison
    from tlzoo.evaluation.overview import Overview
    from tlzoo.export.predictor import Predictor
    from tlzoo.plans import Plan, TaskName
    from tlzoo.serving.rollout.site import Outcome
    from tlzoo.workflows.clean import Findings
    from tlzoo.workflows.domains import TargetLabels
    from tlzoo.workflows.rank import Ranking
    from tlzoo.workflows.run import Run
    from tlzoo.workflows.search import SearchIndex
    from tlzoo.workflows.shift import Shift
    from tlzoo.workflows.suggest import Suggestion
    from tlzoo.workflows.tune_answer import Tuning
    from tlzoo.workflows.verdict_answer import Verdict
    from tlzoo.workflows.zoo import Entry


def load(source: Any, **options: Any) -> Dataset:
    """Loads labelled data.

    Args:
        source: A folder, a table (CSV, JSON, Parquet …), a DataFrame, arrays, lists of texts, `tf.data` data sets,
            or a data set's name.
        options: See `tlzoo.data.load.load`.

    Raises:
        DataError: The data cannot be learned from.

    Example:
        >>> load("photos/").counts()  # doctest: +SKIP
        {'cats': 120, 'dogs': 98}
    """
    from tlzoo.data.load import load as load_data

    return load_data(source, **options)


def catalogue(
    kind: Literal["backbone", "dataset"] = "backbone",
    *,
    modality: str | None = None,
    task: str | None = None,
    offline: bool = False,
    max_params: int | None = None,
) -> list[Entry]:
    """Lists the cards of the zoo, and which of them need no network on this machine.

    Args:
        kind: Backbones, smallest first; or data sets, by name.
        modality: `image` or `text`; by default both.
        task: What they can learn, or be learned from; by default anything.
        offline: Only what is on this machine.
        max_params: Backbones with at most this many weights.

    Returns:
        Entries with `card`, `at_hand` and `cost`; see `tlzoo.workflows.zoo.Entry`.

    Example:
        >>> [entry.card.name for entry in catalogue(max_params=2_000_000)]
        ['mobilenet_v3_small']
    """
    from tlzoo.workflows import zoo

    chosen = zoo.Filter(modality, task, offline, max_params)
    return zoo.backbones(chosen) if kind == "backbone" else zoo.datasets(chosen)


def train(
    data: Any,
    *,
    backbone: str | Backbone | None = None,
    recipe: str = "feature_extraction",
    out: str | Path | None = None,
    seed: int = 0,
    validation: float = 0.1,
    test: float | None = None,
    engine: str = "auto",
    task: TaskName | None = None,
    budget: float | str | None = None,
    progress: Any = None,
    ready: Callable[[Run], None] | None = None,
    **options: Any,
) -> Run:
    """Trains a model and collects the evidence.

    Args:
        data: Anything `load` takes, or what `load` returned.
        backbone: Name of a card (`tlzoo list` shows them), or what `load_backbone` returned, which saves loading it
            again where the recipe leaves it as it is; by default efficientnet_lite0 for images and minilm_l6 for texts.
        recipe: `feature_extraction`, `fine_tune`, `few_shot` (texts), `scratch`, or another that `tlzoo train --help`
            lists; `auto` finds out which wins.
        out: The run folder; by default the next free one under `runs/`.
        seed: Of everything random.
        validation: Share of what is not tested that chooses and calibrates, in (0, 1).
        test: Share held out for the final scores, in (0, 1); by default the data set's own, else 0.2.
        engine: `auto`, `graph`, `litert` (images), `fused` or `xla` (texts).
        task: `classification` (the default), `multilabel` or `regression`; data that `load` returned knows its own.
        budget: Time for `auto`: seconds, or words such as `10m`, which is the default.
        progress: Called with (done, total, what).
        ready: Called with the run once it can be asked, before its report is made; not with `auto`.
        options: The recipe's hyper-parameters; a misspelt one is refused with a suggestion. With `auto` those of
            `fine_tune`: every recipe gets what it has of them.

    Raises:
        TlzooError: Anything a user can mend.

    Example:
        >>> run = train("photos/", recipe="fine_tune", out="runs/first")  # doctest: +SKIP
    """
    from tlzoo.workflows import train as workflow
    from tlzoo.workflows.budget import parse_budget

    loaded = None if backbone is None or isinstance(backbone, str) else backbone
    name = loaded.card.name if loaded is not None else backbone
    request = _request(name, recipe, out, seed, validation, test, engine, task, options)  # type: ignore[arg-type]
    seconds = parse_budget(budget) if isinstance(budget, str) else budget
    asked = replace(request, budget=seconds)
    return workflow.train(data, asked, progress=progress, loaded=loaded, ready=ready)


def plan(
    data: Any,
    *,
    backbone: str | None = None,
    recipe: str = "feature_extraction",
    seed: int = 0,
    task: TaskName | None = None,
    **options: Any,
) -> Plan:
    """Returns the plan `train` would carry out, and trains nothing.

    Args:
        data: Anything `load` takes.
        backbone: Name of a card; by default as for `train`.
        recipe: Name of a recipe.
        seed: Of everything random.
        task: What is learned; as for `train`.
        options: The recipe's hyper-parameters.
    """
    from tlzoo.workflows import train as workflow

    return workflow.prepare(data, _request(backbone, recipe, None, seed, 0.1, None, "auto", task, options))[2]


def rank(
    data: Any,
    *,
    backbones: Sequence[str] = (),
    every: bool = False,
    seed: int = 0,
    task: TaskName | None = None,
    progress: Any = None,
    **options: Any,
) -> Ranking:
    """Says which backbone suits some data, without training any.

    Args:
        data: Anything `load` takes, or what `load` returned.
        backbones: Names of cards; by default all whose weights are on this machine.
        every: All backbones that take such data, fetched where need be.
        seed: Of split and resampling; `train` with the same seed has the same split.
        task: What is learned; as for `train`.
        progress: Called with (done, total, what).
        options: Further fields of `tlzoo.workflows.rank.RankRequest`: `sizes`, `lengths`, `most`, `engine` …; a
            misspelt one is refused with a suggestion.

    Raises:
        TlzooError: Anything a user can mend.

    Example:
        >>> ranking = rank("photos/")  # doctest: +SKIP
        >>> print(ranking.recommendation)  # doctest: +SKIP
        >>> train("photos/", backbone=ranking.best)  # doctest: +SKIP
    """
    from tlzoo.workflows import rank as workflow

    known = [field.name for field in fields(workflow.RankRequest)]
    for name in options:
        if name not in known:
            raise unknown_name("option of rank", name, known)
    request = workflow.RankRequest(backbones=tuple(backbones), every=every, seed=seed, task=task, **options)
    return workflow.rank(data, request, progress=progress)


def tune(
    data: Any,
    *,
    backbone: str | None = None,
    recipe: str = "fine_tune",
    trials: int = 20,
    budget: float | str | None = None,
    search: Sequence[str] = (),
    out: str | Path | None = None,
    seed: int = 0,
    task: TaskName | None = None,
    progress: Any = None,
    **options: Any,
) -> Tuning:
    """Searches the options of a recipe; the validation split alone chooses, and the best trial is tested once.

    Args:
        data: Anything `load` takes, or what `load` returned.
        backbone: Name of a card; by default as for `train`.
        recipe: Name of a recipe.
        trials: How many; the first is the recipe as it is.
        budget: Time for all of it: seconds, or words such as `10m`.
        search: Options to search; by default all that are worth it.
        out: The search's folder; the same search in it goes on.
        seed: Of everything random.
        task: What is learned; as for `train`.
        progress: Called with (done, total, what).
        options: Hyper-parameters that stay as they are.

    Raises:
        TlzooError: Anything a user can mend.

    Example:
        >>> found = tune("photos/", trials=10, budget="30m")  # doctest: +SKIP
        >>> found.run.evaluate()  # doctest: +SKIP
    """
    from tlzoo.workflows import tune as workflow
    from tlzoo.workflows.budget import parse_budget

    request = _request(backbone, recipe, out, seed, 0.1, None, "auto", task, options)
    seconds = parse_budget(budget) if isinstance(budget, str) else budget
    asked = workflow.TuneRequest(request, trials, seconds, tuple(search))
    return workflow.tune(data, asked, progress=progress)


def resume(path: str | Path, data: Any = None, *, progress: Any = None) -> Run:
    """Goes on with an interrupted run; see `tlzoo.workflows.train.resume`."""
    from tlzoo.workflows import train as workflow

    return workflow.resume(path, data, progress=progress)


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


def clean(data: Any, *, run: Any = None, backbone: str | None = None, **options: Any) -> Findings:
    """Looks for labels that are probably wrong, and for items that are nearly the same.

    Args:
        data: Anything `load` takes.
        run: A run whose backbone and splits are used, or its folder.
        backbone: Name of a card, without a run.
        options: See `tlzoo.workflows.clean.clean`.

    Example:
        >>> [each.item for each in clean("photos/").suspects]  # doctest: +SKIP
        ['cats/0017.jpg']
    """
    from tlzoo.workflows.clean import clean as look

    return look(data, run=run, backbone=backbone, **options)


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


def adapt(
    source: Any,
    target: Any,
    *,
    target_labels: TargetLabels = "score",
    methods: Sequence[str] | None = None,
    end_to_end: Sequence[str] = (),
    epochs: int = 2,
    size: int | None = None,
    backbone: str | None = None,
    out: str | Path | None = None,
    seed: int = 0,
    validation: float = 0.2,
    engine: str = "auto",
    progress: Any = None,
    **options: Any,
) -> Run:
    """Adapts a classifier from a labelled source to a target, choosing how without a label of the target.

    Args:
        source: Anything `load` takes, of classes, or a part of a data set (`elpv:mono`).
        target: Likewise; without labels also a folder of images or a table of texts.
        target_labels: `score`: they judge what is finished; `none`: there are none, or nobody looks.
        methods: What is tried, in every combination: `adabn`, `standardise`, `coral`, `self_training` (these by
            default), `mmd`, `deep_coral`, `dann`, `cdan`, `mcc`.
        end_to_end: Objectives by which the network itself is tuned as well (`self_training`, `mmd`, `deep_coral`,
            `dann`, `cdan`, `mcc`); images and networks with BatchNormalization only, minutes each.
        epochs: Of that, passes over the source.
        size: Height and width of images in pixels; by default the card's.
        backbone: Name of a card; by default as for `train`.
        out: The run folder; by default the next free one under `runs/`.
        seed: Of everything random.
        validation: Share of the source that calibrates, in (0, 1).
        engine: What computes features.
        progress: Called with (done, total, what).
        options: How both are read; see `load`.

    Raises:
        TlzooError: Anything a user can mend.

    Example:
        >>> run = adapt("elpv:mono", "elpv:poly", target_labels="none")  # doctest: +SKIP
        >>> run.export("models/poly")  # doctest: +SKIP
    """
    from tlzoo.workflows import adapt as workflow
    from tlzoo.workflows.ways import USUAL

    request = workflow.AdaptRequest(
        backbone=backbone,
        methods=USUAL if methods is None else tuple(methods),
        end_to_end=tuple(end_to_end),
        epochs=epochs,
        size=size,
        target_labels=target_labels,
        out=Path(out) if out else None,
        seed=seed,
        validation=validation,
        engine=engine,
        data_options=options,
    )
    return workflow.adapt(source, target, request, progress=progress)


def shift(first: Any, second: Any, **options: Any) -> Shift:
    """Measures how far a data set lies from another; see `tlzoo.workflows.shift.shift`.

    Args:
        first: Anything `load` takes, of classes.
        second: Likewise; with `target_labels="none"` also a folder of images or a table of texts.
        options: `backbone`, `seed`, `target_labels`, `engine`, `progress`, and how both are read.

    Example:
        >>> shift("elpv:mono", "elpv:poly").between.a_distance  # doctest: +SKIP
        1.97
    """
    from tlzoo.workflows.shift import shift as measure

    return measure(first, second, **options)


def search_index(
    data: Any = None,
    *,
    backbone: str | None = None,
    run: Run | str | Path | None = None,
    bundle: str | Path | None = None,
    progress: Any = None,
    **options: Any,
) -> SearchIndex:
    """Opens pictures or texts to find those that are alike.

    Args:
        data: Anything `load` takes; also a folder of pictures or `.txt` files that nobody sorted, or a table of
            texts without labels. By default the run's own data.
        backbone: Name of a card; by default as for `train`.
        run: A run whose features are compared, or its folder.
        bundle: A bundle whose features are compared.
        progress: Called with (done, total, what).
        options: How the data is read; see `load`.

    Returns:
        What `search(query, n)` and `like(row, n)` are asked; `build(progress)` computes its features beforehand.

    Raises:
        TlzooError: Anything a user can mend.

    Example:
        >>> index = search_index("photos/")  # doctest: +SKIP
        >>> [(hit.key, hit.near) for hit in index.search("new.jpg", 2)]  # doctest: +SKIP
        [('cats/017.jpg', True), ('cats/003.jpg', False)]
    """
    from tlzoo.workflows.search import search_index as open_index

    return open_index(data, backbone=backbone, run=run, bundle=bundle, progress=progress, **options)


def load_backbone(
    name: str, *, pretrained: bool = True, size: tuple[int, int] | None = None, seed: int = 0
) -> Backbone:
    """Loads a backbone by name.

    Args:
        name: Name of a card.
        pretrained: False builds the same architecture with random weights.
        size: Height and width in pixels; by default the card's.
        seed: Of the random weights.

    Example:
        >>> backbone = load_backbone("resnet50", pretrained=False)  # doctest: +SKIP
        >>> backbone.freeze(until="conv4")  # doctest: +SKIP
    """
    from tlzoo.backbones.load import load_backbone as load_by_name

    return load_by_name(name, pretrained=pretrained, size=size, seed=seed)


def load_bundle(path: str | Path, *, verify: bool = False) -> Predictor:
    """Loads an exported bundle for use in this process.

    Args:
        path: The bundle's folder (its newest version is taken) or one version of it.
        verify: Whether to check every file against its recorded checksum first.
    """
    from tlzoo.export.predictor import Predictor

    return Predictor.load(Path(path), verify=verify)


def read_table(path: str | Path) -> tuple[tuple[str, ...], list[tuple[Any, ...]]]:
    """Reads a table as it stands, for whoever says later what its columns mean.

    Args:
        path: `.csv`, `.tsv`, `.json`, `.jsonl` or `.parquet`; encoding and delimiter are detected, and the first row of
            CSV and TSV is the header.

    Returns:
        The header, and the rows, each with a cell for every column (None where a row is too short).

    Raises:
        DataError: It cannot be read, is empty, or not what its suffix says.

    Example:
        >>> header, rows = read_table("new.csv")  # doctest: +SKIP
    """
    from tlzoo.data.rows import read_rows

    table = read_rows(Path(path))
    header, rows = table.header, [tuple(row) for row in table.rows]
    if not header:
        header, rows = tuple(str(cell).strip() for cell in rows[0]), rows[1:]
    width = len(header)
    return header, [(*row[:width], *(None,) * (width - len(row))) for row in rows]


def samples(bundle: str | Path) -> list[bytes]:
    """Returns the few real pictures (encoded) or texts (UTF-8) that a bundle carries to be warmed up with.

    Args:
        bundle: Its folder, or one version of it; nothing of it is run.

    Returns:
        Those of its largest request; none where it carries none.

    Raises:
        BundleError: There is no bundle there.
    """
    from tlzoo.bundle import read_bundle
    from tlzoo.protocol.signature import DEFAULT_SIGNATURE, Signature
    from tlzoo.workflows.bench_inputs import rows_from_warmup

    folder, _ = read_bundle(Path(bundle))
    rows = rows_from_warmup(folder, Signature(DEFAULT_SIGNATURE, {}, {}))
    found = [item for column in (rows or {}).values() for item in column if isinstance(item, bytes)]
    return list(dict.fromkeys(found))


def at_hand(
    kind: Literal["backbone", "dataset"] = "backbone", modality: Literal["image", "text"] | None = None
) -> list[str]:
    """Returns the names of backbones, smallest first, or of data sets, that need no network on this machine.

    Args:
        kind: Of cards.
        modality: Of what they take or hold; None for all.

    Example:
        >>> "digits" in at_hand("dataset")
        True
    """
    from tlzoo.workflows import zoo

    listed = zoo.backbones if kind == "backbone" else zoo.datasets
    return [str(entry.card.name) for entry in listed(zoo.Filter(modality=modality, offline=True))]


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


def unpack(archive: str | Path, folder: str | Path, *, max_bytes: int | None = None) -> None:
    """Unpacks a zip archive from a stranger: nothing outside the folder, no links, no bombs.

    Args:
        archive: The file.
        folder: Where to; must exist.
        max_bytes: Most bytes it may unpack to; by default 100 times its own size, and at least 64 MiB.

    Raises:
        SourceError: It is no zip archive, or not an honest one.
    """
    from tlzoo.sources.unpack import unpack_zip

    unpack_zip(Path(archive), Path(folder), max_bytes=max_bytes)


def deploy(
    bundle: str | Path,
    repository: str | Path,
    *,
    name: str = "",
    labels: Sequence[str] = (),
    keep: int = 0,
    server: str | None = None,
    wait_seconds: float = 300.0,
    progress: Any = None,
) -> Outcome:
    """Copies a bundle into a repository that a server looks at, as the next version of a model.

    Args:
        bundle: A folder of versions, whose newest is taken, or one version.
        repository: Folder of models: `REPO/<model>/<version>`.
        name: Of the model; by default of the bundle's folder.
        labels: `stable`, `canary` …, which `models.config` gives it.
        keep: How many versions stay; 0 for all.
        server: Address of a server (its REST port) to wait for until it has followed.
        wait_seconds: How long, in seconds.
        progress: Called with (done, total, what).

    Returns:
        Where it is, what it replaced, and what to know; see `tlzoo.serving.rollout.site.Outcome`.

    Raises:
        TlzooError: It must not be deployed there; nothing has changed.

    Example:
        >>> deploy("models/photos", "/srv/models").path  # doctest: +SKIP
        PosixPath('/srv/models/photos/4')
    """
    from tlzoo.serving.rollout.availability import Server
    from tlzoo.serving.rollout.deploy import Order
    from tlzoo.serving.rollout.deploy import deploy as carry_out
    from tlzoo.serving.rollout.site import Site

    asked = Server(server, wait_seconds) if server else None
    site = Site(Path(repository), server=asked)
    return carry_out(Path(bundle), site, Order(name, tuple(labels), keep), progress=progress)


def _request(
    backbone: str | None,
    recipe: str,
    out: str | Path | None,
    seed: int,
    validation: float,
    test: float | None,
    engine: str,
    task: TaskName | None,
    options: dict[str, Any],
) -> Any:
    from tlzoo.workflows.train import Request

    return Request(
        backbone=backbone,
        recipe=recipe,
        out=Path(out) if out else None,
        seed=seed,
        validation=validation,
        test=test,
        engine=engine,
        task=task,
        options=options,
    )
