"""A tiny real classifier, exported once per session."""

from pathlib import Path

import pytest

from tests.export.tiny_classifier import SIZE, exportable_of
from tlzoo.cards.backbone import BackboneCard
from tlzoo.export.exportable import Exportable
from tlzoo.export.saved_model import export_saved_model


@pytest.fixture(scope="session")
def card() -> BackboneCard:
    return BackboneCard.model_validate(
        {
            "name": "tiny",
            "title": "Tiny",
            "family": "tiny",
            "locator": "file:tiny",
            "input": {"size": SIZE},
            "preprocessing": {"convention": "in_model"},
            "params": 100,
            "features": 6,
            "weight_bytes": 400,
            "pretraining": {"dataset": "none"},
            "licence": "MIT",
            "citation": "none",
            "stages": [{"name": "stem", "tap": "a"}, {"name": "top", "tap": "b"}],
        }
    )


@pytest.fixture(scope="session")
def exportable(card) -> Exportable:
    return exportable_of(card)


@pytest.fixture(scope="session")
def bundle_dir(exportable, tmp_path_factory) -> Path:
    directory = tmp_path_factory.mktemp("bundles") / "photos"
    export_saved_model(exportable, directory)
    return directory
