"""Killed at any step, failing at any step, watched at any step, several at a time: only whole versions, and served."""

import itertools
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

from tests.serving.rollout.crash import SCENARIOS, faults
from tests.serving.rollout.light import make
from tlzoo.bundle import read_bundle
from tlzoo.errors import BundleError
from tlzoo.serving.rollout.deploy import Order, deploy
from tlzoo.serving.rollout.folder import ModelFolder
from tlzoo.serving.rollout.history import History

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[3]
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"}


@pytest.fixture
def quick():
    """A folder in memory, where there is such a thing: thousands of small files are made."""
    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=memory if os.access(memory, os.W_OK) else None) as folder:
        yield Path(folder)


def program(name, *words):
    command = [sys.executable, "-m", f"tests.serving.rollout.{name}", *map(str, words)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, env=ENVIRONMENT, timeout=300)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


OFTEN = {("first_label", "fail"), ("next", "kill"), ("keep", "fail"), ("rollback", "kill")}
"""Which of the many are tried at each run of the tests; the others are as many again, and slow."""


@pytest.mark.parametrize(
    ("scenario", "how"),
    [
        pytest.param(*each, marks=() if each in OFTEN else pytest.mark.slow)
        for each in itertools.product(SCENARIOS, ("kill", "fail"))
    ],
)
def test_it_may_end_at_any_step(quick, scenario, how):
    said = program("crash", quick, scenario, how)
    assert said["wrong"] == []
    assert said["steps"] >= 10


@pytest.mark.parametrize(("seed", "rounds"), [(1, 8), pytest.param(2, 80, marks=pytest.mark.slow)])
def test_servers_that_look_in_between_always_serve(quick, seed, rounds):
    said = program("watched", quick, seed, rounds)
    assert said["wrong"] == []
    assert said["changes"] > 5 * rounds
    assert said["looks"] > 100 * rounds


LOOP = """
import itertools, sys
from pathlib import Path
from tlzoo.serving.rollout.deploy import Order, deploy
from tlzoo.serving.rollout.site import Site
first, second, repository = map(Path, sys.argv[1:])
print("ready", flush=True)
for number in itertools.count():
    order = Order("photos", ("canary",), keep=2)
    print(deploy((first, second)[number % 2], Site(repository, lock_seconds=60), order).version, flush=True)
"""


def test_killed_at_any_moment_in_a_real_process(quick):
    """Large files, so that the moment, somewhere in the second deployment, often falls into the middle of one."""
    bundles = [make(quick / f"bundle{n}" / "photos" / "1", b"graph%d" % n, size=3_000_000) for n in range(2)]
    folder = ModelFolder(quick / "served", "photos")
    dice, before = random.Random(4), 0
    for _ in range(12):
        command = [sys.executable, "-c", LOOP, *map(str, [*bundles, folder.repository])]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=ENVIRONMENT)
        assert process.stdout.readline() == "ready\n"
        begun = time.monotonic()
        told = [int(process.stdout.readline())]
        time.sleep(dice.random() * (time.monotonic() - begun))
        process.send_signal(signal.SIGKILL)
        told += [int(line) for line in process.communicate()[0].split()]
        visible = folder.visible()
        for path in visible.values():
            read_bundle(path, verify=True)
        # Who was told that a version is there finds it, and nobody gets a number that somebody had.
        assert max(visible) >= told[-1]
        assert told[0] > before
        before = max(visible)


def test_several_at_once_get_a_version_each(bundles, tmp_path):
    sources = [bundles(b"graph%d" % number) for number in range(4)]
    command = [sys.executable, "-m", "tlzoo", "deploy"]
    words = [str(tmp_path / "served"), "--name", "photos", "--label", "canary", "--json", "-q"]
    running = [
        subprocess.Popen([*command, str(source), *words], stdout=subprocess.PIPE, text=True, env=ENVIRONMENT)
        for source in sources
    ]
    answers = [json.loads(process.communicate(timeout=120)[0]) for process in running]
    assert sorted(answer["version"] for answer in answers) == [1, 2, 3, 4]
    folder = ModelFolder(tmp_path / "served", "photos")
    contents = {(path / "saved_model.pb").read_bytes() for path in folder.visible().values()}
    assert contents == {b"graph%d" % number for number in range(4)}
    assert [line["version"] for line in folder.history.lines() if line["action"] == "deploy"] == [1, 2, 3, 4]


def test_several_models_at_once_share_one_configuration(bundles, tmp_path):
    command = [
        sys.executable,
        "-m",
        "tlzoo",
        "deploy",
        str(bundles()),
        str(tmp_path / "served"),
        "--label",
        "stable",
    ]
    names = [f"model{number}" for number in range(4)]
    running = [
        subprocess.Popen([*command, "--name", name, "-q"], stdout=subprocess.DEVNULL, env=ENVIRONMENT)
        for name in names
    ]
    assert [process.wait(timeout=120) for process in running] == [0] * 4
    text = (tmp_path / "served" / "models.config").read_text()
    assert (
        sorted(line.split('"')[1] for line in text.splitlines() if line.strip().startswith("name:")) == names
    )
    assert text.count('version_labels { key: "stable" value: 1 }') == 4


def test_a_disk_that_fills_up_leaves_what_was_there(site, bundles, tmp_path):
    """No file may grow beyond a limit, which is as close to a full disk as one comes without being root."""
    deploy(bundles(), site, Order(labels=("stable",)))
    large = bundles(b"large", size=3_000_000)
    before = {path: path.read_bytes() for path in site.repository.rglob("*") if path.is_file()}
    code = "import resource, sys; from tlzoo.cli.main import main; "
    code += "resource.setrlimit(resource.RLIMIT_FSIZE, (10**6, 10**6)); sys.exit(main(sys.argv[1:]))"
    command = [sys.executable, "-c", code, "deploy", str(large), str(site.repository), "-q"]
    done = subprocess.run(command, capture_output=True, text=True, env=ENVIRONMENT)
    assert done.returncode == BundleError.exit_code
    assert "File too large" in done.stderr
    assert "what to do:" in done.stderr
    assert {path: path.read_bytes() for path in site.repository.rglob("*") if path.is_file()} == before
    assert deploy(large, site, Order()).version == 2


def test_interrupted_by_hand_nothing_is_left(site, bundles):
    deploy(bundles(), site, Order())

    def interrupt(done, total, text):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        deploy(bundles(), site, Order(), progress=interrupt)
    assert sorted(os.listdir(site.repository / "photos")) == ["1", "deployments.jsonl"]
    assert list(faults(site, {1}, set())) == []


def test_half_a_line_of_history_is_no_obstacle(site, bundles):
    deploy(bundles(), site, Order())
    path = site.repository / "photos" / "deployments.jsonl"
    path.write_bytes(path.read_bytes()[:-20])
    assert deploy(bundles(), site, Order()).version == 2
    assert [line["version"] for line in History(path).lines()] == [2]
