"""Bodies of requests: whole, in time, and no larger than agreed."""

import asyncio
import gzip
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tlzoo.serving.bodies import BodyTooLargeError, BodyTooSlowError, GoneError, inflated, read_body


def receiving(*chunks, then=None):
    """ASGI's receive over chunks; afterwards `then`, or nothing for ever."""
    messages = [{"type": "http.request", "body": chunk, "more_body": True} for chunk in chunks]

    async def receive():
        if messages:
            return messages.pop(0)
        if then is None:
            await asyncio.Event().wait()
        return then

    return receive


END = {"type": "http.request", "body": b"", "more_body": False}


def read(receive, declared=None, most=100, seconds=30.0):
    return asyncio.run(read_body(receive, declared, most=most, seconds=seconds))


def test_chunks_are_put_together():
    assert read(receiving(b"ab", b"c", then=END), "3") == b"abc"
    assert read(receiving(b"x" * 100, then=END)) == b"x" * 100


def test_too_large_by_its_own_word_or_in_fact():
    with pytest.raises(BodyTooLargeError):
        read(receiving(), "101")
    with pytest.raises(BodyTooLargeError):
        read(receiving(b"x" * 60, b"x" * 60), "oops")


def test_too_slow():
    with pytest.raises(BodyTooSlowError):
        read(receiving(b"x"), seconds=0.01)


def test_gone():
    with pytest.raises(GoneError):
        read(receiving(b"x", then={"type": "http.disconnect"}))


@given(st.binary(max_size=5000))
def test_gzip_comes_out_as_it_went_in(body):
    assert inflated(gzip.compress(body), 5000) == body


@given(st.binary(max_size=200))
def test_what_is_not_gzip_is_an_empty_body(body):
    assert inflated(body, 1000) == b""


def test_half_a_gzip_is_an_empty_body():
    whole = gzip.compress(bytes(range(256)) * 20)
    assert inflated(whole[:-9], 10**6) == b""


def test_a_bomb_is_an_empty_body_and_costs_no_more_than_the_limit():
    bomb = gzip.compress(bytes(50 * 1024**2))
    assert len(bomb) < 60_000
    assert inflated(bomb, 1024**2) == b""
    assert inflated(zlib.compress(b"zlib is not gzip"), 100) == b""
