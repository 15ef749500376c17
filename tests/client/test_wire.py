"""Our messages and TensorFlow Serving's are the same bytes."""

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from google.protobuf.descriptor import FieldDescriptor
from tensorflow.core.example import example_pb2, feature_pb2
from tensorflow.core.framework import tensor_pb2, tensor_shape_pb2
from tensorflow.core.protobuf import meta_graph_pb2
from tensorflow_serving.apis import (
    classification_pb2,
    get_model_metadata_pb2,
    get_model_status_pb2,
    input_pb2,
    model_pb2,
    predict_pb2,
    prediction_log_pb2,
    regression_pb2,
    status_pb2,
)

from tlzoo.client import wire_pb2
from tlzoo.protocol.tensors import read_tensor, write_tensor

ROOT = Path(__file__).resolve().parents[2]
THEIRS = {
    name: getattr(module, name)
    for module in (
        example_pb2,
        feature_pb2,
        tensor_pb2,
        tensor_shape_pb2,
        meta_graph_pb2,
        classification_pb2,
        get_model_metadata_pb2,
        get_model_status_pb2,
        input_pb2,
        model_pb2,
        predict_pb2,
        prediction_log_pb2,
        regression_pb2,
        status_pb2,
    )
    for name in wire_pb2.DESCRIPTOR.message_types_by_name
    if hasattr(module, name)
}
ALIKE = {
    FieldDescriptor.TYPE_STRING: FieldDescriptor.TYPE_BYTES,
    FieldDescriptor.TYPE_ENUM: FieldDescriptor.TYPE_INT32,
}
"""Types that are written as others are."""


def test_every_message_of_ours_is_one_of_theirs():
    assert set(THEIRS) == set(wire_pb2.DESCRIPTOR.message_types_by_name)


def compare(ours, theirs):
    for field in ours.fields:
        other = theirs.fields_by_number[field.number]
        assert (field.name, field.is_repeated) == (other.name, other.is_repeated)
        assert ALIKE.get(field.type, field.type) == ALIKE.get(other.type, other.type), field.full_name
        assert field.is_packed == other.is_packed
        one, two = field.containing_oneof, other.containing_oneof
        assert (one and one.name) == (two and two.name)
    for name, inner in ours.nested_types_by_name.items():
        compare(inner, theirs.nested_types_by_name[name])


@pytest.mark.parametrize("name", THEIRS)
def test_fields_have_their_numbers_names_and_types(name):
    compare(getattr(wire_pb2, name).DESCRIPTOR, THEIRS[name].DESCRIPTOR)


def test_a_request_is_read_by_them_and_a_reply_of_theirs_by_us():
    ours = wire_pb2.PredictRequest()
    ours.model_spec.name, ours.model_spec.signature_name = "m", "s"
    ours.model_spec.version.value = 2**62
    ours.inputs["é"].dtype = 7
    ours.inputs["é"].string_val.append(b"\xff\0")
    ours.inputs["é"].tensor_shape.dim.add(size=1)
    theirs = predict_pb2.PredictRequest.FromString(ours.SerializeToString())
    assert theirs.model_spec.version.value == 2**62
    assert tf.make_ndarray(theirs.inputs["é"]).tolist() == [b"\xff\0"]
    reply = predict_pb2.PredictResponse()
    reply.outputs["y"].CopyFrom(tf.make_tensor_proto(np.float32([[1, 2]])))
    reply.model_spec.version_label = "stable"
    again = wire_pb2.PredictResponse.FromString(reply.SerializeToString())
    assert again.outputs["y"].tensor_content == np.float32([1, 2]).tobytes()
    assert again.model_spec.WhichOneof("version_choice") == "version_label"
    back = predict_pb2.PredictResponse.FromString(again.SerializeToString())
    assert back == reply


def test_tensors_are_read_from_our_messages_and_written_to_them():
    for array in (
        np.float32([[1, 2]]),
        np.array([[b"\xff", b""]], object),
        np.array([True]),
        np.float16([0.5]),
    ):
        proto = wire_pb2.TensorProto()
        write_tensor(proto, array, content=array.dtype != object)
        assert (
            tf.make_ndarray(tensor_pb2.TensorProto.FromString(proto.SerializeToString())).tolist()
            == array.tolist()
        )
        assert read_tensor("x", proto).tolist() == array.tolist()


def test_labels_need_not_be_utf8():
    reply = wire_pb2.ClassificationResponse()
    reply.result.classifications.add().classes.add(label=b"\xff", score=0.5)
    assert wire_pb2.ClassificationResponse.FromString(reply.SerializeToString()) == reply


def test_what_is_checked_in_is_what_the_generator_makes(tmp_path):
    """But for its version, which the older one of grpcio-tools writes so that older protobufs read it."""
    words = [
        sys.executable,
        "-m",
        "grpc_tools.protoc",
        "-I.",
        f"--python_out={tmp_path}",
        "tlzoo/client/wire.proto",
    ]
    subprocess.run(words, cwd=ROOT, check=True)
    version = re.compile(r"Python Version: [\d.]+|\n    \d+,(?=\n)")
    made, kept = (
        version.sub("", (folder / "tlzoo/client/wire_pb2.py").read_text()) for folder in (tmp_path, ROOT)
    )
    assert made == kept


def test_the_stub_for_type_checkers_knows_every_message():
    stub = (ROOT / "tlzoo/client/wire_pb2.pyi").read_text()
    assert set(re.findall(r"^class (\w+)", stub, re.MULTILINE)) == set(THEIRS)
