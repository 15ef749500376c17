"""Predict and GetModelMetadata, asked by the generated client: every check, its code and its words."""

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tensorflow.core.framework import tensor_pb2
from tensorflow_serving.apis import get_model_metadata_pb2, predict_pb2

from tests.serving.messages import HALF, predict, spec
from tests.serving.running import SECONDS, Running, labelled, options, refused
from tlzoo.protocol.dtypes import DTYPES
from tlzoo.protocol.tensors import read_tensor

SIGNATURES = {
    "float": "f32",
    "double": "f64",
    "half": "f16",
    "bfloat16": "bf16",
    "int8": "i8",
    "int16": "i16",
    "int32": "i32",
    "int64": "i64",
    "uint8": "u8",
    "uint16": "u16",
    "uint32": "u32",
    "uint64": "u64",
    "bool": "boolean",
    "string": "string",
}


@pytest.fixture(scope="module")
def server(models):
    names = (HALF, "dtypes", "shapes", "classes3")
    with Running(labelled(options(models, *names), stable=123, canary=124)) as running:
        yield running


def arrays(reply):
    return {name: read_tensor(name, tensor) for name, tensor in reply.outputs.items()}


@pytest.mark.parametrize(
    ("chosen", "version", "y"),
    [
        ({}, 124, 4.0),
        ({"version": 123}, 123, 3.0),
        ({"label": "stable"}, 123, 3.0),
        ({"label": "canary"}, 124, 4.0),
    ],
)
def test_a_version_is_chosen_and_told_but_never_its_label(server, chosen, version, y):
    reply = server.prediction.Predict(predict(x=np.float32([2]), **chosen))
    assert list(reply.outputs["y"].float_val) == [y]
    told = reply.model_spec
    assert (told.name, told.signature_name) == (HALF, "serving_default")
    assert (told.WhichOneof("version_choice"), told.version.value) == ("version", version)


@pytest.mark.parametrize(
    "dtype", [DTYPES[n] for n in DTYPES if DTYPES[n].name in SIGNATURES], ids=lambda d: d.name
)
@pytest.mark.parametrize("shape", [(), (3,), (2, 2), (0,), (200,)])
def test_every_type_goes_in_and_comes_out_in_typed_fields(server, dtype, shape):
    numbers = np.arange(np.prod(shape, dtype=int)).reshape(shape) % 2
    if dtype.name == "string":
        sent = np.array([b"\xff%d" % n for n in numbers.ravel()], object).reshape(shape)
    else:
        sent = numbers.astype(dtype.numpy)
    reply = server.prediction.Predict(predict("dtypes", SIGNATURES[dtype.name], v=sent))
    tensor = reply.outputs["out"]
    assert not tensor.tensor_content
    back = read_tensor("out", tensor)
    assert (back.dtype, back.shape) == (sent.dtype, shape)
    assert back.tolist() == sent.tolist()


def test_types_that_only_replies_have_here(server):
    sent = np.float32([1.5, -2])
    reply = server.prediction.Predict(predict("dtypes", "out_complex", v=sent))
    assert list(reply.outputs["out"].scomplex_val) == [1.5, 0, -2, 0]
    reply = server.prediction.Predict(predict("dtypes", "out_half", v=sent))
    assert list(reply.outputs["out"].half_val) == [0x3E00, 0xC000]
    reply = server.prediction.Predict(predict("dtypes", "zero_batch", v=sent))
    assert [dim.size for dim in reply.outputs["out"].tensor_shape.dim] == [0, 2]


def test_tensor_content_where_the_server_was_told_so(models):
    with Running(options(models, HALF, tensor_content=True)) as server:
        tensor = server.prediction.Predict(predict(x=np.float32([2, 4]))).outputs["y"]
    assert tensor.tensor_content == np.float32([4, 5]).tobytes()
    assert not tensor.float_val


def test_what_tensorflow_itself_writes_is_read(server):
    message = predict()
    message.inputs["x"].CopyFrom(tf.make_tensor_proto([1.0, 2.0, 3.0]))
    assert message.inputs["x"].tensor_content
    assert list(server.prediction.Predict(message).outputs["y"].float_val) == [3.5, 4, 4.5]


