"""Scores of runs in words and as JSON, by task."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tlzoo.workflows.run import Run

SUMMARY = {
    "classification": ("accuracy", "balanced_accuracy", "macro_f1", "log_loss", "ece", "auroc", "n"),
    "multilabel": (
        *("macro_f1", "micro_f1", "mean_average_precision", "subset_accuracy", "hamming_loss", "log_loss"),
        "n",
    ),
    "regression": ("rmse", "mae", "r2", "spearman", "bias", "n"),
}
"""Scores of the test split that `tlzoo train --json` prints."""

METRICS = (
    *("accuracy", "balanced_accuracy", "macro_f1", "log_loss", "ece"),
    *("micro_f1", "mean_average_precision", "rmse", "mae", "r2"),
)
"""Metrics that `tlzoo compare` knows, of all tasks."""


def summary(run: Run) -> dict[str, Any]:
    """Returns what `--json` prints about a run.

    Keys: `run`, `report`, `backbone`, `recipe`, the test scores (`SUMMARY`), what the baseline has of the first of them
    (`majority_accuracy`, `baseline_macro_f1`, `baseline_rmse`), what calibrates (`temperature`; `thresholds`; `band`),
    `seconds`, `seconds_by_phase`, `seed`, and `texts`: what was seen of them (null for images), as `tokens` (`median`,
    `p95`, `max`; null where the network takes strings), `shortened`, `shortened_share`, `length`, `long_text`,
    `out_of_vocabulary` (a share; null where the tokenizer knows everything). Of runs that looked at the test split's
    examples while training also `transductive`; of those that `auto` or `tune` chose, `choice`.
    """
    test, config, scores = run.metrics["test"], run.folder.config, SUMMARY[run.task]
    baseline = "majority" if run.task == "classification" else "baseline"
    calibrated = {
        name: run.metrics[name] for name in ("temperature", "thresholds", "band") if name in run.metrics
    }
    return {
        "run": str(run.path),
        "report": str(run.report),
        "backbone": config["backbone"],
        "recipe": config["recipe"],
        **({} if run.task == "classification" else {"task": run.task}),
        **{key: test[key] for key in scores},
        f"{baseline}_{scores[0]}": run.metrics[baseline][scores[0]],
        **calibrated,
        "seconds": run.metrics["seconds"],
        "seconds_by_phase": run.metrics["phases"],
        "seed": config["seed"],
        "texts": run.metrics.get("texts"),
        **({"choice": run.folder.choice} if run.folder.choice else {}),
        **({"transductive": True} if run.folder.plan.transductive else {}),
    }


def words(run: Run) -> str:
    """Returns what people read after training."""
    from tlzoo.evaluation.texts import remarks
    from tlzoo.evaluation.transductive import transductive_remarks

    facts = summary(run)
    notes = remarks(facts["texts"], run.folder.card.input.length)
    notes += [run.folder.choice["verdict"]] if run.folder.choice else []
    notes += transductive_remarks(run.metrics.get("pseudo"))
    told = {"classification": _of_classes, "multilabel": _of_sets, "regression": _of_numbers}[run.task](facts)
    return (
        f"{told}; {facts['seconds']:.1f} s\n"
        + "".join(f"note    {note}\n" for note in notes)
        + f"report  {facts['report']}\n"
        f"curves  tensorboard --logdir {run.path / 'tensorboard'}\n"
        f"next    tlzoo export {run.path} models/{run.folder.config['data']['name']}"
    )


def _of_classes(facts: dict[str, Any]) -> str:
    auroc = "" if facts["auroc"] is None else f", AUROC {facts['auroc']:.3f}"
    return (
        f"test accuracy {facts['accuracy']:.4f} on {facts['n']} items (majority baseline "
        f"{facts['majority_accuracy']:.4f}), balanced {facts['balanced_accuracy']:.4f}, macro F1 "
        f"{facts['macro_f1']:.4f}{auroc}, ECE {facts['ece']:.3f}"
    )


def _of_sets(facts: dict[str, Any]) -> str:
    return (
        f"test macro F1 {facts['macro_f1']:.4f} on {facts['n']} items (always the commonest labels "
        f"{facts['baseline_macro_f1']:.4f}), micro F1 {facts['micro_f1']:.4f}, mean average precision "
        f"{number(facts['mean_average_precision'])}, all labels right {facts['subset_accuracy']:.4f}"
    )


def _of_numbers(facts: dict[str, Any]) -> str:
    band = facts["band"]
    return (
        f"test RMSE {facts['rmse']:.4g} on {facts['n']} items (always the mean {facts['baseline_rmse']:.4g}), MAE "
        f"{facts['mae']:.4g}, R2 {number(facts['r2'])}, Spearman {number(facts['spearman'])}; ± {band['radius']:.4g} "
        f"holds {band['coverage']:.0%} of them (meant to hold {band['level']:.0%})"
    )


def lines(task: str, scores: Any) -> list[str]:
    """Returns the scores of an evaluation, line by line."""
    if task == "regression":
        return [
            f"RMSE {scores.rmse:.4g} on {scores.n} items, MAE {scores.mae:.4g}, R2 {number(scores.r2)}, Spearman "
            f"{number(scores.spearman)}, bias {scores.bias:.4g}"
        ]
    if task == "multilabel":
        first = (
            f"macro F1 {scores.macro_f1:.4f} on {scores.n} items, micro F1 {scores.micro_f1:.4f}, mean average "
            f"precision {number(scores.mean_average_precision)}, all labels right {scores.subset_accuracy:.4f}"
        )
        rows = scores.per_label
    else:
        first = (
            f"accuracy {scores.accuracy:.4f} on {scores.n} items, balanced {scores.balanced_accuracy:.4f}, "
            f"macro F1 {scores.macro_f1:.4f}, log-loss {scores.log_loss:.4f}, ECE {scores.ece:.3f}"
        )
        rows = scores.per_class
    width = max(len(each.name) for each in rows)
    return [
        first,
        *(
            f"  {each.name:{width}s}  precision {number(each.precision)}  recall {number(each.recall)}  "
            f"F1 {number(each.f1)}  n {each.n}"
            for each in rows
        ),
    ]


def number(value: float | None) -> str:
    """Returns a score with 3 digits, or a dash where there is none."""
    return "  -  " if value is None else f"{value:.3f}"
