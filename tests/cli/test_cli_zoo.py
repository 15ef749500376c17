import pytest

from tlzoo import registry
from tlzoo.cli.zoo import count


def test_list_shows_every_card(run):
    said = run("list")
    assert said.code == 0
    assert said.err == ""
    for name in registry.backbones().names + registry.datasets().names:
        assert f"\n{name} " in "\n" + said.out


def test_list_json_is_one_object_with_documented_keys(run, zoo):
    said = run("list", "--json").json
    assert set(said) == {"backbones", "datasets", "count"}
    assert said["count"] == 4
    assert [net["name"] for net in said["backbones"]] == ["vgg16", "resnet50"]  # smallest first
    assert said["backbones"][0] == {
        "name": "vgg16",
        "title": "VGG-16",
        "modality": "image",
        "locator": "keras-app:VGG16",
        "licence": "CC-BY-4.0",
        "at_hand": False,
        "family": "vgg",
        "params": 14714688,
        "features": 512,
        "weight_bytes": 58858752,
        "size": [224, 224],
        "length": 0,
        "tokenizer": None,
        "pooling": "mean",
        "pretraining": "ImageNet-1k",
        "top1": 0.713,
    }
    assert said["datasets"][0] == {
        "name": "digits",
        "title": "Handwritten digits of scikit-learn",
        "modality": "image",
        "locator": "sklearn:digits",
        "licence": "CC-BY-4.0",
        "at_hand": True,
        "examples": 1797,
        "classes": 10,
    }


@pytest.mark.parametrize(
    ("words", "names"),
    [
        (("--max-params", "15M"), ["vgg16", "digits", "toy"]),
        (("--max-params", "1k"), ["digits", "toy"]),
        (("--offline",), ["digits"]),
        (("--modality", "text"), []),
        (("--modality", "image"), ["vgg16", "resnet50", "digits", "toy"]),
        (("--task", "classification"), ["vgg16", "resnet50", "digits", "toy"]),
    ],
)
def test_list_filters(run, zoo, words, names):
    said = run("list", "--json", *words).json
    assert [card["name"] for card in said["backbones"] + said["datasets"]] == names
    assert run("list", *words).code == 0


def test_an_unknown_task_lists_those_there_are(run, zoo):
    said = run("list", "--task", "clasification")
    assert said.code == 2
    assert "There is no task 'clasification'" in said.err
    assert "Did you mean 'classification'?" in said.err


@pytest.mark.parametrize(
    ("text", "number"), [("5", 5), ("5_000", 5000), ("5e6", 5000000), ("5M", 5000000), ("0.5g", 500000000)]
)
def test_counts(text, number):
    assert count(text) == number


@pytest.mark.parametrize("text", ["many", "", "M", "5X", "inf"])
def test_what_is_no_count_is_refused(run, text):
    said = run("list", "--max-params", text)
    assert said.code == 2
    assert "is no count; write 5000000, 5M or 0.5G" in said.err


def test_show_a_backbone(run, zoo):
    text = run("show", "resnet50").out
    for part in (
        "ResNet-50 (backbone resnet50)",
        "23,587,712",
        "224x224",
        "stem -> conv2",
        "keras-app:ResNet50",
    ):
        assert part in text
    assert "no; tlzoo fetch resnet50" in text
    assert text.endswith("Next: tlzoo train photos/ --backbone resnet50\n")
    assert max(map(len, text.splitlines())) <= 100


def test_list_and_show_a_text_backbone(run):
    listed = next(
        line for line in run("list", "--modality", "text").out.splitlines() if line.startswith("gpt2_base")
    )
    assert "1024 tokens" in listed
    assert "124.4M" in listed.replace(" M", "M")
    text = run("show", "gpt2_base").out
    for part in (
        "pooled by last",
        "up to 1,024",
        "GPT2Tokenizer",
        "embeddings -> block1",
        "keras-hub:gpt2_base_en",
    ):
        assert part in text
    assert "pixels" not in text
    assert text.endswith("Next: tlzoo train texts.csv --backbone gpt2_base\n")
    assert "scaled to length 1" in run("show", "minilm_l6").out
    assert "pooled by the network itself" in run("show", "albert_base").out


