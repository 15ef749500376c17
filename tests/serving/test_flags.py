"""Words of a command become options, as `tensorflow_model_server` would understand them."""

from __future__ import annotations

from dataclasses import fields, replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.serving.bundles import bundle, saved_model
from tlzoo.errors import BundleError, TlzooError, UnknownNameError, UsageError
from tlzoo.serving.command import _ADDED, _FIELDS
from tlzoo.serving.flag_table import ADDITIONS, FLAGS, MODEL_SERVER
from tlzoo.serving.flags import normalise, parse
from tlzoo.serving.options import (
    JOINED,
    METRICS_PATH,
    Additions,
    BatchingOptions,
    ModelConfig,
    Policy,
    ServerOptions,
)

MODEL = "--model_base_path=/models/m"

_MAIN_CC = """
port grpc_socket_path rest_api_port rest_api_num_threads rest_api_timeout_in_ms rest_api_enable_cors_support
enable_batching allow_version_labels_for_unavailable_models batching_parameters_file
enable_per_model_batching_parameters model_config_file model_config_file_poll_wait_seconds model_name model_base_path
num_load_threads num_unload_threads max_num_load_retries load_retry_interval_micros file_system_poll_wait_seconds
flush_filesystem_caches tensorflow_session_parallelism tensorflow_session_config_file
tensorflow_intra_op_parallelism tensorflow_inter_op_parallelism use_alts_credentials ssl_config_file
platform_config_file per_process_gpu_memory_fraction saved_model_tags grpc_channel_arguments grpc_max_threads
enable_model_warmup num_request_iterations_for_warmup version monitoring_config_file
remove_unused_fields_from_bundle_metagraph prefer_tflite_model num_tflite_pools num_tflite_interpreters_per_pool
enable_signature_method_name_check xla_cpu_compilation_enabled xla_gpu_compilation_enabled enable_profiler
thread_pool_factory_config_file mixed_precision skip_initialize_tpu enable_grpc_healthcheck_service
enable_serialization_as_tensor_content
"""
MAIN_CC = _MAIN_CC.split()
"""Flags that tensorflow_serving/model_servers/main.cc declares."""


def options(*words: str) -> ServerOptions:
    return parse([MODEL, *words]).options


def refused(*words: str) -> TlzooError:
    with pytest.raises(TlzooError) as caught:
        parse(words)
    assert caught.value.what
    assert caught.value.allowed
    assert caught.value.do
    return caught.value


def test_every_flag_of_main_cc_is_known_and_no_other_is_said_to_be_its():
    assert {flag.key for flag in MODEL_SERVER} == set(MAIN_CC)
    assert len(MODEL_SERVER) == len(MAIN_CC)
    assert not {flag.key for flag in ADDITIONS} & set(MAIN_CC)


def test_every_flag_is_used_or_says_why_not():
    elsewhere = {
        *("model_name", "model_base_path", "enable_batching", "batching_parameters_file", "version"),
        *("monitoring_config_file", "ssl_config_file"),
        *(f"tensorflow_{kind}_parallelism" for kind in ("session", "intra_op", "inter_op")),
    }
    for key, flag in FLAGS.items():
        said = bool(flag.idle) + bool(flag.refused)
        used = key in _FIELDS or key in _ADDED or key in elsewhere
        assert said + used == 1, key
        assert bool(flag.help) == used, key


def test_defaults_in_the_help_are_those_of_the_options():
    bare = options()
    for key, (field, convert) in (_FIELDS | _ADDED).items():
        value = FLAGS[key].default
        if value is not None:
            held = getattr(bare.additions if key in _ADDED else bare, field)
            assert convert(value) == held, key


def test_without_flags_a_model_is_called_default_and_nothing_is_added():
    assert parse([MODEL]).options == ServerOptions((ModelConfig("default", Path("/models/m")),))
    assert parse([MODEL]).notes == ()


