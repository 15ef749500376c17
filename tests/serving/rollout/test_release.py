import pytest

from tests.serving.rollout.light import FAILED, make, signature
from tlzoo.bundle import FACTS_FILE, read_bundle, write_facts
from tlzoo.errors import BundleError, ParityError, UnknownNameError, UsageError
from tlzoo.serving.rollout.release import check_allowed, check_changes, check_repository, read_release


def test_a_folder_of_versions_stands_for_its_newest(tmp_path):
    for number in (2, 10):
        make(tmp_path / "photos" / str(number))
    release = read_release(tmp_path / "photos")
    assert (release.folder.name, release.name) == ("10", "photos")
    assert read_release(tmp_path / "photos" / "2").folder.name == "2"


def test_a_newest_version_that_cannot_be_read_is_not_replaced_by_an_older_one(tmp_path):
    make(tmp_path / "photos" / "1")
    (tmp_path / "photos" / "2").mkdir()
    with pytest.raises(BundleError, match="2' holds no numbered version"):
        read_release(tmp_path / "photos")


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("photos/1", "photos"),
        ("photos/007", "photos"),
        ("photos/3.rolled-back", "photos"),
        ("photos", "photos"),
    ],
)
def test_the_model_is_called_as_its_folder(tmp_path, path, name, monkeypatch):
    folder = make(tmp_path / path)
    assert read_release(folder).name == name
    monkeypatch.chdir(folder)
    assert read_release("." if path != "photos" else folder).name == name


def test_files_that_are_not_as_exported_are_refused_by_name(tmp_path):
    folder = make(tmp_path / "photos" / "1")
    (folder / "variables" / "variables.index").write_bytes(b"Index")
    with pytest.raises(BundleError, match=r"variables.index' has sha256 .*as exported"):
        read_release(folder, allow=("parity", "signature", "classes", "task", "plain"))
    (folder / "variables" / "variables.index").unlink()
    with pytest.raises(BundleError, match=r"variables.index' is missing"):
        read_release(folder)


def test_a_description_without_checksums_is_refused(tmp_path):
    folder = make(tmp_path / "photos" / "1")
    write_facts(folder, read_bundle(folder)[1].model_copy(update={"checksums": {}}))
    with pytest.raises(BundleError, match=r"no checksum for saved_model.pb"):
        read_release(folder)


def test_a_failed_parity_check_is_refused_unless_allowed(tmp_path):
    folder = make(tmp_path / "photos" / "1", parity=FAILED)
    with pytest.raises(ParityError, match=r"does not answer as its model did: it differs by 0.3") as caught:
        read_release(folder)
    assert caught.value.allowed == "differences up to 0.0001, over 3 examples."
    assert "--allow parity" in caught.value.do
    assert read_release(folder, allow=["parity"]).facts.parity == FAILED


def test_a_plain_saved_model_is_refused_unless_allowed(tmp_path):
    folder = make(tmp_path / "photos" / "1")
    (folder / FACTS_FILE).unlink()
    with pytest.raises(BundleError, match=r"has no assets.extra/bundle.json") as caught:
        read_release(tmp_path / "photos")
    assert "--allow plain" in caught.value.do
    release = read_release(tmp_path / "photos", allow=["plain"])
    assert release.facts is None
    assert release.unlisted == []


def test_what_is_no_saved_model_stays_refused(tmp_path):
    (tmp_path / "photos" / "1").mkdir(parents=True)
    for path in ("photos", "photos/1", "nothing"):
        with pytest.raises(BundleError):
            read_release(tmp_path / path, allow=["plain"])


def test_files_that_came_after_the_export_are_named(tmp_path):
    folder = make(tmp_path / "photos" / "1")
    (folder / "batching_params.pbtxt").write_text("max_batch_size { value: 8 }")
    release = read_release(folder)
    assert release.unlisted == ["batching_params.pbtxt"]
    assert "batching_params.pbtxt" in release.sums


def test_changes_are_refused_together_and_allowed_one_by_one(tmp_path):
    old = make(tmp_path / "old")
    new = make(tmp_path / "new", class_names=("cat", "cow"), signatures={"serving_default": signature(4)})
    answering = {7: old}
    with pytest.raises(
        BundleError, match=r"differs from version 7, which answers now: .*pixels.*cow"
    ) as caught:
        check_changes(new, answering, ())
    assert "--allow classes --allow signature" in caught.value.do
    with pytest.raises(BundleError) as caught:
        check_changes(new, answering, ["signature"])
    assert "--allow classes. Else" in caught.value.do
    assert check_changes(new, answering, ["signature", "classes"]) == []


def test_each_version_that_answers_is_compared(tmp_path):
    same, other = make(tmp_path / "same"), make(tmp_path / "other", task="regression")
    with pytest.raises(BundleError, match="differs from version 1"):
        check_changes(make(tmp_path / "new"), {1: other, 2: same}, ())


def test_a_version_that_cannot_be_read_does_not_keep_a_better_one_away(tmp_path):
    broken = make(tmp_path / "broken")
    (broken / FACTS_FILE).write_text("{")
    (note,) = check_changes(make(tmp_path / "new"), {4: broken}, ())
    assert note.startswith("Version 4 could not be compared: ")


def test_only_known_things_can_be_allowed():
    check_allowed(["parity", "plain"])
    with pytest.raises(UnknownNameError, match="There is no thing to allow 'signatur'"):
        check_allowed(["signatur"])


def test_the_folder_of_one_model_is_no_repository(tmp_path):
    make(tmp_path / "photos" / "3")
    with pytest.raises(UsageError, match="is the folder of one model") as caught:
        check_repository(tmp_path / "photos")
    assert caught.value.do == f"Give its parent, '{tmp_path}', and --name photos."
    check_repository(tmp_path)
    check_repository(tmp_path / "nothing")
