import os
import subprocess
import sys

import pytest

from tlzoo.cli.hush import without_chatter

pytestmark = pytest.mark.slow

CHATTER = (
    b"WARNING: All log messages before absl::InitializeLog() is called are written to STDERR\n"
    b"I0000 00:00:1795405483.844405     784 cudart_stub.cc:31] Could not find cuda drivers on your machine.\n"
    b"I0000 00:00:1795561762.588711   29816 port.cc:153] oneDNN custom operations are on. You may see\n"
)


def test_chatter_is_dropped_and_everything_else_kept_in_order(capfd):
    with without_chatter():
        os.write(2, b"one\n" + CHATTER)
        os.write(2, b"two\n")
    os.write(2, b"three\n")
    assert capfd.readouterr().err == "one\ntwo\nthree\n"


def test_what_was_written_before_a_failure_is_passed_on(capfd):
    def load():
        with without_chatter():
            os.write(2, b"libcuda.so: cannot open shared object file\n")
            raise ImportError

    with pytest.raises(ImportError):
        load()
    assert "cannot open shared object file" in capfd.readouterr().err


CODE = """
import os, sys
from tlzoo.cli.hush import _Watch, hush
watching = lambda: sum(isinstance(finder, _Watch) for finder in sys.meta_path)
hush()
hush()
assert watching() == 1
import tensorflow as tf
assert watching() == 0
tf.config.list_physical_devices("GPU")
assert tf.constant(1) + 1 == 2
print(os.environ["TF_CPP_MIN_LOG_LEVEL"])
"""


def test_tensorflow_loads_without_a_word():
    environment = {name: value for name, value in os.environ.items() if name != "TF_CPP_MIN_LOG_LEVEL"}
    done = subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True, env=environment)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout in ("2\n", "3\n")


def test_the_users_own_level_counts():
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "1"}
    done = subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True, env=environment)
    assert done.stdout == "1\n"
