import pytest
from hypothesis import given
from hypothesis import strategies as st

from tlzoo.errors import CardError
from tlzoo.sources.hub_split import split

NAMES = ["stem/kernel", "stem/bias", "block/0/kernel", "block/1/kernel", "top/kernel"]


def cut(**parts):
    return split(NAMES, parts, origin="toy")


def test_stars_cross_slashes_and_the_last_may_take_the_rest():
    assert cut(stem=["stem/*"], block=["block*"], top=["*"]) == {"stem": (0, 1), "block": (2, 3), "top": (4,)}
    assert cut(first=["*/0/*", "stem/*"], rest=["*"]) == {"first": (0, 1, 2), "rest": (3, 4)}
    assert cut(all=["*"]) == {"all": (0, 1, 2, 3, 4)}


def test_a_glob_that_matches_nothing_lists_what_there_is():
    with pytest.raises(
        CardError, match="stage 'stem' selects 'stm/kernel', which matches no variable"
    ) as caught:
        cut(stem=["stm/kernel"], top=["*"])
    assert "stem/kernel" in caught.value.allowed
    assert "5 variables" in caught.value.allowed


@pytest.mark.parametrize(
    ("parts", "text"),
    [
        ({"a": ["stem/*"], "b": ["*kernel"]}, "stage 'b' selects stem/kernel, which stage 'a' holds"),
        ({"a": ["*"], "b": ["top/*"]}, "stage 'b' selects top/kernel, which stage 'a' holds"),
        ({"a": ["stem/*"]}, "leave out 3 of 5 variables: block/0/kernel, block/1/kernel, top/kernel"),
        ({"a": ["*/*"], "b": ["*"]}, "stage 'b' is empty"),
    ],
)
def test_every_variable_is_in_one_stage(parts, text):
    with pytest.raises(CardError, match=text):
        cut(**parts)


@given(st.lists(st.text("ab/", min_size=1, max_size=5), unique=True, max_size=8), st.text("ab/*", max_size=4))
def test_together_the_parts_are_a_partition_or_an_error(names, glob):
    try:
        found = split(names, {"one": [glob], "rest": ["*"]}, origin="toy")
    except CardError:
        return
    assert sorted(at for part in found.values() for at in part) == list(range(len(names)))
    assert all(found.values())
