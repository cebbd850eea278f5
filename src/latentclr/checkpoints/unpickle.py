"""A pickle machine of our own, that can build plain data and nothing else.

It knows the opcodes of protocols 0 to 5 that checkpoints are written with (they are documented in Python's
`pickletools`); the others are refused by name. Globals are looked up in a closed table of stand-ins
(`inert`): there is no import, no attribute walk and no fallback, so the worst that a file can do is to be
refused. Bytes are not copied: they are views into the file.
"""

import re
from collections.abc import Callable
from struct import Struct
from typing import Any

from latentclr.checkpoints.inert import Budget, Buildable, Globals, damaged, unneeded
from latentclr.checkpoints.machine import LONG_TEXT, MAX_STACK, Machine, cut_off, decoded
from latentclr.errors import InputError, UnsafeFileError

MAX_INT_BYTES = 32
"""Longest whole number in bytes. States of random generators have 16; torch's own magic number has 10."""
MAX_DIGITS = 80
"""Longest whole number that is written as text, in digits."""

_BYTE, _SHORT, _INT, _UINT, _ULONG = Struct("<B"), Struct("<H"), Struct("<i"), Struct("<I"), Struct("<Q")
_DOUBLE = Struct(">d")


def unpickle(
    data: memoryview,
    known: Globals,
    budget: Budget,
    *,
    persistent: Callable[[object], object] | None = None,
) -> tuple[Any, int]:
    """The value of one pickle, and where it ends.

    The value consists of dicts, lists, tuples, sets, texts, numbers, None and stand-ins, and of bytes as
    views into `data`. The containers hold no cycles and are of bounded depth, but may be shared: a walk
    through them must count its steps.

    Args:
        data: starts with a pickle; may go on after it.
        known: all that it may name.
        budget: what reading may cost.
        persistent: gives the value of a persistent id; None: there are none.

    Raises:
        UnsafeFileError: it asks for more than `known` or breaks a limit.
        InputError: it is damaged or no pickle.
    """
    machine = Machine(data, known, budget, persistent)
    while machine.at < machine.end:
        code = data[machine.at]
        machine.at += 1
        budget.opcodes -= 1  # as budget.step(), in the one place where its speed matters
        if budget.opcodes < 0:
            budget.step(0)
        if code == _STOP:
            value = machine.pop()
            if machine.stack or machine.marks:
                raise damaged("leaves values behind")
            return value, machine.at
        if (step := _STEPS.get(code)) is None:
            raise _unknown(code)
        step(machine)
        if len(machine.stack) > MAX_STACK:
            raise UnsafeFileError(f"it puts more than {MAX_STACK:,} values on the stack at once.")
    raise cut_off()


def _unknown(code: int) -> InputError:
    if code in _FORBIDDEN:
        return UnsafeFileError(
            f"it uses the pickle opcode {_FORBIDDEN[code]}, which no checkpoint needs; nothing of it was run."
        )
    return damaged(f"has the byte {code:#04x} where an opcode should be")


# Plain values


def _protocol(machine: Machine) -> None:
    if (protocol := machine.take(1)[0]) > 5:
        raise InputError(f"it is a pickle of protocol {protocol}; known are 0 to 5.")


def _frame(machine: Machine) -> None:
    # A hint for readers of streams; all that matters here is that its content is there.
    if machine.number(_ULONG) > machine.end - machine.at:
        raise cut_off()


def _int_line(machine: Machine) -> None:
    line = machine.line()
    machine.push(line == b"01" if line in (b"00", b"01") else _whole_number(line))


def _whole_number(line: bytes) -> int:
    if len(line) > MAX_DIGITS:
        raise unneeded(f"holds a number of more than {MAX_DIGITS} digits")
    if not re.fullmatch(rb"[+-]?[0-9]+", line):
        raise damaged("has a number that is none")
    return int(line)


def _long_bytes(machine: Machine, layout: Struct) -> None:
    length = machine.number(layout)
    if length > MAX_INT_BYTES:
        raise unneeded(f"holds a number of {length:,} bytes")
    machine.push(int.from_bytes(machine.take(length), "little", signed=True))


