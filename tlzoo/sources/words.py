"""One token a word: cuts texts as the Penn Treebank and GloVe's corpora are cut, with TensorFlow's own ops alone.

What GloVe's vocabulary holds decides the rules: punctuation stands alone, `don't` is `do n't`, `it's` is `it 's`;
numbers (`1,000`, `10:30`, `6-3`), abbreviations (`u.s.`, `mr.`), names (`o'brien`, `at&t`) and compounds (`well-known`,
`and/or`) stay whole. A whole that is not in the vocabulary is cut at everything that is no letter or digit.

Texts are not normalised (TensorFlow's own ops cannot): write `é` as one character, NFC, as nearly all text is.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from itertools import islice
from typing import TYPE_CHECKING, Any

from tlzoo.errors import CardError, UsageError
from tlzoo.sources.vectors import Vectors, vectors_of

if TYPE_CHECKING:
    import tensorflow as tf

    from tlzoo.cards import BackboneCard
    from tlzoo.sources.tokenizer import Tokenizer

_RULES = "1"
"""Part of every fingerprint: a new number says that the same texts are cut in another way."""

_APOSTROPHE = "['’]"
_TITLES = "mr|mrs|ms|dr|prof|jr|sr|st|gen|sen|rep|gov|lt|col|sgt|capt|rev|inc|corp|co|ltd|vs"
"""Abbreviations that GloVe's vocabulary holds more often with their point than without."""

_PIECE = r"(?:\pN+(?:[.,:]\pN+)+|[\pL\pM\pN]+)"
_TOKENS = (
    r"(?:https?://|www\.)[^\s<>\"]*[^\s<>\".,;:!?)\]'’]",
    r"[\pL\pN._%+-]+@[\pL\pN-]+(?:\.[\pL\pN-]+)*\.\pL+",
    rf"(?i:n{_APOSTROPHE}t)\b",
    rf"{_APOSTROPHE}(?i:s|re|ve|ll|d|m|em|\d0s)\b",
    r"(?:\pL\.){2,}(?:-\pL+)*",
    rf"(?i:{_TITLES})\.",
    rf"{_PIECE}(?:[-/_&'’]{_PIECE})*",
    r"[:;=]-?[()\]|]",
    r"\.{2,}|-{2,}|_{2,}|[!?]{2,}|''|``",
    r"\S",
)
"""What is one token, tried in this order wherever the last one ended."""

_CLITICS = (
    (rf"(?i)(n{_APOSTROPHE}t)\b", r" \1"),
    (rf"(?i)(\pL)({_APOSTROPHE}(?:s|re|ve|ll|d|m))\b", r"\1 \2"),
)


def split_words(texts: tf.Tensor, *, lowercase: bool = True) -> tf.RaggedTensor:
    """Cuts texts into words, in a graph or outside; knows no vocabulary.

    Args:
        texts: UTF-8 strings (b,); bytes that are none become the replacement character.
        lowercase: Makes letters small first, in every alphabet.

    Returns:
        Strings (b, None).

    Example:
        >>> split_words(tf.constant(["Don't go, Mr. O'Brien!"])).to_list()[0]  # doctest: +SKIP
        [b'do', b"n't", b'go', b',', b'mr.', b"o'brien", b'!']
    """
    import tensorflow as tf

    texts = tf.strings.unicode_transcode(texts, "UTF-8", "UTF-8")
    texts = tf.strings.regex_replace(texts, r"[\pZ\p{Cc}]+", " ")
    texts = tf.strings.regex_replace(texts, r"\p{Cf}+", "")
    if lowercase:  # after control characters are gone: this op drops all that follows a NUL
        texts = tf.strings.lower(texts, encoding="utf-8")
    for pattern, into in _CLITICS:
        texts = tf.strings.regex_replace(texts, pattern, into)
    return tf.strings.split(tf.strings.regex_replace(texts, f"(?:{'|'.join(_TOKENS)})", r" \0 "))


