"""A verdict in the report: all of its words, hostile ones harmless, and a curve that is drawn to scale."""

import json
import re
from dataclasses import replace

import pytest

from tlzoo.errors import RunError
from tlzoo.evaluation.record import RunRecord
from tlzoo.evaluation.report import write_report
from tlzoo.evaluation.verdict_board import write_verdict
from tlzoo.evaluation.verdict_view import curve_chart, verdict_view
from tlzoo.metrics.bootstrap import Interval
from tlzoo.metrics.learning_curve import CatchUp
from tlzoo.workflows.verdict_answer import Advice, Point, Row, Verdict

GAIN = Interval(-0.052, -0.081, -0.021)
TOLD = Verdict(
    run="runs/first",
    data="cells",
    metric="accuracy",
    unit=1.0,
    word="negative",
    gain=GAIN,
    margin=0.01,
    tested=400,
    rows=(
        Row("run", "fine_tune with b", 0.81, 3, GAIN, 12.0, 8),
        Row("scratch", "the same network from random weights", 0.862, 3, None, 40.0, 60),
        Row(
            "L2-SP",
            "l2_sp with b",
            0.84,
            3,
            Interval(-0.022, -0.04, 0.0),
            12.0,
            8,
            Interval(0.03, 0.01, 0.05),
        ),
        Row("majority", "always the commonest class", 0.6, 1),
    ),
    curve=(Point(0.1, 100, 3, 0.7, 0.5, Interval(0.2, 0.1, 0.3)), Point(1.0, 1000, 3, 0.81, 0.862, GAIN)),
    catch_up=CatchUp("already"),
    cautions=("Scratch trained for 1 s.",),
    missing=("probe with all the data, 3 seeds",),
    advice=(Advice("L2-SP", "few examples", "tlzoo train '<script>alert(1)</script>'", True),),
    seconds=63.0,
    budget=600.0,
)


@pytest.fixture
def told(make_run):
    run = make_run()
    (run / "verdict").mkdir()
    (run / "verdict" / "verdict.json").write_text(json.dumps(TOLD.to_dict()))
    return run


def test_a_run_nobody_asked_has_no_section(make_run):
    run = make_run()
    assert verdict_view(RunRecord.read(run)) is None
    assert 'id="verdict"' not in write_report(run).read_text()


def test_all_of_it_is_in_the_report(told):
    page = write_report(told).read_text()
    section = page[page.index('<section id="verdict">') :]
    section = section[: section.index("</section>")]
    for words in (
        "Negative transfer: -5.2 points [-8.1, -2.1] of accuracy",
        "Scratch trained for 1 s.",
        "86.2%",
        "+3.0 [1.0, 5.0]",
        "Scratch already reaches",
        "L2-SP (tried)",
        "probe with all the data, 3 seeds",
        "1 min 03 s",
    ):
        assert words in section
    assert "<script>" not in section


def test_the_curve_is_drawn_to_scale():
    points = [
        {"examples": 100, "run": 0.5, "scratch": 0.2},
        {"examples": 1000, "run": 0.6, "scratch": 0.4},
        {"examples": 10000, "run": 0.7, "scratch": 0.6},
    ]
    chart = curve_chart(points, percent=True)
    paths = re.findall(r'<g class="series[^"]*"><title>[^<]*</title><path d="M([^"]*)"', chart)
    lines = [[tuple(map(float, corner.split())) for corner in path.split("L")] for path in paths]
    assert len(lines) == 2
    for line in lines:
        (a, _), (b, _), (c, _) = line
        assert b - a == pytest.approx(c - b, abs=0.2)  # tenfold each
    heights = [y for _, y in lines[1]]
    assert heights[0] - heights[1] == pytest.approx(heights[1] - heights[2], abs=0.2)
    assert lines[0][2][1] < lines[1][2][1]  # better is higher


@pytest.mark.parametrize("text", ["{", "[]", "{}", '{"metric": "accuracy"}'])
def test_a_damaged_file_is_named(told, text):
    (told / "verdict" / "verdict.json").write_text(text)
    with pytest.raises(RunError, match=r"verdict\.json"):
        verdict_view(RunRecord.read(told))


def test_an_earlier_board_is_replaced_and_nothing_else(tmp_path):
    (tmp_path / "mine").mkdir()
    write_verdict(TOLD.to_dict(), tmp_path)
    write_verdict(TOLD.to_dict(), tmp_path)
    assert len(list((tmp_path / "run").glob("events*"))) == 1
    assert (tmp_path / "mine").is_dir()


def test_words_without_evidence_claim_nothing():
    assert "says nothing" in replace(TOLD, gain=None, word="neutral").sentence
    numbers = replace(TOLD, metric="rmse", word="neutral", gain=Interval(0.02, -0.1, 0.14))
    assert "+2.0 hundredths of the labels' spread [-10.0, 14.0]" in numbers.sentence
