"""TF Hub modules as layers: what trains, what stays, and what is the same after saving."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import weakref

import keras
import numpy as np
import pytest
import tensorflow as tf
from tensorflow.core.protobuf import saved_model_pb2

from tests.sources import hub_toys
from tlzoo.errors import CardError, SourceError, UsageError, WeightsError
from tlzoo.sources import hub_layer
from tlzoo.sources.hub_format import from_files, read_module
from tlzoo.sources.hub_layer import HubLayer

PARTS = {name: (f"{name}/*",) for name in hub_toys.BLOCKS}
TEXTS = tf.constant(["good plot", "bad actor nobody knows", "plot"])


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    root = tmp_path_factory.mktemp("hub")
    made = {"image": hub_toys.Image(), "text": hub_toys.Text(root), "pre": hub_toys.Preprocessor()}
    made |= {"encoder": hub_toys.Encoder(), "plain": hub_toys.Plain()}
    return {name: hub_toys.write(module, root / name) for name, module in made.items()}


@pytest.fixture(scope="module")
def pixels():
    return np.random.default_rng(0).uniform(size=(32, 8, 8, 3)).astype("float32")


def values(layer):
    named = zip(layer.variable_names, layer._box.variables, strict=True)
    return {name: np.array(keras.ops.convert_to_numpy(variable)) for name, variable in named}


def moved(before, layer):
    after = values(layer)
    return {name for name in before if not np.array_equal(before[name], after[name])}


def classifier(layer, shape=(8, 8, 3), **words):
    inputs = keras.Input(shape, **words)
    keras.utils.set_random_seed(0)
    model = keras.Model(inputs, keras.layers.Dense(2, name="head")(layer(inputs)))
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(0.01), loss)
    return model


def fitted(model, inputs, epochs=2):
    labels = np.arange(len(inputs)) % 2
    model.fit(inputs, labels, batch_size=16, epochs=epochs, verbose=0)
    return model


def same(one, other):
    np.testing.assert_array_equal(np.asarray(one), np.asarray(other))


def test_it_answers_as_the_module_does_and_its_weights_are_keras_weights(folders, pixels):
    layer, loaded = HubLayer(folders["image"], name="module"), tf.saved_model.load(str(folders["image"]))
    same(layer(pixels), loaded(pixels))
    assert layer.count_params() == sum(int(tf.size(variable)) for variable in loaded.variables)
    assert len(layer.trainable_weights) == len(loaded.trainable_variables) == 12
    assert len(layer.non_trainable_weights) == 8
    assert {weight.path for weight in layer.weights} >= {
        "module/all/stem_kernel",
        "module/all/statistics/stem_moving_mean",
    }
    layer.weights[0].assign(layer.weights[0] + 1)
    assert not np.array_equal(layer(pixels), loaded(pixels))


@pytest.mark.slow
@pytest.mark.parametrize("frozen", [(), ("stem", "block1"), ("block2",), hub_toys.BLOCKS])
def test_frozen_parts_stay_bit_for_bit_and_all_others_move(folders, pixels, frozen):
    layer = HubLayer(folders["image"], parts=PARTS)
    for name in frozen:
        layer.part(name).trainable = False
    before = values(layer)
    model = fitted(classifier(layer), pixels)
    assert moved(before, layer) == {name for name in before if name.partition("/")[0] not in frozen}
    assert len(model.trainable_weights) == 2 + 3 * (4 - len(frozen))


def test_statistics_move_only_in_training_mode_and_in_parts_that_train(folders, pixels):
    layer = HubLayer(folders["image"], parts=PARTS)
    before = values(layer)
    layer(pixels, training=False)
    assert moved(before, layer) == set()
    layer.part("stem").trainable = False
    layer(pixels, training=True)
    assert moved(before, layer) == {
        f"{name}/moving_{what}" for name in hub_toys.BLOCKS[1:] for what in ("mean", "variance")
    }


def test_frozen_statistics_keep_the_module_out_of_training_mode(folders, pixels):
    layer = HubLayer(folders["image"], parts=PARTS)
    for part in layer.parts:
        part.statistics.trainable = False
    same(layer(pixels, training=True), layer(pixels, training=False))
    before = values(layer)
    fitted(classifier(layer), pixels)
    assert moved(before, layer) == {name for name in before if "moving" not in name}


def test_a_module_without_statistics_drops_out_while_it_trains(folders):
    layer = HubLayer(folders["encoder"], output_key="pooled_output")
    inputs = HubLayer(folders["pre"])(TEXTS)
    same(layer(inputs), layer(inputs, training=False))
    assert not np.array_equal(layer(inputs, training=True), layer(inputs, training=True))
    layer.trainable = False
    same(layer(inputs, training=True), layer(inputs))


@pytest.mark.slow
@pytest.mark.parametrize(("mixed", "known"), [(False, True), (False, False), (True, True)])
def test_saved_and_loaded_it_is_the_same_without_its_folder(tmp_path, pixels, monkeypatch, mixed, known):
    folder = hub_toys.write(hub_toys.Image(), tmp_path / "image")
    keras.config.set_dtype_policy("mixed_float16" if mixed else "float32")
    try:
        layer = HubLayer(folder, parts=PARTS)
        shutil.rmtree(folder)
        layer.part("stem").trainable = False
        model = fitted(classifier(layer), pixels)
        assert {weight.dtype for weight in layer.weights} == {"float32"}
        assert layer(pixels).dtype == tf.float32
        model.save(tmp_path / "model.keras")
        if not known:  # as in a process that has never seen the module
            monkeypatch.setattr(hub_layer, "_LIVING", weakref.WeakValueDictionary())
        again = keras.saving.load_model(tmp_path / "model.keras", safe_mode=True)
        same(again.predict(pixels, verbose=0), model.predict(pixels, verbose=0))
        copy = next(part for part in again.layers if isinstance(part, HubLayer))
        assert [part.trainable for part in copy.parts] == [False, True, True, True]
        before = values(copy)
        fitted(again, pixels, epochs=1)
        assert {name.partition("/")[0] for name in moved(before, copy)} == {"block1", "block2", "top"}
        assert moved(before, layer) == set()
    finally:
        keras.config.set_dtype_policy("float32")


def _bert(folders, root):
    """A preprocessor of TensorFlow Text's operations, which another process has not imported, and an encoder."""
    folder = hub_toys.write(hub_toys.Wordpieces(root), root / "wordpieces")
    (root / "wordpieces.txt").unlink()
    pieces = HubLayer(folder)
    assert pieces(tf.constant(["Good plots!"]))["input_word_ids"].numpy().tolist() == [
        [4, 5, 6, 1, 0, 0, 0, 0]
    ]
    return pieces, HubLayer(folders["encoder"], output_key="pooled_output")


