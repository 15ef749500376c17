"""What the further recipes plan, by the numbers of their papers."""

import pytest

from tlzoo import paths, registry
from tlzoo.errors import UsageError
from tlzoo.recipes.catalog import make_plan
from tlzoo.recipes.facts import Facts

FACTS = Facts(train=1000, classes=2, counts=(600, 400))


@pytest.fixture(scope="module")
def card():
    return registry.backbones(paths.zoo_dir()).get("resnet50")


def phases(card, recipe, facts=FACTS, **options):
    return make_plan(recipe, card, facts, options).phases


def test_lp_ft_moves_everything_at_one_low_rate(card):
    head, tune = phases(card, "lp_ft")
    assert (head.inputs, len(head.l2)) == ("features", 8)
    assert tune.trains == ("stem", "conv2", "conv3", "conv4", "conv5", "head")
    assert set(tune.rates.values()) == {3e-5}
    fine_tune = make_plan("fine_tune", card, FACTS).phases[1]
    assert tune.rates["head"] == pytest.approx(fine_tune.rates["head"] / 10)


def test_discriminative_rates_fall_by_a_factor(card):
    rates = phases(card, "discriminative", rate=0.1)[1].rates
    assert rates["conv5"] == rates["head"] == 0.1
    assert rates["conv4"] == pytest.approx(0.1 / 2.6, rel=1e-5)
    assert rates["stem"] == pytest.approx(0.1 / 2.6**4, rel=1e-5)


def test_discriminative_rates_as_a_slice(card):
    rates = phases(card, "discriminative", rate=0.1, lowest=0.01)[1].rates
    assert (rates["stem"], rates["conv3"], rates["conv5"]) == (0.001, 0.01, 0.1)


def test_rates_never_rise_towards_the_stem(card):
    with pytest.raises(UsageError, match=r"factor=0\.5"):
        phases(card, "discriminative", factor=0.5)


def test_gradual_unfreeze_adds_a_stage_a_phase(card):
    found = phases(card, "gradual_unfreeze", epochs=3)
    assert [phase.name for phase in found] == [
        "head", "from_conv5", "from_conv4", "from_conv3", "from_conv2", "tune",
    ]  # fmt: skip
    assert [len(phase.trains) for phase in found] == [1, 2, 3, 4, 5, 6]
    assert [phase.epochs for phase in found[1:]] == [1, 1, 1, 1, 3]
    assert {phase.schedule for phase in found[1:]} == {"slanted"}
    assert found[-1].rates["stem"] == pytest.approx(3e-4 / 2.6**4, rel=1e-5)


def test_gradual_unfreeze_down_to_a_stage(card):
    assert [phase.name for phase in phases(card, "gradual_unfreeze", top=2)] == ["head", "from_conv5", "tune"]


@pytest.mark.parametrize(
    ("train", "steps", "warmup", "milestones", "mixup"),
    [
        (1_000, 500, 0.2, (0.4, 0.6, 0.8), 0.0),
        (19_999, 500, 0.2, (0.4, 0.6, 0.8), 0.0),
        (20_000, 10_000, 0.05, (0.3, 0.6, 0.9), 0.1),
        (499_999, 10_000, 0.05, (0.3, 0.6, 0.9), 0.1),
        (500_000, 20_000, 0.025, (0.3, 0.6, 0.9), 0.1),
    ],
)
def test_bit_hyperrule(card, train, steps, warmup, milestones, mixup):
    facts = Facts(train=train, classes=10, gpu=True)
    (tune,) = phases(card, "bit_hyperrule", facts)
    assert (tune.optimizer, tune.batch_size, tune.rates["stem"]) == ("sgd", 512, 0.003)
    assert (tune.warmup, tune.milestones, tune.augment.mixup) == (warmup, milestones, mixup)
    each = -(-train // 512)
    assert steps <= tune.epochs * each < steps + each


def test_bit_hyperrule_on_a_small_machine(card):
    (tune,) = phases(card, "bit_hyperrule")
    assert (tune.batch_size, tune.epochs) == (32, 16)
    assert tune.rates["head"] == pytest.approx(0.003 / 16)


def test_bit_hyperrule_gives_way_to_what_is_asked(card):
    options = {"epochs": 2, "batch_size": 8, "rate": 0.1, "warmup": 0.0, "mixup": 0.5, "schedule": "cosine"}
    (tune,) = phases(card, "bit_hyperrule", **options)
    assert (tune.epochs, tune.batch_size, tune.rates["head"]) == (2, 8, 0.1)
    assert (tune.warmup, tune.augment.mixup, tune.schedule, tune.milestones) == (0.0, 0.5, "cosine", ())


def test_self_training_labels_anew_in_each_round(card):
    found = phases(card, "self_training", rate=1e-3, rounds=3)
    assert [phase.name for phase in found] == ["head", "tune", "self1", "self2", "self3"]
    assert [phase.pseudo and phase.pseudo.confidence for phase in found] == [None, None, 0.9, 0.9, 0.9]
    assert found[1].trains == make_plan("fine_tune", card, FACTS).phases[1].trains == found[2].trains
    assert (found[1].rates["head"], found[2].rates["head"]) == (1e-3, 5e-4)
    with pytest.raises(UsageError, match="rounds=0"):
        phases(card, "self_training", rounds=0)
