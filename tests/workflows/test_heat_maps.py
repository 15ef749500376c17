"""Heat maps of runs on real digits: in the report, and for any pictures."""

import json

import numpy as np
import pytest
from PIL import Image

import tlzoo
from tlzoo.errors import DataError, UsageError

pytestmark = pytest.mark.usefixtures("tiny")

SMALL = {"backbone": "tiny", "validation": 0.2, "test": 0.25}


@pytest.fixture(scope="module")
def run(tiny, digits, tmp_path_factory):
    """A run with mistakes: it had one epoch."""
    images, labels = digits
    wrong = labels.copy()
    wrong[::7] = (wrong[::7] + 1) % 3
    return tlzoo.train((images, wrong), out=tmp_path_factory.mktemp("runs") / "run", epochs=5, **SMALL)


def test_the_worst_mistakes_show_where_the_network_looked(run):
    entries = json.loads((run.path / "mistakes" / "mistakes.json").read_text())
    assert entries
    whys = [entry["why"] for entry in entries[:12]]
    assert all((run.path / "mistakes" / why).is_file() for why in whys)
    page = run.report.read_text()
    assert page.count('class="why"') == len(whys)
    assert "class activation maps, exact" in page


def test_any_picture_can_be_explained(run, digits, tmp_path):
    Image.fromarray(digits[0][0]).resize((50, 40)).save(tmp_path / "a.png")
    Image.fromarray(digits[0][90]).save(tmp_path / "b.png")
    found = run.explain(tmp_path)
    assert [each.item for each in found] == ["a.png", "b.png"]
    assert all(each.label in run.class_names and each.method == "cam" for each in found)
    assert all(each.heat.shape == (4, 4) and each.picture.shape == (32, 32, 3) for each in found)
    assert found[0].overlay().shape == (32, 32, 3)


def test_another_class_has_another_map(run, digits):
    images = list(digits[0][[0, 50]])
    one, two = (run.explain(images, [name] * 2) for name in run.class_names[:2])
    assert [each.label for each in one] == [run.class_names[0]] * 2
    assert not np.allclose(one[0].heat, two[0].heat)


def test_refusals(run, digits, tmp_path):
    images = [digits[0][0]]
    with pytest.raises(UsageError, match="unknown"):
        run.explain(images, ["cat"])
    with pytest.raises(UsageError, match="2 labels for 1"):
        run.explain(images, list(run.class_names[:2]))
    with pytest.raises(DataError):
        run.explain(tmp_path / "nowhere")
    number = tlzoo.train(
        (digits[0], np.arange(120.0)), task="regression", out=tmp_path / "number", epochs=1, **SMALL
    )
    with pytest.raises(UsageError, match="regression"):
        number.explain(images)
