"""A predict request's document and a signature become arrays by alias (json_tensor.cc)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, cast

import numpy as np

from tlzoo.protocol.dtypes import Dtype
from tlzoo.protocol.signature import Signature, TensorInfo
from tlzoo.protocol.status import ServingError, invalid
from tlzoo.serving.json_tensors import MAX_RANK, Shape, dense_values, to_array, uniform_array
from tlzoo.serving.json_values import Object, is_base64, shown

Inputs = Mapping[str, TensorInfo]


def signature_name(document: Object) -> str:
    """Returns the signature that a document names; "" for the default.

    Raises:
        ServingError: INVALID_ARGUMENT if the name is not a string.
    """
    found, name = document.find("signature_name")
    if found and type(name) is not str:
        raise invalid(
            f"JSON Value: {shown(document)} not formatted correctly. 'signature_name' key must be a string value."
        )
    return cast(str, name) if found else ""


def read_inputs(document: Object, signature: Signature) -> tuple[dict[str, np.ndarray], bool]:
    """Reads the input tensors of a predict request.

    Args:
        document: What `json_reader.read_json` gave.
        signature: The signature that it names. Only its aliases and data types count; shapes are the graph's affair.

    Returns:
        Arrays by alias, and whether they came in row form (`instances`), which the answer then takes as well.

    Raises:
        ServingError: INVALID_ARGUMENT, or UNIMPLEMENTED where a columnar request meets a data type without a form in
            JSON.
    """
    inputs = signature.inputs
    if not inputs:
        raise invalid(f"Failed to get input map for signature: {signature_name(document) or 'DEFAULT'}")
    rows, instances = document.find("instances")
    columns, value = document.find("inputs")
    if rows and columns:
        raise _malformed(
            document, "Not formatted correctly expecting only one of 'inputs' or 'instances' keys to exist "
        )
    if columns:
        return _columnar(value, inputs), False
    if not rows:
        raise invalid("Missing 'inputs' or 'instances' key")
    if type(instances) is not list:
        raise _malformed(document, "Expecting 'instances' to be an list/array")
    if not instances:
        raise _malformed(document, "No values in 'instances' array")
    return _rows(instances, inputs), True


def _malformed(document: Object, text: str) -> ServingError:
    return invalid(f"JSON Value: {shown(document)} {text}")


def _columnar(value: Any, inputs: Inputs) -> dict[str, np.ndarray]:
    if not _has_names(value):
        if len(inputs) > 1:
            raise invalid(
                "inputs is a plain value/list, but expecting an object as multiple input tensors required as per "
                "tensorinfo_map"
            )
        return {alias: _tensor(value, alias, info) for alias, info in inputs.items()}
    arrays = {}
    for alias, info in inputs.items():
        found, item = value.find(alias)
        if not found:
            raise invalid(f"Missing named input: {alias} in 'inputs' object.")
        arrays[alias] = _tensor(item, alias, info)
    return arrays


def _has_names(value: Any) -> bool:
    """Returns whether a value is an object whose members are inputs."""
    return type(value) is Object and not is_base64(value)


def _tensor(value: Any, alias: str, info: TensorInfo) -> np.ndarray:
    array = uniform_array(value, info.dtype)
    if array is None:
        array = _shaped(*dense_values(value, info.dtype), alias, info.dtype)
    return array


def _shaped(shape: Shape, values: list[Any], alias: str, dtype: Dtype | None) -> np.ndarray:
    if dtype is None or len(shape) > MAX_RANK:
        raise invalid(f"tensor parsing error: {alias}")
    return to_array(values, dtype).reshape(shape)


def _rows(instances: list[Any], inputs: Inputs) -> dict[str, np.ndarray]:
    first = instances[0]
    if len(inputs) > 1 and type(first) is not Object:
        raise invalid(
            "instances is a plain list, but expecting list of objects as multiple input tensors required as per "
            "tensorinfo_map"
        )
    if _has_names(first):
        return _uniform_rows(instances, inputs) or _named_rows(instances, inputs)
    return _plain_rows(instances, inputs)


def _uniform_rows(instances: list[Any], inputs: Inputs) -> dict[str, np.ndarray] | None:
    """Reads objects that all have the same names and alike values; returns None if anything is odd."""
    columns: dict[str, list[Any]] = {alias: [] for alias in inputs}
    for element in instances:
        if type(element) is not Object or len(element) != len(columns) or is_base64(element):
            return None
        for name, value in element:
            if name not in columns:
                return None
            columns[name].append(value)
    if any(len(column) != len(instances) for column in columns.values()):
        return None
    arrays = {}
    for alias, column in columns.items():
        array = uniform_array(column, inputs[alias].dtype)
        if array is None:
            return None
        arrays[alias] = array
    return arrays


@dataclass
class _Batch:
    """What the elements so far have given one input; all must be of one shape."""

    alias: str
    info: TensorInfo
    size: int = 0
    shape: Shape | None = None
    values: list[Any] = field(default_factory=list)

    def add(self, item: Any) -> None:
        shape, values = dense_values(item, self.info.dtype)
        self.values.extend(values)
        if self.shape is None:
            self.shape, self.size = shape, len(values)
        elif self.size != len(values):
            raise invalid(f"Expecting tensor size: {self.size} but got: {len(values)}")
        elif self.shape != shape:
            raise invalid(f"Expecting shape {_written(self.shape)} but got: {_written(shape)}")

    def array(self, count: int) -> np.ndarray:
        # An element may name an input twice. Both values are added, and the surplus is cut off at the end.
        values = self.values[: count * self.size]
        return _shaped((count, *(self.shape or ())), values, self.alias, self.info.dtype)


def _written(shape: Shape) -> str:
    return f"[{','.join(map(str, shape))}]"


def _named_rows(instances: list[Any], inputs: Inputs) -> dict[str, np.ndarray]:
    batches = {alias: _Batch(alias, info) for alias, info in inputs.items()}
    for index, element in enumerate(instances):
        if not _has_names(element):
            raise invalid(f"Expecting object but got list at item {index} of input list")
        names = set()
        for key, value in element:
            name = key.partition("\0")[0]  # upstream holds names as C strings
            names.add(name)
            try:
                if name not in batches:
                    raise invalid(f"JSON object: does not have named input: {name}")
                batches[name].add(value)
            except ServingError as error:
                raise _unprocessed(f"{index} key: {name}", f"Error: {error}") from None
        if names != set(inputs):
            expected = ",".join(sorted(inputs))
            raise _unprocessed(index, f"JSON object: {shown(element)} keys must be equal to: {expected}")
    return {alias: batch.array(len(instances)) for alias, batch in batches.items()}


def _plain_rows(instances: list[Any], inputs: Inputs) -> dict[str, np.ndarray]:
    alias, info = next(iter(inputs.items()))
    array = uniform_array(instances, info.dtype)
    if array is not None:
        return {alias: array}
    batch = _Batch(alias, info)
    for index, element in enumerate(instances):
        if _has_names(element):
            raise invalid(f"Expecting value/list but got object at item {index} of input list")
        try:
            batch.add(element)
        except ServingError as error:
            raise _unprocessed(index, f"Error: {error}") from None
    return {alias: batch.array(len(instances))}


def _unprocessed(element: int | str, text: str) -> ServingError:
    return invalid(f"Failed to process element: {element} of 'instances' list. {text}")
