"""A SavedModel that somebody else made: Spotify's basic-pitch (Apache-2.0) ships one that Keras 2 wrote in 2021.

Its root can be called with `training`, its output has names, it has BatchNorm; and it holds the state of a Keras 2
optimizer, for which `tf.saved_model.load` itself fails beside Keras 3.
"""

from __future__ import annotations

import os

import keras
import numpy as np
import pytest
import tensorflow as tf

from tlzoo.cards import Checksum
from tlzoo.errors import UnreachableError
from tlzoo.sources.hub_layer import HubLayer
from tlzoo.sources.pypi import fetch_package

WHEEL = Checksum(
    file="basic_pitch-0.4.0-py2.py3-none-any.whl",
    sha256="738adb503aae7fdfc7d1e1511aa0ce35052315f260a19531ef4c356708425db0",
)
PARTS = {
    "stem": ("batch_normalization/*", "conv2d_1/*", "batch_normalization_2/*"),
    "contours": ("contours-reduced/*",),
    "notes": ("conv2d_2/*", "conv2d_3/*"),
    "onsets": ("*",),
}
SAMPLES = 43844  # about two seconds at 22,050 Hz


@pytest.fixture(scope="module")
def package():
    try:
        return fetch_package("basic-pitch", "0.4.0", (WHEEL,))
    except UnreachableError as error:
        if os.environ.get("TLZOO_TESTS_NEED_INDEX"):
            raise
        pytest.skip(f"no package index: {error.what[:100]}")


@pytest.fixture(scope="module")
def folder(package):
    return package / "basic_pitch" / "saved_models" / "icassp_2022" / "nmp"


@pytest.fixture(scope="module")
def sound():
    """Two tones, float32 (2, 43844, 1) in -1..1."""
    time = np.arange(SAMPLES) / 22050
    return np.stack([0.5 * np.sin(2 * np.pi * pitch * time) for pitch in (220.0, 440.0)])[..., None].astype(
        "float32"
    )


def values(layer):
    return {name: np.array(v) for name, v in zip(layer.variable_names, layer._box.variables, strict=True)}


def test_its_licence_lets_us(package):
    (licence,) = package.glob("basic_pitch-0.4.0.dist-info/LICENSE")
    assert "Apache License" in licence.read_text()


def test_it_answers_as_the_same_network_under_litert_does(folder, sound):
    from ai_edge_litert.interpreter import Interpreter

    layer = HubLayer(folder, parts=PARTS)
    assert (len(layer.trainable_weights), len(layer.non_trainable_weights)) == (18, 6)
    answer = layer(sound[:1])
    interpreter = Interpreter(str(folder.with_suffix(".tflite")))
    interpreter.allocate_tensors()
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], sound[:1])
    interpreter.invoke()
    theirs = [interpreter.get_tensor(one["index"]) for one in interpreter.get_output_details()]
    for name, width in (("note", 88), ("onset", 88), ("contour", 264)):
        assert answer[name].shape == (1, 172, width)
        assert min(np.abs(answer[name] - one).max() for one in theirs if one.shape[-1] == width) < 1e-3, name
    heard = np.asarray(answer["note"])[0].mean(0).argmax()
    assert heard == 36, "220 Hz is the 37th key of a piano from A0"


@pytest.mark.slow
def test_it_is_fine_tuned_with_two_of_four_stages_frozen(folder, sound, tmp_path):
    layer = HubLayer(folder, parts=PARTS, output_key="onset", name="pitch")
    for name in ("stem", "contours"):
        layer.part(name).trainable = False
    inputs = keras.Input((SAMPLES, 1))
    pooled = keras.layers.GlobalAveragePooling1D()(layer(inputs))
    model = keras.Model(inputs, keras.layers.Dense(2)(pooled))
    model.compile(keras.optimizers.Adam(1e-3), keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    before = values(layer)
    # Onsets are found with the help of notes, so every stage has a part in them.
    losses = model.fit(sound, np.array([0, 1]), epochs=3, verbose=0).history["loss"]
    assert losses[-1] < losses[0]
    after = values(layer)
    frozen = {
        f"{name}/"
        for name in ("batch_normalization", "conv2d_1", "batch_normalization_2", "contours-reduced")
    }
    for name in before:
        still = any(name.startswith(start) for start in frozen)
        assert np.array_equal(before[name], after[name]) == still, name
    model.save(tmp_path / "pitch.keras")
    again = keras.saving.load_model(tmp_path / "pitch.keras", safe_mode=True)
    np.testing.assert_array_equal(again.predict(sound, verbose=0), model.predict(sound, verbose=0))
    model.export(tmp_path / "served", verbose=False)
    served = tf.saved_model.load(str(tmp_path / "served"))
    np.testing.assert_array_equal(served.serve(sound), model(sound))
