"""The local server under load, against the bare SavedModel, LitServe and BentoML, side by side.

    python benchmarks/serving.py LITSERVE_PYTHON BENTOML_PYTHON [--bundle DIR] [--rounds 3] [--seconds 10]

The two are Python programs of environments that have LitServe and BentoML (`-` leaves one out); TensorFlow may be lent
to them by a `.pth` file that names the site-packages of this one. Their services are in `peers/`, with every default of
theirs: they get the same encoded photos, as Base64 in JSON, and call the same signature of the same SavedModel.

Everything stays up throughout and is asked in turn, round by round, so that a noisy machine is noisy for all; ratios
are medians over rounds. The load generator runs on the same cores: what it takes counts against the servers, and not
against the bare loop. How much that is stands beside each figure.
"""

from __future__ import annotations

import argparse
import base64
import contextlib
import dataclasses
import json
import os
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
from common import ROOT, finish

sys.path.insert(0, str(ROOT))

from tlzoo.client.load import Load, apply
from tlzoo.client.load_summary import Summary, summarize
from tlzoo.workflows.bench import Prepared, Question, _runner, prepared

PHOTOS, CONNECTIONS, BATCH_SIZES = 64, 32, (8, 16, 32)
PEERS = Path(__file__).resolve().parent / "peers"

LOOP = """
import sys, time, glob
import numpy as np, tensorflow as tf
call = tf.saved_model.load(sys.argv[1]).signatures["serving_default"]
photos = np.array([open(file, "rb").read() for file in sorted(glob.glob(sys.argv[2] + "/*"))], object)
def run(size, seconds):
    batches = [tf.constant(np.resize(np.roll(photos, -at), size)) for at in range(0, len(photos), size)]
    begin, done = time.perf_counter(), 0
    while time.perf_counter() < begin + seconds:
        answers = call(image_bytes=batches[done // size % len(batches)])
        [one.numpy() for one in answers.values()]
        done += size
    return done / (time.perf_counter() - begin)
print("ready", flush=True)
for line in sys.stdin:
    size, seconds = line.split()
    print(run(int(size), float(seconds)), flush=True)
"""


@dataclasses.dataclass
class Side:
    """One of those that are compared: measures once, for some seconds, and says how fast it was."""

    name: str
    measure: Callable[[float], float]
    rates: list[float] = dataclasses.field(default_factory=list)
    notes: list[str] = dataclasses.field(default_factory=list)


def main() -> None:
    """Prints throughputs and ratios, then latencies at half of saturation."""
    parser = argparse.ArgumentParser()
    parser.add_argument("litserve", nargs="?", default="-")
    parser.add_argument("bentoml", nargs="?", default="-")
    parser.add_argument("--bundle")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--flags", nargs="*", default=["enable_batching"], help="of tlzoo serve, without --")
    words = parser.parse_args()
    os.environ["PYTHONPATH"] = str(ROOT)
    with contextlib.ExitStack() as stack:
        scratch = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="tlzoo-serving-")))
        bundle = words.bundle or made_bundle(scratch)
        photos = written_photos(scratch / "photos")
        flags = tuple(f"--{flag}" for flag in words.flags)
        question = Question(bundle, files=(str(photos),), flags=flags)
        rest = stack.enter_context(prepared(question))
        model = str(Path(bundle) / str(rest.version))
        sides = [Side("bare loop", stack.enter_context(bare_loop(model, photos))), server_side(rest)]
        sides += peer_sides(stack, words, model, photos)
        compare(sides, words.rounds, words.seconds)
        figures = latencies(rest, words.rounds, words.seconds)
    ours, bare = sides[1], sides[0]
    ratios = {
        f"to_{side.name.replace(' ', '_').lower()}": ratio(ours, side) for side in sides if side is not ours
    }
    print(f"load average at the end {os.getloadavg()[0]:.1f}")
    finish(
        **{f"rate_{one.name.replace(' ', '_').lower()}": statistics.median(one.rates) for one in sides},
        **ratios,
        **figures,
    )
    del bare


