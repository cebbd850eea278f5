"""An item as a template takes it: nothing in it says what kind of item it is, or of which direction."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from latentclr.study.order import Step
from latentclr.study.pages.forms import ANSWER, RefusedError
from latentclr.study.plan import Study

_NUMBER = re.compile(r"[1-9][0-9]{0,5}")


@dataclass(frozen=True)
class Picture:
    """A picture where it stands.

    Attributes:
        url: of its file.
        place: under which it is shown: "left", "middle" or "right".
        alt: for those who do not see it; it tells where it is and no more than everybody is told.
    """

    url: str
    place: str
    alt: str


@dataclass(frozen=True)
class Panel:
    """One set of pictures.

    Attributes:
        title: above it; None: it is the only one.
        rows: three pictures each.
    """

    title: str | None
    rows: tuple[tuple[Picture, ...], ...]


@dataclass(frozen=True)
class Option:
    """An answer that can be chosen.

    Attributes:
        value: that is sent.
        label: that is read.
        key: of the keyboard that chooses it.
    """

    value: str
    label: str
    key: str


@dataclass(frozen=True)
class Asked:
    """A question, and what was answered so far.

    Attributes:
        field: of the form.
        text: as it is asked.
        options: to choose from; empty: free text.
        longest: characters of a free text.
        given: the answer; None: none yet.
    """

    field: str
    text: str
    options: tuple[Option, ...]
    longest: int
    given: str | None


def item_index(number: str, steps: Sequence[Step]) -> int:
    """The index of an item in the order of a participant.

    Args:
        number: as it is in the address; 1 is the first.
        steps: all items of the participant.

    Raises:
        RefusedError: 404, there is none.
    """
    index = int(number) - 1 if _NUMBER.fullmatch(number) else -1
    if not 0 <= index < len(steps):
        raise RefusedError(404, f"There is no such page; there are {len(steps)} items.")
    return index


def panels(step: Step, study: Study) -> tuple[Panel, ...]:
    """The pictures of a step, as a template takes them.

    Args:
        step: the item.
        study: the plan.
    """
    titles: Sequence[str | None] = [None]
    if len(step.panels) > 1:
        titles = [label for _, label in study.question(step.questions[0]).choices[: len(step.panels)]]
    return tuple(
        Panel(
            title,
            tuple(
                _row((row.left, row.middle, row.right), f"row {i}, " if len(panel.rows) > 1 else "", title)
                for i, row in enumerate(panel.rows, 1)
            ),
        )
        for title, panel in zip(titles, step.panels, strict=True)
    )


def _row(names: tuple[str, str, str], row: str, title: str | None) -> tuple[Picture, ...]:
    before = f"{title}, {row}" if title else row
    told = (("left", "changed picture"), ("middle", "original picture"), ("right", "changed picture"))
    return tuple(
        Picture(picture_url(name), where, f"{before}{where}: {what}")
        for name, (where, what) in zip(names, told, strict=True)
    )


def asked(step: Step, study: Study, answers: Mapping[tuple[str, str], str]) -> tuple[Asked, ...]:
    """The questions of a step in their order, with the participant's answers.

    Args:
        step: the item.
        study: the plan.
        answers: of the participant, by (item, question).
    """
    found = []
    for which in step.questions:
        question = study.question(which)
        labels = [label for _, label in question.choices]
        options = tuple(
            Option(value, label, key)
            for (value, label), key in zip(question.choices, _keys(labels), strict=True)
        )
        given = answers.get((step.item, which))
        found.append(Asked(ANSWER + which, question.text, options, question.limit, given))
    return tuple(found)


def _keys(labels: Sequence[str]) -> list[str]:
    """Keys for answers: their first letters where these differ, else numbers (which always work).

    >>> _keys(["Yes", "Maybe", "No"]), _keys(["The first", "The second"])
    (['y', 'm', 'n'], ['1', '2'])
    """
    letters = [label[:1].lower() for label in labels]
    differ = len(set(letters)) == len(letters) and "".join(letters).isalpha()
    return letters if differ else [str(number) for number in range(1, len(labels) + 1)]


def files(step: Step) -> list[str]:
    """Addresses of a step's pictures, each once."""
    names = [
        name for panel in step.panels for row in panel.rows for name in (row.left, row.middle, row.right)
    ]
    return [picture_url(name) for name in dict.fromkeys(names)]


def picture_url(name: str) -> str:
    """Where a browser finds a picture of the study."""
    return f"/picture/{name}"
