"""Requests that mean harm, made by a seed, and a judge of what comes back.

`tests/serving/test_hostile.py` sends some thousands of them, `benchmarks/serving_hostile.py` a hundred thousand. The
model is `half_plus_two` of the fixtures.
"""

from __future__ import annotations

import asyncio
import collections
import gzip
import json
import random
import struct
from collections.abc import Callable
from dataclasses import dataclass, field

import httptools

PREDICT = "/v1/models/half_plus_two:predict"
BODY = b'{"instances": [1.0, 2.0, 5.0]}'
SECRET = "the-secret-beside-the-models"
SECONDS = 30.0
"""Whoever has not answered, or hung up, by then hangs."""

ANSWERED, CLOSED, LEFT = "answered", "closed", "left"


@dataclass
class Attack:
    """What goes over one connection.

    Attributes:
        kind: Its family.
        parts: Bytes, sent one after the other, with a pause between.
        leaves: True if the caller goes before an answer can come.
        half_closed: True if the caller says that nothing more will follow.
        broken: True if this is no HTTP, so that hanging up is an answer.
    """

    kind: str
    parts: list[bytes]
    leaves: bool = False
    half_closed: bool = False
    broken: bool = False


@dataclass
class Verdicts:
    """What came back, and what should not have."""

    seen: collections.Counter = field(default_factory=collections.Counter)
    faults: list[str] = field(default_factory=list)

    def fault(self, attack: Attack, why: str, got: bytes) -> None:
        sent = b"|".join(attack.parts)
        self.faults.append(f"{attack.kind}: {why}; sent {len(sent)} bytes {sent[:300]!r}, got {got[:300]!r}")


def post(body: bytes, target: str = PREDICT, headers: str = "", length: str | None = None) -> bytes:
    """A whole HTTP request whose target and headers are latin-1, and travel as they are."""
    head = f"POST {target} HTTP/1.1\r\nHost: x\r\n{headers}"
    return (
        head.encode("latin-1")
        + f"Content-Length: {len(body) if length is None else length}\r\n\r\n".encode()
        + body
    )


def get(target: str | bytes) -> bytes:
    raw = target if isinstance(target, bytes) else target.encode("latin-1")
    return b"GET " + raw + b" HTTP/1.1\r\nHost: x\r\n\r\n"


def mutated(data: bytes, dice: random.Random) -> bytes:
    """Changes, cuts, doubles or swaps a few places."""
    found = bytearray(data)
    for _ in range(dice.randint(1, 4)):
        at = dice.randrange(len(found) + 1)
        match dice.randrange(5):
            case 0:
                found[at:at] = bytes([dice.randrange(256)])
            case 1:
                del found[at : at + dice.randint(1, 8)]
            case 2:
                found[at:at] = found[max(0, at - dice.randint(1, 12)) : at]
            case 3:
                found[at : at + 1] = bytes([dice.randrange(256)])
            case 4:
                del found[at:]
    return bytes(found)


def _json(dice: random.Random) -> Attack:
    texts = (
        BODY,
        b'{"inputs": {"x": [[1.0], [2.0]]}}',
        b'{"signature_name": "regress_x_to_y", "examples": [{"x": 1.0}]}',
        b'{"instances": [{"x": 1}, {"x": 2}]}',
    )
    verb = dice.choice(("predict", "classify", "regress"))
    return Attack("json", [post(mutated(dice.choice(texts), dice), PREDICT.replace("predict", verb))])


def _nested(dice: random.Random) -> Attack:
    depth = dice.choice((10, 63, 64, 65, 500, 5000, 50_000))
    opened = dice.choice((b"[", b'{"a":', b'[{"b64":', b'{"instances":['))
    closed = opened[::-1].translate(bytes.maketrans(b"[{", b"]}"), b'"ab64:instance')
    body = opened * depth + b"1" + (closed * depth if dice.random() < 0.7 else b"")
    key = dice.choice((b"instances", b"inputs", b"examples", b"signature_name"))
    return Attack("nested", [post(b'{"' + key + b'": ' + body + b"}")])


