"""The state of a pickle while it is read: position, stack, marks, memo, and what is known of each container.

Depth is bounded as things are built. A container that has been put into another one is sealed and cannot
change any more, so its level (1, or one more than the deepest thing in it) stays true, and nothing can
contain itself. Honest pickles never notice: they finish a container before they put it anywhere, unless it
contains itself.
"""

import struct
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from latentclr.checkpoints.inert import (
    Arguments,
    Budget,
    Global,
    Globals,
    damaged,
    described,
    shown,
    unneeded,
)
from latentclr.errors import InputError, UnsafeFileError

MAX_DEPTH = 64
"""Deepest nesting of containers. A StyleGAN2 pickle has 26. Python's own recursion ends at 1,000."""
MAX_STACK = 100_000
"""Maximum number of values, or of marks, on the stack. Lists and dicts are written in batches of 1,000."""
MAX_MEMO = 300_000
"""Maximum number of values that may be referred to again."""
MAX_LINE = 400
"""Longest number or name that is written as a line of text, in characters."""
LONG_TEXT = 1 << 20
"""Bytes above which a text must be binary data in disguise; others would take up to four times their size."""


class Machine:
    """One pickle that is being read.

    Args:
        data: bytes that start with the pickle.
        known: globals that it may name.
        budget: what reading may cost.
        persistent: gives the value of a persistent id; None: there are none.

    Attributes:
        at: position of the next byte.
        stack: values that wait.
        marks: heights of the stack.
        memo: values by the number under which they may be referred to again.
    """

    def __init__(
        self,
        data: memoryview,
        known: Globals,
        budget: Budget,
        persistent: Callable[[object], object] | None,
    ) -> None:
        self.data, self.end, self.at = data, len(data), 0
        self.known, self.budget, self.persistent = known, budget, persistent
        self.stack: list[Any] = []
        self.marks: list[int] = []
        self.memo: dict[int, Any] = {}
        # By id. Every container is kept, so that no other value can come to have its id.
        self._kept: list[Any] = []
        self._levels: dict[int, int] = {}
        self._sealed: set[int] = set()

    # Reading

    def take(self, size: int) -> memoryview:
        """The next bytes, not copied."""
        start = self.at
        if not 0 <= size <= self.end - start:
            raise cut_off()
        self.at = start + size
        return self.data[start : start + size]

    def number(self, layout: struct.Struct) -> Any:
        """The next number in a fixed layout."""
        start = self.at
        self.at = start + layout.size
        if self.at > self.end:
            raise cut_off()
        return layout.unpack_from(self.data, start)[0]

    def line(self, longest: int = MAX_LINE) -> bytes:
        """The next bytes up to a line feed, which is skipped."""
        window = 64
        while True:
            chunk = bytes(self.data[self.at : self.at + window])
            length = chunk.find(b"\n")
            if 0 <= length <= longest:
                self.at += length + 1
                return chunk[:length]
            if length >= 0 or window > longest:
                raise damaged(f"has a line of more than {longest} characters")
            if len(chunk) < window:
                raise cut_off()
            window *= 4

    def text(self, layout: struct.Struct, encoding: str = "utf-8") -> str:
        """The next text, which follows its length.

        Args:
            layout: of the length.
            encoding: of the text.
        """
        size = self.number(layout)
        view = self.take(size)
        self.budget.copy(size)
        # In UTF-8 a byte above C3 starts a character above U+00FF.
        if size > LONG_TEXT and encoding == "utf-8" and np.frombuffer(view, np.uint8).max() > 0xC3:
            raise UnsafeFileError(f"it holds a text of {size:,} bytes that is no binary data.")
        return decoded(view, encoding)

    # Stack and memo

    def push(self, value: object) -> None:
        """Put a value on the stack."""
        self.stack.append(value)

    def pop(self) -> Any:
        """Take the value on top, never one below the last mark."""
        self._need_one()
        return self.stack.pop()

    def mark(self) -> None:
        """Remember the height of the stack."""
        self.marks.append(len(self.stack))
        if len(self.marks) > MAX_STACK:
            raise unneeded(f"sets more than {MAX_STACK:,} marks at once")

    def pop_to_mark(self) -> list[Any]:
        """Take the values above the last mark, and the mark."""
        if not self.marks:
            raise damaged("looks for a mark that it has not set")
        start = self.marks.pop()
        values = self.stack[start:]
        del self.stack[start:]
        return values

    def remember(self, index: int) -> None:
        """Give the value on top a number."""
        self._need_one()
        self.memo[index] = self.stack[-1]
        if len(self.memo) > MAX_MEMO:
            raise unneeded(f"remembers more than {MAX_MEMO:,} values")

    def recall(self, index: int) -> None:
        """Push the value of a number."""
        if index not in self.memo:
            raise damaged("refers to a value that it does not hold")
        self.stack.append(self.memo[index])

    def _need_one(self) -> None:
        if len(self.stack) <= (self.marks[-1] if self.marks else 0):
            raise damaged("takes more values than it has")

    # Containers

    def make(self, container: object, content: Iterable[object] = ()) -> None:
        """Push a new container and seal what is in it.

        Args:
            container: the container, filled.
            content: values in it that may be containers.
        """
        self.budget.container()
        self._levels[id(container)] = self._seal(content)
        self._kept.append(container)
        self.stack.append(container)

    def make_tuple(self, values: list[Any]) -> None:
        """Push a tuple of the values."""
        if values:
            self.make(tuple(values), values)
        else:
            self.push(())  # there is one empty tuple only, and nothing can be put into it

    def changeable(self, kind: type, task: str) -> Any:
        """The container on top of the stack, to be changed.

        Args:
            kind: that it must have.
            task: what is done to it, for the message ("appends to").
        """
        self._need_one()
        target = self.stack[-1]
        if not isinstance(target, kind):
            raise _not_run(f"{task} {described(target)}")
        if id(target) in self._sealed:
            raise unneeded("changes what is already in another container")
        return target

    def grow(self, target: object, content: Iterable[object]) -> None:
        """Seal what is about to be put into a container.

        Args:
            target: the container.
            content: values that go into it.
        """
        self._levels[id(target)] = max(self._levels[id(target)], self._seal(content))
        if id(target) in self._sealed:
            raise unneeded("puts a container into itself")

    def append(self, values: list[Any]) -> None:
        """Append to the list on top of the stack."""
        target = self.changeable(list, "appends to")
        self.grow(target, values)
        target.extend(values)

    def put_entries(self, flat: list[Any]) -> None:
        """Put key, value, key, value, ... into the dict on top of the stack."""
        target = self.changeable(dict, "puts entries into")
        if len(flat) % 2:
            raise damaged("has a key without a value")
        self.grow(target, flat[1::2])
        for place in range(0, len(flat), 2):
            target[self.budget.key(flat[place])] = flat[place + 1]

    def _seal(self, values: Iterable[object]) -> int:
        """Seal values, and return the level of a container that holds them."""
        deepest, levels = 0, self._levels
        for value in values:
            level = levels.get(id(value))
            if level is not None:
                self._sealed.add(id(value))
                if level > deepest:
                    deepest = level
        if deepest >= MAX_DEPTH:
            raise unneeded(f"nests more than {MAX_DEPTH} levels deep")
        return deepest + 1

    # Globals

    def look_up(self, module: str, name: str) -> None:
        """Push the stand-in of a global.

        Args:
            module: of the global, as the file spells it.
            name: in the module.
        """
        found = self.known.get((module, name))
        if found is None:
            raise UnsafeFileError(
                f"it asks for '{shown(module)} {shown(name)}', which is not among the names that checkpoints "
                "need; nothing of it was run. If you trust its source, save the network's state_dict() there."
            )
        self.stack.append(found)

    def call(self) -> None:
        """Call the global below the arguments, and push the result: new, one of the arguments, or plain."""
        name, args = self._pop_call()
        if name.call is None:
            raise _not_run(f"calls '{name.title}'")
        value = name.call(args)
        plain = value is None or isinstance(value, bool | int | float | str | memoryview)
        if plain or id(value) in self._levels:
            self.stack.append(value)
        else:
            self.make(value, args)

    def new(self) -> None:
        """Push an instance of the global below the arguments, which must be none."""
        name, args = self._pop_call()
        if name.new is None or args:
            raise UnsafeFileError(
                f"it makes an instance of '{name.title}' as no checkpoint needs it; nothing of it was run."
            )
        self.make(name.new())

    def _pop_call(self) -> tuple[Global, Arguments]:
        args, name = self.pop(), self.pop()
        if not isinstance(name, Global) or not isinstance(args, tuple):
            raise _not_run(f"calls {described(name)}")
        self.budget.arguments((args, *args))
        return name, args


def _not_run(does: str) -> UnsafeFileError:
    return UnsafeFileError(f"it {does}, which no checkpoint needs; nothing of it was run.")


def cut_off() -> InputError:
    """The error for a pickle that ends too early."""
    return InputError("the pickle in it is cut off; the file is not whole.")


def decoded(data: memoryview | bytes, encoding: str) -> str:
    """Decode a text, refused if it is none.

    Args:
        data: the bytes.
        encoding: of the bytes.
    """
    try:
        return str(data, encoding)
    except UnicodeDecodeError as error:
        raise damaged("has a text that cannot be decoded") from error
