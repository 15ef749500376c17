import pytest

from tests.serving.rollout.test_deploy import tree
from tlzoo.errors import UnknownNameError
from tlzoo.serving.rollout.deploy import Order, deploy
from tlzoo.serving.rollout.overview import overview
from tlzoo.serving.rollout.rollback import rollback


@pytest.fixture
def served(site, bundles):
    for content in (b"one", b"two", b"three", b"four"):
        deploy(bundles(content), site, Order(labels=("stable",) if content == b"three" else ()))
    rollback(site, "photos")
    deploy(bundles(), site, Order(name="texts"))
    return site


def test_each_version_does_something(served):
    found = [(row.model, row.version, row.state, row.labels) for row in overview(served)]
    assert found == [
        ("photos", 4, "rolled back", ()),
        ("photos", 3, "answers", ("stable",)),
        ("photos", 2, "served", ()),
        ("photos", 1, "kept", ()),
        ("texts", 1, "answers", ()),
    ]


def test_each_version_came_from_somewhere(served, tmp_path):
    newest = overview(served, "photos")[0]
    assert newest.source == str(tmp_path / "export4" / "photos" / "1")
    assert newest.deployed.endswith("+00:00")
    assert newest.user


def test_versions_nobody_wrote_down_are_listed_all_the_same(served):
    (served.repository / "photos" / "deployments.jsonl").unlink()
    assert [(row.version, row.deployed) for row in overview(served, "photos")] == [
        (n, "") for n in (4, 3, 2, 1)
    ]


def test_damage_is_found_when_asked_for(served):
    (served.repository / "photos" / "2" / "saved_model.pb").write_bytes(b"x")
    assert {row.damage for row in overview(served)} == {""}
    damage = {(row.model, row.version): row.damage for row in overview(served, verify=True)}
    assert "saved_model.pb' has sha256" in damage.pop(("photos", 2))
    assert set(damage.values()) == {""}


def test_looking_changes_nothing(served):
    before = tree(served.repository)
    overview(served, verify=True)
    assert tree(served.repository) == before


def test_a_model_that_is_not_there_is_said(served, site):
    with pytest.raises(UnknownNameError, match="There is no model 'foto'"):
        overview(served, "foto")


def test_an_empty_repository_holds_nothing(site):
    assert overview(site) == []
