from dataclasses import replace

import pytest

from tests.serving.rollout.test_deploy import by_hand, config, tree
from tlzoo.bundle import read_bundle
from tlzoo.errors import BundleError, UnknownNameError
from tlzoo.serving.options import Policy
from tlzoo.serving.rollout.deploy import Order, deploy
from tlzoo.serving.rollout.folder import ModelFolder
from tlzoo.serving.rollout.history import History
from tlzoo.serving.rollout.rollback import rollback


@pytest.fixture
def served(site, bundles):
    """Three versions."""
    for content in (b"one", b"two", b"three"):
        deploy(bundles(content), site, Order())
    return site


@pytest.fixture
def folder(site):
    return ModelFolder(site.repository, "photos")


def test_the_version_before_answers_and_the_newest_is_kept_whole(served, folder):
    before = tree(folder.path / "3")
    done = rollback(served, "photos")
    assert (done.version, done.replaced, done.set_aside) == (2, 3, (3,))
    assert sorted(folder.visible()) == [1, 2]
    assert tree(folder.path / "3.rolled-back") == before


def test_again_and_again_it_goes_further_back_to_the_first(served, folder):
    assert [rollback(served, "photos").version for _ in range(2)] == [2, 1]
    with pytest.raises(BundleError, match="'photos' has no version before 1") as caught:
        rollback(served, "photos")
    assert caught.value.do.endswith("--to: 2, 3")
    assert sorted(folder.visible()) == [1]


def test_what_was_rolled_back_comes_back(served, folder):
    rollback(served, "photos", 1)
    assert sorted(folder.aside()) == [2, 3]
    done = rollback(served, "photos", 3)
    assert (done.version, done.replaced, done.set_aside) == (3, 1, ())
    assert sorted(folder.visible()) == [1, 3]
    read_bundle(folder.path / "3", verify=True)


def test_numbers_are_never_used_twice(served, bundles):
    rollback(served, "photos")
    assert deploy(bundles(b"four"), served, Order()).version == 4


def test_rolled_back_versions_are_never_pruned(served, bundles, folder):
    rollback(served, "photos")
    deploy(bundles(b"four"), served, Order(keep=1))
    assert sorted(folder.aside()) == [3]


def test_the_version_that_answers_goes_last(served, folder, monkeypatch):
    """A server that looks in between must not load one of those that are on their way out."""
    seen = []
    real = ModelFolder.set_aside

    def set_aside(self, number):
        real(self, number)
        seen.append(max(self.visible()))

    monkeypatch.setattr(ModelFolder, "set_aside", set_aside)
    rollback(served, "photos", 1)
    assert seen == [3, 1]


def test_labels_go_to_the_version_rolled_back_to(served, bundles, folder):
    deploy(bundles(b"four"), served, Order(labels=("stable", "canary")))
    done = rollback(served, "photos", 2)
    assert done.labels == {"stable": 2, "canary": 2}
    assert config(served)["photos"].policy == Policy("latest", 2)
    actions = [
        (line["action"], line["version"]) for line in History(folder.path / "deployments.jsonl").lines()
    ]
    assert actions[-3:] == [("promote", 2), ("promote", 2), ("rollback", 2)]


def test_labels_of_older_versions_stay(served, bundles):
    by_hand(
        served,
        "all { }",
        "version_labels { key: 'stable' value: 1 } version_labels { key: 'canary' value: 3 }",
    )
    assert rollback(served, "photos").labels == {"stable": 1, "canary": 2}
    assert config(served)["photos"].policy == Policy("all")


def test_where_a_policy_names_versions_it_changes_and_folders_stay(served, folder):
    by_hand(served, "specific { versions: 3 }")
    done = rollback(served, "photos")
    assert (done.version, done.replaced, done.set_aside) == (2, 3, ())
    assert config(served)["photos"].policy.versions == (2,)
    assert sorted(folder.visible()) == [1, 2, 3]
    assert rollback(served, "photos").version == 1


def test_where_a_policy_names_versions_labels_need_somebody_who_looks(served):
    by_hand(served, "specific { versions: 3 }", "version_labels { key: 'stable' value: 3 }")
    with pytest.raises(BundleError, match="does not serve version 2 yet"):
        rollback(served, "photos")
    assert config(served)["photos"].labels == {"stable": 3}
    steps = []

    class Server:
        def wait_for_version(self, name, version):
            steps.append(
                (version, config(served)["photos"].policy.versions, dict(config(served)["photos"].labels))
            )

        def wait_for_label(self, name, label, version):
            pass

    rollback(replace(served, server=Server()), "photos")
    assert steps[0] == (2, (2, 3), {"stable": 3})
    assert steps[-1] == (2, (2,), {"stable": 2})


def test_a_damaged_version_is_not_rolled_back_to_unless_forced(served, folder):
    (folder.path / "2" / "saved_model.pb").write_bytes(b"x")
    with pytest.raises(BundleError, match=r"2/saved_model.pb' has sha256"):
        rollback(served, "photos")
    assert sorted(folder.visible()) == [1, 2, 3]
    assert rollback(served, "photos", force=True).version == 2


def test_a_version_that_another_model_names_does_not_go(served, folder):
    (served.repository / "models.config").write_text(
        "model_config_list { config { name: 'photos' base_path: '/srv/photos' model_platform: 'tensorflow' } "
        "config { name: 'beta' base_path: '/srv/photos' model_platform: 'tensorflow' "
        "version_labels { key: 'x' value: 3 } } }"
    )
    with pytest.raises(BundleError, match="'beta' has the same folder, and needs version 3"):
        rollback(served, "photos")
    assert sorted(folder.visible()) == [1, 2, 3]


@pytest.mark.parametrize(
    ("name", "to", "error", "text"),
    [
        ("photos", 3, BundleError, "Version 3 of 'photos' answers already"),
        ("photos", 9, BundleError, "Version 9 of 'photos' does not exist"),
        ("foto", None, UnknownNameError, "There is no model 'foto'"),
    ],
)
def test_what_cannot_be_is_said(served, name, to, error, text):
    before = tree(served.repository / "photos")
    with pytest.raises(error, match=text):
        rollback(served, name, to)
    assert tree(served.repository / "photos") == before


def test_a_version_that_is_there_twice_stops_everything_before_it_begins(served, folder, bundles):
    bundles(b"x").rename(folder.path / "3.rolled-back")
    with pytest.raises(BundleError, match="Version 3 of 'photos' was set aside before, and is there again"):
        rollback(served, "photos", 1)
    assert sorted(folder.visible()) == [1, 2, 3]
