"""Weights into networks, completely or not at all; a refusal counts loaded, expected and left-over weights."""

from __future__ import annotations

import contextlib
import warnings
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tlzoo.errors import WeightsError

if TYPE_CHECKING:
    import keras


def assign(network: keras.Model, arrays: Mapping[str, Any], *, origin: str) -> None:
    """Assigns arrays to the network's weights by name, or by position where the names carry one.

    Args:
        network: The network to fill.
        arrays: Keyed by weight path, with or without the network's own name in front; or by
            `POSITION|path`, which is independent of how Keras numbers unnamed layers.
        origin: Where the arrays came from, for the error.

    Raises:
        WeightsError: A weight is missing, of another shape, or an array is left over. Nothing was assigned.
    """
    weights = list(network.weights)
    keys = [_key(position, weight, network.name, arrays) for position, weight in enumerate(weights)]
    fitting = [
        (weight, arrays[key])
        for weight, key in zip(weights, keys, strict=True)
        if key is not None and tuple(arrays[key].shape) == tuple(weight.shape)
    ]
    used = {key for key in keys if key is not None}
    if len(fitting) < len(weights) or len(used) < len(arrays):
        unfit = [weight.path for weight, key in zip(weights, keys, strict=True) if key is None]
        raise _refusal(
            origin,
            network,
            (len(fitting), len(weights), len(arrays) - len(fitting)),
            [*unfit[:2], *[key for key in arrays if key not in used][:2]],
        )
    for weight, array in fitting:
        weight.assign(array)


def load_h5(network: keras.Model, path: Path) -> None:
    """Loads a `.weights.h5` that Keras saved from this very architecture.

    Raises:
        WeightsError: The file and the network differ in number or shape of weights, or Keras refuses.
    """
    expected = Counter(tuple(weight.shape) for weight in network.weights)
    found = Counter(_shapes(path))
    fit = sum((expected & found).values())
    counts = (fit, sum(expected.values()), sum(found.values()) - fit)
    if expected != found:
        differ = [f"shape {shape}" for shape in [*(expected - found), *(found - expected)]]
        raise _refusal(path.name, network, counts, differ[:4])
    try:
        with nothing_skipped():
            network.load_weights(path)
    except (ValueError, OSError, KeyError, UserWarning) as error:
        raise _refusal(path.name, network, (0, counts[1], counts[1]), [str(error)]) from error


@contextlib.contextmanager
def nothing_skipped() -> Iterator[None]:
    """Makes an error of Keras's warning that it left some layers at their random weights.

    Raises:
        UserWarning: Keras skipped layers while the block loaded weights.
    """
    with warnings.catch_warnings():
        warnings.filterwarnings("error", "Skipping nested container", UserWarning)
        yield


def _shapes(path: Path) -> list[tuple[int, ...]]:
    """Returns the shapes of all weights in a `.weights.h5`, those of seed generators left out."""
    import h5py

    shapes: list[tuple[int, ...]] = []

    def note(name: str, item: Any) -> None:
        if isinstance(item, h5py.Dataset) and "seed_generator" not in name:
            shapes.append(tuple(item.shape))

    try:
        with h5py.File(path, "r") as file:
            file.visititems(note)
    except OSError as error:
        raise WeightsError(
            f"{path} cannot be read: {error}.", allowed="a whole file.", do="Make it again."
        ) from error
    return shapes


def _key(position: int, weight: Any, name: str, arrays: Mapping[str, Any]) -> str | None:
    """Returns the key under which `arrays` holds a weight, or None."""
    inner = weight.path.removeprefix(f"{name}/")
    for key in (weight.path, inner, f"{name}/{inner}"):
        if key in arrays:
            return key
    start = f"{position:05d}|"
    leaf = weight.path.rpartition("/")[2]
    return next((key for key in arrays if key.startswith(start) and key.rpartition("/")[2] == leaf), None)


def _refusal(
    origin: str, network: keras.Model, counts: tuple[int, int, int], examples: Sequence[str]
) -> WeightsError:
    loaded, expected, left_over = counts
    return WeightsError(
        f"{origin} does not fit {network.name}: {loaded} of {expected} weights loaded, {left_over} left over "
        f"(for example {'; '.join(examples)}).",
        allowed="every weight of this architecture once, in its shape.",
        do="Use weights of this very architecture, or mend the card's [architecture].",
    )
