"""Requests of many callers in one run, without anybody paying for anybody else."""

import threading
import time

import numpy as np
import pytest

from tlzoo.protocol.status import Code, ServingError, invalid
from tlzoo.serving.batching import Batching
from tlzoo.serving.metrics import Metrics
from tlzoo.serving.options import BatchingOptions


class Doubles:
    """Doubles what it gets; waits at a gate first, refuses negative numbers, and remembers its batches."""

    def __init__(self, gated=False):
        self.gate, self.sizes, self.entered = threading.Event(), [], threading.Event()
        if not gated:
            self.gate.set()

    def __call__(self, inputs):
        self.entered.set()
        assert self.gate.wait(30)
        self.sizes.append(len(inputs["x"]))
        if (inputs["x"] < 0).any():
            raise invalid("negative")
        return {"y": inputs["x"] * 2}


@pytest.fixture
def batching(request):
    made = Batching(BatchingOptions(**{"num_batch_threads": 1, **request.param}), Metrics())
    yield made
    made.close()


def rows(*values):
    return {"x": np.array(values, np.float32)}


def answers(futures):
    return [one.result(timeout=30)["y"].tolist() for one in futures]


@pytest.mark.parametrize("batching", [{"max_batch_size": 4}], indirect=True)
def test_what_waits_is_joined_up_to_the_limit(batching):
    run = Doubles(gated=True)
    first = batching.submit("s", run, rows(1))
    assert run.entered.wait(30)
    rest = [batching.submit("s", run, rows(at)) for at in range(2, 8)]
    run.gate.set()
    assert answers([first, *rest]) == [[2.0 * at] for at in range(1, 8)]
    assert run.sizes == [1, 4, 2]


@pytest.mark.parametrize("batching", [{"max_batch_size": 3, "batch_timeout_micros": 10**9}], indirect=True)
def test_a_batch_goes_as_soon_as_it_is_full(batching):
    run = Doubles()
    assert answers([batching.submit("s", run, rows(at)) for at in (1, 2, 3)]) == [[2.0], [4.0], [6.0]]
    assert run.sizes == [3]


@pytest.mark.parametrize("batching", [{"max_batch_size": 100, "batch_timeout_micros": 20_000}], indirect=True)
def test_or_once_it_is_old_enough(batching):
    started = time.perf_counter()
    assert answers([batching.submit("s", Doubles(), rows(1))]) == [[2.0]]
    assert time.perf_counter() - started >= 0.02


@pytest.mark.parametrize("batching", [{"max_batch_size": 8}], indirect=True)
def test_a_strangers_mistake_is_the_strangers(batching):
    run = Doubles(gated=True)
    first = batching.submit("s", run, rows(0))
    assert run.entered.wait(30)
    good, bad, odd = (
        batching.submit("s", run, rows(1)),
        batching.submit("s", run, rows(-1)),
        batching.submit("s", run, {"x": np.array([[1.0, 2.0]], np.float32)}),
    )
    run.gate.set()
    assert answers([first, good, odd]) == [[0.0], [2.0], [[2.0, 4.0]]]
    with pytest.raises(ServingError, match="negative"):
        bad.result(timeout=30)


@pytest.mark.parametrize("batching", [{"max_batch_size": 2, "max_enqueued_batches": 2}], indirect=True)
def test_a_full_queue_is_unavailable(batching):
    run = Doubles(gated=True)
    running = batching.submit("s", run, rows(1))
    assert run.entered.wait(30)
    waiting = [batching.submit("s", run, rows(1)) for _ in range(4)]
    with pytest.raises(ServingError, match="queue to which this task was submitted is full") as caught:
        batching.submit("s", run, rows(1))
    assert caught.value.code is Code.UNAVAILABLE
    run.gate.set()
    assert answers([running, *waiting]) == [[2.0]] * 5


@pytest.mark.parametrize("batching", [{"max_batch_size": 2}], indirect=True)
def test_a_request_larger_than_a_batch_is_refused(batching):
    with pytest.raises(ServingError, match="Task size 3 is larger than maximum input batch size 2"):
        batching.submit("s", Doubles(), rows(1, 2, 3))


@pytest.mark.parametrize(
    "batching",
    [{"max_batch_size": 4, "max_execution_batch_size": 2, "enable_large_batch_splitting": True}],
    indirect=True,
)
def test_or_cut_when_told(batching):
    run = Doubles()
    assert answers([batching.submit("s", run, rows(1, 2, 3, 4, 5))]) == [[2.0, 4.0, 6.0, 8.0, 10.0]]
    assert sorted(run.sizes) == [1, 2, 2]
    with pytest.raises(ServingError, match="negative"):
        batching.submit("s", run, rows(1, 2, 3, -4, 5)).result(timeout=30)


@pytest.mark.parametrize("batching", [{"max_batch_size": 8}], indirect=True)
def test_signatures_are_not_mixed(batching):
    first, second = Doubles(gated=True), Doubles()
    running = batching.submit("a", first, rows(1))
    assert first.entered.wait(30)
    waiting = [batching.submit("a", first, rows(2)), batching.submit("b", second, rows(3))]
    first.gate.set()
    assert answers([running, *waiting]) == [[2.0], [4.0], [6.0]]
    assert (first.sizes, second.sizes) == ([1, 1], [1])


def test_closing_answers_what_is_queued():
    batching = Batching(
        BatchingOptions(max_batch_size=100, batch_timeout_micros=10**9, num_batch_threads=2), Metrics()
    )
    futures = [batching.submit("s", Doubles(), rows(at)) for at in range(5)]
    batching.close()
    assert answers(futures) == [[2.0 * at] for at in range(5)]


@pytest.mark.parametrize("batching", [{"max_batch_size": 16, "num_batch_threads": 3}], indirect=True)
def test_many_callers_at_once(batching):
    run, found = Doubles(), {}

    def ask(caller):
        for at in range(50):
            value = float(caller * 100 + at)
            found[value] = batching.submit("s", run, rows(value)).result(timeout=30)["y"].tolist()

    callers = [threading.Thread(target=ask, args=(caller,)) for caller in range(8)]
    for one in callers:
        one.start()
    for one in callers:
        one.join()
    assert found == {value: [value * 2] for value in found}
    assert len(found) == 400


def test_where_nothing_is_gained_requests_go_one_by_one():
    batching = Batching(
        BatchingOptions(
            num_batch_threads=1, max_batch_size=4, max_enqueued_batches=1, batch_timeout_micros=10**9
        ),
        Metrics(),
        singly=True,
    )
    run = Doubles(gated=True)
    first = batching.submit("s", run, rows(0))
    assert run.entered.wait(30)
    waiting = [batching.submit("s", run, rows(1, 2)), batching.submit("s", run, rows(3, 4))]
    with pytest.raises(ServingError, match="max_enqueued_batches is 1"):
        batching.submit("s", run, rows(5))
    run.gate.set()
    assert answers([first, *waiting]) == [[0.0], [2.0, 4.0], [6.0, 8.0]]
    assert run.sizes == [1, 2, 2]
    batching.close()
