"""What a servable takes and gives, and how a request names it: plain values that REST and gRPC share."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

from tlzoo.protocol.dtypes import Dtype

if TYPE_CHECKING:
    import numpy as np

Arrays: TypeAlias = "Mapping[str, np.ndarray]"
"""Tensors by alias; strings are object arrays of bytes."""

DEFAULT_SIGNATURE = "serving_default"
PREDICT = "tensorflow/serving/predict"
CLASSIFY = "tensorflow/serving/classify"
REGRESS = "tensorflow/serving/regress"


@dataclass(frozen=True)
class TensorInfo:
    """One input or output of a signature.

    Attributes:
        name: Its name in the graph (`serving_default_x:0`).
        dtype: Its type; None where a server can neither read nor write it.
        shape: Sizes, -1 where any size goes; None where the rank is unknown too. Nobody checks it but the graph.
    """

    name: str
    dtype: Dtype | None
    shape: tuple[int, ...] | None


@dataclass(frozen=True)
class Signature:
    """One way to call a servable.

    Attributes:
        name: Its key.
        inputs: By alias.
        outputs: By alias.
        method: Its method name; `tensorflow/serving/predict` for whatever TensorFlow 2 exports.
        defaults: Inputs that a caller may leave out.
    """

    name: str
    inputs: Mapping[str, TensorInfo]
    outputs: Mapping[str, TensorInfo]
    method: str = PREDICT
    defaults: frozenset[str] = field(default_factory=frozenset)


@dataclass(frozen=True)
class ModelSpec:
    """Which servable a request is for.

    Attributes:
        name: The model.
        version: That version; None for the label's, or the latest.
        label: The version that bears this label.
        signature: The signature's key; "" for `serving_default`.
    """

    name: str
    version: int | None = None
    label: str | None = None
    signature: str = ""

    @property
    def key(self) -> str:
        """The signature's key, with the default filled in."""
        return self.signature or DEFAULT_SIGNATURE

    def __str__(self) -> str:
        if self.version is not None:
            return f"Specific({self.name}, {self.version})"
        return f"Latest({self.name})"
