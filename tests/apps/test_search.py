"""Searching in a real browser: an index that gets ready, uploads, typed texts, and on from a result."""

import base64
import csv
import io
import re
import threading
from pathlib import Path
from types import SimpleNamespace

import pytest
from PIL import Image
from playwright.sync_api import expect

from apps.search import library as library_module
from apps.search.library import Library, shown
from apps.search.results import cut
from tests.app_pages import DESK, PHONE, served
from tests.tiny_texts import COOKING
from tlzoo import search_index
from tlzoo.errors import UsageError
from tlzoo.features.extract import Extractor
from tlzoo.registry import app_card
from tlzoo.workflows.apps import Source, check

HITS = "#tl-found .tl-hit"


@pytest.fixture(scope="module")
def photos(digits, tmp_path_factory):
    folder = tmp_path_factory.mktemp("photos")
    for number, (image, label) in enumerate(zip(*digits, strict=True)):
        (folder / f"digit {label}").mkdir(exist_ok=True)
        Image.fromarray(image).resize((96, 96)).save(folder / f"digit {label}" / f"{number:03d}.png")
    return folder


@pytest.fixture(scope="module")
def pictures(tiny, photos):
    with served("search", data=str(photos), backbone=tiny) as (url, _):
        yield url


@pytest.fixture(scope="module")
def texts(tiny_text, tmp_path_factory):
    table = tmp_path_factory.mktemp("texts") / "talk.csv"
    odd = ["<script>alert(1)</script> ${1+1} {{value}} salt and soup", "soup " * 400]
    with table.open("w", newline="") as file:
        csv.writer(file).writerows([("remark",), *((line,) for line in [*COOKING.splitlines(), *odd])])
    with served("search", data=str(table), backbone=tiny_text, text_column="remark") as (url, _):
        yield url


def ready(look, url, size=DESK):
    page = look(url, size).open()
    page.locator(".tl-example").first.wait_for(timeout=30_000)
    return page


def upload(page, path):
    page.locator("#tl-picture input[type=file]").set_input_files(path)
    page.locator("#tl-picture img").wait_for()
    page.locator("#main").click()


@pytest.mark.usefixtures("tiny")
class TestPictures:
    @pytest.mark.slow
    def test_it_says_what_is_looked_through(self, pictures, look):
        page = ready(look, pictures)
        expect(page.locator("#tl-state")).to_contain_text(
            re.compile("120 pictures of photos.*features of Tiny")
        )
        assert page.locator(".tl-example img").count() == 6

    @pytest.mark.slow
    def test_an_uploaded_picture_finds_itself_and_its_like(self, pictures, look, photos):
        page = ready(look, pictures)
        upload(page, photos / "digit 1" / "050.png")
        expect(page.locator(HITS)).to_have_count(12)
        first = page.locator(HITS).first
        expect(first).to_contain_text("digit 1/050.png")
        expect(first).to_contain_text("1.00")
        expect(first).to_contain_text("nearly the same")
        expect(first.locator(".tl-badge").first).to_have_text("digit 1")
        assert first.locator("img").evaluate("image => image.naturalWidth") == 96
        expect(page.locator("#tl-asked")).to_contain_text("Most like your picture")

    @pytest.mark.slow
    def test_results_lead_on(self, pictures, look):
        page = ready(look, pictures, PHONE)
        page.locator(".tl-example").nth(2).click()
        expect(page.locator("#tl-asked")).to_contain_text("More like digit 1/")
        next_one = page.locator(HITS).first
        key = next_one.get_attribute("title")
        next_one.focus()
        page.keyboard.press("Enter")
        expect(page.locator("#tl-asked")).to_contain_text(f"More like {key}")
        assert key not in [hit.get_attribute("title") for hit in page.locator(HITS).all()]
        assert page.evaluate("document.documentElement.scrollWidth - window.innerWidth") <= 1

    def test_more_results_on_request(self, pictures, look):
        page = ready(look, pictures)
        page.locator(".tl-example").first.click()
        expect(page.locator(HITS)).to_have_count(12)
        slider = page.get_by_role("slider")
        slider.focus()
        slider.press("End")
        slider.dispatch_event("pointerup")
        expect(page.locator(HITS)).to_have_count(48)

    def test_nothing_and_rubbish_are_answered_by_a_sentence(self, pictures, look, tmp_path):
        page = ready(look, pictures)
        page.locator("#main").click()
        expect(page.get_by_text("There is nothing to search for")).to_be_visible()
        (tmp_path / "no.png").write_text("no picture")
        upload(page, tmp_path / "no.png")
        expect(page.get_by_text("cannot be read")).to_be_visible()
        assert page.locator(HITS).count() == 0

    @pytest.mark.slow
    def test_two_visitors_do_not_mix(self, pictures, look, photos):
        one, two = ready(look, pictures), ready(look, pictures)
        one.locator(".tl-example").first.click()
        upload(two, photos / "digit 2" / "110.png")
        expect(two.locator(HITS).first).to_contain_text("digit 2/110.png")
        expect(one.locator("#tl-asked")).to_contain_text("More like digit 0/000.png")
        one.reload()
        one.locator(".tl-example").first.wait_for()
        assert one.locator(HITS).count() == 0

    def test_the_folder_itself_is_not_served(self, pictures, photos, look):
        for path in (photos / "digit 0" / "000.png", "/etc/hostname"):
            answer = look(pictures).page.request.get(f"{pictures}gradio_api/file={path}")
            assert answer.status in (403, 404)


