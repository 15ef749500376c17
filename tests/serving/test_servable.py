"""A SavedModel in memory: what it says it takes, what it answers, how it refuses."""

import gc
import weakref

import numpy as np
import pytest
import tensorflow as tf

from tlzoo.protocol.signature import PREDICT
from tlzoo.protocol.status import Code, ServingError
from tlzoo.serving.servable import Servable, plain

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def dtypes(models):
    return Servable(models / "dtypes" / "1")


@pytest.fixture(scope="module")
def shapes(models):
    return Servable(models / "shapes" / "1")


def test_signatures_say_what_goes_in_and_comes_out(shapes):
    signature = shapes.signatures["serving_default"]
    assert (signature.name, signature.method, signature.defaults) == ("serving_default", PREDICT, frozenset())
    feats, scores = signature.inputs["feats"], signature.outputs["scores"]
    assert (feats.dtype.name, feats.shape, scores.shape) == ("float", (-1, 3), (-1, 2))
    assert feats.name.startswith("serving_default_feats")
    initial = shapes.signatures["__saved_model_init_op"]
    assert (dict(initial.inputs), [one.dtype for one in initial.outputs.values()]) == ({}, [None])
    assert set(shapes.metadata().signature_def) == {"serving_default", "__saved_model_init_op"}


VALUES = {
    "f32": np.array([1.5, -2.0], np.float32),
    "f64": np.array([1e300]),
    "f16": np.array([0.5], np.float16),
    "i8": np.array([[-128, 127]], np.int8),
    "i64": np.array([2**63 - 1, -(2**63)]),
    "u64": np.array([2**64 - 1], np.uint64),
    "boolean": np.array([True, False]),
    "string": np.array([b"\xff\x00", b""], object),
}


@pytest.mark.parametrize("key", VALUES)
def test_arrays_of_any_type_go_through(dtypes, key):
    answer = dtypes.run(key, {"v": VALUES[key]})["out"]
    assert answer.dtype == VALUES[key].dtype
    np.testing.assert_array_equal(answer, VALUES[key])
    scalar = dtypes.run(key, {"v": VALUES[key].reshape(-1)[0:1].reshape(())})["out"]
    assert (scalar.shape, scalar.dtype) == ((), VALUES[key].dtype)


def test_only_the_outputs_asked_for_come_back(dtypes):
    values = {"a": np.array([1.0], np.float32), "b": np.array([2.0], np.float32)}
    assert set(dtypes.run("pair", values)) == {"sum", "text"}
    (text,) = dtypes.run("pair", values, ("text",)).items()
    assert (text[0], text[1].tolist()) == ("text", [b"1.0"])


def test_shapes_are_nobodys_business_but_the_graphs(shapes, dtypes):
    assert dtypes.run("f32", {"v": np.zeros((2, 0, 3), np.float32)})["out"].shape == (2, 0, 3)
    with pytest.raises(ServingError) as caught:
        shapes.run("serving_default", {"feats": np.zeros((1, 2), np.float32)})
    assert caught.value.code is Code.INVALID_ARGUMENT
    assert caught.value.message.startswith("Matrix size-incompatible: In[0]: [1,2], In[1]: [3,2]")
    assert "[Op:" not in caught.value.message


def test_types_are_refused_as_a_session_does(shapes):
    with pytest.raises(ServingError, match=r"Expects arg\[0\] to be float but string is provided"):
        shapes.run("serving_default", {"feats": np.array([b"a"], object)})


def test_a_signature_that_is_no_function_says_so(shapes):
    with pytest.raises(ServingError) as caught:
        shapes.run("__saved_model_init_op", {})
    assert caught.value.code is Code.UNIMPLEMENTED


@pytest.mark.parametrize(
    ("message", "said"),
    [
        ("Matrix size", "Matrix size"),
        ("{{function_node __inference_a_1}} bad [Op:__inference_a_1]", "bad"),
        (
            "Graph execution error:\n\nDetected at node a/Assert defined at (most recent call last):\n"
            "<stack traces unavailable>\nassertion failed: [no image]\n\t [[{{node a/Assert}}]] [Op:__inference_1]",
            "assertion failed: [no image]\n\t [[{{node a/Assert}}]]",
        ),
    ],
)
def test_messages_are_the_ops_own(message, said):
    assert plain(message) == said


@pytest.mark.parametrize(
    ("make", "code", "said"),
    [
        (lambda folder: None, Code.NOT_FOUND, "Could not find SavedModel"),
        (lambda folder: (folder / "saved_model.pb").write_bytes(b"xxx"), Code.DATA_LOSS, "Can't parse"),
        (
            lambda folder: (folder / "saved_model.pb").write_bytes(b""),
            Code.NOT_FOUND,
            "supplied tags: { serve }",
        ),
    ],
)
def test_what_is_no_saved_model_says_why(tmp_path, make, code, said):
    make(tmp_path)
    with pytest.raises(ServingError, match=said) as caught:
        Servable(tmp_path)
    assert caught.value.code is code


