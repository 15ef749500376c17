from dataclasses import replace

import pytest

from tests.serving.rollout.light import signature
from tests.serving.rollout.test_deploy import by_hand, config
from tlzoo.errors import BundleError, UnknownNameError, UsageError
from tlzoo.serving.options import Policy
from tlzoo.serving.rollout.deploy import Order, deploy
from tlzoo.serving.rollout.promote import promote
from tlzoo.serving.rollout.rollback import rollback


@pytest.fixture
def served(site, bundles):
    """Two versions: 1 is stable, 2 is canary."""
    deploy(bundles(b"one"), site, Order(labels=("stable",)))
    deploy(bundles(b"two"), site, Order(labels=("canary",)))
    return site


def test_a_canary_becomes_stable_and_no_more_is_served_than_needed(served):
    done = promote(served, "photos", "canary", "stable")
    assert (done.version, done.replaced, done.labels) == (2, 1, {"stable": 2, "canary": 2})
    assert config(served)["photos"].policy == Policy("latest", 2)


def test_a_version_can_be_named_by_number_and_get_a_new_label(served):
    assert promote(served, "photos", "1", "last_year").labels == {"stable": 1, "canary": 2, "last_year": 1}


def test_a_label_can_go_back(served):
    promote(served, "photos", "canary", "stable")
    assert promote(served, "photos", "1", "stable").labels == {"stable": 1, "canary": 2}


def test_a_promotion_to_where_it_is_makes_room(site, bundles):
    deploy(bundles(b"one"), site, Order())
    by_hand(site, "latest { num_versions: 1 }", "version_labels { key: 'stable' value: 1 }")
    promote(site, "photos", "stable", "stable")
    assert config(site)["photos"].policy == Policy("latest", 2)
    assert deploy(bundles(b"two"), site, Order()).version == 2


def test_a_first_label_makes_the_configuration(site, bundles):
    deploy(bundles(), site, Order())
    assert promote(site, "photos", "1", "stable").labels == {"stable": 1}
    assert config(site)["photos"].labels == {"stable": 1}


def test_callers_of_the_label_are_thought_of(served, bundles):
    other = bundles(b"three", signatures={"serving_default": signature(9)})
    deploy(other, served, Order(labels=("next",), allow=frozenset(["signature"])))
    with pytest.raises(BundleError, match=r"differs from version 1, which answers now: .*pixels"):
        promote(served, "photos", "next", "stable")
    assert promote(served, "photos", "next", "stable", allow=["signature"]).version == 3


@pytest.mark.parametrize(
    ("name", "source", "label", "error", "text"),
    [
        ("foto", "canary", "stable", UnknownNameError, "There is no model 'foto'"),
        ("../served/photos", "canary", "stable", UsageError, "cannot be the name"),
        ("photos", "canari", "stable", UnknownNameError, "There is no label 'canari'"),
        ("photos", "3", "stable", BundleError, "Version 3 of 'photos' does not exist"),
        ("photos", "canary", "2", UsageError, "'2' cannot be a label"),
    ],
)
def test_what_does_not_exist_is_said(served, name, source, label, error, text):
    with pytest.raises(error, match=text):
        promote(served, name, source, label)
    assert config(served)["photos"].labels == {"stable": 1, "canary": 2}


def test_a_version_that_was_rolled_back_must_come_back_first(served):
    rollback(served, "photos")
    with pytest.raises(BundleError, match="Version 2 of 'photos' was rolled back") as caught:
        promote(served, "photos", "2", "stable")
    assert "tlzoo rollback REPO photos --to 2" in caught.value.do


def test_a_version_that_is_not_served_gets_no_label(site, bundles):
    for content in (b"one", b"two"):
        deploy(bundles(content), site, Order())
    by_hand(site, "latest { num_versions: 1 }")
    with pytest.raises(BundleError, match="does not serve version 1 yet"):
        promote(site, "photos", "1", "stable")
    steps = []

    class Server:
        def wait_for_version(self, name, version):
            steps.append((version, config(site)["photos"].policy.latest, config(site)["photos"].labels))

        def wait_for_label(self, name, label, version):
            steps.append((version, config(site)["photos"].policy.latest, config(site)["photos"].labels))

    promote(replace(site, server=Server()), "photos", "1", "stable")
    assert steps == [(1, 3, {}), (1, 3, {"stable": 1})]
