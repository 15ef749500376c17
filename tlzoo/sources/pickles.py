"""Reads the pickles inside PyTorch's weight files without unpickling.

Python's own unpickler runs what the file tells it to. This one is a small stack machine over the opcodes
PyTorch writes: it builds text, numbers, tuples, lists, dictionaries, and records of tensors and storages.
No name in the file is ever imported or called.
"""

from __future__ import annotations

import pickletools
from collections.abc import Callable
from dataclasses import dataclass
from io import BytesIO
from typing import Any

STORAGES = {
    "FloatStorage": "<f4",
    "DoubleStorage": "<f8",
    "HalfStorage": "<f2",
    "BFloat16Storage": "bfloat16",
    "LongStorage": "<i8",
    "IntStorage": "<i4",
    "ShortStorage": "<i2",
    "CharStorage": "|i1",
    "ByteStorage": "|u1",
    "BoolStorage": "|b1",
}
"""PyTorch's storage types and how NumPy calls their numbers (bfloat16 is read as 16 raw bits)."""

_MAX_OPCODES = 2_000_000
_GLOBALS = {
    "collections OrderedDict",
    "torch._utils _rebuild_tensor_v2",
    "torch._utils _rebuild_parameter",
    *(f"torch {name}" for name in STORAGES),
}


@dataclass(frozen=True)
class Global:
    """A name the pickle mentions: `module name`."""

    name: str


@dataclass(frozen=True)
class Storage:
    """A run of numbers kept elsewhere in the file.

    Attributes:
        kind: A key of `STORAGES`.
        key: The file's own name for it.
        count: How many numbers it holds.
    """

    kind: str
    key: str
    count: int


@dataclass(frozen=True)
class Tensor:
    """A view of a storage; `offset`, `shape` and `strides` count numbers, not bytes. Nothing is checked."""

    storage: Storage
    offset: Any
    shape: Any
    strides: Any


class PickleRefusedError(ValueError):
    """The pickle holds something weight files do not hold, or it is damaged."""


def read_pickle(stream: BytesIO) -> Any:
    """Reads one pickle and leaves the stream behind its end.

    Args:
        stream: Positioned at the pickle's first byte.

    Returns:
        None, str, int, float, bool, tuple, list, dict with str keys, `Global`, `Storage` or `Tensor`.

    Raises:
        PickleRefusedError: The pickle is damaged, or holds what PyTorch's weights do not.
    """
    machine = _Machine()
    try:
        for number, (opcode, argument, _) in enumerate(pickletools.genops(stream)):
            if opcode.name == "STOP":
                return machine.pop()
            if number == _MAX_OPCODES:
                raise PickleRefusedError(f"more than {_MAX_OPCODES:,} opcodes")
            machine.step(opcode.name, argument)
    except PickleRefusedError:
        raise
    except (ValueError, IndexError, KeyError, TypeError) as error:
        raise PickleRefusedError(f"damaged pickle ({error})") from error
    raise PickleRefusedError("the pickle has no end")


