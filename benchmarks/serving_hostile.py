"""Hostile requests against a running server: no crash, no hang, no growth, always an error that can be read.

    python benchmarks/serving_hostile.py [COUNT] [SEED]

The attacks are those of `tests/serving/hostile.py`, and good requests between them must be answered. On top of them a
few hundred connections are opened that never send a whole request. Memory is the resident set of the server's process:
the start is after a tenth of the attacks, when its caches and pools are warm, the end after all of them.
"""

from __future__ import annotations

import asyncio
import os
import socket
import sys
import tempfile
import time
from pathlib import Path

import psutil
from common import ROOT, finish

sys.path.insert(0, str(ROOT))

GROWTH = 1.10
IDLE_CONNECTIONS = 300


def main() -> None:
    """Prints what came back by family; exits with 1 if anything should not have."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    seed = int(sys.argv[2]) if len(sys.argv) > 2 else 0
    os.environ["PYTHONPATH"] = str(ROOT)
    from tests.serving.fixture_models import write_fixtures
    from tests.serving.hostile import SECRET, storm
    from tlzoo.workflows.bench_server import own_server

    with tempfile.TemporaryDirectory(prefix="tlzoo-hostile-") as scratch:
        write_fixtures(Path(scratch))
        (Path(scratch) / "secret.txt").write_text(SECRET)
        with own_server(f"{scratch}/half_plus_two") as server:
            process = psutil.Process(server.pid)
            idle = [
                socket.create_connection(("127.0.0.1", server.rest_port)) for _ in range(IDLE_CONNECTIONS)
            ]
            for number, one in enumerate(idle):
                one.sendall(b"POST /v1/models/half_plus_two:predict HTTP/1.1\r\nA: b"[: number % 50])
            ports = (server.rest_port, server.grpc_port)
            warm = asyncio.run(storm(*ports, count // 10, seed))
            before = process.memory_info().rss
            begun = time.perf_counter()
            rest = asyncio.run(storm(*ports, count - count // 10, seed + 1, tell=_teller(process)))
            seconds = time.perf_counter() - begun
            alive, after = process.is_running(), process.memory_info().rss
            for one in idle:
                one.close()
            files = process.num_fds()
    seen, faults = warm.seen + rest.seen, warm.faults + rest.faults
    for (kind, what), number in sorted(seen.items()):
        print(f"{kind:14s} {what:20s} {number:7d}")
    print("\n".join(faults[:20]))
    growth = after / before
    print(
        f"{count} hostile requests in {seconds:.0f} s, {seen['good', 'answered']} good ones between them answered; "
        f"{len(faults)} faults; memory {before / 2**20:.0f} MiB, then {after / 2**20:.0f} MiB ({growth:.3f}x); "
        f"{files} open files; load average {os.getloadavg()[0]:.1f}"
    )
    holds = alive and not faults and growth <= GROWTH
    finish(count=count, seed=seed, faults=len(faults), growth=growth, alive=alive, holds=holds)
    sys.exit(0 if holds else 1)


def _teller(process: psutil.Process):
    def tell(number: int) -> None:
        if number % 10_000 == 0:
            print(f"{number} sent, {process.memory_info().rss / 2**20:.0f} MiB", file=sys.stderr, flush=True)

    return tell


if __name__ == "__main__":
    main()
