"""Models, metrics and TLS as TensorFlow Serving's text files say them, and the texts of ours.

Errors in a file name the file, and the line if it does not parse; those of a configuration that came over gRPC are
TensorFlow Serving's (tensorflow_serving/model_servers/server_core.cc, model_service_impl.cc).
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from pathlib import Path
from typing import Any

from tlzoo.errors import UsageError
from tlzoo.protocol.status import Code, ServingError, invalid
from tlzoo.serving.options import METRICS_PATH, ModelConfig, Policy, TlsOptions
from tlzoo.serving.protos import message

PLATFORM = "tensorflow"
_TAKEN = ("/", "/healthz", "/readyz")
_LARGEST_FILE = 16 * 1024**2
_URI = re.compile(r"([a-zA-Z][0-9a-zA-Z.]*)://([^/]*)(.*)", re.DOTALL)


def read_text_proto(path: Path, kind: Any) -> Any:
    """Reads a message from its text form.

    Args:
        path: The file; at most 16 MiB of UTF-8.
        kind: The message's class. Fields it does not have are refused.

    Raises:
        UsageError: The file cannot be read or does not parse; with the line.
    """
    from google.protobuf import text_format

    allowed = (
        f"{kind.DESCRIPTOR.name} as text, of {', '.join(field.name for field in kind.DESCRIPTOR.fields)}."
    )
    try:
        if path.stat().st_size > _LARGEST_FILE:
            raise UsageError(f"'{path}' is larger than 16 MiB.", allowed=allowed, do="Give the right file.")
        return text_format.Parse(path.read_text(encoding="utf-8"), kind())
    except OSError as error:
        raise UsageError(
            f"'{path}' cannot be read: {error.strerror}.",
            allowed=allowed,
            do="Check the path and its rights.",
        ) from error
    except UnicodeDecodeError as error:
        raise UsageError(
            f"'{path}' is not UTF-8: {error}.", allowed=allowed, do="Save it as text."
        ) from error
    except text_format.ParseError as error:
        text = re.sub(r"^\d+:\d+ : ", "", str(error))
        raise UsageError(
            f"'{path}', line {error.GetLine() or 1}: {text}", allowed=allowed, do="Mend that line."
        ) from error


def read_model_config(path: Path) -> tuple[ModelConfig, ...]:
    """Reads `--model_config_file`.

    Args:
        path: A `ModelServerConfig` as text; one that says nothing has no models.

    Raises:
        UsageError: It does not parse, or TensorFlow Serving would refuse it.

    Example:
        >>> read_model_config(Path("models.config"))  # doctest: +SKIP
        (ModelConfig(name='photos', base_path=PosixPath('/models/photos'), …),)
    """
    from tensorflow_serving.config import model_server_config_pb2

    config = read_text_proto(path, model_server_config_pb2.ModelServerConfig)
    if config.WhichOneof("config") is None:
        return ()
    try:
        return models_of(config)
    except ServingError as error:
        raise UsageError(
            f"'{path}': {error.message}.",
            allowed="model_config_list { config { name, base_path (absolute, on this machine), "
            f'model_platform: "{PLATFORM}", model_version_policy, version_labels }}, … }}.',
            do="Mend that model's entry.",
        ) from error


def models_of(config: Any, served: Collection[str] = ()) -> tuple[ModelConfig, ...]:
    """Returns the models of a `ModelServerConfig` as it comes with HandleReloadConfigRequest.

    Args:
        config: A `tensorflow.serving.ModelServerConfig`.
        served: Names of the models it replaces, whose platform must stay.

    Raises:
        ServingError: INVALID_ARGUMENT as TensorFlow Serving words it, or UNIMPLEMENTED for a `base_path` that is not
            on this machine. Whether labels name versions that are loaded is for others to judge.
    """
    if config.WhichOneof("config") != "model_config_list":
        raise invalid(
            "ServerModelConfig type not supported by HandleReloadConfigRequest."
            " Only ModelConfigList is currently supported"
        )
    configs = config.model_config_list.config
    _check_names(one.name for one in configs)
    paths = [local_path(one.name, one.base_path) for one in configs]
    for one in configs:
        _check_platform(one, changed=one.name in served)
    if any(one.HasField("logging_config") for one in configs):
        raise invalid("No request-logger-creator provided.")
    return tuple(
        ModelConfig(
            one.name, path, _policy(one.model_version_policy), dict(sorted(one.version_labels.items()))
        )
        for one, path in zip(configs, paths, strict=True)
    )


def _check_names(names: Iterable[str]) -> None:
    seen: set[str] = set()
    for name in names:
        if name in seen:
            raise invalid(f"Illegal to list model {name} multiple times in config list")
        seen.add(name)
    if "" in seen:
        # TensorFlow Serving loads a model without a name, which no request can then reach.
        raise invalid("Illegal to list a model without a name in config list")


def local_path(name: str, base_path: str) -> Path:
    """Returns the folder that a model's base path or URI stands for.

    Args:
        name: The model, for the error.
        base_path: An absolute path, or `file://` and one.

    Raises:
        ServingError: INVALID_ARGUMENT for a relative path, UNIMPLEMENTED for one that is not on this machine.
    """
    found = _URI.fullmatch(base_path)
    scheme, path = (found[1], found[3]) if found else ("", base_path)
    if scheme not in ("", "file"):
        raise ServingError(
            Code.UNIMPLEMENTED, f"File system scheme '{scheme}' not implemented (file: '{base_path}')"
        )
    if not path.startswith("/"):
        raise invalid(f"Expected model {name} to have an absolute path or URI; got base_path()={base_path}")
    return Path(path)


def _check_platform(config: Any, *, changed: bool) -> None:
    platform = config.model_platform
    if config.model_type:
        if platform:
            raise invalid(
                "Illegal setting both ModelServerConfig::model_type (deprecated)"
                " and ModelServerConfig::model_platform."
            )
        if config.model_type != 1:
            raise invalid(f"ModelServerConfig::model_type choice {config.model_type} not supported.")
        platform = PLATFORM
    if not platform:
        raise invalid(
            "Illegal setting neither ModelServerConfig::model_type (deprecated)"
            " nor ModelServerConfig::model_platform."
        )
    if platform != PLATFORM and changed:
        raise invalid(
            f"Illegal to change a model's platform. For model {config.name} platform was {PLATFORM}"
            f" and new platform requested is {platform}"
        )
    if platform != PLATFORM:
        raise invalid(f"Model {config.name} requests unsupported platform {platform}")


def _policy(policy: Any) -> Policy:
    kind = policy.WhichOneof("policy_choice")
    if kind == "all":
        return Policy("all")
    if kind == "specific":
        return Policy("specific", versions=tuple(dict.fromkeys(policy.specific.versions)))
    return Policy("latest", max(policy.latest.num_versions, 1))


def model_config_text(models: Iterable[ModelConfig]) -> str:
    """Returns models as a `ModelServerConfig` in text, for `--model_config_file`.

    Example:
        >>> print(model_config_text([ModelConfig("photos", Path("/models/photos"))]))  # doctest: +SKIP
        model_config_list {
          config {
            name: "photos"
            base_path: "/models/photos"
            model_platform: "tensorflow"
          }
        }
    """
    from google.protobuf import text_format
    from tensorflow_serving.config import model_server_config_pb2

    config = model_server_config_pb2.ModelServerConfig()
    config.model_config_list.SetInParent()
    for model in models:
        one = config.model_config_list.config.add(
            name=model.name, base_path=str(model.base_path), model_platform=PLATFORM
        )
        one.version_labels.update(model.labels)
        if model.policy.kind == "all":
            one.model_version_policy.all.SetInParent()
        elif model.policy.kind == "specific":
            one.model_version_policy.specific.SetInParent()
            one.model_version_policy.specific.versions.extend(model.policy.versions)
        elif model.policy.latest != 1:
            one.model_version_policy.latest.num_versions = model.policy.latest
    return str(text_format.MessageToString(config, as_utf8=True))


def read_metrics_path(path: Path) -> str:
    """Reads `--monitoring_config_file`.

    Returns:
        Where metrics are shown, `/monitoring/prometheus/metrics` if the file names no path; "" if they are not.

    Raises:
        UsageError: It does not parse, or its path is none.
    """
    config = read_text_proto(path, message("MonitoringConfig")).prometheus_config
    if not config.enable:
        return ""
    found = str(config.path or METRICS_PATH)
    if not found.startswith("/") or found in _TAKEN or found.lower().startswith("/v1/"):
        raise UsageError(
            f"'{path}' has the path '{found}' for metrics.",
            allowed=f"a path that starts with '/', but not with '/v1/', and none of {', '.join(_TAKEN)}.",
            do=f'Write path: "{METRICS_PATH}".',
        )
    return found


def monitoring_text(metrics_path: str) -> str:
    """Returns where metrics are shown as a `MonitoringConfig` in text; "" for nowhere."""
    from google.protobuf import text_format

    config = message("MonitoringConfig")()
    config.prometheus_config.SetInParent()
    if metrics_path:
        config.prometheus_config.enable, config.prometheus_config.path = True, metrics_path
    return str(text_format.MessageToString(config, as_utf8=True))


def read_tls(path: Path) -> TlsOptions:
    """Reads `--ssl_config_file`.

    Raises:
        UsageError: It does not parse, or a value is no PEM text.
    """
    config = read_text_proto(path, message("SSLConfig"))
    required = {"server_key": config.server_key, "server_cert": config.server_cert}
    given = {**required, **({"custom_ca": config.custom_ca} if config.custom_ca else {})}
    for name, text in given.items():
        if "-----BEGIN " not in text:
            raise UsageError(
                f"{name} of '{path}' is {'empty' if not text else 'no PEM text'}.",
                allowed="the contents of PEM files ('-----BEGIN …'), not their paths.",
                do='Write each line as a string of its own: "-----BEGIN CERTIFICATE-----\\n" "MII…\\n" ….',
            )
    return TlsOptions(config.server_key, config.server_cert, config.custom_ca, config.client_verify)
