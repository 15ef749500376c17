import pytest

from tests.serving.rollout.light import make, signature
from tlzoo.errors import BundleError
from tlzoo.serving.rollout.changes import Shape, changes, shape_of


def shape(tmp_path, name, **facts):
    return shape_of(make(tmp_path / name, **facts))


def words(tmp_path, old, new):
    found = changes(shape(tmp_path, "old", **old), shape(tmp_path, "new", **new))
    return [(change.kind, change.what) for change in found]


def test_better_answers_are_no_change(tmp_path):
    assert words(tmp_path, {"temperature": 1.0}, {"temperature": 2.0, "content": b"other"}) == []


@pytest.mark.parametrize(
    ("old", "new", "what"),
    [
        (signature(3), signature(4), "input 'pixels' was float32 (?, 3) and is float32 (?, 4)"),
        (signature(), signature(dtype="uint8"), "input 'pixels' was float32 (?, 3) and is uint8 (?, 3)"),
        (signature(), signature(output="logits"), "output 'logits' is new: float32 (?, 2)"),
        (signature(), signature(output="logits"), "output 'scores' is gone; it was float32 (?, 2)"),
    ],
)
def test_each_tensor_is_named_from_what_to_what(tmp_path, old, new, what):
    found = words(
        tmp_path, {"signatures": {"serving_default": old}}, {"signatures": {"serving_default": new}}
    )
    assert ("signature", f"signature 'serving_default': {what}") in found


def test_a_signature_may_come_but_not_go(tmp_path):
    one, two = {"serving_default": signature()}, {"serving_default": signature(), "features": signature()}
    assert words(tmp_path, {"signatures": one}, {"signatures": two}) == []
    (tmp_path / "again").mkdir()
    assert words(tmp_path / "again", {"signatures": two}, {"signatures": one}) == [
        ("signature", "signature 'features' is gone")
    ]


@pytest.mark.parametrize(
    ("new", "what"),
    [
        (("cat", "cow"), ["classes are gone: 'dog'", "classes are new: 'cow'"]),
        (("cat", "dog", "cow"), ["classes are new: 'cow'"]),
        (("dog", "cat"), ["classes are in another order: number 0 was 'cat' and is 'dog'"]),
        (
            tuple("abcdefgh"),
            ["classes are gone: 'cat', 'dog'", "classes are new: 'a', 'b', 'c', 'd', 'e' and 3 more"],
        ),
    ],
)
def test_classes_that_differ_are_named(tmp_path, new, what):
    assert words(tmp_path, {}, {"class_names": new}) == [("classes", one) for one in what]


def test_another_task_is_a_change(tmp_path):
    assert words(tmp_path, {}, {"task": "regression"}) == [
        ("task", "the task was classification and is regression")
    ]


def test_what_nobody_describes_is_not_compared():
    assert changes(Shape(task=None), Shape(task="regression", class_names=("value",))) == []


def test_a_graph_that_cannot_be_read_is_said(tmp_path):
    (tmp_path / "1").mkdir()
    (tmp_path / "1" / "saved_model.pb").write_bytes(b"\xff\xff")
    with pytest.raises(BundleError, match=r"saved_model.pb' cannot be read"):
        shape_of(tmp_path / "1")
