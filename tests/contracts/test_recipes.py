"""What every recipe of the catalog keeps to: pure plans with steady digests, and runs that end, reload and export."""

import numpy as np
import pytest

import tlzoo
from tests.recipe_kinds import OF_IMAGES, OF_TEXTS, TEXT_ONLY
from tlzoo.plans import Plan
from tlzoo.recipes.catalog import RECIPES, make_plan
from tlzoo.recipes.facts import Facts
from tlzoo.recipes.options import option_names

pytestmark = pytest.mark.slow

SMALL = {"epochs": 1, "head_epochs": 2, "batch_size": 32, "most_pairs": 64}


def small(recipe):
    return {name: value for name, value in SMALL.items() if name in option_names(RECIPES[recipe])}


@pytest.fixture(scope="module")
def run_of(tiny_text_zoo, digits, tmp_path_factory):
    """Trains a recipe once on digits, or with texts it cannot do without, on the smallest backbones.

    They were pretrained with no classifier; where a recipe wants one, it gets seven classes of noise.
    """
    runs = {}
    noise = np.random.default_rng(0).normal(size=(32, 7)).astype(np.float32), np.zeros(7, np.float32)

    def train(recipe, backbone, data):
        if (recipe, backbone) not in runs:
            out = tmp_path_factory.mktemp("runs") / recipe
            runs[recipe, backbone] = tlzoo.train(
                data, backbone=backbone, recipe=recipe, out=out, validation=0.2, test=0.25, **small(recipe)
            )
        return runs[recipe, backbone]

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TLZOO_ZOO", str(tiny_text_zoo))
        patch.setattr("tlzoo.training.classifiers.source_head", lambda card: noise)
        yield train


@pytest.mark.parametrize("recipe", RECIPES)
def test_plans_are_pure_and_their_digests_steady(recipe):
    from tlzoo import paths, registry

    name = "minilm_l6" if recipe in TEXT_ONLY else "efficientnet_lite0"
    card, facts = registry.backbones(paths.zoo_dir()).get(name), Facts(300, 3)
    plan = make_plan(recipe, card, facts)
    again = Plan.model_validate_json(plan.model_dump_json())
    assert make_plan(recipe, card, facts) == plan == again
    assert plan.digest == again.digest


@pytest.mark.parametrize("recipe", OF_IMAGES)
def test_a_run_on_images_ends_reloads_and_exports(run_of, recipe, digits, tmp_path):
    run = run_of(recipe, "tiny", digits)
    with np.load(run.path / "predictions.npz") as kept:
        index, logits = kept["test_index"][:8], kept["test_logits"][:8]
    pixels = digits[0][index].astype(np.float32)
    reopened = tlzoo.open_run(run.path, digits)
    np.testing.assert_allclose(reopened.model.predict(pixels, verbose=0), logits, atol=5e-3)
    bundle = run.export(tmp_path / "bundle")
    answers = bundle.predict(list(digits[0][index]))
    expected = np.exp(logits / run.temperature)
    expected /= expected.sum(axis=1, keepdims=True)
    got = np.array([list(answer.probabilities.values()) for answer in answers])
    np.testing.assert_allclose(got, expected, atol=5e-3)


@pytest.mark.parametrize("recipe", OF_TEXTS)
def test_a_run_on_texts_ends_and_reloads(run_of, recipe, corpus):
    run = run_of(recipe, "tiny_text", str(corpus))
    reopened = tlzoo.open_run(run.path)
    for mine, theirs in zip(reopened.model.weights, run.model.weights, strict=True):
        np.testing.assert_array_equal(np.array(mine), np.array(theirs))
    assert run.metrics["test"]["n"] > 0
