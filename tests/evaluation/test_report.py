import html
import json
import re
import time
from html.parser import HTMLParser

import numpy as np
import pytest

from tlzoo.errors import RunError
from tlzoo.evaluation import svg
from tlzoo.evaluation.report import write_report
from tlzoo.metrics.calibration import reliability

SECTIONS = ["scores", "training", "confusion", "classes", "calibration", "mistakes", "data", "plan", "backbone",
            "reproduce"]  # fmt: skip


class Page(HTMLParser):
    """Collects tags and ids, and checks that what is opened is closed."""

    VOID = frozenset({"meta", "img", "br", "rect", "path", "circle"})

    def __init__(self, text):
        super().__init__()
        self.ids, self.tags, self.links, self.open = [], [], [], []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        values = dict(attrs)
        self.ids.append(values.get("id"))
        self.links += [values[key] for key in ("src", "href") if key in values]
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.handle_starttag(tag, attrs)
        if tag not in self.VOID:
            self.open.pop()

    def handle_endtag(self, tag):
        if tag not in self.VOID:
            assert self.open.pop() == tag


def report(run):
    text = write_report(run).read_text("utf-8")
    return text, Page(text)


def test_has_every_section_and_needs_nothing_else(make_run):
    text, page = report(make_run())
    assert [name for name in page.ids if name in SECTIONS] == SECTIONS
    assert not {"script", "link", "iframe"} & set(page.tags)
    assert page.links
    assert all(link.startswith("data:image/png;base64,") for link in page.links)
    assert "default-src &#39;none&#39;" in text or "default-src 'none'" in text
    assert page.tags.count("svg") == 5


def test_says_what_was_measured(make_run):
    run = make_run()
    text, _ = report(run)
    metrics = json.loads((run / "metrics.json").read_text())
    for part in ("test", "majority"):
        assert f"{100 * metrics[part]['accuracy']:.1f}%" in text
    for fact in ("tlzoo train elpv", "pypi:elpv-dataset", "9a41" * 16, "Apache-2.0", "arXiv:1905.11946",
                 "truncated after 4,096 bytes", "95% interval", "Temperature 1.00", "10 of 10"):  # fmt: skip
        assert fact in text


