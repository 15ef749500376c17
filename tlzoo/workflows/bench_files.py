"""Keeps what was measured: figures as JSON, and a picture of them."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np

from tlzoo.client.load import OK
from tlzoo.client.load_summary import over_time
from tlzoo.workflows.bench import Report


def write_json(told: dict[str, Any], file: Path) -> None:
    """Writes figures; what is not a number becomes null."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(_plain(told), indent=2, allow_nan=False) + "\n", encoding="utf-8")


def draw(report: Report, file: Path) -> None:
    """Draws how latencies are distributed, and throughput over time, into a PNG file."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11, 3.6), layout="constrained")
    FigureCanvasAgg(figure)
    bars, shares, flow = figure.subplots(1, 3)
    samples, summary = report.samples, report.summary
    taken = 1e3 * np.sort((samples.done - samples.due)[(samples.due >= 0) & (samples.codes == OK)])
    if len(taken):
        bars.hist(taken, bins=60)
        shares.plot(taken, np.arange(1, len(taken) + 1) / len(taken))
        for name in ("p50", "p99"):
            shares.axvline(
                1e3 * summary.latencies[name],
                linestyle=":",
                color="grey",
                label=f"{name} {1e3 * summary.latencies[name]:.1f} ms",
            )
        shares.legend()
    bars.set(xlabel="latency, ms", ylabel="requests")
    shares.set(xlabel="latency, ms", ylabel="share of requests", ylim=(0, 1))
    starts, rates = over_time(samples)
    flow.step(starts, rates, where="post")
    flow.set(xlabel="seconds", ylabel="answers a second", ylim=(0, None))
    figure.suptitle(f"{report.prepared.model} at {report.prepared.url}, {pace(report)}")
    file.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(file, dpi=110)


def pace(report: Report) -> str:
    """Says for people how a server was asked."""
    load = report.load
    if load.rate is None:
        return f"{load.connections} connections"
    return f"{load.rate:.4g} requests a second, {'at random' if load.arrivals == 'poisson' else 'evenly'}"


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
