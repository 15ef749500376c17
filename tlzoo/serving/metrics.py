"""What a server counts, under TensorFlow Serving's names, as Prometheus reads it.

The text is our own: `prometheus_client` adds `_total` to the name of every counter, so that dashboards and alerts made
for TensorFlow Serving would find nothing. Form and rounding are those of its util/prometheus_exporter.cc, with two
differences: sums are written in full (upstream keeps six digits, and a rate over a sum of 1.23457e+09 is wrong), and
newlines in label values are escaped. A name begins with a colon, since upstream turns each `/` of its names into one.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from threading import Lock

from tlzoo.protocol.status import Code

MOST_STRANGERS = 1000
"""Names of models that were asked for and never answered that are counted by themselves."""

LONGEST_STRANGER = 200
"""Characters of such a name."""

OTHER = "(other)"
"""The name that all further ones are counted under."""


def exponential(scale: float, factor: float, count: int) -> tuple[float, ...]:
    """Returns the limits of a histogram's buckets (monitoring::Buckets::Exponential); one without limit follows."""
    limits = [scale]
    while len(limits) < count:
        limits.append(limits[-1] * factor)
    return tuple(limits)


MICROSECONDS = exponential(10, 1.8, 33)
"""10 µs to 25 minutes."""

QUEUING_MICROSECONDS = exponential(100, 1.2, 52)
"""100 µs to 1 s."""

SIZES = exponential(1, 2, 15)
"""1 to 16,384."""


class Counter:
    """Numbers that only grow, by the values of their labels.

    Args:
        name: With a colon for each slash of TensorFlow's.
        labels: Their names.
    """

    kind = "counter"

    def __init__(self, name: str, labels: Sequence[str] = ()) -> None:
        self.name = name
        self.labels = tuple(labels)
        self._cells: dict[tuple[str, ...], int] = {}
        self._lock = Lock()

    def add(self, *values: str, by: int = 1) -> None:
        """Adds to the number of these label values."""
        with self._lock:
            self._cells[values] = self._cells.get(values, 0) + by

    def value(self, *values: str) -> int:
        """Returns the number of these label values."""
        return self._cells.get(values, 0)

    def total(self) -> int:
        """Returns the sum over all label values."""
        with self._lock:
            return sum(self._cells.values())

    def lines(self) -> list[str]:
        """Returns the text, sorted by label values."""
        with self._lock:
            cells = sorted(self._cells.items())
        return [f"{self.name}{{{_labels(self.labels, values)}}} {number}" for values, number in cells]


class Histogram:
    """How often values fell below each of some limits, by the values of labels.

    Args:
        name: With a colon for each slash of TensorFlow's.
        labels: Their names.
        limits: Ascending. A value that is equal to a limit counts as above it, as it does upstream.
    """

    kind = "histogram"

    def __init__(self, name: str, labels: Sequence[str] = (), limits: Sequence[float] = MICROSECONDS) -> None:
        self.name = name
        self.labels = tuple(labels)
        self._limits = tuple(limits)
        self._shown = [f"{limit:.6g}" for limit in limits] + ["+Inf"]
        self._cells: dict[tuple[str, ...], list[float]] = {}
        self._lock = Lock()

    def add(self, *values: str, number: float) -> None:
        """Adds one value under these label values."""
        bucket = bisect_right(self._limits, number)
        with self._lock:
            cell = self._cells.get(values)
            if cell is None:
                # Counts of each bucket, and the sum.
                cell = self._cells[values] = [0] * (len(self._shown) + 1)
            cell[bucket] += 1
            cell[-1] += number

    def lines(self) -> list[str]:
        """Returns the text, sorted by label values."""
        with self._lock:
            cells = sorted((values, list(cell)) for values, cell in self._cells.items())
        lines = []
        for values, cell in cells:
            labels = _labels(self.labels, values)
            start = f"{self.name}_bucket{{{labels}{',' if labels else ''}"
            seen = 0
            for limit, number in zip(self._shown, cell, strict=False):
                seen += int(number)
                lines.append(f'{start}le="{limit}"}} {seen}')
            lines.append(f"{self.name}_sum{{{labels}}} {_number(cell[-1])}")
            lines.append(f"{self.name}_count{{{labels}}} {seen}")
        return lines