def _float_line(machine: Machine) -> None:
    try:
        machine.push(float(machine.line()))
    except ValueError as error:
        raise damaged("has a number that is none") from error


# Texts. What Python 2 called a string may be binary: it becomes a text with a character for each byte.


def _string_line(machine: Machine) -> None:
    line = machine.line(machine.end)
    machine.budget.copy(len(line))
    if len(line) < 2 or line[:1] not in (b"'", b'"') or line[:1] != line[-1:]:
        raise damaged("has a text without quotation marks")
    machine.push(_ESCAPE.sub(_unescaped, line[1:-1]).decode("latin1"))


_ESCAPE = re.compile(rb"\\(x[0-9a-fA-F]{2}|.?)", re.DOTALL)
_ESCAPED = dict(zip(b"\\'\"abfnrtv", b"\\'\"\a\b\f\n\r\t\v", strict=True))


def _unescaped(match: re.Match[bytes]) -> bytes:
    what = match[1]
    if len(what) == 3:
        return bytes([int(what[1:], 16)])
    if what and what[0] in _ESCAPED:
        return bytes([_ESCAPED[what[0]]])
    raise damaged("has a text with an unknown escape")


def _unicode_line(machine: Machine) -> None:
    line = machine.line(LONG_TEXT)
    machine.budget.copy(len(line))
    machine.push(decoded(line, "raw-unicode-escape"))


# Containers and stand-ins


def _list(machine: Machine) -> None:
    values = machine.pop_to_mark()
    machine.make(values, values)


def _dict(machine: Machine) -> None:
    flat = machine.pop_to_mark()
    machine.make({})
    machine.put_entries(flat)


def _frozenset(machine: Machine) -> None:
    machine.make(frozenset([machine.budget.key(value) for value in machine.pop_to_mark()]))


def _add_items(machine: Machine) -> None:
    values = machine.pop_to_mark()
    machine.changeable(set, "adds to").update([machine.budget.key(value) for value in values])


def _top(machine: Machine, count: int) -> list[Any]:
    """Take a number of values off the stack, in the order in which they were put there."""
    return [machine.pop() for _ in range(count)][::-1]


def _global(machine: Machine) -> None:
    module, name = machine.line(), machine.line()
    machine.look_up(decoded(module, "utf-8"), decoded(name, "utf-8"))


def _stack_global(machine: Machine) -> None:
    module, name = _top(machine, 2)
    if not isinstance(name, str) or not isinstance(module, str):
        raise unneeded("asks for a name that is no text")
    machine.look_up(module, name)


def _build(machine: Machine) -> None:
    state = machine.pop()
    target = machine.changeable(Buildable, "sets attributes of")
    machine.grow(target, (state,))
    machine.budget.arguments((state, *state) if isinstance(state, tuple) else (state,))
    target.build(state)


def _persistent(machine: Machine) -> None:
    reference = machine.pop()
    if machine.persistent is None:
        raise UnsafeFileError(
            "it refers to something outside itself (BINPERSID); no file of its kind does that."
        )
    machine.push(machine.persistent(reference))


