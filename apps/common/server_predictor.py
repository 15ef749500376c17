"""Asks a model behind a server, TensorFlow Serving or tlzoo's own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import tlzoo
from tlzoo.bundle import read_bundle
from tlzoo.client import Client, Metadata, Prediction
from tlzoo.errors import TlzooError

from . import reasons
from .bundle_predictor import about_bundle
from .values import SILENT, About, Answer, Condition, Modality, Reason, Tell, judged, untold

_UNTOLD = (
    "A server does not say what its model was trained on; start the app with --bundle as well to see it."
)


class ServerPredictor:
    """A model of a server, which may come and go.

    Args:
        url: `http://HOST:PORT/v1/models/NAME`, or `grpc://…`.
        bundle: Folder of the bundle it serves, if that is here: describes the model, and is never asked.

    Raises:
        UsageError: The address makes no sense.
        BundleError: There is no bundle there.
    """

    quick = False

    def __init__(self, url: str, bundle: Path | None = None) -> None:
        self._url, self._client = url, Client(url, timeout=20.0)
        self._bundle = bundle
        facts = None if bundle is None else read_bundle(bundle)[1]
        self._about = None if facts is None else about_bundle(facts, f"the server at {url}")
        self.explains = True

    def describe(self) -> About:
        """Returns what the server says, or the bundle's description."""
        if self._about is None:
            self._about = _about(self._client.metadata(), self._url)
        return self._about

    def predict(self, items: Sequence[Any]) -> list[Answer]:
        """Answers for each item."""
        about = self.describe()
        answers = [judged(about, said) for said in self._ask(items)]
        named = next((answer.said.probabilities for answer in answers if answer.said.probabilities), None)
        if not about.class_names and named and about.task != "regression":
            self._about = replace(about, class_names=tuple(sorted(named)))
        return answers

    def explain(self, item: Any, label: str | None = None, tell: Tell = untold) -> Reason:
        """Says why, by hiding parts of the item."""
        return reasons.by_hiding(self._ask, self.describe(), item, label, tell)

    def samples(self) -> list[bytes]:
        """Returns those of the bundle that describes the model."""
        return [] if self._bundle is None else tlzoo.samples(self._bundle)

    def ready(self) -> Condition:
        """Asks the server whether it answers."""
        try:
            if self._client.ready():
                return Condition(True, f"Answers come from the server at {self._url}.")
            self._client.status()  # raises where nobody answers, which `ready` does not
            return Condition(False, f"The server at {self._url} has not loaded the model yet. Wait a moment.")
        except TlzooError as error:
            what = f"The server at {self._url} does not answer"
            return Condition(
                False,
                f"{what}: {error.what.rstrip('.')}. Start it (tlzoo serve MODEL); this page goes on by itself.",
            )

    def _ask(self, items: Sequence[Any]) -> list[Prediction]:
        return self._client.predict(list(items))


def _about(metadata: Metadata, url: str) -> About:
    default = metadata.signature("serving_default")
    text = "text" in default.inputs
    modality: Modality = "text" if text else "image"
    outputs = set(default.outputs)
    task = (
        "regression" if "value" in outputs else "multilabel" if "label_names" in outputs else "classification"
    )
    where = f"the server at {url}, version {metadata.version}"
    return About(metadata.model, where, task, modality, unwarned=SILENT, limits=(_UNTOLD,))
