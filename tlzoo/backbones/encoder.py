"""From texts to the one tensor that text networks eat: tokens int32 (b, t), -1 where a text has ended.

-1 is no token of any vocabulary, so padding needs no mask beside it (GPT-2 has no padding token, RoBERTa's is 1).
"""

from __future__ import annotations

from dataclasses import dataclass

import tensorflow as tf

from tlzoo.errors import UsageError
from tlzoo.plans import LongText
from tlzoo.sources.tokenizer import Tokenizer

PADDING = -1
MOST_CHUNKS = 8
"""Most chunks of one text that are looked at; what comes after them is not seen."""


@dataclass(frozen=True)
class Encoder:
    """A tokenizer and what becomes of texts that are too long; everything happens in TensorFlow ops.

    Attributes:
        tokenizer: Cuts texts into tokens.
        length: Most tokens of a text, or of a chunk of it, with those that mark its ends.
        long_text: `head` keeps the beginning; `head_tail` a quarter of the room for the beginning and the rest for the
            end (after Sun et al., "How to Fine-Tune BERT for Text Classification?", CCL 2019); `chunks` all, in
            up to `MOST_CHUNKS` windows of `length` side by side.

    Raises:
        UsageError: There is no room for a single token.

    Example:
        >>> Encoder(tokenizer, length=6)(tf.constant(["a cat", "cats"])).numpy()  # doctest: +SKIP
        array([[ 101, 1037, 4937,  102],
               [ 101, 8870,  102,   -1]], dtype=int32)
    """

    tokenizer: Tokenizer
    length: int
    long_text: LongText = "head"

    def __post_init__(self) -> None:
        ends = len(self.tokenizer.start) + len(self.tokenizer.end)
        if self.length <= ends:
            raise UsageError(
                f"length={self.length}.",
                allowed=f"{ends + 1} tokens or more: {ends} mark the ends of a text.",
            )

    @property
    def room(self) -> int:
        """Tokens of the text itself that `length` leaves room for."""
        return self.length - len(self.tokenizer.start) - len(self.tokenizer.end)

    @property
    def seen(self) -> int:
        """Tokens of the longest text that is seen whole."""
        return self.room * (MOST_CHUNKS if self.long_text == "chunks" else 1)

    def __call__(self, texts: tf.Tensor) -> tf.Tensor:
        """Turns strings (b,) into tokens int32 (b, t): t up to `length`, or a multiple of it in chunks."""
        return self.pack(self.tokenizer(texts))

    def pack(self, ragged: tf.RaggedTensor) -> tf.Tensor:
        """Shortens tokens int32 (b, None), marks their ends and pads them; t is 2 or more, if `length` is.

        Args:
            ragged: What the tokenizer gives.
        """
        if self.long_text == "chunks":
            return self._chunks(ragged)
        if self.long_text == "head_tail":
            first = self.room // 4
            fits = ragged.row_lengths() <= self.room
            tail = tf.where(
                fits, ragged.row_lengths() - tf.minimum(ragged.row_lengths(), first), self.room - first
            )
            ragged = tf.concat([ragged[:, :first], _last(ragged, tail)], axis=1)
        return self._padded(ragged[:, : self.room])

    def _padded(self, ragged: tf.RaggedTensor) -> tf.Tensor:
        rows = ragged.nrows()
        marks = [tf.fill([rows, len(ids)], 0) + tf.constant(ids, tf.int32) for ids in self._marks()]
        whole = tf.concat([marks[0], ragged, marks[1]], axis=1)
        dense = whole.to_tensor(default_value=PADDING)
        # Empty texts may have no column at all, which no network takes, or one, which Keras warns of.
        missing = tf.maximum(min(2, self.length) - tf.shape(dense)[1], 0)
        return tf.pad(dense, [[0, 0], [0, missing]], constant_values=PADDING)

    def _marks(self) -> tuple[tuple[int, ...], tuple[int, ...]]:
        return self.tokenizer.start, self.tokenizer.end

    def _chunks(self, ragged: tf.RaggedTensor) -> tf.Tensor:
        lengths = ragged.row_lengths()
        most = tf.clip_by_value(-(-tf.reduce_max(tf.concat([lengths, [1]], 0)) // self.room), 1, MOST_CHUNKS)
        wide = ragged[:, : most * self.room].to_tensor(default_value=PADDING, shape=None)
        rows = ragged.nrows()
        missing = most * self.room - tf.shape(wide, tf.int64)[1]
        wide = tf.pad(wide, [[0, 0], [0, missing]], constant_values=PADDING)
        pieces = tf.reshape(wide, [rows * most, self.room])
        kept = tf.RaggedTensor.from_tensor(pieces, padding=PADDING)
        dense = self._padded(kept)
        # Chunks without a token are padding as a whole, but every text keeps its first one.
        used = (
            tf.cast(kept.row_lengths() > 0, tf.int32) + tf.cast(tf.range(rows * most) % most == 0, tf.int32)
        ) > 0
        dense = tf.where(used[:, None], dense, PADDING)
        one = tf.equal(most, 1)
        width = tf.where(one, tf.shape(dense)[1], self.length)
        dense = tf.pad(dense, [[0, 0], [0, width - tf.shape(dense)[1]]], constant_values=PADDING)
        return tf.reshape(dense, tf.stack([rows, tf.cast(width, tf.int64) * most]))


def _last(ragged: tf.RaggedTensor, counts: tf.Tensor) -> tf.RaggedTensor:
    """Returns the last `counts` (b,) values of each row."""
    position = tf.ragged.range(ragged.row_lengths())
    return tf.ragged.boolean_mask(ragged, position >= tf.expand_dims(ragged.row_lengths() - counts, 1))
