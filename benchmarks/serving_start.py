"""How long from `tlzoo serve BUNDLE` to the first answer, and how much of it is not TensorFlow's.

    python benchmarks/serving_start.py BUNDLE [ROUNDS]

Beside it runs a script that does what nobody can do without: starts Python, imports TensorFlow, loads the SavedModel,
and replays the recorded warm-up requests. What the command takes beyond that is ours. Both are whole processes, in
turn; each figure is given in seconds that passed and in seconds of processor, which a busy machine changes less.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

import psutil
from common import ROOT, finish

sys.path.insert(0, str(ROOT))

MOST_SECONDS, MOST_OURS = 12.0, 1.0

BARE = """
import json, sys, time
begun = float(sys.argv[2])
marks = {}
def mark(name):
    marks[name] = (time.time(), time.process_time())
mark("python")
import tensorflow as tf
tf.constant(0)
mark("import tensorflow")
model = tf.saved_model.load(sys.argv[1])
mark("saved_model.load")
from tensorflow_serving.apis.prediction_log_pb2 import PredictionLog
file = sys.argv[1] + "/assets.extra/tf_serving_warmup_requests"
for record in tf.data.TFRecordDataset(file).as_numpy_iterator():
    request = PredictionLog.FromString(record).predict_log.request
    inputs = {alias: tf.constant(tf.make_ndarray(value)) for alias, value in request.inputs.items()}
    [one.numpy() for one in model.signatures[request.model_spec.signature_name](**inputs).values()]
mark("warm-up")
steps, last = {}, (begun, 0.0)
for name, (wall, cpu) in marks.items():
    steps[name] = (wall - last[0], cpu - last[1])
    last = wall, cpu
print(json.dumps(steps))
"""


def main() -> None:
    """Prints each step, the whole, and what is ours; exits with 1 if a limit is exceeded."""
    bundle, rounds = sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 3
    os.environ.update(PYTHONPATH=str(ROOT), TF_CPP_MIN_LOG_LEVEL="3")
    from tlzoo.bundle import versions

    folder = bundle if (Path(bundle) / "saved_model.pb").exists() else str(versions(Path(bundle))[0][1])
    steps: dict[str, list[list[float]]] = {}
    served, ours = [], []
    bare_steps(folder)  # Files come into the cache of the operating system.
    for _ in range(rounds):
        bare = bare_steps(folder)
        for name, pair in bare.items():
            steps.setdefault(name, []).append(pair)
        whole = first_answer(bundle)
        served.append(whole)
        needed = [sum(pair[kind] for pair in bare.values()) for kind in (0, 1)]
        ours.append([whole[kind] - needed[kind] for kind in (0, 1)])
    for name, pairs in [*steps.items(), ("tlzoo serve, first answer", served), ("of that ours", ours)]:
        wall, cpu = middle(pairs)
        print(f"{name:28s} {wall:6.2f} s   {cpu:6.2f} s of processor")
    (seconds, _), (wall, cpu) = middle(served), middle(ours)
    holds = seconds <= MOST_SECONDS and min(wall, cpu) <= MOST_OURS
    print(f"load average {os.getloadavg()[0]:.1f}")
    finish(first_answer=seconds, ours=wall, ours_cpu=cpu, holds=holds)
    sys.exit(0 if holds else 1)


def middle(pairs: list[list[float]]) -> tuple[float, float]:
    """Returns the medians of seconds that passed and of seconds of processor."""
    return statistics.median(pair[0] for pair in pairs), statistics.median(pair[1] for pair in pairs)


def bare_steps(folder: str) -> dict[str, list[float]]:
    """Runs the script; returns seconds passed and of processor by step."""
    words = [sys.executable, "-c", BARE, folder, str(time.time())]
    said = subprocess.run(
        words, check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ).stdout
    return json.loads(said.splitlines()[-1])


def first_answer(bundle: str) -> list[float]:
    """Starts the command; returns seconds until it has answered a predict request, passed and of processor."""
    from tlzoo.client.sync_client import Client
    from tlzoo.serving.folders import models_in
    from tlzoo.workflows.bench_inputs import batches, rows_from_warmup
    from tlzoo.workflows.bench_server import own_server

    (model,) = models_in([bundle])
    begun = time.time()
    with own_server(bundle) as server:
        started = time.time()
        process = psutil.Process(server.pid)
        with Client(server.url("rest"), model.name) as client:
            known = client.metadata()
            rows = rows_from_warmup(model.base_path / str(known.version), known.signature("serving_default"))
            assert rows is not None
            asked = time.time()
            client.call(batches(rows, 1)[0])
            # Metadata and inputs were for the question, not for the answer.
            passed = (started - begun) + (time.time() - asked)
        return [passed, sum(process.cpu_times()[:2])]


if __name__ == "__main__":
    main()
