import os
import shutil
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from tests.serving.rollout.light import FAILED, signature
from tlzoo.bundle import read_bundle
from tlzoo.errors import BundleError, ParityError, UnknownNameError, UsageError
from tlzoo.serving.options import Policy
from tlzoo.serving.rollout.config_edit import parsed
from tlzoo.serving.rollout.deploy import Order, deploy
from tlzoo.serving.rollout.history import History


def config(site):
    """What models.config says, by model."""
    path = site.repository / "models.config"
    return {model.name: model for model in parsed(path.read_text(), path)}


def tree(folder):
    """Everything below a folder: contents by name."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() if path.is_file() else None
        for path in folder.rglob("*")
    }


def test_the_first_version_is_a_copy_of_the_bundle(site, bundles):
    source = bundles()
    done = deploy(source, site, Order())
    assert (done.model, done.version, done.replaced) == ("photos", 1, None)
    assert done.path == site.repository / "photos" / "1"
    assert tree(done.path) == tree(source)
    assert done.files == sum(content is not None for content in tree(source).values())
    read_bundle(done.path, verify=True)
    visible = [name for name in os.listdir(site.repository / "photos") if not name.startswith(".")]
    assert sorted(visible) == ["1", "deployments.jsonl"]


def test_the_next_takes_its_place_and_the_old_one_stays(site, bundles):
    deploy(bundles(b"one"), site, Order())
    before = tree(site.repository / "photos" / "1")
    done = deploy(bundles(b"two"), site, Order())
    assert (done.version, done.replaced, done.removed) == (2, 1, ())
    assert tree(site.repository / "photos" / "1") == before
    assert not (site.repository / "models.config").exists()


def test_the_history_says_what_came_from_where(site, bundles):
    source = bundles()
    deploy(source, site, Order(labels=("stable",)))
    first, second = History(site.repository / "photos" / "deployments.jsonl").lines()
    assert (first["action"], first["version"], first["source"]) == ("deploy", 1, str(source))
    assert len(first["sha256"]) == 64
    assert (second["action"], second["version"], second["label"], second["before"]) == (
        "promote",
        1,
        "stable",
        None,
    )


def test_the_name_may_be_another(site, bundles):
    assert deploy(bundles(), site, Order(name="animals")).path == site.repository / "animals" / "1"
    with pytest.raises(UsageError, match="cannot be the name of a model"):
        deploy(bundles(), site, Order(name="../animals"))
    assert sorted(os.listdir(site.repository.parent)) == ["export1", "export2", "served"]


def test_the_same_files_and_later_ones_are_noticed(site, bundles):
    source = bundles()
    (source / "batching_params.pbtxt").touch()
    (note,) = deploy(source, site, Order()).notes
    assert note == "Not among the files that were exported: batching_params.pbtxt."
    assert "Version 1 holds the same files." in deploy(source, site, Order()).notes


@pytest.mark.parametrize(
    ("change", "allow"),
    [
        ({"signatures": {"serving_default": signature(5)}}, "signature"),
        ({"class_names": ("cat", "cow")}, "classes"),
        ({"task": "multilabel"}, "task"),
        ({"parity": FAILED}, "parity"),
    ],
)
def test_what_callers_would_notice_is_refused_unless_allowed(site, bundles, change, allow):
    deploy(bundles(), site, Order())
    before = tree(site.repository)
    other = bundles(**change)
    with pytest.raises(BundleError) as caught:
        deploy(other, site, Order())
    assert isinstance(caught.value, ParityError) == (allow == "parity")
    assert caught.value.what
    assert caught.value.allowed
    assert f"--allow {allow}" in caught.value.do
    assert tree(site.repository) == before
    assert deploy(other, site, Order(allow=frozenset([allow]))).version == 2


def test_refused_before_anything_exists_nothing_is_made(site, bundles):
    with pytest.raises(ParityError):
        deploy(bundles(parity=FAILED), site, Order())
    assert not site.repository.exists()


@pytest.mark.parametrize(
    ("order", "error"),
    [
        (Order(labels=("a b",)), UsageError),
        (Order(labels=("stable", "12")), UsageError),
        (Order(keep=-1), UsageError),
        (Order(allow=frozenset(["anything"])), UnknownNameError),
    ],
)
def test_orders_that_mean_nothing_are_refused_first(site, bundles, order, error):
    with pytest.raises(error):
        deploy(bundles(), site, order)
    assert not site.repository.exists()


def test_a_repository_that_is_a_model_is_refused(site, bundles):
    deploy(bundles(), site, Order())
    with pytest.raises(UsageError, match="is the folder of one model"):
        deploy(bundles(), replace(site, repository=site.repository / "photos"), Order())


def test_a_copy_that_differs_does_not_appear(site, bundles, monkeypatch):
    source = bundles()

    def flip(*words):
        """The disk returns something else than it was given."""
        (target,) = (site.repository / "photos").glob(".deploy-*")
        (target / "saved_model.pb").write_bytes(b"grapf")

    deploy(bundles(b"old"), site, Order())
    with pytest.raises(BundleError, match=r"The copy of .* differs from what was read there first"):
        deploy(source, site, Order(), progress=lambda done, total, text: done == total and flip())
    assert [name for name in os.listdir(site.repository / "photos") if name != "deployments.jsonl"] == ["1"]


def test_a_full_disk_is_noticed_before(site, bundles, monkeypatch):
    deploy(bundles(b"old"), site, Order())
    before = tree(site.repository)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: SimpleNamespace(free=1000))
    with pytest.raises(BundleError, match=r"has 1,000 left"):
        deploy(bundles(), site, Order())
    assert tree(site.repository) == before


def test_old_versions_are_removed_but_neither_labelled_ones_nor_the_last_one(site, bundles):
    for content in (b"one", b"two", b"three", b"four"):
        deploy(bundles(content), site, Order(labels=("stable",) if content == b"two" else ()))
    done = deploy(bundles(b"five"), site, Order(keep=1))
    # 2 is stable, 4 has answered until now.
    assert done.removed == (1, 3)
    assert config(site)["photos"].policy == Policy("latest", 4)
    done = deploy(bundles(b"six"), site, Order(keep=2))
    assert done.removed == (4,)
    assert [line["version"] for line in History(site.repository / "photos/deployments.jsonl").lines()][
        -1
    ] == 4


def test_as_many_as_a_policy_asks_for_are_kept(site, bundles):
    site.repository.mkdir()
    (site.repository / "models.config").write_text(
        'model_config_list { config { name: "photos" base_path: "/srv/photos" model_platform: "tensorflow"\n'
        "model_version_policy { latest { num_versions: 3 } } } }"
    )
    for content in (b"one", b"two", b"three"):
        deploy(bundles(content), site, Order())
    assert deploy(bundles(b"four"), site, Order(keep=1)).removed == (1,)
    assert config(site)["photos"].policy == Policy("latest", 3)


def test_a_first_label_makes_a_configuration_that_loses_no_model(site, bundles):
    deploy(bundles(), site, Order(name="texts"))
    (site.repository / "no model").mkdir()
    rooted = replace(site, server_root=Path("/models"))
    done = deploy(bundles(), rooted, Order(labels=("stable", "canary")))
    assert done.labels == {"stable": 1, "canary": 1}
    assert config(site)["photos"].base_path == Path("/models/photos")
    assert config(site)["texts"].base_path == Path("/models/texts")
    assert config(site)["photos"].policy == Policy("latest", 2)
    assert config(site)["texts"].policy == Policy("latest", 1)


def test_without_a_server_root_the_server_sees_what_we_see(site, bundles, monkeypatch):
    monkeypatch.chdir(site.repository.parent)
    deploy(bundles(), replace(site, repository=Path("served")), Order(labels=("stable",)))
    assert config(site)["photos"].base_path == site.repository / "photos"


def test_a_new_model_is_added_to_a_configuration_once_its_folder_is_there(site, bundles):
    deploy(bundles(), site, Order(labels=("stable",)))
    deploy(bundles(), site, Order(name="texts"))
    assert config(site)["texts"].labels == {}


def test_a_canary_leaves_the_stable_version_served(site, bundles):
    deploy(bundles(b"one"), site, Order(labels=("stable",)))
    assert deploy(bundles(b"two"), site, Order(labels=("canary",))).labels == {"stable": 1, "canary": 2}
    # Room for one more: a server that sees version 3 before it reads the file again must not drop version 1.
    assert config(site)["photos"].policy == Policy("latest", 3)


def by_hand(site, policy, labels=""):
    """A models.config that we did not write."""
    site.repository.mkdir(exist_ok=True)
    about = "name: 'photos' base_path: '/srv/photos' model_platform: 'tensorflow'"
    (site.repository / "models.config").write_text(
        f"# by hand\nmodel_config_list {{ config {{ {about} model_version_policy {{ {policy} }} {labels} }} }}\n"
    )


STABLE = "version_labels { key: 'stable' value: 1 }"


def test_a_policy_so_narrow_that_a_label_would_be_lost_is_refused(site, bundles):
    deploy(bundles(b"one"), site, Order())
    by_hand(site, "latest { num_versions: 1 }", STABLE)
    before = tree(site.repository)
    with pytest.raises(
        BundleError, match="would unload version 1, which is 'stable', when version 2 appears"
    ) as caught:
        deploy(bundles(b"two"), site, Order())
    assert "tlzoo promote REPO photos stable stable" in caught.value.do
    assert tree(site.repository) == before
    assert deploy(bundles(b"two"), replace(site, at_once=True), Order()).version == 2
    assert config(site)["photos"].policy == Policy("latest", 3)


def test_a_policy_that_names_versions_gains_the_new_one(site, bundles):
    deploy(bundles(b"one"), site, Order())
    by_hand(site, "specific { versions: 1 }", STABLE)
    deploy(bundles(b"two"), site, Order())
    assert config(site)["photos"].policy.versions == (1, 2)
    assert (site.repository / "models.config").read_text().startswith("# by hand\n")


def test_where_a_policy_names_versions_a_label_needs_somebody_who_looks(site, bundles):
    deploy(bundles(b"one"), site, Order())
    by_hand(site, "specific { versions: 1 }", STABLE)
    before = tree(site.repository)
    with pytest.raises(
        BundleError, match="does not serve version 2 yet, so servers would refuse a label"
    ) as caught:
        deploy(bundles(b"two"), site, Order(labels=("canary",)))
    assert "--server" in caught.value.do
    assert tree(site.repository) == before
    done = deploy(bundles(b"two"), replace(site, at_once=True), Order(labels=("canary",)))
    assert done.labels == {"stable": 1, "canary": 2}
    assert config(site)["photos"].policy.versions == (1, 2)


def test_a_server_that_does_not_follow_is_said_and_the_label_stays(site, bundles):
    deploy(bundles(b"one"), site, Order(labels=("stable",)))

    class Deaf:
        def wait_for_version(self, name, version):
            raise BundleError(f"waited for {name} {version}.", allowed="a.", do="b.")

    with pytest.raises(
        BundleError, match=r"photos/2' is in place and whole, but .* not done: waited for photos 2"
    ):
        deploy(bundles(b"two"), replace(site, server=Deaf()), Order(labels=("stable",)))
    assert config(site)["photos"].labels == {"stable": 1}
    assert config(site)["photos"].policy == Policy("latest", 3)
    read_bundle(site.repository / "photos" / "2", verify=True)


def test_a_server_is_asked_before_and_after_the_label_is_written(site, bundles):
    asked = []

    class Server:
        def wait_for_version(self, name, version):
            asked.append((version, config(site)["photos"]))

        def wait_for_label(self, name, label, version):
            asked.append((label, config(site)["photos"]))

    deploy(bundles(b"one"), site, Order(labels=("stable",)))
    by_hand(site, "specific { versions: 1 }", STABLE)
    deploy(bundles(b"two"), replace(site, server=Server()), Order(labels=("stable",)))
    (first, before), *_, (last, after) = asked
    assert (first, before.labels, before.policy.versions) == (2, {"stable": 1}, (1, 2))
    assert (last, after.labels) == ("stable", {"stable": 2})


def test_a_configuration_elsewhere_is_used_when_told(site, bundles, tmp_path):
    there = replace(site, config=tmp_path / "etc" / "serving.config")
    (tmp_path / "etc").mkdir()
    deploy(bundles(), there, Order(labels=("stable",)))
    assert parsed(there.config.read_text(), there.config)[0].labels == {"stable": 1}
    assert not (site.repository / "models.config").exists()


def test_a_configuration_that_is_a_link_stays_one_and_keeps_its_permissions(site, bundles, tmp_path):
    deploy(bundles(b"one"), site, Order(labels=("stable",)))
    real = tmp_path / "real.config"
    (site.repository / "models.config").rename(real)
    real.chmod(0o640)
    (site.repository / "models.config").symlink_to(real)
    deploy(bundles(b"two"), site, Order(labels=("stable",)))
    assert (site.repository / "models.config").is_symlink()
    assert "value: 2" in real.read_text()
    assert real.stat().st_mode & 0o777 == 0o640


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"model_config_list { config { nome: 1 } }", "nome"),
        (b"\xff", "cannot be read"),
        (
            b"model_config_list { config { name: 'photos' base_path: '/srv/other' } }",
            "has 'photos' at '/srv/other'",
        ),
    ],
)
def test_a_configuration_that_is_not_understood_is_left_alone(site, bundles, content, reason):
    site.repository.mkdir()
    (site.repository / "models.config").write_bytes(content)
    with pytest.raises(BundleError, match=reason):
        deploy(bundles(), site, Order())
    assert (site.repository / "models.config").read_bytes() == content
    assert not (site.repository / "photos").exists()


def test_a_server_root_that_contradicts_the_configuration_is_refused(site, bundles):
    by_hand(site, "latest { }")
    with pytest.raises(BundleError, match="has 'photos' at '/srv/photos'"):
        deploy(bundles(), replace(site, server_root=Path("/models")), Order())
    deploy(bundles(), replace(site, server_root=Path("/srv")), Order())


def test_a_label_of_another_model_on_the_same_folder_counts(site, bundles):
    for content in (b"one", b"two"):
        deploy(bundles(content), site, Order())
    (site.repository / "models.config").write_text(
        "model_config_list { config { name: 'photos' base_path: '/srv/photos' model_platform: 'tensorflow' } "
        "config { name: 'pinned' base_path: '/srv/photos' model_platform: 'tensorflow' "
        "model_version_policy { specific { versions: 1 } } } }"
    )
    assert deploy(bundles(b"three"), site, Order(keep=1)).removed == ()
    assert deploy(bundles(b"four"), site, Order(keep=1)).removed == (2,)


def test_a_folder_that_cannot_be_written_is_said_with_three_facts(site, bundles):
    site.repository.parent.joinpath("served").write_text("a file")
    with pytest.raises(BundleError, match="cannot be changed") as caught:
        deploy(bundles(), site, Order())
    assert caught.value.allowed
    assert caught.value.do


def test_a_history_that_cannot_be_written_is_a_note(site, bundles):
    deploy(bundles(b"one"), site, Order())
    (site.repository / "photos" / "deployments.jsonl").unlink()
    (site.repository / "photos" / "deployments.jsonl").mkdir()
    done = deploy(bundles(b"two"), site, Order())
    assert done.version == 2
    assert any(note.startswith("The history could not be written") for note in done.notes)
