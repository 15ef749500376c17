"""Texts cut into tokens once, before anything is computed from them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import tensorflow as tf

from tlzoo.backbones.encoder import PADDING, Encoder
from tlzoo.progress import Progress

BATCH = 256
"""Texts a call of the tokenizer."""


@dataclass(frozen=True, eq=False)
class Tokens:
    """The tokens of many texts, one after the other in memory.

    Attributes:
        values: Tokens int32 of all texts, without padding at their ends.
        starts: Where each text begins in `values`, int64 (n + 1,).
        window: Most tokens that the network sees at once; only texts cut into chunks have more, and batches of those
            are padded to a multiple of it.
        shortened: How many texts were longer than what is seen of them.
        whole: Tokens of each text before it was shortened and its ends were marked, int64 (n,).
        unknown: How many of those are not in the vocabulary; None if the tokenizer has no such token.
    """

    values: np.ndarray
    starts: np.ndarray
    window: int
    shortened: int = 0
    whole: np.ndarray = field(default_factory=lambda: np.zeros(0, np.int64))
    unknown: int | None = None

    def __len__(self) -> int:
        return len(self.starts) - 1

    @property
    def lengths(self) -> np.ndarray:
        """Tokens of each text, int64 (n,)."""
        return np.diff(self.starts)

    def read(self, indices: np.ndarray, multiple: int = 1) -> np.ndarray:
        """Returns tokens int32 (m, t), padded with -1 to the longest of these texts.

        Args:
            indices: Texts, int (m,).
            multiple: What t is a multiple of, as long as the network sees so many.
        """
        indices = np.asarray(indices, np.int64)
        longest = int(self.lengths[indices].max(initial=1))
        if longest > self.window:
            width = -(-longest // self.window) * self.window
        else:
            width = min(-(-longest // multiple) * multiple, self.window)
        padded = np.full((len(indices), width), PADDING, np.int32)
        for row, index in zip(padded, indices, strict=True):
            found = self.values[self.starts[index] : self.starts[index + 1]]
            row[: len(found)] = found
        return padded


def encode(encoder: Encoder, texts: Sequence[str], progress: Progress | None = None) -> Tokens:
    """Cuts texts into tokens.

    Args:
        encoder: Of the backbone.
        texts: Any number of them.
        progress: Told how far it is.
    """
    parts, lengths, shortened = [], [], 0
    whole, strange, unknown = [np.zeros(0, np.int64)], 0, encoder.tokenizer.unknown
    for at in range(0, len(texts), BATCH):
        batch = tf.constant([text.encode("utf-8") for text in texts[at : at + BATCH]], tf.string)
        ragged = encoder.tokenizer(batch)
        whole.append(ragged.row_lengths().numpy().astype(np.int64))
        shortened += int(np.count_nonzero(whole[-1] > encoder.seen))
        strange += 0 if unknown is None else int(np.count_nonzero(ragged.flat_values.numpy() == unknown))
        dense = encoder.pack(ragged).numpy()
        length = dense.shape[1] - (dense[:, ::-1] != PADDING).argmax(axis=1)
        length[(dense == PADDING).all(axis=1)] = 0
        parts.append(np.concatenate([row[:end] for row, end in zip(dense, length, strict=True)]))
        lengths.append(length)
        if progress:
            progress(min(at + BATCH, len(texts)), len(texts), "cutting texts into tokens")
    ends = np.cumsum(np.concatenate([[0], *lengths])).astype(np.int64)
    values = np.concatenate(parts) if parts else np.zeros(0, np.int32)
    known = None if unknown is None else strange
    return Tokens(values, ends, encoder.length, shortened, np.concatenate(whole), known)


@dataclass(frozen=True, eq=False)
class Strings:
    """Texts as they are, for networks that take strings.

    Attributes:
        texts: UTF-8 of each text.
    """

    texts: tuple[bytes, ...]

    def __len__(self) -> int:
        return len(self.texts)

    @property
    def lengths(self) -> np.ndarray:
        """Bytes of each text, int64 (n,)."""
        return np.array([len(text) for text in self.texts], np.int64)

    def read(self, indices: np.ndarray, multiple: int = 1) -> np.ndarray:
        """Returns byte strings, objects (m,); there is nothing to pad."""
        return np.array([self.texts[index] for index in np.asarray(indices)] + [b""], object)[:-1]


def open_texts(
    encoder: Encoder | None, texts: Sequence[str], progress: Progress | None = None
) -> Tokens | Strings:
    """Returns texts as a backbone eats them.

    Args:
        encoder: Of the backbone; None if it takes strings.
        texts: Any number of them.
        progress: Told how far it is.
    """
    if encoder is None:
        return Strings(tuple(text.encode("utf-8") for text in texts))
    return encode(encoder, texts, progress)
