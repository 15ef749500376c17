from __future__ import annotations

import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tlzoo.data.encodings import check_encoding, decode, guess, is_utf8, marked
from tlzoo.errors import DataError, UnknownNameError

TEXT = "Größe, 😀, שלום, naïve\r\n"
ENCODABLE = st.text(st.characters(exclude_categories=("Cs",)))


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
def test_marks_and_utf8_are_found(encoding: str) -> None:
    assert decode(TEXT.encode(encoding)) == (TEXT, encoding)


def test_a_mark_of_utf32_is_not_taken_for_one_of_utf16() -> None:
    assert marked("x".encode("utf-32")) == "utf-32"
    assert marked(b"\xff\xfex\x00") == "utf-16"
    assert marked(b"plain") is None


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
def test_utf16_without_a_mark_is_told_from_utf8(encoding: str) -> None:
    content = ("A plain English sentence, and no mark. " * 3).encode(encoding)
    assert not is_utf8(content)
    assert decode(content)[1] == encoding


def test_texts_with_a_few_zeros_stay_utf8() -> None:
    assert decode(b"a\0b and c\0") == ("a\0b and c\0", "utf-8")


FRENCH = "Le café était délicieux et le garçon très poli, à bientôt. "
RUSSIAN = "Очень хороший фильм, всем советую посмотреть ещё раз. "
POLISH = "Zażółć gęślą jaźń. Książka była świetna, choć zakończenie mnie rozczarowało. Polecam każdemu."
TURKISH = "Çok güzel bir filmdi, herkese tavsiye ederim. Oyuncular çok başarılıydı, ışıklar da hoşuma gitti."
JAPANESE = "とても良い映画でした。俳優の演技が素晴らしく、音楽も美しかったです。もう一度見たいと思います。"


@pytest.mark.parametrize(
    ("text", "encoding", "name"),
    [
        (FRENCH * 5, "cp1252", "cp1252"),
        (FRENCH * 5, "latin-1", "cp1252"),  # the same letters in both
        (RUSSIAN * 5, "cp1251", "cp1251"),
        (RUSSIAN * 5, "koi8-r", "koi8-r"),
        (POLISH, "cp1250", "cp1250"),
        (TURKISH, "cp1254", "cp1254"),
        (JAPANESE, "shift_jis", "cp932"),
        ("one Köter in a kennel\n", "cp1252", "cp1252"),
        ("“Great” – isn’t it?\n", "cp1252", "cp1252"),
    ],
)
def test_old_encodings_are_guessed(text: str, encoding: str, name: str) -> None:
    plain = "a thousand plain lines\n" * 1000
    assert decode((plain + text).encode(encoding)) == (plain + text, name)


def test_bytes_no_encoding_explains_are_still_read() -> None:
    text, name = decode(bytes(range(1, 256)))
    assert len(text) > 0
    assert name
    assert guess(b"\x81\x8d\x8f")


def test_a_named_encoding_is_obeyed_or_refused() -> None:
    assert decode("Größe".encode("latin-1"), "Latin-1") == ("Größe", "iso8859-1")
    assert decode(b"\xef\xbb\xbfx", "utf8") == ("x", "utf-8")
    assert decode("\ufeffx".encode("utf-16-le"), "utf-16-le") == ("x", "utf-16-le")
    with pytest.raises(DataError, match=r"'t\.csv' is not utf-8 \(byte 0xf6 at position 2\)") as caught:
        decode(b"Gr\xf6\xdfe", "utf-8", "'t.csv'")
    assert "have it detected" in caught.value.do


def test_a_cut_file_is_refused() -> None:
    with pytest.raises(DataError, match="is not utf-16"):
        decode(b"\xff\xfex\x00y")


@pytest.mark.parametrize("name", ["utf9", "hex", "", "x\0y"])
def test_unknown_encodings_are_refused_with_a_guess(name: str) -> None:
    with pytest.raises(UnknownNameError, match="no encoding"):
        check_encoding(name)


def test_a_misspelt_encoding_gets_a_guess() -> None:
    with pytest.raises(UnknownNameError) as caught:
        check_encoding("cp-1252")
    assert "cp1252" in caught.value.do


@settings(max_examples=300, deadline=None)
# The mark of UTF-16 and a NUL are the mark of UTF-32, and a NUL begins no text.
@given(
    text=ENCODABLE.filter(lambda text: not text.startswith("\0")),
    encoding=st.sampled_from(["utf-8-sig", "utf-16", "utf-32"]),
)
def test_any_text_under_a_mark_comes_back(text: str, encoding: str) -> None:
    assert decode(text.encode(encoding)) == (text, encoding)


@settings(max_examples=300, deadline=None)
@given(
    text=ENCODABLE.filter(lambda text: not text.startswith("\ufeff")),
    encoding=st.sampled_from(["utf-8", "utf-16-le", "utf-32-be", "gb18030"]),
)
def test_any_text_of_a_named_encoding_comes_back(text: str, encoding: str) -> None:
    assert decode(text.encode(encoding), encoding)[0] == text


@settings(max_examples=300, deadline=None)
@given(content=st.binary(max_size=200))
def test_any_bytes_give_text_or_a_data_error(content: bytes) -> None:
    try:
        text, name = decode(content)
    except DataError:
        assert marked(content)
        return
    assert isinstance(text, str)
    assert check_encoding(name)


def test_utf8_pays_for_no_detection() -> None:
    code = (
        "import sys; from tlzoo.data.encodings import decode; decode('Größe'.encode()); "
        "assert 'charset_normalizer' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