@pytest.mark.slow
@pytest.mark.parametrize("name", ["text", "wordpieces"])
def test_another_process_loads_the_file(tmp_path, folders, name):
    layers = [HubLayer(folders["text"])] if name == "text" else _bert(folders, tmp_path)
    inputs = outputs = keras.Input((), dtype="string")
    for layer in layers:
        outputs = layer(outputs)
    model = keras.Model(inputs, outputs)
    model.save(tmp_path / "text.keras")
    script = (
        "import sys, json, keras, tensorflow as tf; import tlzoo.sources.hub_layer\n"
        "model = keras.saving.load_model(sys.argv[1])\n"
        "print(json.dumps(model(tf.constant(json.loads(sys.argv[2]))).numpy().tolist()))"
    )
    texts = [text.decode() for text in TEXTS.numpy()]
    command = [sys.executable, "-c", script, str(tmp_path / "text.keras"), json.dumps(texts)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    same(np.array(json.loads(done.stdout), "float32"), model(TEXTS))


@pytest.mark.slow
@pytest.mark.parametrize("way", ["export", "saved_model"])
def test_exported_it_is_the_same(tmp_path, folders, pixels, way):
    model = fitted(classifier(HubLayer(folders["image"])), pixels)
    if way == "export":
        model.export(tmp_path / "out", verbose=False)
        loaded = tf.saved_model.load(str(tmp_path / "out"))
        same(loaded.serve(pixels), model(pixels))
    else:
        tf.saved_model.save(model, str(tmp_path / "out"))
        loaded = tf.saved_model.load(str(tmp_path / "out"))
        same(loaded.signatures["serving_default"](inputs=tf.constant(pixels))["output_0"], model(pixels))


def test_tables_are_exported_with_their_vocabulary(tmp_path, folders):
    layer = HubLayer(folders["text"])
    model = fitted(classifier(layer, (), dtype="string"), TEXTS)
    assert layer.resources
    model.export(tmp_path / "out", verbose=False)
    assert [path.name for path in (tmp_path / "out" / "assets").iterdir()] == ["vocabulary.txt"]
    (tmp_path / "out").rename(tmp_path / "elsewhere")
    loaded = tf.saved_model.load(str(tmp_path / "elsewhere"))
    same(loaded.serve(TEXTS), model(TEXTS))


def test_operations_nobody_knows_are_told(folders):
    module = read_module(folders["plain"])
    saved = saved_model_pb2.SavedModel.FromString(module.files["saved_model.pb"])
    for function in saved.meta_graphs[0].graph_def.library.function:
        for node in function.node_def:
            node.op = "FrobnicateV2" if node.op == "MatMul" else node.op
    files = {**module.files, "saved_model.pb": saved.SerializeToString()}
    with pytest.raises(SourceError, match="'FrobnicateV2'"):
        HubLayer(from_files(files, "here"), signature="single")


def test_two_layers_of_one_folder_are_independent(folders, pixels):
    one, two = HubLayer(folders["image"]), HubLayer(folders["image"])
    before = values(two)
    fitted(classifier(one), pixels)
    assert moved(before, two) == set()
    assert moved(before, one) == set(before)


def test_regularisation_losses_enter_the_loss(folders, pixels):
    layer = HubLayer(folders["image"], parts=PARTS)
    layer(pixels)
    kernels = [value for name, value in values(layer).items() if name.endswith("kernel")]
    assert float(sum(layer.losses)) == pytest.approx(
        sum(1e-2 * np.square(kernel).sum() for kernel in kernels)
    )
    model = classifier(layer)
    total = model.evaluate(pixels, np.zeros(32), verbose=0)
    plain = float(model.loss(np.zeros(32), model(pixels)))
    assert total == pytest.approx(plain + float(sum(layer.losses)), rel=1e-5)
    layer.part("stem").trainable = False
    layer(pixels)
    assert len(layer.losses) == 3


def test_a_string_goes_through_a_preprocessor(tmp_path, folders):
    inputs = keras.Input((), dtype="string")
    encoder = HubLayer(folders["encoder"], output_key="sequence_output", name="encoder")
    model = keras.Model(inputs, encoder(HubLayer(folders["pre"])(inputs)))
    assert model.output_shape == (None, 8, 4)
    model.save(tmp_path / "m.keras")
    same(keras.saving.load_model(tmp_path / "m.keras")(TEXTS), model(TEXTS))


def test_named_signatures(folders):
    ones = np.ones((2, 2), "float32")
    same(HubLayer(folders["plain"], signature="single")(ones), 3 * ones)
    answer = HubLayer(folders["plain"], signature="single", as_dict=True)(ones)
    same(answer["y"], 3 * ones)
    several = HubLayer(folders["plain"], signature="several")({"a": ones, "b": ones})
    assert set(several) == {"sum", "difference"}
    one = HubLayer(folders["plain"], signature="several", output_key="difference")
    same(one({"a": ones, "b": ones}), 0 * ones)
    half = {"a": ones.astype("float16"), "b": ones.astype("float64")}
    same(one(half), 0 * ones)


@pytest.mark.parametrize(
    ("name", "words", "inputs", "text"),
    [
        ("plain", {}, None, "a root that cannot be called"),
        ("plain", {"signature": "sinlge"}, None, "no signature 'sinlge'"),
        ("image", {"output_key": "x"}, np.zeros((1, 8, 8, 3), "float32"), "no output 'x'"),
        ("encoder", {"output_key": "x"}, "ids", "no output 'x'"),
        ("image", {}, np.zeros((1, 9, 9, 3), "float32"), "does not take"),
    ],
)
def test_what_it_does_not_take_is_told(folders, name, words, inputs, text):
    fed = HubLayer(folders["pre"])(TEXTS) if isinstance(inputs, str) else inputs
    with pytest.raises(UsageError, match=text):
        HubLayer(folders[name], **words).call(fed)


def test_parts_must_hold_every_variable(folders):
    with pytest.raises(CardError, match="leave out 15 of 20 variables"):
        HubLayer(folders["image"], parts={"stem": ("stem/*",)})
    with pytest.raises(UsageError, match="no part 'x'"):
        HubLayer(folders["image"]).part("x")


def test_without_pretrained_values_it_starts_from_a_seed(folders, pixels):
    layer = HubLayer(folders["image"], pretrained=False, seed=3)
    found = values(layer)
    assert not found["stem/beta"].any()
    assert (found["stem/gamma"] == 1).all()
    assert (found["stem/moving_variance"] == 1).all()
    limit = np.sqrt(6 / (3 + 8))
    assert 0 < np.abs(found["stem/kernel"]).max() <= limit
    again = values(HubLayer(folders["image"], pretrained=False, seed=3))
    assert all(np.array_equal(found[name], again[name]) for name in found)
    other = values(HubLayer(folders["image"], pretrained=False, seed=4))
    assert not np.array_equal(found["stem/kernel"], other["stem/kernel"])
    assert np.isfinite(layer(pixels)).all()


def test_a_clone_has_the_program_but_fresh_weights(folders, pixels):
    layer = HubLayer(folders["image"], parts=PARTS)
    layer.part("top").trainable = False
    clone = HubLayer.from_config(layer.get_config())
    assert json.loads(json.dumps(layer.get_config()))
    assert clone(pixels).shape == (32, 6)
    assert [part.trainable for part in clone.parts] == [True, True, True, False]
    assert not np.array_equal(clone(pixels), layer(pixels))


def test_a_configuration_alone_cannot_be_called(folders, pixels):
    layer = HubLayer(folders["plain"], signature="single")
    layer(keras.Input((2,)))
    config = layer.get_config()
    config["module"]["fingerprint"] = "0" * 64
    described = HubLayer.from_config(config)
    assert described.count_params() == 4
    assert described(keras.Input((2,))).shape == (None, 2)
    with pytest.raises(WeightsError, match="only describes one"):
        described(keras.Input((1, 2)))
    with pytest.raises(WeightsError, match="only describes one"):
        described(np.ones((1, 2), "float32"))


def test_another_module_in_the_file_is_refused(tmp_path, folders):
    layer = HubLayer(folders["plain"], signature="single")
    HubLayer(folders["image"]).save_assets(str(tmp_path))
    with pytest.raises(WeightsError, match="fingerprint"):
        layer.load_assets(str(tmp_path))


def test_a_file_whose_module_reaches_for_files_is_refused(tmp_path, folders):
    module = tf.Module()
    run = tf.function(tf.io.read_file, input_signature=[tf.TensorSpec((), tf.string)])
    tf.saved_model.save(module, str(tmp_path), {"run": run})
    with pytest.raises(SourceError, match="ReadFile"):
        HubLayer(folders["plain"], signature="single").load_assets(str(tmp_path))


def test_a_module_read_before_can_be_shared(folders, pixels):
    module = read_module(folders["image"])
    assert HubLayer(module)(pixels).shape == (32, 6)


def test_arguments_are_given_to_the_root(tmp_path):
    module = tf.Module()
    module.w = tf.Variable(2.0)

    @tf.function
    def run(x, power=1):
        return tf.pow(x * module.w, power)

    run.get_concrete_function(tf.TensorSpec([None], tf.float32), power=2)
    root = tf.train.Checkpoint(module=module)
    root.__call__ = run
    tf.saved_model.save(root, str(tmp_path))
    layer = HubLayer(tmp_path, arguments={"power": 2})
    same(layer(tf.constant([1.0, 2.0])), [4.0, 16.0])
    same(HubLayer.from_config(layer.get_config())(tf.constant([1.0])), [0.0])
