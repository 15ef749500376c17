"""Answers of the REST API, byte for byte as TensorFlow Serving lays them out.

Predictions, results and errors go through RapidJSON's PrettyWriter there (util/json_tensor.cc), statuses and metadata
through protocol buffers' JSON (model_servers/http_rest_api_util.cc).
"""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, cast

import numpy as np

from tlzoo.protocol.dtypes import DTYPES
from tlzoo.protocol.signature import Arrays, ModelSpec
from tlzoo.protocol.status import invalid
from tlzoo.serving.inference import Classes, VersionStatus
from tlzoo.serving.json_text import bytes_of, decimals, quoted, text_of

INDENT: Final = "    "

_NAMES: Final = {dtype.numpy: dtype.name for dtype in DTYPES.values()}
_INTEGERS: Final = ("int8", "int16", "int32", "int64", "uint8", "uint32", "uint64")


def write_predictions(outputs: Arrays, row: bool) -> bytes:
    r"""Writes the answer to a predict request.

    Args:
        outputs: By alias, at least one. Strings whose alias ends in `_bytes` are written in Base64, others as they are.
        row: Whether the request came as `instances`; then each output's first dimension is the batch.

    Returns:
        `{"predictions": [...]}` or `{"outputs": ...}`. A single output stands there without its name.

    Raises:
        ServingError: INVALID_ARGUMENT for a type without a form in JSON (`half`, `uint16`, …), or for rows of outputs
            that are scalars or of unequal length.

    Source: MakeRowFormatJsonFromTensors, MakeColumnarFormatJsonFromTensors.

    Example:
        >>> write_predictions({"y": np.array([2.5, 3.0], np.float32)}, row=True)
        b'{\n    "predictions": [2.5, 3.0\n    ]\n}'
    """
    if not outputs:
        raise invalid("Cannot convert empty tensor map to JSON")
    if row:
        _check_rows(outputs)
        return _document("predictions", _rows(outputs))
    if len(outputs) == 1:
        ((alias, array),) = outputs.items()
        return _document("outputs", _Lines(1).nested(_tokens(alias, array, 1 + array.ndim), array.shape))
    values = {
        alias: _Lines(2).nested(_tokens(alias, array, 2 + array.ndim), array.shape)
        for alias, array in outputs.items()
    }
    return _document("outputs", _object(values, 1))


def write_results(rows: Sequence[Classes] | Sequence[float]) -> bytes:
    """Writes the answer to a classify request (labels and scores of each example) or a regress request (a number each).

    Args:
        rows: At least one; numbers are floats of 32 bits. Labels may hold surrogate escapes (`json_text.text_of`).

    Raises:
        ServingError: INVALID_ARGUMENT if there are none.

    Source: MakeJsonFromClassificationResult, MakeJsonFromRegressionResult.
    """
    if not rows:
        raise invalid("Cannot convert empty ClassificationResults to JSON")
    if not isinstance(rows[0], list):
        return _document("results", f"[{', '.join(decimals(np.array(rows, np.float32)))}]")
    texts = []
    for row in cast(Sequence[Classes], rows):
        scores = decimals(np.array([score for _, score in row], np.float32))
        pairs = [f"[{quoted(label)}, {score}]" for (label, _), score in zip(row, scores, strict=True)]
        texts.append(f"[{', '.join(pairs)}]")
    return _document("results", f"[{', '.join(texts)}\n{INDENT}]")


def write_error(message: str) -> bytes:
    """Writes the body of every answer other than 200 (MakeJsonFromStatus)."""
    return _document("error", quoted(message))


def write_status(versions: Sequence[VersionStatus]) -> bytes:
    """Writes where a model's versions stand, in the order given (http_rest_api_util.cc, ToJsonString)."""
    rows = [
        {
            "version": str(version.version),
            "state": version.state,
            "status": {"error_code": version.code.name, "error_message": version.message},
        }
        for version in versions
    ]
    return bytes_of(json.dumps({"model_version_status": rows}, indent=1, ensure_ascii=False) + "\n")


