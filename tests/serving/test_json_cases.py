"""The contract's predict cases from raw path and body to bytes, with NumPy in place of the models' graphs."""

import json
import re
from pathlib import Path

import numpy as np
import pytest

from tlzoo.protocol.dtypes import DTYPES
from tlzoo.protocol.signature import DEFAULT_SIGNATURE, Signature, TensorInfo
from tlzoo.protocol.status import ServingError, invalid
from tlzoo.serving.json_reader import read_json
from tlzoo.serving.json_request import read_inputs, signature_name
from tlzoo.serving.json_writer import write_error, write_predictions
from tlzoo.serving.routes import route

CASES = [json.loads(line) for line in Path(__file__).with_name("cases.jsonl").read_text().splitlines()]
TYPES = {dtype.name: dtype for dtype in DTYPES.values()}
ONES = np.ones((0, 2), np.int32)
NONFINITE = np.array([[np.nan, np.inf], [3, -np.inf]], np.float32)
FORMATS = np.array([[9000000, 999999, 0.5], [0.0003, 0.00003, 555557.5]], np.float32)

IDENTITIES = {
    **{
        "f32": "float",
        "f64": "double",
        "f16": "half",
        "bf16": "bfloat16",
        "boolean": "bool",
        "string": "string",
    },
    **{
        f"{short}{bits}": f"{long}{bits}"
        for short, long in (("i", "int"), ("u", "uint"))
        for bits in (8, 16, 32, 64)
    },
}
FLOAT = {"v": "float"}
DTYPES_MODEL = {
    **{name: ({"v": dtype}, lambda v: {"out": v}) for name, dtype in IDENTITIES.items()},
    "multi": (
        {"int_tensor": "int32", "str_tensor": "string", "float_tensor": "float", "dbl_tensor": "double"},
        lambda **tensors: tensors,
    ),
    "pair": (
        {"a": "float", "b": "float"},
        lambda a, b: {"sum": a + b, "text": np.vectorize(lambda x: b"%.1f" % x, otypes=[object])(a)},
    ),
    "bytes_out": ({"v": "string"}, lambda v: {"payload_bytes": v}),
    "mixed_bytes": ({"v": "string"}, lambda v: {"text": v, "text_bytes": v}),
    "num_bytes": ({"v": "int32"}, lambda v: {"count_bytes": v}),
    "scalar_out": (FLOAT, lambda v: {"total": v.sum(keepdims=False).reshape(())}),
    "two_scalar_out": (FLOAT, lambda v: {"total": v.sum().reshape(()), "n": np.array(v.size, np.int32)}),
    "bad_batch": (FLOAT, lambda v: {"a": v, "b": v[:1]}),
    "nonfinite": (FLOAT, lambda v: {"out": NONFINITE}),
    "floatfmt": (FLOAT, lambda v: {"out": FORMATS}),
    "zero_batch": (FLOAT, lambda v: {"out": ONES}),
    "out_half": (FLOAT, lambda v: {"out": v.astype(np.float16)}),
    "out_complex": (FLOAT, lambda v: {"out": v.astype(np.complex64)}),
}
HALF = {
    increment: {
        DEFAULT_SIGNATURE: ({"x": "float"}, lambda x, plus=increment: {"y": x / 2 + np.float32(plus)})
    }
    for increment in (2, 3)
}
INIT_OP = {"__saved_model_init_op": ({}, lambda: {})}


def model(spec):
    """The signatures of one version, or None where only the whole server can answer."""
    if spec.name == "dtypes":
        return DTYPES_MODEL
    if spec.name == "shapes":
        return INIT_OP
    if spec.name == "half_plus_two":
        return HALF[2 if spec.version == 123 or spec.label == "stable" else 3]
    return None


def answer(path, body):
    """Status and body, or None for what the codec alone cannot answer."""
    try:
        asked = route("POST", path)
        document = read_json(body)
        name = signature_name(document) or DEFAULT_SIGNATURE
        signatures = model(asked.spec)
        if asked.kind != "predict" or signatures is None:
            return None
        if name not in signatures:
            raise invalid(f'Serving signature name: "{name}" not found in signature def')
        types, function = signatures[name]
        infos = {alias: TensorInfo(alias, TYPES[dtype], None) for alias, dtype in types.items()}
        arrays, row = read_inputs(document, Signature(name, infos, {}))
        return 200, write_predictions(function(**arrays), row)
    except ServingError as error:
        return error.http, write_error(error.message)


CHOSEN = [
    case
    for case in CASES
    if case["method"] == "POST"
    and re.fullmatch(r"(json|tokens)", case.get("compare", ""))
    and "request_headers" not in case
    and answer(case["path"], case["request"].encode())
]


def test_enough_is_chosen():
    assert len(CHOSEN) >= 48


@pytest.mark.parametrize("case", CHOSEN, ids=lambda case: case["id"])
def test_case(case):
    status, body = answer(case["path"], case["request"].encode())
    assert status == case["expect_status"]
    if "expect_error_substring" in case:
        assert case["expect_error_substring"] in json.loads(body)["error"]
    elif case["compare"] == "tokens":
        assert re.sub(r"\s", "", body.decode()) == re.sub(r"\s", "", case["expect_body"])
    else:
        assert json.loads(body) == case["expect_body"]
