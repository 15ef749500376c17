"""What a bundle is handed, made ready for its graph."""

import io

import numpy as np
import pytest
from PIL import Image

from tlzoo.data import cells
from tlzoo.errors import DataError
from tlzoo.items import MOST_BYTES, ImageReader, Named, TextReader


def picture(format):
    """Returns a small picture, encoded."""
    pixels = np.random.default_rng(0).integers(0, 256, (5, 6, 3), dtype=np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, format)
    return buffer.getvalue()


def read(items, **options):
    reader = TextReader(**options)
    return [reader.read(name, item) for name, item in reader.each(items)]


def one(item, **options):
    (ready,) = read([item], **options)
    return ready


def test_strings_are_texts_themselves():
    found = read(["notes.txt", "", "é\0x", b"bytes", np.str_("numpy")])
    assert [ready.name for ready in found] == [f"text:{at}" for at in range(5)]
    assert [ready.raw for ready in found] == [b"notes.txt", b"", "é\0x".encode(), b"bytes", b"numpy"]
    assert not any(ready.error for ready in found)


@pytest.mark.parametrize("item", ["one", b"one"])
def test_one_text_needs_no_list(item):
    assert [ready.raw for ready in read(item)] == [b"one"]


def test_paths_are_documents_and_folders_of_them(tmp_path):
    for name, text in (
        ("b.txt", "b"),
        ("a.TXT", "a"),
        ("inner/c.txt", "c"),
        ("notes.md", "m"),
        (".x.txt", "x"),
    ):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    found = read(tmp_path)
    assert [ready.name for ready in found] == [
        str(tmp_path / name) for name in ("a.TXT", "b.txt", "inner/c.txt")
    ]
    assert [ready.raw for ready in found] == [b"a", b"b", b"c"]
    assert one(tmp_path / "notes.md").raw == b"m"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "cp1252"])
def test_documents_are_decoded_as_training_decodes_them(tmp_path, encoding):
    text = "Füße, naïve crème brûlée – “ein Süppchen”: plain words enough to tell."
    (tmp_path / "a.txt").write_bytes(text.encode(encoding))
    assert one(tmp_path / "a.txt").raw.decode() == text


def test_an_encoding_that_is_named_is_taken(tmp_path):
    (tmp_path / "a.txt").write_bytes("Füße".encode("cp437"))
    assert one(tmp_path / "a.txt", encoding="cp437").raw.decode() == "Füße"
    ready = one(tmp_path / "a.txt", encoding="utf-8")
    assert "a.txt' is not utf-8 (byte 0x81" in str(ready.error)


def test_entities_become_what_they_stand_for_where_that_is_asked_for(tmp_path):
    (tmp_path / "a.txt").write_text("Tom &amp; Jerry")
    for item in ("Tom &amp; Jerry", b"Tom &amp; Jerry", tmp_path / "a.txt"):
        assert one(item, unescape_html=True).raw == b"Tom & Jerry"
        assert one(item).raw == b"Tom &amp; Jerry"


@pytest.mark.parametrize(
    ("item", "said"),
    [
        ("half \ud83d", "text:0: the text holds half a character (U+D83D, a lone surrogate) at position 5"),
        (b"caf\xe9", "text:0: bytes that are not UTF-8"),
        (3, "text:0 is a int"),
        (None, "text:0 is a NoneType"),
        (["a"], "text:0 is a list"),
        (np.zeros(3), "text:0 is a ndarray"),
        ("x" * (cells.MOST_CHARACTERS + 1), "a text of 1,048,577 characters"),
    ],
)
def test_what_is_no_text_is_an_error_of_its_own(item, said):
    ready = one(item)
    assert ready.raw is None
    assert isinstance(ready.error, DataError)
    assert said in str(ready.error)


def test_something_that_is_not_even_a_list(tmp_path):
    (ready,) = read(7)
    assert "text:0 is a int" in str(ready.error)


def test_files_that_are_no_documents(tmp_path):
    (tmp_path / "empty").mkdir()
    (tmp_path / "a.png").write_bytes(b"\x89PNG")
    with (tmp_path / "large.txt").open("wb") as file:
        file.truncate(MOST_BYTES + 1)
    said = {
        "missing.txt": "No such file",
        "empty": "holds no .txt files",
        "a.png": "is an image",
        "large.txt": "larger than 4 MiB",
    }
    for name, words in said.items():
        assert words in str(one(tmp_path / name).error)
        assert name in str(one(tmp_path / name).error)


def test_items_may_have_names_of_their_own():
    found = read([Named("row:2", "a"), "b", Named("row:4", DataError("row 4 is short."))])
    assert [ready.name for ready in found] == ["row:2", "text:1", "row:4"]
    assert [ready.raw for ready in found] == [b"a", b"b", None]
    assert str(found[2].error) == "row 4 is short."


# ---------------------------------------------------------------------------------------------------- images


def images(items):
    reader = ImageReader()
    return [reader.read(name, item) for name, item in reader.each(items)]


@pytest.mark.parametrize("format", ["JPEG", "PNG", "GIF", "BMP", "WEBP"])
def test_files_that_the_graph_decodes_go_as_they_are(tmp_path, format):
    content = picture(format)
    path = tmp_path / "a.img"
    path.write_bytes(content)
    for item in (content, bytearray(content), path, str(path)):
        (ready,) = images([item])
        assert (ready.raw, ready.error) == (content, None)


def test_everything_else_goes_as_png_of_the_same_pixels():
    pixels = np.asarray(Image.open(io.BytesIO(picture("PNG"))))
    for item in (picture("TIFF"), pixels, pixels / 255.0, Image.fromarray(pixels)):
        (ready,) = images([item])
        assert ready.raw.startswith(b"\x89PNG")
        assert np.array_equal(np.asarray(Image.open(io.BytesIO(ready.raw))), pixels)


def test_what_the_graph_refuses_is_decoded_here_or_explained():
    reader = ImageReader()
    (good, broken) = images([picture("BMP"), picture("PNG")[:40]])
    assert broken.error is None  # nobody has looked inside yet
    assert reader.rescued(good).raw.startswith(b"\x89PNG")
    assert "cannot be read" in reader.rescued(broken).error.what


@pytest.mark.parametrize("item", [b"", b"text", "missing.jpg", np.zeros((2, 2, 7)), 3])
def test_what_is_no_image(item):
    (ready,) = images([item])
    assert isinstance(ready.error, DataError)
    assert ready.raw is None


def test_images_have_the_names_that_reports_use(tmp_path):
    for name in ("b.png", "a.JPG", "notes.txt", ".hidden.png"):
        (tmp_path / name).write_bytes(picture("PNG"))
    empty = tmp_path / "empty"
    empty.mkdir()
    pixels = np.zeros((2, 2, 3), np.uint8)
    found = images([picture("PNG"), pixels, Image.fromarray(pixels), Named("mine", pixels), tmp_path, empty])
    names = ["bytes:0", "array:1", "image:2", "mine", f"{tmp_path}/a.JPG", f"{tmp_path}/b.png", str(empty)]
    assert [ready.name for ready in found] == names
    assert "holds no images" in found[-1].error.what
    assert len(images(pixels)) == 1
    assert [ready.name for ready in images(np.stack([pixels] * 3))] == ["array:0", "array:1", "array:2"]
