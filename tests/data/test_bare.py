"""Items without labels."""

import numpy as np
import pytest
from PIL import Image

from tlzoo.data.bare import UNKNOWN, load_bare
from tlzoo.data.load import load


@pytest.fixture
def folder(tmp_path):
    for number, name in enumerate(["b.png", "deep/er/a.png", "c.PNG", ".hidden.png", "__MACOSX/x.png"]):
        path = tmp_path / "photos" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.full((9, 9, 3), number * 20, np.uint8)).save(path, format="PNG")
    (tmp_path / "photos" / "notes.md").write_text("no image")
    return tmp_path / "photos"


def test_images_anywhere_below_a_folder(folder):
    found = load_bare(str(folder))
    assert sorted(found.keys) == ["b.png", "c.PNG", "deep/er/a.png"]
    assert found.class_names == (UNKNOWN,)
    assert set(found.labels.tolist()) == {0}
    assert found.modality == "image"


def test_broken_ones_are_skipped_and_named(folder):
    (folder / "broken.png").write_bytes(b"no image")
    found = load_bare(folder)
    assert len(found) == 3
    assert [key for key, _ in found.skipped] == ["broken.png"]


def test_a_table_of_texts_needs_no_labels(tmp_path):
    (tmp_path / "new.csv").write_text("id,review\n1,Good.\n2,Bad.\n")
    found = load_bare(tmp_path / "new.csv", text_column="review")
    assert found.items == ("Good.", "Bad.")
    assert found.modality == "text"


def test_labels_that_are_there_are_forgotten():
    data = (["a", "b", "c", "d"], list("xyxy"))
    labelled, bare = load(data), load_bare(data)
    assert bare.items == labelled.items
    assert bare.class_names == (UNKNOWN,)
    assert bare.fingerprint != labelled.fingerprint
    other = load_bare((data[0], list("yyxx")))
    assert other.fingerprint == bare.fingerprint