@pytest.fixture
def halfway(monkeypatch, request):
    """Holds an index of 120 pictures after 64, until `go_on` is set; `computed` says how many were at a time."""
    held = SimpleNamespace(reached=threading.Event(), go_on=threading.Event(), computed=[])
    real = Extractor._computed

    def slow(self, pixels):
        if len(held.computed) == 2:
            held.reached.set()
            assert held.go_on.wait(30)
        held.computed.append(len(pixels))
        return real(self, pixels)

    monkeypatch.setattr(Extractor, "_computed", slow)
    monkeypatch.setattr("tlzoo.features.cache.VERSION", request.node.nodeid)
    yield held
    held.go_on.set()


@pytest.mark.usefixtures("tiny")
class TestGettingReady:
    @pytest.mark.slow
    def test_it_is_told_and_can_be_waited_for(self, tiny, photos, look, monkeypatch):
        """The page is there while features are computed, says how far they are, and then goes on by itself."""
        go_on, real = threading.Event(), Extractor._pass

        def slow(self, *given):
            self.progress(30, 120, "features")
            assert go_on.wait(30)
            return real(self, *given)

        monkeypatch.setattr(Extractor, "_pass", slow)
        monkeypatch.setattr("tlzoo.features.cache.VERSION", 10**6)
        with served("search", data=str(photos), backbone=tiny) as (url, _):
            page = look(url, DESK).open()
            expect(page.locator("#tl-state")).to_contain_text("features: 30 of 120")
            upload(page, photos / "digit 1" / "050.png")
            expect(page.get_by_text("The index is still being made")).to_be_visible()
            go_on.set()
            page.locator(".tl-example").first.wait_for()
            expect(page.locator("#tl-state")).to_contain_text("120 pictures")

    @pytest.mark.slow
    def test_a_visitor_stops_it_and_it_goes_on(self, tiny, photos, look, halfway):
        """Everybody is told so, nothing half is there, and Index computes only what is missing."""
        with served("search", data=str(photos), backbone=tiny) as (url, _):
            page, other = look(url).open(), look(url, PHONE).open()
            state = page.locator("#tl-state")
            expect(state).to_contain_text("features: 64 of 120")
            page.locator("#tl-stop").click()
            expect(state).to_contain_text("Stopping. features: 64 of 120")
            expect(page.locator("#tl-stop")).to_be_disabled()
            expect(page.locator("#tl-index")).to_be_disabled()
            halfway.go_on.set()
            for each in (page, other):
                expect(each.locator("#tl-state")).to_contain_text(
                    "Indexing was stopped (features: 96 of 120). What was computed is kept: press Index"
                )
                assert each.locator(".tl-example").count() == 0
            upload(page, photos / "digit 1" / "050.png")
            expect(page.get_by_text("The index is not whole: it was stopped")).to_be_visible()
            page.locator("#tl-index").click()
            for each in (page, other):
                each.locator(".tl-example").first.wait_for()
                expect(each.locator("#tl-state")).to_contain_text("120 pictures")
                expect(each.locator("#tl-index")).not_to_be_visible()
            assert halfway.computed == [32, 32, 32, 24]

    def test_a_stopped_index_holds_nothing_half_and_goes_on(self, tiny, photos, halfway):
        library = library_module.opened(Source(data=str(photos), backbone=tiny))
        assert halfway.reached.wait(30)
        library.begin()  # it is being built
        library.stop()
        assert (library.stopping, library.stopped, library.over) == (True, False, False)
        halfway.go_on.set()
        library._work._thread.join(30)
        assert (library.stopped, library.ready) == (True, False)
        assert "_built" not in vars(library.index)
        with pytest.raises(UsageError, match="not whole"):
            library.ask(0, 3)
        library.begin()
        library._work._thread.join(30)
        assert (library.stopped, library.ready) == (False, True)
        assert halfway.computed == [32, 32, 32, 24]
        library.begin()  # it is ready
        assert library.ready
        assert len(library.ask(0, 3)) == 3

    def test_closing_stops_it(self, tiny, photos, monkeypatch):
        started, go_on = threading.Event(), threading.Event()

        def endless(self, *given):
            started.set()
            go_on.wait(30)
            self.progress(1, 120, "features")
            pytest.fail("it went on")

        monkeypatch.setattr(Extractor, "_pass", endless)
        monkeypatch.setattr("tlzoo.features.cache.VERSION", 10**6 + 1)
        library = library_module.opened(Source(data=str(photos), backbone=tiny))
        assert started.wait(30)
        library_module.close_all()
        go_on.set()
        library._work._thread.join(30)
        assert library.over
        assert not library.ready

    def test_a_failure_is_told_on_the_page_and_index_tries_again(self, tiny, photos, look, monkeypatch):
        from tlzoo.errors import DataError

        failures, real = [RuntimeError("a riddle"), DataError("nothing of it can be read.")], Extractor._pass

        def broken(self, *given):
            if failures:
                raise failures.pop()
            return real(self, *given)

        monkeypatch.setattr(Extractor, "_pass", broken)
        monkeypatch.setattr("tlzoo.features.cache.VERSION", 10**6 + 2)
        with served("search", data=str(photos), backbone=tiny) as (url, _):
            page = look(url, DESK).open()
            alert = page.locator("#tl-state [role=alert]")
            expect(alert).to_contain_text("Nothing of it can be read")
            page.locator("#tl-index").click()
            expect(alert).to_contain_text("Something went wrong inside the app")
            page.locator("#tl-index").click()
            page.locator(".tl-example").first.wait_for()