class Metrics:
    """Everything that is counted; each call takes some microseconds and may come from any thread.

    Names of models come from callers. Those that were answered are as many as are served; of others the first
    `MOST_STRANGERS` are told apart, so that nobody fills the memory by asking for models that do not exist.

    Example:
        >>> metrics = Metrics()
        >>> metrics.request("iris", Code.OK)
        >>> print(metrics.render().splitlines()[-1])
        :tensorflow:serving:request_count{model_name="iris",status="OK"} 1
    """

    def __init__(self) -> None:
        serving = ":tensorflow:serving:"
        loader = ":tensorflow:cc:saved_model:"
        path, both = ("model_path",), ("model_path", "status")
        self.request_count = Counter(f"{serving}request_count", ("model_name", "status"))
        self._request_latency = Histogram(f"{serving}request_latency", ("model_name", "API", "entrypoint"))
        self._runtime_latency = Histogram(f"{serving}runtime_latency", ("model_name", "API", "runtime"))
        self._examples = Histogram(f"{serving}request_example_counts", ("model",), SIZES)
        self._example_total = Counter(f"{serving}request_example_count_total", ("model",))
        self._logged = Counter(f"{serving}request_log_count", ("model_name", "status_code"))
        self._warmup_latency = Histogram(f"{serving}model_warmup_latency", both)
        self._warmup_records = Counter(f"{serving}model_warmup_records_read", path)
        self._queuing = Histogram(
            f"{serving}batching_session:queuing_latency", ("thread_pool_name",), QUEUING_MICROSECONDS
        )
        self._input_rows = Histogram(f"{serving}batching_session:input_batch_size", (), SIZES)
        self._batch_rows = Histogram(f"{serving}batching_session:processed_batch_size", (), SIZES)
        self._padding = Histogram(f"{serving}batching_session:padding_size", ("execution_batch_size",), SIZES)
        self._loads = Counter(f"{loader}load_attempt_count", both)
        self._load_latency = Counter(f"{loader}load_latency", path)
        self._runs = Counter(":tensorflow:core:graph_runs")
        self._run_time = Counter(":tensorflow:core:graph_run_time_usecs")
        self._all: dict[str, Counter | Histogram] = {
            metric.name: metric for metric in vars(self).values() if isinstance(metric, Counter | Histogram)
        }
        self._answered: set[str] = set()
        self._strangers: set[str] = set()

    def request(self, model: str, status: Code) -> None:
        """Counts a request that ended.

        Args:
            model: As the caller named it.
            status: How it ended.
        """
        if status is Code.OK:
            self._answered.add(model)
        self.request_count.add(self._name(model), status.name)

    def request_latency(self, model: str, api: str, entrypoint: str, micros: float) -> None:
        """Counts the time of a request that succeeded.

        Args:
            model: The model.
            api: `Predict` … by gRPC, `predict` … by REST, "" for status and metadata by REST.
            entrypoint: `GRPC` or `REST`.
            micros: Microseconds from the message's arrival to the reply.
        """
        self._request_latency.add(self._name(model), api, entrypoint, number=micros)

    def runtime_latency(self, model: str, api: str, micros: float) -> None:
        """Counts the time of one computation, in microseconds; `api` is `Predict`, `Classify` or `Regress`."""
        # Upstream has `TF1` for whatever runs in a session, which is every SavedModel.
        self._runtime_latency.add(model, api, "TF1", number=micros)
        self._runs.add()
        self._run_time.add(by=round(micros))

    def examples(self, model: str, number: int) -> None:
        """Counts the tf.Examples of one request."""
        self._examples.add(model, number=number)
        self._example_total.add(model, by=number)

    def request_log(self, model: str, status: Code) -> None:
        """Counts a request written to the request log, or that could not be."""
        self._logged.add(model, status.name)

    def load_attempt(self, path: str, ok: bool, micros: float = 0.0) -> None:
        """Counts a load of a version folder and, where it succeeded, its microseconds."""
        self._loads.add(path, "success" if ok else "fail")
        if ok:
            self._load_latency.add(path, by=round(micros))

    def warmup(self, path: str, status: Code, micros: float, records: int) -> None:
        """Counts a version's warm-up: how it ended, its microseconds, and the records read."""
        self._warmup_latency.add(path, status.name, number=micros)
        self._warmup_records.add(path, by=records)

    def queuing(self, micros: float, pool: str = "model_server_batch_threads") -> None:
        """Counts the microseconds that one request waited for its batch."""
        self._queuing.add(pool, number=micros)

    def batch_input(self, rows: int) -> None:
        """Counts the rows of one request that is to be batched."""
        self._input_rows.add(number=rows)

    def batch_size(self, rows: int, padding: int = 0) -> None:
        """Counts a batch that is computed.

        Args:
            rows: All of them.
            padding: Those of them that nobody sent.
        """
        self._batch_rows.add(number=rows)
        self._padding.add(str(rows), number=padding)

    def counters(self) -> dict[str, int]:
        """Returns the sum of each counter over its labels, by upstream's name (`/tensorflow/serving/request_count`)."""
        return {
            name.replace(":", "/"): metric.total()
            for name, metric in self._all.items()
            if isinstance(metric, Counter)
        }

    def render(self) -> str:
        """Returns the page that Prometheus reads: metrics by name, cells by label values."""
        lines = []
        for name in sorted(self._all):
            lines.append(f"# TYPE {name} {self._all[name].kind}")
            lines += self._all[name].lines()
        return "\n".join(lines) + "\n"

    def _name(self, model: str) -> str:
        if model in self._answered or model in self._strangers:
            return model
        if len(self._strangers) >= MOST_STRANGERS or len(model) > LONGEST_STRANGER:
            return OTHER
        self._strangers.add(model)
        return model


def _labels(names: Sequence[str], values: Sequence[str]) -> str:
    return ",".join(f'{name}="{_escaped(value)}"' for name, value in zip(names, values, strict=True))


def _escaped(value: str) -> str:
    # Names from URLs may hold bytes that are no UTF-8, as surrogates.
    value = value.encode("utf-8", "replace").decode()
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def _number(number: float) -> str:
    return str(int(number)) if number == int(number) else repr(number)