def _numbers(dice: random.Random) -> Attack:
    number = dice.choice(
        (
            b"1e999",
            b"-1e999",
            b"1e-999",
            b"9" * dice.choice((20, 400, 5000)),
            b"0." + b"9" * 3000,
            b"1e" + b"9" * 400,
            b"NaN",
            b"-Infinity",
            b"0x10",
            b"1_000",
            b"01",
            b"+1",
            b".5",
            b"1.",
            b"\xd9\xa1",
        )
    )
    return Attack("numbers", [post(b'{"instances": [' + number + b", 1.0]}")])


def _base64(dice: random.Random) -> Attack:
    text = "".join(dice.choice("ABCabc+/=.-_ \\n\u00e9\x01") for _ in range(dice.randrange(40)))
    value = dice.choice(
        (
            {"b64": text},
            {"b64": [text]},
            {"b64": {"b64": text}},
            {"b64": None},
            {"b64": text, "c": 1},
            [{"b64": text}],
        )
    )
    verb, key = dice.choice((("predict", "instances"), ("classify", "examples"), ("regress", "examples")))
    given = value if key == "instances" else {"x": value}
    body = json.dumps({key: [given], "signature_name": "classify_x_to_y"}, ensure_ascii=False)
    return Attack("base64", [post(body.encode("utf-8", "surrogatepass"), PREDICT.replace("predict", verb))])


_PIECES = (
    b"..",
    b"%2e%2e",
    b".%2e",
    b"/",
    b"//",
    b"%2f",
    b"%5c",
    b"\\",
    b"%00",
    b"\xff\xfe",
    b"%ff",
    b"%",
    b"%zz",
    b"secret.txt",
    b"etc/passwd",
    b"half_plus_two",
    b"00000123",
    b"saved_model.pb",
    b"variables",
    b"versions/",
    b"labels/",
    b":predict",
    b"/metadata",
    b"?x=1",
    b"#f",
    b";p",
    b"*",
    b"-1",
    b"9" * 30,
    b"A" * 300,
)


def _paths(dice: random.Random) -> Attack:
    tail = b"".join(dice.choice(_PIECES) for _ in range(dice.randint(1, 8)))
    start = dice.choice(
        (
            b"/v1/models/",
            b"/v1/",
            b"/",
            b"",
            b"http://x/v1/models/",
            b"http://x:99999/",
            b"x:443",
            b"//x/",
            b"/V1/Models/",
        )
    )
    target = start + tail
    if dice.random() < 0.05:
        target += b"a" * dice.choice((9000, 70_000, 600_000))
    request = get(target) if dice.random() < 0.6 else post(BODY).replace(PREDICT.encode(), target)
    return Attack("paths", [request], broken=True)


def _lengths(dice: random.Random) -> Attack:
    length = dice.choice(
        (
            "-1",
            "abc",
            "",
            "1e3",
            "0x10",
            "99999999999999999999",
            "1000000000000",
            "3",
            "+5",
            "5, 5",
            "5\r\nContent-Length: 6",
        )
    )
    return Attack("lengths", [post(BODY, length=length)], broken=True, half_closed=True)


def _chunks(dice: random.Random) -> Attack:
    size = dice.choice(
        (
            b"5",
            b"zz",
            b"-1",
            b"ffffffffffffffff",
            b"fffffffffffffffff",
            b"5;x=" + b"y" * 5000,
            b"",
            b"0x5",
            b"7fffffff",
        )
    )
    body = (
        size
        + b"\r\n"
        + BODY[: dice.randrange(len(BODY))]
        + dice.choice((b"\r\n0\r\n\r\n", b"\r\n", b"0\r\n", b""))
    )
    both = dice.choice(
        (b"", b"Content-Length: 5\r\n", b"Transfer-Encoding: gzip\r\n", b"Transfer-Encoding: identity\r\n")
    )
    head = f"POST {PREDICT} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n".encode()
    return Attack("chunks", [head + both + b"\r\n" + body], broken=True, half_closed=True)


