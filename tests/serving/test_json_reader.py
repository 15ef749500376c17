"""RapidJSON's words and offsets, its flags, and bodies that want to do harm."""

import json
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tlzoo.protocol.status import Code, ServingError
from tlzoo.serving import json_reader
from tlzoo.serving.json_parser import ParseError, parse
from tlzoo.serving.json_reader import read_json
from tlzoo.serving.json_text import bytes_of
from tlzoo.serving.json_values import Object


def refusal(body: bytes) -> str:
    with pytest.raises(ServingError) as caught:
        read_json(body)
    assert caught.value.code is Code.INVALID_ARGUMENT
    return caught.value.message


ERRORS = [
    (b"   ", "The document is empty.", 3),
    (b"\n\0{}", "The document is empty.", 1),
    (b"\xef\xbb\xbf", "The document is empty.", 3),
    (b" ]", "The document is empty.", 1),
    (b"}", "The document is empty.", 0),
    (b",1", "The document is empty.", 0),
    (b" : ", "The document is empty.", 1),
    (b"instances = [1, 2]", "Invalid value.", 0),
    (b"\x0b{}", "Invalid value.", 0),
    (b"{'a': 1}", "Missing a name for object member.", 1),
    (b"{", "Missing a name for object member.", 1),
    (b'{"a":1,}', "Missing a name for object member.", 7),
    (b'{"a" 1}', "Missing a colon after a name of object member.", 5),
    (b'{"a":}', "Invalid value.", 5),
    (b'{"a":', "Invalid value.", 5),
    (b'{"a":1 "b":2}', "Missing a comma or '}' after an object member.", 7),
    (b'{"instances": [1,2', "Missing a comma or ']' after an array element.", 18),
    (b'{"instances": [1,]}', "Invalid value.", 17),
    (b"[", "Invalid value.", 1),
    (b"[1 2]", "Missing a comma or ']' after an array element.", 3),
    (b"[1}", "Missing a comma or ']' after an array element.", 2),
    (b"[nul]", "Invalid value.", 4),
    (b"[truth]", "Invalid value.", 4),
    (b"[Nan]", "Invalid value.", 3),
    (b"[-Infinit]", "Invalid value.", 9),
    (b"[-]", "Invalid value.", 2),
    (b"[+1]", "Invalid value.", 1),
    (b"[.5]", "Invalid value.", 1),
    (b"[01]", "Missing a comma or ']' after an array element.", 2),
    (b"[1.]", "Miss fraction part in number.", 3),
    (b"[1e]", "Miss exponent in number.", 3),
    (b"[1.5e+]", "Miss exponent in number.", 6),
    (b"[1e400]", "Number too big to be stored in double.", 1),
    (b"[" + b"9" * 400 + b"]", "Number too big to be stored in double.", 1),
    (b'["abc', "Missing a closing quotation mark in string.", 5),
    (b'["a\0b"]', "Missing a closing quotation mark in string.", 3),
    (b'["a\nb"]', "Invalid escape character in string.", 3),
    (b'["\\x"]', "Invalid escape character in string.", 2),
    (b'["\\', "Invalid escape character in string.", 2),
    (b'["\\u12G4"]', "Incorrect hex digit after \\u escape in string.", 2),
    (b'["\\ud800"]', "The surrogate pair in string is invalid.", 2),
    (b'["\\ud800\\n"]', "The surrogate pair in string is invalid.", 2),
    (b'["\\ud800\\u0041"]', "The surrogate pair in string is invalid.", 2),
    # The same, where only the slower parser can tell.
    (b'["\xff", 1.]', "Miss fraction part in number.", 8),
    (b'["\xff\x01"]', "Invalid escape character in string.", 3),
    (b'["\xff\\uD800\\uD800"]', "The surrogate pair in string is invalid.", 3),
    (b'\xef\xbb\xbf["\xff"', "Missing a comma or ']' after an array element.", 7),
    (b"[" * 5000, "Invalid value.", 5000),
    (b'{"a":' * 5000 + b"}", "Invalid value.", 25000),
    (b"[" * 5000 + b"1e400", "Number too big to be stored in double.", 5000),
    (b"[" * 2000 + b"[tru", "Invalid value.", 2004),
]


@pytest.mark.parametrize(("body", "words", "offset"), ERRORS)
def test_what_is_not_json(body, words, offset):
    assert refusal(body) == f"JSON Parse error: {words} at offset: {offset}"


def test_an_empty_body_has_no_offset():
    assert refusal(b"") == "JSON Parse error: The document is empty"


@pytest.mark.parametrize(
    ("body", "quoted"),
    [
        (b"[1, 2]", "[1, 2]"),
        (b'"x"', '"x"'),
        (b"1.0", "1.0"),
        (b"null", "null"),
        (b"NaN", "NaN"),
        (b'1 {"instances": [1]}', "1"),
        (b"[" * 3000 + b"]" * 3000, "[" * 3000 + "]" * 3000),
        (b'"\xff"', '"\udcff"'),
    ],
)
def test_the_root_must_be_an_object(body, quoted):
    assert refusal(body) == f"JSON Value: {quoted} Is not object"


