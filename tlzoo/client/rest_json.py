"""Requests and replies of TensorFlow Serving's REST API.

https://github.com/tensorflow/serving/blob/master/tensorflow_serving/g3doc/api_rest.md describes them. Requests are
columnar (`inputs`), which can say everything; strings are base64, so that any bytes pass.
"""

from __future__ import annotations

import binascii
import json
import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from tlzoo.client.failures import foreign
from tlzoo.errors import UsageError
from tlzoo.protocol.signature import Arrays, Signature

if TYPE_CHECKING:
    from tlzoo.client.examples import Features

FORMLESS = frozenset({"half", "bfloat16", "uint16", "complex64", "complex128"})
"""Data types that TensorFlow Serving's JSON cannot write."""


def predict_body(signature: Signature, inputs: Arrays) -> bytes:
    """Returns the body of a `:predict` request.

    Args:
        signature: Whose inputs they are.
        inputs: Of the types it declares.

    Raises:
        UsageError: A type has no form in JSON.
    """
    for name, info in signature.inputs.items():
        if name in inputs and info.dtype is not None and info.dtype.name in FORMLESS:
            raise UsageError(
                f"input '{name}' is {info.dtype.name}, which JSON of TensorFlow Serving cannot say.",
                allowed="other types by http://, all types by grpc://.",
                do="Ask the gRPC port of the server.",
            )
    columns = ",".join(f"{json.dumps(name)}:{_value(array)}" for name, array in inputs.items())
    return f'{{"signature_name":{json.dumps(signature.name)},"inputs":{{{columns}}}}}'.encode()


def examples_body(signature: str, examples: Sequence[Features], context: Features | None) -> bytes:
    """Returns the body of a `:classify` or `:regress` request.

    Args:
        signature: Its name.
        examples: Features of each example.
        context: Features that all have.
    """
    document: dict[str, Any] = {"signature_name": signature, "examples": [_example(one) for one in examples]}
    if context is not None:
        document["context"] = _example(context)
    return json.dumps(document).encode()


def _example(features: Features) -> dict[str, Any]:
    return {
        name: [{"b64": _base64(one)} if isinstance(one, bytes) else one for one in values]
        for name, values in features.items()
    }


def outputs(where: str, document: Mapping[str, Any], signature: Signature) -> dict[str, np.ndarray]:
    """Returns the arrays of a `:predict` reply.

    Args:
        where: What errors call the question.
        document: The reply.
        signature: Whose outputs they are; a single one comes without its name.

    Raises:
        ReplyError: They do not fit the signature.
    """
    if "outputs" not in document:
        raise foreign(where, "JSON without 'outputs'")
    found = document["outputs"]
    names = list(signature.outputs)
    columns = {names[0]: found} if len(names) == 1 else found
    if not isinstance(columns, dict) or set(columns) != set(names):
        raise foreign(where, f"other outputs than {', '.join(sorted(names))}")
    return {name: _array(where, name, columns[name], signature) for name in names}


def _array(where: str, name: str, value: Any, signature: Signature) -> np.ndarray:
    info = signature.outputs[name]
    if info.dtype is None:
        raise foreign(where, f"an output '{name}' of a type that JSON cannot say")
    try:
        if info.dtype.name == "string":
            array = _strings(value)
        else:
            with np.errstate(over="ignore"):
                array = np.asarray(value, info.dtype.numpy)
    except (ValueError, TypeError, OverflowError, KeyError, AttributeError) as error:
        raise foreign(where, f"an output '{name}' that is no {info.dtype.name} tensor ({error})") from error
    if array.size == 0 and info.shape is not None and len(info.shape) > array.ndim:
        # `[]` does not say what the further sizes are; the signature does, or nothing does.
        array = array.reshape(0, *(max(size, 0) for size in info.shape[1:]))
    return array


def _strings(value: Any) -> np.ndarray:
    given = np.asarray(value, object)
    found = np.empty(given.shape, object)
    for index, one in enumerate(given.flat):
        found.flat[index] = (
            _unbase64(one) if isinstance(one, dict) else one.encode("utf-8", "surrogateescape")
        )
    return found


def _unbase64(value: dict[str, str]) -> bytes:
    return binascii.a2b_base64(value["b64"], strict_mode=True)


def _value(array: np.ndarray) -> str:
    if array.dtype == object:
        return _nested([f'{{"b64":"{_base64(one)}"}}' for one in array.ravel().tolist()], array.shape)
    if array.dtype == np.float32:
        return _floats(array)
    return json.dumps(array.tolist(), separators=(",", ":"))


def _floats(array: np.ndarray) -> str:
    """Writes float32 by nine digits, which bring back the same bits and are half as long as a double's."""
    odd = ~np.isfinite(array) | ((array == 0) & np.signbit(array))
    if array.ndim == 0 or odd.any():
        return _nested([_float(one) for one in array.ravel().tolist()], array.shape)
    *outer, width = array.shape
    form = f"[{','.join(['%.9g'] * width)}]"
    rows = [form % tuple(row) for row in array.reshape(math.prod(outer), width).tolist()]
    return _nested(rows, tuple(outer))


def _float(number: float) -> str:
    if math.isfinite(number):
        return "-0.0" if number == 0 and math.copysign(1.0, number) < 0 else f"{number:.9g}"
    return "NaN" if math.isnan(number) else "Infinity" if number > 0 else "-Infinity"


def _nested(texts: list[str], shape: tuple[int, ...]) -> str:
    """Puts brackets around values that are written already."""
    for axis in reversed(range(len(shape))):
        size = shape[axis]
        texts = [f"[{','.join(texts[at * size : (at + 1) * size])}]" for at in range(math.prod(shape[:axis]))]
    return texts[0]


def _base64(content: bytes) -> str:
    return binascii.b2a_base64(content, newline=False).decode("ascii")
