"""What folders are TF Hub modules, and what all others are called."""

from __future__ import annotations

import shutil

import numpy as np
import pytest
import tensorflow as tf
from tensorflow.core.protobuf import saved_model_pb2

from tests.sources import hub_toys
from tlzoo.errors import SourceError, WeightsError
from tlzoo.sources import hub_format
from tlzoo.sources.hub_format import read_module, read_values


@pytest.fixture(scope="module")
def image(tmp_path_factory):
    return hub_toys.write(hub_toys.Image(), tmp_path_factory.mktemp("hub") / "image")


@pytest.fixture(scope="module")
def text(tmp_path_factory):
    folder = tmp_path_factory.mktemp("hub")
    return hub_toys.write(hub_toys.Text(folder), folder / "text")


def test_variables_are_described_without_running_anything(image):
    module = read_module(image)
    assert len(module.variables) == 20
    assert {spec.name for spec in module.variables} >= {"stem/kernel", "top/moving_variance"}
    trained = [spec.name.partition("/")[2] for spec in module.variables if spec.trainable]
    assert sorted(trained) == sorted(["kernel", "gamma", "beta"] * 4)


def test_values_are_those_of_the_module_and_travel_apart(image):
    module, loaded = read_module(image), tf.saved_model.load(str(image))
    values = {
        spec.name: value for spec, value in zip(module.variables, read_values(image, module), strict=True)
    }
    for variable in loaded.variables:
        np.testing.assert_array_equal(values[variable.name.removesuffix(":0")], variable.numpy())
    kernel = values["stem/kernel"].tobytes()
    assert not any(kernel in content for content in module.files.values())


def test_the_same_folder_gives_the_same_fingerprint_and_files_give_it_again(image):
    module = read_module(image)
    assert module == read_module(image)
    assert hub_format.from_files(module.files, "here") == module


def test_assets_are_kept(text):
    module = read_module(text)
    assert module.files["assets/vocabulary.txt"].decode().split() == list(hub_toys.WORDS)
    assert [spec.name for spec in module.variables] == ["embeddings", "projection/kernel"]


def test_variables_that_share_a_name_are_told_apart_by_their_path(tmp_path):
    module = tf.Module()
    module.towers = [tf.Variable([1.0], name="kernel"), tf.Variable([2.0], name="kernel")]
    module.run = tf.function(lambda x: x * module.towers[0] + module.towers[1])
    tf.saved_model.save(module, str(tmp_path), module.run.get_concrete_function(tf.TensorSpec([1])))
    module = read_module(tmp_path)
    assert [spec.name for spec in module.variables] == ["towers/0", "towers/1"]
    assert [value.tolist() for value in read_values(tmp_path, module)] == [[1.0], [2.0]]


def test_state_of_optimizers_is_left_out(tmp_path):
    module = hub_toys.Plain()
    module.step = tf.Variable(0, name="Adam/iter", trainable=False)
    hub_toys.write(module, tmp_path / "plain")
    assert [spec.shape for spec in read_module(tmp_path / "plain").variables] == [(2, 2)]


def test_a_table_that_learned_words_keeps_them(tmp_path):
    module = tf.Module()
    module.table = tf.lookup.experimental.MutableHashTable(tf.string, tf.int64, -1)
    module.table.insert(["a"], [7])
    module.run = tf.function(lambda x: {"y": module.table.lookup(x)})
    spec = tf.TensorSpec([None], tf.string, name="x")
    tf.saved_model.save(module, str(tmp_path / "one"), module.run.get_concrete_function(spec))
    hub_format.write_module(read_module(tmp_path / "one"), tmp_path / "two")
    loaded = tf.saved_model.load(str(tmp_path / "two"))
    assert loaded.signatures["serving_default"](tf.constant(["a", "b"]))["y"].numpy().tolist() == [7, -1]


def _tf1(folder):
    graph = tf.Graph()
    with graph.as_default(), tf.compat.v1.Session(graph=graph) as session:
        x = tf.compat.v1.placeholder(tf.float32, (None, 2))
        builder = tf.compat.v1.saved_model.Builder(str(folder))
        info = tf.compat.v1.saved_model.build_tensor_info
        signature = tf.compat.v1.saved_model.build_signature_def({"x": info(x)}, {"y": info(x * 2)})
        builder.add_meta_graph_and_variables(session, ["serve", "train"], {"serving_default": signature})
        builder.save()


