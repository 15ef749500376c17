"""A tokenizer that needs no files: words are numbers."""

import tensorflow as tf


class Numbers:
    """`7 8 9` is tokens 7, 8 and 9."""

    core_ops, size, resources, unknown, fingerprint = True, 1000, (), None, "numbers"

    def __init__(self, start=(101,), end=(102,)):
        self.start, self.end = start, end

    def __call__(self, texts):
        return tf.strings.to_number(tf.strings.split(texts), tf.int32)

    def words(self, tokens):
        return [str(token) for token in tokens]
