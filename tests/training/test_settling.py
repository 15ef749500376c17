import pytest

import tlzoo
from tlzoo.features.statistics import normalisations
from tlzoo.recipes.catalog import make_plan
from tlzoo.training.settling import settling
from tlzoo.workflows.prepare import facts_of
from tlzoo.workflows.trials import trial_context

pytestmark = pytest.mark.usefixtures("tiny")


@pytest.fixture(scope="module")
def loaded(digits):
    dataset = tlzoo.load(digits)
    return dataset, dataset.split(seed=0, validation=0.2, test=0.25)


def momenta(loaded, recipe, **options):
    """Those inside a phase, and those after it."""
    dataset, splits = loaded
    card = tlzoo.load_backbone("tiny").card
    plan = make_plan(recipe, card, facts_of(dataset, splits, len(splits.validation)), options)
    with trial_context(dataset, splits, plan) as context:
        layers = normalisations(context.backbone)
        with settling(context, plan.phases[-1]):
            inside = {layer.momentum for layer in layers}
        return inside, {layer.momentum for layer in layers}


@pytest.mark.parametrize(
    ("epochs", "batch_size", "momentum"),
    [(1, 66, 0.5), (10, 11, 1 - 10 / 60), (10, 60, 0.5), (500, 11, 0.99)],
)
def test_random_statistics_arrive_within_the_steps_there_are(loaded, epochs, batch_size, momentum):
    assert len(loaded[1].train) == 66
    inside, after = momenta(loaded, "scratch", epochs=epochs, batch_size=batch_size)
    assert list(inside) == pytest.approx([momentum])
    assert after == {0.99}


def test_pretrained_statistics_keep_their_pace(loaded):
    assert momenta(loaded, "fine_tune", batchnorm="train", epochs=1) == ({0.99}, {0.99})
