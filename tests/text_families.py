"""One tiny, randomly initialised member of every text family, in the forms that hubs store them."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import keras_hub as hub
import numpy as np
from safetensors.numpy import save_file

from tlzoo import registry
from tlzoo.cards import BackboneCard

LINES = [
    "the quick brown fox jumps over the lazy dog",
    "never before has a fox jumped so quickly over two dogs",
    "il était une fois un café à la crème, très naïf",
    "numbers such as 1234 and 56.7 are not words; don't split U.S. names",
    "東京 は 日本 の 首都 です",
    "שלום עולם and مرحبا بالعالم",
]
ODD = [
    "",
    " \t\n",
    "the quick brown fox",
    "Café crème à la naïveté",
    "\U0001f642 ok \U0001f44d\U0001f3fd",
    "東京タワー 日本",
    "שלום עולם",
    "a\u00a0b\u200bc\u00add",
    "x" * 110,
    "don't U.S.A. [CLS] <s> <|endoftext|> 1234567",
    "fox over " * 30,
]


def _word_pieces(kind: str) -> Any:
    letters = sorted({letter for line in LINES for letter in line if not letter.isspace()})
    words = ["the", "quick", "fox", "dog", "##s", "over", "cafe", "creme", "naiv", "##ete", "1234", "##567"]
    rest = [word for word in letters + [f"##{letter}" for letter in letters] if word not in words]
    vocabulary = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *words, *rest]
    return getattr(hub.tokenizers, kind)(vocabulary, lowercase=True)


def byte_pairs(kind: str, special: list[str]) -> Any:
    """Trains merges on the lines above; every byte is in the vocabulary."""
    import tokenizers

    trained = tokenizers.ByteLevelBPETokenizer()
    trained.train_from_iterator(LINES * 5, vocab_size=400, min_frequency=2, special_tokens=special)
    model = json.loads(trained.to_str())["model"]
    merges = [pair if isinstance(pair, str) else " ".join(pair) for pair in model["merges"]]
    return getattr(hub.tokenizers, kind)(vocabulary=model["vocab"], merges=merges)


def _sentence_pieces(kind: str, options: dict[str, Any], **layer: Any) -> Any:
    import sentencepiece

    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(LINES * 5), model_writer=model, hard_vocab_limit=False,
        model_type="unigram", minloglevel=2, **{"vocab_size": 120, **options},
    )  # fmt: skip
    return getattr(hub.tokenizers, kind)(model.getvalue(), **layer)


_TINY = {"num_layers": 2, "num_heads": 2, "hidden_dim": 16, "intermediate_dim": 24, "max_sequence_length": 48}
_DEBERTA = {"pad_id": 0, "bos_id": 1, "eos_id": 2, "unk_id": 3, "pad_piece": "[PAD]", "bos_piece": "[CLS]",
            "eos_piece": "[SEP]", "unk_piece": "[UNK]"}  # fmt: skip
_ALBERT = {"pad_id": 0, "unk_id": 1, "bos_id": 2, "eos_id": 3, "pad_piece": "<pad>", "bos_piece": "[CLS]",
           "eos_piece": "[SEP]", "user_defined_symbols": "[MASK]"}  # fmt: skip
_GEMMA = {"pad_id": 0, "eos_id": 1, "bos_id": 2, "unk_id": 3, "pad_piece": "<pad>", "eos_piece": "<eos>",
          "bos_piece": "<bos>", "byte_fallback": True, "vocab_size": 400}  # fmt: skip
_GEMMA_NETWORK = {
    "num_layers": 2, "num_query_heads": 2, "num_key_value_heads": 1, "hidden_dim": 16, "intermediate_dim": 24,
    "head_dim": 8, "sliding_window_size": 8,
}  # fmt: skip


@dataclass(frozen=True)
class Family:
    """What a family's tiny member is made of: the card it stands for, its tokenizer and smaller arguments."""

    card: str
    tokenizer: Callable[[], Any]
    arguments: dict[str, Any]


FAMILIES = {
    "bert": Family("bert_base", lambda: _word_pieces("BertTokenizer"), _TINY),
    "distilbert": Family("distilbert_base", lambda: _word_pieces("DistilBertTokenizer"), _TINY),
    "electra": Family(
        "electra_small", lambda: _word_pieces("ElectraTokenizer"), {**_TINY, "embedding_dim": 8}
    ),
    "roberta": Family(
        "roberta_base",
        lambda: byte_pairs("RobertaTokenizer", ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]),
        _TINY,
    ),
    "gpt2": Family("gpt2_base", lambda: byte_pairs("GPT2Tokenizer", ["<|endoftext|>"]), _TINY),
    "deberta_v3": Family(
        "deberta_v3_xsmall",
        lambda: _sentence_pieces("DebertaV3Tokenizer", _DEBERTA),
        # KerasHub sorts distances into buckets by a logarithm in float32, and the largest distance it allows falls to
        # either side of a border, by whether a graph or NumPy computed it: more positions than texts have tokens.
        {**_TINY, "bucket_size": 8, "max_sequence_length": 64},
    ),
    "albert": Family(
        "albert_base", lambda: _sentence_pieces("AlbertTokenizer", _ALBERT), {**_TINY, "embedding_dim": 8}
    ),
    "xlm_roberta": Family(
        "xlm_roberta_base",
        lambda: _sentence_pieces("XLMRobertaTokenizer", {"unk_id": 0, "bos_id": 1, "eos_id": 2}),
        _TINY,
    ),
    "gemma3": Family(
        "gemma3_270m",
        lambda: _sentence_pieces("Gemma3Tokenizer", _GEMMA, has_vision_tokens=False),
        _GEMMA_NETWORK,
    ),
}


