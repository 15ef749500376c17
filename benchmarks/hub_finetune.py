"""Fine-tunes a TF Hub module in Keras 3: what stays, what moves, what survives saving, and what it costs.

The module is MobileNetV2 (random weights, 96 px), written here in TF Hub's reusable form, so nothing is downloaded. The
same network as an ordinary Keras model is the yardstick for speed.
"""

from __future__ import annotations

import shutil
import tempfile
import time
from pathlib import Path
from typing import Any

from common import finish

SIZE, COUNT, BATCH, EPOCHS = 96, 256, 32, 3
PARTS = {
    "stem": ("Conv1/*", "bn_Conv1/*", "expanded_conv_*"),
    "block1": tuple(f"block_{at}_*" for at in range(1, 7)),
    "block2": tuple(f"block_{at}_*" for at in range(7, 17)),
    "top": ("*",),
}
FROZEN = ("stem", "block1")


def main() -> None:
    """Prints the demonstration and the figures."""
    import keras
    import numpy as np
    import tensorflow as tf

    from tlzoo.sources.hub_layer import HubLayer

    keras.utils.set_random_seed(0)
    network = keras.applications.MobileNetV2((SIZE, SIZE, 3), include_top=False, weights=None, pooling="avg")
    root = Path(tempfile.mkdtemp(prefix="tlzoo-hub-bench-"))
    folder = _write(network, root / "module")
    images = np.random.default_rng(0).uniform(-1, 1, (COUNT, SIZE, SIZE, 3)).astype(np.float32)
    labels = np.arange(COUNT) % 2
    images[labels == 1, ..., 0] += 0.5
    start = time.perf_counter()
    layer = HubLayer(folder, parts=PARTS, name="module")
    made = time.perf_counter() - start
    difference = float(np.abs(np.asarray(layer(images[:8])) - np.asarray(network(images[:8]))).max())
    print(
        f"{layer.count_params():,} weights; made in {made:.1f} s; largest difference from Keras {difference:.1e}"
    )

    shutil.rmtree(folder)
    for name in FROZEN:
        layer.part(name).trainable = False
    before = {
        part.name: [keras.ops.convert_to_numpy(weight).copy() for weight in part.weights]
        for part in layer.parts
    }
    model = _classifier(layer)
    losses = model.fit(images, labels, batch_size=BATCH, epochs=EPOCHS, verbose=0).history["loss"]
    print(f"{len(FROZEN)} of {len(PARTS)} stages frozen, Adam, loss {losses[0]:.3f} -> {losses[-1]:.3f}")
    moved = {part.name: _moved(before[part.name], part) for part in layer.parts}
    for name, (changed, count) in moved.items():
        print(f"  {name:7} {'frozen' if name in FROZEN else 'trains'}: {changed} of {count} weights moved")

    model.save(root / "model.keras")
    again = keras.saving.load_model(root / "model.keras", safe_mode=True)
    answer = model.predict(images, verbose=0)
    reloaded = bool(np.array_equal(again.predict(images, verbose=0), answer))
    model.export(root / "served", verbose=False)
    served = tf.saved_model.load(str(root / "served"))
    exported = bool(
        np.array_equal(np.asarray(served.serve(images[:BATCH])), np.asarray(model(images[:BATCH])))
    )
    size = (root / "model.keras").stat().st_size / 1e6
    print(
        f"reloaded without its folder, safe_mode=True: bit-equal {reloaded}; exported: bit-equal {exported}"
    )
    print(f".keras file: {size:.1f} MB")

    # `layer.trainable = True` would reach nothing: Keras stops at a layer whose value does not change.
    for part in layer.parts:
        part.trainable = True
    if len(layer.trainable_weights) != len(network.trainable_weights):
        raise SystemExit("both sides must train the same number of weights")
    ours, peer = _rates(images, labels, layer, network)
    print(
        f"all stages training: {ours:.1f} images/s; the same network in Keras {peer:.1f}; ratio {ours / peer:.3f}"
    )
    shutil.rmtree(root)
    finish(
        frozen_moved=sum(moved[name][0] for name in FROZEN),
        trained_moved=sum(moved[name][0] for name in PARTS if name not in FROZEN),
        trained=sum(moved[name][1] for name in PARTS if name not in FROZEN),
        reload_bit_equal=reloaded,
        export_bit_equal=exported,
        keras_file_mb=size,
        images_per_second=ours,
        keras_images_per_second=peer,
        ratio=ours / peer,
    )


def _write(network: Any, folder: Path) -> Path:
    """Saves a Keras model as TF Hub's guide says."""
    import tensorflow as tf

    call = tf.function(lambda inputs, training=False: network(inputs, training=training))
    for training in (False, True):
        call.get_concrete_function(tf.TensorSpec((None, SIZE, SIZE, 3), tf.float32), training=training)
    saved = tf.train.Checkpoint()
    saved.__call__ = call
    saved.variables = [weight.value for weight in network.weights]
    saved.trainable_variables = [weight.value for weight in network.trainable_weights]
    tf.saved_model.save(saved, str(folder))
    return folder


def _classifier(layer: Any) -> Any:
    """Returns a compiled model from images to two logits."""
    import keras

    inputs = keras.Input((SIZE, SIZE, 3))
    model = keras.Model(inputs, keras.layers.Dense(2)(layer(inputs)))
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(1e-3), loss, jit_compile=False)
    return model


def _moved(before: list[Any], part: Any) -> tuple[int, int]:
    import keras
    import numpy as np

    changed = [
        not np.array_equal(old, keras.ops.convert_to_numpy(new))
        for old, new in zip(before, part.weights, strict=True)
    ]
    return sum(changed), len(changed)


def _rates(images: Any, labels: Any, *bodies: Any) -> list[float]:
    """Returns images a second of `fit` around each body, best of three epochs, alternating."""
    models = [_classifier(body) for body in bodies]
    best = [float("inf")] * len(models)
    for epoch in range(4):
        for at, model in enumerate(models):
            start = time.perf_counter()
            model.fit(images, labels, batch_size=BATCH, epochs=1, verbose=0)
            if epoch:
                best[at] = min(best[at], time.perf_counter() - start)
    return [COUNT / seconds for seconds in best]


if __name__ == "__main__":
    main()
