"""What samples of load say: latencies, throughput, errors."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass

import numpy as np

from tlzoo.client.load import OK, Samples

QUANTILES = {"p50": 0.5, "p90": 0.9, "p95": 0.95, "p99": 0.99, "max": 1.0}


@dataclass(frozen=True)
class Summary:
    """Figures of one run; times in seconds, NaN where nothing was answered.

    Attributes:
        requests: Measured requests, errors included.
        latencies: Of those that were answered, from when they were due: mean, and by `QUANTILES`.
        throughput: Answers a second.
        errors: Measured requests that were not answered, by code.
        messages: The first text of each of these codes.
        late: How long after they were due requests were sent, at the 99th percentile: a server that is asked too much
            makes them wait for a connection, and so does a generator that cannot keep up.
        seconds: How long was measured.
        cpu: Processors that the generator itself kept busy.
    """

    requests: int
    latencies: dict[str, float]
    throughput: float
    errors: dict[str, int]
    messages: dict[str, str]
    late: float
    seconds: float
    cpu: float


def summarize(samples: Samples) -> Summary:
    """Sums up a run.

    Latencies are those of requests that were due while it was measured; answers count for throughput if they came
    meanwhile, whenever they were asked for.
    """
    counted = samples.due >= 0
    answered = samples.codes == OK
    taken = np.sort((samples.done - samples.due)[counted & answered])
    latencies = {"mean": float(taken.mean()) if len(taken) else math.nan}
    latencies |= {name: quantile(taken, share) for name, share in QUANTILES.items()}
    within = answered & (samples.done >= 0) & (samples.done <= samples.seconds)
    late = np.sort((samples.sent - samples.due)[counted])
    return Summary(
        requests=int(counted.sum()),
        latencies=latencies,
        throughput=int(within.sum()) / samples.seconds if samples.seconds > 0 else math.nan,
        errors=dict(Counter(samples.codes[counted & ~answered].tolist())),
        messages=dict(samples.messages),
        late=quantile(late, 0.99),
        seconds=samples.seconds,
        cpu=samples.cpu_seconds / samples.seconds if samples.seconds > 0 else math.nan,
    )


def quantile(ordered: np.ndarray, share: float) -> float:
    """Returns the least of some numbers that at least a share of them does not exceed; NaN of none.

    Args:
        ordered: Ascending (n,).
        share: In (0, 1].

    Example:
        >>> quantile(np.arange(1.0, 101.0), 0.99)
        99.0
    """
    if not len(ordered):
        return math.nan
    return float(ordered[max(0, math.ceil(share * len(ordered) - 1e-9) - 1)])


def over_time(samples: Samples, step: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    """Returns answers a second in each step of what was measured.

    Args:
        samples: Of a run.
        step: Seconds.

    Returns:
        Where steps begin, in seconds, and throughput, both (n,); a last step that is not whole is left out.
    """
    edges = np.arange(0.0, samples.seconds + 1e-9, step)
    if len(edges) < 2:
        edges = np.array([0.0, max(samples.seconds, 1e-9)])
    counts, _ = np.histogram(samples.done[samples.codes == OK], edges)
    return edges[:-1], counts / np.diff(edges)