class _Machine:
    """The stack machine: one method for each kind of opcode."""

    def __init__(self) -> None:
        self.stack: list[Any] = []
        self.marks: list[int] = []
        self.memo: dict[int, Any] = {}

    def step(self, name: str, argument: Any) -> None:
        if name in _PUSH_ARGUMENT:
            self.stack.append(argument)
        elif name in _PUSH:
            self.stack.append(_PUSH[name]())
        elif name in ("BINPUT", "LONG_BINPUT"):
            self.memo[argument] = self.stack[-1]
        elif name in ("BINGET", "LONG_BINGET"):
            self.stack.append(self.memo[argument])
        elif name in _ACT:
            _ACT[name](self)
        elif name == "GLOBAL":
            self.name(argument)
        elif name != "PROTO":
            raise PickleRefusedError(f"opcode {name} has no place in a weights file")

    def pop(self) -> Any:
        """Pops one value, never one that lies below the innermost mark."""
        if len(self.stack) <= (self.marks[-1] if self.marks else 0):
            raise PickleRefusedError("damaged pickle (nothing left to take)")
        return self.stack.pop()

    def mark(self) -> None:
        self.marks.append(len(self.stack))

    def since_mark(self) -> list[Any]:
        start = self.marks.pop()
        values, self.stack[start:] = self.stack[start:], []
        return values

    def name(self, argument: str) -> None:
        if argument not in _GLOBALS:
            raise PickleRefusedError(f"it names '{argument.replace(' ', '.')}', which is no part of weights")
        self.stack.append(Global(argument))

    def tuple_of(self, count: int) -> None:
        values = [self.pop() for _ in range(count)]
        self.stack.append(tuple(reversed(values)))

    def set_items(self, items: list[Any]) -> None:
        target = self.stack[-1]
        if not isinstance(target, dict) or not all(isinstance(key, str) for key in items[::2]):
            raise PickleRefusedError("a mapping whose keys are not text")
        target.update(zip(items[::2], items[1::2], strict=True))

    def append(self, values: list[Any]) -> None:
        if not isinstance(self.stack[-1], list):
            raise PickleRefusedError("damaged pickle (append to what is no list)")
        self.stack[-1].extend(values)

    def build(self) -> None:
        """Drops the attributes of an OrderedDict (`_metadata`): nothing here needs them."""
        self.pop()
        if not isinstance(self.stack[-1], dict):
            raise PickleRefusedError("attributes for something that takes none")

    def persistent(self) -> None:
        identifier = self.pop()
        match identifier:
            case ("storage", Global(name=name), str(key), str(), int(count)) | (
                "storage",
                Global(name=name),
                str(key),
                str(),
                int(count),
                None,
            ) if name.removeprefix("torch ") in STORAGES and count >= 0:
                self.stack.append(Storage(name.removeprefix("torch "), key, count))
            case _:
                raise PickleRefusedError("a storage it does not describe as PyTorch does")

    def reduce(self) -> None:
        arguments, target = self.pop(), self.pop()
        match target, arguments:
            case Global(name="collections OrderedDict"), ():
                self.stack.append({})
            case Global(name="torch._utils _rebuild_tensor_v2"), (
                Storage() as storage,
                offset,
                shape,
                strides,
                *_,
            ):
                self.stack.append(Tensor(storage, offset, shape, strides))
            case Global(name="torch._utils _rebuild_parameter"), (Tensor() as tensor, *_):
                self.stack.append(tensor)
            case _:
                raise PickleRefusedError("a call that weights do not need")


_PUSH_ARGUMENT = {
    *("BINUNICODE", "BINSTRING", "SHORT_BINSTRING"),
    *("BININT", "BININT1", "BININT2", "LONG1", "BINFLOAT"),
}
_PUSH: dict[str, Callable[[], Any]] = {
    "NONE": lambda: None,
    "NEWTRUE": lambda: True,
    "NEWFALSE": lambda: False,
    "EMPTY_TUPLE": tuple,
    "EMPTY_LIST": list,
    "EMPTY_DICT": dict,
}
_ACT: dict[str, Callable[[_Machine], None]] = {
    "MARK": _Machine.mark,
    "TUPLE": lambda machine: machine.stack.append(tuple(machine.since_mark())),
    "TUPLE1": lambda machine: machine.tuple_of(1),
    "TUPLE2": lambda machine: machine.tuple_of(2),
    "TUPLE3": lambda machine: machine.tuple_of(3),
    "SETITEM": lambda machine: machine.set_items([machine.pop(), machine.pop()][::-1]),
    "SETITEMS": lambda machine: machine.set_items(machine.since_mark()),
    "APPEND": lambda machine: machine.append([machine.pop()]),
    "APPENDS": lambda machine: machine.append(machine.since_mark()),
    "BUILD": _Machine.build,
    "BINPERSID": _Machine.persistent,
    "REDUCE": _Machine.reduce,
}
