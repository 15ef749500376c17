"""What goes wrong between a client and a server, as `Models.faults` take it."""

from __future__ import annotations

import contextlib
import email.utils
import socket
import struct
import threading
import time


def status(code, document, **headers):
    """Answers with a status; bytes are sent as they are."""

    def answer(handler):
        handler.reply(code, document, **headers)
        return True

    return answer


def busy(**headers):
    return status(503, {"error": "busy"}, **headers)


def fine(handler):
    """Does nothing: the server answers as usual."""
    return False


def reset(handler):
    """Breaks the connection without a word."""
    handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    handler.connection.close()
    handler.close_connection = True
    return True


def hang_up(handler):
    """Ends the connection in order, but without an answer."""
    handler.close_connection = True
    return True


def truncated(handler):
    """Promises more than it sends."""
    handler.send_response(200)
    handler.send_header("Content-Length", "1000")
    handler.end_headers()
    handler.wfile.write(b'{"outputs": [')
    handler.close_connection = True
    return True


def dripping(handler):
    """Sends a byte now and then, so that no single read takes long, and never ends."""
    handler.send_response(200)
    handler.send_header("Content-Length", "1000")
    handler.end_headers()
    with contextlib.suppress(OSError):
        for _ in range(1000):
            handler.wfile.write(b" ")
            time.sleep(0.05)
    handler.close_connection = True
    return True


def http_date(seconds):
    return email.utils.formatdate(time.time() + seconds, usegmt=True)


def closed_port():
    """Returns a port where nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextlib.contextmanager
def silent():
    """Accepts connections and says nothing; gives the port."""
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        yield server.getsockname()[1]


@contextlib.contextmanager
def babbling(words: bytes):
    """Answers whatever comes with the same bytes; gives the port."""
    server = socket.create_server(("127.0.0.1", 0))

    def serve():
        with contextlib.suppress(OSError):
            while True:
                connection, _ = server.accept()
                with connection:
                    connection.recv(65536)
                    connection.sendall(words)

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield server.getsockname()[1]
    finally:
        server.shutdown(socket.SHUT_RDWR)
        server.close()
        thread.join()
