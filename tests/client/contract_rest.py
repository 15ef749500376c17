"""TensorFlow Serving's REST API for tests."""

from __future__ import annotations

import base64
import contextlib
import json
import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote

import grpc
import numpy as np
import tensorflow as tf
from google.protobuf import json_format

from tests.client.contract_server import Models, Refusal, classified, metadata_proto, regressed, status_proto

POST = re.compile(r"/v1/models/([^/:]+)(?:/versions/(\d+)|/labels/([^/:]+))?:(classify|regress|predict)")
GET = re.compile(r"/v1/models/([^/:]+)(?:/versions/(\d+)|/labels/([^/:]+))?(/metadata)?")
HTTP = {3: 400, 5: 404, 9: 400, 12: 501, 14: 503}


def tensor_of(value, info):
    dtype = tf.dtypes.as_dtype(info.dtype)
    if dtype != tf.string:
        return tf.constant(np.array(value, dtype.as_numpy_dtype))

    def raw(one):
        if isinstance(one, list):
            return [raw(each) for each in one]
        return base64.b64decode(one["b64"]) if isinstance(one, dict) else one.encode()

    return tf.constant(raw(value), tf.string)


def json_of(name: str, array: np.ndarray):
    if array.dtype != object:
        return array.tolist()

    def plain(one):
        if isinstance(one, list):
            return [plain(each) for each in one]
        return (
            {"b64": base64.b64encode(one).decode()}
            if name.endswith("_bytes")
            else one.decode("utf-8", "surrogateescape")
        )

    return plain(array.tolist())


def example_of(features, context):
    example = tf.train.Example()
    for name, value in {**(context or {}), **features}.items():
        values = value if isinstance(value, list) else [value]
        feature = example.features.feature[name]
        for one in values:
            if isinstance(one, dict):
                feature.bytes_list.value.append(base64.b64decode(one["b64"]))
            elif isinstance(one, str):
                feature.bytes_list.value.append(one.encode())
            elif isinstance(one, float):
                feature.float_list.value.append(one)
            else:
                feature.int64_list.value.append(one)
    return example


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    models: Models

    def log_message(self, *_):
        pass

    def do_GET(self):
        self._handle(None)

    def do_POST(self):
        self._handle(self.rfile.read(int(self.headers["Content-Length"])))

    def _handle(self, body):
        self.models.asked.append((self.path, dict(self.headers), body))
        if self.models.faults and self.models.faults.popleft()(self):
            return
        try:
            with self.models.working():
                self.reply(200, self._answer(body))
        except Refusal as error:
            self.reply(HTTP[error.code.value[0]], {"error": error.message})

    def reply(self, status, document, **headers):
        content = (
            document
            if isinstance(document, bytes)
            else json.dumps(document).encode("utf-8", "surrogateescape")
        )
        self.send_response(status)
        for name, value in {"Content_Type": "application/json", **headers}.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def _answer(self, body):
        match = (GET if body is None else POST).fullmatch(self.path)
        if match is None:
            raise Refusal(grpc.StatusCode.INVALID_ARGUMENT, f"Malformed request: {self.command} {self.path}")
        name, number, label, what = match.groups()
        name, number = unquote(name), int(number) if number else None
        if body is None and what is None:
            return as_json(status_proto(self.models, name, number))
        version, model = self.models.find(name, number, label and unquote(label))
        if body is None:
            signatures = as_json(metadata_proto(model))
            spec = {"name": name, "signature_name": "", "version": str(version)}
            return {"model_spec": spec, "metadata": {"signature_def": signatures}}
        document = json.loads(body)
        return getattr(self, f"_{what}")(model, document, document.get("signature_name", "serving_default"))

    def _predict(self, model, document, name):
        if name not in model.signatures:
            text = f'Serving signature name: "{name}" not found in signature def'
            raise Refusal(grpc.StatusCode.INVALID_ARGUMENT, text)
        infos = model.signatures[name].inputs
        out = model.run(name, {key: tensor_of(one, infos[key]) for key, one in document["inputs"].items()})
        for key, array in out.items():
            if array.dtype.name in ("float16", "bfloat16", "uint16", "complex64"):
                text = f"Failed to write JSON value for tensor type: {key}"
                raise Refusal(grpc.StatusCode.INVALID_ARGUMENT, text)
        written = {key: json_of(key, array) for key, array in out.items()}
        return {"outputs": next(iter(written.values())) if len(written) == 1 else written}

    def _classify(self, model, document, name):
        return {"results": classified(model, name, self._examples(document))}

    def _regress(self, model, document, name):
        return {"results": regressed(model, name, self._examples(document))}

    def _examples(self, document):
        return [example_of(one, document.get("context")) for one in document["examples"]]


def as_json(message):
    text = json_format.MessageToJson(
        message, always_print_fields_with_no_presence=True, preserving_proto_field_name=True
    )
    return json.loads(text)


@contextlib.contextmanager
def rest(models: Models, port: int = 0, ssl_context=None):
    """Serves REST; gives the port."""
    kind = type("Bound", (Handler,), {"models": models})
    server = ThreadingHTTPServer(("127.0.0.1", port), kind)
    server.daemon_threads = True
    if ssl_context is not None:
        server.socket = ssl_context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
