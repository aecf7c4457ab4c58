"""Calls between the process of a program and that of its tests, as lines of JSON on two pipes.

Values go over as plain data; an object that is none stays where it is and is named by a number. So nothing that a
program returns can run in the process of the tests, however it is made.
"""

from __future__ import annotations

import builtins
import json
import os
from collections import deque
from collections.abc import Iterator, Mapping
from importlib import import_module
from typing import Any, BinaryIO

_EXACT = 2**53
_OURS, _THEIRS = "mine", "yours"


class Gone(Exception):
    """The other process has ended."""


class Remote:
    """An object in the other process. Equal to itself only."""

    def __init__(self, peer: Peer, number: int) -> None:
        self.__dict__.update(_peer=peer, _number=number)

    def __call__(self, *args: Any, **named: Any) -> Any:
        return self._peer.call(self._number, args, named)

    def __getattr__(self, name: str) -> Any:
        return self._peer.ask("get", self._number, name)

    def __setattr__(self, name: str, value: Any) -> None:
        self._peer.ask("set", self._number, name, value)

    def __getitem__(self, key: Any) -> Any:
        return self._peer.ask("item", self._number, key)

    def __iter__(self) -> Iterator[Any]:
        return iter(self._peer.ask("list", self._number))

    def __len__(self) -> int:
        return int(self._peer.ask("len", self._number))

    def __bool__(self) -> bool:
        return bool(self._peer.ask("bool", self._number))

    def __str__(self) -> str:
        return str(self._peer.ask("str", self._number))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Remote) and other._number == self._number

    def __hash__(self) -> int:
        return hash(self._number)


class Peer:
    """One end. open: whether the other end may look into objects; else it may only call those that it was given."""

    def __init__(self, reading: int, writing: int, open: bool) -> None:
        self._in: BinaryIO = os.fdopen(reading, "rb")
        self._out = os.fdopen(writing, "wb")
        self._open = open
        self._objects: list[Any] = []

    def offer(self, value: Any) -> int:
        """The number by which the other end knows an object."""
        for number, known in enumerate(self._objects):
            if known is value:
                return number
        self._objects.append(value)
        return len(self._objects) - 1

    def send(self, message: Any) -> None:
        try:
            self._out.write(json.dumps(message).encode() + b"\n")
            self._out.flush()
        except BrokenPipeError as error:
            raise Gone from error

    def receive(self) -> Any:
        line = self._in.readline()
        if not line.endswith(b"\n"):
            raise Gone
        return json.loads(line)

    def ask(self, what: str, number: int, *given: Any) -> Any:
        """What the other end answers; what it raises is raised here."""
        return self._decode(self._exchange(what, number, given)["value"])

    def call(self, number: int, args: tuple[Any, ...], named: dict[str, Any]) -> Any:
        """As `ask`; lists, dicts and sets among `args` that the other end changed are changed here, too."""
        answer = self._exchange("call", number, (list(args), named))
        for position, value in answer.get("changed", ()):
            _assign(args[position], self._decode(value))
        return self._decode(answer["value"])

    def _exchange(self, what: str, number: int, given: tuple[Any, ...]) -> dict[str, Any]:
        self.send({"do": what, "to": number, "with": [self._encode(one) for one in given]})
        while True:
            message = self.receive()
            if "do" in message:
                self.answer(message)
            elif "error" in message:
                raise _exception(*message["error"])
            else:
                return dict(message)

    def answer(self, request: dict[str, Any]) -> None:
        """Do what the other end asks for, and send what came out."""
        try:
            reply = self._do(request)
        except Gone:
            raise
        except BaseException as error:  # a program may raise anything, SystemExit for one
            reply = {"error": [type(error).__name__, _text(error)]}
        self.send(reply)

    def _do(self, request: dict[str, Any]) -> dict[str, Any]:
        target, what = self._objects[request["to"]], request["do"]
        given = [self._decode(one) for one in request["with"]]
        if what == "call":
            args, named = given
            before = [self._encode(one) if isinstance(one, (list, dict, set)) else None for one in args]
            value = self._encode(target(*args, **named))
            after = [self._encode(a) if b is not None else None for a, b in zip(args, before, strict=True)]
            changed = [[i, a] for i, (a, b) in enumerate(zip(after, before, strict=True)) if a != b]
            return {"value": value, "changed": changed}
        if not self._open:
            raise PermissionError("only calls are answered")
        return {"value": self._encode(_look(target, what, given))}

    def _encode(self, value: Any) -> Any:
        if value is None or isinstance(value, bool):
            return value
        if isinstance(value, Remote):
            return {"t": _THEIRS, "v": value._number}
        if isinstance(value, str):
            return str.__str__(value)
        if isinstance(value, int):
            number = int(value)
            return number if abs(number) < _EXACT else {"t": "int", "v": hex(number)}
        if isinstance(value, float):
            return {"t": "float", "v": float.__repr__(value)}
        if isinstance(value, list):
            return [self._encode(one) for one in value]
        for name, kind in _SEQUENCES.items():
            if isinstance(value, kind):
                return {"t": name, "v": [self._encode(one) for one in value]}
        if isinstance(value, Mapping):
            return {"t": "dict", "v": [[self._encode(k), self._encode(v)] for k, v in value.items()]}
        if isinstance(value, range):
            return {"t": "range", "v": [self._encode(n) for n in (value.start, value.stop, value.step)]}
        if isinstance(value, (bytes, bytearray)):
            return {"t": type(value).__name__, "v": value.hex()}
        if isinstance(value, complex):
            return {"t": "complex", "v": [repr(value.real), repr(value.imag)]}
        if _is_builtin(value):
            return {"t": "type", "v": value.__name__}
        name = type(value).__name__
        if type(value).__module__ == _TEXTS.get(name):
            return {"t": name, "v": value.isoformat() if hasattr(value, "isoformat") else str(value)}
        return {"t": _OURS, "v": self.offer(value)}

    def _decode(self, data: Any) -> Any:
        if isinstance(data, list):
            return [self._decode(one) for one in data]
        if not isinstance(data, dict):
            return data
        kind, value = data["t"], data["v"]
        if kind == _OURS:
            return Remote(self, value)
        if kind == _THEIRS:
            return self._objects[value]
        if kind == "int":
            return int(value, 16)
        if kind == "dict":
            return {self._decode(k): self._decode(v) for k, v in value}
        if kind in _SEQUENCES:
            return _SEQUENCES[kind](self._decode(one) for one in value)
        if kind == "range":
            return range(*(self._decode(n) for n in value))
        if kind == "complex":
            return complex(float(value[0]), float(value[1]))
        if kind in _TEXTS:
            made = getattr(import_module(_TEXTS[kind]), kind)
            return made.fromisoformat(value) if hasattr(made, "fromisoformat") else made(value)
        if kind == "type":
            return _builtin(value)
        return _PLAIN[kind](value)