def write_metadata(spec: ModelSpec, signature_defs: Any) -> bytes:
    """Writes a model's signatures (http_rest_api_util.cc, ToJsonString).

    Args:
        spec: The model and the version that was chosen.
        signature_defs: Its `tensorflow.serving.SignatureDefMap`.
    """
    from google.protobuf import json_format

    model = {"name": spec.name, "signature_name": "", "version": str(spec.version)}
    signatures = json_format.MessageToJson(
        signature_defs, always_print_fields_with_no_presence=True, preserving_proto_field_name=True, indent=1
    )
    # Two messages, printed one by one and put together by hand, there as here.
    parts = [
        f'"model_spec":{json.dumps(model, indent=1, ensure_ascii=False)}\n',
        f'"metadata": {{"signature_def": {signatures}\n}}\n}}\n',
    ]
    return bytes_of("{\n" + ",\n".join(parts))


def _document(name: str, value: str) -> bytes:
    return bytes_of(f'{{\n{INDENT}"{name}": {value}\n}}')


def _check_rows(outputs: Arrays) -> None:
    batch = None
    for alias, array in outputs.items():
        if array.ndim == 0:
            raise invalid(f"Tensor name: {alias} has no shape information ")
        if batch not in (None, len(array)):
            raise invalid(
                f"Tensor name: {alias} has inconsistent batch size: {len(array)} expecting: {batch}"
            )
        batch = len(array)


def _rows(outputs: Arrays) -> str:
    """Writes the list of predictions: values one after another, or an object for each row."""
    depth = 2 if len(outputs) == 1 else 3
    columns = {
        alias: _Line().split(_tokens(alias, array, depth + array.ndim - 1), array.shape)
        for alias, array in outputs.items()
    }
    if len(outputs) == 1:
        (texts,) = columns.values()
        return f"[{', '.join(texts)}\n{INDENT}]" if texts else "[]"
    rows = [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
    lines = [f"\n{INDENT * 2}{_object(row, 2)}" for row in rows]
    return f"[{','.join(lines)}\n{INDENT}]" if lines else "[]"


def _object(values: dict[str, str], depth: int) -> str:
    """Writes an object around values that are written already; `depth` says how many things it stands in."""
    members = [f"\n{INDENT * (depth + 1)}{quoted(name)}: {value}" for name, value in values.items()]
    return f"{{{','.join(members)}\n{INDENT * depth}}}"


@dataclass(frozen=True)
class _Line:
    """Lists on one line."""

    def around(self, texts: list[str], level: int) -> str:
        """Writes a list; `level` counts the lists that it stands in."""
        return f"[{', '.join(texts)}]"

    def split(self, tokens: list[str], shape: tuple[int, ...]) -> list[str]:
        """Writes what is inside the outermost list, for a tensor whose values are written already."""
        for level in range(len(shape) - 1, 0, -1):
            size = shape[level]
            count = int(np.prod(shape[:level]))
            tokens = [self.around(tokens[at * size : (at + 1) * size], level) for at in range(count)]
        return tokens

    def nested(self, tokens: list[str], shape: tuple[int, ...]) -> str:
        """Writes a whole tensor."""
        return self.around(self.split(tokens, shape), 0) if shape else tokens[0]


@dataclass(frozen=True)
class _Lines(_Line):
    """Lists with a line for each of their elements; `depth` says how many things the tensor stands in."""

    depth: int

    def around(self, texts: list[str], level: int) -> str:
        indent = INDENT * (self.depth + level)
        inside = f",\n{indent}{INDENT}".join(texts)
        return f"[\n{indent}{INDENT}{inside}\n{indent}]" if texts else "[]"


def _tokens(alias: str, array: np.ndarray, depth: int) -> list[str]:
    """Writes a tensor's values; `depth` says how many things they stand in."""
    values = array.reshape(-1)
    name = _NAMES.get(array.dtype, array.dtype.name)
    if name in ("float", "double"):
        return decimals(values)
    if name in _INTEGERS:
        return list(map(str, values.tolist()))
    if name == "bool":
        return ["true" if value else "false" for value in values.tolist()]
    if name == "string":
        if not alias.endswith("_bytes"):
            return [quoted(text_of(value)) for value in values]
        return [_object({"b64": f'"{base64.b64encode(value).decode()}"'}, depth) for value in values]
    if not len(values):
        return []
    raise invalid(f"Failed to write JSON value for tensor type: {name}")
