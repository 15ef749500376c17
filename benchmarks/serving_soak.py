"""A server under mixed load while versions come and go: nobody is turned away, and memory comes back.

    python benchmarks/serving_soak.py BUNDLE [SECONDS]

Callers ask by REST and by gRPC: predict, classify, metadata and status, each checking its answers and none trying
twice. Meanwhile `tlzoo deploy` brings versions 2, 3 and 4, and a folder that is no model is dropped in between, which
must not disturb anybody. Memory is the resident set of the server's process: medians over the last twelfth before the
first deployment and over the last twelfth of all, under the same load and with one version loaded.
"""

from __future__ import annotations

import asyncio
import collections
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import psutil
from common import ROOT, finish

sys.path.insert(0, str(ROOT))

from tlzoo.client import AsyncClient

LEAST, GROWTH, TOLERANCE = 60.0, 1.10, 1e-5
# When things happen, as shares of the whole; version 1 serves from the start.
DEPLOY_2, DEPLOY_3, BREAK, MEND, DEPLOY_4 = 0.25, 0.40, 0.55, 0.65, 0.70
MODEL_WAIT = 300.0


@dataclass
class Tally:
    """What became of all questions of one kind."""

    seconds: list[float] = field(default_factory=list)
    failures: collections.Counter = field(default_factory=collections.Counter)


@dataclass
class Soak:
    """Everything that runs at a time.

    Attributes:
        urls: Of REST and gRPC.
        name: The model's.
        inputs: Rows of the default signature.
        process: The server.
        ends: When callers stop, by `time.monotonic`.
    """

    urls: tuple[str, str]
    name: str
    inputs: dict[str, np.ndarray]
    process: psutil.Process
    ends: float
    tallies: dict[str, Tally] = field(default_factory=dict)
    memory: list[tuple[float, int]] = field(default_factory=list)
    versions: set[int] = field(default_factory=set)
    events: list[str] = field(default_factory=list)

    async def ask(self, kind: str, pause: float, question: Callable[[], Awaitable[Any]]) -> None:
        """Asks again and again."""
        tally = self.tallies.setdefault(kind, Tally())
        while time.monotonic() < self.ends:
            begun = time.perf_counter()
            try:
                await question()
            except Exception as error:
                tally.failures[f"{type(error).__name__}: {str(error)[:200]}"] += 1
            tally.seconds.append(time.perf_counter() - begun)
            await asyncio.sleep(pause)

    async def weigh(self) -> None:
        """Notes the server's memory twice a second."""
        while time.monotonic() < self.ends:
            self.memory.append((time.monotonic(), self.process.memory_info().rss))
            await asyncio.sleep(0.5)


async def callers(soak: Soak, stack: Any) -> list[Awaitable[None]]:
    """Returns all callers, once each question was answered one time."""
    tasks: list[Awaitable[None]] = []
    for url in soak.urls:
        for number in range(2):
            client = await stack.enter_async_context(AsyncClient(url, soak.name, retries=0))
            # A request of one example and one of several, each with the answer it had at the start.
            rows = {alias: one[: 1 + 3 * number] for alias, one in soak.inputs.items()}
            images = [{"image/encoded": one} for one in rows["image_bytes"]]
            first = await client.call(rows)
            scored = await client.classify(images, "classify")
            protocol = url.partition(":")[0]
            tasks += [
                soak.ask(f"{protocol} predict", 0.0, _predict(client, rows, first)),
                soak.ask(f"{protocol} classify", 0.05, _classify(client, images, scored)),
                soak.ask(f"{protocol} metadata", 0.2, _metadata(soak, client)),
                soak.ask(f"{protocol} status", 0.2, _status(client)),
            ]
    return tasks


def _predict(client: AsyncClient, rows: Any, first: dict[str, np.ndarray]) -> Callable[[], Awaitable[None]]:
    async def question() -> None:
        answers = await client.call(rows)
        assert np.abs(answers["probabilities"] - first["probabilities"]).max() < TOLERANCE, "another answer"
        assert answers["label"].tolist() == first["label"].tolist(), "another label"

    return question


def _classify(client: AsyncClient, images: Any, scored: Any) -> Callable[[], Awaitable[None]]:
    async def question() -> None:
        for one, two in zip(await client.classify(images, "classify"), scored, strict=True):
            for found, known in zip(one, two, strict=True):
                assert found.label == known.label, "another label"
                assert abs(found.score - known.score) < TOLERANCE, "another score"

    return question


def _metadata(soak: Soak, client: AsyncClient) -> Callable[[], Awaitable[None]]:
    async def question() -> None:
        found = await client.metadata()
        soak.versions.add(found.version)
        assert "serving_default" in found.signatures

    return question


def _status(client: AsyncClient) -> Callable[[], Awaitable[None]]:
    async def question() -> None:
        assert any(one.state == "AVAILABLE" for one in await client.status()), "no version is available"

    return question


async def rollout(soak: Soak, bundle: str, served: Path, seconds: float) -> None:
    """Deploys, breaks and mends, at their times."""
    begun, folder = time.monotonic(), served / soak.name

    async def at(share: float, what: str) -> None:
        await asyncio.sleep(max(0.0, begun + share * seconds - time.monotonic()))
        soak.events.append(f"{time.monotonic() - begun:6.1f} s  {what}")

    async with AsyncClient(soak.urls[0], soak.name, retries=0) as client:
        for share, number in ((DEPLOY_2, 2), (DEPLOY_3, 3)):
            await at(share, f"tlzoo deploy: version {number}")
            await _deploy(soak, client, bundle, served, number, begun)
        await at(BREAK, "a broken version 4 is dropped in")
        broken = served / "broken"
        broken.mkdir()
        (broken / "saved_model.pb").write_bytes(b"no model" * 1000)
        broken.rename(folder / "4")
        await _until(client, lambda known: known.get(4, ("",))[0] in ("LOADING", "END"))
        await at(MEND, "the broken version is taken away")
        shutil.rmtree(folder / "4")
        await at(DEPLOY_4, "tlzoo deploy: version 4")
        await _deploy(soak, client, bundle, served, 4, begun)


