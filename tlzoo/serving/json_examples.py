"""A classify or regress request's document becomes serialized tf.Examples (json_tensor.cc)."""

from __future__ import annotations

from typing import Any

import numpy as np

from tlzoo.protocol.status import invalid
from tlzoo.serving.json_text import bytes_of
from tlzoo.serving.json_values import Object, base64_bytes, is_base64, kind, shown

_LISTS = {float: "float", int: "int64", bool: "int64", str: "bytes", Object: "bytes"}
"""The list of a `tf.train.Feature` that holds values of a type."""


def read_examples(document: Object) -> list[bytes]:
    """Reads `examples`, each with `context` put before it; where both name a feature, the example wins.

    Args:
        document: What `json_reader.read_json` gave.

    Returns:
        Serialized tf.Examples, at least one.

    Raises:
        ServingError: INVALID_ARGUMENT, in words that call the method classify even if it is regress.
    """
    has_context, context = document.find("context")
    before = _serialized(context) if has_context else b""
    found, examples = document.find("examples")
    if not found:
        text = "When method is classify, key 'examples' is expected and was not found"
    elif type(examples) is not list:
        text = "Expecting 'examples' value to be an list/array"
    elif not examples:
        text = "'examples' value is an empty array"
    else:
        # Protocol buffers merge when they are concatenated, and of equal map keys the last one stays.
        return [before + _serialized(example) for example in examples]
    raise invalid(f"JSON Value: {shown(document)} {text}")


def _serialized(value: Any) -> bytes:
    from tensorflow.core.example.example_pb2 import Example
    from tensorflow.core.example.feature_pb2 import Feature

    if type(value) is not Object:
        raise invalid(f"Example must be JSON object but got JSON {kind(value)}")
    example = Example()
    for key, content in value:
        name = key.partition("\0")[0]  # upstream holds names as C strings
        sort, values = _feature(name, content if type(content) is list else [content])
        feature = Feature()
        if sort:
            getattr(feature, f"{sort}_list").value.extend(values)
        try:
            example.features.feature[name].CopyFrom(feature)
        except UnicodeEncodeError:
            raise invalid(f"Feature: {name} has a name that is not UTF-8") from None
    serialized: bytes = example.SerializeToString()
    return serialized


def _feature(name: str, content: list[Any]) -> tuple[str, list[Any]]:
    """Returns the kind of a feature's values, "" if there are none, and the values; all must be of one kind."""
    sort = ""
    for value in content:
        if type(value) not in _LISTS or (type(value) is Object and not is_base64(value)):
            raise invalid(f"Feature: {name} has element with unexpected JSON type: {kind(value)}")
        if sort not in ("", _LISTS[type(value)]):
            raise invalid(f"Unexpected element type in feature: {name} expecting type: {sort}")
        sort = _LISTS[type(value)]
        if type(value) is int and value >= 2**63:
            raise invalid(f"Feature: {name} has uint64_t element. Only int64_t is supported.")
    if sort == "float":
        with np.errstate(over="ignore"):
            return sort, np.array(content, np.float64).astype(np.float32).tolist()
    if sort == "bytes":
        return sort, [base64_bytes(value) if type(value) is Object else bytes_of(value) for value in content]
    return sort, list(map(int, content))
