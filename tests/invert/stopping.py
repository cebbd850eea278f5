"""Searches and trainings that are stopped."""

from collections.abc import Callable


def stop_after(steps: int) -> Callable[[], bool]:
    """Says no so many times, and then yes."""
    asked = iter([False] * steps)
    return lambda: next(asked, True)
