"""TLS, certificates of both sides, and tokens."""

import ssl

import grpc
import pytest
import trustme

from tests.client.contract_grpc import grpc_server
from tests.client.contract_rest import rest
from tlzoo.client import Client
from tlzoo.errors import NoAnswerError, ServerError


@pytest.fixture(scope="module")
def authority():
    return trustme.CA()


@pytest.fixture(scope="module")
def files(authority, tmp_path_factory):
    """PEM files: the authority's, and a client's certificate and key."""
    folder = tmp_path_factory.mktemp("pem")
    mine = authority.issue_cert("client@example.org")
    authority.cert_pem.write_to_path(folder / "ca.pem")
    mine.private_key_pem.write_to_path(folder / "key.pem")
    for blob in mine.cert_chain_pems:
        blob.write_to_path(folder / "certificate.pem", append=True)
    return folder


@pytest.fixture(params=["https", "grpcs"])
def secure(request, authority, models):
    """Gives a function that serves through TLS, with or without asking for the client's certificate."""
    server = authority.issue_cert("localhost")

    def serve(verify):
        if request.param == "https":
            context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
            server.configure_cert(context)
            if verify:
                context.verify_mode = ssl.CERT_REQUIRED
                authority.configure_trust(context)
            return "https", rest(models, ssl_context=context)
        chain = b"".join(blob.bytes() for blob in server.cert_chain_pems)
        roots = authority.cert_pem.bytes() if verify else None
        pairs = [(server.private_key_pem.bytes(), chain)]
        credentials = grpc.ssl_server_credentials(pairs, roots, require_client_auth=verify)
        return "grpcs", grpc_server(models, credentials=credentials)

    return serve


def half(client):
    with client:
        return client.call(1.0)["y"]


def test_a_server_that_is_trusted(connect, secure, files):
    scheme, server = secure(False)
    with server as port:
        url = f"{scheme}://localhost:{port}"
        assert half(connect(url, "half_plus_two", root_certificates=files / "ca.pem")) == 3.5


def test_a_server_that_is_not(connect, secure):
    scheme, server = secure(False)
    with server as port, pytest.raises(NoAnswerError, match=r"root_certificates"):
        half(connect(f"{scheme}://localhost:{port}", "half_plus_two"))


def test_a_certificate_of_another_name(connect, secure, files):
    scheme, server = secure(False)
    with server as port, pytest.raises(NoAnswerError):
        half(connect(f"{scheme}://127.0.0.1:{port}", "half_plus_two", root_certificates=files / "ca.pem"))


def test_a_client_that_shows_who_it_is(connect, secure, files):
    scheme, server = secure(True)
    roots = {"root_certificates": files / "ca.pem"}
    pair = {"certificate": files / "certificate.pem", "key": files / "key.pem"}
    with server as port:
        url = f"{scheme}://localhost:{port}"
        with connect(url, "half_plus_two", **roots, **pair) as client:
            assert client.call(1.0)["y"] == 3.5
        with connect(url, "half_plus_two", **roots, retries=0) as client, pytest.raises(ServerError):
            client.call(1.0)


@pytest.mark.parametrize("scheme", ["https", "grpcs"])
def test_tls_to_a_port_without(connect, models, scheme):
    with rest(models) as port, pytest.raises(NoAnswerError):
        half(connect(f"{scheme}://127.0.0.1:{port}", "half_plus_two"))


def test_the_token_goes_with_every_request(connect, url, models):
    with connect(url, "half_plus_two", token="s3cret") as client:
        client.call(1.0)
        client.status()
    headers = [{key.lower(): value for key, value in sent.items()} for _, sent, _ in models.asked]
    assert [sent["authorization"] for sent in headers] == ["Bearer s3cret"] * 3


def test_without_a_token_nothing_is_sent(connect, url, models):
    with connect(url, "half_plus_two") as client:
        client.call(1.0)
    assert all("authorization" not in map(str.lower, sent) for _, sent, _ in models.asked)


def test_the_token_does_not_follow_to_another_host(models):
    """Redirects are refused, not followed."""
    from tests.client import faults

    with rest(models) as port, rest(models) as elsewhere:
        models.faults.append(faults.status(307, b"", Location=f"http://127.0.0.1:{elsewhere}/"))
        with Client(f"http://127.0.0.1:{port}", "m", token="s3cret") as client, pytest.raises(ServerError):
            client.metadata()
    assert len(models.asked) == 1


def test_the_token_stands_in_no_error(connect, http_url, models):
    from tests.client import faults

    models.faults.append(faults.status(401, {"error": "who are you?"}))
    with connect(http_url, "m", token="s3cret") as client, pytest.raises(ServerError) as caught:
        client.metadata()
    assert "s3cret" not in f"{caught.value!r}{caught.value.__dict__}"
