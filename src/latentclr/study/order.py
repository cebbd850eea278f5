"""What a participant sees, in which order and on which side: a function of study and participant alone.

Nothing of it is stored. After a reload, on another device and in the report, the same order follows from the
study's seed and the participant's key. Only hashes and `random.Random.random` are used, whose values Python
promises to keep.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from random import Random
from typing import Literal, NamedTuple, TypeVar

from latentclr.study.plan import Place, Study
from latentclr.study.questions import OBVIOUS

Kind = Literal["direction", "same", "drastic", "repeat", "pair"]
T = TypeVar("T")


class Row(NamedTuple):
    """Files of three pictures that are shown beside each other."""

    left: str
    middle: str
    right: str


@dataclass(frozen=True)
class Panel:
    """One direction on some pictures.

    Attributes:
        place: of the direction in the study; None: an attention check.
        pictures: numbers of the pictures, one for each row.
        flipped: whether +alpha is on the left.
        rows: the files of the pictures.
    """

    place: Place | None
    pictures: tuple[int, ...]
    flipped: bool
    rows: tuple[Row, ...] = field(repr=False)


@dataclass(frozen=True)
class Step:
    """One item: what is on the screen at once, and the questions about it.

    Attributes:
        item: its id, unique for the participant.
        kind: "direction", "same", "drastic" or "repeat" (checks), or "pair"; never shown to participants.
        panels: one; of a pair two, left and right.
        questions: ids, in the order in which they are asked.
        expected: of a check, the right answer by question.
        repeats: of a repeat, the item that it shows again.
        pair: of a pair, its number in the study.
        swapped: of a pair, whether its second direction is on the left.
    """

    item: str
    kind: Kind
    panels: tuple[Panel, ...]
    questions: tuple[str, ...]
    expected: Mapping[str, str] = field(default_factory=dict)
    repeats: str | None = None
    pair: int | None = None
    swapped: bool = False


@lru_cache(maxsize=128)
def steps(study: Study, key: str) -> tuple[Step, ...]:
    """The items of a participant, in order.

    Directions are in random order with the checks among them; a repeated item is one of the first third and
    is shown again in the last third. Pairs follow, since they have other questions. In each item the order of
    questions with choices is random; free texts come last.

    Args:
        study: the plan.
        key: of the participant (`answers.key_of` their code).
    """
    return _Order(study, key).steps()


@dataclass(frozen=True)
class _Order:
    study: Study
    key: str

    def steps(self) -> tuple[Step, ...]:
        real = self._shuffled("order", self._directions())
        placed = self._with_repeats(real)
        return (*self._with_checks(placed), *self._shuffled("pairs", self._pairs()))

    def _rng(self, purpose: str) -> Random:
        text = f"latentclr study|{self.study.seed}|{self.key}|{purpose}"
        return Random(int.from_bytes(hashlib.sha256(text.encode()).digest()))

    def _shuffled(self, purpose: str, values: Sequence[T]) -> list[T]:
        rng = self._rng(purpose)
        return [value for _, _, value in sorted((rng.random(), i, value) for i, value in enumerate(values))]

    def _coin(self, purpose: str) -> bool:
        return self._rng(purpose).random() < 0.5

    def _flipped(self, item: str) -> bool:
        return self.study.sides == "random" and self._coin(f"side {item}")

    def _some(self, purpose: str) -> tuple[int, ...]:
        return tuple(
            self._shuffled(f"pictures {purpose}", range(len(self.study.pictures.seeds)))[: self.study.shown]
        )

    def _asked(self, item: str, of: str) -> tuple[str, ...]:
        asked = [question for question in self.study.questions if question.of == of]
        mixed = self._shuffled(f"questions {item}", [q.id for q in asked if not q.free])
        return (*mixed, *(q.id for q in asked if q.free))

    def _panel(self, place: Place, pictures: tuple[int, ...], *, flipped: bool) -> Panel:
        shown = self.study.direction(place)
        left, right = (shown.plus, shown.minus) if flipped else (shown.minus, shown.plus)
        rows = tuple(Row(left[i], self.study.pictures.originals[i], right[i]) for i in pictures)
        return Panel(place, pictures, flipped, rows)

    def _directions(self) -> list[Step]:
        """All directions, not shuffled yet; where items are pictures, a step for each picture."""
        every = list(self.study.places)
        if self.study.per_participant is not None:
            every = self._shuffled("directions", every)[: self.study.per_participant]
        found, single = [], self.study.unit == "picture"
        for place in every:
            pictures = self._some(f"{place.run} {place.direction}")
            for shown in [(i,) for i in pictures] if single else [pictures]:
                item = f"d{place.run}-{place.direction}" + (f"-{shown[0]}" if single else "")
                panel = self._panel(place, shown, flipped=self._flipped(item))
                found.append(Step(item, "direction", (panel,), self._asked(item, "item")))
        return found

    def _with_repeats(self, real: list[Step]) -> list[Step]:
        third = len(real) // 3
        count = min(self.study.checks.repeated, third)
        placed = list(real)
        for i, first in enumerate(self._shuffled("repeats", real[:third])[:count]):
            again = Step(f"r{i}", "repeat", first.panels, self._asked(f"r{i}", "item"), repeats=first.item)
            start = len(placed) - max(third, 1)
            placed.insert(start + round(self._rng(f"place r{i}").random() * (len(placed) - start)), again)
        return placed

    def _with_checks(self, placed: list[Step]) -> list[Step]:
        """With checks at random places, but never as the first item."""
        checks = [self._check("same", f"s{i}") for i in range(self.study.checks.same)]
        checks += [self._check("drastic", f"x{i}") for i in range(self.study.checks.drastic)]
        for check in checks:
            at = 1 + int(self._rng(f"place {check.item}").random() * max(len(placed), 1))
            placed.insert(at, check)
        return placed

    def _check(self, kind: Literal["same", "drastic"], item: str) -> Step:
        """Beside each picture are itself twice, or the two that look least like it."""
        pictures, originals = self._some(item), self.study.pictures.originals
        if self.study.unit == "picture":
            pictures = pictures[:1]
        rows = []
        for i in pictures:
            left, right = (i, i) if kind == "same" else self.study.pictures.far[i]
            rows.append(Row(originals[left], originals[i], originals[right]))
        panel = Panel(None, pictures, False, tuple(rows))
        expected = {OBVIOUS: "no" if kind == "same" else "yes"}
        return Step(item, kind, (panel,), self._asked(item, "item"), expected)

    def _pairs(self) -> list[Step]:
        found = []
        for p, pair in enumerate(self.study.pairs):
            item = f"p{p}"
            pictures, flipped, swapped = self._some(item), self._flipped(item), self._coin(f"swap {item}")
            panels = [self._panel(place, pictures, flipped=flipped) for place in pair]
            if swapped:
                panels.reverse()
            found.append(
                Step(item, "pair", tuple(panels), self._asked(item, "pair"), pair=p, swapped=swapped)
            )
        return found
