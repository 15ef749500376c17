import keras
import numpy as np
import pytest

from tlzoo.plans import Phase
from tlzoo.training.optimizers import PhaseSchedule, current_rates, make_optimizer, variable_key


def phase(**changes):
    facts = {"name": "p", "inputs": "pixels", "trains": ("low", "head"), "rates": {"low": 0.1, "head": 1.0}}
    facts |= {"epochs": 1, "batch_size": 1, "warmup": 0.0, "schedule": "constant"}
    return Phase(**(facts | changes))


def two_layers():
    model = keras.Sequential(
        [keras.Input((3,)), keras.layers.Dense(3, name="low"), keras.layers.Dense(1, name="high")]
    )
    stage_of = {variable_key(v): "low" if "low" in v.path else "head" for v in model.trainable_variables}
    return model, stage_of


def step(model, optimizer):
    model.compile(optimizer, loss="mse", jit_compile=False)
    before = [np.array(v) for v in model.trainable_variables]
    model.fit(
        np.ones((4, 3), np.float32), np.full((4, 1), 5.0, np.float32), epochs=1, verbose=0, shuffle=False
    )
    return before, [np.array(v) for v in model.trainable_variables]


def test_each_stage_moves_at_its_own_rate():
    keras.utils.set_random_seed(1)
    model, stage_of = two_layers()
    start = model.get_weights()
    _, plain = step(model, keras.optimizers.SGD(1.0, momentum=0.9))
    model.set_weights(start)
    before, after = step(model, make_optimizer(phase(optimizer="sgd"), stage_of, 1))
    for at, share in enumerate((0.1, 0.1, 1.0, 1.0)):
        np.testing.assert_allclose(
            after[at] - before[at], share * (plain[at] - before[at]), rtol=1e-5, atol=1e-7
        )


def test_decay_touches_kernels_only_and_scales_with_the_rate():
    keras.utils.set_random_seed(1)
    model, stage_of = two_layers()
    for variable in model.trainable_variables:
        variable.assign(np.ones(variable.shape))
    optimizer = make_optimizer(phase(weight_decay=0.5), stage_of, 1)
    optimizer.build(model.trainable_variables)
    optimizer.apply([keras.ops.zeros(v.shape) for v in model.trainable_variables])
    low, low_bias, high, high_bias = (np.array(v) for v in model.trainable_variables)
    np.testing.assert_allclose(low, 1 - 0.1 * 0.5)
    np.testing.assert_allclose(high, 1 - 0.5)
    np.testing.assert_allclose(low_bias, 1)
    np.testing.assert_allclose(high_bias, 1)


def test_adamw_equals_keras_when_all_rates_are_one():
    keras.utils.set_random_seed(2)
    model, stage_of = two_layers()
    start = model.get_weights()
    _, theirs = step(model, keras.optimizers.AdamW(0.01, weight_decay=0.0))
    model.set_weights(start)
    ours_phase = phase(rates={"low": 0.01, "head": 0.01})
    _, ours = step(model, make_optimizer(ours_phase, stage_of, 1))
    for mine, peer in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(mine, peer, rtol=1e-6)


def test_rates_shown_follow_the_schedule():
    model, stage_of = two_layers()
    optimizer = make_optimizer(phase(schedule="cosine"), stage_of, 10)
    optimizer.build(model.trainable_variables)
    assert current_rates(phase(schedule="cosine"), optimizer) == {
        "low": pytest.approx(0.1),
        "head": pytest.approx(1),
    }
    optimizer.iterations.assign(5)
    assert current_rates(phase(), optimizer)["head"] == pytest.approx(0.5)


@pytest.mark.parametrize(
    ("kind", "warmup", "expected"),
    [
        ("constant", 0.0, {0: 1.0, 99: 1.0}),
        ("cosine", 0.0, {0: 1.0, 50: 0.5, 100: 0.0}),
        ("cosine", 0.1, {0: 0.1, 9: 1.0, 10: 1.0, 55: 0.5, 100: 0.0}),
        ("one_cycle", 0.3, {0: 0.2, 30: 1.0, 100: 1e-5}),
        ("slanted", 0.1, {0: 1 / 32, 5: (1 + 31 / 2) / 32, 10: 1.0, 55: (1 + 31 / 2) / 32, 100: 1 / 32}),
        ("milestones", 0.2, {0: 0.05, 19: 1.0, 20: 1.0, 39: 1.0, 40: 0.1, 59: 0.1, 60: 0.01, 99: 0.01}),
    ],
)
def test_schedules_by_hand(kind, warmup, expected):
    schedule = PhaseSchedule(kind, 100, warmup, (0.4, 0.6) if kind == "milestones" else ())
    for at, value in expected.items():
        assert float(schedule(at)) == pytest.approx(value, abs=1e-6)


def test_schedules_survive_serialisation():
    schedule = PhaseSchedule("milestones", 100, 0.1, (0.3,))
    assert PhaseSchedule.from_config(schedule.get_config()).get_config() == schedule.get_config()
