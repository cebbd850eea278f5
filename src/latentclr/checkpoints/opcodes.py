"""What each opcode of a pickle does, for those that checkpoints are written with; the others by name only.

The protocol is documented in Python's own `pickletools`.
"""

import re
from collections.abc import Callable
from struct import Struct

from latentclr.checkpoints.inert import Buildable
from latentclr.checkpoints.machine import LONG_TEXT, MAX_LINE, MAX_STACK, Machine, cut_off, decoded
from latentclr.errors import InputError, UnsafeFileError

MAX_INT_BYTES = 32
"""Bytes of a whole number. States of random generators have 16; torch's own magic number has 10."""
MAX_DIGITS = 80
"""Digits of a whole number that is written as text."""

Step = Callable[[Machine], None]

_BYTE, _SHORT, _INT, _UINT, _ULONG = Struct("<B"), Struct("<H"), Struct("<i"), Struct("<I"), Struct("<Q")
_DOUBLE = Struct(">d")


# Plain values


def _protocol(machine: Machine) -> None:
    if (protocol := machine.take(1)[0]) > 5:
        raise InputError(f"it is a pickle of protocol {protocol}; known are 0 to 5.")


def _frame(machine: Machine) -> None:
    # A hint for readers of streams; all that matters here is that its content is there.
    if machine.number(_ULONG) > machine.end - machine.at:
        raise cut_off()


def _constant(value: object) -> Step:
    return lambda machine: machine.push(value)


def _number(layout: Struct) -> Step:
    return lambda machine: machine.push(machine.number(layout))


def _int_line(machine: Machine) -> None:
    line = machine.line(MAX_LINE)
    machine.push(line == b"01" if line in (b"00", b"01") else _whole_number(line))


def _long_line(machine: Machine) -> None:
    machine.push(_whole_number(machine.line(MAX_LINE).removesuffix(b"L")))


def _whole_number(line: bytes) -> int:
    if len(line) > MAX_DIGITS:
        raise UnsafeFileError(
            f"it holds a number of more than {MAX_DIGITS} digits; no checkpoint needs that."
        )
    if not re.fullmatch(rb"[+-]?[0-9]+", line):
        raise InputError("the pickle in it has a number that is none; it is damaged.")
    return int(line)


def _long_bytes(layout: Struct) -> Step:
    def step(machine: Machine) -> None:
        length = machine.number(layout)
        if length > MAX_INT_BYTES:
            raise UnsafeFileError(f"it holds a number of {length:,} bytes; no checkpoint needs that.")
        machine.push(int.from_bytes(machine.take(length), "little", signed=True))

    return step


def _float_line(machine: Machine) -> None:
    try:
        machine.push(float(machine.line(MAX_LINE)))
    except ValueError as error:
        raise InputError("the pickle in it has a number that is none; it is damaged.") from error


# Texts and bytes. What Python 2 called a string may be either: it becomes a text, a character for each byte.


def _text(layout: Struct, encoding: str = "utf-8") -> Step:
    return lambda machine: machine.push(machine.text(machine.number(layout), encoding))


def _bytes(layout: Struct) -> Step:
    return lambda machine: machine.push(machine.take(machine.number(layout)))


def _string_line(machine: Machine) -> None:
    line = machine.line(machine.end)
    machine.budget.copy(len(line))
    if len(line) < 2 or line[:1] not in (b"'", b'"') or line[:1] != line[-1:]:
        raise InputError("the pickle in it has a text without quotation marks; it is damaged.")
    machine.push(_ESCAPE.sub(_unescaped, line[1:-1]).decode("latin1"))


_ESCAPE = re.compile(rb"\\(x[0-9a-fA-F]{2}|.?)", re.DOTALL)
_ESCAPED = dict(zip(b"\\'\"abfnrtv", b"\\'\"\a\b\f\n\r\t\v", strict=True))


def _unescaped(match: re.Match[bytes]) -> bytes:
    what = match[1]
    if len(what) == 3:
        return bytes([int(what[1:], 16)])
    if what and what[0] in _ESCAPED:
        return bytes([_ESCAPED[what[0]]])
    raise InputError("the pickle in it has a text with an unknown escape; it is damaged.")


