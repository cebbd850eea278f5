"""A bounded memory for several threads."""

import threading

import pytest

from latentclr.explorer.cache import Cache


def test_the_one_that_was_asked_for_longest_ago_goes_first() -> None:
    cache, computed = Cache[str](2), []

    def get(key: str) -> str:
        def compute() -> str:
            computed.append(key)
            return key.upper()

        return cache.get(key, compute)

    assert [get(key) for key in "abaca"] == list("ABACA")
    assert computed == ["a", "b", "c"]
    assert (cache.peek("a"), cache.peek("b"), cache.peek("x")) == ("A", None, None)


def test_one_computes_and_the_others_wait_for_it() -> None:
    cache, computed, found = Cache[int](5), [], []
    looked: set[int] = set()
    everybody = threading.Event()

    class Key:
        def __hash__(self) -> int:  # whoever looks for the value asks for this
            looked.add(threading.get_ident())
            if len(looked) == 4:
                everybody.set()
            return 0

    key = Key()

    def slow() -> int:
        computed.append(1)
        assert everybody.wait(60)  # all have seen that the value is not there
        return len(computed)

    def ask() -> None:
        found.append(cache.get(key, slow))

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [1, 1, 1, 1]


def test_a_failure_is_not_remembered() -> None:
    cache = Cache[int](5)
    with pytest.raises(ZeroDivisionError):
        cache.get("key", lambda: 1 // 0)
    assert cache.get("key", lambda: 7) == 7
