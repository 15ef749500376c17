"""A soup: the average of the weights of several epochs, chosen greedily on the validation split.

Wortsman et al., "Model soups: averaging weights of multiple fine-tuned models improves accuracy without increasing
inference time", ICML 2022, arXiv:2203.05482, recipe 1, over the epochs of one run rather than over runs.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from tlzoo.training.callbacks.keep_several import Weights


def greedy_soup(
    candidates: Sequence[tuple[float, int, Weights]], judge: Callable[[Weights], float]
) -> tuple[Weights, list[int], float]:
    """Returns the average of the weights that are better together.

    Args:
        candidates: (validation loss, epoch, weights), best first; one or more.
        judge: Gives the validation loss of weights.

    Returns:
        The weights, the epochs they are the average of, and their validation loss, which is never above the best
        candidate's.
    """
    least, epoch, weights = candidates[0]
    chosen, epochs = [weights], [epoch]
    for _, epoch, weights in candidates[1:]:
        mixed = average([*chosen, weights])
        loss = judge(mixed)
        if loss <= least:
            least, chosen, epochs = loss, [*chosen, weights], [*epochs, epoch]
    return average(chosen), epochs, least


def average(several: Sequence[Weights]) -> Weights:
    """Returns the mean of each weight, in its own type; what is no floating number is taken from the first.

    Args:
        several: In the order of one architecture's variables; names may differ, since Keras numbers layers by what the
            process has built before.
    """
    first = several[0]
    if len(several) == 1:
        return dict(first)
    columns = zip(*(each.values() for each in several), strict=True)
    return {name: _mean(values) for name, values in zip(first, columns, strict=True)}


def _mean(values: Sequence[np.ndarray]) -> np.ndarray:
    kind = values[0].dtype
    return np.mean(values, axis=0, dtype=np.float64).astype(kind) if kind.kind in "fV" else values[0]
