import pytest

from tlzoo.cards import BackboneCard, DatasetCard, read_card
from tlzoo.errors import CardError

BACKBONE = """
title = "Toy"
family = "toy"
locator = "file:/toy.keras"
params = 10
features = 4
weight_bytes = 40
licence = "MIT"
citation = "Nobody, Nothing, 2020"
[input]
size = [32, 48]
[preprocessing]
convention = "tf"
[pretraining]
dataset = "noise"
[[stages]]
name = "stem"
tap = "a"
[[stages]]
name = "top"
members = ["b/*"]
"""


@pytest.fixture
def read(tmp_path):
    def reader(text, name="toy", kind=BackboneCard):
        path = tmp_path / f"{name}.toml"
        path.write_bytes(text.encode() if isinstance(text, str) else text)
        return read_card(path, kind)

    return reader


def test_a_card_is_read_with_its_defaults(read):
    card = read(BACKBONE)
    assert (card.name, card.modality, card.pooling) == ("toy", "image", "mean")
    assert card.input.size == (32, 48)
    assert (card.input.min_size, card.input.fixed) == (32, False)
    assert [stage.name for stage in card.stages] == ["stem", "top"]
    assert card.pretraining.accuracy is None
    assert card.scheme == "file"


def test_cards_are_frozen_and_survive_json(read):
    card = read(BACKBONE)
    with pytest.raises(ValueError, match="frozen"):
        card.params = 3
    assert BackboneCard.model_validate_json(card.model_dump_json()) == card


@pytest.mark.parametrize(
    ("old", "new", "key"),
    [
        ("params = 10", "", "'params': Field required"),
        ("params = 10", "params = 0", "'params': Input should be greater than 0"),
        ("params = 10", 'params = "many"', "'params': Input should be a valid integer"),
        ('family = "toy"', 'famly = "toy"', "'family': Field required"),
        ('family = "toy"', 'family = "toy"\nextra = 1', "'extra': Extra inputs are not permitted"),
        ("size = [32, 48]", "size = [32]", "'input.size.1'"),
        ('convention = "tf"', 'convention = "rgb"', "'preprocessing.convention'"),
        ('convention = "tf"', 'convention = "affine"', "'preprocessing'.*go with convention 'affine'"),
        ('convention = "tf"', 'convention = "tf"\nmean = [1, 2, 3]\nscale = [1, 1, 1]', "'preprocessing'"),
        ('tap = "a"', "", "'stages.0'.*needs either `tap` or `members`"),
        ('tap = "a"', 'tap = "a"\nmembers = ["x"]', "'stages.0'.*needs either"),
        ('name = "top"', 'name = "stem"', r"stage names repeat: \['stem', 'stem'\]"),
        (
            'dataset = "noise"',
            'dataset = "noise"\n[[checksums]]\nfile = "x"\nsha256 = "12"',
            r"'checksums\.0\.sha256'",
        ),
        (
            '[[stages]]\nname = "top"\nmembers = ["b/*"]',
            "",
            r"\(whole card\).*'stages' of an image network: at least 2, not 1",
        ),
    ],
)
def test_errors_name_the_file_and_the_key(read, old, new, key):
    assert old in BACKBONE
    with pytest.raises(CardError, match=r"toy\.toml: ") as caught:
        read(BACKBONE.replace(old, new, 1))
    assert caught.match(key)
    assert caught.value.allowed.startswith("the keys of BackboneCard: name, title, family,")
    assert caught.value.do == "Mend the card."


@pytest.mark.parametrize("text", ["title = ", "a = 1\na = 2", b"title = '\xff'"])
def test_what_is_no_toml_is_refused(read, text):
    with pytest.raises(CardError, match=r"toy\.toml") as caught:
        read(text)
    assert caught.value.allowed == "a UTF-8 TOML file."


def test_the_name_is_that_of_the_file(read):
    with pytest.raises(CardError, match="name = 'other' differs from the file's name") as caught:
        read('name = "other"\n' + BACKBONE)
    assert caught.value.allowed == "name = 'toy'."
    with pytest.raises(CardError, match="'name'"):
        read(BACKBONE, name="Toy-1")


def test_data_set_cards_are_checked_too(read):
    card = """
    title = "T"
    locator = "sklearn:toy"
    reader = "toy"
    classes = ["a", "b"]
    examples = 3
    protocol = "none"
    licence = "MIT"
    citation = "-"
    """
    assert read(card, kind=DatasetCard).test_fraction == 0.25
    with pytest.raises(CardError, match="'classes'"):
        read(card.replace('"a", "b"', '"a"'), kind=DatasetCard)
    with pytest.raises(CardError, match="'test_fraction'"):
        read(card + "test_fraction = 1", kind=DatasetCard)
