"""A small zoo of its own, and a way to run commands in this process."""

import dataclasses
import json
import shutil

import pytest

from tests.toys import cache, index, wheels  # noqa: F401
from tlzoo import paths
from tlzoo.cli.main import main

DATASET = """
title = "Toy"
locator = "pypi:tlzoo-toy==1.0"
reader = "toy"
classes = ["a", "b"]
examples = 2
protocol = "none"
licence = "MIT"
citation = "-"
"""


@dataclasses.dataclass(frozen=True)
class Said:
    """What a command said."""

    code: int
    out: str
    err: str

    @property
    def json(self):
        return json.loads(self.out)


def _asked(capfd, words):
    try:
        code = main([str(word) for word in words])
    except SystemExit as stop:
        code = stop.code or 0
    return Said(code, *capfd.readouterr())


@pytest.fixture
def run(capfd):
    """Runs one command and returns its exit code and what it said."""
    return lambda *words: _asked(capfd, words)


@pytest.fixture
def said(capfd):
    """As `run`, which is a trained run's name in many modules; the answer is a tuple (code, out, err)."""
    return lambda *words: dataclasses.astuple(_asked(capfd, words))


@pytest.fixture
def zoo(tmp_path, monkeypatch, cache):  # noqa: F811
    """Two backbones nobody has fetched, one data set in a toy package, one in scikit-learn; an empty cache."""
    folder = tmp_path / "zoo"
    for kind, names in {"backbones": ("resnet50", "vgg16"), "datasets": ("digits",)}.items():
        (folder / kind).mkdir(parents=True)
        for name in names:
            shutil.copy(paths.zoo_dir() / kind / f"{name}.toml", folder / kind)
    (folder / "datasets" / "toy.toml").write_text(DATASET)
    monkeypatch.setenv("TLZOO_ZOO", str(folder))
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    return folder
