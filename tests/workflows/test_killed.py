"""SIGKILL at any moment, in a real process: nothing is lost, and the end is the same to the bit."""

import json
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

pytestmark = pytest.mark.slow

WORDS = ["--recipe", "fine_tune", "--set", "epochs=8", "--set", "head_epochs=3"]


def start(zoo, *words):
    environment = os.environ | {"TLZOO_ZOO": str(zoo), "TF_CPP_MIN_LOG_LEVEL": "3"}
    command = [sys.executable, "-m", "tlzoo", "train", *map(str, words), "--quiet"]
    return subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)


def finish(process):
    _, said = process.communicate(timeout=300)
    assert process.returncode == 0, said.decode()


def weights(run):
    with np.load(run / "weights.npz") as kept:
        return {name: kept[name] for name in kept.files}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("zoo", "data", "backbone"),
    [("tiny_zoo", "photos", "tiny"), ("tiny_text_zoo", "corpus", "tiny_text")],
    ids=["images", "texts"],
)
def test_killed_again_and_again_it_ends_as_if_it_had_not_been(zoo, data, backbone, request, tmp_path):
    zoo, data = request.getfixturevalue(zoo), request.getfixturevalue(data)
    whole = tmp_path / "whole"
    # Engines are timed, and the faster one may be another the next time.
    asked = [data, "--backbone", backbone, *WORDS, "--engine", "graph"]
    finish(start(zoo, *asked, "--out", whole))
    run = tmp_path / "killed"
    words = [*asked, "--out", run]
    # Killed while it trains: after the first, the third and the sixth epoch of the second phase.
    for epochs in (1, 3, 6):
        process = start(zoo, *words)
        deadline = time.monotonic() + 240
        while time.monotonic() < deadline and process.poll() is None:
            if tuned(run) >= epochs:
                break
            time.sleep(0.02)
        process.send_signal(signal.SIGKILL)
        process.communicate()
        words = ["--resume", run]
    finish(start(zoo, *words))
    mine, theirs = weights(run), weights(whole)
    assert mine.keys() == theirs.keys()
    assert all(np.array_equal(mine[name], theirs[name]) for name in mine)
    test = [json.loads((each / "metrics.json").read_text())["test"] for each in (run, whole)]
    assert test[0] == test[1]
    assert tuned(run) == tuned(whole) == 8


def tuned(run):
    log = run / "log.jsonl"
    return log.read_text().count('"phase": "tune"') if log.is_file() else 0