def tiny_card(name: str, **changes: Any) -> BackboneCard:
    """Returns the family's card with smaller arguments and its first two blocks only."""
    family = FAMILIES[name]
    card = registry.backbones().get(family.card)
    left = [stage for stage in card.stages if int((re.findall(r"^block(\d+)$", stage.name) or [0])[0]) <= 2]
    changes = {"architecture": {**card.architecture, **family.arguments}, "stages": tuple(left), **changes}
    length = card.input.model_copy(update={"length": 48})
    return card.model_copy(update={"input": length, "features": 16, **changes})


def write_preset(name: str, folder: Path) -> BackboneCard:
    """Writes the tiny member in KerasHub's form.

    Returns:
        A card for it, whose locator is `keras-hub:FOLDER`.
    """
    keras.utils.set_random_seed(1)
    card, tokenizer = tiny_card(name), FAMILIES[name].tokenizer()
    architecture = dict(card.architecture)
    architecture["vocab_size" if name == "electra" else "vocabulary_size"] = tokenizer.vocabulary_size()
    given = {key: value for key, value in architecture.items() if key not in ("class", "gelu", "padding")}
    backbone = getattr(hub.models, card.architecture["class"])(**given)
    for variable in backbone.variables:  # zeros and ones would hide what is swapped
        variable.assign_add(keras.random.normal(variable.shape, stddev=0.05))
    backbone.save_to_preset(str(folder))
    tokenizer.save_to_preset(str(folder))
    return card.model_copy(update={"locator": f"keras-hub:{folder}", "architecture": architecture})


def write_hugging_face_bert(folder: Path) -> BackboneCard:
    """Writes a tiny BERT as Hugging Face's hub stores it."""
    vocabulary = FAMILIES["bert"].tokenizer().get_vocabulary()
    dim, mlp, layers = 16, 24, 2
    shapes = {
        "embeddings.word_embeddings.weight": (len(vocabulary), dim),
        "embeddings.position_embeddings.weight": (48, dim),
        "embeddings.token_type_embeddings.weight": (2, dim),
        **_norm("embeddings.LayerNorm", dim),
        **_dense("pooler.dense", dim, dim),
    }
    for block in (f"encoder.layer.{index}" for index in range(layers)):
        for part in ("self.query", "self.key", "self.value", "output.dense"):
            shapes |= _dense(f"{block}.attention.{part}", dim, dim)
        shapes |= _norm(f"{block}.attention.output.LayerNorm", dim) | _norm(f"{block}.output.LayerNorm", dim)
        shapes |= _dense(f"{block}.intermediate.dense", dim, mlp) | _dense(f"{block}.output.dense", mlp, dim)
    config = {
        "model_type": "bert", "vocab_size": len(vocabulary), "num_hidden_layers": layers, "num_attention_heads": 2,
        "hidden_size": dim, "intermediate_size": mlp, "max_position_embeddings": 48,
    }  # fmt: skip
    _write(folder, config, shapes)
    (folder / "vocab.txt").write_text("\n".join(vocabulary) + "\n")
    (folder / "tokenizer_config.json").write_text(json.dumps({"do_lower_case": True}))
    return tiny_card(
        "bert",
        locator=f"file:{folder}",
        architecture={"class": "BertBackbone", "vocabulary_size": len(vocabulary), **_TINY},
    )


def write_hugging_face_gpt2(folder: Path) -> BackboneCard:
    """Writes a tiny GPT-2 as Hugging Face's hub stores it."""
    tokenizer = FAMILIES["gpt2"].tokenizer()
    dim, layers, size = 16, 2, tokenizer.vocabulary_size()
    shapes = {"wte.weight": (size, dim), "wpe.weight": (48, dim), **_norm("ln_f", dim)}
    for block in (f"h.{index}" for index in range(layers)):
        shapes |= _norm(f"{block}.ln_1", dim) | _norm(f"{block}.ln_2", dim)
        for part, rows, columns in (("attn.c_attn", dim, 3 * dim), ("attn.c_proj", dim, dim),
                                    ("mlp.c_fc", dim, 4 * dim), ("mlp.c_proj", 4 * dim, dim)):  # fmt: skip
            shapes |= {f"{block}.{part}.weight": (rows, columns), f"{block}.{part}.bias": (columns,)}
    config = {
        "model_type": "gpt2", "vocab_size": size, "n_layer": layers, "n_head": 2, "n_embd": dim, "n_positions": 48,
        "resid_pdrop": 0.1,
    }  # fmt: skip
    _write(folder, config, shapes)
    (folder / "vocab.json").write_text(json.dumps(dict(tokenizer.vocabulary)))
    (folder / "merges.txt").write_text("#version: 0.2\n" + "\n".join(tokenizer.merges) + "\n")
    return tiny_card(
        "gpt2",
        locator=f"file:{folder}",
        architecture={"class": "GPT2Backbone", "vocabulary_size": size, **_TINY, "intermediate_dim": 64},
    )


def _dense(name: str, into: int, out: int) -> dict[str, tuple[int, ...]]:
    return {f"{name}.weight": (out, into), f"{name}.bias": (out,)}


def _norm(name: str, dim: int) -> dict[str, tuple[int, ...]]:
    return {f"{name}.weight": (dim,), f"{name}.bias": (dim,)}


def _write(folder: Path, config: dict[str, Any], shapes: dict[str, tuple[int, ...]]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(0)
    tensors = {name: rng.normal(0, 0.2, shape).astype("float32") for name, shape in shapes.items()}
    save_file(tensors, folder / "model.safetensors")
    (folder / "config.json").write_text(json.dumps(config))
