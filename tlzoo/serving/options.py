"""Everything `tlzoo serve` can be told, as frozen values. Flags are read in `flags.py`, files in `configs.py`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

METRICS_PATH = "/monitoring/prometheus/metrics"
"""Where TensorFlow Serving shows its metrics, unless it is told otherwise (PrometheusExporter::kPrometheusPath)."""


@dataclass(frozen=True)
class Policy:
    """Which versions of a model are served.

    Attributes:
        kind: `latest` the highest `latest`, `all`, or `specific` those of `versions`.
        latest: How many.
        versions: Version numbers.
    """

    kind: Literal["latest", "all", "specific"] = "latest"
    latest: int = 1
    versions: tuple[int, ...] = ()


@dataclass(frozen=True)
class ModelConfig:
    """One model to serve.

    Attributes:
        name: As requests name it.
        base_path: The folder of its version folders.
        policy: Which of them are served.
        labels: Version numbers by label.
    """

    name: str
    base_path: Path
    policy: Policy = Policy()
    labels: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class BatchingOptions:
    """How requests of many callers are joined (`BatchingParameters` of session_bundle_config.proto).

    Attributes:
        max_batch_size: Rows of one batch, at most; a larger request is refused, or split.
        batch_timeout_micros: How long an incomplete batch waits for more.
        max_enqueued_batches: Batches that may wait; more are refused with UNAVAILABLE.
        num_batch_threads: Batches computed at a time; 0 for the number of processors.
        allowed_batch_sizes: Sizes that batches are padded to; the last is `max_batch_size`.
        pad_variable_length_inputs: Whether tensors of unlike shape are padded to be joined.
        enable_large_batch_splitting: Whether a request larger than a batch is cut.
        max_execution_batch_size: Rows computed at once when large requests are cut; 0 for `max_batch_size`.
    """

    max_batch_size: int = 1000
    batch_timeout_micros: int = 0
    max_enqueued_batches: int = 10
    num_batch_threads: int = 0
    allowed_batch_sizes: tuple[int, ...] = ()
    pad_variable_length_inputs: bool = False
    enable_large_batch_splitting: bool = False
    max_execution_batch_size: int = 0


JOINED = BatchingOptions(
    max_batch_size=1000,
    max_execution_batch_size=32,
    enable_large_batch_splitting=True,
    max_enqueued_batches=10_000,
)
"""How requests are joined where folders of bundles are served and no file says how.

Made for models of images on processors: beyond 16 to 32 rows a batch computes no faster, only later and in more memory
(a thousand photos take gigabytes), so that larger requests are cut. Nobody waits for company: a batch goes as soon as a
thread is free, of which there is one for each processor, as TensorFlow Serving's guide to batching advises for CPUs
(tensorflow_serving/batching/README.md). A queue that is long turns nobody away who can wait.
"""


@dataclass(frozen=True)
class TlsOptions:
    """PEM texts of `SSLConfig` (ssl_config.proto), for gRPC.

    Attributes:
        key: The server's private key.
        certificate: Its certificate chain.
        custom_ca: Whose signatures make a client's certificate valid; "" for none.
        client_verify: Whether clients must show one.
    """

    key: str = field(repr=False)
    certificate: str
    custom_ca: str = ""
    client_verify: bool = False


@dataclass(frozen=True)
class Additions:
    """What goes beyond TensorFlow Serving; all of it is off, or only adds paths outside `/v1/`.

    Attributes:
        drain_seconds: How long in-flight requests may take after SIGTERM.
        max_request_bytes: Bodies above it are answered with 413.
        max_inflated_bytes: What a gzip body may inflate to.
        max_concurrent_requests: More are answered with 429; 0 for any number.
        token_file: Its lines are tokens, one of which callers must send (`Authorization: Bearer …`).
        access_log: One JSON line a request goes there; `-` is standard error.
        request_log: Sampled requests go there, as TensorFlow Serving's `PredictionLog` records.
        request_log_rate: Share of requests that is sampled, in (0, 1].
        index_page: Whether `/` shows models to people.
        lite_network: Whether bundles that hold their network as a LiteRT file too are computed with it.
    """

    drain_seconds: float = 30.0
    max_request_bytes: int = 256 * 1024**2
    max_inflated_bytes: int = 100 * 1024**2
    max_concurrent_requests: int = 0
    token_file: Path | None = None
    access_log: str = ""
    request_log: Path | None = None
    request_log_rate: float = 0.01
    index_page: bool = True
    lite_network: bool = True


@dataclass(frozen=True)
class ServerOptions:
    """A whole server.

    Attributes:
        models: What to serve at start.
        host: Address of both ports.
        rest_port: HTTP port; 0 opens none.
        grpc_port: gRPC port; 0 opens none.
        config_file: Where `models` came from, to be read again.
        config_poll_seconds: How often it is; 0 never.
        poll_seconds: How often version folders are looked for; 0 once, negative never.
        max_load_retries: How often a failing load is tried again.
        load_retry_seconds: How long to wait before.
        load_threads: Versions loaded at a time.
        labels_for_unavailable: Whether a label may name a version that is not loaded yet.
        batching: None leaves requests alone.
        per_model_batching: Whether `batching_params.pbtxt` in a version folder goes before `batching`.
        metrics_path: Where Prometheus finds metrics; "" for nowhere.
        cors: Whether pages of other sites may call the REST API.
        rest_timeout_seconds: Limit of one computation asked for by REST; 0 for none.
        threads: Computations at a time; 0 for four for each processor.
        warmup: Whether warm-up requests are replayed before a version is available.
        warmup_iterations: How often each is.
        tls: None for plain gRPC.
        grpc_health: Whether `grpc.health.v1.Health` is there.
        tensor_content: Whether replies by gRPC use `tensor_content` in place of typed fields.
        intra_op_threads: Threads of one operation; 0 lets TensorFlow choose.
        inter_op_threads: Operations computed at a time; 0 lets TensorFlow choose.
        grpc_arguments: Channel arguments of gRPC's server, such as `("grpc.max_connection_age_ms", 2000)`.
        additions: What TensorFlow Serving has not.
    """

    models: tuple[ModelConfig, ...]
    host: str = "127.0.0.1"
    rest_port: int = 8501
    grpc_port: int = 8500
    config_file: Path | None = None
    config_poll_seconds: float = 0.0
    poll_seconds: float = 1.0
    max_load_retries: int = 5
    load_retry_seconds: float = 60.0
    load_threads: int = 1
    labels_for_unavailable: bool = False
    batching: BatchingOptions | None = None
    per_model_batching: bool = False
    metrics_path: str = ""
    cors: bool = False
    rest_timeout_seconds: float = 30.0
    threads: int = 0
    warmup: bool = True
    warmup_iterations: int = 1
    tls: TlsOptions | None = None
    grpc_health: bool = False
    tensor_content: bool = False
    intra_op_threads: int = 0
    inter_op_threads: int = 0
    grpc_arguments: tuple[tuple[str, int | str], ...] = ()
    additions: Additions = Additions()
