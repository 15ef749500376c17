"""Items made ready for a bundle in this process: what its graph does not decode becomes what its network eats."""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf

from tlzoo import items
from tlzoo.bundle import BundleFacts
from tlzoo.data import images
from tlzoo.items import Reader, Ready, TextReader


class ImageReader(items.ImageReader):
    """Reads images; resizes those that are decoded in Python by the graph's own operation.

    Args:
        facts: Of the bundle.
    """

    def __init__(self, facts: BundleFacts) -> None:
        self._facts = facts

    def pixels(self, name: str, item: Any) -> Ready:
        """Decodes and resizes one image."""
        whole = tf.constant(images.read_image(item))
        resized = images.resize(whole, self._facts.size, self._facts.resize)
        return Ready(name, item, eaten=resized.numpy().astype(np.float32))


def reader_for(facts: BundleFacts) -> Reader:
    """Returns the reader of a bundle's modality."""
    return TextReader() if facts.modality == "text" else ImageReader(facts)