async def _deploy(
    soak: Soak, client: AsyncClient, bundle: str, served: Path, number: int, begun: float
) -> None:
    words = [sys.executable, "-m", "tlzoo", "deploy", bundle, str(served), "-q"]
    process = await asyncio.create_subprocess_exec(*words, stdout=subprocess.DEVNULL)
    assert await process.wait() == 0
    await _until(client, lambda known: known.get(number, ("",))[0] == "AVAILABLE")
    soak.events.append(f"{time.monotonic() - begun:6.1f} s  version {number} is available")
    await _until(
        client, lambda known: all(state == "END" for one, (state,) in known.items() if one != number)
    )
    soak.events.append(f"{time.monotonic() - begun:6.1f} s  the version before it is unloaded")


async def _until(client: AsyncClient, holds: Callable[[dict[int, tuple[str]]], bool]) -> None:
    ends = time.monotonic() + MODEL_WAIT
    while not holds({one.version: (one.state,) for one in await client.status()}):
        if time.monotonic() > ends:
            raise SystemExit(f"the server does not get where it should: {await client.status()}")
        await asyncio.sleep(0.2)


async def soaked(soak: Soak, bundle: str, served: Path, seconds: float) -> None:
    """Runs callers and the rollout side by side."""
    import contextlib

    async with contextlib.AsyncExitStack() as stack:
        tasks = await callers(soak, stack)
        soak.ends = time.monotonic() + seconds
        await asyncio.gather(*tasks, soak.weigh(), rollout(soak, bundle, served, seconds))


def main() -> None:
    """Prints events, a table of questions, and memory; exits with 1 if anything failed or memory stayed."""
    bundle, seconds = sys.argv[1], max(LEAST, float(sys.argv[2]) if len(sys.argv) > 2 else 600.0)
    os.environ.update(PYTHONPATH=str(ROOT), TF_CPP_MIN_LOG_LEVEL="3")
    from tlzoo.serving.folders import models_in
    from tlzoo.workflows.bench_server import own_server

    (model,) = models_in([bundle])
    with tempfile.TemporaryDirectory(prefix="tlzoo-soak-") as scratch:
        served = Path(scratch) / "served"
        deploy = [sys.executable, "-m", "tlzoo", "deploy", bundle, str(served), "-q"]
        subprocess.run(deploy, check=True, stdout=subprocess.DEVNULL)
        with own_server(
            f"{served / model.name}", ("--enable_batching", "--load_retry_interval_micros=2000000")
        ) as server:
            urls = server.url("rest"), server.url("grpc")
            soak = Soak(urls, model.name, _rows(served / model.name / "1"), psutil.Process(server.pid), 0.0)
            begun = time.monotonic()
            asyncio.run(soaked(soak, bundle, served, seconds))
    _report(soak, begun, seconds)


def _rows(folder: Path) -> dict[str, np.ndarray]:
    from tlzoo.protocol.signature import Signature
    from tlzoo.workflows.bench_inputs import rows_from_warmup

    rows = rows_from_warmup(folder, Signature("serving_default", {}, {}))
    assert rows is not None
    return rows


def _report(soak: Soak, begun: float, seconds: float) -> None:
    print("\n".join(soak.events))
    failures = 0
    print(f"\n{'question':16s} {'asked':>8s} {'failed':>7s} {'p50 ms':>8s} {'p99 ms':>8s} {'max ms':>8s}")
    for kind, tally in sorted(soak.tallies.items()):
        taken, failed = 1e3 * np.sort(tally.seconds), sum(tally.failures.values())
        failures += failed
        cells = [taken[len(taken) // 2], taken[int(0.99 * (len(taken) - 1))], taken[-1]]
        print(f"{kind:16s} {len(taken):8d} {failed:7d} " + " ".join(f"{cell:8.1f}" for cell in cells))
        for text, number in tally.failures.items():
            print(f"    {number} times: {text}")
    start = soak.memory[0][0]
    window = seconds / 12
    before = _median(soak, start + DEPLOY_2 * seconds - window, start + DEPLOY_2 * seconds)
    after = _median(soak, start + seconds - window, start + seconds)
    peak = max(rss for _, rss in soak.memory)
    growth, asked = after / before, sum(len(one.seconds) for one in soak.tallies.values())
    print(
        f"\n{asked} questions, {failures} failed; versions seen {sorted(soak.versions)}; memory before "
        f"{before / 2**20:.0f} MiB, at most {peak / 2**20:.0f} MiB, after {after / 2**20:.0f} MiB ({growth:.3f}x); "
        f"load average {os.getloadavg()[0]:.1f}; {time.monotonic() - begun:.0f} s"
    )
    holds = failures == 0 and growth <= GROWTH and soak.versions == {1, 2, 3, 4}
    finish(seconds=seconds, asked=asked, failures=failures, growth=growth, holds=holds)
    sys.exit(0 if holds else 1)


def _median(soak: Soak, start: float, stop: float) -> float:
    return statistics.median(rss for at, rss in soak.memory if start <= at <= stop)


if __name__ == "__main__":
    main()
