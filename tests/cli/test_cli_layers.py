"""`layers` and `lr-find`, as their users type them."""

import json

import pytest

from tlzoo.cli.main import main
from tlzoo.cli.runs import RECIPE_NAMES
from tlzoo.recipes.catalog import RECIPES

pytestmark = pytest.mark.usefixtures("tiny")


def test_help_lists_every_recipe_in_the_order_of_the_catalog():
    assert tuple(RECIPES) == RECIPE_NAMES


def test_layers_prints_a_table_and_what_is_next(photos, tmp_path, capsys):
    picture = tmp_path / "layers.svg"
    assert main(["layers", str(photos), "--backbone", "tiny", "--picture", str(picture), "-q"]) == 0
    out = capsys.readouterr().out
    assert out.startswith("stage")
    assert "--recipe fine_tune --set top=" in out
    assert picture.is_file()


def test_layers_as_json(photos, capsys):
    assert main(["layers", str(photos), "--backbone", "tiny", "--json", "-q"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert [each["stage"] for each in answer["stages"]] == ["stem", "block", "top"]
    assert answer["peak"] in ("stem", "block", "top")
    assert answer["untuned"] is None


@pytest.mark.slow
def test_lr_find_as_json(photos, capsys):
    words = ["lr-find", str(photos), "--backbone", "tiny", "--recipe", "scratch", "--json", "-q"]
    assert main(words) == 0
    answer = json.loads(capsys.readouterr().out)
    assert (answer["recipe"], answer["phase"]) == ("scratch", "scratch")
    assert len(answer["rates"]) == len(answer["smoothed"])


def test_lr_find_of_a_recipe_without_such_a_phase(photos, capsys):
    words = ["lr-find", str(photos), "--backbone", "tiny", "--recipe", "feature_extraction", "-q"]
    assert main(words) == 2
    assert "Name another --recipe" in capsys.readouterr().err
