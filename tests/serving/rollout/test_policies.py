from hypothesis import given
from hypothesis import strategies as st

from tlzoo.serving.options import Policy
from tlzoo.serving.rollout.policies import chosen, covering, served, window

numbers = st.sets(st.integers(1, 30), min_size=1, max_size=12)


def test_the_latest_are_the_highest_and_at_least_one():
    assert served(Policy("latest", 2), [3, 10, 9]) == {10, 9}
    assert served(Policy("latest", 0), [3, 10, 9]) == {10}
    assert served(Policy("latest", 5), []) == frozenset()


def test_all_and_specific_serve_what_is_there():
    assert served(Policy("all"), [1, 2]) == {1, 2}
    assert served(Policy("specific", versions=(2, 7)), [1, 2]) == {2}


def test_without_labels_nothing_is_added():
    assert covering(Policy("latest", 1), [1, 2, 3], []) == Policy("latest", 1)
    assert window([1, 2, 3], []) == 0


@given(numbers, st.data())
def test_labelled_versions_are_served_now_and_when_the_next_appears(there, data):
    labelled = data.draw(st.sets(st.sampled_from(sorted(there)), min_size=1))
    policy = data.draw(
        st.sampled_from(
            [Policy("latest", 1), Policy("latest", 4), Policy("all"), Policy("specific", versions=(1,))]
        )
    )
    new = covering(policy, there, labelled)
    assert labelled <= served(new, there)
    assert labelled <= served(new, {*there, max(there) + 1})
    assert new.kind == policy.kind


@given(numbers, st.data())
def test_no_more_of_the_latest_are_served_than_the_oldest_label_and_one_more_need(there, data):
    labelled = data.draw(st.sets(st.sampled_from(sorted(there)), min_size=1))
    narrower = Policy("latest", covering(Policy(), there, labelled).latest - 1)
    assert not labelled <= served(narrower, {*there, max(there) + 1})


@given(numbers, st.integers(1, 20), st.data())
def test_a_count_that_labels_do_not_explain_is_somebodys_choice_and_stays(there, wanted, data):
    labelled = data.draw(st.sets(st.sampled_from(sorted(there)), min_size=1))
    least = chosen(Policy("latest", wanted), there, labelled)
    after = covering(Policy("latest", wanted), there, {max(there)}, least).latest
    assert after == (wanted if wanted > window(there, labelled) + 1 else 2)
