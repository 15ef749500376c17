"""One version of one model, from the moment it is wanted until it is gone."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from enum import IntEnum
from pathlib import Path

from tlzoo.protocol.status import Code, ServingError
from tlzoo.serving.inference import VersionStatus
from tlzoo.serving.loading import Loaded


class State(IntEnum):
    """`ModelVersionStatus.State` of get_model_status.proto."""

    START = 10
    LOADING = 20
    AVAILABLE = 30
    UNLOADING = 40
    END = 50


@dataclass(eq=False)
class Version:
    """What the manager knows of one version.

    Attributes:
        model: The model's name.
        number: The version's.
        folder: Where it lies.
        state: How far it has come.
        error: Why it ended, if not because nobody wants it any more.
        loaded: The servable, while it is AVAILABLE or UNLOADING.
        wanted: Whether it should be served.
        held: Requests that need it just now.
        idle: Set while no request needs it.
        unwanted: Set once it should be served no more; ends the wait for another try.
    """

    model: str
    number: int
    folder: Path
    state: State = State.START
    error: ServingError | None = None
    loaded: Loaded | None = None
    wanted: bool = True
    held: int = 0
    idle: asyncio.Event = field(default_factory=asyncio.Event)
    unwanted: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self.idle.set()

    def want(self, folder: Path | None) -> None:
        """Says where it lies if it should be served, or None if it should not."""
        self.wanted = folder is not None
        if folder is None:
            self.unwanted.set()
        else:
            self.folder = folder
            self.unwanted.clear()

    def hold(self) -> None:
        """Counts one request more."""
        self.held += 1
        self.idle.clear()

    def release(self) -> None:
        """Counts one request less."""
        self.held -= 1
        if not self.held:
            self.idle.set()

    @property
    def settled(self) -> bool:
        """Whether loading has come to its end, good or bad."""
        return self.state >= State.AVAILABLE

    def status(self) -> VersionStatus:
        """Returns what callers are told."""
        error = self.error
        code, message = (error.code, error.message) if error else (Code.OK, "")
        return VersionStatus(self.number, self.state.name, code, message)