@pytest.mark.parametrize(
    ("words", "field", "value"),
    [
        (["--rest_api_port=8080"], "rest_port", 8080),
        (["--port", "0"], "grpc_port", 0),
        (["--host", "::1"], "host", "::1"),
        (["--file_system_poll_wait_seconds=-1"], "poll_seconds", -1),
        (["--file_system_poll_wait_seconds", "-1"], "poll_seconds", -1),
        (["--max_num_load_retries=0"], "max_load_retries", 0),
        (["--max_num_load_retries=-3"], "max_load_retries", 0),
        (["--load_retry_interval_micros=250000"], "load_retry_seconds", 0.25),
        (["--load_retry_interval_micros=-1"], "load_retry_seconds", 0.0),
        (["--num_load_threads=0"], "load_threads", 1),
        (["--num_load_threads=4"], "load_threads", 4),
        (["--allow_version_labels_for_unavailable_models"], "labels_for_unavailable", True),
        (["--rest_api_enable_cors_support=1"], "cors", True),
        (["--rest_api_timeout_in_ms=1500"], "rest_timeout_seconds", 1.5),
        (["--rest_api_timeout_in_ms=0"], "rest_timeout_seconds", 0.0),
        (["--rest_api_num_threads=3"], "threads", 3),
        (["--enable_model_warmup=false"], "warmup", False),
        (["--num_request_iterations_for_warmup=5"], "warmup_iterations", 5),
        (["--num_request_iterations_for_warmup=0"], "warmup_iterations", 1),
        (["--enable_grpc_healthcheck_service"], "grpc_health", True),
        (["--enable_serialization_as_tensor_content"], "tensor_content", True),
        (
            ["--grpc_channel_arguments=grpc.max_connection_age_ms=2000,grpc.x=y"],
            "grpc_arguments",
            (("grpc.max_connection_age_ms", 2000), ("grpc.x", "y")),
        ),
        (["--tensorflow_session_parallelism=3"], "intra_op_threads", 3),
        (["--tensorflow_session_parallelism=3"], "inter_op_threads", 3),
        (["--tensorflow_intra_op_parallelism=2"], "intra_op_threads", 2),
        (
            ["--tensorflow_intra_op_parallelism=2", "--tensorflow_session_parallelism=9"],
            "inter_op_threads",
            0,
        ),
        (["--enable_batching"], "batching", BatchingOptions()),
        (["--enable_batching", "--enable_per_model_batching_parameters"], "per_model_batching", True),
    ],
)
def test_a_flag_sets_its_field_and_no_other(words, field, value):
    found = options(*words)
    assert getattr(found, field) == value
    related = {"intra_op_threads", "inter_op_threads", "batching", field}
    for other in {one.name for one in fields(ServerOptions)} - related:
        assert getattr(found, other) == getattr(options(), other), other


@pytest.mark.parametrize(
    ("words", "field", "value"),
    [
        (["--drain-seconds=2.5"], "drain_seconds", 2.5),
        (["--max_request_bytes", "1000"], "max_request_bytes", 1000),
        (["--max-concurrent-requests=8"], "max_concurrent_requests", 8),
        (["--access-log", "-"], "access_log", "-"),
        (["--request-log=/tmp/log"], "request_log", Path("/tmp/log")),
        (["--request-log-rate=1"], "request_log_rate", 1.0),
        (["--no-lite-network"], "lite_network", False),
        (["--no-index-page"], "index_page", False),
        (["--no_index_page=false"], "index_page", True),
    ],
)
def test_additions(words, field, value):
    assert options(*words).additions == replace(Additions(), **{field: value})


def test_a_token_file_must_be_there(tmp_path):
    (tmp_path / "tokens").write_text("secret\n")
    assert options(f"--token-file={tmp_path}/tokens").additions.token_file == tmp_path / "tokens"
    assert "token-file" in refused(MODEL, f"--token-file={tmp_path}/none").what


@pytest.mark.parametrize("text", ["true", "1"])
@pytest.mark.parametrize("flag", ["enable_batching", "enable-batching"])
def test_booleans_are_read_as_tensorflows_are(flag, text):
    assert options(f"--{flag}={text}").batching == options(f"--{flag}").batching == BatchingOptions()
    assert options(f"--{flag}={'false' if text == 'true' else '0'}").batching is None


@pytest.mark.parametrize("text", ["True", "yes", "", "on"])
def test_other_words_are_no_booleans(text):
    assert "none of true, false, 1 and 0" in refused(MODEL, f"--enable_batching={text}").what


def test_a_boolean_takes_no_word_that_follows(tmp_path):
    bundle(tmp_path / "photos", "photos")
    found = parse(["--enable_batching", str(tmp_path / "photos")]).options
    assert (found.models[0].name, found.batching) == ("photos", JOINED)


