"""What flags mean together: one `ServerOptions`, and a line for each flag that means nothing here."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from tlzoo.errors import UsageError
from tlzoo.serving.flag_table import FLAGS, Flag, Value
from tlzoo.serving.options import (
    JOINED,
    METRICS_PATH,
    Additions,
    BatchingOptions,
    ModelConfig,
    ServerOptions,
)

Given = Mapping[str, Value]
"""Values of flags by `Flag.key`, of those flags only that were given."""


@dataclass(frozen=True)
class Command:
    """What a command asks for.

    Attributes:
        options: The server.
        notes: What was passed over, one line each, for people.
        version: True if only versions are asked for.
    """

    options: ServerOptions
    notes: tuple[str, ...] = ()
    version: bool = False


def command_of(bundles: Sequence[str], given: Given) -> Command:
    """Makes one whole of bundles and flags.

    Args:
        bundles: Folders, as `folders.models_in` takes them.
        given: The flags that were given. Text that is empty counts as not given, as for TensorFlow's flags.

    Raises:
        UsageError: A flag is refused, a file is broken, or flags do not fit together.
        BundleError: A folder is no bundle.
    """
    given = {key: value for key, value in given.items() if value != ""}
    notes = [note for key, value in given.items() if (note := _judge(FLAGS[key], value))]
    if given.get("version"):
        return Command(ServerOptions(()), tuple(notes), version=True)
    fields: dict[str, Any] = {
        field: convert(given[key]) for key, (field, convert) in _FIELDS.items() if key in given
    }
    fields |= _models(bundles, given, notes) | _files(given)
    fields |= _batching(given, notes, JOINED if bundles else BatchingOptions())
    fields |= _threads(given, beside=fields.get("batching") == JOINED)
    additions = {field: convert(given[key]) for key, (field, convert) in _ADDED.items() if key in given}
    options = ServerOptions(**fields, additions=Additions(**additions))
    return Command(_checked(options, bool(bundles), notes), tuple(notes))


def _judge(flag: Flag, value: Value) -> str:
    """Refuses a flag, or returns the line to say about it, if any."""
    if value == flag.here:
        return ""
    if flag.refused:
        raise UsageError(
            f"--{flag.name}={_shown(value)} is refused: {flag.refused}",
            allowed="what tlzoo serve can answer to as TensorFlow Serving does.",
            do="Leave the flag out, or serve with TensorFlow Serving itself.",
        )
    return f"--{flag.name} has no effect here: {flag.idle}." if flag.idle else ""


def _shown(value: Value) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _seconds(scale: float) -> Callable[[Any], float]:
    return lambda value: max(0.0, value / scale)


_FIELDS: dict[str, tuple[str, Callable[[Any], Any]]] = {
    "host": ("host", str),
    "rest_api_port": ("rest_port", int),
    "port": ("grpc_port", int),
    "model_config_file": ("config_file", Path),
    "model_config_file_poll_wait_seconds": ("config_poll_seconds", _seconds(1)),
    "file_system_poll_wait_seconds": ("poll_seconds", float),
    "max_num_load_retries": ("max_load_retries", lambda value: max(0, value)),
    "load_retry_interval_micros": ("load_retry_seconds", _seconds(1e6)),
    "num_load_threads": ("load_threads", lambda value: max(1, value)),
    "allow_version_labels_for_unavailable_models": ("labels_for_unavailable", bool),
    "enable_per_model_batching_parameters": ("per_model_batching", bool),
    "rest_api_enable_cors_support": ("cors", bool),
    "rest_api_timeout_in_ms": ("rest_timeout_seconds", _seconds(1e3)),
    "rest_api_num_threads": ("threads", lambda value: max(0, value)),
    "enable_model_warmup": ("warmup", bool),
    "num_request_iterations_for_warmup": ("warmup_iterations", lambda value: max(1, value)),
    "enable_grpc_healthcheck_service": ("grpc_health", bool),
    "enable_serialization_as_tensor_content": ("tensor_content", bool),
    "grpc_channel_arguments": ("grpc_arguments", lambda value: _channel_arguments(value)),
}
"""Flags whose value is a field's, once converted. Numbers that TensorFlow Serving reads as "none" become it here."""

_ADDED: dict[str, tuple[str, Callable[[Any], Any]]] = {
    "drain_seconds": ("drain_seconds", float),
    "max_request_bytes": ("max_request_bytes", int),
    "max_concurrent_requests": ("max_concurrent_requests", int),
    "token_file": ("token_file", Path),
    "access_log": ("access_log", str),
    "request_log": ("request_log", Path),
    "request_log_rate": ("request_log_rate", float),
    "no_index_page": ("index_page", lambda value: not value),
    "no_lite_network": ("lite_network", lambda value: not value),
}


def _channel_arguments(text: str) -> tuple[tuple[str, int | str], ...]:
    found: list[tuple[str, int | str]] = []
    for part in text.split(","):
        key, equals, value = part.partition("=")
        if not key or not equals:
            raise UsageError(
                f"--grpc_channel_arguments has '{part}'.",
                allowed="key=value, several of them with commas between.",
                do="Write for example grpc.max_connection_age_ms=2000.",
            )
        found.append((key, int(value) if value.lstrip("-").isdecimal() else value))
    return tuple(found)


