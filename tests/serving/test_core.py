"""The models of a server: versions, labels, reload, and what requests get."""

import asyncio
import contextlib
import shutil

import numpy as np
import pytest
from google.protobuf import text_format
from tensorflow_serving.config import model_server_config_pb2

from tlzoo.protocol.signature import ModelSpec
from tlzoo.protocol.status import Code, ServingError
from tlzoo.serving.core import Core
from tlzoo.serving.metrics import Metrics
from tlzoo.serving.options import BatchingOptions, ModelConfig, Policy, ServerOptions


@pytest.fixture
def base(tmp_path, models):
    """half_plus_two, of which only version 123 is there yet."""
    shutil.copytree(models / "half_plus_two" / "00000123", tmp_path / "m" / "00000123")
    return tmp_path / "m"


def deploy(models, base, number="00000124"):
    shutil.copytree(models / "half_plus_two" / "00000124", base.parent / "aside")
    (base.parent / "aside").rename(base / number)


def options(base, *, labels=None, policy=None, **others):
    model = ModelConfig("m", base, policy or Policy(), labels or {})
    return ServerOptions((model,), **{"poll_seconds": 0.01, "max_load_retries": 0, **others})


def serve(scenario, chosen):
    """Runs a coroutine function of a started core."""

    async def whole():
        core = Core(chosen, Metrics())
        async with contextlib.AsyncExitStack() as stack:
            stack.push_async_callback(core.close)
            await asyncio.wait_for(core.start(), 60)
            return await asyncio.wait_for(scenario(core), 60)

    return asyncio.run(whole())


async def ask(core, x=2.0, **spec):
    async with core.hold(ModelSpec("m", **spec)) as held:
        signature = held.signatures["serving_default"]
        answer = await held.predict(signature, {"x": np.array([x], np.float32)}, timeout=30)
        return held.spec.version, answer["y"].tolist()


async def until(core, version, state):
    while not any((one.version, one.state) == (version, state) for one in core.status("m")):
        await asyncio.sleep(0.005)


def config(text):
    return text_format.Parse(text, model_server_config_pb2.ModelServerConfig())


def entry(base, more="", name="m"):
    return f'config {{ name: "{name}" base_path: "{base}" model_platform: "tensorflow" {more} }}'


def test_a_new_version_takes_over_while_requests_run(base, models):
    async def scenario(core):
        assert core.ready()
        assert await ask(core) == (123, [3.0])
        deploy(models, base)
        while (found := await ask(core))[0] != 124:
            assert found == (123, [3.0])
        assert found == (124, [4.0])
        await until(core, 123, "END")
        assert [(one.version, one.state) for one in core.status("m")] == [(124, "AVAILABLE"), (123, "END")]
        shutil.rmtree(base / "00000124")
        await until(core, 123, "AVAILABLE")
        assert await ask(core) == (123, [3.0])

    serve(scenario, options(base))


def test_a_broken_version_fails_no_request(base):
    async def scenario(core):
        (base / "200").mkdir()
        (base / "200" / "saved_model.pb").write_bytes(b"broken")
        await until(core, 200, "END")
        (broken,) = core.status("m", 200)
        assert (broken.code, "Can't parse" in broken.message) == (Code.DATA_LOSS, True)
        assert await ask(core) == (123, [3.0])

    serve(scenario, options(base))


def test_labels(base, models):
    deploy(models, base)
    chosen = options(
        base, labels={"stable": 123, "canary": 124}, policy=Policy("all"), labels_for_unavailable=True
    )

    async def scenario(core):
        assert await ask(core, label="stable") == (123, [3.0])
        assert await ask(core, label="canary") == (124, [4.0])
        assert await ask(core, label="stable", version=124) == (124, [4.0])
        for spec in (ModelSpec("m", label="x"), ModelSpec("nobody", label="x")):
            with pytest.raises(ServingError, match="Unrecognized servable version label: x"):
                async with core.hold(spec):
                    pass

    serve(scenario, chosen)


def test_labels_of_versions_that_are_not_loaded_stop_the_start(base):
    with pytest.raises(
        ServingError, match="assign label to version 123 of model m, which is not currently"
    ) as caught:
        serve(None, options(base, labels={"stable": 123}))
    assert caught.value.code is Code.FAILED_PRECONDITION


def test_a_model_that_does_not_load_stops_the_start(base):
    (base / "00000123" / "saved_model.pb").write_bytes(b"")
    with pytest.raises(
        ServingError,
        match=r"^UNKNOWN: Failed to start server. Error: UNKNOWN: 1 servable\(s\) did not become available: "
        r"\{\{name: m version: 123\} due to error: .*, \}",
    ):
        serve(None, options(base))


def test_start_waits_for_a_base_path(tmp_path, models):
    async def whole():
        core = Core(options(tmp_path / "later"), Metrics())
        starting = asyncio.create_task(core.start())
        await asyncio.sleep(0.05)
        assert not starting.done()
        shutil.copytree(models / "half_plus_two" / "00000123", tmp_path / "later" / "1")
        await asyncio.wait_for(starting, 60)
        assert await ask(core) == (1, [3.0])
        await core.close()

    asyncio.run(whole())


