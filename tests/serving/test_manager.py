"""Versions come before others go, and nobody's request is lost on the way."""

import asyncio
import contextlib
import threading
from pathlib import Path

import pytest

from tlzoo.protocol.signature import ModelSpec
from tlzoo.protocol.status import Code, ServingError, invalid
from tlzoo.serving.loading import Loaded
from tlzoo.serving.manager import Manager


class Loads:
    """Loads nothing, remembers in which order, and can be held up or told to fail."""

    def __init__(self):
        self.order, self.failing, self.gates = [], {}, {}

    def __call__(self, folder):
        if folder.name in self.gates:
            assert self.gates[folder.name].wait(30)
        self.order.append(folder.name)
        if self.failing.get(folder.name, 0):
            self.failing[folder.name] -= 1
            raise invalid(f"broken {folder.name}")
        return Loaded(None, None)


def folders(*numbers):
    return {number: Path(f"/models/m/{number}") for number in numbers}


def run(scenario, **options):
    """Runs a coroutine function of (manager, loads) and closes the manager afterwards."""

    async def whole():
        loads = Loads()
        manager = Manager(loads, **{"max_retries": 0, "retry_seconds": 30, **options})
        try:
            return await asyncio.wait_for(scenario(manager, loads), 30)
        finally:
            for gate in loads.gates.values():
                gate.set()
            await asyncio.wait_for(manager.close(), 30)

    return asyncio.run(whole())


def states(manager):
    return {one.version: one.state for one in manager.status("m")}


async def until(manager, **expected):
    """Waits until versions are in these states: `until(manager, v1="END")`."""
    wanted = {int(name[1:]): state for name, state in expected.items()}
    while not wanted.items() <= states(manager).items():
        await asyncio.sleep(0.001)


def chosen(manager, **spec):
    with manager.hold(ModelSpec("m", **spec)) as version:
        return version.number


def test_the_newest_answers_unless_a_version_is_named():
    async def scenario(manager, _):
        manager.want("m", folders(1, 2, 10))
        assert [one.number for one in await manager.settled(["m"])] == [10, 2, 1]
        assert [chosen(manager), chosen(manager, version=2)] == [10, 2]
        assert states(manager) == {10: "AVAILABLE", 2: "AVAILABLE", 1: "AVAILABLE"}
        assert list(states(manager)) == [10, 2, 1]

    run(scenario)


@pytest.mark.parametrize("spec", [ModelSpec("n"), ModelSpec("m", 9)])
def test_what_is_not_there_is_not_found(spec):
    async def scenario(manager, _):
        manager.want("m", folders(1))
        await manager.settled(["m"])
        with pytest.raises(ServingError) as caught, manager.hold(spec):
            pass
        assert caught.value.code is Code.NOT_FOUND
        assert caught.value.message == f"Servable not found for request: {spec}"

    run(scenario)


def test_the_old_version_answers_until_the_new_one_can():
    async def scenario(manager, loads):
        manager.want("m", folders(1))
        await manager.settled(["m"])
        loads.gates["2"] = threading.Event()
        manager.want("m", folders(2))
        await until(manager, v2="LOADING")
        assert (chosen(manager), states(manager)[1]) == (1, "AVAILABLE")
        loads.gates["2"].set()
        await until(manager, v2="AVAILABLE", v1="END")
        assert chosen(manager) == 2

    run(scenario)


def test_a_broken_version_changes_nothing():
    async def scenario(manager, loads):
        manager.want("m", folders(1))
        await manager.settled(["m"])
        loads.failing["2"] = 1
        manager.want("m", folders(2))
        await until(manager, v2="END")
        assert (chosen(manager), states(manager)[1]) == (1, "AVAILABLE")
        (broken,) = [one for one in manager.status("m") if one.version == 2]
        assert (broken.code, broken.message) == (Code.INVALID_ARGUMENT, "broken 2")
        # It goes, and a whole one of the same number comes.
        manager.want("m", folders(1))
        manager.want("m", folders(2))
        await until(manager, v2="AVAILABLE", v1="END")

    run(scenario)


def test_a_failing_load_is_tried_again():
    async def scenario(manager, loads):
        loads.failing["1"] = 2
        manager.want("m", folders(1))
        (version,) = await manager.settled(["m"])
        assert (version.error, loads.order) == (None, ["1", "1", "1"])

    run(scenario, max_retries=2, retry_seconds=0.001)


def test_nobody_waits_for_the_retry_of_a_version_that_is_wanted_no_more():
    async def scenario(manager, loads):
        loads.failing["1"] = 9
        manager.want("m", folders(1))
        while not loads.order:
            await asyncio.sleep(0.001)
        manager.want("m", {})
        await until(manager, v1="END")

    run(scenario, max_retries=9, retry_seconds=3600)


def test_a_version_in_use_stays_until_its_requests_end():
    async def scenario(manager, _):
        manager.want("m", folders(1))
        await manager.settled(["m"])
        with contextlib.ExitStack() as requests:
            version = requests.enter_context(manager.hold(ModelSpec("m")))
            requests.enter_context(manager.hold(ModelSpec("m")))
            manager.want("m", folders(2))
            await until(manager, v2="AVAILABLE", v1="UNLOADING")
            await asyncio.sleep(0.01)
            assert (states(manager)[1], version.loaded is None) == ("UNLOADING", False)
            assert chosen(manager) == 2
            with pytest.raises(ServingError, match="not found"):
                chosen(manager, version=1)
        await until(manager, v1="END")
        assert version.loaded is None

    run(scenario)


def test_none_wanted_unloads_all_and_remembers_them():
    async def scenario(manager, _):
        manager.want("m", folders(1, 2))
        await manager.settled(["m"])
        manager.want("m", {})
        await until(manager, v1="END", v2="END")
        assert not manager.available("m", 1)

    run(scenario)


def test_a_version_that_comes_back_while_it_goes_is_loaded_again():
    async def scenario(manager, loads):
        manager.want("m", folders(1))
        await manager.settled(["m"])
        with manager.hold(ModelSpec("m")):
            manager.want("m", {})
            assert states(manager) == {1: "UNLOADING"}
            manager.want("m", folders(1))
        await until(manager, v1="AVAILABLE")
        assert loads.order == ["1", "1"]

    run(scenario)


def test_of_several_new_versions_the_highest_comes_first_and_frees_the_old():
    async def scenario(manager, loads):
        manager.want("m", folders(1))
        await manager.settled(["m"])
        loads.gates["2"] = threading.Event()
        manager.want("m", folders(2, 3))
        await until(manager, v3="AVAILABLE", v1="END")
        assert states(manager)[2] == "LOADING"
        loads.gates["2"].set()
        await until(manager, v2="AVAILABLE")

    run(scenario, load_threads=2)
