from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from pictures import noise
from PIL import Image

from tlzoo.data import readers
from tlzoo.data.load import load
from tlzoo.errors import CardError, DataError, UnknownNameError, UsageError
from tlzoo.registry import datasets


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The package's shape with eight small pictures, as an installed one lies: beside others."""
    folder = tmp_path / "site-packages" / "elpv_dataset" / "data"
    (folder / "images").mkdir(parents=True)
    rows = []
    for index in range(8):
        Image.fromarray(noise(8, 8, index)).convert("L").save(folder / "images" / f"cell{index:04d}.png")
        rows.append(f"images/cell{index:04d}.png  {index % 4 / 3:<20} {'mono' if index < 4 else 'poly'}")
    (folder / "labels.csv").write_text("\n".join(rows) + "\n")
    asked = {}

    def fetch_package(name: str, version: str, **more: object) -> Path:
        asked.update(more, name=name, version=version)
        return tmp_path / "site-packages"

    monkeypatch.setattr("tlzoo.sources.pypi.fetch_package", fetch_package)
    return folder


def test_elpv(package: Path) -> None:
    data = load("elpv")
    assert data.name == "elpv"
    assert data.class_names == ("functional", "defective")
    assert data.labels.tolist() == [0, 0, 1, 1] * 2
    assert data.test_fraction == 0.25
    assert data.source == "elpv"
    assert load("elpv", cell_type="mono").keys == tuple(f"images/cell{index:04d}.png" for index in range(4))


def test_elpv_options(package: Path) -> None:
    with pytest.raises(UsageError, match="cell_type='amorphous'") as caught:
        load("elpv", cell_type="amorphous")
    assert caught.value.allowed == "all, mono, poly."
    with pytest.raises(UnknownNameError, match="no option of data set elpv 'cell_typ'") as caught:
        load("elpv", cell_typ="mono")
    assert "'cell_type'" in caught.value.do


def test_a_folder_of_that_name_wins(photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    photos.rename(tmp_path / "elpv")
    monkeypatch.chdir(tmp_path)
    assert load("elpv").class_names == ("cat", "dog")


def test_a_package_without_its_table(package: Path) -> None:
    (package / "labels.csv").unlink()
    with pytest.raises(DataError, match=r"labels\.csv' is missing"):
        load("elpv")


def test_digits() -> None:
    data = load("digits")
    assert len(data) == 1797
    assert data.class_names == tuple("0123456789")
    assert data.items[0].shape == (8, 8, 3)
    assert max(item.max() for item in data.items) == 255
    assert [len(indices) for _, indices in data.split(seed=0).items()] == [1078, 270, 449]


def test_unknown_reader() -> None:
    card = datasets().get("digits").model_copy(update={"reader": "digts"})
    with pytest.raises(CardError, match="names reader 'digts'") as caught:
        readers.read_card_data(card, {})
    assert "digits" in caught.value.allowed


@pytest.mark.slow
def test_the_real_elpv() -> None:
    data = load("elpv")
    assert data.counts() == {"functional": 1803, "defective": 821}
    splits = data.split(seed=0)
    assert [len(indices) for _, indices in splits.items()] == [1574, 394, 656]
    shares = [float(np.mean(data.labels[indices])) for _, indices in splits.items()]
    assert max(shares) - min(shares) < 0.005