def test_an_output_filter_leaves_out_the_others(server):
    names = ("int_tensor", "str_tensor", "float_tensor", "dbl_tensor")
    kinds = (np.int32, object, np.float32, np.float64)
    values = {
        name: np.array([b"a"], object) if kind is object else np.ones(1, kind)
        for name, kind in zip(names, kinds, strict=True)
    }
    message = predict("dtypes", "multi", **values)
    assert set(server.prediction.Predict(message).outputs) == set(names)
    message.output_filter.extend(["str_tensor", "dbl_tensor"])
    assert set(server.prediction.Predict(message).outputs) == {"str_tensor", "dbl_tensor"}


@pytest.mark.parametrize(
    ("message", "code", "text"),
    [
        (predict_pb2.PredictRequest(), "INVALID_ARGUMENT", "Missing ModelSpec"),
        (predict("nope"), "NOT_FOUND", "Servable not found for request: Latest(nope)"),
        (predict(version=9), "NOT_FOUND", "Servable not found for request: Specific(half_plus_two, 9)"),
        (predict(label="x"), "INVALID_ARGUMENT", "Unrecognized servable version label: x"),
        # The model is looked for before the signature, and the signature before the inputs.
        (predict("nope", "nope"), "NOT_FOUND", "Servable not found for request: Latest(nope)"),
        (predict(HALF, "nope"), "FAILED_PRECONDITION", 'Serving signature key "nope" not found.'),
        (
            predict(),
            "INVALID_ARGUMENT",
            "input size does not match signature: 0!=1 len({}) != len({x}). Sent extra: {}. "
            "Missing but required: {x}.",
        ),
        (
            predict(x=np.float32(1), b=np.float32(1), a=np.float32(1)),
            "INVALID_ARGUMENT",
            "input size does not match signature: 3!=1 len({a,b,x}) != len({x}). Sent extra: {a,b}. "
            "Missing but required: {}.",
        ),
        (
            predict("dtypes", "pair", a=np.float32(1), z=np.float32(1)),
            "INVALID_ARGUMENT",
            "Signature input alias: b(feed name: pair_b:0) not found in request and no default value provided. "
            "Inputs expected to be in the request {a,z}, or default input alias set: ",
        ),
    ],
)
def test_requests_that_are_refused_before_anything_is_computed(server, message, code, text):
    assert refused(server.prediction.Predict, message) == (code, text)


def test_what_the_graph_refuses_is_the_callers_mistake(server):
    code, text = refused(server.prediction.Predict, predict("shapes", feats=np.ones((1, 2), np.float32)))
    assert code == "INVALID_ARGUMENT"
    assert "Matrix size-incompatible: In[0]: [1,2], In[1]: [3,2]" in text
    code, text = refused(server.prediction.Predict, predict(x=np.array([b"a"], object)))
    assert (code, "to be float but string is provided" in text) == ("INVALID_ARGUMENT", True)


def test_a_tensor_that_does_not_parse_and_the_filter_after_it(server):
    message = predict()
    message.inputs["x"].dtype = 1
    message.inputs["x"].tensor_shape.dim.add(size=-1)
    message.output_filter.append("nope")
    assert refused(server.prediction.Predict, message) == ("INVALID_ARGUMENT", "tensor parsing error: x")
    message.inputs["x"].tensor_shape.dim[0].size = 10**12
    assert refused(server.prediction.Predict, message) == ("INVALID_ARGUMENT", "tensor parsing error: x")


def test_inputs_that_have_defaults_may_be_left_out(tmp_path):
    """TensorFlow writes defaults into a signature; here they are put there by hand."""
    from tensorflow.core.protobuf import saved_model_pb2

    folder = tmp_path / "pair" / "1"
    module = tf.Module()
    numbers = tf.TensorSpec([None], tf.float32)
    module.f = tf.function(lambda a, b: {"sum": a + b}, input_signature=[numbers, numbers])
    tf.saved_model.save(module, str(folder), signatures=module.f)
    file = folder / "saved_model.pb"
    saved = saved_model_pb2.SavedModel.FromString(file.read_bytes())
    signature = saved.meta_graphs[0].signature_def["serving_default"]
    signature.defaults["b"].CopyFrom(tf.make_tensor_proto(np.float32([10])))
    file.write_bytes(saved.SerializeToString())
    a = np.float32([1])
    with Running(options(tmp_path, "pair")) as server:
        ask = server.prediction.Predict
        assert arrays(ask(predict("pair", a=a)))["sum"].tolist() == [11]
        assert arrays(ask(predict("pair", a=a, b=a)))["sum"].tolist() == [2]
        assert "not found in request and no default value provided" in refused(ask, predict("pair", b=a))[1]
        code, text = refused(ask, predict("pair", a=a, z=a))
        assert code == "INVALID_ARGUMENT"
        assert text == "Inputs contains invalid name. Used request inputs: a, request input: a,z"


