"""Tokens, and how many requests are inside at a time."""

import os

import pytest

from tlzoo.errors import UsageError
from tlzoo.protocol.status import Code, ServingError
from tlzoo.serving.limits import Limits
from tlzoo.serving.options import Additions


@pytest.fixture
def tokens(tmp_path):
    file = tmp_path / "tokens"
    file.write_text("# who may ask\nfirst-token\n\n  second-token  \n")
    return file


def test_without_a_token_file_everybody_may_ask():
    Limits(Additions()).authenticate(None)


@pytest.mark.parametrize("header", ["Bearer first-token", "bearer second-token", "Bearer  first-token "])
def test_who_has_a_token_may_ask(tokens, header):
    Limits(Additions(token_file=tokens)).authenticate(header)


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        "first-token",
        "Basic first-token",
        "Bearer",
        "Bearer nope",
        "Bearer # who may ask",
        "Bearer \udcff",
    ],
)
def test_others_may_not(tokens, header):
    with pytest.raises(ServingError, match="Authorization: Bearer TOKEN") as caught:
        Limits(Additions(token_file=tokens)).authenticate(header)
    assert (caught.value.code, caught.value.http) == (Code.UNAUTHENTICATED, 401)


def test_tokens_change_while_the_server_runs(tokens):
    limits = Limits(Additions(token_file=tokens))
    tokens.write_text("third-token\n")
    os.utime(tokens, ns=(1, 1))
    limits.authenticate("Bearer third-token")
    with pytest.raises(ServingError):
        limits.authenticate("Bearer first-token")
    # A file that is being written, or has gone, locks nobody out and lets nobody in.
    tokens.write_text("")
    limits.authenticate("Bearer third-token")
    tokens.unlink()
    limits.authenticate("Bearer third-token")


def test_a_token_file_must_hold_a_token(tmp_path):
    with pytest.raises(UsageError, match=r"cannot be read: No such file.*secrets.token_urlsafe"):
        Limits(Additions(token_file=tmp_path / "none"))
    (tmp_path / "empty").write_text("# nobody\n")
    with pytest.raises(UsageError, match="holds no token"):
        Limits(Additions(token_file=tmp_path / "empty"))


def test_as_many_as_may_be_and_no_more():
    limits = Limits(Additions(max_concurrent_requests=2))
    with limits.admit(), limits.admit():
        assert limits.running == 2
        with (
            pytest.raises(ServingError, match="2 requests are running, which is the limit") as caught,
            limits.admit(),
        ):
            pass
        assert caught.value.http == 429
    with limits.admit():
        assert limits.running == 1
    assert limits.running == 0
