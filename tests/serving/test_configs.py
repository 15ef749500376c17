"""TensorFlow Serving's text files, and configurations that come over gRPC."""

from __future__ import annotations

from pathlib import Path

import pytest
from google.protobuf import text_format
from hypothesis import given
from hypothesis import strategies as st
from tensorflow_serving.config import model_server_config_pb2

from tlzoo.errors import UsageError
from tlzoo.protocol.status import Code, ServingError
from tlzoo.serving.configs import (
    model_config_text,
    models_of,
    monitoring_text,
    read_metrics_path,
    read_model_config,
    read_tls,
)
from tlzoo.serving.options import METRICS_PATH, ModelConfig, Policy, TlsOptions

MODEL = 'config {{ name: "{}" base_path: "/models/{}" model_platform: "tensorflow" {} }}'


def config(text: str):
    return text_format.Parse(text, model_server_config_pb2.ModelServerConfig())


def listed(*models: str) -> str:
    return f"model_config_list {{ {' '.join(models)} }}"


def one(rest: str = "", name: str = "m") -> str:
    return MODEL.format(name, name, rest)


def refusal(text: str, served=()) -> ServingError:
    with pytest.raises(ServingError) as caught:
        models_of(config(text), served)
    return caught.value


@pytest.fixture
def file(tmp_path):
    """Writes a file and returns its path."""

    def write(text: str | bytes) -> Path:
        path = tmp_path / "a.config"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    return write


def complaint(read, path: Path) -> UsageError:
    with pytest.raises(UsageError) as caught:
        read(path)
    assert str(path) in caught.value.what
    assert caught.value.allowed
    assert caught.value.do
    return caught.value


# Models


@pytest.mark.parametrize(
    ("text", "model"),
    [
        (one(), ModelConfig("m", Path("/models/m"))),
        (one("model_version_policy { }"), ModelConfig("m", Path("/models/m"))),
        (one("model_version_policy { latest { } }"), ModelConfig("m", Path("/models/m"))),
        (
            one("model_version_policy { latest { num_versions: 3 } }"),
            ModelConfig("m", Path("/models/m"), Policy("latest", 3)),
        ),
        (one("model_version_policy { all { } }"), ModelConfig("m", Path("/models/m"), Policy("all"))),
        (
            one("model_version_policy { specific { versions: 42 versions: 7 versions: 42 } }"),
            ModelConfig("m", Path("/models/m"), Policy("specific", versions=(42, 7))),
        ),
        (
            one("version_labels { key: 'stable' value: 42 } version_labels { key: 'canary' value: 43 }"),
            ModelConfig("m", Path("/models/m"), labels={"stable": 42, "canary": 43}),
        ),
        ('config { name: "m" base_path: "/x" model_type: TENSORFLOW }', ModelConfig("m", Path("/x"))),
        (
            'config { name: "m" base_path: "file:///x/y" model_platform: "tensorflow" }',
            ModelConfig("m", Path("/x/y")),
        ),
        (
            'config { name: "zoë/1" base_path: "/x" model_platform: "tensorflow" }',
            ModelConfig("zoë/1", Path("/x")),
        ),
    ],
)
def test_a_model_is_read(text, model):
    assert models_of(config(listed(text))) == (model,)


def test_models_keep_their_order_and_an_empty_list_is_one():
    assert [model.name for model in models_of(config(listed(one(name="b"), one(name="a"))))] == ["b", "a"]
    assert models_of(config("model_config_list { }")) == ()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "Only ModelConfigList is currently supported"),
        ("custom_model_config { }", "Only ModelConfigList is currently supported"),
        (
            "custom_model_config { }",
            "ServerModelConfig type not supported by HandleReloadConfigRequest. Only ModelConfigList is "
            "currently supported",
        ),
        (listed(one(name="a"), one(name="a")), "Illegal to list model a multiple times in config list"),
        (
            listed('config { name: "m" base_path: "models/m" model_platform: "tensorflow" }'),
            "Expected model m to have an absolute path or URI; got base_path()=models/m",
        ),
        (
            listed('config { name: "m" model_platform: "tensorflow" }'),
            "Expected model m to have an absolute path or URI; got base_path()=",
        ),
        (
            listed('config { name: "m" base_path: "/m" }'),
            "Illegal setting neither ModelServerConfig::model_type (deprecated) nor "
            "ModelServerConfig::model_platform.",
        ),
        (
            listed(one("model_type: TENSORFLOW")),
            "Illegal setting both ModelServerConfig::model_type (deprecated) and "
            "ModelServerConfig::model_platform.",
        ),
        (
            listed('config { name: "m" base_path: "/m" model_type: OTHER }'),
            "ModelServerConfig::model_type choice 2 not supported.",
        ),
        (
            listed('config { name: "m" base_path: "/m" model_platform: "torch" }'),
            "Model m requests unsupported platform torch",
        ),
        (listed(one("logging_config { }")), "No request-logger-creator provided."),
        (listed('config { base_path: "/m" model_platform: "tensorflow" }'), "without a name"),
        # Names are judged first, then paths, then platforms, each for all models.
        (listed('config { name: "a" }', 'config { name: "a" }'), "multiple times"),
        (listed('config { name: "a" base_path: "/a" }', 'config { name: "b" }'), "Expected model b"),
    ],
)
def test_a_configuration_is_refused_in_tensorflow_servings_words(text, message):
    error = refusal(text)
    assert error.code is Code.INVALID_ARGUMENT
    assert message in error.message