def test_a_long_text_is_cut_as_upstream_cuts_it(server):
    code, text = refused(server.prediction.Predict, predict(HALF, "s" * 5000))
    assert code == "FAILED_PRECONDITION"
    assert len(text) == 1024 + len("...TRUNCATED")
    assert text.startswith('Serving signature key "sss')
    assert text.endswith("sss...TRUNCATED")


def test_metadata_is_the_signatures_and_names_none(server):
    message = spec(
        get_model_metadata_pb2.GetModelMetadataRequest(metadata_field=["signature_def"]), HALF, "x"
    )
    reply = server.prediction.GetModelMetadata(message)
    assert (reply.model_spec.version.value, reply.model_spec.signature_name) == (124, "")
    found = get_model_metadata_pb2.SignatureDefMap()
    assert reply.metadata["signature_def"].Unpack(found)
    assert {"serving_default", "regress_x_to_y", "classify_x_to_y"} < set(found.signature_def)
    assert found.signature_def["serving_default"].inputs["x"].dtype == tf.float32.as_datatype_enum


@pytest.mark.parametrize(
    ("model", "fields", "code", "text"),
    [
        (None, [], "INVALID_ARGUMENT", "Missing ModelSpec"),
        ("nope", [], "INVALID_ARGUMENT", "GetModelMetadataRequest must specify at least one metadata_field"),
        ("nope", ["signature_def", "graph"], "INVALID_ARGUMENT", "Metadata field graph is not supported"),
        ("nope", ["signature_def"], "NOT_FOUND", "Servable not found for request: Latest(nope)"),
        ("", ["signature_def"], "INVALID_ARGUMENT", "ModelSpec has no name specified."),
    ],
)
def test_metadata_that_is_not_there(server, model, fields, code, text):
    message = get_model_metadata_pb2.GetModelMetadataRequest(metadata_field=fields)
    if model is not None:
        spec(message, model)
    assert refused(server.prediction.GetModelMetadata, message) == (code, text)


METHODS = ("Predict", "Classify", "Regress", "MultiInference", "GetModelMetadata")
tensors = st.builds(
    lambda dtype, sizes, content, floats: tensor_pb2.TensorProto(
        dtype=dtype,
        tensor_shape={"dim": [{"size": size} for size in sizes]},
        tensor_content=content,
        float_val=floats,
    ),
    st.integers(0, 130),
    st.lists(st.integers(-(2**63), 2**63 - 1) | st.integers(-1, 3), max_size=4),
    st.binary(max_size=20),
    st.lists(st.floats(width=32), max_size=4),
)
names = st.sampled_from([HALF, "dtypes", "classes3", "", "nope"])
keys = st.sampled_from(
    ["", "pair", "multi", "classify", "scores_int", "regress_x_to_y", "__saved_model_init_op"]
)


def known(name, data, server):
    """Sends bytes, and returns the code of the answer, which must not be one that says the server is broken."""
    call = server.channel.unary_unary(f"/tensorflow.serving.PredictionService/{name}")
    try:
        call(data, timeout=SECONDS)
    except Exception as error:
        return error.code().name, error.details()
    return "OK", ""


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    model=names,
    key=keys,
    inputs=st.dictionaries(st.sampled_from(["x", "v", "a", "b", "é"]), tensors, max_size=3),
    outputs=st.lists(st.sampled_from(["y", "out", "sum", "nope"]), max_size=2),
)
def test_no_predict_request_breaks_the_server(server, model, key, inputs, outputs):
    message = spec(predict_pb2.PredictRequest(output_filter=outputs), model, key)
    for name, tensor in inputs.items():
        message.inputs[name].CopyFrom(tensor)
    code, _ = known("Predict", message.SerializeToString(), server)
    assert code in ("OK", "INVALID_ARGUMENT", "NOT_FOUND", "FAILED_PRECONDITION", "UNIMPLEMENTED")


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sampled_from(METHODS), st.binary(max_size=200))
def test_no_bytes_break_the_server(server, name, data):
    code, text = known(name, data, server)
    if code == "INTERNAL":
        assert text.startswith("The bytes are no tensorflow.serving.")
    else:
        assert code in ("OK", "INVALID_ARGUMENT", "NOT_FOUND", "FAILED_PRECONDITION", "UNIMPLEMENTED")
