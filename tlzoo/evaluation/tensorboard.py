"""Evidence of a finished run for TensorBoard: images, PR curves, HParams, text and the projector."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from tlzoo.evaluation import figures, markdown, views
from tlzoo.evaluation.record import RunRecord
from tlzoo.metrics.calibration import reliability, softmax
from tlzoo.metrics.classification import confusion_counts
from tlzoo.plans import Plan

#: Metrics of the HParams page, by the field of the task's scores they come from.
METRICS = {
    "classification": ("accuracy", "balanced_accuracy", "macro_f1", "log_loss", "ece", "auroc"),
    "multilabel": ("macro_f1", "micro_f1", "mean_average_precision", "subset_accuracy", "log_loss"),
    "regression": ("rmse", "mae", "r2", "spearman"),
}
#: The baseline beside them: its name in `metrics.json`, and what is told of it.
BASELINES = {
    "classification": ("majority", "accuracy"),
    "multilabel": ("baseline", "macro_f1"),
    "regression": ("baseline", "rmse"),
}
#: Most classes that get a PR curve of their own.
MOST_CURVES = 20
#: Most points the projector is given.
MOST_POINTS = 5000
#: Thresholds of a PR curve.
THRESHOLDS = 201


def write_evidence(
    run_dir: Path, *, logdir: Path | None = None, texts: Mapping[int, str] | None = None
) -> Path:
    """Writes what TensorBoard shows about a finished run, in place of what was there.

    Point TensorBoard at the folder above many runs to compare them on its HParams page.

    Args:
        run_dir: The run folder.
        logdir: Where to write; by default `run_dir/tensorboard/test`.
        texts: How each text begins, by its index in the data set; the projector shows it. None for images.

    Returns:
        The folder written.

    Raises:
        RunError: It is not a run folder, or the run has not finished.

    Example:
        >>> write_evidence(Path("runs/first"))  # doctest: +SKIP
        PosixPath('runs/first/tensorboard/test')
    """
    import tensorflow as tf

    record = RunRecord.read(run_dir)
    target = logdir or record.path / "tensorboard" / "test"
    if target.is_dir():
        for old in target.iterdir():
            shutil.rmtree(old) if old.is_dir() else old.unlink()
    step = max(len(record.log) - 1, 0)  # beside the last epoch of the training curves
    writer = tf.summary.create_file_writer(str(target))
    with writer.as_default(step=step):
        _write_scores(record)
        _write_images(record)
        _write_curves(record)
        _write_texts(record)
    writer.close()
    _write_projector(record, target, texts)
    return target


def _write_scores(record: RunRecord) -> None:
    import tensorflow as tf
    from tensorboard.plugins.hparams import api as hp
    from tensorboard.plugins.hparams import api_pb2, summary

    values = {f"test/{name}": getattr(record.test, name) for name in METRICS[record.task]}
    baseline, told = BASELINES[record.task]
    values[f"test/{baseline}_{told}"] = getattr(record.scores(baseline), told)
    values["seconds"] = record.metrics.get("seconds")
    known = {tag: value for tag, value in values.items() if value is not None}
    for tag, value in known.items():
        tf.summary.scalar(tag, float(value))
    chosen = hyperparameters(record)
    # All metrics, known or not: TensorBoard takes the columns of all runs from the first run it meets.
    names = {tag: tag.replace("test/", "test ").replace("_", " ") for tag in values}
    hp.hparams_config(
        hparams=[hp.HParam(name) for name in chosen],
        metrics=[hp.Metric(tag, display_name=name) for tag, name in names.items()],
    )
    # Without a trial of its own, two runs of one plan would be averaged into one row.
    hp.hparams(chosen, trial_id="/".join(record.path.resolve().parts[-2:]))
    done = summary.session_end_pb(api_pb2.STATUS_SUCCESS)
    tf.summary.experimental.write_raw_pb(done.SerializeToString())


def hyperparameters(record: RunRecord) -> dict[str, Any]:
    """Returns the choices of a run by which the HParams page tells runs apart."""
    plan, last = record.plan, record.plan.phases[-1]
    choices: dict[str, Any] = {
        "recipe": plan.recipe,
        "backbone": plan.backbone,
        "pretrained": plan.pretrained,
        **_seen(plan),
        "phases": " > ".join(phase.name for phase in plan.phases),
        "epochs": sum(phase.epochs for phase in plan.phases),
        "batch_size": last.batch_size,
        "peak_rate": max(last.rates.values()),
        "trained_stages": len({stage for phase in plan.phases for stage in phase.trains}),
        "weight_decay": last.weight_decay,
        "augment": any(phase.augment.active for phase in plan.phases),
        "class_weights": plan.class_weights,
        "seed": plan.seed,
    }
    l2 = record.metrics.get("l2")
    return choices | ({"l2": float(l2)} if l2 is not None else {})


def _seen(plan: Plan) -> dict[str, Any]:
    return (
        {"length": plan.length, "long_text": plan.long_text}
        if plan.size == (0, 0)
        else {"pixels": plan.size[0]}
    )


def _write_images(record: RunRecord) -> None:
    import tensorflow as tf

    if record.task == "classification":
        _write_class_images(record)
    if record.task == "regression":
        labels, values = record.predictions("test").labels, record.answers("test")
        radius = float(record.metrics["band"]["radius"])
        tf.summary.image("evidence/scatter", figures.scatter_figure(labels, values, radius)[None])
    if record.mistakes and "text" not in record.mistakes[0]:
        pictures = [(_picture(record.path, each), _caption(each)) for each in record.mistakes]
        tf.summary.image("evidence/worst_mistakes", figures.mistakes_figure(pictures)[None])


def _write_class_images(record: RunRecord) -> None:
    import tensorflow as tf

    seen, names = record.predictions("test"), record.class_names
    counts = confusion_counts(seen.labels, seen.logits.argmax(axis=1), len(names))
    found = [
        (title, reliability(seen.labels, softmax(seen.logits, temperature)))
        for title, temperature in (("before temperature scaling", 1.0), ("after", record.temperature))
    ]
    tf.summary.image("evidence/confusion_matrix", figures.confusion_figure(counts, names)[None])
    tf.summary.image("evidence/calibration", figures.reliability_figure(found)[None])


def _picture(run_dir: Path, entry: dict[str, Any]) -> npt.NDArray[np.uint8] | None:
    from PIL import Image

    path = run_dir / "mistakes" / Path(str(entry.get("file", ""))).name
    if path.suffix != ".png" or not path.is_file():
        return None
    with Image.open(path) as picture:
        return np.asarray(picture.convert("RGB"))


def _caption(entry: dict[str, Any]) -> str:
    predicted, label = (str(entry[key])[:20] for key in ("predicted", "label"))
    sure = f" {entry['probability']:.0%}" if "probability" in entry else ""
    return f"{predicted}{sure}\nis {label}"


def _write_curves(record: RunRecord) -> None:
    import tensorflow as tf
    from tensorboard.compat.proto.summary_pb2 import Summary
    from tensorboard.plugins.pr_curve import metadata

    if record.task == "regression":
        return
    labels, probabilities = record.predictions("test").labels, record.probabilities("test")
    several = record.task == "multilabel"
    right = labels > 0 if several else labels[:, None] == np.arange(len(record.class_names))
    rows = record.test.per_label if several else record.test.per_class
    f1s = {i: rows[i].f1 or 0.0 for i in np.flatnonzero(right.any(axis=0))}
    # The plugin's own ops need TensorFlow 1 graphs, so its tensor is computed here and its message written raw.
    for i in sorted(f1s, key=lambda i: f1s[i])[:MOST_CURVES]:
        about = metadata.create_summary_metadata(
            record.class_names[i], "One class against the rest.", THRESHOLDS
        )
        tensor = tf.make_tensor_proto(pr_curve(right[:, i], probabilities[:, i]), dtype=tf.float32)
        summary = Summary()
        value = summary.value.add(tag=f"pr_curves/{i}", metadata=about)
        value.tensor.MergeFromString(tensor.SerializeToString())
        tf.summary.experimental.write_raw_pb(summary.SerializeToString())


def pr_curve(
    positive: npt.NDArray[np.bool_], scores: npt.NDArray[np.floating[Any]], thresholds: int = THRESHOLDS
) -> npt.NDArray[np.float64]:
    """Returns (6, thresholds): true and false positives, true and false negatives, precision, recall.

    Args:
        positive: (n,) whether the class is the right one.
        scores: (n,) its probability, 0..1.
        thresholds: Evenly spaced from 0 to 1.

    Example:
        >>> pr_curve(np.array([True, False]), np.array([0.9, 0.2]), thresholds=3)[4:].tolist()
        [[0.5, 1.0, 1.0], [1.0, 1.0, 0.0]]
    """
    levels = np.linspace(0, 1, thresholds)
    yes, no = np.sort(scores[positive]), np.sort(scores[~positive])
    tp, fp = len(yes) - np.searchsorted(yes, levels), len(no) - np.searchsorted(no, levels)
    # Where nothing is called positive nothing is called so wrongly, and the curve ends at precision 1.
    precision = np.where(tp + fp > 0, tp / np.maximum(tp + fp, 1), 1.0)
    return np.stack([tp, fp, len(no) - fp, len(yes) - tp, precision, tp / max(len(yes), 1)])


def _write_texts(record: RunRecord) -> None:
    import tensorflow as tf

    plan, card = views.plan(record), record.card
    rows = [[name, *values] for name, values in plan["table"].items()]
    tf.summary.text("plan", markdown.table(["", *plan["names"]], rows))
    facts = {"network": card.title, "weights": card.locator, "parameters": f"{card.params:,}",
             "pretrained on": card.pretraining.dataset, "licence": card.licence, "citation": card.citation,
             "stages": ", ".join(stage.name for stage in card.stages), "notes": card.notes}  # fmt: skip
    told = [[name, text] for name, text in facts.items() if text]
    tf.summary.text("backbone", markdown.table(told[0], told[1:]))
    again = views.reproduction(record)
    pairs = [["command", again["command"]], *([name, str(value)] for name, value in again["rows"])]
    tf.summary.text("reproduce", markdown.table(pairs[0], pairs[1:]))
    if mistakes := [each for each in record.mistakes if "text" in each]:
        tf.summary.text("evidence/worst_mistakes", markdown.mistakes_table(mistakes))


def _words(record: RunRecord) -> tuple[list[str], list[str]]:
    """Returns what each test example is, and what was said of it."""
    seen, names = record.predictions("test"), record.class_names
    if record.task == "regression":
        return [f"{each:.6g}" for each in seen.labels], [f"{each:.6g}" for each in seen.logits[:, 0]]
    if record.task == "classification":
        return [names[at] for at in seen.labels], [names[at] for at in seen.logits.argmax(axis=1)]
    said = record.answers("test") >= 0.5
    wanted, told = (
        ["; ".join(names[at] for at in np.flatnonzero(row)) for row in rows] for rows in (seen.labels, said)
    )
    return wanted, told


def _write_projector(record: RunRecord, target: Path, texts: Mapping[int, str] | None) -> None:
    from tensorboard.plugins import projector

    if record.features is None or len(record.features) < 2:
        return
    seen = record.predictions("test")
    kept = np.random.default_rng(0).permutation(len(seen.labels))[:MOST_POINTS]
    wanted, said = _words(record)
    items = {row["index"]: row["item"] for row in record.splits}
    lines = [["label", "predicted", "right", "item", *(["text"] if texts else [])]]
    for i in kept:
        right = "yes" if said[i] == wanted[i] else "no"
        begins = [texts.get(int(seen.index[i]), "")] if texts else []
        lines.append([wanted[i], said[i], right, items.get(str(seen.index[i]), ""), *begins])
    text = "".join("\t".join(" ".join(cell.split()) for cell in line) + "\n" for line in lines)
    (target / "features.tsv").write_text(text, encoding="utf-8")
    features = np.ascontiguousarray(record.features[kept], np.float32)
    # The plugin reads bytes only where reading text fails, and no UTF-8 text begins with this byte. It is the
    # last of the first number's 24 bits of precision.
    features.view(np.uint8)[0, 0] = 0xFF
    (target / "features.bytes").write_bytes(features.tobytes())
    config = projector.ProjectorConfig()
    config.embeddings.add(tensor_name="test features", tensor_path="features.bytes",
                          tensor_shape=features.shape, metadata_path="features.tsv")  # fmt: skip
    projector.visualize_embeddings(str(target), config)
