import inspect

import pytest

from tlzoo import errors
from tlzoo.errors import DataError, TlzooError, UnknownNameError, unknown_name

KINDS = [kind for _, kind in inspect.getmembers(errors, inspect.isclass) if issubclass(kind, TlzooError)]


def test_an_error_states_three_facts():
    error = DataError("folder 'photos' has 1 class.", allowed="2 or more.", do="Add a folder.")
    assert (error.what, error.allowed, error.do) == (
        "folder 'photos' has 1 class.",
        "2 or more.",
        "Add a folder.",
    )
    assert str(error) == "folder 'photos' has 1 class. Allowed: 2 or more. What to do: Add a folder."


def test_facts_that_are_not_there_leave_no_trace():
    assert str(DataError("It broke.")) == "It broke."


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_every_kind_is_documented_and_drawn_in_the_tree(kind):
    assert kind.__doc__
    assert kind.__name__ in errors.__doc__
    line = next(
        line for line in errors.__doc__.splitlines() if f" {kind.__name__} " in f" {line.strip('├└│─ ')} "
    )
    if "exit code" in line:
        assert f"exit code {kind.exit_code}" in line


def test_exit_codes_differ_between_families_and_agree_within():
    families = TlzooError.__subclasses__()
    assert len({kind.exit_code for kind in families}) == len(families)
    for family in families:
        assert all(child.exit_code == family.exit_code for child in family.__subclasses__())


@pytest.mark.parametrize(
    ("name", "do"),
    [
        ("resnet5", "Did you mean 'resnet50'?"),
        ("RESNET50", "Did you mean 'resnet50'?"),
        ("zzz", "Pick one of these."),
    ],
)
def test_unknown_names_suggest_close_ones(name, do):
    error = unknown_name("backbone", name, ["resnet50", "vgg16"])
    assert isinstance(error, UnknownNameError)
    assert error.what == f"There is no backbone '{name}'."
    assert error.allowed == "resnet50, vgg16"
    assert error.do == do


def test_unknown_names_append_the_callers_advice():
    assert unknown_name("x", "vgg1", ["vgg16"], do="Look.").do == "Did you mean 'vgg16'? Look."
    assert unknown_name("x", "zzz", ["vgg16"], do="Look.").do == "Look."


def test_long_lists_are_cut_and_empty_ones_said():
    assert unknown_name("x", "q", [f"name{n:03}" for n in range(30)]).allowed.endswith(
        "name019, … (30 in all)"
    )
    assert unknown_name("x", "q", []).allowed == "none exist."
