"""Paths, as http_rest_api_util_test.cc and http_rest_api_handler_test.cc of TensorFlow Serving have them, and more."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tlzoo.protocol.signature import ModelSpec
from tlzoo.protocol.status import Code, ServingError
from tlzoo.serving.routes import Route, is_api, route

BIG = "9223372036854775808"


@pytest.mark.parametrize(
    ("method", "target", "kind", "spec"),
    [
        ("POST", "/v1/models/foo:predict", "predict", ModelSpec("foo")),
        ("POST", "/v1/models/foo:classify", "classify", ModelSpec("foo")),
        ("POST", "/v1/models/foo/versions/50:regress", "regress", ModelSpec("foo", 50)),
        ("POST", "/v1/models/foo/labels/some_label:predict", "predict", ModelSpec("foo", label="some_label")),
        ("POST", "/V1/MODELS/Foo/VERSIONS/1:predict", "predict", ModelSpec("Foo", 1)),
        ("POST", "/v1/models/foo/versions/0099:predict", "predict", ModelSpec("foo", 99)),
        (
            "POST",
            "/v1/models/foo/versions/9223372036854775807:predict",
            "predict",
            ModelSpec("foo", 2**63 - 1),
        ),
        (
            "POST",
            "/v1/models/a%20b%2Fc%3ad/labels/x%2fy:predict",
            "predict",
            ModelSpec("a b/c:d", label="x/y"),
        ),
        ("POST", "/v1/models/a+b%zz%:predict", "predict", ModelSpec("a+b%zz%")),
        ("POST", "/v1/models/a%2541:predict", "predict", ModelSpec("a%41")),
        ("POST", "/v1/models/%ff\udcfe:predict", "predict", ModelSpec("\udcff\udcfe")),
        ("POST", "/v1/models/foo?x=1:predict", "predict", ModelSpec("foo?x=1")),
        ("GET", "/v1/models/foo", "status", ModelSpec("foo")),
        ("GET", "/v1/models/foo?x=1", "status", ModelSpec("foo?x=1")),
        ("GET", "/v1/models/foo/versions/7", "status", ModelSpec("foo", 7)),
        ("GET", "/v1/models/foo/labels/l", "status", ModelSpec("foo", label="l")),
        ("GET", "/v1/models/foo/metadata", "metadata", ModelSpec("foo")),
        ("GET", "/v1/models/foo/versions/7/metadata", "metadata", ModelSpec("foo", 7)),
        ("GET", "/v1/models/foo/labels/l/metadata", "metadata", ModelSpec("foo", label="l")),
        ("GET", "/v1/models/foo/METADATA", "status", ModelSpec("foo")),
        ("GET", "/v1/models/metadata", "status", ModelSpec("metadata")),
        ("GET", "/v1/models/metadata/metadata", "metadata", ModelSpec("metadata")),
        ("GET", "/v1/models/versions/metadata", "metadata", ModelSpec("versions")),
    ],
)
def test_paths_name_a_question_and_a_model(method, target, kind, spec):
    assert route(method, target) == Route(kind, spec)


@pytest.mark.parametrize(
    ("method", "target"),
    [
        ("GET", "/v1/models/foo:predict"),
        ("GET", "/v1/models/foo/"),
        ("GET", "/v1/models/foo/versions/-1"),
        ("GET", "/v1/models/foo/versions/HELLO"),
        ("GET", "/v1/models/foo/versions/1/labels/l"),
        ("GET", "/v1/models/foo/versions/1?x=1"),
        ("GET", "/v1/models/foo/metadata/"),
        ("GET", "/v1/models/"),
        ("GET", "/v1/foo"),
        ("GET", "/v1/"),
        ("POST", "/v1/models/foo"),
        ("POST", "/v1/models/foo:PREDICT"),
        ("POST", "/v1/models/foo:Classify"),
        ("POST", "/v1/models/foo:predict/"),
        ("POST", "/v1/models/foo:predict?x=1"),
        ("POST", "/v1/models/foo:multiInference"),
        ("POST", "/v1/models:predict"),
        ("POST", "/v1/models/foo/versions/:predict"),
        ("POST", "/v1/models/foo/versions/٣:predict"),
        ("POST", "/v1/models/foo/label/some_label:regress"),
        ("POST", "/v1/models/foo/labels/a:b:predict"),
        *((verb, "/v1/models/foo") for verb in ("PUT", "DELETE", "HEAD", "PATCH", "OPTIONS", "get", "")),
        ("PUT", "/v1/models/foo:predict"),
    ],
)
def test_everything_else_is_malformed(method, target):
    with pytest.raises(ServingError) as caught:
        route(method, target)
    assert caught.value.code is Code.INVALID_ARGUMENT
    assert caught.value.message == f"Malformed request: {method} {target}"


@pytest.mark.parametrize(
    ("method", "target"),
    [
        ("POST", f"/v1/models/foo/versions/{BIG}:predict"),
        ("GET", f"/v1/models/foo/versions/{BIG}"),
        ("GET", f"/v1/models/foo/versions/{BIG}/metadata"),
        # The number is looked at before the verb and before the name.
        ("POST", f"/v1/models/foo/versions/{BIG}:PREDICT"),
        ("GET", f"/v1/models/versions/{BIG}"),
    ],
)
@pytest.mark.parametrize("digits", [BIG, "0" * 9 + BIG, "9" * 5000])
def test_versions_have_64_bits(method, target, digits):
    with pytest.raises(ServingError) as caught:
        route(method, target.replace(BIG, digits))
    assert caught.value.message == f"Failed to convert version: {digits} to numeric."


@pytest.mark.parametrize(
    "target", ["/v1/models", "/v1/models/versions/3", "/v1/models/labels/l", "/v1/models/versions/3/metadata"]
)
def test_there_is_no_list_of_models(target):
    with pytest.raises(ServingError, match=r"Missing model name in request\."):
        route("GET", target)


@pytest.mark.parametrize(
    ("target", "answer"),
    [
        ("/v1/", True),
        ("/V1/anything?x", True),
        ("/v1/models/%00", True),
        ("/v1", False),
        ("/", False),
        ("/v2/models", False),
        ("/statuspage", False),
        ("//v1/models", False),
        ("http://host/v1/models", False),
    ],
)
def test_only_v1_is_the_api(target, answer):
    assert is_api(target) is answer


@given(
    st.sampled_from(["GET", "POST"]), st.text(alphabet="/v1models:predictverslabg%2F?é\udcff", max_size=60)
)
@settings(deadline=None)
def test_no_path_breaks_it(method, tail):
    try:
        code = None if route(method, f"/v1/models/{tail}").spec.name else "no name"
    except ServingError as error:
        code = error.code
    assert code in (None, Code.INVALID_ARGUMENT)
