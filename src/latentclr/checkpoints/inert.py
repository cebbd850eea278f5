"""What a pickle may name, and what reading it may cost: stand-ins that hold data and do nothing else.

A pickle is a program that names functions and classes ("globals") and calls them. Our reader (`unpickle`)
looks every name up in a closed table of `Global`s. A `Global` never leads to the real thing: it is one of our
own functions, which takes plain data apart or keeps it. Nothing here imports, executes or sets attributes.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from latentclr.errors import InputError, UnsafeFileError

MAX_FILE = 4 << 30
"""Largest file in bytes. The largest published one (two generators and a discriminator) has a tenth of it."""
MAX_OPCODES = 500_000
"""Maximum number of steps for all pickles of a file, a second. StyleGAN2 at 1024 pixels takes 60,000."""
MAX_CONTAINERS = 200_000
"""Maximum number of lists, dicts, tuples, sets and stand-ins of a file: a single byte of it makes one."""
MAX_TUPLE_KEYS = 1_000
"""Maximum number of tuples as keys. Their hashes, unlike those of texts, can be made equal on purpose."""
MAX_TUPLE_KEY_LENGTH = 16
"""Longest such tuple."""
MAX_KEY_LENGTH = 1_000
"""Longest key in characters: equal keys are compared in full."""
SMALL = 1 << 20
"""Bytes that may be copied from a file of any size."""

Arguments = tuple[Any, ...]
Globals = Mapping[tuple[str, str], "Global"]
"""The closed table of what a kind of file may name, by module and name."""


def unneeded(does: str) -> UnsafeFileError:
    """The error for a file that does something no honest one does ("takes more than 5 steps")."""
    return UnsafeFileError(f"it {does}; no checkpoint needs that.")


def damaged(does: str) -> InputError:
    """The error for a pickle that is not whole or not well formed ("has a number that is none")."""
    return InputError(f"the pickle in it {does}; it is damaged.")


class Budget:
    """What reading one file may still cost, shared by all pickles in it.

    Each part of a file is read once, so that an honest file stays far below every limit; a hostile one that
    refers to its own parts again and again runs into them.

    Args:
        size: of the file in bytes.
    """

    def __init__(self, size: int) -> None:
        self.opcodes = MAX_OPCODES
        self.containers = MAX_CONTAINERS
        self.tuple_keys = MAX_TUPLE_KEYS
        # Text is decoded once and, in old protocols, encoded back to bytes and handed on.
        self.copies = 4 * size + SMALL

    def step(self, count: int = 1) -> None:
        """Pay for steps, or for handling this many values at once."""
        self.opcodes -= count
        if self.opcodes < 0:
            raise unneeded(f"takes more than {MAX_OPCODES:,} steps to read")

    def container(self) -> None:
        """Pay for one container or stand-in."""
        self.containers -= 1
        if self.containers < 0:
            raise unneeded(f"makes more than {MAX_CONTAINERS:,} lists, dicts and tuples")

    def copy(self, size: int) -> None:
        """Pay for bytes that are copied out of the file."""
        self.copies -= size
        if self.copies < 0:
            raise unneeded("makes many copies of its own parts")

    def arguments(self, values: Iterable[object]) -> None:
        """Pay for what a stand-in is given, as if it looked at every part and copied every text."""
        for value in values:
            if isinstance(value, list | tuple | dict | set | frozenset):
                self.step(len(value))
            elif isinstance(value, str):
                self.copy(len(value))

    def key(self, key: Any) -> Any:
        """The key itself, refused unless it is plain and cheap to hash and compare."""
        if type(key) is tuple and len(key) <= MAX_TUPLE_KEY_LENGTH:
            self.tuple_keys -= 1
            if self.tuple_keys >= 0 and all(map(_is_simple_key, key)):
                return key
        return _simple_key(key)


def _is_simple_key(key: Any) -> bool:
    kind = type(key)
    if kind is str:
        return len(key) <= MAX_KEY_LENGTH
    if kind is int:
        return bool(-(1 << 63) <= key < 1 << 63)
    return kind is bool or kind is float or key is None


def _simple_key(key: Any) -> Any:
    if not _is_simple_key(key):
        raise unneeded(f"has a key in a dict or set that is no plain text or number ({described(key)})")
    return key


@dataclass(frozen=True, slots=True, eq=False)
class Global:
    """What a (module, name) of a file stands for.

    Attributes:
        title: "module name", for messages.
        call: gives the result of a call for its arguments; None: it may not be called.
        new: makes an instance without arguments; None: there are no instances.
    """

    title: str
    call: Callable[[Arguments], object] | None = None
    new: Callable[[], "Buildable"] | None = None


class Buildable:
    """A stand-in that may be given a state once it exists, as pickle's BUILD does."""

    __slots__ = ()

    def build(self, state: object) -> None:
        """Take the state.

        Raises:
            UnsafeFileError: no honest file has such a state.
        """
        raise NotImplementedError


