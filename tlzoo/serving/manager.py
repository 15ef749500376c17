"""Loads what is wanted and unloads what is not, so that a model is never without a version in between.

Everything here happens on the event loop, which is why nothing is locked; loading and freeing happen in a thread.
The order is TensorFlow Serving's `AvailabilityPreservingPolicy`: a version that is wanted no more stays until
another one of its model is available, or until none is wanted at all.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Coroutine, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

from tlzoo.protocol.signature import ModelSpec
from tlzoo.protocol.status import Code, ServingError
from tlzoo.serving.inference import VersionStatus
from tlzoo.serving.loading import Loaded, give_memory_back
from tlzoo.serving.versions import State, Version

T = TypeVar("T")

log = logging.getLogger("tlzoo.serving")


class Manager:
    """All versions of all models.

    Args:
        load: Brings a version folder into memory; called in a thread.
        max_retries: How often a failing load is tried again.
        retry_seconds: How long to wait before.
        load_threads: Versions loaded at a time.
    """

    def __init__(
        self,
        load: Callable[[Path], Loaded],
        *,
        max_retries: int = 5,
        retry_seconds: float = 60.0,
        load_threads: int = 1,
    ) -> None:
        self._load, self._max_retries, self._retry_seconds = load, max_retries, retry_seconds
        self._pool = ThreadPoolExecutor(load_threads, thread_name_prefix="tlzoo-load")
        self._versions: dict[str, dict[int, Version]] = {}
        self._ended: dict[str, dict[int, VersionStatus]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._changed = asyncio.Event()

    def want(self, model: str, folders: Mapping[int, Path]) -> None:
        """Says which versions of a model should be served from now on; none at all unloads it."""
        known = self._versions.setdefault(model, {})
        for number, version in known.items():
            version.want(folders.get(number))
        for number in sorted(set(folders) - set(known), reverse=True):
            self._add(Version(model, number, folders[number]))
        self._tidy(model)

    @contextlib.contextmanager
    def hold(self, spec: ModelSpec) -> Iterator[Version]:
        """Chooses the version a request is for, by number or the newest, and keeps it until the block ends.

        Raises:
            ServingError: NOT_FOUND, if it is not available.
        """
        known = self._versions.get(spec.name, {})
        available = [number for number, one in known.items() if one.state is State.AVAILABLE]
        number = max(available, default=None) if spec.version is None else spec.version
        if number is None or number not in available:
            raise ServingError(Code.NOT_FOUND, f"Servable not found for request: {spec}")
        version = known[number]
        version.hold()
        try:
            yield version
        finally:
            version.release()

    def status(self, model: str) -> list[VersionStatus]:
        """Returns where versions stand, newest first; those that have gone stay listed."""
        known = {number: one.status() for number, one in self._versions.get(model, {}).items()}
        every = {**self._ended.get(model, {}), **known}
        return [every[number] for number in sorted(every, reverse=True)]

    def available(self, model: str, number: int) -> bool:
        """Tells whether a version can be asked."""
        version = self._versions.get(model, {}).get(number)
        return version is not None and version.state is State.AVAILABLE

    async def settled(self, models: Iterable[str]) -> list[Version]:
        """Waits until each model has wanted versions and none of them is still loading; returns these versions."""
        names = list(models)
        while True:
            wanted = [[one for one in self._versions.get(name, {}).values() if one.wanted] for name in names]
            if all(versions and all(one.settled for one in versions) for versions in wanted):
                return [one for versions in wanted for one in versions]
            await self._changed.wait()

    async def close(self) -> None:
        """Unloads everything, after the requests that are running."""
        for model in list(self._versions):
            self.want(model, {})
        while self._tasks:
            await asyncio.wait(set(self._tasks))
        self._pool.shutdown()

    def _add(self, version: Version) -> None:
        self._versions[version.model][version.number] = version
        self._start(self._bring(version))

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _set(self, version: Version, state: State) -> None:
        version.state = state
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()

    async def _bring(self, version: Version) -> None:
        self._set(version, State.LOADING)
        tries = 0
        while version.state is State.LOADING:
            try:
                version.loaded = await self._in_thread(self._load, version.folder)
            except ServingError as error:
                version.error, tries = error, tries + 1
                log.error("%s version %d does not load: %s", version.model, version.number, error.message)
                if tries > self._max_retries or await self._given_up(version):
                    self._set(version, State.END)
            else:
                version.error = None
                log.info("%s version %d is available", version.model, version.number)
                self._set(version, State.AVAILABLE)
        self._tidy(version.model)

    async def _given_up(self, version: Version) -> bool:
        """Waits before another try; returns True as soon as nobody wants the version any more."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(version.unwanted.wait(), self._retry_seconds)
        return not version.wanted

    def _tidy(self, model: str) -> None:
        """Unloads what nobody wants, once somebody else answers for the model."""
        known = self._versions[model]
        wanted = [one for one in known.values() if one.wanted]
        covered = not wanted or any(one.state is State.AVAILABLE for one in wanted)
        for version in [one for one in known.values() if not one.wanted]:
            if version.state is State.AVAILABLE and covered:
                self._set(version, State.UNLOADING)
                self._start(self._drop(version))
            elif version.state is State.END:
                self._forget(version)

    async def _drop(self, version: Version) -> None:
        await version.idle.wait()
        loaded, version.loaded = version.loaded, None
        if loaded is not None:
            await self._in_thread(loaded.close)
            del loaded
            await self._in_thread(give_memory_back)
        log.info("%s version %d is unloaded", version.model, version.number)
        self._set(version, State.END)
        self._forget(version)
        if version.wanted:  # Somebody changed their mind while it went.
            self._add(Version(version.model, version.number, version.folder))

    def _forget(self, version: Version) -> None:
        del self._versions[version.model][version.number]
        self._ended.setdefault(version.model, {})[version.number] = version.status()

    async def _in_thread(self, function: Callable[..., T], *given: object) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._pool, function, *given)