def test_a_saved_model_without_its_variables_does_not_load(models, tmp_path):
    (tmp_path / "saved_model.pb").write_bytes((models / "shapes" / "1" / "saved_model.pb").read_bytes())
    with pytest.raises(ServingError):
        Servable(tmp_path)


def test_inputs_with_defaults_may_be_left_out(tmp_path):
    module = tf.Module()
    module.f = tf.function(
        lambda x, scale: {"y": x * scale},
        input_signature=[
            tf.TensorSpec([None], tf.float32, name="x"),
            tf.TensorSpec([], tf.float32, name="scale"),
        ],
    )
    tf.saved_model.save(module, str(tmp_path), signatures={"serving_default": module.f})
    _give_default(tmp_path / "saved_model.pb", "serving_default", "scale", 3.0)
    servable = Servable(tmp_path)
    assert servable.signatures["serving_default"].defaults == {"scale"}
    x = np.array([2.0], np.float32)
    assert servable.run("serving_default", {"x": x})["y"].tolist() == [6.0]
    assert servable.run("serving_default", {"x": x, "scale": np.float32(5.0).reshape(())})["y"].tolist() == [
        10.0
    ]


def _give_default(file, key, alias, value):
    from tensorflow.core.protobuf import saved_model_pb2

    saved = saved_model_pb2.SavedModel.FromString(file.read_bytes())
    definition = saved.meta_graphs[0].signature_def[key]
    definition.defaults[alias].CopyFrom(tf.make_tensor_proto(value))
    file.write_bytes(saved.SerializeToString())


def test_nothing_stays_behind(models):
    servable = Servable(models / "shapes" / "1")
    servable.run("serving_default", {"feats": np.zeros((1, 3), np.float32)})
    gone = weakref.ref(servable._model)
    del servable
    gc.collect()
    assert gone() is None


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    from tests.export.test_lite import converted
    from tests.export.tiny_classifier import exportable_of, tiny_card
    from tlzoo.export import lite
    from tlzoo.export.saved_model import export_saved_model

    exportable = exportable_of(tiny_card())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lite, "_timed", lambda *_: (0.001, 0.002))
        directory = tmp_path_factory.mktemp("lite") / "photos"
        return export_saved_model(exportable, directory, network=lambda: converted(exportable))


class TestNetwork:
    """Bundles that hold their network as a LiteRT file."""

    def test_answers_are_those_of_the_graph(self, photos):
        from tests.export.tiny_classifier import SAMPLES

        quick, plain = Servable(photos), Servable(photos, lite=False)
        assert (quick.by_rows, plain.by_rows) == (True, False)
        given = {"image_bytes": np.array(SAMPLES, object)}
        ours, graphs = (one.run("serving_default", given) for one in (quick, plain))
        np.testing.assert_allclose(ours["probabilities"], graphs["probabilities"], atol=1e-5)
        assert ours["label"].tolist() == graphs["label"].tolist()
        assert list(quick.run("serving_default", given, ("score",))) == ["score"]

    @pytest.mark.parametrize("count", [1, 3])
    def test_so_are_errors(self, photos, count):
        given = {"image_bytes": np.array([b"no image"] * count, object)}
        said = []
        for servable in (Servable(photos), Servable(photos, lite=False)):
            with pytest.raises(ServingError) as caught:
                servable.run("serving_default", given)
            said.append((caught.value.code, caught.value.message))
        assert said[0] == said[1]

    def test_no_rows_and_odd_shapes_are_the_graphs(self, photos):
        servable = Servable(photos)
        empty = servable.run("serving_default", {"image_bytes": np.array([], object)})
        assert empty["probabilities"].shape == (0, 5)
        with pytest.raises(ServingError):
            servable.run("pixels", {"pixels": np.zeros((4, 4, 3), np.float32)})

    def test_a_changed_file_is_passed_over(self, photos, tmp_path, caplog):
        import shutil

        from tlzoo.bundle import FACTS_FILE, NETWORK_FILE

        folder = tmp_path / "1"
        shutil.copytree(photos, folder)
        (folder / NETWORK_FILE).write_bytes(b"other")
        assert not Servable(folder).by_rows
        (folder / FACTS_FILE).write_text("{}")
        assert not Servable(folder).by_rows
        assert "served without its LiteRT network" in caplog.text

    def test_it_goes_with_the_servable(self, photos):
        servable = Servable(photos)
        network = weakref.ref(servable._network)
        del servable
        gc.collect()
        assert network() is None
