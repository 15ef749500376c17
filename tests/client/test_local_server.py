"""tlzoo's own server, asked by HTTP and gRPC, waiting and awaited: it answers as the bundle does in this process."""

import numpy as np
import pytest

from tests.client.test_predict import CUT, GOOD, TEXTS, assert_same
from tests.serving.fixture_models import write_fixtures
from tests.serving.whole_server import running
from tlzoo.errors import RefusedError
from tlzoo.protocol.status import VersionStatus
from tlzoo.serving.options import Additions, ModelConfig, Policy, ServerOptions

TOKEN = "a-token-of-tests"


@pytest.fixture(scope="module")
def local(bundles, predictors, tmp_path_factory):
    """All bundles and the small models of the contract, behind a token."""
    folder = tmp_path_factory.mktemp("local")
    write_fixtures(folder / "models")
    (folder / "tokens").write_text(f"{TOKEN}\n")
    named = {name: version.parent for name, version in bundles.items()}
    named |= {name: folder / "models" / name for name in ("dtypes", "classes3")}
    models = [ModelConfig(name, path) for name, path in named.items()]
    labels = {"stable": 123, "canary": 124}
    models.append(ModelConfig("half_plus_two", folder / "models" / "half_plus_two", Policy("all"), labels))
    options = ServerOptions(
        tuple(models),
        labels_for_unavailable=True,
        warmup=False,
        additions=Additions(token_file=folder / "tokens", drain_seconds=5),
    )
    with running(options) as server:
        yield server


@pytest.fixture(params=["http", "grpc"])
def here(request, local):
    return f"{request.param}://127.0.0.1:{local.rest_port if request.param == 'http' else local.grpc_port}"


@pytest.mark.slow
@pytest.mark.parametrize("name", ["photos", "sets", "number"])
def test_images(connect, here, predictors, name):
    items = [*GOOD, np.full((5, 7, 3), 200, np.uint8), CUT, b"no image", *GOOD]
    with connect(here, name, token=TOKEN, batch_size=3) as client:
        assert_same(client.predict(items), predictors[name].predict(items))


def test_texts(connect, here, predictors):
    with connect(here, "talk", token=TOKEN, batch_size=2) as client:
        assert_same(client.predict(TEXTS), predictors["talk"].predict(TEXTS))


def test_every_protocol_gives_the_same_numbers(connect, local):
    def ask(scheme, port):
        with connect(f"{scheme}://127.0.0.1:{port}", "photos", token=TOKEN, batch_size=1) as client:
            return client.predict(GOOD), client.metadata(), client.status()

    assert ask("http", local.rest_port) == ask("grpc", local.grpc_port)


def test_bundles_can_be_asked_as_any_savedmodel(connect, here, predictors):
    with connect(here, "photos", token=TOKEN) as client:
        pixels = np.zeros((2, 8, 9, 3), np.uint8)
        found = client.call({"pixels": pixels}, "pixels")
        (wanted, _) = predictors["photos"].predict(pixels)
        assert found["label"].tolist() == [wanted.label.encode()] * 2
        assert found["probabilities"][0] == pytest.approx(list(wanted.probabilities.values()), abs=2e-6)
        ((first, *_),) = client.classify([{"image/encoded": GOOD[0]}])
        assert first.label == predictors["photos"].predict(GOOD[0])[0].label
    with connect(here, "number", token=TOKEN) as client:
        (value,) = client.regress([{"image/encoded": GOOD[0]}])
        assert value == pytest.approx(predictors["number"].predict(GOOD[0])[0].value, rel=1e-6)


def test_the_small_models(connect, here):
    with connect(here, "half_plus_two", token=TOKEN) as client:
        assert client.call([1.0, 2.0])["y"].tolist() == [3.5, 4.0]
        assert client.status() == [VersionStatus(124, "AVAILABLE"), VersionStatus(123, "AVAILABLE")]
        assert client.regress([{"x": 1.0}], "regress_x_to_y") == [3.5]
    with connect(here, "half_plus_two", label="stable", token=TOKEN) as client:
        assert client.call([1.0])["y"].tolist() == [2.5]
        assert client.metadata().version == 123
    with connect(here, "dtypes", token=TOKEN) as client:
        odd = client.call(0.0, "nonfinite")["out"]
        assert client.call([b"\xff\0"], "bytes_out")["payload_bytes"].tolist() == [b"\xff\0"]
    np.testing.assert_array_equal(odd, np.float32([[np.nan, np.inf], [3, -np.inf]]))
    with connect(here, "classes3", token=TOKEN) as client:
        assert client.classify([{"w": [1.0, 2.0, 3.0]}]) == [[("car", 1.0), ("bike", 2.0), ("bus", 3.0)]]


@pytest.mark.parametrize("token", [None, "wrong"])
def test_whoever_has_no_token_is_refused_and_not_kept_waiting(connect, here, token):
    with connect(here, "photos", token=token) as client:
        with pytest.raises(RefusedError) as caught:
            client.predict(GOOD)
        assert caught.value.code == "UNAUTHENTICATED"
        with pytest.raises(RefusedError):
            client.wait_until_ready(1000)


@pytest.mark.parametrize(
    ("model", "options", "code"),
    [
        ("nobody", {}, "NOT_FOUND"),
        ("half_plus_two", {"version": 9}, "NOT_FOUND"),
        ("half_plus_two", {"label": "odd"}, "INVALID_ARGUMENT"),
    ],
)
def test_what_is_not_there(connect, here, model, options, code):
    with connect(here, model, token=TOKEN, **options) as client:
        assert client.ready() is False
        with pytest.raises(RefusedError) as caught:
            client.call(1.0)
    assert caught.value.code == code
