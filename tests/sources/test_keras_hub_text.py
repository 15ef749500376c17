"""KerasHub's text networks as one tensor of tokens to vectors: what is built, and what is refused."""

import numpy as np
import pytest

from tests.text_families import tiny_card, write_preset
from tlzoo.errors import CardError, UnreachableError, WeightsError
from tlzoo.sources import keras_hub, networks


@pytest.fixture(scope="module")
def preset(tmp_path_factory):
    folder = tmp_path_factory.mktemp("preset")
    return write_preset("bert", folder), folder


def _load(card, pretrained=True):
    return networks.load_network(card, pretrained=pretrained, size=(0, 0))


def _changed(card, **architecture):
    return card.model_copy(update={"architecture": {**card.architecture, **architecture}})


def test_one_tensor_in_a_sequence_out(preset):
    network = _load(preset[0])
    assert network.input.shape == (None, None)
    assert network.input.dtype == "int32"
    assert network.output.shape == (None, None, 16)


def test_the_pooler_where_the_card_says_none(preset):
    assert _load(preset[0].model_copy(update={"pooling": "none"})).output.shape == (None, 16)


def test_the_padding_number_never_matters(preset):
    tokens = np.array([[2, 7, 3, -1]], "int32")
    one, other = _load(preset[0]), _load(_changed(preset[0], padding=9))
    np.testing.assert_allclose(np.asarray(one(tokens))[:, :3], np.asarray(other(tokens))[:, :3], atol=1e-6)


def test_without_weights_and_architecture_the_folder_tells(preset):
    card = preset[0].model_copy(update={"architecture": {}})
    assert _load(card, pretrained=False).count_params() == _load(preset[0]).count_params()


def test_architectures_that_cannot_be_built():
    with pytest.raises(CardError, match="no class 'BertBackbonne'"):
        _load(_changed(tiny_card("bert"), **{"class": "BertBackbonne"}), pretrained=False)
    with pytest.raises(CardError, match="BertBackbone cannot be built"):
        _load(tiny_card("bert", architecture={"class": "BertBackbone", "num_layers": 2}), pretrained=False)


def test_a_network_with_other_inputs_is_refused():
    architecture = {
        "class": "BartBackbone", "vocabulary_size": 40, "num_layers": 1, "num_heads": 2, "hidden_dim": 8,
        "intermediate_dim": 8,
    }  # fmt: skip
    card = tiny_card("bert", architecture=architecture)
    with pytest.raises(CardError, match="networks of padding_mask, segment_ids, token_ids"):
        _load(card, pretrained=False)


def test_weights_of_another_architecture_are_refused(preset, tmp_path):
    card, folder = preset
    write_preset("distilbert", tmp_path)
    (tmp_path / "config.json").write_bytes((folder / "config.json").read_bytes())
    with pytest.raises(WeightsError, match="does not load"):
        _load(card.model_copy(update={"locator": f"keras-hub:{tmp_path}"}))


def test_an_unreachable_preset_names_what_works_offline(tmp_path, monkeypatch):
    monkeypatch.setenv("KAGGLEHUB_CACHE", str(tmp_path))
    monkeypatch.setattr(keras_hub, "_HUB", "https://127.0.0.1:9")
    with pytest.raises(UnreachableError) as caught:
        networks.fetch(tiny_card("roberta", locator="keras-hub:roberta_base_en"))
    assert "backbones that work offline here" in str(caught.value)
    assert "keras-hub:roberta_base_en" in str(caught.value)


def test_a_preset_without_its_vocabulary_is_not_at_hand(preset, tmp_path, monkeypatch):
    card, folder = preset
    monkeypatch.setenv("KAGGLEHUB_CACHE", str(tmp_path))
    version = tmp_path / "models" / "keras" / "bert" / "keras" / "bert_base_en_uncased" / "3"
    named = card.model_copy(update={"locator": "keras-hub:bert_base_en_uncased"})
    for name in ("config.json", "model.weights.h5", "tokenizer.json", "assets/tokenizer/vocabulary.txt"):
        assert not networks.at_hand(named)
        (version / name).parent.mkdir(parents=True, exist_ok=True)
        (version / name).write_bytes((folder / name).read_bytes())
    assert networks.at_hand(named)
    assert networks.fetch(named) == version
    assert _load(named).count_params() == _load(card).count_params()


@pytest.mark.parametrize(
    ("family", "files"),
    [
        ("bert", ["tokenizer.json", "assets/tokenizer/vocabulary.txt"]),
        ("gpt2", ["tokenizer.json", "assets/tokenizer/vocabulary.json", "assets/tokenizer/merges.txt"]),
        ("xlm_roberta", ["tokenizer.json", "assets/tokenizer/vocabulary.spm"]),
    ],
)
def test_every_file_of_a_preset_is_fetched(family, files, tmp_path, monkeypatch):
    import kagglehub

    asked = []

    def download(handle, name):
        asked.append(name)
        return str(tmp_path / name)

    monkeypatch.setenv("KAGGLEHUB_CACHE", str(tmp_path))
    monkeypatch.setattr("tlzoo.sources.download.require_answer", lambda url: None)
    monkeypatch.setattr(kagglehub, "model_download", download)
    locator = {
        "bert": "bert_base_en_uncased",
        "gpt2": "gpt2_base_en",
        "xlm_roberta": "xlm_roberta_base_multi",
    }
    card = tiny_card(family, locator=f"keras-hub:{locator[family]}")
    assert keras_hub.fetch(card) == tmp_path
    assert asked == [*files, "config.json", "model.weights.h5"]
