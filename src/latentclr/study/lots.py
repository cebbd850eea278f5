"""What is drawn by lot when a study is made. Only `Random.random` is asked, whose values Python promises."""

from collections.abc import Sequence
from random import Random

from latentclr.study.plan import Pair

LARGEST = 1_000_000
"""Numbers of pictures are below, so that people can type them."""


def seeds(rng: Random, wanted: int) -> tuple[int, ...]:
    """Numbers of so many different pictures."""
    found: dict[int, None] = {}
    while len(found) < wanted:
        found[int(rng.random() * LARGEST)] = None
    return tuple(found)


def pairs(rng: Random, sizes: Sequence[int], wanted: int) -> tuple[Pair, ...]:
    """Directions of every two runs put beside each other, each about equally often.

    Args:
        rng: of the study.
        sizes: directions of each run.
        wanted: pairs of every two runs.
    """
    found = []
    for a in range(len(sizes)):
        for b in range(a + 1, len(sizes)):
            first, second = (_in_rounds(rng, sizes[m], wanted) for m in (a, b))
            found += [Pair((a, i), (b, j)) for i, j in zip(first, second, strict=True)]
    return tuple(found)


def _in_rounds(rng: Random, size: int, wanted: int) -> list[int]:
    """So many numbers below `size`: all of them in a random order, again and again."""
    found: list[int] = []
    while len(found) < wanted:
        found += sorted(range(size), key=lambda _: rng.random())
    return found[:wanted]
