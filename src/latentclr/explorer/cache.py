"""A bounded memory of what was computed, for several threads."""

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

Value = TypeVar("Value")


class Cache(Generic[Value]):
    """Values by key; the one that was asked for longest ago goes first.

    Of two threads that ask for the same missing value, one computes it and the other waits for it; threads
    that ask for other values wait for nobody.
    """

    def __init__(self, most: int) -> None:
        """Keep at most so many values."""
        self._most = most
        self._values: OrderedDict[Hashable, Value] = OrderedDict()
        self._busy: dict[Hashable, threading.Lock] = {}
        self._lock = threading.Lock()

    def get(self, key: Hashable, compute: Callable[[], Value]) -> Value:
        """The value of a key, computed where it is not there. What `compute` raises is remembered nowhere."""
        with self._lock:
            if key in self._values:
                self._values.move_to_end(key)
                return self._values[key]
            busy = self._busy.setdefault(key, threading.Lock())
        with busy:
            with self._lock:
                if key in self._values:
                    return self._values[key]
            try:
                value = compute()
            except BaseException:
                with self._lock:
                    self._busy.pop(key, None)
                raise
            with self._lock:  # the value is there before the next one could begin to compute it again
                self._busy.pop(key, None)
                self._values[key] = value
                while len(self._values) > self._most:
                    self._values.popitem(last=False)
            return value

    def peek(self, key: Hashable) -> Value | None:
        """The value of a key; None: it is not there, or not yet."""
        with self._lock:
            return self._values.get(key)
