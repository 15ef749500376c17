"""`auto` on real digits: every decision is written, the budget holds, and what was killed goes on."""

import json
from dataclasses import replace

import numpy as np
import pytest

import tlzoo
from tlzoo.cli.main import main
from tlzoo.errors import UsageError
from tlzoo.workflows.attempts import Attempt
from tlzoo.workflows.auto import Auto
from tlzoo.workflows.auto_log import AutoLog
from tlzoo.workflows.budget import Budget

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("tiny")]

ASKED = {"recipe": "auto", "validation": 0.2, "test": 0.25, "batch_size": 16, "head_epochs": 3, "epochs": 2}


@pytest.fixture(scope="module")
def usual(tiny):
    """`tiny` is what is trained where nobody names a backbone."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("tlzoo.workflows.prepare.BACKBONES", {"image": "tiny", "text": "tiny_text"})
        yield


@pytest.fixture(scope="module")
def whole(usual, digits, tmp_path_factory):
    return tlzoo.train(digits, out=tmp_path_factory.mktemp("runs") / "auto", budget="20m", **ASKED)


def steps(run):
    return [step["what"] for step in run.folder.choice["steps"]]


def test_every_decision_is_written_with_its_second(whole):
    told = whole.folder.choice
    what = steps(whole)
    assert what[:2] == ["take tiny", "probe"]
    assert what[2] in ("the data is near", "the data is far")
    assert what[3] in ("try l2_sp", "try fine_tune")
    assert what[-1] == f"finish {whole.folder.plan.recipe}"
    at = [step["at"] for step in told["steps"]]
    assert at == sorted(at)
    assert all(step["why"] for step in told["steps"])
    assert told["budget"] == 1200
    assert at[-1] <= told["spent"] < 1200
    assert told["attempts"][0]["name"] == "feature_extraction"
    assert [each["name"] for each in told["attempts"] if each["chosen"]] == [whole.folder.plan.recipe]


def test_it_ends_with_a_run_like_any_other(whole, digits, tmp_path):
    assert whole.metrics["test"]["n"] == 30
    assert whole.folder.plan.recipe in whole.folder.choice["verdict"]
    again = tlzoo.open_run(whole.path, digits)
    with np.load(whole.path / "predictions.npz") as kept:
        index, logits = kept["test_index"][:8], kept["test_logits"][:8]
    pixels = digits[0][index].astype(np.float32)
    np.testing.assert_allclose(again.model.predict(pixels, verbose=0), logits, atol=5e-3)
    assert (
        tlzoo.load_bundle(whole.export(tmp_path / "bundle").folder).predict([digits[0][0]])[0].label in "012"
    )
    assert not (whole.path / "checkpoints").exists()
    assert not list(whole.path.glob("attempts/*/weights.npz"))
    assert not list(whole.path.glob("attempts/*/predictions.npz"))
    assert list(whole.path.glob("tensorboard/trial-*"))


def test_the_report_tells_how_it_came_to_be(whole):
    page = whole.report.read_text()
    assert "How this run came to be" in page
    for step in whole.folder.choice["steps"]:
        assert step["what"] in page


def test_the_command_it_names_trains_the_same_run(whole, digits, tmp_path):
    verdict = whole.folder.choice["verdict"]
    assert f"--recipe {whole.folder.plan.recipe}" in verdict
    assert f"--out {whole.path}-again" in verdict
    config = whole.folder.config
    assert config["command"].count("--recipe auto --backbone") == 0
    assert "--recipe auto" in config["command"]
    options = {**config["options"], "backbone": "tiny", "validation": 0.2, "test": 0.25}
    plain = tlzoo.train(digits, recipe=config["recipe"], out=tmp_path / "plain", **options)
    assert plain.folder.plan == whole.folder.plan
    assert plain.metrics["test"] == whole.metrics["test"]


@pytest.mark.parametrize("where", ["feature_extraction", "l2_sp: tune, epoch 2", "fine_tune: tune, epoch 1"])
def test_what_was_killed_goes_on(whole, usual, digits, tmp_path, where):
    class Killed(Exception):
        pass

    def kill(done, total, what):
        if what.startswith(where):
            raise Killed

    out = tmp_path / "auto"
    with pytest.raises(Killed):
        tlzoo.train(digits, out=out, budget="20m", progress=kill, **ASKED)
    before = json.loads((out / "choice.json").read_text())
    run = tlzoo.resume(out, digits)
    assert run.folder.plan == whole.folder.plan
    assert run.metrics["test"] == whole.metrics["test"]
    assert steps(run)[: len(before["steps"])] == [step["what"] for step in before["steps"]]
    assert "go on after an interruption" in steps(run)
    assert run.folder.choice["spent"] > before["spent"]


def test_without_time_it_falls_back_on_the_probe(usual, digits, tmp_path):
    run = tlzoo.train(digits, out=tmp_path / "auto", budget=0.5, **ASKED)
    assert run.folder.plan.recipe == "feature_extraction"
    assert "leave the stages unprobed" in steps(run)
    assert any(step.startswith("pass over") for step in steps(run))
    assert run.metrics["test"]["n"] == 30


def test_a_recipe_that_cannot_be_carried_out_is_given_up(digits, tmp_path, monkeypatch):
    from tlzoo.recipes.shortlist import Entry

    listed = Entry("lora", "no layer of that name", {"targets": ("*query*",)}), Entry("lp_ft", "the other")
    monkeypatch.setattr("tlzoo.recipes.shortlist.shortlist", lambda *_: listed)
    run = tlzoo.train(digits, backbone="tiny", out=tmp_path / "auto", budget="20m", **ASKED)
    assert "give up lora" in steps(run)
    assert "try lp_ft" in steps(run)
    why = next(step["why"] for step in run.folder.choice["steps"] if step["what"] == "give up lora")
    assert "selects no layer" in why


def test_a_named_backbone_is_not_ranked_and_options_reach_who_has_them(digits, tmp_path):
    run = tlzoo.train(
        digits, backbone="tiny", out=tmp_path / "auto", budget=0.5, class_weights="balanced", **ASKED
    )
    assert not any(step.startswith("take") for step in steps(run))
    assert run.folder.plan.class_weights == "balanced"


def test_refusals(digits, tmp_path):
    with pytest.raises(UsageError, match="Did you mean 'epochs'"):
        tlzoo.train(digits, backbone="tiny", recipe="auto", out=tmp_path / "a", epoch=3)
    with pytest.raises(UsageError, match="budget=-1"):
        tlzoo.train(digits, backbone="tiny", recipe="auto", out=tmp_path / "a", budget=-1)
    with pytest.raises(UsageError, match="a budget for fine_tune"):
        tlzoo.train(digits, backbone="tiny", recipe="fine_tune", out=tmp_path / "a", budget=60)
    with pytest.raises(UsageError, match="auto has no plan"):
        tlzoo.plan(digits, backbone="tiny", recipe="auto")
    assert not (tmp_path / "a").exists()


def test_the_command_line(usual, photos, tmp_path, capsys):
    words = [
        "train",
        str(photos),
        "--recipe",
        "auto",
        "--budget",
        "1s",
        "--out",
        str(tmp_path / "run"),
    ]
    assert main([*words, "-q"]) == 0
    out = capsys.readouterr().out
    assert "note    auto chose feature_extraction, after" in out
    assert json.loads((tmp_path / "run" / "config.json").read_text())["auto"]["budget"] == 1


class TestComparing:
    """The rule itself, on losses that are made up."""

    NOISE = np.random.default_rng(1).normal(0, 1, 400)
    NOISE -= NOISE.mean()
    BASE = np.linspace(0.3, 0.5, 400)

    @pytest.fixture
    def auto(self, tmp_path):
        log = AutoLog(tmp_path / "choice.json", Budget(600))
        probe = Attempt(tmp_path, self.BASE, 0.8, 1)
        return Auto(None, None, None, log, best=("feature_extraction", probe))

    def attempt(self, gain, cut=False):
        """An attempt whose gain is so many standard errors."""
        spread = self.NOISE / self.NOISE.std() * 0.02
        return Attempt(None, self.BASE - gain * 0.02 / np.sqrt(400) + spread, 0.8, 1, cut)

    @pytest.mark.parametrize(
        ("gain", "first", "cut", "wins"),
        [
            (2.0, True, False, True),
            (-0.9, True, False, True),  # validation cannot tell: the list does
            (-1.1, True, False, False),
            (-0.9, True, True, False),  # what was cut short must prove itself
            (1.1, True, True, True),
            (1.1, False, False, True),
            (0.9, False, False, False),
        ],
    )
    def test_who_wins(self, auto, gain, first, cut, wins):
        goes_on = auto._compare("new", self.attempt(gain, cut), first=first)
        assert (auto.best[0] == "new") == wins
        assert goes_on == (first or wins)
        assert ("stop" in [step["what"] for step in auto.log.steps]) == (not goes_on)

    def test_what_diverged_never_wins(self, auto):
        lost = replace(self.attempt(0.0), losses=np.full(400, np.inf))
        assert auto._compare("new", lost, first=True)
        assert auto.best[0] == "feature_extraction"
