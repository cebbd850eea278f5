"""What pickled files may ask for, and what it costs: stand-ins that can hold data and do nothing else.

A pickle is a program that names functions and classes and calls them. Our reader (`unpickle`) looks every
name up in a closed table of `Name`s. A `Name` never leads to the real thing: it is one of our own functions,
which takes plain data apart or keeps it. Nothing here imports, executes or sets attributes.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from latentclr.errors import InputError, UnsafeFileError

MAX_FILE = 4 << 30
"""Bytes of a file. The largest published generator (with its discriminator, twice) has a tenth of that."""
MAX_OPCODES = 500_000
"""Steps of all pickles of a file: at most a second. StyleGAN2 at 1024 pixels, all networks, takes 60,000."""
MAX_CONTAINERS = 200_000
"""Lists, dicts, tuples, sets and stand-ins of a file: a single byte of it makes one, so they are counted."""
MAX_TUPLE_KEYS = 1_000
"""Tuples as keys. Their hashes, unlike those of texts, can be made equal on purpose; then each costs all."""
MAX_TUPLE_KEY_LENGTH = 16
"""Parts of such a tuple."""
MAX_KEY_LENGTH = 1_000
"""Characters of a key: equal keys are compared in full."""
SMALL = 1 << 20
"""Bytes that are never worth a complaint."""

Table = Mapping[tuple[str, str], "Name"]
"""The closed list of (module, name) that a kind of file may ask for."""


class Budget:
    """What reading one file may still cost, shared by everything that is nested in it.

    Each part of a file is read once, so that an honest file stays far below every limit; a hostile one that
    refers to its own parts again and again runs into them.
    """

    def __init__(self, size: int) -> None:
        """For a file of `size` bytes."""
        self.opcodes = MAX_OPCODES
        self.containers = MAX_CONTAINERS
        self.tuple_keys = MAX_TUPLE_KEYS
        # Text is decoded once and, in old protocols, encoded back to bytes and handed on.
        self.copies = 4 * size + SMALL

    def step(self, count: int = 1) -> None:
        """Pay for steps, or for handling this many values at once."""
        self.opcodes -= count
        if self.opcodes < 0:
            raise UnsafeFileError(
                f"it takes more than {MAX_OPCODES:,} steps to read; no checkpoint needs that."
            )

    def container(self) -> None:
        """Pay for one container or stand-in."""
        self.containers -= 1
        if self.containers < 0:
            raise UnsafeFileError(
                f"it makes more than {MAX_CONTAINERS:,} lists, dicts and tuples; no checkpoint needs that."
            )

    def copy(self, size: int) -> None:
        """Pay for bytes that are copied out of the file."""
        self.copies -= size
        if self.copies < 0:
            raise UnsafeFileError("it makes many copies of its own parts; no checkpoint needs that.")

    def hand_over(self, values: Iterable[object]) -> None:
        """Pay for what a stand-in is given, as if it looked at every part and copied every text."""
        for value in values:
            if isinstance(value, list | tuple | dict | set | frozenset):
                self.step(len(value))
            elif isinstance(value, str):
                self.copy(len(value))

    def key(self, key: Any) -> Any:
        """The key itself, if it is plain and cheap to hash and compare."""
        if type(key) is tuple and len(key) <= MAX_TUPLE_KEY_LENGTH:
            self.tuple_keys -= 1
            if self.tuple_keys >= 0 and all(map(_is_simple_key, key)):
                return key
        elif _is_simple_key(key):
            return key
        raise bad_key(key)


def _is_simple_key(key: Any) -> bool:
    kind = type(key)
    if kind is str:
        return len(key) <= MAX_KEY_LENGTH
    if kind is int:
        return bool(-(1 << 63) <= key < 1 << 63)
    return kind is bool or kind is float or key is None


def bad_key(key: object) -> UnsafeFileError:
    """The error for a key of a dict or set that is not plain."""
    return UnsafeFileError(
        f"it has a key in a dict or set that is no plain text or number ({described(key)}); no checkpoint "
        "needs that."
    )


@dataclass(frozen=True, slots=True, eq=False)
class Name:
    """What a (module, name) of a file stands for.

    Attributes:
        title: "module name", for messages.
        call: what calling it gives, for a tuple of arguments; None if it may not be called.
        new: what making an instance without arguments gives; None if there are no instances.
    """

    title: str
    call: Callable[[tuple[Any, ...]], object] | None = None
    new: Callable[[], "Buildable"] | None = None


class Buildable:
    """A stand-in that may be given a state once it is there, as pickle's BUILD does."""

    __slots__ = ()

    def build(self, state: object) -> None:
        """Take the state.

        Raises:
            UnsafeFileError: it is none that an honest file has.
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
        if not isinstance(state, dict):
            raise misused("Namespace", state)
        if not all(isinstance(key, str) for key in state):
            raise misused("Namespace", state)
        self.values = state


def misused(title: str, given: object) -> UnsafeFileError:
    """The error for a known name that is used as no honest file uses it."""
    return UnsafeFileError(
        f"it uses {title!r} as no checkpoint needs it (with {described(given)}); nothing of it was run."
    )


def described(value: object) -> str:
    """The kind of a value and never its content, whose text may be without end."""
    if isinstance(value, tuple | list | dict | set | frozenset):
        return f"a {type(value).__name__} of {len(value)}"
    if isinstance(value, Name):
        return f"the name {value.title!r}"
    return f"a value of type {type(value).__name__}"


def shown(text: str, longest: int = 200) -> str:
    """A text of a file for a message: in one line, plain characters only, not too long."""
    start = text[:longest]
    plain = start if start.isascii() and start.isprintable() else ascii(start)[1:-1]
    return plain[:longest] + ("..." if len(text) > longest or len(plain) > longest else "")


def _ordered_dict(args: tuple[Any, ...]) -> Attributes:
    match args:
        case ():
            return Attributes()
        case ([*pairs],):  # Python 2 gives the entries here
            if all(isinstance(pair, tuple | list) and len(pair) == 2 for pair in pairs):
                return Attributes((_simple_key(key), value) for key, value in pairs)
    raise misused("collections OrderedDict", args)


def _counter(args: tuple[Any, ...]) -> Attributes:
    match args:
        case (dict() as counts,):
            return Attributes(counts)
    raise misused("collections Counter", args)


def _set(args: tuple[Any, ...]) -> set[Any]:
    match args:
        case (list() as items,):
            return {_simple_key(item) for item in items}
    raise misused("builtins set", args)


def _simple_key(key: Any) -> Any:
    if not _is_simple_key(key):
        raise bad_key(key)
    return key


def _encode(args: tuple[Any, ...]) -> memoryview:
    # Protocol 2 knows no bytes: Python 3 writes them as text and this call.
    match args:
        case (str() as text, "latin1"):
            return memoryview(latin1(text))
    raise misused("_codecs encode", args)


def _no_bytes(args: tuple[Any, ...]) -> memoryview:
    # How protocol 2 writes empty bytes.
    match args:
        case ():
            return memoryview(b"")
    raise misused("builtins bytes", args)


def latin1(text: str) -> bytes:
    """The bytes that a text stands for, one for each character.

    Raises:
        InputError: it holds characters that are no bytes.
    """
    try:
        return text.encode("latin1")
    except UnicodeEncodeError as error:
        raise InputError("a text that should be binary data holds other characters.") from error


def table(names: Iterable[Name]) -> dict[tuple[str, str], Name]:
    """Names by (module, name)."""
    return {(module, name): entry for entry in names for module, name in [entry.title.split(" ")]}


PLAIN = table(
    [
        Name("collections OrderedDict", call=_ordered_dict),
        Name("collections Counter", call=_counter),  # learning rate schedules
        Name("builtins set", call=_set),
        Name("__builtin__ set", call=_set),
        Name("_codecs encode", call=_encode),
        Name("__builtin__ bytes", call=_no_bytes),
    ]
)
"""What every kind of file may ask for."""