def _bomb(megabytes: int) -> bytes:
    return gzip.compress(BODY + b" " * (megabytes << 20), 9)


BOMBS: dict[int, bytes] = {}


def _gzip(dice: random.Random) -> Attack:
    size = dice.choice((0, 1, 8, 120) if dice.random() < 0.02 else (0, 1))
    if size not in BOMBS:
        BOMBS[size] = _bomb(size)
    body = BOMBS[size]
    match dice.randrange(4):
        case 0:
            body = body[: dice.randrange(len(body))]
        case 1:
            body = mutated(body[:2000], dice)
        case 2:
            body = gzip.compress(body)
    return Attack("gzip", [post(body, headers="Content-Encoding: gzip\r\n")])


def _versions(dice: random.Random) -> Attack:
    line = dice.choice(
        (
            b"GET / HTTP/0.9",
            b"GET / HTTP/1.0",
            b"GET / HTTP/2.0",
            b"GET / HTTP/9.9",
            b"GET / http/1.1",
            b"GET /",
            b"PRI * HTTP/2.0\r\n\r\nSM\r\n",
            b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
            b"GET  /  HTTP/1.1",
            b"OPTIONS * HTTP/1.1",
            b"CONNECT x:443 HTTP/1.1",
            b"TRACE / HTTP/1.1",
            b"BREW /v1/models/half_plus_two HTTP/1.1",
            b"PATCH /v1/models/half_plus_two:predict HTTP/1.1",
            b"\r\n\r\n\r\nGET / HTTP/1.1",
        )
    )
    return Attack("versions", [line + b"\r\nHost: x\r\n\r\n"], broken=True, half_closed=True)


def _headers(dice: random.Random) -> Attack:
    extra = dice.choice(
        (
            b"".join(b"a%d: b\r\n" % number for number in range(dice.choice((100, 2000)))),
            b"a: " + b"b" * dice.choice((1000, 100_000)) + b"\r\n",
            b"a" * 70_000 + b": b\r\n",
            b"no colon\r\n",
            b": empty\r\n",
            b"a: \x00\r\n",
            b" folded\r\n",
            b"a: b\r\n folded\r\n",
            b"\xff: \xff\r\n",
            b"Authorization: Bearer \xff\r\n",
            b"Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: x\r\n",
            b"Upgrade: h2c\r\nConnection: Upgrade, HTTP2-Settings\r\n",
            b"Expect: 100-continue\r\n",
            b"Content-Encoding: gzip\r\n",
            b"Content-Encoding: br\r\n",
            b"Connection: " + b"x," * 500 + b"\r\n",
        )
    )
    raw = post(BODY).replace(b"Host: x\r\n", b"Host: x\r\n" + extra)
    return Attack("headers", [raw], broken=True, half_closed=True)


def _flood(dice: random.Random) -> Attack:
    line = dice.choice((b"a: " + b"b" * 1000 + b"\r\n", b"c" * 1000))
    return Attack("flood", [b"GET / HTTP/1.1\r\n", *[line * 64] * 6], broken=True)


def _slow(dice: random.Random) -> Attack:
    raw = post(BODY)
    at = dice.randrange(1, len(raw))
    return Attack("slow", [raw[:at], *([raw[at : at + 1]] if dice.random() < 0.5 else [])], leaves=True)


def _pipelined(dice: random.Random) -> Attack:
    some = [
        dice.choice((get("/v1/models/half_plus_two"), post(BODY), get("/"), post(b"{"))) for _ in range(5)
    ]
    tail = dice.choice((b"", b"garbage\r\n\r\n", post(BODY)[:-5]))
    return Attack("pipelined", [b"".join(some) + tail], half_closed=dice.random() < 0.5, broken=True)


