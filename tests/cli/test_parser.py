import argparse
import subprocess

import pytest

from tlzoo.cli.main import build_parser
from tlzoo.cli.parser import add_command, walk


def commands():
    """Parsers of all commands, without those that only group others."""
    found = {}
    for parser in walk(build_parser()):
        if not any(isinstance(action, argparse._SubParsersAction) for action in parser._actions):
            found[parser.prog.removeprefix("tlzoo ")] = parser
    return found


@pytest.mark.parametrize(
    ("words", "guess"),
    [
        (("lst",), "list"),
        (("fecth", "x"), "fetch"),
        (("list", "--ofline"), "--offline"),
        (("list", "--modality", "imge"), "image"),
        (("data", "chek", "x"), "check"),
    ],
)
def test_misspelt_words_are_answered_with_the_closest(run, words, guess):
    said = run(*words)
    assert said.code == 2
    assert said.out == ""
    assert said.err.startswith("error: ")
    assert f"what to do: Did you mean '{guess}'?" in said.err
    assert "--help" in said.err


def test_words_close_to_nothing_get_no_guess(run):
    assert "Did you mean" not in run("xyzzy").err
    assert "Did you mean" not in run("show").err


def test_options_cannot_be_abbreviated(run):
    """An abbreviation that works today breaks when a longer option comes."""
    assert run("list", "--off").code == 2


@pytest.mark.parametrize("name", commands())
def test_every_command_looks_alike(name):
    parser = commands()[name]
    options = {option for action in parser._actions for option in action.option_strings}
    assert {"--json", "--quiet", "-q", "--debug"} <= options
    assert parser.description
    assert parser.epilog.startswith("examples:\n  tlzoo ")
    assert f"tlzoo {name}" in parser.epilog
    assert parser.get_default("run") is not None
    for action in parser._actions:
        assert action.help, f"{name}: {action.dest} has no help"


@pytest.mark.parametrize("name", commands())
def test_examples_parse(name):
    """Every line of every epilog is a line users may type."""
    import shlex

    parser = build_parser()
    for line in commands()[name].epilog.splitlines():
        words = shlex.split(line.split("  #")[0].split(" | ")[0].strip().split("   ")[0])
        if words[:1] == ["tlzoo"]:
            parser.parse_args(words[1:])


def test_a_group_needs_add_command_only(capsys):
    parser = argparse.ArgumentParser()
    added = add_command(parser.add_subparsers(), "go", lambda a: 7, help="go far", examples="  tlzoo go")
    assert added.description == "Go far."
    arguments = parser.parse_args(["go", "--json"])
    assert arguments.run(arguments) == 7
    assert (arguments.json, arguments.quiet) == (True, False)


@pytest.mark.parametrize("shell", ["bash", "zsh", "tcsh"])
def test_completion_knows_commands_options_and_cards(run, shell):
    said = run("--print-completion", shell)
    assert (said.code, said.err) == (0, "")
    words = ["list", "efficientnet_lite0", "elpv", "doctor"]
    if shell != "tcsh":  # shtab's tcsh script knows no options of commands
        words.append("--offline")
    for word in words:
        assert word in said.out


def test_bash_understands_its_completion(run):
    script = run("--print-completion", "bash").out
    script += "\nCOMP_WORDS=(tlzoo show efficientnet_li); COMP_CWORD=2; _shtab_tlzoo; echo ${COMPREPLY[@]}"
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True)
    assert done.stdout.split() == ["efficientnet_lite0", "efficientnet_lite1", "efficientnet_lite2"]


def test_an_unknown_shell_is_refused(run):
    assert run("--print-completion", "fish").code == 2
