"""The door to tokenizers: who has one, where its files are, and what is said when they are not."""

import json
import shutil

import pytest

from tests.text_families import tiny_card, write_hugging_face_bert, write_preset
from tlzoo import registry
from tlzoo.cards.backbone import TokenizerSpec
from tlzoo.errors import CardError, UnreachableError, WeightsError
from tlzoo.sources.tokenizers import load_tokenizer


@pytest.fixture(scope="module")
def card(tmp_path_factory):
    return write_preset("bert", tmp_path_factory.mktemp("bert"))


def _kind(card, **spec):
    return card.model_copy(update={"tokenizer": TokenizerSpec(**{"kind": card.tokenizer.kind, **spec})})


def test_images_have_none():
    with pytest.raises(CardError, match="resnet50 is no text backbone"):
        load_tokenizer(registry.backbones().get("resnet50"))


def test_networks_that_take_strings_need_none(card):
    assert load_tokenizer(_kind(card, kind="in_model")) is None


@pytest.mark.parametrize(
    ("marks", "start", "end"),
    [("both", (2,), (3,)), ("start", (2,), ()), ("end", (), (3,)), ("none", (), ())],
)
def test_marks_are_what_the_card_says(card, marks, start, end):
    tokenizer = load_tokenizer(_kind(card, marks=marks))
    assert (tokenizer.start, tokenizer.end) == (start, end)


def test_a_kind_that_does_not_exist(card):
    with pytest.raises(CardError, match=r"keras_hub\.tokenizers has no 'BertTokeniser'"):
        load_tokenizer(_kind(card, kind="BertTokeniser"))


@pytest.mark.parametrize("kind", ["DistilBertTokenizer", "RobertaTokenizer"])
def test_a_kind_that_is_not_the_folders(card, kind):
    with pytest.raises(WeightsError, match=rf"holds (no {kind}|a BertTokenizer)"):
        load_tokenizer(_kind(card, kind=kind))


@pytest.mark.parametrize("form", ["keras_hub", "hugging_face"])
def test_a_folder_without_its_vocabulary(tmp_path, form):
    card = (write_preset if form == "keras_hub" else lambda _, folder: write_hugging_face_bert(folder))(
        "bert", tmp_path
    )
    shutil.rmtree(tmp_path / "assets", ignore_errors=True)
    (tmp_path / "vocab.txt").unlink(missing_ok=True)
    with pytest.raises(WeightsError, match=r"no vocabulary for its BertTokenizer") as caught:
        load_tokenizer(card)
    assert "vocab.txt" in str(caught.value)


def test_a_vocabulary_that_lacks_its_marks(tmp_path):
    card = write_hugging_face_bert(tmp_path)
    (tmp_path / "vocab.txt").write_text("[UNK]\nfox\n")
    with pytest.raises(WeightsError, match=r"holds no BertTokenizer.*\[CLS\]|special token"):
        load_tokenizer(card)


def test_options_override_the_files(tmp_path):
    card = write_hugging_face_bert(tmp_path)
    (tmp_path / "tokenizer_config.json").write_text(json.dumps({"do_lower_case": False}))
    assert not load_tokenizer(card).layer.lowercase
    with pytest.raises(WeightsError, match="holds no BertTokenizer"):
        load_tokenizer(_kind(card, options={"no_such_option": 1}))


def test_a_folder_that_is_not_there():
    with pytest.raises(UnreachableError, match="does not exist"):
        load_tokenizer(tiny_card("bert", locator="file:/nowhere/at/all"))
