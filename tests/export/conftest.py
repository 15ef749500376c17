"""A tiny real classifier, exported once per session."""

from pathlib import Path

import pytest

from tests.export.tiny_classifier import exportable_of, tiny_card
from tlzoo.cards.backbone import BackboneCard
from tlzoo.export.exportable import Exportable
from tlzoo.export.saved_model import export_saved_model


@pytest.fixture(scope="session")
def card() -> BackboneCard:
    return tiny_card()


@pytest.fixture(scope="session")
def exportable(card) -> Exportable:
    return exportable_of(card)


@pytest.fixture(scope="session")
def bundle_dir(exportable, tmp_path_factory) -> Path:
    directory = tmp_path_factory.mktemp("bundles") / "photos"
    export_saved_model(exportable, directory)
    return directory