def _models(bundles: Sequence[str], given: Given, notes: list[str]) -> dict[str, Any]:
    ways = [key for key in ("model_config_file", "model_base_path", "model_name") if key in given]
    if bundles and ways:
        raise UsageError(
            f"Models are named twice: '{bundles[0]}' and --{ways[0]}.",
            allowed="bundles, or --model_config_file, or --model_base_path and --model_name.",
            do="Choose one way; NAME=DIR gives a bundle another name.",
        )
    if bundles:
        from tlzoo.serving.folders import models_in

        return {"models": models_in(bundles), "metrics_path": METRICS_PATH}
    if "model_config_file" in given:
        from tlzoo.serving.configs import read_model_config

        notes += [f"--{key} has no effect beside --model_config_file." for key in ways[1:]]
        return {"models": read_model_config(Path(str(given["model_config_file"])))}
    return {"models": (_single(given, notes),)}


def _single(given: Given, notes: list[str]) -> ModelConfig:
    if "model_base_path" not in given:
        raise UsageError(
            "Nothing says which models to serve.",
            allowed="bundles, or --model_base_path, or --model_config_file.",
            do="Write for example `tlzoo serve models/photos`.",
        )
    from tlzoo.protocol.status import ServingError
    from tlzoo.serving.configs import local_path

    name, folder = str(given.get("model_name", "default")), str(given["model_base_path"])
    if "://" not in folder and not folder.startswith("/"):
        notes.append(f"--model_base_path={folder} is relative, which TensorFlow Serving itself refuses.")
        return ModelConfig(name, Path(folder).absolute())
    try:
        return ModelConfig(name, local_path(name, folder))
    except ServingError as error:
        raise UsageError(
            f"--model_base_path={folder}: {error.message}.",
            allowed="a folder on this machine.",
            do="Copy the model here first, or serve it with TensorFlow Serving itself.",
        ) from error


def _batching(given: Given, notes: list[str], usual: BatchingOptions) -> dict[str, Any]:
    file = given.get("batching_parameters_file")
    if given.get("enable_batching"):
        if file is None:
            return {"batching": usual}
        from tlzoo.serving.batching_config import read_batching

        return {"batching": read_batching(Path(str(file)))}
    if file is not None:
        raise UsageError(
            "--batching_parameters_file is set without --enable_batching.",
            allowed="both, or neither.",
            do="Add --enable_batching.",
        )
    if given.get("enable_per_model_batching_parameters"):
        notes.append("--enable_per_model_batching_parameters has no effect without --enable_batching.")
    return {}


def _files(given: Given) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    if "monitoring_config_file" in given:
        from tlzoo.serving.configs import read_metrics_path

        fields["metrics_path"] = read_metrics_path(Path(str(given["monitoring_config_file"])))
    if "ssl_config_file" in given:
        from tlzoo.serving.configs import read_tls

        fields["tls"] = read_tls(Path(str(given["ssl_config_file"])))
    return fields


def _threads(given: Given, beside: bool) -> dict[str, Any]:
    """Returns threads of operations; `beside` says that a batch for each processor is computed at a time.

    Threads inside of operations then only take turns: half as many lost 20 % less of a processor to that, for a photo
    alone and in batches (`benchmarks/serving.py`). More than half would be missed by a caller who is alone.
    """
    session, intra, inter = (
        max(0, int(given.get(f"tensorflow_{name}_parallelism", 0)))
        for name in ("session", "intra_op", "inter_op")
    )
    if session and intra and inter:
        raise UsageError(
            "All three of --tensorflow_{session,intra_op,inter_op}_parallelism are set.",
            allowed="the first alone, or the other two.",
            do="Leave --tensorflow_session_parallelism out.",
        )
    if intra or inter:
        return {"intra_op_threads": intra, "inter_op_threads": inter}
    if not session and beside:
        return {"intra_op_threads": max(1, (os.cpu_count() or 1) // 2)}
    return {"intra_op_threads": session, "inter_op_threads": session}


def _checked(options: ServerOptions, people: bool, notes: list[str]) -> ServerOptions:
    rest, grpc, additions = options.rest_port, options.grpc_port, options.additions
    _require(0 <= rest < 65536, "rest_api_port", rest, "0 to 65535")
    _require(0 <= grpc < 65536, "port", grpc, "0 to 65535")
    _require(rest != 0 or grpc != 0, "port", grpc, "a port for REST, for gRPC, or one for each")
    _require(0 <= additions.drain_seconds <= 86400, "drain-seconds", additions.drain_seconds, "0 to 86400")
    _require(additions.max_request_bytes > 0, "max-request-bytes", additions.max_request_bytes, "1 or more")
    concurrent = additions.max_concurrent_requests
    _require(concurrent >= 0, "max-concurrent-requests", concurrent, "0 or more")
    _require(
        0 < additions.request_log_rate <= 1,
        "request-log-rate",
        additions.request_log_rate,
        "above 0, up to 1",
    )
    token_file = additions.token_file
    _require(token_file is None or token_file.is_file(), "token-file", str(token_file), "a file that exists")
    if rest != grpc:
        return options
    _require(not people, "rest_api_port", rest, f"another port than --port={grpc}")
    notes.append("--rest_api_port cannot be same as --port: REST is not served.")
    return replace(options, rest_port=0)


def _require(holds: bool, flag: str, value: Value, allowed: str) -> None:
    if not holds:
        raise UsageError(f"--{flag} is {value}.", allowed=f"{allowed}.", do=f"Give --{flag} another value.")