def test_hostile_names_stay_text(make_run):
    names = ("<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "{{ 7 * 7 }}", "\u202eexe.jpg")
    item = "<svg onload=alert(1)>{:d}'\".png"
    text, page = report(make_run(names=names, shares=(0.25,) * 4, n=400, item=item))
    assert "script" not in page.tags
    assert page.tags.count("svg") == 5
    assert "<script>" not in text
    assert "onerror" in text
    assert "{{ 7 * 7 }}" in text
    assert all(link.startswith("data:") for link in page.links)


def test_texts_stand_where_pictures_stand_else(make_run):
    run = make_run(texts=True, item="row:{}")
    text, page = report(run)
    assert "img" not in page.tags
    assert "no picture" not in text
    assert 'class="gallery"' not in text
    entries = json.loads((run / "mistakes" / "mistakes.json").read_text())
    assert page.tags.count("blockquote") == len(entries) == 24
    assert "<summary>12 more</summary>" in text
    for fact in ("occlusion, the fall of that class&#39;s log-odds", "Up to 256 tokens, the beginning of longer texts",
                 "texts of up to 512 tokens (BertTokenizer)", "median 109, 95% have up to 185, the longest has 488",
                 "3 texts (0.3%)", "0.4% of the tokens", "--set length=512 or --set long_text=chunks",
                 "Skipped texts", 'dir="auto"'):  # fmt: skip
        assert fact in text, fact


def test_marked_texts_are_the_texts_and_nothing_else(make_run):
    run = make_run(texts=True)
    text, page = report(run)
    assert "script" not in page.tags
    assert "a" not in page.tags
    quotes = re.findall(r"<blockquote[^>]*>(.*?)</blockquote>", text, re.S)
    entries = json.loads((run / "mistakes" / "mistakes.json").read_text())
    assert any(entry["cut"] for entry in entries)
    assert 'class="against"' in text
    for quote, entry in zip(quotes, entries, strict=True):
        shown = html.unescape(re.sub(r"</?span[^>]*>", "", quote))
        assert shown == entry["text"] + ("…" if entry["cut"] else "")
        assert "".join(push["text"] for push in entry.get("pushes", [])) in ("", entry["text"])


def test_texts_without_pushes_or_facts_are_shown_plainly(make_run):
    run = make_run(texts=True)
    metrics = json.loads((run / "metrics.json").read_text())
    del metrics["texts"], metrics["attribution"]
    (run / "metrics.json").write_text(json.dumps(metrics))
    entries = json.loads((run / "mistakes" / "mistakes.json").read_text())
    for entry in entries:
        entry.pop("pushes", None)
        entry.pop("cut")
    (run / "mistakes" / "mistakes.json").write_text(json.dumps(entries))
    text, page = report(run)
    assert page.tags.count("blockquote") == 24
    assert "Words are marked" not in text


def test_pictures_outside_the_folder_are_not_read(make_run):
    run = make_run()
    (run / "secret.png").write_bytes(b"secret")
    entries = json.loads((run / "mistakes" / "mistakes.json").read_text())
    entries[0]["file"], entries[1]["file"] = "../secret.png", "../config.json"
    (run / "mistakes" / "mistakes.json").write_text(json.dumps(entries))
    text, _ = report(run)
    assert "c2VjcmV0" not in text
    assert text.count("no picture") == 2


@pytest.mark.parametrize("classes", [2, 16, 200])
def test_any_number_of_classes(make_run, classes):
    names = tuple(f"class {number}" for number in range(classes))
    text, page = report(
        make_run(names=names, shares=(1 / classes,) * classes, n=200 * classes if classes < 99 else 6000)
    )
    assert ('class="matrix' in text) == (classes <= 16)
    assert ("commonest confusions" in text) == (classes == 200)
    assert page.tags.count("td") < 12 * 16 * 16 + 40 * classes


def test_one_class_in_the_test_split(make_run):
    text, _ = report(make_run(one_class_test=True))
    assert "AUROC" in text


def test_a_run_that_logged_nothing(make_run):
    run = make_run()
    for name in ("log.jsonl", "splits.csv", "mistakes/mistakes.json"):
        (run / name).unlink()
    assert "No epochs were logged." in report(run)[0]


def test_without_optional_facts(make_run):
    run = make_run()
    config = json.loads((run / "config.json").read_text())
    (run / "config.json").write_text(json.dumps({"seed": config["seed"]}))
    assert "not recorded" in report(run)[0]


def test_beside_the_same_network_from_scratch(make_run):
    make_run("scratch", skill=1.0, seed=9)
    text, _ = report(make_run(config={"scratch": "../scratch"}))
    assert "Same network from scratch" in text
    assert "Against scratch, on the same examples: +" in text
    assert "from scratch" not in report(make_run("other", config={"scratch": "../gone"}))[0]


def test_an_unfinished_run_has_no_report(make_run):
    run = make_run()
    (run / "metrics.json").unlink()
    with pytest.raises(RunError, match="resume"):
        write_report(run)


def test_fast(make_run):
    run = make_run()
    write_report(run)  # imports Jinja
    start = time.perf_counter()
    write_report(run)
    assert time.perf_counter() - start < 3  # generous: machines that run tests are busy


def test_line_chart_keeps_to_its_frame():
    values = [0.9, None, 0.5, float("nan"), 0.1]
    chart = svg.line_chart("t", [svg.Series("a<b", values)], [svg.Band("p&q", 0, 5)])
    assert "a&lt;b" in chart
    assert "p&amp;q" in chart
    ys = [float(y) for y in re.findall(r"[\d.]+ ([\d.]+)[L\"]", chart.split('class="series"')[1])]
    assert ys
    assert all(svg.TOP <= y <= svg.HEIGHT - svg.BOTTOM for y in ys)


@pytest.mark.parametrize("values", [[0.5], [0.5, 0.5], [0.0, 0.0], [1e9, 1e-9], [-3.0, 2.0]])
@pytest.mark.parametrize("log", [False, True])
def test_line_chart_of_odd_values(values, log):
    assert svg.line_chart("t", [svg.Series("a", values)], [svg.Band("", 0, len(values))], log=log).endswith(
        "</svg>"
    )


def test_no_values_no_chart():
    assert svg.line_chart("t", [svg.Series("a", [None])], []) == ""


def test_reliability_chart_skips_empty_bins():
    chart = svg.reliability_chart("t", reliability(np.array([0]), np.array([[0.7, 0.3]])))
    assert chart.count('class="bar"') == 1
    assert "nan" not in chart


def test_tells_how_a_run_was_chosen(make_run):
    run = make_run()
    assert 'id="choice"' not in report(run)[0]
    choice = {
        "procedure": "tune",
        "verdict": "The best of 2 <b>trials</b>.",
        "shown": "accuracy",
        "steps": [{"at": 75.2, "what": "rank", "why": "2 backbones fit"}],
        "attempts": [
            {
                "name": "trial 1",
                "told": "rate=0.1",
                "val_loss": 0.25,
                "shown": 0.9,
                "seconds": 3.0,
                "chosen": True,
            },
            {"name": "trial 0", "told": "", "val_loss": None, "shown": 0.3, "seconds": 2.0, "cut": True},
        ],
    }
    (run / "choice.json").write_text(json.dumps(choice))
    text, page = report(run)
    assert "choice" in page.ids
    section = text[text.index('id="choice"') :].split("</section>")[0]
    assert "&lt;b&gt;trials" in section
    for said in ("1 min 15 s", "2 backbones fit", "rate=0.1", "0.2500", "90.0%", "cut short"):
        assert said in section


def test_warns_of_runs_that_looked_at_the_test_pictures(make_run):
    run = make_run()
    assert "looked at" not in report(run)[0]
    metrics = json.loads((run / "metrics.json").read_text())
    metrics["pseudo"] = {"self1": {"examples": 90, "labelled": 3}, "self2": {"examples": 90, "labelled": 71}}
    (run / "metrics.json").write_text(json.dumps(metrics))
    text, _ = report(run)
    assert "looked at the 90 examples of the test split" in text
    assert "in the end 71 of them" in text
    assert text.index("looked at the 90") < text.index("test accuracy on")
