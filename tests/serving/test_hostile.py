"""A few thousand hostile requests; `benchmarks/serving_hostile.py` sends many more to a server in a process."""

import asyncio
import random

import pytest

from tests.serving.hostile import ATTACKS, CLOSED, SECRET, Attack, Verdicts, _judge, mutated, storm
from tests.serving.whole_server import running
from tlzoo.serving.options import Additions, ModelConfig, Policy, ServerOptions

COUNT = 2000


@pytest.fixture(scope="module")
def server(models):
    (models / "secret.txt").write_text(SECRET)
    (models / "secret").mkdir(exist_ok=True)
    model = ModelConfig("half_plus_two", models / "half_plus_two", Policy("all"))
    # Ports are replaced by free ones; a bomb of 120 MB is one for this server, and a test has less time for it.
    with running(ServerOptions((model,), additions=Additions(max_inflated_bytes=4 * 1024**2))) as found:
        yield found


def test_hostile_requests_harm_nobody(server):
    verdicts = asyncio.run(storm(server.rest_port, server.grpc_port, COUNT, seed=7))
    assert verdicts.faults[:3] == []
    kinds = {kind for kind, _ in verdicts.seen}
    assert len(kinds) == len(ATTACKS) + 3  # gRPC, noise on its port, and good ones between
    assert verdicts.seen["good", "answered"] == COUNT / 50
    assert server.server._limits.running == 0


def test_attacks_come_again_by_their_seed():
    for make in ATTACKS:
        assert make(random.Random("a")) == make(random.Random("a"))
    assert mutated(b"abcdef", random.Random(1)) != mutated(b"abcdef", random.Random(2))


OK = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s"


@pytest.mark.parametrize(
    ("got", "fault"),
    [
        (b"", "no answer"),
        (b"hello", "no HTTP"),
        (OK % (20, b"{}"), "cut off"),
        (OK % (2, b"{]"), "no JSON"),
        (OK % (14, b'{"error": "a"}'), "disagree"),
        (OK.replace(b"200", b"500") % (14, b'{"error": "a"}'), "answer is 500"),
        (OK % (len(SECRET) + 2, f'"{SECRET}"'.encode()), "outside"),
        (OK % (2, b"{}"), None),
    ],
)
def test_the_judge_finds_faults(got, fault):
    verdicts = Verdicts()
    _judge(Attack("json", [b"x"]), got, verdicts)
    assert [fault in one for one in verdicts.faults] == ([True] if fault else [])


def test_hanging_up_answers_what_is_no_http():
    verdicts = Verdicts()
    _judge(Attack("noise", [b"x"], broken=True), b"", verdicts)
    assert verdicts.faults == []
    assert verdicts.seen["noise", CLOSED] == 1
