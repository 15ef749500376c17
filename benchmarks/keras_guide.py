"""A head in ten epochs: `feature_extraction` against the official Keras transfer-learning guide's way.

The guide (keras.io/guides/transfer_learning): decode and resize in `tf.data`, flip and rotate, batches of 64, the
frozen base called with `training=False`, global pooling, dropout 0.2, one Dense layer, Adam, `fit` with validation.
Both sides get the same backbone, pictures and splits, and start after imports with weights and pictures on disk.
tlzoo runs twice: first with an empty feature cache and no engine chosen, then with both warm.

    python benchmarks/keras_guide.py [SHARE]     SHARE of the pictures, for a quick look (default: all)
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
import time
from pathlib import Path

from common import finish

EPOCHS, BATCH = 10, 64


def main() -> None:
    """Prints seconds, accuracies, their difference with its interval, and the two ratios."""
    import keras
    import numpy as np

    import tlzoo
    from tlzoo import paths
    from tlzoo.metrics.bootstrap import paired_difference
    from tlzoo.metrics.calibration import softmax

    keras.utils.disable_interactive_logging()
    share = float(sys.argv[1]) if len(sys.argv) > 1 else 1.0
    data = tlzoo.load("elpv")
    if share < 1:
        keep = np.random.default_rng(0).permutation(len(data))[: int(share * len(data))]
        data = data.subset(np.sort(keep))
    scratch = Path(tempfile.mkdtemp(prefix="tlzoo-guide-"))
    packages = paths.cache_dir() / "packages"
    os.environ["TLZOO_CACHE"] = str(scratch / "cache")
    (scratch / "cache").mkdir()
    (scratch / "cache" / "packages").symlink_to(packages)
    runs, seconds = [], []
    for name in ("first", "warm"):
        start = time.perf_counter()
        runs.append(tlzoo.train(data, recipe="feature_extraction", epochs=EPOCHS, out=scratch / name))
        seconds.append(time.perf_counter() - start)
        print(f"tlzoo, {name}: {seconds[-1]:.1f} s, accuracy {runs[-1].evaluate().accuracy:.4f}", flush=True)
    splits = runs[0].folder.read_splits()
    guide_seconds, logits = guide(data, splits)
    labels = data.labels[splits["test"]]
    theirs = softmax(logits)
    with np.load(runs[0].path / "predictions.npz") as kept:
        order = {int(index): at for at, index in enumerate(kept["test_index"])}
        ours = softmax(kept["test_logits"])[[order[int(index)] for index in splits["test"]]]
    difference = paired_difference(labels, ours, theirs, "accuracy")
    accuracy = float((theirs.argmax(axis=1) == labels).mean())
    print(f"the guide's way: {guide_seconds:.1f} s, accuracy {accuracy:.4f}")
    print(f"accuracy difference {difference.estimate:+.4f} [{difference.low:+.4f}, {difference.high:+.4f}]")
    print(
        f"first time {guide_seconds / seconds[0]:.1f}x faster, warm {guide_seconds / seconds[1]:.1f}x faster"
    )
    finish(
        guide_seconds=guide_seconds,
        first_seconds=seconds[0],
        warm_seconds=seconds[1],
        first_ratio=guide_seconds / seconds[0],
        warm_ratio=guide_seconds / seconds[1],
        accuracy=runs[0].evaluate().accuracy,
        guide_accuracy=accuracy,
        difference=[difference.low, difference.estimate, difference.high],
    )
    shutil.rmtree(scratch, ignore_errors=True)


def guide(data: object, splits: dict[str, object]) -> tuple[float, object]:
    """Trains the guide's way; returns its seconds and the logits (n, c) of the test split."""
    import keras
    import numpy as np
    import tensorflow as tf

    from tlzoo.backbones.load import load_backbone

    start = time.perf_counter()
    augmentation = [keras.layers.RandomFlip("horizontal"), keras.layers.RandomRotation(0.1)]

    def picture(path: tf.Tensor, label: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        image = tf.io.decode_image(tf.io.read_file(path), channels=3, expand_animations=False)
        return tf.image.resize(tf.ensure_shape(image, (None, None, 3)), (224, 224)), label

    def changed(images: tf.Tensor, labels: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        for layer in augmentation:
            images = layer(images, training=True)
        return images, labels

    def part(name: str, *, augment: bool = False) -> tf.data.Dataset:
        indices = splits[name]
        files = tf.data.Dataset.from_tensor_slices(
            ([str(data.items[i]) for i in indices], data.labels[indices])
        )
        files = files.shuffle(len(indices), seed=0) if augment else files
        batches = files.map(picture, tf.data.AUTOTUNE).batch(BATCH)
        return (batches.map(changed, tf.data.AUTOTUNE) if augment else batches).prefetch(tf.data.AUTOTUNE)

    base = load_backbone("efficientnet_lite0").model
    base.trainable = False
    inputs = keras.Input((224, 224, 3))
    x = keras.layers.Dropout(0.2)(base(inputs, training=False))
    model = keras.Model(inputs, keras.layers.Dense(len(data.class_names))(x))
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(), loss=loss, metrics=["accuracy"], jit_compile=False)
    model.fit(part("train", augment=True), epochs=EPOCHS, validation_data=part("validation"), verbose=0)
    seconds = time.perf_counter() - start
    return seconds, np.asarray(model.predict(part("test"), verbose=0))


if __name__ == "__main__":
    main()
