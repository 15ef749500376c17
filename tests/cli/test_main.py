import os
import signal
import subprocess
import sys
import time

import pytest

import tlzoo
from tlzoo.cli import main as cli
from tlzoo.errors import ChecksumError, DataError, TlzooError


@pytest.fixture
def failing(monkeypatch, zoo):
    """Makes `tlzoo list` raise."""

    def fail(error):
        def handler(*_):
            raise error

        monkeypatch.setattr("tlzoo.workflows.zoo.backbones", handler)

    return fail


def process(*words, **options):
    return subprocess.run([sys.executable, "-m", "tlzoo", *words], capture_output=True, text=True, **options)


def test_without_a_command_it_helps(run):
    said = run()
    assert said.code == 0
    assert said.out.startswith("usage: tlzoo")
    assert "examples:" in said.out


def test_help_lists_every_exit_code_there_is(run):
    text = run("--help").out
    kinds = list(cli._kinds(TlzooError))
    assert len(kinds) >= 11
    codes = {int(line.split()[0]) for line in text.split("exit codes:\n")[1].splitlines()}
    assert codes == {0, 1, 130, 141} | {kind.exit_code for kind in kinds}


def test_version(run):
    assert run("--version").out == f"tlzoo {tlzoo.__version__}\n"


@pytest.mark.parametrize("group", cli.GROUPS)
def test_every_group_is_described(run, group):
    assert __import__(f"tlzoo.cli.{group}", fromlist=["x"]).__doc__


@pytest.mark.parametrize(
    ("error", "code"),
    [(DataError("It is empty.", allowed="images.", do="Add some."), 3), (ChecksumError("Wrong."), 4)],
)
def test_errors_are_three_lines_without_a_traceback(run, failing, error, code):
    failing(error)
    said = run("list")
    lines = [f"error: {error.what}", f"  allowed: {error.allowed}", f"  what to do: {error.do}"]
    assert said.err.splitlines() == [line for line in lines if not line.endswith(": ")]
    assert (said.code, said.out) == (code, "")


@pytest.mark.parametrize("words", [("--debug", "list"), ("list", "--debug")])
def test_debug_shows_the_traceback(run, failing, words):
    failing(DataError("It is empty."))
    said = run(*words)
    assert said.err.startswith("Traceback")
    assert said.err.endswith("error: It is empty.\n")


def test_a_defect_asks_to_be_reported(run, failing):
    failing(ZeroDivisionError("division by zero"))
    said = run("list")
    assert said.code == 1
    assert said.err.startswith("error: ZeroDivisionError: division by zero\n")
    assert "Report it" in said.err
    assert "Traceback" not in said.err


def test_a_full_disk_is_no_defect(run, failing):
    failing(OSError(28, "No space left on device", "/cache/x"))
    said = run("list")
    assert (said.code, said.err) == (1, "error: [Errno 28] No space left on device: '/cache/x'\n")


def test_an_interrupt_has_its_own_code(run, failing):
    failing(KeyboardInterrupt())
    said = run("list")
    assert (said.code, said.err) == (130, "interrupted\n")


def test_ctrl_c_in_a_real_process_leaves_no_traceback(tmp_path):
    code = (
        "import signal, sys, time; from tlzoo.cli import main\n"
        # Shells start what runs in the background with interrupts ignored.
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "import tlzoo.workflows.zoo as zoo\n"
        "zoo.backbones = lambda *a: (print('ready', flush=True), time.sleep(60))\n"
        "sys.exit(main.main(['list']))"
    )
    running = subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert running.stdout.readline() == "ready\n"
    time.sleep(0.1)
    running.send_signal(signal.SIGINT)
    _, said = running.communicate(timeout=30)
    assert (running.returncode, said) == (130, "interrupted\n")


def test_a_reader_that_goes_away_is_no_error(tmp_path):
    command = f"{sys.executable} -m tlzoo list --json | head -c 1; echo ${{PIPESTATUS[0]}}"
    environment = {**os.environ, "TLZOO_CACHE": str(tmp_path), "PYTHONUNBUFFERED": "1"}
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, env=environment)
    assert done.stderr == ""
    assert done.stdout in ("{141\n", "{0\n")  # 0: everything fitted into the pipe


def test_python_dash_m_does_the_same():
    done = process("--version")
    assert (done.returncode, done.stdout) == (0, f"tlzoo {tlzoo.__version__}\n")
    assert process("shwo").returncode == 2


def test_the_entry_point_is_this_function():
    from importlib.metadata import entry_points

    (script,) = entry_points(group="console_scripts", name="tlzoo")
    assert script.load() is cli.main
