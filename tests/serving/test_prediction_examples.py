"""Classify, Regress and MultiInference, asked by the generated client: every check, its code and its words."""

import pytest
from tensorflow_serving.apis import classification_pb2, input_pb2, regression_pb2

from tests.serving.messages import CLASSIFY, HALF, REGRESS, classify, example, multi, regress, spec
from tests.serving.running import Running, labelled, options, refused


@pytest.fixture(scope="module")
def server(models):
    with Running(labelled(options(models, HALF, "classes3"), stable=123, canary=124)) as running:
        yield running


def test_labels_and_scores_of_each_example(server):
    reply = server.prediction.Classify(
        classify("classes3", "classify", example(w=[1, 2, 3]), example(w=[0.5, 0, 0]))
    )
    told = reply.model_spec
    assert (told.name, told.version.value, told.signature_name) == ("classes3", 1, "classify")
    assert [[(one.label, one.score) for one in row.classes] for row in reply.result.classifications] == [
        [("car", 1), ("bike", 2), ("bus", 3)],
        [("car", 0.5), ("bike", 0), ("bus", 0)],
    ]


def test_scores_or_classes_alone(server):
    one = example(w=[1, 2, 3])
    scores = server.prediction.Classify(classify("classes3", "scores_only", one)).result.classifications[0]
    assert [(found.label, found.score) for found in scores.classes] == [("", 1), ("", 2), ("", 3)]
    names = server.prediction.Classify(classify("classes3", "classes_only", one)).result.classifications[0]
    assert [(found.label, found.score) for found in names.classes] == [("car", 0), ("bike", 0), ("bus", 0)]


def test_one_number_for_each_example(server):
    reply = server.prediction.Regress(
        regress(HALF, "regress_x_to_y", example(x=2), example(x=10), version=123)
    )
    assert [one.value for one in reply.result.regressions] == [3, 7]
    assert (reply.model_spec.version.value, reply.model_spec.signature_name) == (123, "regress_x_to_y")


def test_a_context_goes_before_each_example_which_wins(server):
    message = spec(regression_pb2.RegressionRequest(), HALF, "regress_x_to_y", 123)
    message.input.example_list_with_context.context.CopyFrom(example(x=4))
    message.input.example_list_with_context.examples.extend([example(y=1), example(x=2)])
    assert [one.value for one in server.prediction.Regress(message).result.regressions] == [4, 3]


def test_an_example_that_the_graph_cannot_parse(server):
    code, text = refused(server.prediction.Regress, regress(HALF, "regress_x_to_y", example(y=1)))
    assert code == "INVALID_ARGUMENT"
    assert "Feature: x (data type: float) is required but could not be found." in text


@pytest.mark.parametrize(
    ("signature", "text"),
    [
        ("nope", "No signature was found with the name: nope"),
        ("serving_default", "No classification inputs found in SignatureDef: inputs {\n  key:"),
        ("three_outputs", "Expected one or two output Tensors, found 3"),
        ("wrong_input_key", "No classification inputs found in SignatureDef: "),
        ("wrong_output_key", 'contain at least one of "classes" or "scores". Signature was: '),
        ("classify", "Input is empty."),
    ],
)
def test_classify_names_a_signature_that_does_not_fit_before_an_empty_input(server, signature, text):
    code, found = refused(server.prediction.Classify, classify("classes3", signature))
    assert code == "INVALID_ARGUMENT"
    assert text in found


@pytest.mark.parametrize(
    ("signature", "text"),
    [
        ("scores_rank1", "Expected Tensor shape: [batch_size num_classes] but got [1]"),
        ("scores_int", "Expected scores Tensor of DT_FLOAT. Got: DT_INT64"),
    ],
)
def test_classify_refuses_what_was_computed(server, signature, text):
    code, found = refused(server.prediction.Classify, classify("classes3", signature, example(w=[1, 2, 3])))
    assert (code, found) == ("INVALID_ARGUMENT", text)


@pytest.mark.parametrize(
    ("model", "signature", "text"),
    [
        (HALF, "nope", "No signature was found with the name: nope"),
        (HALF, "classify_x_to_y", "No regression outputs found in SignatureDef: "),
        ("classes3", "classify", "Expected one output Tensor."),
        (HALF, "regress_x_to_y", "Input is empty."),
    ],
)
def test_regress_names_a_signature_that_does_not_fit_before_an_empty_input(server, model, signature, text):
    code, found = refused(server.prediction.Regress, regress(model, signature))
    assert code == "INVALID_ARGUMENT"
    assert text in found