def test_the_last_of_a_flag_holds():
    assert options("--port=1", "--port=2").grpc_port == 2


def test_empty_text_is_none_as_for_tensorflows_flags():
    assert options("--model_config_file=", "--ssl_config_file=", "--token-file=") == options()


@pytest.mark.parametrize(
    ("flag", "guess"),
    [
        ("--enable_batchin", "enable_batching"),
        ("--rest-port=1", "rest_api_port"),
        ("--drain_second", "drain-seconds"),
    ],
)
def test_unknown_flags_are_answered_with_the_closest(flag, guess):
    error = refused(MODEL, flag)
    assert isinstance(error, UnknownNameError)
    assert f"'{guess}'" in error.do


IMPOSSIBLE = """
--port=x
--port
--port=1.5
--port=-1
--port=0 --rest_api_port=0
--rest_api_port=65536
--drain-seconds=nan
--drain-seconds=-1
--max-request-bytes=0
--max-concurrent-requests=-1
--request-log-rate=0
--request-log-rate=1.1
--request-log-rate=nan
--grpc_channel_arguments=x
--batching_parameters_file=/x
--tensorflow_session_parallelism=1 --tensorflow_intra_op_parallelism=1 --tensorflow_inter_op_parallelism=1
"""


@pytest.mark.parametrize("words", IMPOSSIBLE.strip().splitlines())
def test_values_that_cannot_be_are_refused_with_three_facts(words):
    assert isinstance(refused(MODEL, *words.split()), UsageError)


@pytest.mark.parametrize("flag", [flag for flag in MODEL_SERVER if flag.refused], ids=lambda flag: flag.key)
def test_what_would_change_answers_is_refused(flag):
    value = "true" if flag.kind == "bool" else "other"
    assert flag.refused in refused(MODEL, f"--{flag.name}={value}").what
    same = str(flag.here).lower() if flag.kind == "bool" else flag.here
    assert parse([MODEL, f"--{flag.name}={same}"]).notes == ()


@pytest.mark.parametrize("flag", [flag for flag in MODEL_SERVER if flag.idle], ids=lambda flag: flag.key)
def test_what_means_nothing_here_is_named(flag):
    value = {"bool": "true", "int": "7", "float": "0.5"}.get(flag.kind, "/some/file")
    command = parse([MODEL, f"--{flag.name}={value}"])
    assert command.options == options()
    assert command.notes == (f"--{flag.name} has no effect here: {flag.idle}.",)
    if flag.here is not None:
        assert parse([MODEL, f"--{flag.name}={str(flag.here).lower()}"]).notes == ()


def test_per_model_batching_without_batching_is_named():
    (note,) = parse([MODEL, "--enable_per_model_batching_parameters"]).notes
    assert "without --enable_batching" in note


def test_one_port_for_both_leaves_rest_closed_as_tensorflow_serving_does():
    command = parse([MODEL, "--port=8501"])
    assert (command.options.grpc_port, command.options.rest_port) == (8501, 0)
    assert "--rest_api_port cannot be same as --port" in command.notes[0]


def test_people_are_told_of_one_port_for_both(tmp_path):
    bundle(tmp_path / "photos", "photos")
    assert "--rest_api_port is 8500" in refused(str(tmp_path / "photos"), "--rest_api_port=8500").what


# Models


def test_a_bundle_bears_its_own_name_and_shows_metrics(tmp_path):
    folder = bundle(tmp_path / "models" / "x", "photos")
    found = parse([str(folder)]).options
    assert found.models == (ModelConfig("photos", folder),)
    assert found.metrics_path == METRICS_PATH
    assert replace(found, models=(), metrics_path="") == ServerOptions(())


def test_a_version_folder_is_served_alone(tmp_path):
    folder = bundle(tmp_path / "x", "photos", 3)
    bundle(tmp_path / "x", "photos", 4)
    assert parse([str(folder / "3")]).options.models == (
        ModelConfig("photos", folder, Policy("specific", versions=(3,))),
    )


def test_a_name_can_be_given(tmp_path, monkeypatch):
    folder = bundle(tmp_path / "x", "photos")
    monkeypatch.chdir(tmp_path)
    assert parse(["pets=x"]).options.models == (ModelConfig("pets", folder),)
    assert parse(["zoë=x"]).options.models[0].name == "zoë"


