"""The models of a server: which ones, which versions, under which labels, and how requests reach them."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
from collections.abc import AsyncIterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from tlzoo.protocol.signature import ModelSpec
from tlzoo.protocol.status import Code, ServingError, invalid
from tlzoo.serving import configs
from tlzoo.serving.held import HeldVersion
from tlzoo.serving.inference import VersionStatus
from tlzoo.serving.loading import load
from tlzoo.serving.manager import Manager
from tlzoo.serving.metrics import Metrics
from tlzoo.serving.options import ModelConfig, ServerOptions
from tlzoo.serving.storage import aspired

log = logging.getLogger("tlzoo.serving")

Labels = Mapping[str, Mapping[str, int]]
"""Version numbers by label, by model."""


class Core:
    """The `Inference` of `inference.py`, over SavedModels in folders.

    Args:
        options: Which models, and how they are loaded and run.
        metrics: Told what happens.

    Example:
        >>> core = Core(options, Metrics())  # doctest: +SKIP
        >>> await core.start()  # doctest: +SKIP
        >>> async with core.hold(ModelSpec("photos")) as held:  # doctest: +SKIP
        ...     await held.predict(held.signatures["serving_default"], {"image_bytes": images})
    """

    def __init__(self, options: ServerOptions, metrics: Metrics) -> None:
        self._options, self._metrics = options, metrics
        self._manager = Manager(
            partial(load, options=options, metrics=metrics),
            max_retries=options.max_load_retries,
            retry_seconds=options.load_retry_seconds,
            load_threads=options.load_threads,
        )
        self._pool = ThreadPoolExecutor(options.threads or 4 * (os.cpu_count() or 1), "tlzoo-run")
        self._models: dict[str, ModelConfig] = {}
        self._labels: Labels = {}
        self._polls: list[asyncio.Task[None]] = []
        self._reloading = asyncio.Lock()

    @property
    def models(self) -> tuple[ModelConfig, ...]:
        """What is served now, by configuration."""
        return tuple(self._models.values())

    @property
    def labels(self) -> Labels:
        """Version numbers by label, by model."""
        return self._labels

    async def start(self) -> None:
        """Loads every model, and returns once each has its versions.

        Where a base path is empty or missing it waits, as TensorFlow Serving does.

        Raises:
            ServingError: A version does not load, or a label names one that is not loaded.
        """
        models = {one.name: one for one in self._options.models}
        self._labels = self._judged(models.values())
        self._models = models
        await self._poll_once()
        if self._options.poll_seconds > 0:
            self._polls.append(asyncio.create_task(self._poll()))
        await self._ready(models, "Failed to start server. Error: ")
        if self._options.config_file and self._options.config_poll_seconds > 0:
            self._polls.append(asyncio.create_task(self._poll_config(self._options.config_file)))

    async def close(self) -> None:
        """Ends polling, and unloads everything after the requests that are running."""
        for task in self._polls:
            task.cancel()
        await asyncio.gather(*self._polls, return_exceptions=True)
        await self._manager.close()
        self._pool.shutdown()

    @contextlib.asynccontextmanager
    async def hold(self, spec: ModelSpec) -> AsyncIterator[HeldVersion]:
        """Chooses a version by number, by label, or the newest; see `Inference.hold`."""
        if spec.version is None and spec.label is not None:
            number = self._labels.get(spec.name, {}).get(spec.label)
            if number is None:
                raise invalid(f"Unrecognized servable version label: {spec.label}")
            spec = replace(spec, version=number)
        with self._manager.hold(spec) as version:
            chosen = ModelSpec(spec.name, version.number, signature=spec.key)
            yield HeldVersion(chosen, version, self._pool, self._metrics)

    def status(self, name: str, version: int | None = None) -> list[VersionStatus]:
        """Returns where versions stand, newest first; see `Inference.status`."""
        found = self._manager.status(name)
        if not found:
            raise ServingError(Code.NOT_FOUND, f"Could not find any versions of model {name}")
        if version is None:
            return found
        chosen = [one for one in found if one.version == version]
        if not chosen:
            raise ServingError(Code.NOT_FOUND, f"Could not find version {version} of model {name}")
        return chosen

    def ready(self) -> bool:
        """Tells whether every model has an available version."""
        return all(
            any(one.state == "AVAILABLE" for one in self._manager.status(name)) for name in self._models
        )

    async def reload(self, config: Any) -> None:
        """Takes over a `ModelServerConfig`; see `Inference.reload`.

        The order is upstream's (server_core.cc, ReloadConfig): validate, labels, sources; so that labels are judged
        by what is loaded before.
        """
        await self._take_over(configs.models_of(config, self._models))

    async def _take_over(self, configured: tuple[ModelConfig, ...]) -> None:
        async with self._reloading:
            models = {one.name: one for one in configured}
            self._labels = self._judged(models.values())
            gone, new = set(self._models) - set(models), set(models) - set(self._models)
            self._models = models
            for name in gone:
                self._manager.want(name, {})
            await self._poll_once()
        await self._ready(new, "")

    def _judged(self, models: Any) -> dict[str, dict[str, int]]:
        """Returns the labels of a configuration, if each may be given."""
        labels: dict[str, dict[str, int]] = {}
        for model in models:
            for label, number in model.labels.items():
                in_use = self._labels.get(model.name, {}).get(label, number) != number
                anywhere = self._options.labels_for_unavailable and not in_use
                if not anywhere and not self._manager.available(model.name, number):
                    raise ServingError(
                        Code.FAILED_PRECONDITION,
                        f"Request to assign label to version {number} of model {model.name}, "
                        "which is not currently available for inference",
                    )
                labels.setdefault(model.name, {})[label] = number
        return labels

    async def _ready(self, models: Any, prefix: str) -> None:
        failed = [one for one in await self._manager.settled(models) if one.error is not None]
        if failed:
            reasons = ", ".join(
                f"{{name: {one.model} version: {one.number}}} due to error: {one.error}" for one in failed
            )
            raise ServingError(
                Code.UNKNOWN,
                f"{prefix}UNKNOWN: {len(failed)} servable(s) did not become available: {{{reasons}, }}",
            )

    async def _poll_once(self) -> None:
        """Looks for versions of every model; if one base path is missing nothing changes for any."""
        models = self.models
        try:
            found = await asyncio.to_thread(lambda: {one.name: aspired(one) for one in models})
        except ServingError as error:
            log.error("FileSystemStoragePathSource encountered a filesystem access error: %s", error.message)
            return
        for name, folders in found.items():
            if name in self._models:
                self._manager.want(name, folders)

    async def _poll(self) -> None:
        while True:
            await asyncio.sleep(self._options.poll_seconds)
            await self._poll_once()

    async def _poll_config(self, file: Path) -> None:
        # It may have changed since `models` were read from it, so that the first look counts as a change.
        seen: bytes | None = None
        refused: bytes | None = None
        while True:
            await asyncio.sleep(self._options.config_poll_seconds)
            content = await asyncio.to_thread(_content, file)
            if content is None or content == seen:
                continue
            try:
                await self._take_over(await asyncio.to_thread(configs.read_model_config, file))
                seen = content
            except Exception as error:
                if content == refused:  # Said already; a label may still wait for its version.
                    continue
                refused = content
                log.error("%s is not taken over, the configuration before it stays: %s", file, error)


def _content(file: Path) -> bytes | None:
    try:
        return file.read_bytes()
    except OSError:
        return None
