"""Every flag of `tlzoo serve`: all of `tensorflow_model_server`'s, and what is added to them.

The first table is that of tensorflow_serving/model_servers/main.cc, with its defaults (model_servers/server.h). A flag
is taken over, or named on standard error because it means nothing here, or refused because a server that passed
over it would answer differently from the one that was asked for.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

Value = bool | int | float | str
Kind = Literal["bool", "int", "float", "text", "file", "folder"]


@dataclass(frozen=True)
class Flag:
    """One flag.

    Attributes:
        name: As `--help` spells it; underscores and dashes are the same to the parser.
        kind: What its value is; a bool may stand without a value, which is true.
        help: One line for `--help`, without a full stop.
        default: What holds if it is not given, for `--help`; None where that depends on others.
        idle: Why it means nothing here.
        refused: Why it is refused.
        here: The value that describes what `tlzoo serve` does anyway, and is neither noted nor refused.
    """

    name: str
    kind: Kind
    help: str = ""
    default: Value | None = None
    idle: str = ""
    refused: str = ""
    here: Value | None = None

    @property
    def key(self) -> str:
        """Its name as an identifier."""
        return self.name.replace("-", "_")


_THREADS = "requests are not bound to threads here"
_LITE = "LiteRT models are not served here"
_XLA = "TensorFlow decides here by what the model marks for XLA"
_ALWAYS = "TensorFlow decides that here"

MODEL_SERVER: tuple[Flag, ...] = (
    Flag("model_name", "text", "name of the one model", "default"),
    Flag("model_base_path", "folder", "folder of the one model's numbered versions"),
    Flag("model_config_file", "file", "models by ModelServerConfig, as text; goes before the two above"),
    Flag("model_config_file_poll_wait_seconds", "int", "how often that file is read again; 0 never", 0),
    Flag("file_system_poll_wait_seconds", "int", "how often versions are looked for; 0 once, -1 never", 1),
    Flag("max_num_load_retries", "int", "how often a failing load is tried again", 5),
    Flag("load_retry_interval_micros", "int", "microseconds before it is", 60_000_000),
    Flag("num_load_threads", "int", "versions loaded at a time; 0 is one", 0),
    Flag(
        "allow_version_labels_for_unavailable_models",
        "bool",
        "let labels name versions not loaded yet",
        False,
    ),
    Flag("enable_model_warmup", "bool", "replay warm-up requests before a version is available", True),
    Flag("num_request_iterations_for_warmup", "int", "how often each; 0 is once", 0),
    Flag("rest_api_port", "int", "HTTP port; 0 opens none", 8501),
    Flag("port", "int", "gRPC port; 0 opens none", 8500),
    Flag("rest_api_timeout_in_ms", "int", "limit of one computation asked for by REST; 0 for none", 30_000),
    Flag("rest_api_num_threads", "int", "computations at a time; 0 for four for each processor", 0),
    Flag("rest_api_enable_cors_support", "bool", "let pages of other sites call the REST API", False),
    Flag("enable_batching", "bool", "join requests of many callers", False),
    Flag(
        "batching_parameters_file",
        "file",
        "how, by BatchingParameters as text; without it by upstream's defaults, for bundles at most 32 rows at a time",
    ),
    Flag(
        "enable_per_model_batching_parameters",
        "bool",
        "take batching_params.pbtxt of version folders instead",
        False,
    ),
    Flag("monitoring_config_file", "file", "where metrics are, by MonitoringConfig as text"),
    Flag("ssl_config_file", "file", "TLS for gRPC, by SSLConfig as text"),
    Flag("enable_grpc_healthcheck_service", "bool", "offer grpc.health.v1.Health", False),
    Flag(
        "enable_serialization_as_tensor_content",
        "bool",
        "reply by gRPC in tensor_content, not in typed fields",
        False,
    ),
    Flag("grpc_channel_arguments", "text", "arguments of gRPC's server: key=value,key=value"),
    Flag(
        "tensorflow_session_parallelism", "int", "threads, for both of the following; 0 for TensorFlow's", 0
    ),
    Flag("tensorflow_intra_op_parallelism", "int", "threads of one operation", 0),
    Flag("tensorflow_inter_op_parallelism", "int", "operations computed at a time", 0),
    Flag("version", "bool", "print versions and exit", False),
    Flag("num_unload_threads", "int", idle="versions are freed one after another here", here=0),
    Flag("flush_filesystem_caches", "bool", idle="the operating system decides that here", here=False),
    Flag("grpc_max_threads", "int", idle=_THREADS),
    Flag("per_process_gpu_memory_fraction", "float", idle=_ALWAYS, here=0.0),
    Flag("remove_unused_fields_from_bundle_metagraph", "bool", idle=_ALWAYS),
    Flag("num_tflite_pools", "int", idle=_LITE),
    Flag("num_tflite_interpreters_per_pool", "int", idle=_LITE),
    Flag("xla_cpu_compilation_enabled", "bool", idle=_XLA),
    Flag("xla_gpu_compilation_enabled", "bool", idle=_XLA),
    Flag("enable_profiler", "bool", idle="there is no tensorflow.ProfilerService here", here=False),
    Flag("thread_pool_factory_config_file", "file", idle=_THREADS, here=""),
    Flag("skip_initialize_tpu", "bool", idle="there are no TPUs here"),
    Flag(
        "grpc_socket_path",
        "file",
        refused="gRPC listens on a TCP port only, and callers of the socket would wait for ever.",
        here="",
    ),
    Flag(
        "enable_signature_method_name_check",
        "bool",
        refused="signatures are never refused for their method name, which TensorFlow 2 sets to predict in all.",
        here=False,
    ),
    Flag(
        "prefer_tflite_model",
        "bool",
        refused="model.tflite is not served here, and saved_model.pb may answer differently.",
        here=False,
    ),
    Flag("saved_model_tags", "text", refused="only the graph tagged 'serve' is loaded.", here="serve"),
    Flag(
        "platform_config_file",
        "file",
        refused="it replaces everything known of a platform, batching included, by classes of C++.",
        here="",
    ),
    Flag(
        "tensorflow_session_config_file",
        "file",
        refused="models run without a session here, whose graph rewrites may change answers.",
        here="",
    ),
    Flag("mixed_precision", "text", refused="graphs run in the precision they were exported in.", here=""),
    Flag(
        "use_alts_credentials", "bool", refused="connections would be less safe than asked for.", here=False
    ),
)
"""In the order of what users care about."""

ADDITIONS: tuple[Flag, ...] = (
    Flag("host", "text", "address of both ports; 0.0.0.0 lets other machines in", "127.0.0.1"),
    Flag("drain-seconds", "float", "how long in-flight requests may take after SIGTERM", 30.0),
    Flag("max-request-bytes", "int", "larger bodies are answered with 413", 256 * 1024**2),
    Flag("max-concurrent-requests", "int", "more are answered with 429; 0 for any number", 0),
    Flag("token-file", "file", "tokens, one a line, of which callers must send one"),
    Flag("access-log", "text", "one JSON line a request goes there; - is standard error"),
    Flag("request-log", "file", "sampled requests go there, as PredictionLog records"),
    Flag("request-log-rate", "float", "share of requests sampled, above 0 and at most 1", 0.01),
    Flag("no-index-page", "bool", "do not show models to people at /", False),
    Flag(
        "no-lite-network", "bool", "compute all in the graph, as TensorFlow Serving does; see export", False
    ),
)
"""What TensorFlow Serving has not."""

FLAGS: Mapping[str, Flag] = MappingProxyType({flag.key: flag for flag in (*MODEL_SERVER, *ADDITIONS)})
"""All of them, by `Flag.key`."""
