"""Small models behind both protocols."""

import asyncio
import inspect

import pytest

import tlzoo
from tests.client.contract_grpc import grpc_server
from tests.client.contract_rest import rest
from tests.client.contract_server import Models, Version
from tests.export.tiny_classifier import exportable_of, number, several, tiny_card
from tests.serving.fixture_models import write_fixtures
from tlzoo.client import AsyncClient, Client
from tlzoo.export.predictor import Predictor
from tlzoo.export.saved_model import export_saved_model


@pytest.fixture(scope="session")
def fixture_models(tmp_path_factory):
    """Versions by model: half_plus_two (123 and 124), dtypes, shapes, classes3."""
    folder = tmp_path_factory.mktemp("models")
    write_fixtures(folder)
    return {
        model.name: {int(version.name): Version(version) for version in model.iterdir()}
        for model in folder.iterdir()
    }


@pytest.fixture(scope="session")
def bundles(tmp_path_factory, tiny_text_zoo, corpus):
    """A bundle for each task, and one for texts, by name; each is a version folder."""
    folder = tmp_path_factory.mktemp("client_bundles")
    card = tiny_card()
    made = {"photos": exportable_of(card), "sets": several(card), "number": number(card)}
    found = {name: export_saved_model(one, folder / name) for name, one in made.items()}
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TLZOO_ZOO", str(tiny_text_zoo))
        run = tlzoo.train(corpus, backbone="tiny_text", out=folder / "run", engine="graph", epochs=2)
        return {**found, "talk": run.export(folder / "talk").folder}


@pytest.fixture(scope="session")
def predictors(bundles):
    """What answers for each of them in this process."""
    return {name: Predictor.load(folder) for name, folder in bundles.items()}


@pytest.fixture(scope="session")
def bundle_versions(bundles, predictors):
    """What serves each of them; the predictors have made TensorFlow know the ops of texts."""
    return {name: {int(folder.name): Version(folder)} for name, folder in bundles.items()}


@pytest.fixture
def models(fixture_models):
    """What the servers of one test serve."""
    return Models(dict(fixture_models), labels={"stable": 123, "canary": 124})


@pytest.fixture(params=["http", "grpc"])
def url(request, models):
    """A server of `models`, by each protocol."""
    serve = rest if request.param == "http" else grpc_server
    with serve(models) as port:
        yield f"{request.param}://127.0.0.1:{port}"


@pytest.fixture
def http_url(models):
    with rest(models) as port:
        yield f"http://127.0.0.1:{port}"


@pytest.fixture
def grpc_url(models):
    with grpc_server(models) as port:
        yield f"grpc://127.0.0.1:{port}"


class Driven:
    """An `AsyncClient` whose methods wait, each in a loop of its own."""

    def __init__(self, url, *arguments, **options):
        self._client = AsyncClient(url, *arguments, **options)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass

    def __getattr__(self, name):
        method = getattr(self._client, name)

        def call(*arguments, **options):
            async def work():
                async with self._client:
                    found = method(*arguments, **options)
                    return [one async for one in found] if inspect.isasyncgen(found) else await found

            return asyncio.run(work())

        return call


@pytest.fixture(params=["sync", "async"])
def connect(request):
    """Makes a client that waits, or one that is awaited."""
    return Client if request.param == "sync" else Driven