def test_a_folder_with_an_equals_sign_is_a_folder_if_it_is_there(tmp_path, monkeypatch):
    bundle(tmp_path / "a=b", "photos")
    monkeypatch.chdir(tmp_path)
    assert parse(["a=b"]).options.models == (ModelConfig("photos", tmp_path / "a=b"),)
    assert parse([str(tmp_path / "a=b")]).options.models == (ModelConfig("photos", tmp_path / "a=b"),)


def test_other_saved_models_are_called_as_their_folder_is(tmp_path):
    folder = saved_model(tmp_path / "half_plus_two", "00000123")
    assert parse([str(folder)]).options.models == (ModelConfig("half_plus_two", folder),)
    (model,) = parse([str(folder / "00000123")]).options.models
    assert (model.name, model.policy.versions) == ("half_plus_two", (123,))


def test_links_stay_links(tmp_path):
    bundle(tmp_path / "first", "photos")
    (tmp_path / "current").symlink_to(tmp_path / "first")
    assert parse([str(tmp_path / "current")]).options.models[0].base_path == tmp_path / "current"


def test_two_models_of_one_name_are_refused(tmp_path):
    first, second = bundle(tmp_path / "a", "photos"), bundle(tmp_path / "b", "photos")
    error = refused(str(first), str(second))
    assert "are both called 'photos'" in error.what
    assert f"other={second}" in error.do
    assert [model.name for model in parse([str(first), f"other={second}"]).options.models] == [
        "photos",
        "other",
    ]


@pytest.mark.parametrize("name", ["a:b", "a b", "x\x07"])
def test_a_name_no_url_can_bear_is_refused(tmp_path, name):
    bundle(tmp_path / "x", name)
    assert "cannot be asked for" in refused(str(tmp_path / "x")).what
    assert parse([f"fine={tmp_path / 'x'}"]).options.models[0].name == "fine"


@pytest.mark.parametrize("word", ["=x", "x="])
def test_half_a_name_is_refused(word):
    assert "DIR, or NAME=DIR" in refused(word).allowed


@pytest.mark.parametrize(
    ("make", "what"),
    [
        (lambda path: None, "does not exist"),
        (lambda path: path.mkdir(), "no numbered version folder"),
        (lambda path: (path / "1").mkdir(parents=True), "no saved_model.pb"),
        (lambda path: (bundle(path, "x") / "1/assets.extra/bundle.json").write_text("{"), "cannot be read"),
        (lambda path: saved_model(path.parent, path.name), "its name is no version"),
    ],
)
def test_missing_and_broken_folders_are_said_with_three_facts(tmp_path, make, what):
    make(tmp_path / "photos")
    error = refused(str(tmp_path / "photos"))
    assert isinstance(error, BundleError)
    assert what in error.what


def test_models_are_named_one_way_only(tmp_path):
    folder = str(bundle(tmp_path / "x", "photos"))
    for flag in (MODEL, "--model_name=y", "--model_config_file=/x"):
        assert "named twice" in refused(folder, flag).what
    assert "Nothing says which models" in refused("--port=1").what
    assert "Nothing says which models" in refused("--model_name=x").what


def test_a_config_file_goes_before_a_single_model(tmp_path):
    file = tmp_path / "models.config"
    file.write_text('model_config_list { config { name: "a" base_path: "/a" model_platform: "tensorflow" } }')
    command = parse([f"--model_config_file={file}", "--model_name=x", MODEL])
    assert command.options.models == (ModelConfig("a", Path("/a")),)
    assert command.options.config_file == file
    assert len(command.notes) == 2
    polled = parse([f"--model_config_file={file}", "--model_config_file_poll_wait_seconds=30"]).options
    assert polled.config_poll_seconds == 30


