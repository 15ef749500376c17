import threading

from tlzoo.serving.background import Background


def test_everything_is_worked_off_in_order_and_together():
    seen, go = [], threading.Event()

    def work(some):
        go.wait(10)
        seen.append(some)

    background = Background(work, "test")
    assert all(background.put(number) for number in range(20))
    go.set()
    background.close()
    assert [number for some in seen for number in some] == list(range(20))
    # One was taken at once, the others while it was at work.
    assert len(seen) <= 3


def test_what_does_not_fit_is_dropped_and_counted():
    busy, go = threading.Event(), threading.Event()

    def work(some):
        busy.set()
        go.wait(10)

    background = Background(work, "test", most=2)
    assert background.put(0)
    assert busy.wait(10)
    assert [background.put(number) for number in range(4)] == [True, True, False, False]
    background.drop(3)
    assert background.dropped() == 5
    assert background.dropped() == 0
    go.set()
    background.close()


def test_an_error_ends_nothing(caplog):
    seen = []

    def work(some):
        seen.extend(some)
        raise ValueError("broken")

    background = Background(work, "the printer")
    background.put(1)
    background.close()
    assert seen == [1]
    assert "the printer failed" in caplog.text


def test_once_closed_it_takes_no_more():
    background = Background(lambda some: None, "test")
    background.close()
    background.close()
    assert not background.put(1)
    assert background.dropped() == 1


def test_closing_does_not_wait_for_ever():
    go = threading.Event()
    background = Background(lambda some: go.wait(10), "test", most=1)
    background.put(1)
    background.put(2)
    background.close(seconds=0.01)
    go.set()