_PLAIN: dict[str, Any] = {"float": float, "bytes": bytes.fromhex, "bytearray": bytearray.fromhex}
_SEQUENCES: dict[str, Any] = {"tuple": tuple, "set": set, "frozenset": frozenset, "deque": deque}
# Types that go over as text, and their modules, which take too long to import for each program.
_TEXTS = {
    "Decimal": "decimal",
    "Fraction": "fractions",
    "date": "datetime",
    "datetime": "datetime",
    "time": "datetime",
}


_CONVERSIONS: dict[str, Any] = {"list": list, "len": len, "bool": bool, "str": str}


def _look(target: Any, what: str, given: list[Any]) -> Any:
    if what == "get":
        return getattr(target, given[0])
    if what == "set":
        return setattr(target, given[0], given[1])
    if what == "item":
        return target[given[0]]
    return _CONVERSIONS[what](target)


def _assign(to: Any, value: Any) -> None:
    if isinstance(to, list) and isinstance(value, list):
        to[:] = value
    elif isinstance(to, (dict, set)) and isinstance(value, type(to)):
        to.clear()
        to.update(value)


def _text(error: BaseException) -> str:
    try:
        return str(error)
    except BaseException:
        return ""


def _is_builtin(value: Any) -> bool:
    return isinstance(value, type) and vars(builtins).get(value.__name__) is value


def _builtin(name: str) -> type:
    found = getattr(builtins, name, None)
    if not isinstance(found, type):
        raise TypeError(f"{name} is no built-in type")
    return found


def _exception(name: str, text: str) -> Exception:
    """Of a built-in type where it is one: tests may expect it."""
    kind = getattr(builtins, str(name), None)
    if isinstance(kind, type) and issubclass(kind, Exception):
        try:
            return kind(text)
        except TypeError:  # UnicodeError wants more
            pass
    return RuntimeError(f"{name}: {text}")
