"""What `tlzoo plan` prints of every recipe, word for word: a changed default should be seen by whoever reviews it.

To renew the files: `python -m tests.recipes.test_golden`.
"""

from pathlib import Path

import pytest

from tests.recipe_kinds import TEXT_ONLY
from tlzoo import paths, registry
from tlzoo.cli.runs import _plan_words
from tlzoo.recipes.catalog import RECIPES, make_plan
from tlzoo.recipes.facts import Facts

FOLDER = Path(__file__).parent / "golden"
FACTS = Facts(train=1000, classes=2, counts=(600, 400))


def printed(recipe):
    name = "minilm_l6" if recipe in TEXT_ONLY else "resnet50"
    plan = make_plan(recipe, registry.backbones(paths.zoo_dir()).get(name), FACTS)
    return _plan_words(plan, "data", {"train": 1000}) + "\n"


@pytest.mark.parametrize("recipe", RECIPES)
def test_what_plan_prints(recipe):
    assert printed(recipe) == (FOLDER / f"{recipe}.txt").read_text()


def test_there_is_no_file_too_many():
    assert {path.stem for path in FOLDER.iterdir()} == set(RECIPES)


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    for each in RECIPES:
        (FOLDER / f"{each}.txt").write_text(printed(each))
