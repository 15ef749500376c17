import numpy as np
import pytest

from tlzoo.protocol.dtypes import DTYPES
from tlzoo.protocol.signature import Signature, TensorInfo
from tlzoo.protocol.status import Code, ServingError
from tlzoo.serving.classification import (
    check_classify,
    check_regress,
    classifications,
    debug_string,
    regressions,
)

STRING, FLOAT = DTYPES[7], DTYPES[1]


def signature(inputs=("inputs",), outputs=("scores",)):
    return Signature(
        "s",
        {name: TensorInfo(f"{name}:0", STRING, (-1,)) for name in inputs},
        {name: TensorInfo(f"{name}:0", FLOAT, (-1, 3)) for name in outputs},
    )


def strings(rows):
    return np.array(rows, object)


@pytest.mark.parametrize(
    ("outputs", "wanted"),
    [
        (("scores",), ("scores",)),
        (("classes",), ("classes",)),
        (("scores", "classes"), ("classes", "scores")),
        (("scores", "extra"), ("scores",)),
        (("extra", "classes"), ("classes",)),
    ],
)
def test_signatures_that_classify_and_what_is_computed(outputs, wanted):
    assert check_classify(signature(outputs=outputs)) == wanted


@pytest.mark.parametrize(
    ("fit", "message"),
    [
        (signature(inputs=("inputs", "b")), "Expected one input Tensor."),
        (signature(inputs=()), "Expected one input Tensor."),
        (signature(outputs=("classes", "scores", "c")), "Expected one or two output Tensors, found 3"),
        (signature(outputs=()), "Expected one or two output Tensors, found 0"),
        (signature(inputs=("x",)), "No classification inputs found in SignatureDef: inputs {\n  key: "),
        (
            signature(outputs=("probs",)),
            'contain at least one of "classes" or "scores". Signature was: inputs',
        ),
        # What is missing is named in upstream's order: the number of tensors before their names.
        (signature(inputs=("x", "y"), outputs=()), "Expected one input Tensor."),
    ],
)
def test_signatures_that_do_not_classify(fit, message):
    with pytest.raises(ServingError) as caught:
        check_classify(fit)
    assert caught.value.code is Code.INVALID_ARGUMENT
    assert message in caught.value.message


def test_a_signature_that_regresses():
    assert check_regress(signature(outputs=("outputs",))) == ("outputs",)


@pytest.mark.parametrize(
    ("fit", "message"),
    [
        (signature(inputs=("inputs", "b"), outputs=("outputs",)), "Expected one input Tensor."),
        (signature(outputs=("outputs", "b")), "Expected one output Tensor."),
        (signature(outputs=()), "Expected one output Tensor."),
        (signature(inputs=("x",), outputs=("outputs",)), "No regression inputs found in SignatureDef: "),
        (signature(outputs=("scores",)), "No regression outputs found in SignatureDef: "),
    ],
)
def test_signatures_that_do_not_regress(fit, message):
    with pytest.raises(ServingError) as caught:
        check_regress(fit)
    assert caught.value.code is Code.INVALID_ARGUMENT
    assert message in caught.value.message


def test_labels_are_paired_with_scores_row_by_row():
    answers = classifications(
        {
            "classes": strings([[b"car", "bänk".encode()], [b"bus", b"\xff"]]),
            "scores": np.array([[0.25, 0.5], [1.5, -2.0]], np.float32),
        },
        2,
    )
    assert answers == [[("car", 0.25), ("bänk", 0.5)], [("bus", 1.5), ("\udcff", -2.0)]]
    assert answers[1][1][0].encode("utf-8", "surrogateescape") == b"\xff"


def test_what_a_signature_does_not_give_is_empty_or_zero():
    scores = np.array([[0.25, 0.5]], np.float32)
    assert classifications({"scores": scores}, 1) == [[("", 0.25), ("", 0.5)]]
    assert classifications({"classes": strings([[b"a"], [b"b"]])}, 2) == [[("a", 0.0)], [("b", 0.0)]]
    assert classifications({"scores": np.zeros((2, 0), np.float32)}, 2) == [[], []]


