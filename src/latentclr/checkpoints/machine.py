"""The state of a pickle while it is read: place, stack, marks, memo, and what is known of each container.

Depth is bounded as things are built. A container that has been put into another one is sealed and cannot
change any more, so its level (1, or one more than the deepest thing in it) stays true, and nothing can
contain itself. Honest pickles never notice: they finish a container before they put it anywhere, unless it
contains itself.
"""

import struct
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from latentclr.checkpoints.inert import Budget, Name, Table, described, shown
from latentclr.errors import InputError, UnsafeFileError

MAX_DEPTH = 64
"""Containers in containers. A StyleGAN2 pickle has 26. Python's own recursion ends at 1,000."""
MAX_STACK = 100_000
"""Values or marks that wait. Writers hand over lists and dicts in batches of 1,000; tuples are short."""
MAX_MEMO = 300_000
"""Values that may be referred to again."""
MAX_LINE = 400
"""Characters of a number or a name that is written as a line of text."""
LONG_TEXT = 1 << 20
"""Bytes above which a text must be binary data in disguise; others would take up to four times their size."""


class Machine:
    """One pickle that is being read.

    Attributes:
        data: starts with the pickle.
        at: of the next byte.
        stack: values that wait.
        marks: heights of the stack.
        memo: values by the number under which they may be referred to again.
    """

    def __init__(
        self,
        data: memoryview,
        names: Table,
        budget: Budget,
        persistent: Callable[[object], object] | None,
    ) -> None:
        self.data, self.end, self.at = data, len(data), 0
        self.names, self.budget, self.persistent = names, budget, persistent
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

    def line(self, longest: int) -> bytes:
        """The next bytes up to a line feed, which is passed over."""
        window = 64
        while True:
            chunk = bytes(self.data[self.at : self.at + window])
            length = chunk.find(b"\n")
            if 0 <= length <= longest:
                self.at += length + 1
                return chunk[:length]
            if length >= 0 or window > longest:
                raise InputError(
                    f"the pickle in it has a line of more than {longest} characters; it is damaged."
                )
            if len(chunk) < window:
                raise cut_off()
            window *= 4

    def text(self, size: int, encoding: str) -> str:
        """The next bytes as text."""
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

    def pop_to_mark(self) -> list[Any]:
        """Take the values above the last mark, and the mark."""
        if not self.marks:
            raise InputError("the pickle in it looks for a mark that it has not set; it is damaged.")
        start = self.marks.pop()
        values = self.stack[start:]
        del self.stack[start:]
        return values

    def remember(self, index: int) -> None:
        """Give the value on top a number."""
        self._need_one()
        self.memo[index] = self.stack[-1]
        if len(self.memo) > MAX_MEMO:
            raise UnsafeFileError(f"it remembers more than {MAX_MEMO:,} values; no checkpoint needs that.")

    def recall(self, index: int) -> None:
        """Push the value of a number."""
        if index not in self.memo:
            raise InputError("the pickle in it refers to a value that it does not hold; it is damaged.")
        self.stack.append(self.memo[index])

    def _need_one(self) -> None:
        if len(self.stack) <= (self.marks[-1] if self.marks else 0):
            raise InputError("the pickle in it takes more values than it has; it is damaged.")

    # Containers

    def make(self, container: object, content: Iterable[object] = ()) -> None:
        """Push a new container and seal what is in it."""
        self.budget.container()
        self._levels[id(container)] = self._hold(content)
        self._kept.append(container)
        self.stack.append(container)

    def give(self, value: object, args: tuple[Any, ...]) -> None:
        """Push what a stand-in gave for its arguments: a new container, one of theirs, or a plain value."""
        if (
            value is None
            or isinstance(value, bool | int | float | str | memoryview)
            or id(value) in self._levels
        ):
            self.stack.append(value)
        else:
            self.make(value, args)

    def top(self, kind: type, task: str) -> Any:
        """The container on top of the stack, to be changed: of this kind, and in no other one yet."""
        self._need_one()
        target = self.stack[-1]
        if not isinstance(target, kind):
            raise UnsafeFileError(
                f"it {task} {described(target)}, which no checkpoint needs; nothing of it was run."
            )
        if id(target) in self._sealed:
            raise UnsafeFileError(
                "it changes what is already in another container; no checkpoint needs that."
            )
        return target

    def grow(self, target: object, content: Iterable[object]) -> None:
        """Seal what is about to be put into a container."""
        self._levels[id(target)] = max(self._levels[id(target)], self._hold(content))
        if id(target) in self._sealed:
            raise UnsafeFileError("it puts a container into itself; no checkpoint needs that.")

    def put_entries(self, target: dict[Any, Any], flat: list[Any]) -> None:
        """Put key, value, key, value, ... into a dict."""
        if len(flat) % 2:
            raise InputError("the pickle in it has a key without a value; it is damaged.")
        self.grow(target, flat[1::2])
        for place in range(0, len(flat), 2):
            target[self.budget.key(flat[place])] = flat[place + 1]

    def _hold(self, values: Iterable[object]) -> int:
        """Seal values; the level of a container that holds them."""
        deepest, levels = 0, self._levels
        for value in values:
            level = levels.get(id(value))
            if level is not None:
                self._sealed.add(id(value))
                if level > deepest:
                    deepest = level
        if deepest >= MAX_DEPTH:
            raise UnsafeFileError(f"it nests more than {MAX_DEPTH} levels deep; no checkpoint needs that.")
        return deepest + 1

    # Names

    def look_up(self, module: str, name: str) -> None:
        """Push the stand-in of a name."""
        found = self.names.get((module, name))
        if found is None:
            raise UnsafeFileError(
                f"it asks for '{shown(module)} {shown(name)}', which is not among the names that checkpoints "
                "need; nothing of it was run. If you trust its source, save the network's state_dict() there."
            )
        self.stack.append(found)

    def pop_call(self) -> tuple[Name, tuple[Any, ...]]:
        """Take a name and its arguments."""
        args, name = self.pop(), self.pop()
        if not isinstance(name, Name) or not isinstance(args, tuple):
            raise UnsafeFileError(
                f"it calls {described(name)}, which no checkpoint needs; nothing of it was run."
            )
        self.budget.hand_over((args, *args))
        return name, args


def cut_off() -> InputError:
    """The error for a pickle that ends too early."""
    return InputError("the pickle in it is cut off; the file is not whole.")


def decoded(data: memoryview | bytes, encoding: str) -> str:
    """Text of bytes.

    Raises:
        InputError: they are no such text.
    """
    try:
        return str(data, encoding)
    except UnicodeDecodeError as error:
        raise InputError("the pickle in it has a text that cannot be decoded; it is damaged.") from error
