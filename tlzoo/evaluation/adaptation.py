"""What a report shows of an adaptation, from its `adaptation.json`."""

from __future__ import annotations

import json
from typing import Any

from tlzoo.evaluation.record import RunRecord

_DISTANCES = {
    "a_distance": "A-distance, 0 (alike) to 2 (told apart without an error)",
    "frechet": "Fréchet distance",
    "coral": "CORAL distance",
    "mmd": "Squared MMD",
}
_SHARES = {
    "source": "Source",
    "bbse": "Target, estimated (BBSE)",
    "saerens": "Target, estimated (Saerens)",
    "target": "Target, as labelled",
}
MOST_CLASSES = 12
"""Classes whose recall has a column."""


def adaptation(record: RunRecord) -> dict[str, Any] | None:
    """Returns ways, distances and shares of classes, or None for a run that adapted nothing.

    Args:
        record: The run.
    """
    path = record.path / "adaptation.json"
    if not path.is_file():
        return None
    told = json.loads(path.read_text("utf-8"))
    names = record.class_names[:MOST_CLASSES]
    return {
        "source": told["source"],
        "target": told["target"],
        "tried": told["tried"],
        "rule": told["rule"],
        "chosen": told["chosen"],
        "names": names,
        "ways": [_way(row, names) for row in told["ways"]],
        "labelled": told["target"]["labels"],
        "majority": told.get("majority"),
        "hurt": told.get("hurt", []),
        "distances": [
            (title, told["distances"]["before"][key], told["distances"]["after"][key])
            for key, title in _DISTANCES.items()
        ],
        "shares": [
            (_SHARES[key], [each[name] for name in names]) for key, each in told["label_shift"].items()
        ],
    }


def _way(row: dict[str, Any], names: list[str]) -> dict[str, Any]:
    scores = row["scores"] or {}
    return {
        "name": row["way"],
        "chosen": row["chosen"],
        "strength": row["strength"],
        "trust": row["trust"],
        "consensus": row["consensus"],
        "accuracy": scores.get("accuracy"),
        "balanced": scores.get("balanced_accuracy"),
        "shares": [(scores["recall"] if scores else row["decided"])[name] for name in names],
    }