def _unicode_line(machine: Machine) -> None:
    line = machine.line(LONG_TEXT)
    machine.budget.copy(len(line))
    machine.push(decoded(line, "raw-unicode-escape"))


# Stack and memo


def _mark(machine: Machine) -> None:
    machine.marks.append(len(machine.stack))
    if len(machine.marks) > MAX_STACK:
        raise UnsafeFileError(f"it sets more than {MAX_STACK:,} marks at once; no checkpoint needs that.")


def _pop(machine: Machine) -> None:
    machine.pop()


def _pop_mark(machine: Machine) -> None:
    machine.pop_to_mark()


def _put_line(machine: Machine) -> None:
    machine.remember(_whole_number(machine.line(MAX_LINE)))


def _get_line(machine: Machine) -> None:
    machine.recall(_whole_number(machine.line(MAX_LINE)))


def _put(layout: Struct) -> Step:
    return lambda machine: machine.remember(machine.number(layout))


def _get(layout: Struct) -> Step:
    return lambda machine: machine.recall(machine.number(layout))


def _memoize(machine: Machine) -> None:
    machine.remember(len(machine.memo))


# Containers


def _new_tuple(values: tuple[object, ...], machine: Machine) -> None:
    if values:
        machine.make(values, values)
    else:
        machine.push(values)  # there is one empty tuple only, and nothing can be put into it


def _tuple_of(size: int) -> Step:
    return lambda machine: _new_tuple(tuple([machine.pop() for _ in range(size)][::-1]), machine)


def _tuple(machine: Machine) -> None:
    _new_tuple(tuple(machine.pop_to_mark()), machine)


def _list(machine: Machine) -> None:
    values = machine.pop_to_mark()
    machine.make(values, values)


def _dict(machine: Machine) -> None:
    flat = machine.pop_to_mark()
    machine.make({})
    machine.put_entries(machine.stack[-1], flat)


def _frozenset(machine: Machine) -> None:
    machine.make(frozenset([machine.budget.key(value) for value in machine.pop_to_mark()]))


def _append(machine: Machine) -> None:
    value = machine.pop()
    target = machine.top(list, "appends to")
    machine.grow(target, (value,))
    target.append(value)


def _appends(machine: Machine) -> None:
    values = machine.pop_to_mark()
    target = machine.top(list, "appends to")
    machine.grow(target, values)
    target.extend(values)


def _set_item(machine: Machine) -> None:
    value = machine.pop()
    flat = [machine.pop(), value]
    machine.put_entries(machine.top(dict, "puts entries into"), flat)


def _set_items(machine: Machine) -> None:
    flat = machine.pop_to_mark()
    machine.put_entries(machine.top(dict, "puts entries into"), flat)


def _add_items(machine: Machine) -> None:
    values = machine.pop_to_mark()
    machine.top(set, "adds to").update([machine.budget.key(value) for value in values])


# Names and stand-ins


def _global(machine: Machine) -> None:
    module, name = machine.line(MAX_LINE), machine.line(MAX_LINE)
    machine.look_up(decoded(module, "utf-8"), decoded(name, "utf-8"))


def _stack_global(machine: Machine) -> None:
    name, module = machine.pop(), machine.pop()
    if not isinstance(name, str) or not isinstance(module, str):
        raise UnsafeFileError("it asks for a name that is no text; no checkpoint needs that.")
    machine.look_up(module, name)


def _reduce(machine: Machine) -> None:
    name, args = machine.pop_call()
    if name.call is None:
        raise UnsafeFileError(f"it calls '{name.title}', which no checkpoint needs; nothing of it was run.")
    machine.give(name.call(args), args)


def _new_object(machine: Machine) -> None:
    name, args = machine.pop_call()
    if name.new is None or args:
        raise UnsafeFileError(
            f"it makes an instance of '{name.title}' as no checkpoint needs it; nothing of it was run."
        )
    machine.make(name.new())


