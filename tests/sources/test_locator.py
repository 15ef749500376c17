import pytest
from hypothesis import given
from hypothesis import strategies as st

from tlzoo import registry
from tlzoo.errors import LocatorError
from tlzoo.sources.locator import EXAMPLES, Locator, parse_locator


@pytest.mark.parametrize(
    ("text", "scheme", "rest"),
    [
        ("keras-app:VGG16", "keras-app", "VGG16"),
        ("keras-hub:vit_base_patch16_224_imagenet", "keras-hub", "vit_base_patch16_224_imagenet"),
        ("keras-hub:/models/my vit", "keras-hub", "/models/my vit"),
        ("pypi:a-b.c_d==1.0.post1+x!2", "pypi", "a-b.c_d==1.0.post1+x!2"),
        ("hf:google/vit-base-patch16-224", "hf", "google/vit-base-patch16-224"),
        (
            "tf-hub:https://tfhub.dev/google/x/feature_vector/5",
            "tf-hub",
            "https://tfhub.dev/google/x/feature_vector/5",
        ),
        ("tf-hub:google/yamnet/tensorFlow2/yamnet/1", "tf-hub", "google/yamnet/tensorFlow2/yamnet/1"),
        ("tf-hub:/models/module.tar.gz", "tf-hub", "/models/module.tar.gz"),
        ("tf-hub:./module", "tf-hub", "./module"),
        ("file:/a/b:c.keras", "file", "/a/b:c.keras"),
        ("file:C:\\models\\a.keras", "file", "C:\\models\\a.keras"),
        ("  file:x ", "file", "x"),
        *((text, *text.split(":", 1)) for text in EXAMPLES.values()),
    ],
)
def test_locators_parse_and_print(text, scheme, rest):
    locator = parse_locator(text)
    assert locator == Locator(scheme, rest)
    assert str(locator) == text.strip()


@pytest.mark.parametrize(
    ("text", "what", "do"),
    [
        (
            "resnet50",
            "'resnet50' is no locator: it has no scheme.",
            "Write file:/models/mine.keras, for example.",
        ),
        ("", "'' is no locator: it has no scheme.", "Write file:/models/mine.keras, for example."),
        ("http://x/y", "'http://x/y' is no locator: unknown scheme 'http'.", "Write file:"),
        ("Keras-App:VGG16", "unknown scheme 'Keras-App'", "Write file:"),
        (":x", "unknown scheme ''", "Write file:"),
        ("keras-app:", "'' does not fit scheme 'keras-app'", "Mend what stands after the colon."),
        ("keras-app:VGG 16", "'VGG 16' does not fit", "Mend"),
        ("keras-app:../x", "'../x' does not fit", "Mend"),
        ("pypi:name", "'name' does not fit", "Mend"),
        ("pypi:name>=1.0", "'name>=1.0' does not fit", "Mend"),
        ("pypi:-r==1", "does not fit", "Mend"),
        ("pypi:a==1 --pre", "does not fit", "Mend"),
        ("pypi:a==../../x", "does not fit", "Mend"),
        ("hf:vit", "'vit' does not fit", "Mend"),
        ("hf:a/b/c", "'a/b/c' does not fit", "Mend"),
        ("tf-hub:https://tfhub.dev/google/x/feature_vector", "does not fit", "Mend"),
        ("tf-hub:google/yamnet/tensorFlow2/yamnet", "does not fit", "Mend"),
        ("tf-hub:google/yamnet/tfLite/yamnet/1", "does not fit", "Mend"),
        ("tf-hub:google/elmo/tensorFlow1/elmo/1", "does not fit", "Mend"),
        ("tf-hub:http://tfhub.dev/google/x/1", "does not fit", "Mend"),
        ("tf-hub:https://tfhub.dev.evil.org/google/x/1", "does not fit", "Mend"),
        ("file:", "'' does not fit", "Mend"),
    ],
)
def test_what_does_not_parse_shows_what_to_type(text, what, do):
    with pytest.raises(LocatorError) as caught:
        parse_locator(text)
    assert what in caught.value.what
    assert caught.value.do.startswith(do)
    assert any(example in caught.value.allowed for example in EXAMPLES.values())


def test_packages_have_a_name_and_a_version():
    assert parse_locator("pypi:elpv-dataset==1.0.0.post1").package == ("elpv-dataset", "1.0.0.post1")
    with pytest.raises(LocatorError, match="names no package"):
        _ = parse_locator("keras-app:VGG16").package


def test_every_card_of_the_zoo_has_a_locator_that_parses():
    for card in registry.backbones():
        assert parse_locator(card.locator).scheme == card.scheme


def outcome(text):
    """A locator, or the error that says why it is none."""
    try:
        return parse_locator(text)
    except LocatorError as error:
        return error


@given(st.text())
def test_any_text_parses_or_raises_a_locator_error(text):
    found = outcome(text)
    if isinstance(found, Locator):
        assert parse_locator(str(found)) == found
    else:
        assert found.allowed
        assert found.do


@given(st.sampled_from(sorted(EXAMPLES)), st.text())
def test_any_rest_of_a_known_scheme_parses_or_shows_its_form(scheme, rest):
    found = outcome(f"{scheme}:{rest}")
    if isinstance(found, Locator):
        assert found.scheme == scheme
    else:
        assert EXAMPLES[scheme] in found.allowed
