import pytest

from tests.export.tiny_classifier import exportable_of
from tlzoo.errors import BundleError


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"class_names": ("a", "b")}, "5 outputs and there are 2 class names"),
        ({"class_names": ("a", "b", "c", "d", "\udc80")}, "not valid Unicode"),
        ({"class_names": ("a", "b", "c", "d", "a")}, "'a' stands for 2 classes"),
        ({"temperature": 0.0}, "temperature is 0.0"),
        ({"temperature": float("nan")}, "temperature is nan"),
        ({"samples": ()}, "no samples"),
        ({"facts": {"x": object()}}, "cannot be written as JSON"),
    ],
)
def test_parts_that_do_not_fit_are_refused(card, changes, text):
    with pytest.raises(BundleError, match=text) as caught:
        exportable_of(card, **changes)
    assert caught.value.allowed
    assert caught.value.do
