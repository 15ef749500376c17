"""Error against the number of training examples: a power law, and where it would come down to another error.

Errors of learners fall as `floor + scale * n ** -exponent` (Hestness et al., "Deep Learning Scaling is Predictable,
Empirically", 2017, arXiv:1712.00409). How many examples a learner from scratch would need for what transfer reaches
with those at hand is what Hernandez et al. ("Scaling Laws for Transfer", 2021, arXiv:2102.01293) call data
transferred.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

EXPONENTS = np.geomspace(0.05, 2.0, 40)
"""Exponents that are tried; measured ones lie between 0.07 and 0.5 for much data, and above for little."""

LEAST_SIZES = 3
"""Sizes below which three numbers cannot be fitted."""

FAR = 10.0
"""Times the data at hand beyond which a fit over a decade says nothing."""


@dataclass(frozen=True)
class PowerLaws:
    """Curves `floor + scale * n ** -exponent`, one a resample.

    Attributes:
        floor: Error that no number of examples undoes, (r,), 0 or more.
        scale: What examples undo, (r,), 0 or more.
        exponent: How fast, (r,).
    """

    floor: Floats
    scale: Floats
    exponent: Floats

    def at(self, sizes: npt.ArrayLike) -> Floats:
        """Returns errors (r, m) with m numbers of examples."""
        powers = np.asarray(sizes, np.float64)[None, :] ** -self.exponent[:, None]
        return np.asarray(self.floor[:, None] + self.scale[:, None] * powers)

    def reach(self, errors: Floats) -> Floats:
        """Returns examples (r,) with which each curve comes down to an error (r,); infinite where it never does."""
        share = np.divide(errors - self.floor, self.scale, out=np.zeros_like(errors), where=self.scale > 0)
        with np.errstate(over="ignore"):
            found = np.maximum(share, 1e-300) ** (-1 / self.exponent)
        return np.where(share > 0, found, np.where(errors >= self.floor, 0.0, np.inf))


@dataclass(frozen=True)
class CatchUp:
    """Where scratch would reach what transfer reaches with the data at hand.

    Attributes:
        kind: `already` (with the data at hand), `at` some number of examples, or `untold`: too far away, or too
            doubtful.
        examples: Training examples; None where it is untold.
        low: Lower end of the interval.
        high: Upper end.
    """

    kind: Literal["already", "at", "untold"]
    examples: float | None = None
    low: float | None = None
    high: float | None = None

    def to_dict(self) -> dict[str, Any]:
        """Returns everything as JSON can hold it."""
        return asdict(self)

    def words(self, at_hand: int) -> str:
        """Returns it as a sentence.

        Args:
            at_hand: Training examples at hand.

        Example:
            >>> CatchUp("at", 2000.0, 1500.0, 4100.0).words(1000)
            'Scratch would catch up at about 2,000 training examples (1,500 to 4,100), 2.0 times those at hand.'
        """
        if self.kind == "already":
            return "Scratch already reaches what transfer reaches."
        if self.kind == "untold" or self.examples is None:
            return (
                f"Where scratch would catch up cannot be told: not within {FAR:g} times the {at_hand:,} training "
                "examples at hand, or the curve is too doubtful."
            )
        ends = f"{_rounded(self.low or 0):,} to {_rounded(self.high or math.inf):,}"
        times = self.examples / max(at_hand, 1)
        return (
            f"Scratch would catch up at about {_rounded(self.examples):,} training examples ({ends}), {times:.1f} "
            "times those at hand."
        )


def fit_power_laws(sizes: npt.ArrayLike, errors: npt.ArrayLike) -> PowerLaws:
    """Fits a power law to each row of errors, by least squares.

    Args:
        sizes: Numbers of examples (m,), m at least `LEAST_SIZES`, all different.
        errors: (r, m), 0 or more.

    Raises:
        ValueError: There are too few sizes.

    Example:
        >>> fit_power_laws([100, 200, 400, 800], [[0.3, 0.2, 0.15, 0.125]]).floor.round(2).tolist()
        [0.1]
    """
    n, y = np.asarray(sizes, np.float64), np.atleast_2d(np.asarray(errors, np.float64))
    if len(np.unique(n)) < LEAST_SIZES:
        raise ValueError(f"{len(np.unique(n))} sizes; a power law needs {LEAST_SIZES}.")
    tried = [_line(n, y, float(exponent)) for exponent in EXPONENTS]
    best = np.argmin([squares for _, _, squares in tried], axis=0)
    row = np.arange(len(y))
    floors, scales = (np.stack([each[at] for each in tried])[best, row] for at in (0, 1))
    return PowerLaws(floors, scales, EXPONENTS[best])


def catch_up(sizes: npt.ArrayLike, scratch: npt.ArrayLike, transfer: npt.ArrayLike) -> CatchUp:
    """Returns where scratch would reach what transfer reaches with all the data.

    Args:
        sizes: Numbers of training examples (m,), the data at hand the largest.
        scratch: Errors (r, m) of learners from scratch in resamples, the estimate first.
        transfer: Errors (r,) of transfer with all the data, likewise.
    """
    n, mine = np.asarray(sizes, np.float64), np.asarray(transfer, np.float64)
    errors = np.atleast_2d(np.asarray(scratch, np.float64))
    if errors[0, n.argmax()] <= mine[0]:
        return CatchUp("already")
    if len(np.unique(n)) < LEAST_SIZES:
        return CatchUp("untold")
    needed = np.maximum(fit_power_laws(n, errors).reach(mine), n.max())
    low, high = np.quantile(needed, [0.1, 0.9], method="nearest")
    if max(needed[0], high) > FAR * n.max():
        return CatchUp("untold", low=float(low) if low <= FAR * n.max() else None)
    return CatchUp("at", float(needed[0]), float(low), float(high))


def _line(n: Floats, y: Floats, exponent: float) -> tuple[Floats, Floats, Floats]:
    """Returns floor, scale and sum of squares (r,) of the best curve with an exponent; neither is negative."""
    x = n**-exponent
    x = x / x.mean()
    centred = x - x.mean()
    scale = y @ centred / (centred @ centred)
    floor = y.mean(axis=1) - scale * x.mean()
    through = y @ x / (x @ x)  # the best curve whose floor is 0
    scale = np.where(floor < 0, through, np.maximum(scale, 0.0))
    floor = np.where(floor < 0, 0.0, np.where(scale > 0, floor, y.mean(axis=1)))
    squares = np.square(y - floor[:, None] - scale[:, None] * x).sum(axis=1)
    return floor, scale / (n**-exponent).mean(), squares


def _rounded(examples: float) -> int:
    """Returns a number to the two digits that an extrapolation is good for."""
    power = 10 ** max(0, math.floor(math.log10(max(examples, 1))) - 1)
    return int(round(examples / power) * power)
