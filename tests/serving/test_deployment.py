"""What the real TensorFlow Serving is given says the same as the options of the local one."""

from __future__ import annotations

import csv
import shlex
from dataclasses import fields, replace
from pathlib import Path

import pytest
from google.protobuf import text_format
from hypothesis import given
from hypothesis import strategies as st
from tensorflow_serving.config import model_server_config_pb2

from tests.serving.bundles import bundle, saved_model
from tlzoo.errors import UsageError
from tlzoo.serving.batching_config import read_batching
from tlzoo.serving.configs import models_of, read_metrics_path
from tlzoo.serving.deployment import BATCHING, CONFIG, MONITORING, TAG, deployment, flags_of, write
from tlzoo.serving.flag_table import FLAGS
from tlzoo.serving.flags import parse
from tlzoo.serving.options import (
    METRICS_PATH,
    Additions,
    BatchingOptions,
    ModelConfig,
    Policy,
    ServerOptions,
    TlsOptions,
)

MODELS = (ModelConfig("photos", Path("/data/photos")), ModelConfig("cats", Path("/data/cats"), Policy("all")))


def options_of(command: str, flag: str) -> list[str]:
    """Values of a flag of `docker run`."""
    return [word.removeprefix(f"{flag}=") for word in shlex.split(command) if word.startswith(f"{flag}=")]


def mounts_of(command: str) -> dict[str, str]:
    """Source by target, read as Docker reads them."""
    lines = [
        dict(part.split("=", 1) for part in row[:3]) for row in csv.reader(options_of(command, "--mount"))
    ]
    return {line["target"]: line["source"] for line in lines}


def test_models_stand_where_the_container_has_them():
    plan = deployment(ServerOptions(MODELS))
    config = text_format.Parse(plan.files[CONFIG], model_server_config_pb2.ModelServerConfig())
    assert models_of(config) == tuple(replace(one, base_path=Path("/models") / one.name) for one in MODELS)
    command = plan.docker(Path("/deploy"))
    assert mounts_of(command) == {
        "/models/photos": "/data/photos",
        "/models/cats": "/data/cats",
        "/config": "/deploy",
    }
    assert all(value.endswith(",readonly") for value in options_of(command, "--mount"))
    assert options_of(command, "--publish") == ["127.0.0.1:8501:8501", "127.0.0.1:8500:8500"]
    assert options_of(command, "--model_config_file") == ["/config/models.config"]
    assert f" tensorflow/serving:{TAG} " in command


def test_ports_and_addresses_are_published_as_they_were():
    def published(**changes):
        return options_of(deployment(ServerOptions(MODELS, **changes)).docker(Path("/d")), "--publish")

    assert published(rest_port=80, grpc_port=0) == ["127.0.0.1:80:8501"]
    assert published(host="0.0.0.0")[0] == "0.0.0.0:8501:8501"
    assert published(host="::1")[0] == "[::1]:8501:8501"
    assert published(host="localhost")[0] == "127.0.0.1:8501:8501"


def test_a_name_that_is_no_folder_is_mounted_elsewhere():
    names = ("../../etc", "a/b", "zoë", ".hidden", "a,b")
    plan = deployment(ServerOptions(tuple(ModelConfig(name, Path("/m")) for name in names)))
    assert list(plan.mounts) == [f"/models/.model-{place}" for place in range(len(names))]


def test_paths_with_commas_and_spaces_are_quoted():
    source = '/data/a, "b" c'
    command = deployment(ServerOptions((ModelConfig("m", Path(source)),))).docker(Path("/d e"))
    assert mounts_of(command) == {"/models/m": source, "/config": "/d e"}


def test_files_say_what_the_options_say(tmp_path):
    batching = BatchingOptions(max_batch_size=8, allowed_batch_sizes=(4, 8))
    options = ServerOptions(MODELS, batching=batching, metrics_path=METRICS_PATH)
    plan = deployment(options)
    write(plan.files, tmp_path / "deploy")
    assert read_batching(tmp_path / "deploy" / BATCHING) == batching
    assert read_metrics_path(tmp_path / "deploy" / MONITORING) == METRICS_PATH
    assert "--enable_batching" in plan.flags
    assert f"--batching_parameters_file=/config/{BATCHING}" in plan.flags
    assert BATCHING not in deployment(ServerOptions(MODELS)).files


def test_compose_takes_models_of_one_folder(tmp_path):
    options = ServerOptions(MODELS, batching=BatchingOptions(), rest_port=8080, cors=True)
    words = shlex.split(deployment(options).compose(tmp_path))
    settings = dict(word.split("=", 1) for word in words[: words.index("docker")])
    assert settings == {
        "MODELS_DIR": "/data",
        "CONFIG_DIR": str(tmp_path),
        "TF_SERVING_TAG": TAG,
        "REST_PORT": "8080",
        "SERVING_FLAGS": f"--enable_batching --batching_parameters_file=/config/{BATCHING} "
        "--rest_api_enable_cors_support=true",
    }
    assert deployment(ServerOptions((*MODELS, ModelConfig("x", Path("/other/x"))))).compose(tmp_path) == ""
    assert deployment(ServerOptions((ModelConfig("pets", Path("/data/photos")),))).compose(tmp_path) == ""


