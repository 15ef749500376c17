"""Finds out how much a server can take: the rate of requests beyond which its throughput no longer follows."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass

from tlzoo.client.load import Load
from tlzoo.workflows.bench import Report

FOLLOWS = 0.95
"""Share of the rate that a server must answer to be said to follow."""

_FACTOR = 1.25
_MOST_STEPS = 40


@dataclass(frozen=True)
class Saturation:
    """How much a server takes.

    Attributes:
        throughput: The most answers a second that were seen.
        rate: The highest rate, in requests a second, that it followed; 0 if none.
        steps: What was measured, in order.
    """

    throughput: float
    rate: float
    steps: tuple[Report, ...]


def find_saturation(measure: Callable[[Load], Report], load: Load) -> Saturation:
    """Raises the rate of an open loop by a quarter at a time until the server falls behind.

    It begins at half of what a closed loop of the same connections reaches.

    Args:
        measure: Measures once.
        load: Connections, seconds and warm-up of each step; its `rate` is where to begin, if it has one.
    """
    steps = []
    rate = load.rate
    if rate is None:
        steps.append(measure(dataclasses.replace(load, rate=None)))
        rate = max(1.0, steps[0].summary.throughput / 2)
    followed = 0.0
    for _ in range(_MOST_STEPS):
        report = measure(dataclasses.replace(load, rate=rate, connections=max(load.connections, 256)))
        steps.append(report)
        if report.summary.throughput < FOLLOWS * rate:
            break
        followed = rate
        rate *= _FACTOR
    return Saturation(max(one.summary.throughput for one in steps), followed, tuple(steps))
