import json

import numpy as np
from PIL import Image

from tlzoo.evaluation.overlays import overlay, write_overlays
from tlzoo.evaluation.report import write_report


def test_bright_where_the_map_is_and_untouched_where_it_is_not():
    picture = np.full((100, 200, 3), 128, np.uint8)
    heat = np.zeros((4, 4))
    heat[0, 0] = 1
    found = overlay(picture, heat)
    assert found.shape == (80, 160, 3)
    assert (found[-10:, -10:] == 128).all()
    assert np.abs(found[:5, :5].astype(int) - 128).max() > 40
    assert found[0, 0, 0] > found[0, 0, 2]  # yellow, not violet


def test_the_strongest_place_is_the_lightest():
    dark = np.zeros((8, 8, 3), np.uint8)
    grey = [overlay(dark, np.full((2, 2), each)).mean() for each in (0, 0.25, 0.5, 0.75, 1)]
    assert grey == sorted(grey)
    assert grey[0] == 0


def test_overlays_are_noted_beside_the_first_mistakes_and_shown(make_run):
    folder = make_run()
    before = json.loads((folder / "mistakes" / "mistakes.json").read_text())
    pictures = [np.full((20, 30, 3), shade, np.uint8) for shade in (10, 200)]
    write_overlays(folder, pictures)
    entries = json.loads((folder / "mistakes" / "mistakes.json").read_text())
    assert [entry.pop("why", None) for entry in entries[:3]] == ["000_why.png", "001_why.png", None]
    assert entries == before
    assert np.asarray(Image.open(folder / "mistakes" / "001_why.png")).mean() == 200
    page = write_report(folder).read_text()
    assert page.count('class="why" src="data:image/png') == 2


def test_no_overlays_change_nothing(make_run):
    folder = make_run()
    before = (folder / "mistakes" / "mistakes.json").read_bytes()
    write_overlays(folder, [])
    assert json.loads(before) == json.loads((folder / "mistakes" / "mistakes.json").read_text())
    assert 'class="why"' not in write_report(folder).read_text()
