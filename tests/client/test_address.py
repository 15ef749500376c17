import pytest

from tlzoo.client import AsyncClient, Client
from tlzoo.client.address import Address
from tlzoo.client.options import Options, Settings
from tlzoo.errors import TlzooError, UsageError


@pytest.mark.parametrize(
    ("url", "want"),
    [
        ("http://localhost:8501", Address("http", False, "localhost", 8501)),
        ("http://h", Address("http", False, "h", 80)),
        ("https://h/", Address("http", True, "h", 443)),
        ("HTTPS://H:1/a/b/", Address("http", True, "h", 1, "/a/b")),
        ("grpc://h", Address("grpc", False, "h", 8500)),
        ("grpcs://[::1]:5", Address("grpc", True, "::1", 5)),
        ("http://h:1/v1/models/m", Address("http", False, "h", 1, "", "m")),
        ("http://h:1/gw/v1/models/a%20b/versions/7", Address("http", False, "h", 1, "/gw", "a b", 7)),
        ("grpc://h:1/v1/models/m/labels/st%41ble", Address("grpc", False, "h", 1, "", "m", None, "stAble")),
    ],
)
def test_urls(url, want):
    assert Address.parse(url) == want


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("localhost:8501", "'localhost' is no scheme"),
        ("/v1/models/m", "no scheme"),
        ("ftp://h", "'ftp' is no scheme"),
        ("http://", "no host"),
        ("http://h:99999", "out of range"),
        ("http://h:x", "could not be cast"),
        ("http://h?a=1", r"'\?' or '#'"),
        ("http://h/#x", r"'\?' or '#'"),
        ("grpc://h/path", "no path '/path'"),
        ("grpc://h/gw/v1/models/m", "no path"),
        ("http://[::1", "Invalid IPv6"),
    ],
)
def test_what_is_no_url_of_a_server(url, why):
    with pytest.raises(UsageError, match=why) as caught:
        Address.parse(url)
    assert caught.value.allowed
    assert caught.value.do


def test_passwords_are_neither_taken_nor_repeated():
    with pytest.raises(UsageError) as caught:
        Address.parse("http://me:secret@h")
    assert "secret" not in str(caught.value)
    assert "token" in caught.value.do


@pytest.mark.parametrize("text", ["http://h:80", "https://h:443/gw", "grpc://[::1]:8500", "grpcs://h:1"])
def test_an_address_is_written_as_it_is_read(text):
    assert str(Address.parse(text)) == text


def test_options_are_listed_once_and_again_the_same():
    assert list(Options.__annotations__) == list(Settings.__dataclass_fields__)


@pytest.mark.parametrize(
    "options",
    [
        {"version": 1, "label": "a"},
        {"version": -1},
        {"version": 2**63},
        {"timeout": 0},
        {"timeout": float("nan")},
        {"retries": -1},
        {"batch_size": 0},
        {"batch_bytes": 0},
        {"concurrency": 0},
        {"certificate": "a.pem"},
        {"token": ""},
        {"token": "a\r\nX: y"},
        {"token": "é"},
    ],
)
@pytest.mark.parametrize("kind", [Client, AsyncClient])
def test_options_that_make_no_sense_are_refused_at_once(kind, options):
    with pytest.raises(UsageError):
        kind("http://h", "m", **options)


@pytest.mark.parametrize("scheme", ["https", "grpcs"])
def test_certificates_that_are_none(tmp_path, scheme):
    with pytest.raises(UsageError, match="cannot be read"):
        Client(f"{scheme}://h", "m", root_certificates=tmp_path / "missing.pem")


def test_which_model_is_asked():
    def spec(url, model=None, **options):
        return Settings(**options).spec(Address.parse(url), model)

    found = spec("http://h/v1/models/m/versions/0")
    assert (found.name, found.version, found.label) == ("m", 0, None)
    assert spec("http://h/v1/models/m", label="a").label == "a"
    assert spec("http://h", "m", version=3).version == 3
    for arguments, options in (
        (("http://h",), {}),
        (("http://h/v1/models/m", "other"), {}),
        (("http://h/v1/models/m/versions/1",), {"version": 2}),
        (("http://h/v1/models/m/versions/1",), {"label": "a"}),
    ):
        with pytest.raises(TlzooError):
            spec(*arguments, **options)
