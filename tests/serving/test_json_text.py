"""Strings and numbers, against the algorithm of WriteDecimal spelled out, and against tables."""

import json
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from tlzoo.serving.json_text import bytes_of, decimal, decimals, quoted, text_of


def expected(value) -> str:
    """What util/json_tensor.cc writes for one number, step by step."""
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "Infinity" if value > 0 else "-Infinity"
    text = f"{float(value):g}"
    if type(value)(text) != value:
        text = f"{float(value):.{9 if isinstance(value, np.float32) else 17}g}"
    return text if "." in text or "e" in text else f"{text}.0"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (9000000, "9e+06"),
        (999999, "999999.0"),
        (0.5, "0.5"),
        (0.0003, "0.0003"),
        (0.00003, "3e-05"),
        (555557.5, "555557.5"),
        (1435774380, "1.43577434e+09"),
        (16777217, "16777216.0"),
        (0.1, "0.1"),
        (1 / 3, "0.333333343"),
        (0, "0.0"),
        (-0.0, "-0.0"),
        (1e-45, "1.4013e-45"),
        (3.4028235e38, "3.40282347e+38"),
        (1e22, "1e+22"),
        (float("nan"), "NaN"),
        (float("inf"), "Infinity"),
        (float("-inf"), "-Infinity"),
    ],
)
def test_floats(value, text):
    assert decimals(np.array([value], np.float32)) == [text]
    assert decimals(np.array([value] * 50, np.float32)) == [text] * 50


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.1, "0.1"),
        (1 / 3, "0.33333333333333331"),
        (123456789, "123456789.0"),
        (1e16, "1e+16"),
        (12345678901234567, "12345678901234568.0"),
        (123456789012345678, "1.2345678901234568e+17"),
        (5e-324, "4.94066e-324"),
        (1.7976931348623157e308, "1.7976931348623157e+308"),
    ],
)
def test_doubles(value, text):
    assert decimals(np.array([value], np.float64)) == [text]
    assert decimals(np.array([value] * 50, np.float64)) == [text] * 50


@pytest.mark.parametrize(("dtype", "width"), [(np.float32, 32), (np.float64, 64)])
@given(st.data())
@settings(deadline=None)
def test_any_numbers(dtype, width, data):
    values = data.draw(arrays.arrays(dtype, st.integers(0, 40), elements=st.floats(width=width)))
    assert decimals(values) == [expected(value) for value in values]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_many_numbers_of_every_size(dtype):
    rng = np.random.default_rng(0)
    digits = rng.integers(-(10**7), 10**7, 4000)
    values = np.concatenate(
        [digits * 10.0 ** rng.integers(-40, 30, 4000), 10.0 ** np.arange(-37, 38), digits]
    )
    values = values.astype(dtype)
    texts = decimals(values)
    assert texts == [expected(value) for value in values]
    assert np.array_equal(np.array(list(map(float, texts))).astype(dtype), values)


def test_signalling_nan_is_quiet_here():
    assert decimals(np.array([0x7F800001] * 50, np.uint32).view(np.float32)) == ["NaN"] * 50


def test_messages_quote_doubles_as_floats_where_they_can():
    assert decimal(0.1) == "0.1"
    assert decimal(16777217.0) == "16777216.0"
    assert decimal(1e39) == "1e+39"
    assert decimal(3.4028234663852886e38) == "3.4028234663852886e+38"
    assert decimal(float("nan")) == "NaN"


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("plain / é 漢 \x7f", '"plain / é 漢 \x7f"'),
        ('"\\', '"\\"\\\\"'),
        ("\b\t\n\f\r", '"\\b\\t\\n\\f\\r"'),
        ("\x00\x0b\x1f", '"\\u0000\\u000B\\u001F"'),
        ("\udcff", '"\udcff"'),
    ],
)
def test_strings(text, written):
    assert quoted(text) == written


@given(st.text())
@settings(deadline=None)
def test_strings_can_be_read_back(text):
    assert json.loads(quoted(text)) == text


@given(st.binary())
@settings(deadline=None)
def test_bytes_survive_as_text(value):
    assert bytes_of(text_of(value)) == value
