import grpc
import pytest

from tlzoo.protocol.status import HTTP, Code


def test_codes_are_those_of_grpc():
    theirs = {status.name: status.value[0] for status in grpc.StatusCode}
    assert {code.name: code.value for code in Code} == theirs


@pytest.mark.parametrize("code", Code)
def test_http_statuses_are_those_of_tensorflow_serving(code):
    """ToHTTPStatusCode of tensorflow_serving/model_servers/http_server.cc; what it does not name is 500."""
    unnamed = {Code.UNKNOWN, Code.INTERNAL, Code.DATA_LOSS}
    assert (code in HTTP) != (code in unnamed)