OPCODES: dict[str, tuple[bytes, Callable[[Machine], object]]] = {
    "PROTO": (b"\x80", _protocol),
    "FRAME": (b"\x95", _frame),
    "NONE": (b"N", lambda m: m.push(None)),
    "NEWTRUE": (b"\x88", lambda m: m.push(True)),
    "NEWFALSE": (b"\x89", lambda m: m.push(False)),
    "INT": (b"I", _int_line),
    "BININT": (b"J", lambda m: m.push(m.number(_INT))),
    "BININT1": (b"K", lambda m: m.push(m.number(_BYTE))),
    "BININT2": (b"M", lambda m: m.push(m.number(_SHORT))),
    "LONG": (b"L", lambda m: m.push(_whole_number(m.line().removesuffix(b"L")))),
    "LONG1": (b"\x8a", lambda m: _long_bytes(m, _BYTE)),
    "LONG4": (b"\x8b", lambda m: _long_bytes(m, _INT)),
    "FLOAT": (b"F", _float_line),
    "BINFLOAT": (b"G", lambda m: m.push(m.number(_DOUBLE))),
    "STRING": (b"S", _string_line),
    "BINSTRING": (b"T", lambda m: m.push(m.text(_INT, "latin1"))),
    "SHORT_BINSTRING": (b"U", lambda m: m.push(m.text(_BYTE, "latin1"))),
    "UNICODE": (b"V", _unicode_line),
    "BINUNICODE": (b"X", lambda m: m.push(m.text(_UINT))),
    "SHORT_BINUNICODE": (b"\x8c", lambda m: m.push(m.text(_BYTE))),
    "BINUNICODE8": (b"\x8d", lambda m: m.push(m.text(_ULONG))),
    "BINBYTES": (b"B", lambda m: m.push(m.take(m.number(_UINT)))),
    "SHORT_BINBYTES": (b"C", lambda m: m.push(m.take(m.number(_BYTE)))),
    "BINBYTES8": (b"\x8e", lambda m: m.push(m.take(m.number(_ULONG)))),
    "BYTEARRAY8": (b"\x96", lambda m: m.push(m.take(m.number(_ULONG)))),
    "MARK": (b"(", Machine.mark),
    "POP": (b"0", Machine.pop),
    "POP_MARK": (b"1", Machine.pop_to_mark),
    "PUT": (b"p", lambda m: m.remember(_whole_number(m.line()))),
    "BINPUT": (b"q", lambda m: m.remember(m.number(_BYTE))),
    "LONG_BINPUT": (b"r", lambda m: m.remember(m.number(_UINT))),
    "MEMOIZE": (b"\x94", lambda m: m.remember(len(m.memo))),
    "GET": (b"g", lambda m: m.recall(_whole_number(m.line()))),
    "BINGET": (b"h", lambda m: m.recall(m.number(_BYTE))),
    "LONG_BINGET": (b"j", lambda m: m.recall(m.number(_UINT))),
    "EMPTY_TUPLE": (b")", lambda m: m.make_tuple([])),
    "TUPLE": (b"t", lambda m: m.make_tuple(m.pop_to_mark())),
    "TUPLE1": (b"\x85", lambda m: m.make_tuple(_top(m, 1))),
    "TUPLE2": (b"\x86", lambda m: m.make_tuple(_top(m, 2))),
    "TUPLE3": (b"\x87", lambda m: m.make_tuple(_top(m, 3))),
    "EMPTY_LIST": (b"]", lambda m: m.make([])),
    "LIST": (b"l", _list),
    "APPEND": (b"a", lambda m: m.append([m.pop()])),
    "APPENDS": (b"e", lambda m: m.append(m.pop_to_mark())),
    "EMPTY_DICT": (b"}", lambda m: m.make({})),
    "DICT": (b"d", _dict),
    "SETITEM": (b"s", lambda m: m.put_entries(_top(m, 2))),
    "SETITEMS": (b"u", lambda m: m.put_entries(m.pop_to_mark())),
    "EMPTY_SET": (b"\x8f", lambda m: m.make(set())),
    "ADDITEMS": (b"\x90", _add_items),
    "FROZENSET": (b"\x91", _frozenset),
    "GLOBAL": (b"c", _global),
    "STACK_GLOBAL": (b"\x93", _stack_global),
    "REDUCE": (b"R", Machine.call),
    "NEWOBJ": (b"\x81", Machine.new),
    "BUILD": (b"b", _build),
    "BINPERSID": (b"Q", _persistent),
}
"""Opcodes that are understood, except STOP: the byte, and what it does."""

FORBIDDEN: dict[str, bytes] = {
    "INST": b"i",
    "OBJ": b"o",
    "PERSID": b"P",
    "DUP": b"2",
    "EXT1": b"\x82",
    "EXT2": b"\x83",
    "EXT4": b"\x84",
    "NEWOBJ_EX": b"\x92",
    "NEXT_BUFFER": b"\x97",
    "READONLY_BUFFER": b"\x98",
}
"""Opcodes that exist and that no checkpoint is written with."""

_STOP = b"."[0]
_STEPS = {code[0]: step for code, step in OPCODES.values()}
_FORBIDDEN = {code[0]: name for name, code in FORBIDDEN.items()}