@pytest.mark.parametrize(
    ("text", "value"),
    [
        (b"1", 1),
        (b"-0", 0),
        (b"1.0", 1.0),
        (b"1E2", 100.0),
        (b"18446744073709551615", 2**64 - 1),
        (b"18446744073709551616", 2.0**64),
        (b"-9223372036854775808", -(2**63)),
        (b"-9223372036854775809", -(2.0**63)),
        (b"1e-400", 0.0),
        (b"1.8e308", math.inf),  # RapidJSON 1.1.0 looks at the exponent alone
        (b"-99e308", -math.inf),
        (b"Inf", math.inf),
        (b"Infinity", math.inf),
        (b"-Inf", -math.inf),
        (b"-Infinity", -math.inf),
        (b"true", True),
        (b"null", None),
        (b'"\\u00e9\\ud83d\\ude00\\/\\b"', "é😀/\b"),
        (b'"\\u0000"', "\0"),
    ],
)
def test_scalars(text, value):
    for body in (b'{"x": ' + text + b"}", b'{"\xff": 0, "x": ' + text + b"}"):
        found, read = read_json(body).find("x")
        assert found
        assert type(read) is type(value)
        assert read == value


def test_nan():
    assert math.isnan(read_json(b'{"x": NaN}')[0][1])
    assert math.isnan(read_json(b'{"x": -NaN, "\xff": 1}')[0][1])


@pytest.mark.parametrize("tail", [b"x", b"{", b' {"instances": [2]}', b"]]]", b"\0", b"\xff", b"\n\n  \t"])
def test_text_after_the_first_value_is_ignored(tail):
    assert read_json(b'{"a": [1]}' + tail) == [("a", [1])]


@pytest.mark.parametrize("mark", [b"\xef\xbb\xbf", b"\xef", b"\xbb\xbf"])
def test_a_byte_order_mark_is_skipped(mark):
    assert read_json(mark + b'{"a": 1}') == [("a", 1)]


def test_equal_names_are_all_kept():
    assert read_json(b'{"a": 1, "b": {"c": 1, "c": 2}, "a": 3}') == [
        ("a", 1),
        ("b", Object([("c", 1), ("c", 2)])),
        ("a", 3),
    ]


@pytest.mark.parametrize(
    ("string", "value"),
    [
        (b"\xff", b"\xff"),
        (b"\xe9", b"\xe9"),
        (b"\xed\xa0\x80", b"\xed\xa0\x80"),
        (b"caf\xc3\xa9 \xe9 \\u00e9", b"caf\xc3\xa9 \xe9 \xc3\xa9"),
        (b"\\udc00", b"\xed\xb0\x80"),
        (b"\\udcff\xff", b"\xed\xb3\xbf\xff"),
    ],
)
def test_strings_keep_bytes_that_are_not_utf8(string, value):
    ((name, read),) = read_json(b'{"' + string + b'": "' + string + b'"}')
    assert bytes_of(name) == bytes_of(read) == value


@pytest.mark.parametrize(("start", "end"), [(b"[", b"]"), (b'{"a":', b"}")])
def test_nesting_may_be_deep(start, end):
    # json_tensor_test.cc, DeeplyNestedWellFormed.
    value = start * 500_000 + b"1" + end * 500_000
    document = read_json(b'{"instances": [1], "nested": ' + value + b"}")
    assert document.find("instances") == (True, [1])


@pytest.mark.parametrize("body", [b"[" * 50_000, b'{"a":' * 50_000, b'{"x":' + b"[" * 50_000 + b"}" * 50_000])
def test_broken_nesting_may_be_deep(body):
    assert refusal(body).startswith("JSON Parse error: ")


PIECES = [
    *b'[]{},:"0123-.eE+ \\unItfNa\n',
    b"true",
    b'"a"',
    b"Inf",
    b"12345678901234567890",
    b"\\ud800",
    b"\xff",
]
hostile = st.lists(st.sampled_from(PIECES)).map(
    lambda parts: b"".join(p if isinstance(p, bytes) else bytes([p]) for p in parts)
)


def outcome(function, body):
    """What a reader gives, or what it raises, as a value."""
    try:
        return function(body)
    except ParseError as error:
        return error.message, error.offset
    except ServingError as error:
        return error.code, error.message


@given(st.one_of(st.binary(), hostile, hostile.map(lambda body: b'{"a": ' + body)))
@settings(deadline=None, max_examples=400)
def test_no_body_breaks_it(body):
    result = outcome(read_json, body)
    assert type(result) is Object or (result[0] is Code.INVALID_ARGUMENT and result[1].startswith("JSON "))


scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**63), 2**64 - 1),
    # RapidJSON is exact where digits fit into a double, and a hair off beyond.
    st.integers(-(10**15), 10**15).map(lambda number: number / 1000),
    st.text(),
)
documents = st.recursive(
    scalars,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4), st.lists(st.tuples(st.text(), inner), max_size=4).map(Object)
    ),
    max_leaves=12,
)


def written(value) -> str:
    """Python's own JSON of a document with equal names."""
    if type(value) is Object:
        return "{" + ",".join(f"{json.dumps(name)}:{written(item)}" for name, item in value) + "}"
    if type(value) is list:
        return "[" + " , ".join(map(written, value)) + "]"
    return json.dumps(value)


@given(documents)
@settings(deadline=None)
def test_documents_are_read_back(document):
    assert parse(written(document).encode()) == document
    assert read_json(b'{"x": ' + written(document).encode() + b"}") == [("x", document)]


@given(documents, st.data())
@settings(deadline=None, max_examples=300)
def test_both_parsers_agree(document, data):
    """On text that python-rapidjson can read, the slower parser is it again, errors and offsets too."""
    body = bytearray(written(document).encode())
    for _ in range(data.draw(st.integers(0, 2))):
        at = data.draw(st.integers(0, len(body)))
        piece = data.draw(st.sampled_from(PIECES))
        body[at : at + data.draw(st.integers(0, 2))] = piece if isinstance(piece, bytes) else bytes([piece])
    assert repr(outcome(json_reader._value, bytes(body))) == repr(outcome(parse, bytes(body)))