def _half_closed(dice: random.Random) -> Attack:
    raw = post(BODY)
    return Attack(
        "half closed", [raw[: dice.choice((len(raw), len(raw) // 2))]], half_closed=True, broken=True
    )


def _noise(dice: random.Random) -> Attack:
    return Attack(
        "noise", [dice.randbytes(dice.choice((1, 10, 1000, 20_000)))], half_closed=True, broken=True
    )


def _shapes(dice: random.Random) -> Attack:
    value = dice.choice(
        (
            [[1.0], [1.0, 2.0]],
            [[]],
            [[[1]], [1]],
            [1, "a"],
            [None],
            [{}],
            [{"x": 1, "y": 2}],
            "text",
            {"x": {}},
            [True],
            [[1.0] * 3000] * 3,
        )
    )
    key = dice.choice(("instances", "inputs"))
    return Attack("shapes", [post(json.dumps({key: value}).encode())])


ATTACKS: tuple[Callable[[random.Random], Attack], ...] = (
    _json,
    _nested,
    _numbers,
    _base64,
    _paths,
    _lengths,
    _chunks,
    _gzip,
    _versions,
    _headers,
    _flood,
    _slow,
    _pipelined,
    _half_closed,
    _noise,
    _shapes,
)


class _Replies:
    """Reads what comes back as HTTP."""

    def __init__(self) -> None:
        self.statuses: list[int] = []
        self.bodies: list[bytes] = []
        self.types: list[bytes] = []
        self.whole = True
        self._parser = httptools.HttpResponseParser(self)

    def feed(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def on_message_begin(self) -> None:
        self.whole = False
        self.bodies.append(b"")
        self.types.append(b"")

    def on_header(self, name: bytes, value: bytes) -> None:
        if name.lower() == b"content-type":
            self.types[-1] = value

    def on_body(self, body: bytes) -> None:
        self.bodies[-1] += body

    def on_message_complete(self) -> None:
        status = self._parser.get_status_code()
        if status == 100:
            self.bodies.pop()
            self.types.pop()
        else:
            self.statuses.append(status)
        self.whole = True


async def send(attack: Attack, port: int, verdicts: Verdicts) -> None:
    """Sends one attack on a connection of its own, and judges what comes back."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    got = b""
    try:
        async with asyncio.timeout(SECONDS):
            got = await _exchange(attack, reader, writer, got)
    except TimeoutError:
        verdicts.fault(attack, "hangs", got)
    finally:
        writer.transport.abort()
    if not attack.leaves:
        _judge(attack, got, verdicts)
    else:
        verdicts.seen[attack.kind, LEFT] += 1


async def _exchange(
    attack: Attack, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, got: bytes
) -> bytes:
    try:
        for part in attack.parts:
            writer.write(part)
            await writer.drain()
            if len(attack.parts) > 1:
                await asyncio.sleep(0.001)
        if attack.leaves:
            return got
        if attack.half_closed:
            writer.write_eof()
        while data := await reader.read(65536):
            got += data
            if not attack.half_closed and _complete(got):
                break
    except (ConnectionError, OSError):
        pass
    return got


def _complete(got: bytes) -> bool:
    replies = _Replies()
    try:
        replies.feed(got)
    except httptools.HttpParserError:
        return True
    return replies.whole and bool(replies.statuses)


def _judge(attack: Attack, got: bytes, verdicts: Verdicts) -> None:
    if SECRET.encode() in got or b"root:x:" in got:
        verdicts.fault(attack, "reaches files outside", got)
    if not got:
        verdicts.seen[attack.kind, CLOSED] += 1
        if not attack.broken:
            verdicts.fault(attack, "no answer", got)
        return
    replies = _Replies()
    try:
        replies.feed(got)
    except httptools.HttpParserError as error:
        return verdicts.fault(attack, f"answer is no HTTP ({error})", got)
    if not replies.whole and not attack.half_closed:
        verdicts.fault(attack, "answer is cut off", got)
    for status, body, kind in zip(replies.statuses, replies.bodies, replies.types, strict=False):
        verdicts.seen[attack.kind, str(status)] += 1
        if status >= 500 and status != 501:
            verdicts.fault(attack, f"answer is {status}", got)
        if kind.startswith(b"application/json"):
            _check_json(attack, status, body, got, verdicts)
    return None


def _check_json(attack: Attack, status: int, body: bytes, got: bytes, verdicts: Verdicts) -> None:
    try:
        document = json.loads(body.decode("utf-8", "surrogateescape"))
    except ValueError as error:
        return verdicts.fault(attack, f"answer is no JSON ({error})", got)
    if (status == 200) == ("error" in document):
        verdicts.fault(attack, "status and body disagree", got)
    return None


def protos(dice: random.Random) -> tuple[str, bytes]:
    """A method of the gRPC API and bytes for it: mutated requests, claims of huge tensors, noise."""
    from tensorflow_serving.apis import classification_pb2, get_model_metadata_pb2, predict_pb2

    method = dice.choice(
        (
            "PredictionService/Predict",
            "PredictionService/Classify",
            "PredictionService/Regress",
            "PredictionService/MultiInference",
            "PredictionService/GetModelMetadata",
            "ModelService/GetModelStatus",
            "ModelService/HandleReloadConfigRequest",
            "ModelService/Nothing",
            "NoService/Predict",
        )
    )
    # A reload that parses would unload the model, which is what its caller asked for: nothing to be sent here.
    if method.endswith("ReloadConfigRequest"):
        return f"/tensorflow.serving.{method}", b"\x0a\xff\xff\xff"
    request = predict_pb2.PredictRequest()
    request.model_spec.name = dice.choice(
        ("half_plus_two", "", "../secret", "\x00", "x" * 5000, "half_plus_two/..")
    )
    request.model_spec.signature_name = dice.choice(
        ("", "serving_default", "regress_x_to_y", "nothing", "\u0000")
    )
    if dice.random() < 0.3:
        request.model_spec.version.value = dice.choice((123, -1, 2**63 - 1, 0))
    tensor = request.inputs[dice.choice(("x", "y", ""))]
    tensor.dtype = dice.choice((1, 1, 1, 7, 9, 19, 23, 8, 18, 101, 0, 99))
    for _ in range(dice.choice((0, 1, 1, 2, 5, 70, 300))):
        tensor.tensor_shape.dim.add(size=dice.choice((0, 1, 3, -1, 2**31, 2**40, 2**62, -(2**63))))
    match dice.randrange(4):
        case 0:
            tensor.tensor_content = dice.randbytes(dice.choice((0, 3, 4, 12, 4096)))
        case 1:
            tensor.float_val.extend([1.0] * dice.choice((0, 1, 3)))
        case 2:
            tensor.string_val.append(dice.randbytes(5))
    data = request.SerializeToString()
    kind = dice.randrange(6)
    if kind == 0:
        data = mutated(data, dice)
    elif kind == 1:
        data = dice.randbytes(dice.choice((0, 1, 10, 1000)))
    elif kind == 2:
        classify = classification_pb2.ClassificationRequest()
        classify.model_spec.name = "half_plus_two"
        classify.model_spec.signature_name = "classify_x_to_y"
        feature = classify.input.example_list.examples.add().features.feature["x"]
        feature.bytes_list.value.append(dice.randbytes(10))
        data = mutated(classify.SerializeToString(), dice)
    elif kind == 3:
        data += struct.pack("<BI", 0x0A, dice.getrandbits(32))
    elif kind == 4:
        meta = get_model_metadata_pb2.GetModelMetadataRequest()
        meta.model_spec.name = "half_plus_two"
        meta.metadata_field.append(dice.choice(("signature_def", "../x", "")))
        data = meta.SerializeToString()
    return f"/tensorflow.serving.{method}", data


async def call(channel, dice: random.Random, verdicts: Verdicts) -> None:
    """Makes one hostile call by gRPC, and judges its status."""
    import grpc

    method, data = protos(dice)
    attack, metadata = Attack("gRPC", [method.encode(), data]), None
    if dice.random() < 0.05:
        metadata = (("authorization", "x" * 2000), ("odd-bin", dice.randbytes(500)))
    try:
        got = await channel.unary_unary(method)(data, timeout=SECONDS, metadata=metadata)
        code, details = "OK", ""
        if SECRET.encode() in got:
            verdicts.fault(attack, "reaches files outside", got)
    except grpc.aio.AioRpcError as error:
        code, details = error.code().name, error.details() or ""
    verdicts.seen["gRPC", code] += 1
    if code == "DEADLINE_EXCEEDED":
        verdicts.fault(attack, "hangs", b"")
    if code in ("UNKNOWN", "UNAVAILABLE") or "Internal error" in details:
        verdicts.fault(attack, f"answer is {code} {details}", b"")


async def noise_on_grpc(port: int, dice: random.Random, verdicts: Verdicts) -> None:
    """Sends what is no gRPC to its port; the answer may be anything but silence that lasts."""
    attack = dice.choice((_noise, _versions, _json))(dice)
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(attack.parts[0])
        writer.write_eof()
        async with asyncio.timeout(SECONDS):
            while await reader.read(65536):
                pass
    except TimeoutError:
        verdicts.fault(attack, "hangs on gRPC's port", b"")
    except (ConnectionError, OSError):
        pass
    finally:
        writer.transport.abort()
    verdicts.seen["noise on gRPC", CLOSED] += 1


async def storm(
    rest_port: int, grpc_port: int, count: int, seed: int, callers: int = 16, tell=None
) -> Verdicts:
    """Sends hostile requests from several callers at a time, with good ones between that must be answered.

    Args:
        rest_port: Of the REST API.
        grpc_port: Of gRPC.
        count: Hostile requests.
        seed: Of all of them.
        callers: At a time.
        tell: Called with the number of requests sent, now and then.
    """
    import grpc

    verdicts, numbers = Verdicts(), iter(range(count))
    options = [("grpc.max_receive_message_length", -1), ("grpc.max_metadata_size", 1 << 20)]

    async def caller() -> None:
        async with grpc.aio.insecure_channel(f"127.0.0.1:{grpc_port}", options=options) as channel:
            for number in numbers:
                dice = random.Random(f"{seed}/{number}")
                family = dice.random()
                if family < 0.72:
                    await send(dice.choice(ATTACKS)(dice), rest_port, verdicts)
                elif family < 0.97:
                    await call(channel, dice, verdicts)
                else:
                    await noise_on_grpc(grpc_port, dice, verdicts)
                if number % 50 == 0:
                    await good(rest_port, channel, verdicts)
                if tell is not None and number % 1000 == 0:
                    tell(number)

    await asyncio.gather(*(caller() for _ in range(callers)))
    return verdicts


async def good(port: int, channel, verdicts: Verdicts) -> None:
    """Asks something sensible both ways."""
    from tensorflow_serving.apis import predict_pb2

    attack = Attack("good", [post(BODY)])
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        async with asyncio.timeout(SECONDS):
            got = await _exchange(attack, reader, writer, b"")
    except TimeoutError:
        got = b""
    finally:
        writer.transport.abort()
    if b"[2.5, 3.0, 4.5\n" not in got and b"[3.5, 4.0, 5.5\n" not in got:
        verdicts.fault(attack, "a good request by REST is not answered", got)
    request = predict_pb2.PredictRequest()
    request.model_spec.name = "half_plus_two"
    request.inputs["x"].dtype = 1
    request.inputs["x"].tensor_shape.dim.add(size=1)
    request.inputs["x"].float_val.append(1.0)
    reply = await channel.unary_unary("/tensorflow.serving.PredictionService/Predict")(
        request.SerializeToString(), timeout=SECONDS
    )
    if not predict_pb2.PredictResponse.FromString(reply).outputs:
        verdicts.fault(attack, "a good request by gRPC is not answered", reply)
    verdicts.seen["good", ANSWERED] += 1
