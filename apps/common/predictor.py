"""One way to ask a model, wherever it is: a bundle here, a server by its address, or a run."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

from .values import About, Answer, Condition, Reason, Tell, untold


class AppPredictor(Protocol):
    """A model that an app asks; safe to use from several threads.

    Attributes:
        explains: Whether `explain` can say why.
        quick: Whether that takes no longer than an answer does, so that nobody need ask for it.
    """

    explains: bool
    quick: bool

    def describe(self) -> About:
        """Returns what is known of the model.

        Raises:
            ServerError: It is behind a server that does not answer.
        """

    def predict(self, items: Sequence[Any]) -> list[Answer]:
        """Answers for each item: path, bytes, array or Pillow image; or text."""

    def explain(self, item: Any, label: str | None = None, tell: Tell = untold) -> Reason:
        """Says why: of a picture by a heat map, of a text by its words.

        Args:
            item: As for `predict`.
            label: The class to look at; by default the one that wins.
            tell: Told how far it is.
        """

    def samples(self) -> list[bytes]:
        """Returns a few real pictures (encoded) or texts (UTF-8) that came with the model; none where none did."""

    def ready(self) -> Condition:
        """Says whether the model can be asked now; never raises."""


class Source(Protocol):
    """What an app is started on: `tlzoo.workflows.apps.Source`."""

    bundle: Path | None
    url: str
    runs: tuple[Path, ...]
    folder: Path | None


def open_predictor(source: Source) -> AppPredictor | None:
    """Opens what an app is started on.

    Args:
        source: A bundle, an address (which a bundle beside it only describes), or a run.

    Returns:
        The model; None if nothing was named.

    Raises:
        TlzooError: There is nothing of the kind. A server that is down is no error: `ready` tells.
    """
    if source.url:
        from .server_predictor import ServerPredictor

        return ServerPredictor(source.url, source.bundle)
    if source.bundle:
        from .bundle_predictor import BundlePredictor

        return BundlePredictor(source.bundle)
    if source.runs:
        from .run_predictor import RunPredictor

        return RunPredictor.opened(source.runs[0])
    return None