def test_the_platform_of_a_served_model_stays():
    text = listed('config { name: "m" base_path: "/m" model_platform: "torch" }')
    assert refusal(text, {"m"}).message == (
        "Illegal to change a model's platform. For model m platform was tensorflow and new platform requested is torch"
    )
    assert "unsupported platform" in refusal(text, {"other"}).message


@pytest.mark.parametrize("uri", ["gs://bucket/m", "s3://bucket/m", "hdfs://host/m"])
def test_models_elsewhere_are_refused(uri):
    error = refusal(listed(f'config {{ name: "m" base_path: "{uri}" model_platform: "tensorflow" }}'))
    assert error.code is Code.UNIMPLEMENTED
    assert error.message == f"File system scheme '{uri.split(':')[0]}' not implemented (file: '{uri}')"


_NAMES = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=8)
_VERSIONS = st.integers(0, 2**63 - 1)
_POLICIES = st.one_of(
    st.builds(Policy, st.just("latest"), st.integers(1, 2**32 - 1)),
    st.just(Policy("all")),
    st.builds(
        lambda versions: Policy("specific", versions=tuple(versions)),
        st.lists(_VERSIONS, unique=True, max_size=3),
    ),
)
_PATHS = _NAMES.map(lambda name: Path("/models") / name.replace("\0", "0")).filter(
    lambda path: ".." not in path.parts
)
_MODELS = st.lists(
    st.builds(ModelConfig, _NAMES, _PATHS, _POLICIES, st.dictionaries(_NAMES, _VERSIONS, max_size=3)),
    unique_by=lambda model: model.name,
    max_size=3,
)


@given(_MODELS)
def test_what_is_written_is_read_again(models):
    text = model_config_text(models)
    assert models_of(config(text)) == tuple(models)


def test_a_file_is_read(file):
    assert read_model_config(file(listed(one()))) == (ModelConfig("m", Path("/models/m")),)
    assert read_model_config(file("")) == ()
    assert read_model_config(file("# nothing yet\n")) == ()


@pytest.mark.parametrize(
    ("text", "what"),
    [
        (
            'model_config_list {\n  config {\n    nmae: "x"\n  }\n}',
            ', line 3: Message type "tensorflow.serving.',
        ),
        ("model_config_list {\n", ", line "),
        ("model_config_list: 3", ", line 1: "),
        (listed(one(), one()), ": Illegal to list model m multiple times in config list."),
        ("custom_model_config { }", "Only ModelConfigList is currently supported"),
        (listed('config { name: "m" base_path: "gs://b/m" model_platform: "tensorflow" }'), "scheme 'gs'"),
        (b"\xff\xfe", "is not UTF-8"),
    ],
)
def test_a_broken_file_is_said_with_its_line(file, text, what):
    assert what in complaint(read_model_config, file(text)).what


def test_files_that_cannot_be_read_are_said(tmp_path):
    assert "No such file" in complaint(read_model_config, tmp_path / "none").what
    assert "cannot be read" in complaint(read_model_config, tmp_path).what
    large = tmp_path / "large"
    with large.open("wb") as stream:
        stream.truncate(16 * 1024**2 + 1)
    assert "larger than 16 MiB" in complaint(read_model_config, large).what


# Metrics


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ('prometheus_config { enable: true path: "/metrics" }', "/metrics"),
        ("prometheus_config { enable: true }", METRICS_PATH),
        ('prometheus_config { path: "/metrics" }', ""),
        ("", ""),
    ],
)
def test_where_metrics_are(file, text, path):
    assert read_metrics_path(file(text)) == path


@pytest.mark.parametrize("path", ["metrics", "/v1/metrics", "/V1/x", "/", "/readyz"])
def test_metrics_stand_beside_the_api(file, path):
    error = complaint(read_metrics_path, file(f'prometheus_config {{ enable: true path: "{path}" }}'))
    assert f"'{path}'" in error.what


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=8))
def test_metrics_paths_are_written_and_read(tmp_path_factory, rest):
    path = tmp_path_factory.getbasetemp() / "monitoring.config"
    for where in ("", f"/metrics/{rest}"):
        path.write_text(monitoring_text(where), encoding="utf-8", newline="")
        assert read_metrics_path(path) == where


# TLS

KEY, CERTIFICATE = "-----BEGIN PRIVATE KEY-----\nMII\n", "-----BEGIN CERTIFICATE-----\nMII\n"


def test_tls_is_read(file):
    text = "\n".join(
        f'{name}: "{value.encode("unicode_escape").decode()}"'
        for name, value in {"server_key": KEY, "server_cert": CERTIFICATE, "custom_ca": CERTIFICATE}.items()
    )
    found = read_tls(file(text + "\nclient_verify: true"))
    assert found == TlsOptions(KEY, CERTIFICATE, CERTIFICATE, client_verify=True)


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("", "server_key of"),
        ('server_key: "/etc/tls/key.pem" server_cert: "-----BEGIN C"', "is no PEM text"),
        ('server_key: "-----BEGIN K"', "server_cert of"),
        ('server_key: "-----BEGIN K" server_cert: "-----BEGIN C" custom_ca: "ca.pem"', "custom_ca of"),
        ("server_keys: 1", "has no field named"),
    ],
)
def test_broken_tls_is_refused(file, text, what):
    error = complaint(read_tls, file(text))
    assert what in error.what


def test_keys_are_not_shown():
    assert "PRIVATE" not in repr(TlsOptions(KEY, CERTIFICATE))
