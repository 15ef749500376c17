"""Measures a server under load: one that is there, or one of its own for a bundle."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from tlzoo.client.load import Load, Samples
from tlzoo.errors import UsageError
from tlzoo.protocol.signature import DEFAULT_SIGNATURE, Signature

if TYPE_CHECKING:
    import numpy as np

    from tlzoo.client.load_summary import Summary
    from tlzoo.progress import Progress

SCHEMES = ("http://", "https://", "grpc://", "grpcs://")


@dataclass(frozen=True)
class Question:
    """Who is asked what.

    Attributes:
        target: The URL of a server, or a bundle that is served for the occasion.
        model: The model's name, where a URL does not say it.
        protocol: How an own server is asked.
        signature: What is called.
        files: Where examples come from; none takes a bundle's warm-up requests, or makes numbers.
        examples: Examples a request.
        token: For servers that ask for one.
        flags: Words of `tlzoo serve` for an own server.
    """

    target: str
    model: str | None = None
    protocol: Literal["rest", "grpc"] = "rest"
    signature: str = DEFAULT_SIGNATURE
    files: tuple[str, ...] = ()
    examples: int = 1
    token: str | None = None
    flags: tuple[str, ...] = ()


@dataclass(frozen=True)
class Prepared:
    """A server that waits to be asked.

    Attributes:
        url: Of the server.
        model: The model's name.
        version: The version that answers.
        source: Where examples come from, for people.
        requests: What is sent.
        open: Makes connections; to be called in an event loop.
        pid: Of an own server; None of others.
    """

    url: str
    model: str
    version: int
    source: str
    requests: Sequence[bytes]
    open: Callable[[], Any]
    pid: int | None = None


@dataclass(frozen=True)
class Report:
    """What came of it.

    Attributes:
        prepared: Who was asked.
        question: What was asked for.
        load: How.
        samples: Every request.
        summary: Their figures.
    """

    prepared: Prepared
    question: Question
    load: Load
    samples: Samples
    summary: Summary

    @property
    def examples_per_second(self) -> float:
        """Examples that were answered in a second."""
        return self.summary.throughput * self.question.examples

    def told(self) -> dict[str, Any]:
        """Returns all figures, as they go into a JSON file; times in seconds."""
        sizes = [len(one) for one in self.prepared.requests]
        return {
            "server": self.prepared.url,
            "model": self.prepared.model,
            "version": self.prepared.version,
            "question": dataclasses.asdict(dataclasses.replace(self.question, token=None)),
            "examples_from": self.prepared.source,
            "bytes_per_request": sum(sizes) / len(sizes),
            "load": dataclasses.asdict(self.load),
            **dataclasses.asdict(self.summary),
            "examples_per_second": self.examples_per_second,
        }


def bench(question: Question, load: Load, progress: Progress | None = None) -> Report:
    """Measures a server.

    Args:
        question: Who is asked what.
        load: How.
        progress: Told how far things are.

    Raises:
        UsageError: There are no examples that fit, or the target is neither a URL nor a bundle.
        BundleError: The bundle cannot be served.
        ServerError: The server does not say what the model takes.

    Example:
        >>> report = bench(Question("models/photos"), Load(connections=32))  # doctest: +SKIP
        >>> report.summary.latencies["p99"]  # doctest: +SKIP
        0.041
    """
    with prepared(question, progress) as ready:
        return measured(ready, question, load, progress)


def measured(ready: Prepared, question: Question, load: Load, progress: Progress | None = None) -> Report:
    """Asks a server that waits to be asked."""
    from tlzoo.client.load import apply
    from tlzoo.client.load_summary import summarize

    if progress is not None:
        pace = f"{load.rate:g} requests a second" if load.rate else f"{load.connections} connections"
        progress(0, None, f"asking, {pace}")
    with _runner() as runner:
        samples = runner.run(apply(load, ready.requests, ready.open))
    return Report(ready, question, load, samples, summarize(samples))


@contextlib.contextmanager
def prepared(question: Question, progress: Progress | None = None) -> Iterator[Prepared]:
    """Finds or starts the server, and encodes all requests; see `bench`."""
    if question.target.startswith(SCHEMES):
        if question.flags:
            raise UsageError(
                f"{' '.join(question.flags)} for a server that runs already.",
                allowed="flags of `tlzoo serve` where a bundle is measured.",
                do="Leave them out, or name a bundle.",
            )
        yield _prepare(question, question.target, None)
        return
    from tlzoo.serving.folders import models_in
    from tlzoo.workflows.bench_server import own_server

    (model,) = models_in([question.target])
    if progress is not None:
        progress(0, None, f"starting a server for {model.name}")
    with own_server(question.target, question.flags) as server:
        named = dataclasses.replace(question, model=model.name)
        ready = _prepare(named, server.url(question.protocol), model.base_path)
        yield dataclasses.replace(ready, pid=server.pid)


def _prepare(question: Question, url: str, folder: Path | None) -> Prepared:
    from tlzoo.client.address import Address
    from tlzoo.client.load_requests import predict_request
    from tlzoo.client.load_wires import wires
    from tlzoo.client.options import Settings
    from tlzoo.client.sync_client import Client
    from tlzoo.workflows.bench_inputs import batches

    if question.examples < 1:
        raise UsageError(f"{question.examples} examples a request.", allowed="1 or more.")
    settings = Settings(token=question.token)
    address = Address.parse(url)
    spec = settings.spec(address, question.model)
    with Client(url, question.model, token=question.token) as client:
        known = client.metadata()
    signature = known.signature(question.signature)
    version = None if folder is None else folder / str(known.version)
    rows, source = _rows(question, signature, version)
    requests = [
        predict_request(address, settings, spec, signature, one) for one in batches(rows, question.examples)
    ]
    return Prepared(url, known.model, known.version, source, requests, wires(address, settings))


def _rows(
    question: Question, signature: Signature, version: Path | None
) -> tuple[dict[str, np.ndarray], str]:
    from tlzoo.workflows.bench_inputs import made_rows, rows_from_files, rows_from_warmup

    if question.files:
        return rows_from_files(question.files, signature), "files"
    if version is not None and (rows := rows_from_warmup(version, signature)) is not None:
        return rows, "recorded warm-up requests"
    return made_rows(signature), "made by the signature"


def _runner() -> asyncio.Runner:
    try:
        import uvloop
    except ImportError:  # Windows has none.
        return asyncio.Runner()
    return asyncio.Runner(loop_factory=uvloop.new_event_loop)