@pytest.mark.usefixtures("tiny_text")
class TestTexts:
    @pytest.mark.slow
    def test_a_typed_text_finds_what_is_like_it(self, texts, look):
        page = ready(look, texts)
        page.get_by_label("Your text").fill("Add the lemon at the end or the soup will taste bitter.")
        page.locator("#main").click()
        first = page.locator(HITS).first
        expect(first).to_contain_text("Add the lemon at the end")
        expect(first).to_contain_text("nearly the same")
        expect(page.locator("#tl-asked")).to_contain_text("Most like your text")

    @pytest.mark.slow
    def test_texts_that_look_like_pages_stay_texts(self, texts, look):
        page = ready(look, texts)
        page.get_by_label("Your text").fill("<script>alert(1)</script> ${1+1} {{value}} salt and soup")
        page.locator("#main").click()
        expect(page.locator(HITS).first).to_contain_text("<script>alert(1)</script> ${1+1} {{value}} salt")
        assert page.locator("#tl-found script").count() == 0

    def test_an_empty_text_is_answered_by_a_sentence(self, texts, look):
        page = ready(look, texts)
        page.get_by_label("Your text").fill("   ")
        page.locator("#main").click()
        expect(page.get_by_text("The text is empty")).to_be_visible()


def test_pictures_that_cannot_be_shown_are_left_out(tmp_path):
    (tmp_path / "no.png").write_text("no picture")
    assert shown(tmp_path / "no.png") == ""
    assert shown(tmp_path / "nowhere.png") == ""


def test_large_photos_are_shown_upright_and_small(tmp_path):
    photo, turned = Image.new("RGB", (1600, 1200), (200, 30, 30)), Image.Exif()
    photo.paste((20, 20, 220), (0, 0, 800, 1200))
    turned[0x0112] = 6  # a quarter turn to the right shows it upright
    photo.save(tmp_path / "photo.jpg", exif=turned)
    address = shown(tmp_path / "photo.jpg")
    small = Image.open(io.BytesIO(base64.b64decode(address.partition(",")[2])))
    assert small.size == (150, 200)
    assert small.getpixel((75, 50))[2] > 150 > small.getpixel((75, 50))[0]
    assert small.getpixel((75, 150))[0] > 150 > small.getpixel((75, 150))[2]


def test_long_texts_are_cut_at_their_end():
    assert cut("one  two\nthree", 20) == "one two three"
    assert cut("a" * 50, 10) == "a" * 9 + "…"


def test_a_run_s_own_data_is_looked_through(tiny, digits, tmp_path):
    import tlzoo

    images, labels = digits
    run = tlzoo.train((images, labels), backbone=tiny, epochs=2, out=tmp_path / "run", test=0.25)
    index = search_index(run.dataset, run=run)
    library = Library(index)
    library._work._thread.join(60)
    assert library.ready
    assert library.small(0).startswith("data:image/jpeg")
    assert len(library.ask(library.examples()[0], 3)) == 3


def test_what_may_be_named_together():
    card = app_card("search")
    check(card, Source(data="photos"))
    check(card, Source(data="photos", bundle=Path("b")))
    check(card, Source(data="photos", runs=(Path("r"),), backbone="tiny"))
    check(card, Source(data="mails.csv", text_column="body"))
    for wrong in (
        Source(url="http://x", data="photos"),
        Source(bundle=Path("b"), runs=(Path("r"),)),
        Source(),
    ):
        with pytest.raises(UsageError):
            check(card, wrong)
    with pytest.raises(UsageError, match="--backbone"):
        check(app_card("zoo"), Source(backbone="tiny"))
