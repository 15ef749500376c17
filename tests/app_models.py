"""Small real models for tests of apps, each trained, judged and exported once a session."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest


@dataclass(frozen=True)
class Trained:
    """A run and its bundle."""

    run: Path
    bundle: Path


def _trained(folder: Path, data: object, backbone: str, **options: object) -> Trained:
    import tlzoo

    run = tlzoo.train(data, backbone=backbone, out=folder / "run", engine="graph", epochs=10, **options)
    tlzoo.trust(run.path)
    run.export(folder / "model")
    return Trained(run.path, folder / "model")


@pytest.fixture(scope="session")
def talk(tiny_text_zoo, corpus, tmp_path_factory):
    """A classifier of texts in three classes, with prediction sets and a detector of foreign texts."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TLZOO_ZOO", str(tiny_text_zoo))
        return _trained(tmp_path_factory.mktemp("talk"), corpus, "tiny_text")


@pytest.fixture(scope="session")
def cells(tiny_zoo, tmp_path_factory):
    """A classifier of pictures, `defective` (a dark spot) or `functional`, with sets and a detector."""
    import numpy as np
    from PIL import Image

    folder = tmp_path_factory.mktemp("cells")
    random = np.random.default_rng(5)
    for kind in ("functional", "defective"):
        (folder / "data" / kind).mkdir(parents=True)
        for number in range(40):
            pixels = random.integers(150, 200, (48, 48), dtype=np.uint8)
            if kind == "defective":
                row, column = random.integers(4, 28, 2)
                pixels[row : row + 16, column : column + 16] = random.integers(0, 40)
            Image.fromarray(pixels).save(folder / "data" / kind / f"{number}.png")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TLZOO_ZOO", str(tiny_zoo))
        return _trained(folder, folder / "data", "tiny")


@pytest.fixture(scope="session")
def app_server(talk, cells):
    """The address of a server of both models, `…/v1/models/`, one for all apps: to end one takes seconds."""
    from tests.serving.whole_server import running
    from tlzoo.serving.options import ModelConfig, ServerOptions

    models = (ModelConfig("talk", talk.bundle), ModelConfig("cells", cells.bundle))
    with running(ServerOptions(models, grpc_port=0)) as found:
        yield f"http://127.0.0.1:{found.rest_port}/v1/models/"
