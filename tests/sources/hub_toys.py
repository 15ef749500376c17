"""Small modules in the reusable form of TF Hub, written here as publishers write them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import tensorflow as tf

BLOCKS = ("stem", "block1", "block2", "top")
WORDS = ("good", "bad", "plot", "actor", "[UNK]")


class Image(tf.Module):
    """Pixels (b, 8, 8, 3) in 0..1 to features (b, 6): four blocks of a kernel and a batch normalisation."""

    def __init__(self, widths=(8, 7, 6, 6), regularised=True):
        super().__init__()
        random, before = np.random.default_rng(0), 3
        self.blocks = []
        for name, width in zip(BLOCKS, widths, strict=True):
            kernel = random.normal(0, before**-0.5, (before, width)).astype("float32")
            self.blocks.append(
                {
                    "kernel": tf.Variable(kernel, name=f"{name}/kernel"),
                    "gamma": tf.Variable(tf.ones(width), name=f"{name}/gamma"),
                    "beta": tf.Variable(tf.zeros(width), name=f"{name}/beta"),
                    "mean": tf.Variable(tf.zeros(width), name=f"{name}/moving_mean", trainable=False),
                    "variance": tf.Variable(tf.ones(width), name=f"{name}/moving_variance", trainable=False),
                }
            )
            before = width
        self.regularization_losses = [self._penalty(block) for block in self.blocks] if regularised else []
        spec = tf.TensorSpec((None, 8, 8, 3), tf.float32)
        for training in (False, True):
            self.__call__.get_concrete_function(spec, training=training)

    def _penalty(self, block):
        return tf.function(lambda: 1e-2 * tf.reduce_sum(tf.square(block["kernel"])), input_signature=[])

    @tf.function
    def __call__(self, inputs, training=False):
        x = inputs
        for block in self.blocks:
            x = tf.einsum("bhwc,cd->bhwd", x, block["kernel"])
            mean, variance = block["mean"], block["variance"]
            if training:
                mean, variance = tf.nn.moments(x, [0, 1, 2])
                block["mean"].assign(0.9 * block["mean"] + 0.1 * mean)
                block["variance"].assign(0.9 * block["variance"] + 0.1 * variance)
            x = tf.nn.relu(tf.nn.batch_normalization(x, mean, variance, block["beta"], block["gamma"], 1e-3))
        return tf.reduce_mean(x, [1, 2])


class Text(tf.Module):
    """Strings (b,) to features (b, 4): words looked up in a table whose vocabulary is an asset, then averaged."""

    def __init__(self, folder: Path):
        super().__init__()
        vocabulary = folder / "vocabulary.txt"
        vocabulary.write_text("\n".join(WORDS) + "\n")
        self.table = tf.lookup.StaticVocabularyTable(
            tf.lookup.TextFileInitializer(
                str(vocabulary),
                tf.string,
                tf.lookup.TextFileIndex.WHOLE_LINE,
                tf.int64,
                tf.lookup.TextFileIndex.LINE_NUMBER,
            ),
            num_oov_buckets=1,
        )
        values = np.random.default_rng(1).normal(size=(len(WORDS) + 1, 4)).astype("float32")
        self.embeddings = tf.Variable(values, name="embeddings")
        self.projection = tf.Variable(np.eye(4, dtype="float32"), name="projection/kernel")

    @tf.function(input_signature=[tf.TensorSpec((None,), tf.string)])
    def __call__(self, sentences):
        words = tf.strings.split(sentences)
        found = tf.gather(self.embeddings, self.table.lookup(words.values))
        mean = tf.math.segment_mean(found, words.value_rowids())
        return tf.matmul(mean, self.projection)


class Preprocessor(tf.Module):
    """Strings (b,) to what BERT eats, int32 (b, 8): the bytes of the text as word ids."""

    @tf.function(input_signature=[tf.TensorSpec((None,), tf.string)])
    def __call__(self, sentences):
        ids = tf.cast(tf.io.decode_raw(sentences, tf.uint8, fixed_length=8), tf.int32)
        return {
            "input_word_ids": ids,
            "input_mask": tf.cast(ids > 0, tf.int32),
            "input_type_ids": tf.zeros_like(ids),
        }


class Encoder(tf.Module):
    """What BERT eats to what it gives: `pooled_output` (b, 4), `sequence_output` (b, 8, 4); with dropout."""

    def __init__(self):
        super().__init__()
        random = np.random.default_rng(2)
        self.words = tf.Variable(
            random.normal(size=(256, 4)).astype("float32"), name="word_embeddings/embeddings"
        )
        self.layers = [
            tf.Variable(random.normal(size=(4, 4)).astype("float32"), name=f"transformer/layer_{at}/kernel")
            for at in range(2)
        ]
        self.pooler = tf.Variable(
            random.normal(size=(4, 4)).astype("float32"), name="pooler_transform/kernel"
        )
        spec = tf.TensorSpec((None, None), tf.int32)
        inputs = dict.fromkeys(("input_word_ids", "input_mask", "input_type_ids"), spec)
        for training in (False, True):
            self.__call__.get_concrete_function(inputs, training=training)

    @tf.function
    def __call__(self, inputs, training=False):
        x = (
            tf.gather(self.words, inputs["input_word_ids"])
            * tf.cast(inputs["input_mask"], tf.float32)[..., None]
        )
        for kernel in self.layers:
            x = tf.tanh(tf.einsum("btc,cd->btd", tf.nn.dropout(x, 0.5) if training else x, kernel))
        return {"pooled_output": tf.tanh(tf.matmul(x[:, 0], self.pooler)), "sequence_output": x}


class Plain(tf.Module):
    """Has signatures only: `single` of one output, `several` of two inputs and two outputs."""

    def __init__(self):
        super().__init__()
        self.w = tf.Variable(3.0 * np.eye(2, dtype="float32"))

    @tf.function(input_signature=[tf.TensorSpec((None, 2), tf.float32, name="x")])
    def single(self, x):
        return {"y": tf.matmul(x, self.w)}

    @tf.function(
        input_signature=[
            tf.TensorSpec((None, 2), tf.float32, name="a"),
            tf.TensorSpec((None, 2), tf.float32, name="b"),
        ]
    )
    def several(self, a, b):
        return {"sum": tf.matmul(a + b, self.w), "difference": a - b}


def write(module: tf.Module, folder: Path) -> Path:
    """Saves a module as TF Hub's guide says: a root with lists of its variables."""
    if isinstance(module, Plain):
        tf.saved_model.save(module, str(folder), {"single": module.single, "several": module.several})
        return folder
    root = tf.train.Checkpoint(module=module)
    root.__call__ = module.__call__
    root.variables = list(module.variables)
    root.trainable_variables = list(module.trainable_variables)
    root.regularization_losses = list(getattr(module, "regularization_losses", []))
    tf.saved_model.save(root, str(folder))
    return folder


class Wordpieces(tf.Module):
    """Strings (b,) to what BERT eats, int32 (b, 8), by operations of TensorFlow Text, as TF Hub's preprocessors do."""

    def __init__(self, folder: Path):
        super().__init__()
        import tensorflow_text as text

        vocabulary = folder / "wordpieces.txt"
        vocabulary.write_text("\n".join(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "good", "plot", "##s"]) + "\n")
        self.tokenizer = text.BertTokenizer(str(vocabulary), lower_case=True, token_out_type=tf.int32)

    @tf.function(input_signature=[tf.TensorSpec((None,), tf.string)])
    def __call__(self, sentences):
        ids = self.tokenizer.tokenize(sentences).merge_dims(-2, -1)[:, :8].to_tensor(shape=(None, 8))
        return {
            "input_word_ids": ids,
            "input_mask": tf.cast(ids > 0, tf.int32),
            "input_type_ids": tf.zeros_like(ids),
        }
