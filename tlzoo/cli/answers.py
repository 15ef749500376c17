"""Answers about images or texts, whoever gives them: counted, shown, or written to a file as they come."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tlzoo.cli.output import emit, progress

if TYPE_CHECKING:
    from tlzoo.predictions import Prediction

SHOWN = 1000
"""Predictions that `--json` holds at most; more belong into `--csv`."""


def report(
    arguments: argparse.Namespace,
    stream: Iterator[Prediction],
    about: Mapping[str, Any],
    task: str,
    class_names: Sequence[str] | None = None,
    foreign_above: float | None = None,
) -> int:
    """Prints answers, and writes them to a file if one was named.

    Args:
        arguments: The command's: `json`, `quiet` and `csv`.
        stream: The answers, computed as they are taken.
        about: What `--json` says of who answers.
        task: What is answered.
        class_names: Columns of the file; by default those of the first answer.
        foreign_above: Scores above it say that an item is unlike those of training; None if nobody tells.

    Returns:
        The exit code: 3 if nothing could be read.
    """
    from tlzoo.predictions import write_csv

    shown: list[dict[str, Any]] = []
    counts = {"items": 0, "errors": 0}
    with progress(arguments) as tell:
        answers = _told(stream, arguments, tell, counts, shown, task)
        if arguments.csv:
            path = Path(arguments.csv)
            write_csv(answers, path, class_names, task, foreign=foreign_above is not None)
        else:
            for _ in answers:
                pass
    values = {**about, **counts, "csv": arguments.csv, "predictions": shown}
    emit(arguments, values, _words(shown, counts, arguments.csv, foreign_above))
    return 3 if counts["errors"] and counts["errors"] == counts["items"] else 0


def _told(
    answers: Iterator[Prediction],
    arguments: argparse.Namespace,
    tell: Any,
    counts: dict[str, int],
    shown: list[dict[str, Any]],
    task: str,
) -> Iterator[Prediction]:
    """Passes answers on, counting them and keeping the first for the screen."""
    for answer in answers:
        counts["items"] += 1
        counts["errors"] += answer.error is not None
        if len(shown) < SHOWN and not (arguments.csv and arguments.json is False):
            shown.append(_facts(answer, task))
        if tell and counts["items"] % 50 == 0:
            tell(counts["items"], None, "classifying" if task != "regression" else "predicting")
        yield answer


def _facts(answer: Prediction, task: str) -> dict[str, Any]:
    """Returns what `--json` prints about one item."""
    facts = {"item": answer.item, **answer.told(task)}
    if task == "multilabel":
        facts["labels"] = None if answer.labels is None else list(answer.labels)  # type: ignore[assignment]
    shares = {} if task == "regression" else {"probabilities": dict(answer.probabilities)}
    foreign = {} if answer.ood_score is None else {"ood_score": answer.ood_score}
    return {**facts, **shares, **foreign, "error": answer.error}


def _words(
    shown: list[dict[str, Any]], counts: dict[str, int], csv: str | None, threshold: float | None = None
) -> str:
    lines: list[str] = []
    for answer in shown:
        if answer["error"]:
            lines.append(f"{answer['item']}: {answer['error']}")
            continue
        foreign = _foreign(answer.get("ood_score"), threshold)
        if "value" in answer:
            lines.append(
                f"{answer['item']}: {answer['value']:.6g} ({answer['low']:.6g} to {answer['high']:.6g}){foreign}"
            )
            continue
        ranked = sorted(answer["probabilities"].items(), key=lambda pair: -pair[1])[:5]
        said = f"{', '.join(answer['labels']) or 'none'}; " if "labels" in answer else ""
        shares = ", ".join(f"{name} {share:.3f}" for name, share in ranked)
        lines.append(f"{answer['item']}: {said}{shares}{foreign}")
    if csv:
        lines.append(f"{counts['items']} answers in {csv}")
    if counts["errors"]:
        lines.append(f"{counts['errors']} of {counts['items']} could not be read")
    return "\n".join(lines)


def _foreign(score: float | None, threshold: float | None) -> str:
    """Says that an item is unlike those of training, where it is."""
    if score is None or threshold is None or score <= threshold:
        return ""
    return f"; foreign ({score:.3g} is above {threshold:.3g})"
