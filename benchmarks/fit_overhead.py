"""Steps of `fine_tune` against bare Keras `fit` on the same model, data, batch and augmentation-free feed."""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

from common import finish

COUNT, BATCH, SIZE = 256, 32, (160, 160)


def main() -> None:
    """Prints images a second of both, alternating, best of three."""
    import keras
    import numpy as np

    import tlzoo
    from tlzoo.backbones.load import load_backbone

    keras.utils.disable_interactive_logging()
    random = np.random.default_rng(0)
    images = random.integers(0, 256, (COUNT + 64, *SIZE, 3), dtype=np.uint8)
    labels = np.arange(COUNT + 64) % 2
    backbone = load_backbone("efficientnet_lite0", size=SIZE)
    backbone.train(backbone.stage_names, batchnorm="frozen")
    bare = keras.Sequential([backbone.model, keras.layers.Dense(2)])
    bare.compile(
        keras.optimizers.AdamW(5e-4, weight_decay=0.01, global_clipnorm=1.0),
        loss=keras.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=0.1),
        metrics=["accuracy"],
        jit_compile=False,
    )
    targets = np.eye(2, dtype=np.float32)[labels[:COUNT]]
    inputs = images[:COUNT].astype(np.float32)
    steps = COUNT // BATCH
    clock = Clock()
    bare.fit(inputs, targets, batch_size=BATCH, epochs=4, callbacks=[clock], verbose=0)
    ours = _ours(tlzoo, images, labels)
    peer = min(clock.seconds[1:]) / steps
    print(
        f"bare Keras fit: {BATCH / peer:.1f} images/s; tlzoo: {BATCH / ours:.1f} images/s; ratio {peer / ours:.3f}"
    )
    finish(bare=BATCH / peer, tlzoo=BATCH / ours, ratio=peer / ours)


def _ours(tlzoo: object, images: object, labels: object) -> float:
    """Returns seconds a step of the tune phase, from its own step clock, validation left out."""
    from tlzoo.training import phases

    clock = Clock()
    listeners = phases._listeners
    phases._listeners = lambda *words, **more: [*listeners(*words, **more), clock]
    try:
        out = Path(tempfile.mkdtemp(prefix="tlzoo-fit-")) / "run"
        tlzoo.train(
            (images, labels),
            recipe="fine_tune",
            out=out,
            size=SIZE,
            validation=32 / (COUNT + 64),
            test=32 / (COUNT + 64),
            top=0,
            head_epochs=1,
            epochs=4,
            batch_size=BATCH,
            symmetry="none",
            crop=1.0,
            brightness=0.0,
            contrast=0.0,
        )
    finally:
        phases._listeners = listeners
    return min(clock.per_step[-3:])


def _clock_class() -> type:
    import keras

    class Clock(keras.callbacks.Callback):
        """Times the steps of each epoch, from the first step's begin to the last step's end."""

        def __init__(self) -> None:
            super().__init__()
            self.seconds: list[float] = []
            self.per_step: list[float] = []

        def on_epoch_begin(self, epoch: int, logs: object = None) -> None:
            self._start, self._steps = time.perf_counter(), 0

        def on_train_batch_end(self, batch: int, logs: object = None) -> None:
            self._steps += 1
            self._now = time.perf_counter()

        def on_epoch_end(self, epoch: int, logs: object = None) -> None:
            self.seconds.append(self._now - self._start)
            self.per_step.append((self._now - self._start) / self._steps)

    return Clock


Clock = _clock_class() if "--help" not in sys.argv else None

if __name__ == "__main__":
    main()
