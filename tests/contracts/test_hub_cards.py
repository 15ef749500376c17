"""The contract of `tf-hub:` cards: without its module no network can be built, so what the card says is checked alone.

Where a module is at hand on this machine, everything is checked as for every other card.
"""

from __future__ import annotations

import itertools

import pytest

from tlzoo import registry
from tlzoo.backbones.stages import resolve_stages
from tlzoo.cards import BackboneCard
from tlzoo.errors import UnreachableError
from tlzoo.sources import networks, tf_hub
from tlzoo.sources.hub_split import REST, split

CARDS = [card for card in registry.backbones() if card.scheme == "tf-hub"]


def _names(*parts: object) -> list[str]:
    """Returns all paths through alternatives: `_names("a", ["b", "c"])` is `["a/b", "a/c"]`."""
    lists = [[part] if isinstance(part, str) else part for part in parts]
    return ["/".join(path) for path in itertools.product(*lists)]


def _mobilenet() -> list[str]:
    norm = _names("BatchNorm", ["gamma", "beta", "moving_mean", "moving_variance"])
    names = _names("MobilenetV2", ["Conv", "Conv_1"], ["weights", *norm])
    blocks = ["expanded_conv", *(f"expanded_conv_{at}" for at in range(1, 17))]
    names += _names("MobilenetV2", blocks, ["expand", "project"], ["weights", *norm])
    names += _names("MobilenetV2", blocks, "depthwise", ["depthwise_weights", *norm])
    return [name for name in names if "expanded_conv/expand" not in name]


def _bert(layers: int) -> list[str]:
    norm, dense = ["gamma", "beta"], ["kernel", "bias"]
    names = _names(["word_embeddings", "position_embedding", "type_embeddings"], "embeddings")
    names += [*_names("embeddings/layer_norm", norm), *_names("pooler_transform", dense), "Variable"]
    blocks = [f"layer_{at}" for at in range(layers)]
    attention = _names("self_attention", ["query", "key", "value", "attention_output"], dense)
    inside = attention + _names(["intermediate", "output"], dense)
    inside += _names(["self_attention_layer_norm", "output_layer_norm"], norm)
    return names + _names("transformer", blocks, inside)


PUBLISHED = {
    "hub_mobilenet_v2": _mobilenet(),
    "hub_efficientnet_v2_b0_21k": _names(
        "efficientnetv2-b0", ["stem", "head", *(f"blocks_{at}" for at in range(21))], "conv2d/kernel"
    ),
    "universal_sentence_encoder": [
        *_names("Embeddings_en", [f"sharded_{at}" for at in range(17)]),
        *_names("EncoderDNN/DNN", ["ResidualHidden_0", "ResidualHidden_1"], "dense/kernel/part_0"),
    ],
    "nnlm_en_dim50": ["embeddings"],
    "nnlm_en_dim128": ["embeddings"],
    "hub_small_bert_l2_h128": _bert(2),
    "hub_small_bert_l4_h512": _bert(4),
}
"""Names of variables as the modules' published code writes them, read there and not from the modules themselves."""


def _bert_size(layers: int, width: int) -> int:
    dense = 4 * width * (width + 1) + 8 * width * width + 5 * width
    return (30522 + 512 + 2 + 2) * width + layers * (dense + 4 * width) + width * (width + 1)


@pytest.mark.parametrize("card", CARDS, ids=lambda card: card.name)
class TestWithoutTheModule:
    def test_it_names_an_exact_version_and_says_what_was_not_checked(self, card: BackboneCard) -> None:
        assert all(handle.rpartition("/")[2].isdigit() for handle in tf_hub._handles(card))
        assert "Written without its files at hand" in card.notes
        assert "runs what it holds" in card.notes
        assert card.licence == "Apache-2.0"
        assert not card.architecture.keys() - set(tf_hub._KEYS)

    def test_what_goes_in_and_comes_out(self, card: BackboneCard) -> None:
        assert card.pooling == "none"
        if card.modality == "text":
            assert card.tokenizer
            assert card.tokenizer.kind == "in_model"
        else:
            assert card.input.fixed
            assert (card.preprocessing.mean, card.preprocessing.scale) == ((0.0,) * 3, (255.0,) * 3)

    def test_every_published_variable_is_in_one_stage(self, card: BackboneCard) -> None:
        assert all(stage.members and stage.tap is None for stage in card.stages)
        assert card.stages[-1].members == REST
        found = split(
            PUBLISHED[card.name], {stage.name: stage.members for stage in card.stages}, origin=card.name
        )
        assert list(found) == [stage.name for stage in card.stages]
        for stage in card.stages[1:-1]:
            assert {
                name.split("/")[1] for at in found[stage.name] if "/" in (name := PUBLISHED[card.name][at])
            }

    def test_weights_are_counted_as_its_architecture_says(self, card: BackboneCard) -> None:
        if card.family == "nnlm":
            assert card.params % card.features == 0
        if card.family == "hub_small_bert":
            assert card.params == _bert_size(len(card.stages) - 2, card.features) + 1
        if card.name == "hub_mobilenet_v2":
            assert card.params == registry.backbones().get("mobilenet_v2").params
        if card.name == "hub_efficientnet_v2_b0_21k":
            assert card.params == registry.backbones().get("efficientnet_v2_b0").params

    def test_it_is_unreachable_in_the_houses_form_or_all_it_says(
        self, card: BackboneCard, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        if networks.at_hand(card):
            _check_built(card)
            return
        monkeypatch.setattr("tlzoo.sources.tf_hub._HUB", "https://127.0.0.1:9")
        monkeypatch.setattr("tlzoo.sources.tf_hub._COMPRESSED", "?nothing-is-asked-for")
        monkeypatch.setattr("urllib.request.urlopen", _refuse)
        with pytest.raises(UnreachableError, match=f"backbone '{card.name}'") as caught:
            networks.load_network(card, pretrained=True, size=card.input.size)
        assert "backbones that work offline here" in caught.value.allowed


def _refuse(*_: object, **__: object) -> None:
    raise OSError("no network in this test")


def _check_built(card: BackboneCard) -> None:
    network = networks.load_network(card, pretrained=True, size=card.input.size)
    assert network.count_params() == card.params
    assert network.output_shape[-1] == card.features
    stages = resolve_stages(network, card.stages)
    held = [id(weight) for stage in stages for layer in stage.layers for weight in layer.weights]
    assert len(held) == len(set(held))
    assert set(held) == {id(weight) for weight in network.weights}


def test_every_card_has_published_names() -> None:
    assert PUBLISHED.keys() == {card.name for card in CARDS}