def test_text_cards_say_so_in_json(run):
    nets = {net["name"]: net for net in run("list", "--modality", "text", "--json").json["backbones"]}
    assert nets["roberta_base"]["tokenizer"] == "RobertaTokenizer"
    assert (nets["roberta_base"]["length"], nets["roberta_base"]["size"]) == (512, [0, 0])
    assert nets["albert_base"]["pooling"] == "none"
    assert all(net["modality"] == "text" for net in nets.values())


def test_show_a_data_set(run, zoo):
    text = run("show", "toy").out
    assert "Toy (data set toy)" in text
    assert "2: a, b" in text
    assert text.endswith("Next: tlzoo train toy\n")


def test_show_json_is_the_whole_card(run, zoo):
    said = run("show", "resnet50", "--json").json
    card = registry.backbones().get("resnet50").model_dump(mode="json")
    assert said == {"kind": "backbone", "at_hand": False, **card}


def test_show_survives_another_card_that_is_broken(run, zoo):
    (zoo / "backbones" / "broken.toml").write_text("title = 'Broken'")
    assert run("show", "vgg16").code == 0
    said = run("show", "broken")
    assert said.code == 2
    assert "broken.toml: key 'family': Field required." in said.err
    assert run("list").code == 2


def test_show_a_name_nobody_knows(run, zoo):
    said = run("show", "vgg61")
    assert said.code == 2
    assert said.err.splitlines()[0] == "error: There is no backbone or data set 'vgg61'."
    assert "Did you mean 'vgg16'?" in said.err


def test_fetch_then_list_offline(run, zoo, index, wheels):
    wheels(index)
    said = run("fetch", "toy", "digits", "--json")
    assert said.code == 0
    toy, digits = said.json["fetched"]
    assert (toy["name"], toy["kind"], toy["was_at_hand"]) == ("toy", "dataset", False)
    assert toy["path"].endswith("/packages/tlzoo-toy-1.0")
    assert (digits["was_at_hand"], digits["path"]) == (True, None)
    assert "toy: unpacking 100%" in said.err
    again = run("fetch", "toy", "--quiet")
    assert again.out.startswith("toy: already here, ")
    assert again.err == ""
    assert [data["name"] for data in run("list", "--offline", "--json").json["datasets"]] == ["digits", "toy"]


def test_a_misspelt_name_fails_before_anything_is_fetched(run, zoo, index, wheels, cache):
    wheels(index)
    assert run("fetch", "toy", "vgg61").code == 2
    assert not (cache / "packages").exists()


def test_fetch_from_an_index_that_has_it_not(run, zoo, index):
    said = run("fetch", "toy", "-q")
    assert said.code == 4
    assert said.out == ""
    assert said.err.startswith("error: tlzoo-toy 1.0 could not be downloaded as a wheel")
    assert "what to do: Check the network" in said.err


def test_doctor_reports_and_json_holds_the_same(run, zoo):
    said = run("doctor")
    assert said.code == 0
    for part in (
        "python ",
        "cpu ",
        "cache ",
        "tensorflow 2.21",
        "data sets here  digits",
        "No problems found.",
    ):
        assert part in said.out
    found = run("doctor", "--json").json
    assert found["at_hand"] == {"backbones": [], "datasets": ["digits"]}
    assert found["devices"]["cores"] >= 1


def test_doctor_with_findings_exits_with_1(run, zoo, monkeypatch):
    monkeypatch.setenv("TLZOO_ZOO", str(zoo / "none"))
    said = run("doctor")
    assert said.code == 1
    assert "- " + str(zoo / "none") + " holds no cards: reinstall tlzoo, or correct TLZOO_ZOO." in said.out