class Attributes(dict[Any, Any], Buildable):
    """A dict whose class, in the file, may carry attributes of its own; they are left out.

    torch puts the versions of layers beside a state dict in this way (`_metadata`).
    """

    __slots__ = ()

    def build(self, state: object) -> None:  # noqa: D102
        if not isinstance(state, dict):
            raise misused("OrderedDict", state)


class Namespace(Buildable):
    """Attributes with values: the command line options that training scripts keep (argparse.Namespace)."""

    __slots__ = ("values",)

    def __init__(self) -> None:
        self.values: Mapping[str, Any] = {}

    def build(self, state: object) -> None:  # noqa: D102
        if not isinstance(state, dict) or not all(isinstance(key, str) for key in state):
            raise misused("Namespace", state)
        self.values = state


def misused(title: str, given: object) -> UnsafeFileError:
    """The error for a known global that is used as no honest file uses it.

    Args:
        title: of the global.
        given: its arguments or state.
    """
    return UnsafeFileError(
        f"it uses {title!r} as no checkpoint needs it (with {described(given)}); nothing of it was run."
    )


def described(value: object) -> str:
    """The kind of a value, never its content, whose text may be endless."""
    if isinstance(value, tuple | list | dict | set | frozenset):
        return f"a {type(value).__name__} of {len(value)}"
    if isinstance(value, Global):
        return f"the name {value.title!r}"
    return f"a value of type {type(value).__name__}"


def shown(text: str, longest: int = 200) -> str:
    """A text of a file as messages may show it: in one line of plain characters.

    Args:
        text: of the file.
        longest: number of characters after which it is cut off.
    """
    start = text[:longest]
    plain = start if start.isascii() and start.isprintable() else ascii(start)[1:-1]
    return plain[:longest] + ("..." if len(text) > longest or len(plain) > longest else "")


def latin1(text: str) -> bytes:
    """The bytes that a text stands for, one for each character; others are refused."""
    try:
        return text.encode("latin1")
    except UnicodeEncodeError as error:
        raise InputError("a text that should be binary data holds other characters.") from error


def _ordered_dict(args: Arguments) -> Attributes:
    match args:
        case ():
            return Attributes()
        case ([*pairs],):  # Python 2 gives the entries here
            if all(isinstance(pair, tuple | list) and len(pair) == 2 for pair in pairs):
                return Attributes((_simple_key(key), value) for key, value in pairs)
    raise misused("collections OrderedDict", args)


def _counter(args: Arguments) -> Attributes:
    match args:
        case (dict() as counts,):
            return Attributes(counts)
    raise misused("collections Counter", args)


def _set(args: Arguments) -> set[Any]:
    match args:
        case (list() as items,):
            return {_simple_key(item) for item in items}
    raise misused("builtins set", args)


def _encode(args: Arguments) -> memoryview:
    # Protocol 2 knows no bytes: Python 3 writes them as text and this call.
    match args:
        case (str() as text, "latin1"):
            return memoryview(latin1(text))
    raise misused("_codecs encode", args)


def _no_bytes(args: Arguments) -> memoryview:
    # How protocol 2 writes empty bytes.
    match args:
        case ():
            return memoryview(b"")
    raise misused("builtins bytes", args)


def table(found: Iterable[Global]) -> dict[tuple[str, str], Global]:
    """A table of globals by module and name."""
    return {(module, name): entry for entry in found for module, name in [entry.title.split(" ")]}


PLAIN = table(
    [
        Global("collections OrderedDict", call=_ordered_dict),
        Global("collections Counter", call=_counter),  # learning rate schedules
        Global("builtins set", call=_set),
        Global("__builtin__ set", call=_set),
        Global("_codecs encode", call=_encode),
        Global("__builtin__ bytes", call=_no_bytes),
    ]
)
"""What every kind of file may name."""
