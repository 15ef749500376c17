"""Which folders are versions, and which of them a policy serves."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tlzoo.protocol.status import Code, ServingError
from tlzoo.serving.options import ModelConfig, Policy
from tlzoo.serving.storage import aspired, chosen, versions_in


@pytest.fixture
def base(tmp_path):
    for name in ("1", "00000002", "3", "tmp.4", "-5", "6.0", ".7", "8a", str(2**63), "٣"):
        (tmp_path / name).mkdir()
    (tmp_path / "9").write_text("a file is no version")
    return tmp_path


def test_folders_whose_names_are_numbers_are_versions(base):
    assert {number: folder.name for number, folder in versions_in(base).items()} == {
        1: "1",
        2: "00000002",
        3: "3",
    }


def test_of_two_folders_of_one_number_the_last_is_taken(base):
    (base / "002").mkdir()
    assert versions_in(base)[2].name == "002"


@pytest.mark.parametrize(
    ("policy", "numbers"),
    [
        (Policy(), [3]),
        (Policy("latest", latest=2), [3, 2]),
        (Policy("latest", latest=9), [3, 2, 1]),
        (Policy("all"), [3, 2, 1]),
        (Policy("specific", versions=(1, 3, 7)), [3, 1]),
        (Policy("specific"), []),
    ],
)
def test_policies(base, policy, numbers):
    assert list(aspired(ModelConfig("m", base, policy))) == numbers


def test_a_base_path_that_is_missing_is_not_an_empty_one(tmp_path):
    assert aspired(ModelConfig("m", tmp_path)) == {}
    with pytest.raises(ServingError, match=r"Could not find base path .*gone") as caught:
        aspired(ModelConfig("m", tmp_path / "gone"))
    assert caught.value.code is Code.NOT_FOUND


@given(st.sets(st.integers(0, 2**63 - 1)), st.integers(1, 5))
def test_the_latest_are_the_highest(numbers, latest):
    assert chosen(numbers, Policy("latest", latest=latest)) == sorted(numbers, reverse=True)[:latest]
