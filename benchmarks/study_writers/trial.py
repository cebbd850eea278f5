"""The study of a trial, the answers that are sent to it, and what has become of them."""

import random
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from PIL import Image

from latentclr.study.answers import key_of
from latentclr.study.options import Checks
from latentclr.study.order import steps
from latentclr.study.pictures import PictureFolder
from latentclr.study.plan import CONSENT, INSTRUCTIONS, PICTURES, STUDY, Pictures, Run, ShownDirection, Study
from latentclr.study.questions import usual_questions
from latentclr.study.store import Store

TWICE = 0.1
"""Share of answers that are sent again at once."""
CHANGED = 0.05
"""Share of answers that are changed later."""


@dataclass(frozen=True)
class Send:
    """One answer to send; `number` is that of the item, from 1."""

    code: str
    number: int
    item: str
    question: str
    value: str


Key = tuple[str, str, str]
Acknowledged = dict[Key, str]


@dataclass
class Outcome:
    """The outcome of a trial. All counts but the first two must be 0."""

    acknowledged: int = 0
    kills: int = 0
    seconds: float = 0.0
    lost: int = 0
    other: int = 0
    doubled: int = 0
    strange: int = 0
    miscounted: int = 0
    unhealthy: int = 0
    faults: list[str] = field(default_factory=list)

    @property
    def good(self) -> bool:
        """Whether nothing went wrong."""
        wrong = (self.lost, self.other, self.doubled, self.strange, self.miscounted, self.unhealthy)
        return not any(wrong) and not self.faults


def plan(folder: Path, directions: int = 32, pictures: int = 10) -> Study:
    """A study with pictures of a single colour."""
    files, rng = PictureFolder(folder / PICTURES), random.Random(0)

    def some() -> tuple[str, ...]:
        colours = [tuple(rng.randrange(256) for _ in range(3)) for _ in range(pictures)]
        return tuple(files.add(Image.new("RGB", (8, 8), colour)) for colour in colours)

    shown = tuple(ShownDirection(i, str(i), 1.0, 1.0, False, some(), some()) for i in range(directions))
    study = Study(
        title=f"Writers {time.time_ns()}",  # a study of its own in a database that holds others
        seed=0,
        unit="direction",
        shown=2,
        per_participant=None,
        sides="random",
        checks=Checks(),
        generator={"name": "none", "sha256": "", "class": None, "truncation": 1.0, "resolution": 8},
        questions=usual_questions(name=False, preference=False),
        runs=(Run("planted", "none", "", "1", (0,), shown),),
        pairs=(),
        pictures=Pictures(
            size=8,
            total_bytes=sum(files.sizes.values()),
            seeds=tuple(range(pictures)),
            originals=some(),
            far=tuple((0, 1) for _ in range(pictures)),
        ),
    )
    (folder / STUDY).write_bytes(study.to_json())
    for name in (CONSENT, INSTRUCTIONS):
        (folder / name).write_text("Agree.\n")
    return Study.open(folder)


def shares(study: Study, store: Store, writers: int, answers: int, seed: int) -> list[list[Send]]:
    """The answers that each writer sends, `answers` different ones in all; some are sent twice or changed."""
    rng = random.Random(seed)
    found: list[list[Send]] = [[] for _ in range(writers)]
    left, number = answers, 0
    while left:
        code = store.join().code
        store.consent(code, study.consent)
        mine, later = found[number % writers], []
        for place, step in enumerate(steps(study, key_of(code)), start=1):
            for question in step.questions[:left]:
                grades = [value for value, _ in study.question(question).choices]
                send = Send(code, place, step.item, question, rng.choice(grades))
                mine += [send] * (2 if rng.random() < TWICE else 1)
                if rng.random() < CHANGED:
                    other = rng.choice([value for value in grades if value != send.value])
                    later.append(Send(code, place, step.item, question, other))
                left -= 1
        mine += later
        number += 1
    return found


def judge(
    store: Store, sent: Sequence[Sequence[Send]], acknowledged: Acknowledged, outcome: Outcome
) -> Outcome:
    """Compare the stored answers with those that were acknowledged and sent."""
    number = {one.key: one.number for one in store.participants()}
    known = {
        (number[key_of(code)], item, question): value
        for (code, item, question), value in acknowledged.items()
    }
    changes: Counter[tuple[int, str, str]] = Counter()
    last: dict[tuple[int, str, str], str] = {}
    for send in (send for share in sent for send in share):
        key = (number[key_of(send.code)], send.item, send.question)
        changes[key] += last.get(key, send.value) != send.value
        last[key] = send.value
    stored = [((one.participant, one.item, one.question), one) for one in store.answers()]
    found = dict(stored)
    outcome.acknowledged = len(known)
    outcome.lost = len(known.keys() - found.keys())
    outcome.other = sum(found[key].value != value for key, value in known.items() if key in found)
    outcome.doubled = len(stored) - len(found)
    outcome.strange = len(found.keys() - last.keys())
    outcome.miscounted = sum(one.revisions != changes[key] for key, one in found.items())
    outcome.unhealthy += not store.healthy()
    return outcome
