"""Keeps backbones loaded for all visitors, and gets the first ready before anybody presses Train."""

from __future__ import annotations

import contextlib
import logging
import shutil
import tempfile
import threading
from collections import OrderedDict
from pathlib import Path
from typing import Any

import numpy as np

import tlzoo
from tlzoo import registry
from tlzoo.errors import TlzooError, UsageError, unknown_name

log = logging.getLogger("tlzoo.apps")

USUAL = {"image": "efficientnet_lite0", "text": "minilm_l6"}
"""What is taken unless something else is chosen: small, good, and there."""
MOST = 3
"""Backbones that stay loaded."""


class Shelf:
    """Loaded backbones, shared by all visitors; whoever asks for one that is being loaded waits for it."""

    def __init__(self) -> None:
        self._loaded: OrderedDict[str, Any] = OrderedDict()
        self._lock = threading.Lock()
        self._worker: threading.Thread | None = None
        self._stopped = threading.Event()

    def get(self, name: str) -> Any:
        """Returns a backbone by name, loaded once.

        Raises:
            TlzooError: It cannot be loaded.
        """
        with self._lock:
            if name not in self._loaded:
                self._loaded[name] = tlzoo.load_backbone(name)
                while len(self._loaded) > MOST:
                    self._loaded.popitem(last=False)
            self._loaded.move_to_end(name)
            return self._loaded[name]

    def warm(self) -> None:
        """Begins, once, to load what visitors will need, in the background."""
        with self._lock:
            if self._worker is None:
                self._worker = threading.Thread(target=self._warm, name="tlzoo-warm", daemon=True)
                self._worker.start()

    def ready(self, timeout: float | None = None) -> bool:
        """Waits until all is warm; returns whether it is."""
        if self._worker is None:
            return False
        self._worker.join(timeout)
        return not self._worker.is_alive()

    def end(self) -> None:
        """Begins nothing new, waits for what was begun, and lets go of everything."""
        self._stopped.set()
        if self._worker is not None:
            self._worker.join()
        self._worker = None
        self._loaded.clear()
        self._stopped.clear()

    def _warm(self) -> None:
        for modality in ("image", "text"):
            name = usual(modality)
            if name is None or self._stopped.is_set():
                continue
            try:
                rehearse(self.get(name))
            except TlzooError as error:  # visitors who need it are told
                log.warning("%s is not ready: %s", name, error)


def usual(modality: str) -> str | None:
    """Returns the backbone that is taken by default: the usual one, else the smallest at hand, else none."""
    there = choices(modality)
    return USUAL[modality] if USUAL[modality] in there else next(iter(there), None)


def fitting(name: str, modality: str) -> str:
    """Returns a backbone if it takes a modality, else the one that is usual for it.

    Raises:
        UnknownNameError: No network of that name is at hand.
        UsageError: None for that modality is.
    """
    there = choices(modality)
    if name in there:
        return name
    if name and name not in tlzoo.at_hand():
        raise unknown_name("network", name, there)
    other = usual(modality)
    if other is None:
        raise UsageError(
            f"no network for {modality}s is on this machine.",
            allowed="one whose weights are here.",
            do=f"Whoever runs this app can fetch one: tlzoo fetch {USUAL[modality]}",
        )
    return other


def choices(modality: str) -> list[str]:
    """Returns the backbones of a modality whose weights are on this machine, smallest first."""
    return tlzoo.at_hand("backbone", modality)  # type: ignore[arg-type]


def title(name: str) -> str:
    """Returns what people call a backbone, and how large it is."""
    card = registry.backbones().get(name)
    return f"{card.title}, {card.params / 1e6:.1f} M"


def rehearse(backbone: Any) -> None:
    """Trains once on next to nothing, so that libraries are imported and the engine is chosen."""
    folder = Path(tempfile.mkdtemp(prefix="rehearsal-"))
    try:
        data: Any = (_noise(), [0, 1] * 6) if backbone.card.modality == "image" else (_words(), [0, 1] * 6)
        run = tlzoo.train(data, backbone=backbone, out=folder / "run", epochs=2)
        run.predict([data[0][0]])
    finally:
        with contextlib.suppress(OSError):
            shutil.rmtree(folder)


def _noise() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (12, 32, 32, 3), dtype=np.uint8)


def _words() -> list[str]:
    return [f"{'good' if at % 2 else 'bad'} words, number {at}" for at in range(12)]
