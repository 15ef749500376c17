"""What waiting adds to the awaited client: a thread, interruptions, forks, and forgetting to close."""

import asyncio
import gc
import inspect
import os
import signal
import subprocess
import sys
import threading
import time

import pytest

import tlzoo.client
from tests.client import faults
from tests.client.test_predict import GOOD
from tlzoo.client import AsyncClient, Client, retry
from tlzoo.errors import NoAnswerError, ServerError


def threads():
    return [thread for thread in threading.enumerate() if thread.name == "tlzoo-client"]


def test_both_clients_have_the_same_methods():
    def methods(kind):
        return {
            name: list(inspect.signature(one).parameters.values())
            for name, one in vars(kind).items()
            if inspect.isfunction(one) and not name.startswith("_")
        }

    assert methods(Client) == methods(AsyncClient)


def test_a_client_starts_nothing_before_it_asks_and_leaves_nothing(http_url):
    client = Client(http_url, "half_plus_two")
    assert threads() == []
    with client:
        client.ready()
        assert len(threads()) == 1
    assert threads() == []
    assert client.ready()  # and again
    client.close()
    client.close()
    assert threads() == []


def test_a_client_that_is_forgotten_ends_its_thread(url):
    client = Client(url, "half_plus_two")
    client.ready()
    del client
    gc.collect()
    for _ in range(500):
        if not threads():
            return
        time.sleep(0.01)
    raise AssertionError("the thread is still there")


def test_many_threads_may_ask_one_client(url):
    found = {}
    with Client(url, "half_plus_two") as client:

        def ask(at):
            found[at] = [client.call({"x": float(at + more)})["y"].item() for more in range(5)]

        workers = [threading.Thread(target=ask, args=[at]) for at in range(8)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
    assert found == {at: [(at + more) / 2 + 3 for more in range(5)] for at in range(8)}


def test_a_client_that_waits_works_beside_a_running_loop(url):
    async def work():
        with Client(url, "half_plus_two") as client:
            return client.call(1.0)["y"]

    assert asyncio.run(work()) == 3.5


@pytest.fixture
def interruptible():
    """Ctrl-C raises, even where whoever started the tests in the background has SIGINT ignored."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def test_an_interruption_ends_the_waiting(models, interruptible):
    with faults.silent() as port, Client(f"http://127.0.0.1:{port}", "m", timeout=None) as client:
        timer = threading.Timer(0.3, os.kill, [os.getpid(), signal.SIGINT])
        timer.start()
        with pytest.raises(KeyboardInterrupt):
            client.metadata()
        timer.join()


@pytest.mark.parametrize("scheme", ["http", "grpc"])
def test_closing_ends_what_others_wait_for(scheme):
    with faults.silent() as port:
        client = Client(f"{scheme}://127.0.0.1:{port}", "m", timeout=None, retries=0)
        found = []

        def ask():
            try:
                client.metadata()
            except NoAnswerError as error:
                found.append(error.code)

        worker = threading.Thread(target=ask)
        worker.start()
        while not threads():
            time.sleep(0.001)
        client.close()
        worker.join(60)
    assert found == ["CANCELLED"]
    assert threads() == []


def test_a_stream_whose_client_is_closed_ends(http_url, models, bundle_versions):
    models.versions.update(bundle_versions)
    client = Client(http_url, "number", batch_size=1)
    stream = client.stream([GOOD[0]] * 50)
    next(stream)
    client.close()
    with pytest.raises(NoAnswerError, match="closed"):
        next(stream)
    assert threads() == []


def test_a_forked_process_asks_anew(http_url):
    """In a program of its own: a process full of TensorFlow's threads cannot be forked safely."""
    code = f"""
import os, sys
from tlzoo.client import Client
with Client({http_url!r}, "half_plus_two") as client:
    assert client.call(1.0)["y"] == 3.5
    child = os.fork()
    if child == 0:
        found = client.call(3.0)["y"]
        client.close()
        os._exit(0 if found == 4.5 else 2)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert client.call(1.0)["y"] == 3.5
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stderr) == (0, "")


def test_a_program_that_does_not_close_ends_quietly(url):
    code = f"""
from tlzoo.client import Client
client = Client({url!r}, "half_plus_two")
assert client.call(1.0)["y"] == 3.5
"""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, timeout=120
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_an_awaited_client_may_change_its_loop(url):
    client = AsyncClient(url, "half_plus_two")

    async def ask():
        found = (await client.call(1.0))["y"]
        await client.close()
        return found

    assert [asyncio.run(ask()) for _ in range(3)] == [3.5] * 3


def test_a_question_that_is_cancelled_stays_cancelled(models):
    async def work(port):
        async with AsyncClient(f"http://127.0.0.1:{port}", "m", timeout=None) as client:
            task = asyncio.create_task(client.metadata())
            await asyncio.sleep(0.1)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task

    with faults.silent() as port:
        asyncio.run(work(port))


def test_names_are_resolved_when_they_are_used():
    assert dir(tlzoo.client) == tlzoo.client.__all__ == sorted(tlzoo.client.__all__)
    for name in tlzoo.client.__all__:
        assert getattr(tlzoo.client, name).__name__ == name
    with pytest.raises(AttributeError, match=r"has no attribute 'Cleint'; it has: .*Client"):
        _ = tlzoo.client.Cleint


# ---------------------------------------------------------------------------------------------------- waits


def test_waits_double_up_to_a_limit_and_differ():
    for attempt in range(1, 200):
        longest = (
            min(retry.LONGEST_WAIT, retry.FIRST_WAIT * 2 ** (attempt - 1))
            if attempt < 50
            else retry.LONGEST_WAIT
        )
        found = [retry.wait(attempt) for _ in range(20)]
        assert all(longest / 2 <= one <= longest for one in found)
        assert len(set(found)) > 1
    assert retry.wait(1, 7.0) >= 7.0


def persist(outcomes, timeout=None, retries=3):
    """Runs attempts that come to these ends; returns the end and how many attempts there were."""
    left = []

    async def ask(seconds):
        left.append(seconds)
        one = outcomes[len(left) - 1]
        if isinstance(one, Exception):
            raise one
        return one

    async def work():
        return await retry.persist(ask, retry.Deadline(timeout), retries, "there")

    try:
        return asyncio.run(work()), left
    except ServerError as error:
        return error, left


def test_attempts(monkeypatch):
    monkeypatch.setattr(retry, "FIRST_WAIT", 0.001)
    again, never = ServerError("again", retry=True), ServerError("never")
    assert persist(["fine"]) == ("fine", [None])
    assert persist([again, again, "fine"])[0] == "fine"
    assert persist([again] * 9) == (again, [None] * 4)
    assert persist([again] * 9, retries=0) == (again, [None])
    assert persist([again, never, "fine"]) == (never, [None] * 2)
    found, left = persist([again, "fine"], timeout=60)
    assert found == "fine"
    assert 60 >= left[0] > left[1] > 0
    patient = ServerError("later", retry=True, retry_after=1000.0)
    assert persist([patient, "fine"], timeout=60) == (patient, [pytest.approx(60, abs=1)])


def test_time_that_is_over_is_over():
    async def work():
        async def ask(left):
            await asyncio.sleep(1000)

        await retry.persist(ask, retry.Deadline(0.05), 3, "there")

    with pytest.raises(NoAnswerError, match=r"there did not answer within 0\.05 s"):
        asyncio.run(work())
