"""Base64 as absl reads it, and values as messages quote them."""

import base64

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tlzoo.protocol.status import Code, ServingError
from tlzoo.serving.json_values import SHOWN_CHARACTERS, Object, base64_bytes, is_base64, kind, shown


def wrapped(text):
    return Object([("b64", text)])


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("", b""),
        ("aGVsbG8=", b"hello"),
        ("aGVsbG8", b"hello"),
        ("aGVsbG8.", b"hello"),
        ("YQ==", b"a"),
        ("YQ", b"a"),
        ("YQ.=", b"a"),
        (" a G\nVs\tbG8 = \r\n", b"hello"),
        ("YR==", b"a"),  # bits left over are nobody's business
        ("+/+/", b"\xfb\xff\xbf"),
    ],
)
def test_base64(text, value):
    assert base64_bytes(wrapped(text)) == value


@pytest.mark.parametrize(
    "text",
    [
        "!!",
        "a",
        "aaaaa",
        "YQ=",
        "YQ===",
        "aGVsbG8==",
        "YWJj=",
        "YQ==YQ==",
        "=",
        "-_-_",
        "YQ\0=",
        "é",
        "YQ\xa0",
        "a=Q=",
    ],
)
def test_not_base64(text):
    with pytest.raises(ServingError) as caught:
        base64_bytes(wrapped(text))
    assert (caught.value.code, caught.value.message) == (Code.INVALID_ARGUMENT, "Unable to base64 decode")


@given(st.binary(), st.booleans())
@settings(deadline=None)
def test_base64_of_anything(value, padded):
    text = base64.b64encode(value).decode()
    assert base64_bytes(wrapped(text if padded else text.rstrip("="))) == value


@pytest.mark.parametrize(
    "value",
    [
        Object(),
        Object([("b64", 1)]),
        Object([("b64", None)]),
        Object([("B64", "YQ==")]),
        Object([("b64", "YQ=="), ("b64", "YQ==")]),
        Object([("b64", "YQ=="), ("x", 1)]),
        [("b64", "YQ==")],
        "YQ==",
    ],
)
def test_other_objects_are_not_bytes(value):
    assert not is_base64(value)
    assert is_base64(wrapped("YQ=="))


@pytest.mark.parametrize(
    ("value", "name"),
    [
        (None, "Null"),
        (False, "False"),
        (True, "True"),
        (Object(), "Object"),
        ([], "Array"),
        ("", "String"),
        (0, "Number"),
        (0.0, "Number"),
    ],
)
def test_kinds(value, name):
    assert kind(value) == name


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "null"),
        (True, "true"),
        (1, "1"),
        (18446744073709551615, "18446744073709551615"),
        (1.0, "1.0"),
        (float("nan"), "NaN"),
        ('a"b', '"a\\"b"'),
        ([1, 2], "[1, 2]"),
        ([[], [1, [2.5]], "x"], '[[], [1, [2.5]], "x"]'),
        (Object(), "{}"),
        (Object([("a", [1]), ("a", Object([("b", False)]))]), '{"a": [1], "a": {"b": false}}'),
        (float("inf"), "Infinity"),
    ],
)
def test_values_in_messages(value, text):
    assert shown(value) == text


@pytest.mark.parametrize(
    "value", [["x"] * 10**6, "x" * 10**6, Object([("x" * 10**6, 1)]), [[[10**15] * 99] * 99] * 99]
)
def test_messages_stay_short(value):
    text = shown(value)
    assert len(text) == SHOWN_CHARACTERS + 3
    assert text.endswith("...")


def test_messages_of_deep_values():
    value: list = []
    for _ in range(100_000):
        value = [value]
    assert shown(value) == "[" * SHOWN_CHARACTERS + "..."


def test_the_first_of_equal_members_is_found():
    value = Object([("a", 1), ("b", None), ("a", 2)])
    assert value.find("a") == (True, 1)
    assert value.find("b") == (True, None)
    assert value.find("c") == (False, None)