def test_classify_and_regress_need_a_model(server):
    for ask, message in (
        (server.prediction.Classify, classification_pb2.ClassificationRequest()),
        (server.prediction.Regress, regression_pb2.RegressionRequest()),
    ):
        assert refused(ask, message) == ("INVALID_ARGUMENT", "Missing ModelSpec")
        message.model_spec.SetInParent()
        assert refused(ask, message) == ("INVALID_ARGUMENT", "ModelSpec has no name specified.")
        message.model_spec.name = "nope"
        assert refused(ask, message)[0] == "NOT_FOUND"


def test_several_questions_are_answered_in_their_order(server):
    tasks = [(HALF, "regress_x_to_y", REGRESS), (HALF, "classify_x_to_y", CLASSIFY)]
    for order in (tasks, tasks[::-1]):
        reply = server.prediction.MultiInference(multi(*order, examples=[example(x=2), example(x=4)]))
        results = {one.model_spec.signature_name: one for one in reply.results}
        assert list(results) == [signature for _, signature, _ in order]
        numbers = results["regress_x_to_y"].regression_result.regressions
        assert [one.value for one in numbers] == [4, 5]
        rows = results["classify_x_to_y"].classification_result.classifications
        assert [row.classes[0].score for row in rows] == [4, 5]
        assert {one.model_spec.version.value for one in reply.results} == {124}


def test_the_first_task_chooses_the_version(server):
    message = multi(
        (HALF, "regress_x_to_y", REGRESS), (HALF, "classify_x_to_y", CLASSIFY), examples=[example(x=2)]
    )
    message.tasks[0].model_spec.version_label = "stable"
    message.tasks[1].model_spec.version.value = 124
    reply = server.prediction.MultiInference(message)
    assert [one.model_spec.version.value for one in reply.results] == [123, 123]
    assert reply.results[1].classification_result.classifications[0].classes[0].score == 3


@pytest.mark.parametrize(
    ("tasks", "code", "text"),
    [
        ((), "INVALID_ARGUMENT", "ModelSpec has no name specified."),
        ((("", "", REGRESS),), "INVALID_ARGUMENT", "ModelSpec has no name specified."),
        ((("nope", "", REGRESS),), "NOT_FOUND", "Servable not found for request: Latest(nope)"),
        (
            ((HALF, "regress_x_to_y", REGRESS), ("", "classify_x_to_y", CLASSIFY)),
            "INVALID_ARGUMENT",
            "Found ModelSpec with an empty model name.",
        ),
        (
            ((HALF, "regress_x_to_y", REGRESS), ("classes3", "classify", CLASSIFY)),
            "INVALID_ARGUMENT",
            "All ModelSpecs in a MultiInferenceRequest must access the same model name.",
        ),
        (
            ((HALF, "regress_x_to_y", REGRESS), (HALF, "regress_x_to_y", CLASSIFY)),
            "INVALID_ARGUMENT",
            "Duplicate evaluation of signature: regress_x_to_y",
        ),
        (
            ((HALF, "nope", REGRESS),),
            "INVALID_ARGUMENT",
            "Requested signature not found in model graph: nope",
        ),
        (
            ((HALF, "regress_x_to_y", "tensorflow/serving/predict"),),
            "UNIMPLEMENTED",
            "Unsupported signature method_name: tensorflow/serving/predict",
        ),
        (((HALF, "regress_x_to_y", ""),), "UNIMPLEMENTED", "Unsupported signature method_name: "),
        (
            ((HALF, "regress_x_to_y", CLASSIFY),),
            "INVALID_ARGUMENT",
            'Expected classification signature outputs to contain at least one of "classes" or "scores".',
        ),
        (((HALF, "", REGRESS),), "INVALID_ARGUMENT", "No regression inputs found in SignatureDef: "),
        (((HALF, "regress_x_to_y", REGRESS),), "INVALID_ARGUMENT", "Input is empty."),
    ],
)
def test_questions_that_do_not_go_together(server, tasks, code, text):
    found = refused(server.prediction.MultiInference, multi(*tasks))
    assert found[0] == code
    assert found[1].startswith(text)


def test_input_of_no_kind_is_empty(server):
    message = classify("classes3", "classify")
    message.input.CopyFrom(input_pb2.Input())
    assert refused(server.prediction.Classify, message) == ("INVALID_ARGUMENT", "Input is empty.")
