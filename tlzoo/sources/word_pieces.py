"""WordPiece as BERT's authors wrote it, in TensorFlow ops: KerasHub's own leaves accents on lower-cased words.

To a vocabulary of `cafe`, a word `café` is unknown. KerasHub also takes a no-break space for a letter, and a soft
hyphen for a space.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import tensorflow as tf

_SPACES = r"[\p{Zs}\p{Zl}\p{Zp}]"
# Control, format, private use and replacement characters; tab, line feed and carriage return are spaces.
_NOTHING = r"\x{00}-\x{08}\x{0b}\x{0c}\x{0e}-\x{1f}\x{7f}-\x{9f}\p{Cf}\p{Co}\x{FFFD}"


class WordPieces:
    """Cuts texts into pieces of words, for KerasHub's WordPiece tokenizers.

    Args:
        layer: A `keras_hub.tokenizers.WordPieceTokenizer`; its vocabulary, its `lowercase` and its marks are used.
    """

    def __init__(self, layer: Any) -> None:
        import tensorflow as tf
        import tensorflow_text as tf_text

        self.lowercase = bool(layer.lowercase)
        self.cutter = tf_text.FastBertTokenizer(
            vocab=layer.get_vocabulary(),
            suffix_indicator=layer.suffix_indicator,
            unknown_token=layer.oov_token,
            token_out_type=tf.int32,
        )

    def __call__(self, texts: tf.Tensor) -> tf.RaggedTensor:
        """Turns UTF-8 strings (b,) into tokens int32 (b, None)."""
        return self.cutter.tokenize(self.cleaned(texts))

    def cleaned(self, texts: tf.Tensor) -> tf.Tensor:
        """Returns strings (b,) as the vocabulary spells them: maybe in lower case, then without accents."""
        import tensorflow as tf

        texts = tf.strings.regex_replace(texts, _SPACES, " ")
        return lowered(texts, "NFD") if self.lowercase else _visible(texts)


def _visible(texts: tf.Tensor) -> tf.Tensor:
    import tensorflow as tf

    return tf.strings.regex_replace(texts, f"[{_NOTHING}]+", "")


def lowered(texts: tf.Tensor, form: str) -> tf.Tensor:
    """Returns strings (b,) in lower case, without accents and without what nobody sees.

    Args:
        texts: Strings (b,).
        form: How letters and accents are taken apart: `NFD`, or `NFKD`, which also makes `fi` of a ligature.
    """
    import tensorflow as tf
    import tensorflow_text as tf_text

    # What follows a NUL would be lost in here.
    texts = tf_text.normalize_utf8(tf.strings.lower(_visible(texts), encoding="utf-8"), form)
    return tf.strings.regex_replace(texts, r"\p{Mn}+", "")