def _build(machine: Machine) -> None:
    state = machine.pop()
    target = machine.top(Buildable, "sets attributes of")
    machine.grow(target, (state,))
    machine.budget.hand_over((state, *state) if isinstance(state, tuple) else (state,))
    target.build(state)


def _persistent(machine: Machine) -> None:
    reference = machine.pop()
    if machine.persistent is None:
        raise UnsafeFileError(
            "it refers to something outside itself (BINPERSID); no file of its kind does that."
        )
    machine.push(machine.persistent(reference))


OPCODES: dict[str, tuple[bytes, Step]] = {
    "PROTO": (b"\x80", _protocol),
    "FRAME": (b"\x95", _frame),
    "NONE": (b"N", _constant(None)),
    "NEWTRUE": (b"\x88", _constant(True)),
    "NEWFALSE": (b"\x89", _constant(False)),
    "INT": (b"I", _int_line),
    "BININT": (b"J", _number(_INT)),
    "BININT1": (b"K", _number(_BYTE)),
    "BININT2": (b"M", _number(_SHORT)),
    "LONG": (b"L", _long_line),
    "LONG1": (b"\x8a", _long_bytes(_BYTE)),
    "LONG4": (b"\x8b", _long_bytes(_INT)),
    "FLOAT": (b"F", _float_line),
    "BINFLOAT": (b"G", _number(_DOUBLE)),
    "STRING": (b"S", _string_line),
    "BINSTRING": (b"T", _text(_INT, "latin1")),
    "SHORT_BINSTRING": (b"U", _text(_BYTE, "latin1")),
    "UNICODE": (b"V", _unicode_line),
    "BINUNICODE": (b"X", _text(_UINT)),
    "SHORT_BINUNICODE": (b"\x8c", _text(_BYTE)),
    "BINUNICODE8": (b"\x8d", _text(_ULONG)),
    "BINBYTES": (b"B", _bytes(_UINT)),
    "SHORT_BINBYTES": (b"C", _bytes(_BYTE)),
    "BINBYTES8": (b"\x8e", _bytes(_ULONG)),
    "BYTEARRAY8": (b"\x96", _bytes(_ULONG)),
    "MARK": (b"(", _mark),
    "POP": (b"0", _pop),
    "POP_MARK": (b"1", _pop_mark),
    "PUT": (b"p", _put_line),
    "BINPUT": (b"q", _put(_BYTE)),
    "LONG_BINPUT": (b"r", _put(_UINT)),
    "GET": (b"g", _get_line),
    "BINGET": (b"h", _get(_BYTE)),
    "LONG_BINGET": (b"j", _get(_UINT)),
    "MEMOIZE": (b"\x94", _memoize),
    "EMPTY_TUPLE": (b")", _constant(())),
    "TUPLE": (b"t", _tuple),
    "TUPLE1": (b"\x85", _tuple_of(1)),
    "TUPLE2": (b"\x86", _tuple_of(2)),
    "TUPLE3": (b"\x87", _tuple_of(3)),
    "EMPTY_LIST": (b"]", lambda machine: machine.make([])),
    "LIST": (b"l", _list),
    "APPEND": (b"a", _append),
    "APPENDS": (b"e", _appends),
    "EMPTY_DICT": (b"}", lambda machine: machine.make({})),
    "DICT": (b"d", _dict),
    "SETITEM": (b"s", _set_item),
    "SETITEMS": (b"u", _set_items),
    "EMPTY_SET": (b"\x8f", lambda machine: machine.make(set())),
    "ADDITEMS": (b"\x90", _add_items),
    "FROZENSET": (b"\x91", _frozenset),
    "GLOBAL": (b"c", _global),
    "STACK_GLOBAL": (b"\x93", _stack_global),
    "REDUCE": (b"R", _reduce),
    "NEWOBJ": (b"\x81", _new_object),
    "BUILD": (b"b", _build),
    "BINPERSID": (b"Q", _persistent),
}
"""Opcodes that are understood, STOP aside."""

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