def _nothing_to_call(folder):
    module = tf.Module()
    module.w = tf.Variable(1.0)
    tf.saved_model.save(module, str(folder))


@pytest.mark.filterwarnings("ignore:.*deprecated.*")
@pytest.mark.parametrize(
    ("make", "why"),
    [
        (_tf1, r"SavedModel of TF1, made for sessions \(tags: serve, train\)"),
        (_nothing_to_call, "without anything to call"),
        ("tfhub_module.pb", "a module in the TF1 Hub format"),
        ("saved_model.pbtxt", "written as text"),
        ("model.json", "a TensorFlow.js model"),
        ("lite.tflite", "a TFLite model, which cannot be trained"),
        ("frozen_graph.pb", "a frozen graph"),
        ("readme.txt", "saved_model.pb is not there"),
    ],
)
def test_every_other_format_is_called_by_its_name(tmp_path, make, why):
    folder = tmp_path / "module"
    if callable(make):
        make(folder)
    else:
        folder.mkdir()
        (folder / make).write_bytes(b"x")
        if make == "tfhub_module.pb":
            (folder / "saved_model.pb").write_bytes(b"x")
    with pytest.raises(SourceError, match=why) as caught:
        read_module(folder)
    assert caught.value.allowed
    assert caught.value.do


@pytest.mark.parametrize("name", ["lite.tflite", "graph.pb"])
def test_files_in_place_of_folders(tmp_path, name):
    (tmp_path / name).write_bytes(b"x")
    with pytest.raises(SourceError, match="cannot be trained"):
        read_module(tmp_path / name)


def test_damage_is_told(image, tmp_path):
    for number, (name, content) in enumerate(
        [("saved_model.pb", b"\xff\xff"), ("saved_model.pb", b""), ("variables/variables.index", b"x" * 100)]
    ):
        shutil.copytree(image, tmp_path / str(number))
        (tmp_path / str(number) / name).write_bytes(content)
        with pytest.raises(WeightsError, match="cannot be read"):
            read_module(tmp_path / str(number))
    shutil.copytree(image, tmp_path / "none")
    shutil.rmtree(tmp_path / "none" / "variables")
    with pytest.raises(WeightsError, match=r"variables\.index is missing"):
        read_values(tmp_path / "none", read_module(tmp_path / "none"))


@pytest.mark.parametrize("operation", ["read", "write", "python"])
def test_programs_that_reach_for_files_or_python_are_refused(tmp_path, operation):
    module = tf.Module()

    @tf.function(input_signature=[tf.TensorSpec((), tf.string)])
    def run(x):
        if operation == "read":
            return tf.io.read_file(x)
        if operation == "write":
            tf.io.write_file("/tmp/x", x)
            return x
        return tf.numpy_function(lambda y: y, [x], tf.string)

    module.run = run
    tf.saved_model.save(module, str(tmp_path), {"run": run})
    with pytest.raises(SourceError, match=r"holds operation (ReadFile|WriteFile|PyFunc)") as caught:
        read_module(tmp_path)
    assert caught.value.do == "Do not use it; ask where it came from."


def test_what_hides_in_a_function_that_is_called_is_found(tmp_path):
    module = tf.Module()
    inner = tf.function(tf.io.read_file, input_signature=[tf.TensorSpec((), tf.string)])
    module.run = tf.function(
        lambda x: tf.cond(tf.equal(x, ""), lambda: inner(x), lambda: x),
        input_signature=[tf.TensorSpec((), tf.string)],
    )
    tf.saved_model.save(module, str(tmp_path), {"run": module.run})
    with pytest.raises(SourceError, match="ReadFile"):
        read_module(tmp_path)


@pytest.mark.parametrize("name", ["../x", "/x", "a\\x"])
def test_files_that_would_land_outside_are_refused(image, name):
    files = {**read_module(image).files, name: b"x"}
    with pytest.raises(SourceError, match="outside"):
        hub_format.from_files(files, "here")


def test_assets_that_point_outside_are_refused(text):
    module = read_module(text)
    saved = saved_model_pb2.SavedModel.FromString(module.files["saved_model.pb"])
    saved.meta_graphs[0].asset_file_def[0].filename = "../../../etc/passwd"
    with pytest.raises(SourceError, match="outside"):
        hub_format.from_files({**module.files, "saved_model.pb": saved.SerializeToString()}, "here")