@pytest.mark.parametrize(
    ("outputs", "examples", "message"),
    [
        (
            {"scores": np.zeros(3, np.float32)},
            3,
            "Expected Tensor shape: [batch_size num_classes] but got [3]",
        ),
        ({"scores": np.zeros((1, 2, 3), np.float32)}, 1, "but got [1,2,3]"),
        ({"scores": np.float32(1).reshape(())}, 1, "but got []"),
        ({"scores": np.zeros((2, 3))}, 2, "Expected scores Tensor of DT_FLOAT. Got: DT_DOUBLE"),
        ({"scores": np.zeros((2, 3), np.int64)}, 2, "Expected scores Tensor of DT_FLOAT. Got: DT_INT64"),
        ({"scores": np.zeros((2, 3), np.float32)}, 1, "Expected scores output batch size of 1. Got: 2"),
        (
            {"classes": np.zeros((2, 3), np.float32)},
            2,
            "Expected classes Tensor of DT_STRING. Got: DT_FLOAT",
        ),
        ({"classes": strings([[b"a"]])}, 2, "Expected classes output batch size of 2. Got: 1"),
        ({"classes": strings([b"a"])}, 1, "Expected Tensor shape: [batch_size num_classes] but got [1]"),
        (
            {"classes": strings([[b"a"]]), "scores": np.zeros((1, 2), np.float32)},
            1,
            "Tensors class and score should match in dim_size(1). Got 1 vs. 2",
        ),
    ],
)
def test_outputs_that_are_no_classification(outputs, examples, message):
    with pytest.raises(ServingError) as caught:
        classifications(outputs, examples)
    assert caught.value.code is Code.INVALID_ARGUMENT
    assert message in caught.value.message


def test_one_number_per_example_from_a_vector_or_a_column():
    assert regressions({"outputs": np.array([1.5, 2.0], np.float32)}, 2) == [1.5, 2.0]
    assert regressions({"outputs": np.array([[1.5], [2.0]], np.float32)}, 2) == [1.5, 2.0]


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (np.zeros((2, 2), np.float32), "either [batch_size] or [batch_size, 1] but got [2,2]"),
        (np.float32(1).reshape(()), "but got []"),
        (np.zeros(3, np.float32), "Input batch size did not match output batch size: 2 vs. 3"),
        (np.zeros(2, np.int64), "Expected output Tensor of DT_FLOAT.  Got: DT_INT64"),
        # The size is looked at before the type.
        (np.zeros(3, np.int64), "Input batch size did not match"),
    ],
)
def test_outputs_that_are_no_regression(values, message):
    with pytest.raises(ServingError) as caught:
        regressions({"outputs": values}, 2)
    assert caught.value.code is Code.INVALID_ARGUMENT
    assert message in caught.value.message


def test_signatures_are_quoted_as_protocol_buffers_print_them():
    from google.protobuf import text_format
    from tensorflow.core.protobuf import meta_graph_pb2 as meta_graph

    infos = {
        "b": TensorInfo("b:0", STRING, None),
        "a": TensorInfo("a:0", FLOAT, (-1, 3)),
        "Z": TensorInfo("", None, ()),
    }
    one = Signature("s", infos, {"y": TensorInfo("y:0", FLOAT, (0, 2))})
    message = meta_graph.SignatureDef(method_name=one.method)
    for mine, theirs in ((one.inputs, message.inputs), (one.outputs, message.outputs)):
        for name, info in mine.items():
            theirs[name].name = info.name
            theirs[name].dtype = info.dtype.number if info.dtype else 0
            theirs[name].tensor_shape.SetInParent()
            theirs[name].tensor_shape.unknown_rank = info.shape is None
            for size in info.shape or ():
                theirs[name].tensor_shape.dim.add(size=size)
    assert debug_string(one) == text_format.MessageToString(message)
