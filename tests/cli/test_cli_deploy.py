"""`deploy`, `promote`, `rollback`, `versions`, as their users type them."""

import json
import subprocess
import sys

import pytest

from tests.serving.rollout.light import FAILED, make, signature


@pytest.fixture
def photos(tmp_path, monkeypatch):
    """A bundle in models/photos, in the folder where commands run."""
    monkeypatch.chdir(tmp_path)
    return make(tmp_path / "models" / "photos" / "1")


def test_a_bundle_goes_into_service_and_out_again(run, photos):
    said = run("deploy", "models/photos", "served", "--label", "stable", "-q")
    assert said.code == 0
    size = sum(file.stat().st_size for file in photos.rglob("*") if file.is_file())
    assert said.out.splitlines()[:3] == [
        "deployed   served/photos/1",
        f"copied     6 files, {size / 1000:.1f} kB, checksums agree",
        "labels     stable → 1",
    ]
    make("models/photos/2", b"two")
    assert run("deploy", "models/photos", "served", "--label", "canary", "-q").out.splitlines()[0] == (
        "deployed   served/photos/2, after version 1"
    )
    assert run("promote", "served", "photos", "canary", "stable").out.splitlines()[:2] == [
        "promoted   stable is version 2, was version 1",
        "labels     canary → 2, stable → 2",
    ]
    assert run("rollback", "served", "photos").out.splitlines()[:3] == [
        "answers    served/photos/1, was version 2",
        "labels     canary → 1, stable → 1",
        "set aside  2",
    ]
    table = run("versions", "served").out.splitlines()
    assert table[0].split() == ["model", "version", "state", "labels", "deployed", "by", "from"]
    assert [line.split()[:4] for line in table[1:]] == [
        ["photos", "2", "rolled", "back"],
        ["photos", "1", "answers", "canary,"],
    ]
    assert run("rollback", "served", "photos", "--to", "2").code == 0


def test_json_is_one_object_with_the_documented_keys(run, photos):
    done = run("deploy", "models/photos", "served", "--json").json
    keys = {
        "model",
        "version",
        "path",
        "replaced",
        "labels",
        "removed",
        "set_aside",
        "files",
        "bytes",
        "notes",
    }
    assert done.keys() == keys
    assert (done["model"], done["version"], done["replaced"]) == ("photos", 1, None)
    assert run("promote", "served", "photos", "1", "stable", "--json").json["labels"] == {"stable": 1}
    make("models/photos/2", b"two")
    run("deploy", "models/photos", "served", "-q")
    assert run("rollback", "served", "photos", "--json").json["set_aside"] == [2]
    listed = run("versions", "served", "--json").json
    assert [(row["version"], row["state"]) for row in listed["versions"]] == [
        (2, "rolled back"),
        (1, "answers"),
    ]


def test_what_is_refused_says_how_to_allow_it(run, photos):
    run("deploy", "models/photos", "served", "-q")
    make("models/photos/2", signatures={"serving_default": signature(9)}, parity=FAILED)
    said = run("deploy", "models/photos", "served", "-q")
    assert (said.code, said.out) == (7, "")
    assert said.err.splitlines()[0].startswith("error: 'models/photos/2' does not answer as its model did")
    said = run("deploy", "models/photos", "served", "-q", "--allow", "parity")
    assert "add --allow signature" in said.err.splitlines()[2]
    assert run("deploy", "models/photos", "served", "-q", "--force").code == 0


@pytest.mark.parametrize(
    ("words", "code", "text"),
    [
        (("deploy", "nothing", "served"), 7, "'nothing' does not exist"),
        (("deploy", "models/photos", "served", "--allow", "signatures"), 2, "Did you mean 'signature'?"),
        (("deploy", "models/photos", "served", "--label", "a:b"), 2, "'a:b' cannot be a label"),
        (("deploy", "models/photos", "served", "--name", "../x"), 2, "'../x' cannot be the name of a model"),
        (
            ("deploy", "models/photos", "served", "--server", "localhost"),
            2,
            "'localhost' is no address of a server",
        ),
        (("deploy", "models/photos", "models/photos"), 2, "is the folder of one model"),
        (("deploy", "models/photos"), 2, "REPO"),
        (("rollback", "served", "photos"), 2, "There is no model 'photos'"),
        (("promote", "served", "photos", "a", "b"), 2, "There is no model 'photos'"),
        (("versions", "served", "photos"), 2, "There is no model 'photos'"),
    ],
)
def test_mistakes_are_answered_with_their_exit_code(run, photos, words, code, text):
    said = run(*words)
    assert said.code == code
    assert text in said.err
    assert not (photos.parents[2] / "served").exists()


def test_damage_is_listed_and_has_an_exit_code(run, photos):
    run("deploy", "models/photos", "served", "-q")
    (photos.parents[2] / "served" / "photos" / "1" / "saved_model.pb").write_bytes(b"x")
    assert run("versions", "served").code == 0
    said = run("versions", "served", "photos", "--verify")
    assert said.code == 7
    assert said.out.splitlines()[-1].startswith("photos/1: 'served/photos/1/saved_model.pb' has sha256")
    assert run("versions", "served", "--verify", "--json").json["damaged"] == 1


def test_an_empty_repository_says_so(run, tmp_path):
    assert run("versions", str(tmp_path)).out == f"'{tmp_path}' holds no models.\n"


@pytest.mark.parametrize("command", ["deploy", "promote", "rollback", "versions"])
def test_help_has_examples_of_its_own(run, command):
    said = run(command, "--help")
    assert said.code == 0
    assert f"examples:\n  tlzoo {command} " in said.out


def test_no_command_waits_for_tensorflow(photos):
    commands = [
        ["deploy", "models/photos", "served", "--label", "stable", "--keep", "2", "-q"],
        ["deploy", "models/photos", "served", "--label", "canary", "-q"],
        ["promote", "served", "photos", "canary", "stable"],
        ["versions", "served", "--verify"],
        ["rollback", "served", "photos"],
    ]
    code = f"""
import sys
from tlzoo.cli.main import main
codes = [main(words) for words in {commands!r}]
print(codes, [name for name in ("tensorflow", "keras", "grpc", "numpy") if name in sys.modules], file=sys.stderr)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stderr == "[0, 0, 0, 0, 0] []\n"
    assert json.dumps(done.stdout)