def test_a_relative_base_path_is_taken_and_named(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    command = parse(["--model_base_path=models/m", "--model_name=m"])
    assert command.options.models == (ModelConfig("m", tmp_path / "models/m"),)
    assert "relative" in command.notes[0]


def test_base_paths_are_local(tmp_path):
    assert parse(["--model_base_path=file:///models/m"]).options.models[0].base_path == Path("/models/m")
    assert "File system scheme 'gs' not implemented" in refused("--model_base_path=gs://bucket/m").what


def test_files_are_read(tmp_path):
    (tmp_path / "b").write_text("max_batch_size { value: 8 }")
    (tmp_path / "m").write_text('prometheus_config { enable: true path: "/metrics" }')
    (tmp_path / "t").write_text('server_key: "-----BEGIN K" server_cert: "-----BEGIN C" client_verify: true')
    found = options(
        "--enable_batching",
        f"--batching_parameters_file={tmp_path}/b",
        f"--monitoring_config_file={tmp_path}/m",
        f"--ssl_config_file={tmp_path}/t",
    )
    assert found.batching == BatchingOptions(max_batch_size=8)
    assert found.metrics_path == "/metrics"
    assert found.tls is not None
    assert (found.tls.key, found.tls.client_verify) == ("-----BEGIN K", True)
    assert "BEGIN K" not in repr(found)


def test_monitoring_can_be_switched_off_for_bundles(tmp_path):
    (tmp_path / "m").write_text("prometheus_config { enable: false }")
    folder = bundle(tmp_path / "x", "photos")
    assert parse([str(folder), f"--monitoring_config_file={tmp_path}/m"]).options.metrics_path == ""


def test_versions_can_be_asked_for_alone():
    assert parse(["--version"]).version
    assert not parse([MODEL, "--version=false"]).version


# How words are prepared


@pytest.mark.parametrize(
    ("words", "rewritten"),
    [
        (["--port", "1", "a", "--enable-batching", "b"], ["a", "b", "--port=1", "--enable_batching=true"]),
        (["--drain_seconds=1"], ["--drain-seconds=1"]),
        (["--write-config", "dir", "a"], ["a", "--write-config=dir"]),
        (["--quiet", "a", "-q"], ["a", "--quiet", "-q"]),
        (["--unknown", "a"], ["a", "--unknown"]),
        (["--model_name=a=b"], ["--model_name=a=b"]),
        (["--", "a", "b"], ["a", "b"]),
        (["--port"], ["--port"]),
        (["--model_name", "--port", "-1"], ["--model_name", "--port=-1"]),
    ],
)
def test_words_are_rewritten(words, rewritten):
    assert normalise(words, ("--write-config",)) == rewritten


_VALUES = {
    "bool": st.booleans().map(lambda value: str(value).lower()),
    "int": st.integers(-(2**40), 2**40).map(str),
    "float": st.floats(allow_nan=False).map(str),
}
_FLAGS = (
    st.sampled_from(list(FLAGS.values()))
    .flatmap(lambda flag: st.tuples(st.just(flag), _VALUES.get(flag.kind, st.text("ab/:=,.-é ", min_size=1))))
    .filter(lambda pair: not pair[1].startswith("--"))
)


@given(st.lists(_FLAGS, max_size=5), st.lists(st.sampled_from(["a", "b/c", "n=d"]), max_size=3), st.randoms())
def test_every_spelling_is_rewritten_to_one(flags, bundles, random):
    expected = [f"--{flag.name}={value}" for flag, value in flags]
    words = list(bundles)
    place = 0
    for flag, value in flags:
        name = random.choice((flag.name.replace("_", "-"), flag.name.replace("-", "_")))
        spelt = (
            [f"--{name}={value}"] if flag.kind == "bool" or random.random() < 0.5 else [f"--{name}", value]
        )
        place = random.randint(place, len(words))
        words[place:place] = spelt
        place += len(spelt)
    assert normalise(words) == [*bundles, *expected]
    assert normalise(normalise(words)) == normalise(words)


def test_bundles_in_batches_have_fewer_threads_inside_of_operations(tmp_path, monkeypatch):
    folder = str(bundle(tmp_path / "photos", "photos"))
    for processors, threads in ((1, 1), (2, 1), (8, 4), (None, 1)):
        monkeypatch.setattr("os.cpu_count", lambda processors=processors: processors)
        assert parse([folder, "--enable_batching"]).options.intra_op_threads == threads
    # Whoever says how is obeyed, and so is tensorflow_model_server's form.
    assert parse([folder]).options.intra_op_threads == 0
    assert options(MODEL, "--enable_batching").intra_op_threads == 0
    assert (
        parse([folder, "--enable_batching", "--tensorflow_intra_op_parallelism=3"]).options.intra_op_threads
        == 3
    )
    assert (
        parse([folder, "--enable_batching", "--tensorflow_session_parallelism=2"]).options.intra_op_threads
        == 2
    )