def test_a_base_path_that_goes_missing_unloads_nothing_and_an_empty_one_all(base):
    async def scenario(core):
        base.rename(base.parent / "away")
        await asyncio.sleep(0.1)
        assert await ask(core) == (123, [3.0])
        (base.parent / "away").rename(base)
        shutil.rmtree(base / "00000123")
        await until(core, 123, "END")
        assert not core.ready()

    serve(scenario, options(base))


def test_reload_replaces_the_whole_list(base, models):
    async def scenario(core):
        await core.reload(config(f"model_config_list {{ {entry(models / 'shapes', name='s')} }}"))
        assert core.status("s")[0].state == "AVAILABLE"
        await until(core, 123, "END")
        with pytest.raises(ServingError, match=r"Servable not found for request: Latest\(m\)"):
            await ask(core)

    serve(scenario, options(base))


def test_reload_judges_labels_by_what_is_loaded_before(base, models):
    deploy(models, base)
    both = 'model_version_policy { all {} } version_labels { key: "canary" value: %d }'

    async def scenario(core):
        with pytest.raises(ServingError, match=r"assign label to version 123 .* not currently available"):
            await core.reload(config(f"model_config_list {{ {entry(base, both % 123)} }}"))
        await core.reload(config(f"model_config_list {{ {entry(base, both % 124)} }}"))
        await until(core, 123, "AVAILABLE")
        assert await ask(core, label="canary") == (124, [4.0])
        await core.reload(config(f"model_config_list {{ {entry(base, both % 123)} }}"))
        assert await ask(core, label="canary") == (123, [3.0])

    serve(scenario, options(base))


def test_a_reload_whose_model_does_not_load_says_so_and_keeps_the_others(base, tmp_path):
    (tmp_path / "bad" / "1").mkdir(parents=True)

    async def scenario(core):
        with pytest.raises(ServingError, match=r"1 servable.* did not become available"):
            await core.reload(
                config(f"model_config_list {{ {entry(base)} {entry(tmp_path / 'bad', name='bad')} }}")
            )
        assert await ask(core) == (123, [3.0])

    serve(scenario, options(base))


def test_the_config_file_is_read_again(base, models, tmp_path, caplog):
    file = tmp_path / "models.config"
    file.write_text(f"model_config_list {{ {entry(base)} }}")

    async def scenario(core):
        file.write_text("model_config_list { nonsense")
        while "is not taken over" not in caplog.text:
            await asyncio.sleep(0.005)
        assert await ask(core) == (123, [3.0])
        file.write_text(f"model_config_list {{ {entry(base)} {entry(models / 'shapes', name='s')} }}")
        while "s" not in {one.name for one in core.models}:
            await asyncio.sleep(0.005)
        assert await ask(core) == (123, [3.0])

    serve(scenario, options(base, config_file=file, config_poll_seconds=0.01))


@pytest.mark.parametrize("batching", [None, BatchingOptions(max_batch_size=8, max_enqueued_batches=20)])
def test_many_requests_at_once_get_their_own_answers(base, batching):
    async def scenario(core):
        found = await asyncio.gather(*(ask(core, float(x)) for x in range(100)))
        assert [answer for _, answer in found] == [[x / 2 + 2] for x in range(100)]

    serve(scenario, options(base, batching=batching))


def test_a_computation_has_its_time(models):
    async def scenario(core):
        async with core.hold(ModelSpec("m")) as held:
            with pytest.raises(ServingError, match="Timed out after") as caught:
                await held.predict(
                    held.signatures["serving_default"], {"w": np.zeros((10**6, 3), np.float32)}, timeout=1e-6
                )
        assert caught.value.code is Code.DEADLINE_EXCEEDED

    serve(scenario, options(models / "classes3"))


def test_classify_and_regress(base, models):
    import tensorflow as tf

    example = tf.train.Example()
    example.features.feature["x"].float_list.value.append(10.0)

    async def scenario(core):
        async with core.hold(ModelSpec("m", signature="classify_x_to_y")) as held:
            assert await held.classify([example.SerializeToString()] * 2) == [[("", 7.0)]] * 2
        async with core.hold(ModelSpec("m", signature="regress_x_to_y")) as held:
            assert await held.regress([example.SerializeToString()]) == [7.0]
        async with core.hold(ModelSpec("m", signature="nope")) as held:
            with pytest.raises(ServingError, match="No signature was found with the name: nope"):
                await held.regress([b""])

    serve(scenario, options(base))


def test_status_of_what_nobody_knows(base):
    async def scenario(core):
        with pytest.raises(ServingError, match="Could not find any versions of model x"):
            core.status("x")
        with pytest.raises(ServingError, match="Could not find version 9 of model m"):
            core.status("m", 9)

    serve(scenario, options(base))