def made_bundle(folder: Path) -> str:
    """Trains EfficientNet-Lite0 on ELPV and exports it."""
    for line in (
        ("train", "elpv", "--out", f"{folder}/run", "-q"),
        ("export", f"{folder}/run", f"{folder}/elpv", "-q"),
    ):
        subprocess.run([sys.executable, "-m", "tlzoo", *line], check=True, stdout=subprocess.DEVNULL)
    return f"{folder}/elpv"


def written_photos(folder: Path) -> Path:
    """Copies some photos of ELPV, encoded as they are published (PNG, 300 x 300)."""
    import tlzoo
    from tlzoo.data.images import encode_png, read_image

    folder.mkdir()
    items = tlzoo.load("elpv").items
    for number in range(PHOTOS):
        item = items[number * len(items) // PHOTOS]
        plain = isinstance(item, Path) and item.suffix in (".png", ".jpg")
        (folder / f"{number:02d}.png").write_bytes(
            item.read_bytes() if plain else encode_png(read_image(item))
        )
    return folder


@contextlib.contextmanager
def bare_loop(model: str, photos: Path) -> Iterator[Callable[[float], float]]:
    """Keeps a process that calls the SavedModel in a loop; each measurement takes the best of several batch sizes."""
    process = subprocess.Popen(
        [sys.executable, "-c", LOOP, model, str(photos)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdout.readline()

    def ask(size: int, seconds: float) -> float:
        process.stdin.write(f"{size} {seconds}\n")
        process.stdin.flush()
        return float(process.stdout.readline())

    for size in BATCH_SIZES:
        ask(size, 1.0)  # TensorFlow plans anew for each size.
    yield lambda seconds: max(ask(size, seconds / len(BATCH_SIZES)) for size in BATCH_SIZES)
    process.kill()
    process.wait()


def server_side(rest: Prepared) -> Side:
    """Returns our server, asked by REST."""
    side = Side("tlzoo", lambda seconds: load(rest, seconds, side))
    return side


def load(ready: Prepared, seconds: float, side: Side | None = None, **more: object) -> float:
    """Asks in a closed loop; returns answers a second, and notes what processors were busy with."""
    found = asked(ready, Load(CONNECTIONS, seconds=seconds, warmup_seconds=1.0, **more))
    if found.errors:
        raise SystemExit(f"{ready.url}: {found.errors} {found.messages}")
    if side is not None:
        side.notes.append(
            f"p50 {1e3 * found.latencies['p50']:.0f} p99 {1e3 * found.latencies['p99']:.0f} ms, "
            f"generator {100 * found.cpu:.1f}% of a processor"
        )
    return found.throughput


def asked(ready: Prepared, how: Load) -> Summary:
    """Asks a server once."""
    with _runner() as runner:
        return summarize(runner.run(apply(how, ready.requests, ready.open)))


def peer_sides(
    stack: contextlib.ExitStack, words: argparse.Namespace, model: str, photos: Path
) -> list[Side]:
    """Starts LitServe and BentoML where they are given."""
    sides = []
    commands = {
        "LitServe": (words.litserve, lambda python, port: [python, "litserve_service.py", str(port)]),
        "BentoML": (
            words.bentoml,
            lambda python, port: [
                str(Path(python).parent / "bentoml"),
                "serve",
                "bentoml_service:SolarCells",
                "--host",
                "127.0.0.1",
                "--port",
                str(port),
            ],
        ),
    }
    for name, (python, command) in commands.items():
        if python != "-":
            port = free_port()
            stack.enter_context(running(command(python, port), model))
            ready = peer(port, photos)
            side = Side(name, lambda seconds, ready=ready: load(ready, seconds))
            side.measure = lambda seconds, ready=ready, side=side: load(ready, seconds, side)
            sides.append(side)
    return sides


@contextlib.contextmanager
def running(command: list[str], model: str) -> Iterator[None]:
    """Keeps a peer's server running, in a session of its own so that all its processes end with it."""
    with tempfile.TemporaryDirectory(prefix="tlzoo-peer-") as home:
        quiet = {"TF_CPP_MIN_LOG_LEVEL": "3", "BENTOML_DO_NOT_TRACK": "true", "BENTOML_HOME": home}
        environment = {**os.environ, **quiet, "MODEL": model, "PYTHONPATH": ""}
        process = subprocess.Popen(
            command,
            cwd=PEERS,
            env=environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        try:
            yield
        finally:
            os.killpg(process.pid, signal.SIGTERM)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(20)
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)


def peer(port: int, photos: Path) -> Prepared:
    """Waits until a peer answers, and returns how it is asked."""
    from tlzoo.client.address import Address
    from tlzoo.client.load_wires import wires
    from tlzoo.client.options import Settings

    url = f"http://127.0.0.1:{port}"
    bodies = [
        json.dumps({"image": base64.b64encode(file.read_bytes()).decode()}).encode()
        for file in sorted(photos.iterdir())
    ]
    ends = time.monotonic() + 180
    while True:
        try:
            request = urllib.request.Request(
                f"{url}/predict", bodies[0], {"Content-Type": "application/json"}
            )
            urllib.request.urlopen(request, timeout=60).read()
            break
        except OSError:
            if time.monotonic() > ends:
                raise
            time.sleep(0.5)
    head = "POST /predict HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n"
    requests = [head.format(len(body)).encode() + body for body in bodies]
    return Prepared(url, "", 0, "", requests, wires(Address.parse(url), Settings()))


def free_port() -> int:
    """Returns the number of a port that was free a moment ago."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


def compare(sides: list[Side], rounds: int, seconds: float) -> None:
    """Asks all in turn, and prints every round and the medians."""
    for number in range(rounds):
        for side in sides:
            side.rates.append(side.measure(seconds))
        shown = ", ".join(f"{side.name} {side.rates[-1]:.1f}" for side in sides)
        print(f"round {number + 1}: {shown} photos/s   (load average {os.getloadavg()[0]:.1f})", flush=True)
    ours = sides[1]
    for side in sides:
        beside = "" if side is ours else f"   tlzoo / {side.name} = {ratio(ours, side):.2f}"
        note = f"   ({side.notes[-1]})" if side.notes else ""
        print(f"{side.name:10s} {statistics.median(side.rates):7.1f} photos/s{beside}{note}")


def ratio(ours: Side, other: Side) -> float:
    """Returns the median over rounds of what we do more than another."""
    return statistics.median(a / b for a, b in zip(ours.rates, other.rates, strict=True))


def latencies(ready: Prepared, rounds: int, seconds: float) -> dict[str, float]:
    """Measures one request at a time, saturation, and p99 at half of it, in turn; prints the ratio."""
    found: dict[str, list[float]] = {
        "single": [],
        "saturation": [],
        "p99": [],
        "p99_even": [],
        "ratio": [],
        "ratio_even": [],
    }
    for _ in range(rounds):
        single = asked(ready, Load(1, seconds=seconds / 2, warmup_seconds=0.5)).latencies["p50"]
        saturation = load(ready, seconds)
        half = Load(256, rate=saturation / 2, seconds=2 * seconds, warmup_seconds=1.0)
        p99 = asked(ready, half).latencies["p99"]
        even = asked(ready, dataclasses.replace(half, arrivals="even")).latencies["p99"]
        for name, value in zip(
            found, (single, saturation, p99, even, p99 / single, even / single), strict=True
        ):
            found[name].append(value)
        print(
            f"single request {1e3 * single:.1f} ms, saturation {saturation:.1f}/s; at half of it p99 "
            f"{1e3 * p99:.1f} ms at random ({p99 / single:.2f}x), {1e3 * even:.1f} ms evenly ({even / single:.2f}x)"
            f"   (load average {os.getloadavg()[0]:.1f})",
            flush=True,
        )
    if ready.pid is not None:
        print(f"server's memory {psutil.Process(ready.pid).memory_info().rss / 2**20:.0f} MiB")
    return {name: statistics.median(values) for name, values in found.items()}


if __name__ == "__main__":
    main()