class WordTokenizer:
    """Turns texts into the rows of their words' vectors; see `Tokenizer` for what it offers.

    Args:
        vectors: Whose vocabulary it knows.
        lowercase: True for vocabularies of small letters (GloVe 6B), False for those with both (fastText, GoogleNews).

    Example:
        >>> tokenizer = WordTokenizer(vectors)  # doctest: +SKIP
        >>> tokenizer(tf.constant(["the cat"]))  # doctest: +SKIP
        <tf.RaggedTensor [[0, 5450]]>
    """

    start: tuple[int, ...] = ()
    end: tuple[int, ...] = ()
    core_ops = True

    def __init__(self, vectors: Vectors, *, lowercase: bool = True) -> None:
        import tensorflow as tf

        self._vectors = vectors
        self.lowercase = lowercase
        self.size = len(vectors.matrix)
        self.unknown: int | None = vectors.unknown
        # The table reads its file by itself: no list of millions of words passes through Python or into the graph.
        words = tf.lookup.TextFileInitializer(
            str(vectors.vocabulary),
            tf.string,
            tf.lookup.TextFileIndex.WHOLE_LINE,
            tf.int64,
            tf.lookup.TextFileIndex.LINE_NUMBER,
        )
        self._table = tf.lookup.StaticHashTable(words, default_value=vectors.unknown)
        self.resources: tuple[Any, ...] = (self._table,)
        said = json.dumps(["words", _RULES, lowercase, vectors.digest])
        self.fingerprint = hashlib.sha256(said.encode()).hexdigest()

    def __call__(self, texts: tf.Tensor) -> tf.RaggedTensor:
        """Turns UTF-8 strings (b,) into tokens int32 (b, None); a text without words gives none."""
        import tensorflow as tf

        words = split_words(texts, lowercase=self.lowercase)
        strange = self._table.lookup(words.flat_values) == self.unknown
        # Only words that are not known are cut further: `state-of-the-art` is a word, `art-of-the-state` is not.
        finer = tf.strings.regex_replace(words.flat_values, r"[^\pL\pM\pN]", r" \0 ")
        pieces = tf.strings.split(tf.where(strange, finer, words.flat_values))
        whole = words.with_flat_values(pieces).merge_dims(1, 2)
        return whole.with_flat_values(tf.cast(self._table.lookup(whole.flat_values), tf.int32))

    def words(self, tokens: list[int]) -> list[str]:
        """Returns the words; `<unknown>` stands for those that are not in the vocabulary."""
        known = self._vectors.words
        return ["<unknown>" if token == self.unknown else known[token] for token in tokens]


def load_words_tokenizer(card: BackboneCard) -> WordTokenizer:
    """Makes the tokenizer of a card of word vectors; the vocabulary comes with the vectors.

    Args:
        card: `tokenizer.options` may say `lowercase` (by default true) and `vocabulary` (see `vectors_of`).

    Raises:
        CardError: The card has other options.
        UnreachableError: The vectors are not here and cannot be fetched.
        WeightsError: Their file is damaged.
    """
    options = dict(card.tokenizer.options) if card.tokenizer else {}
    options.pop("vocabulary", None)
    lowercase = options.pop("lowercase", True)
    if options or not isinstance(lowercase, bool):
        raise CardError(
            f"{card.name}: [tokenizer] has options {card.tokenizer.options if card.tokenizer else {}}.",
            allowed="`lowercase` (true or false) and `vocabulary` (a file name).",
            do="Mend the card.",
        )
    return WordTokenizer(vectors_of(card), lowercase=lowercase)


def out_of_vocabulary(tokenizer: Tokenizer, texts: Iterable[str], *, batch: int = 1024) -> float:
    """Returns the share of tokens that are not in the vocabulary, in 0..1; 0 if there is no token at all.

    Above a tenth, another vocabulary, or one trained on such texts (`tlzoo train-vectors`), usually does better.

    Args:
        tokenizer: One that has a number for what it does not know.
        texts: Any number of texts; they are read once.
        batch: Texts looked at together.

    Raises:
        UsageError: The tokenizer knows everything.

    Example:
        >>> out_of_vocabulary(tokenizer, ["the cat", "the qwrtzp"])  # doctest: +SKIP
        0.25
    """
    import tensorflow as tf

    if tokenizer.unknown is None:
        raise UsageError(
            "This tokenizer has no number for unknown words.", allowed="a tokenizer with `unknown`."
        )
    unknown = total = 0
    rest = iter(texts)
    while some := list(islice(rest, batch)):
        tokens = tokenizer(tf.constant(some)).flat_values
        unknown += int(tf.math.count_nonzero(tokens == tokenizer.unknown))
        total += int(tf.size(tokens))
    return unknown / total if total else 0.0
