import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from tlzoo.errors import BundleError, UsageError
from tlzoo.serving.rollout.availability import Server


@pytest.fixture
def answers():
    """A real HTTP server; `answers(*each)` gives its address, and the paths it was asked for."""
    running = []

    def start(*each):
        asked, left = [], list(each)

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                asked.append(self.path)
                code, body = left.pop(0) if len(left) > 1 else left[0]
                body = body if isinstance(body, bytes) else json.dumps(body).encode()
                self.send_response(code)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        running.append((server, thread))
        return f"http://127.0.0.1:{server.server_port}", asked

    yield start
    for server, thread in running:
        server.shutdown()
        server.server_close()
        thread.join()


def status(state, code="OK", message=""):
    told = {"error_code": code, "error_message": message}
    return 200, {"model_version_status": [{"version": "3", "state": state, "status": told}]}


def metadata(version):
    return 200, {"model_spec": {"name": "photos", "signature_name": "", "version": version}, "metadata": {}}


MISSING = 404, {"error": "Could not find version 3 of model photos"}


def test_a_version_is_waited_for_until_it_is_available(answers):
    url, asked = answers(MISSING, status("START"), status("LOADING"), status("AVAILABLE"))
    Server(url + "/").wait_for_version("zoë 1", 3)
    assert asked == ["/v1/models/zo%C3%AB%201/versions/3"] * 4


def test_a_version_that_was_unloaded_in_peace_may_come_back(answers):
    url, _ = answers(status("END"), status("AVAILABLE"))
    Server(url).wait_for_version("photos", 3)


def test_a_version_that_does_not_load_is_not_waited_for(answers):
    url, asked = answers(status("END", "NOT_FOUND", "Op type not registered 'X'"))
    with pytest.raises(BundleError, match="could not load version 3 of 'photos': Op type not registered 'X'"):
        Server(url).wait_for_version("photos", 3)
    assert len(asked) == 1


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (status("LOADING"), "it is LOADING"),
        (MISSING, "it answers 404 .*Could not find version 3"),
        ((401, {"error": "no token"}), "it answers 401"),
        ((200, b"<html>"), "it does not answer"),
        ((200, [1]), "it does not answer as TensorFlow Serving does"),
        ((200, {}), "it is None"),
        ((200, {"model_version_status": "x"}), "it does not answer as TensorFlow Serving does"),
    ],
)
def test_who_waits_too_long_is_told_what_came_last(answers, answer, reason):
    url, _ = answers(answer)
    with pytest.raises(BundleError, match=rf"Waited 0 seconds at {url} for version 3 .*: {reason}"):
        Server(url, seconds=0).wait_for_version("photos", 3)


def test_a_server_that_is_not_there_is_said():
    with pytest.raises(BundleError, match=r"it does not answer .*refused"):
        Server("http://127.0.0.1:9", seconds=0).wait_for_version("photos", 3)


def test_a_label_is_waited_for_through_metadata(answers):
    url, asked = answers(
        (400, {"error": "Unrecognized servable version label: canary"}), metadata("2"), metadata("3")
    )
    Server(url).wait_for_label("photos", "canary", 3)
    assert asked == ["/v1/models/photos/labels/canary/metadata"] * 3
    with pytest.raises(BundleError, match="the label 'canary' of 'photos' to go to version 4: it goes to 3"):
        Server(url, seconds=0).wait_for_label("photos", "canary", 4)


@pytest.mark.parametrize("url", ["localhost:8501", "file:///etc/passwd", "ftp://x", ""])
def test_only_web_addresses_are_servers(url):
    with pytest.raises(UsageError, match="is no address of a server"):
        Server(url)