@pytest.mark.parametrize(
    ("needs", "tag"), [("2.17.0", TAG), ("2.99.0", "2.99.0"), ("2.100", "2.100"), ("nonsense; rm -rf", TAG)]
)
def test_the_image_knows_every_op_of_the_bundles(tmp_path, needs, tag):
    folder = bundle(tmp_path / "photos", "photos", needs=needs)
    other = saved_model(tmp_path / "other")
    models = (ModelConfig("photos", folder), ModelConfig("other", other))
    assert deployment(ServerOptions(models)).tag == tag


def test_what_cannot_be_taken_over_is_said():
    assert deployment(ServerOptions(MODELS)).notes == []
    tls, additions = TlsOptions("KEY", "CERTIFICATE"), Additions(max_concurrent_requests=3)
    plan = deployment(ServerOptions(MODELS, tls=tls, additions=additions))
    assert len(plan.notes) == 2
    assert not any("KEY" in text for text in plan.files.values())
    labelled = (replace(MODELS[0], labels={"stable": 1}),)
    assert len(deployment(ServerOptions(labelled)).notes) == 1
    assert deployment(ServerOptions(labelled, labels_for_unavailable=True)).notes == []


_WHOLE = st.integers(0, 10**6)
_OPTIONS = st.builds(
    ServerOptions,
    st.just((ModelConfig("default", Path("/m")),)),
    config_poll_seconds=_WHOLE.map(float),
    poll_seconds=st.integers(-1, 10**6).map(float),
    max_load_retries=_WHOLE,
    load_retry_seconds=st.integers(0, 10**9).map(lambda micros: micros / 1e6),
    load_threads=st.integers(1, 64),
    labels_for_unavailable=st.booleans(),
    cors=st.booleans(),
    rest_timeout_seconds=_WHOLE.map(lambda millis: millis / 1e3),
    threads=_WHOLE,
    warmup=st.booleans(),
    warmup_iterations=st.integers(1, 100),
    grpc_health=st.booleans(),
    tensor_content=st.booleans(),
    intra_op_threads=st.integers(0, 64),
    inter_op_threads=st.integers(0, 64),
    grpc_arguments=st.lists(
        st.tuples(st.text("abc._", min_size=1), st.one_of(st.integers(-(2**31), 2**31 - 1), st.text("xyz")))
    ).map(tuple),
)


@given(_OPTIONS)
def test_flags_say_what_the_options_say(options):
    assert parse(["--model_base_path=/m", *flags_of(options)]).options == options


def test_every_option_is_written_or_known_not_to_be():
    elsewhere = {"models", "host", "rest_port", "grpc_port", "config_file", "batching", "metrics_path", "tls"}
    changed = {
        "config_poll_seconds": 30.0,
        "poll_seconds": 5.0,
        "max_load_retries": 1,
        "load_retry_seconds": 2.0,
        "load_threads": 2,
        "rest_timeout_seconds": 1.0,
        "threads": 2,
        "warmup_iterations": 3,
        "intra_op_threads": 1,
        "inter_op_threads": 1,
        "grpc_arguments": (("a", 1),),
    }
    bare = ServerOptions(())
    for field in fields(ServerOptions):
        if field.name in elsewhere | {"additions"}:
            continue
        value = changed.get(field.name, not getattr(bare, field.name))
        (flag,) = flags_of(replace(bare, **{field.name: value}))
        assert flag.partition("=")[0].removeprefix("--") in FLAGS


# Writing


def test_a_new_folder_appears_whole(tmp_path):
    files = write({"a": "1\n", "b": "é\n"}, tmp_path / "x" / "deploy")
    assert files == [tmp_path / "x/deploy/a", tmp_path / "x/deploy/b"]
    assert [file.read_text("utf-8") for file in files] == ["1\n", "é\n"]
    assert sorted(path.name for path in (tmp_path / "x").iterdir()) == ["deploy"]


def test_the_same_files_are_written_again_without_asking(tmp_path):
    write({"a": "1"}, tmp_path / "d")
    (tmp_path / "d" / "mine").write_text("kept")
    write({"a": "1", "b": "2"}, tmp_path / "d")
    assert sorted(path.name for path in (tmp_path / "d").iterdir()) == ["a", "b", "mine"]


def test_other_contents_are_never_lost_unasked(tmp_path):
    (tmp_path / "b").write_text("mine")
    with pytest.raises(UsageError, match="has other contents in b") as caught:
        write({"a": "1", "b": "2"}, tmp_path)
    assert "--force" in caught.value.do
    assert [path.name for path in tmp_path.iterdir()] == ["b"]
    assert (tmp_path / "b").read_text() == "mine"
    write({"a": "1", "b": "2"}, tmp_path, force=True)
    assert ((tmp_path / "a").read_text(), (tmp_path / "b").read_text()) == ("1", "2")
