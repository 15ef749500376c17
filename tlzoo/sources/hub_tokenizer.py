"""KerasHub's tokenizers behind the house's contract: TensorFlow ops inside a graph, the same when served."""

from __future__ import annotations

import hashlib
import json
import warnings
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tlzoo.errors import CardError, WeightsError
from tlzoo.sources.sentence_pieces import SentencePieces
from tlzoo.sources.word_pieces import WordPieces, lowered

if TYPE_CHECKING:
    import tensorflow as tf

    from tlzoo.cards import BackboneCard

_ALGORITHM = 1
"""Raise it when other tokens come out of the same files."""


class HubTokenizer:
    """A tokenizer of `keras_hub.tokenizers`.

    Args:
        layer: The KerasHub layer; its `start_token_id` and `end_token_id` mark the ends of a text, where it has them.
        marks: Which of them are used: `both`, `start`, `end` or `none`.
        lowercase: True to put texts in lower case, without accents, first.
    """

    core_ops = False

    def __init__(self, layer: Any, marks: str = "both", lowercase: bool = False) -> None:
        import keras_hub
        import tensorflow as tf

        self.layer, self.lowercase = layer, lowercase
        self.start = _ids(layer, "start_token_id") if marks in ("both", "start") else ()
        self.end = _ids(layer, "end_token_id") if marks in ("both", "end") else ()
        self.size = int(layer.vocabulary_size())
        self._cut = _cutter(layer)
        self._may_miss = isinstance(layer, keras_hub.tokenizers.BytePairTokenizer) and not _spells_all(layer)
        self.resources = (self._cut.cutter if isinstance(self._cut, WordPieces) else layer,)
        spec = [tf.TensorSpec((None,), tf.string)]
        # Outside of a graph KerasHub answers with Python lists, by other code.
        self._graph = tf.function(self._tokens, input_signature=spec, autograph=False)

    def _tokens(self, texts: tf.Tensor) -> tf.RaggedTensor:
        import tensorflow as tf

        tokens = self._cut(lowered(texts, "NFKD") if self.lowercase else texts)
        if not self._may_miss:
            return tokens
        # KerasHub numbers bytes its vocabulary lacks -1, which stands for the end of a text here.
        if self.unknown is None:
            return tf.ragged.boolean_mask(tokens, tokens >= 0)
        return tokens.with_flat_values(tf.where(tokens.flat_values < 0, self.unknown, tokens.flat_values))

    def __call__(self, texts: tf.Tensor) -> tf.RaggedTensor:
        """Turns UTF-8 strings (b,) into tokens int32 (b, None), without `start` and `end`."""
        return self._graph(texts)

    @cached_property
    def unknown(self) -> int | None:
        """Number of the token for what is not in the vocabulary."""
        words = self.layer.get_vocabulary()
        if (token := getattr(self.layer, "oov_token", None)) is not None:
            return int(self.layer.token_to_id(token))
        if hasattr(self.layer, "merges"):
            return int(self.layer.token_to_id("<unk>")) if self._may_miss and "<unk>" in words else None
        # SentencePiece answers with its unknown token to what is no piece, and no piece holds a space. Where the
        # vocabulary has a token for every byte, nothing is unknown.
        return None if "<0x00>" in words else int(self.layer.token_to_id(" "))

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 over everything that decides which tokens come out; the same in every process."""
        layer, left_out = self.layer, ("name", "dtype", "proto", "vocabulary", "merges")
        settings = {key: value for key, value in layer.get_config().items() if key not in left_out}
        # KerasHub keeps these in the order of a set, which Python draws anew for every process.
        settings["unsplittable_tokens"] = sorted(settings.get("unsplittable_tokens") or ())
        files = layer.vocabulary if hasattr(layer, "vocabulary") else hashlib.sha256(layer.proto).hexdigest()
        parts = [_ALGORITHM, type(layer).__name__, settings, files, getattr(layer, "merges", None)]
        text = json.dumps([*parts, self.start, self.end, self.lowercase], default=str, sort_keys=True)
        return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()

    def words(self, tokens: list[int]) -> list[str]:
        """Returns how each token reads; pieces of a word as the family writes them."""
        return [str(self.layer.id_to_token(int(token))) for token in tokens]


def load(card: BackboneCard, folder: Path) -> HubTokenizer:
    """Reads a tokenizer from a KerasHub preset or a Hugging Face folder.

    Args:
        card: `tokenizer.kind` names the class of `keras_hub.tokenizers`, `tokenizer.options` overrides its settings.
        folder: Holds its files.

    Raises:
        CardError: KerasHub has no such class.
        WeightsError: The folder holds no such tokenizer.
    """
    import keras_hub

    from tlzoo.sources.keras_hub import has_vocabulary, quiet_stdout

    assert card.tokenizer is not None  # noqa: S101 - text cards have one
    kind = getattr(keras_hub.tokenizers, card.tokenizer.kind, None)
    if kind is None:
        raise CardError(
            f"{card.name}: keras_hub.tokenizers has no '{card.tokenizer.kind}'.",
            allowed="a class such as BertTokenizer; or words, in_model.",
            do="Mend the card's [tokenizer].",
        )
    if not has_vocabulary(folder):
        raise WeightsError(
            f"{card.name}: {folder} holds no vocabulary for its {card.tokenizer.kind}.",
            allowed="tokenizer.json with assets/tokenizer/ (KerasHub); vocab.txt, vocab.json with merges.txt, or a "
            "SentencePiece model (Hugging Face).",
            do="Put them beside the weights, or fetch the folder again.",
        )
    try:
        with quiet_stdout(), warnings.catch_warnings():
            # KerasHub leaves it to the interpreter to close a SentencePiece file.
            warnings.simplefilter("ignore", ResourceWarning)
            layer = kind.from_preset(str(folder), **card.tokenizer.options)
    except (ValueError, TypeError, KeyError, OSError, RuntimeError) as error:
        raise WeightsError(
            f"{card.name}: {folder} holds no {card.tokenizer.kind}: {error}.",
            allowed="a whole KerasHub preset or a Hugging Face folder with its vocabulary.",
            do="Fetch it again, or mend the card.",
        ) from error
    if not isinstance(layer, kind):  # KerasHub goes by the folder, whatever class it was asked for
        raise WeightsError(
            f"{card.name}: {folder} holds a {type(layer).__name__}, and the card says {card.tokenizer.kind}.",
            allowed=f"a folder with a {card.tokenizer.kind}.",
            do="Mend the card's [tokenizer], or its locator.",
        )
    return HubTokenizer(layer, card.tokenizer.marks, card.tokenizer.lowercase)


def _cutter(layer: Any) -> Any:
    """Returns what cuts texts inside a graph; KerasHub's own way for byte pairs."""
    import keras_hub

    if isinstance(layer, keras_hub.tokenizers.WordPieceTokenizer):
        return WordPieces(layer)
    if isinstance(layer, keras_hub.tokenizers.SentencePieceTokenizer):
        return SentencePieces(layer)
    return layer.tokenize


def _ids(layer: Any, name: str) -> tuple[int, ...]:
    found = getattr(layer, name, None)
    if found is None:
        return ()
    return tuple(map(int, found)) if isinstance(found, (list, tuple)) else (int(found),)


def _spells_all(layer: Any) -> bool:
    """Tells if a byte-pair vocabulary has a token for every byte that UTF-8 can hold."""
    symbols, words = layer.byte2unicode.export()[1].numpy(), layer.vocabulary
    return all(symbol.decode() in words for symbol in symbols)
