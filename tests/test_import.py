"""The light half stays light: no TensorFlow, nothing written, no surprises in the namespace."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

import tlzoo

HEAVY = ("tensorflow", "keras", "keras_hub", "sklearn", "matplotlib", "pandas", "ai_edge_litert")
LIGHT_MODULES = [
    "tlzoo",
    "tlzoo.api",
    "tlzoo.registry",
    "tlzoo.plans",
    "tlzoo.sources.networks",
    "tlzoo.sources.pypi",
    "tlzoo.workflows.zoo",
    "tlzoo.workflows.doctor",
    "tlzoo.workflows.train",
    "tlzoo.cli.main",
    "tlzoo.client.sync_client",
    "tlzoo.client.grpc_transport",
    "tlzoo.client.rest_transport",
    "tlzoo.client.questions",
]


def python(code, **environment):
    command = [sys.executable, "-c", code]
    return subprocess.run(
        command, capture_output=True, text=True, check=True, env={**os.environ, **environment}
    )


@pytest.mark.parametrize("module", LIGHT_MODULES)
def test_light_modules_import_nothing_heavy(module):
    loaded = python(f"import sys, {module}; print(*(m for m in {HEAVY!r} if m in sys.modules))").stdout
    assert loaded.split() == []


@pytest.mark.parametrize(
    "command", [["--help"], ["list"], ["show", "resnet50"], ["list", "--offline", "--json"]]
)
def test_looking_at_the_zoo_waits_for_no_pydantic(command):
    """What is typed most must answer at once; the first `list` checks the cards, later ones need not."""
    code = f"""
import sys
from tlzoo.cli.main import main
try:
    main({command!r})
except SystemExit:
    pass
print(*(m for m in ("pydantic", "tensorflow", "numpy", "rich") if m in sys.modules), file=sys.stderr)
"""
    python("from tlzoo.cli.main import main; main(['list'])")
    assert python(code).stderr.split() == []


def test_importing_the_client_imports_next_to_nothing():
    names = ("numpy", "pydantic", "httpx2", "grpc", "google.protobuf", "asyncio")
    loaded = python(f"import sys, tlzoo.client; print(*(m for m in {names!r} if m in sys.modules))")
    assert loaded.stdout.split() == []


def test_importing_the_front_door_imports_next_to_nothing():
    loaded = python(
        "import sys, tlzoo; print(*(m for m in ('numpy', 'pydantic', 'rich') if m in sys.modules))"
    )
    assert loaded.stdout.split() == []


def test_importing_writes_nothing_and_listing_only_remembers_checked_cards(tmp_path):
    home = tmp_path / "home"
    home.mkdir()
    environment = {"HOME": str(home), "XDG_CACHE_HOME": str(home / "cache"), "PYTHONDONTWRITEBYTECODE": "1"}
    environment |= {"TLZOO_CACHE": str(home / "tlzoo"), "KERAS_HOME": str(home / "keras")}
    python("import tlzoo; tlzoo.train; from tlzoo.cli.main import main; main([])", **environment)
    assert list(home.rglob("*")) == []
    python("from tlzoo.cli.main import main; main(['list', '--offline'])", **environment)
    files = [path for path in home.rglob("*") if path.is_file()]
    assert {path.parent for path in files} == {home / "tlzoo" / "cards"}
    assert len(files) == 2


def test_the_front_door_has_the_names_it_lists():
    assert sorted(tlzoo.__all__) == list(dict.fromkeys(sorted(tlzoo.__all__)))
    assert dir(tlzoo) == tlzoo.__all__
    for name in tlzoo.__all__:
        assert getattr(tlzoo, name) is not None


def test_a_name_it_does_not_have_is_answered_with_those_it_has():
    with pytest.raises(AttributeError, match=r"has no attribute 'trian'; it has: .*train"):
        _ = tlzoo.trian


def test_type_information_ships():
    assert (Path(tlzoo.__file__).parent / "py.typed").is_file()
