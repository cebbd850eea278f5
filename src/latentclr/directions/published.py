"""Edits that were published with GANSpace: a component, the slots that it moves, and how far.

Härkönen, Hertzmann, Lehtinen, Paris: GANSpace (NeurIPS 2020); the lists are those of its figures and
notebooks. The paper writes E(10, 7-8), both ends included; its code writes 10, [7, 9). The sign and number of
a component are those of the authors' run: another sample may turn one round, or exchange two of like size.
"""

import re
from dataclasses import dataclass

from latentclr.errors import InputError, did_you_mean


@dataclass(frozen=True)
class PublishedEdit:
    """An edit along a principal component.

    Attributes:
        component: its number, from 0.
        slots: that are moved; None: all.
        sigma: how far, in standard deviations of the component; None: not published.
    """

    component: int
    slots: tuple[int, ...] | None = None
    sigma: float | None = None


def _edit(component: int, start: int, end: int, sigma: float | None = None) -> PublishedEdit:
    """An edit as the authors' code writes it: the slot `end` is not moved."""
    return PublishedEdit(component, tuple(range(start, end)), sigma)


GANSPACE: dict[str, PublishedEdit] = {
    "ffhq/big-smile": _edit(19, 4, 5),
    "ffhq/smile": _edit(46, 4, 5, -20.0),
    "ffhq/smile-2": _edit(36, 4, 6, -16.0),
    "ffhq/lipstick": _edit(34, 10, 11, 20.0),
    "ffhq/makeup": _edit(0, 8, 11, 9.0),
    "ffhq/wrinkles": _edit(20, 6, 7, -18.0),
    "ffhq/white-hair": _edit(57, 7, 10, -24.0),
    "ffhq/elderly-woman": _edit(34, 6, 7),
    "ffhq/bald": _edit(21, 2, 5, 18.2),
    "ffhq/curly-hair": _edit(47, 3, 6),
    "ffhq/gender": _edit(0, 1, 7),
    "ffhq/rotate": _edit(1, 0, 3),
    "ffhq/age": _edit(3, 2, 8, 2.0),
    "ffhq/eye-openness": _edit(54, 7, 8),
    "ffhq/disgusted": _edit(43, 6, 8, -20.0),
    "car/focal-length": _edit(15, 0, 4, -10.0),
    "car/flip": _edit(0, 0, 5),
    "car/side-to-front": _edit(1, 0, 5),
    "horse/rider": _edit(3, 3, 5, -2.9),
    "cat/fluffiness": _edit(27, 2, 5),
    "cat/eyes-closed": _edit(45, 5, 8),
    "church/clouds": _edit(20, 7, 9),
    "biggan/translate": PublishedEdit(0),
    "biggan/rotate": PublishedEdit(3),
    "biggan/zoom": PublishedEdit(6),
    "biggan/zoom-out": PublishedEdit(12),
    "biggan/camera-down": _edit(15, 1, 6),
    "biggan/tongue": _edit(57, 3, 4, -20.0),
    "biggan/season": _edit(62, 3, 15),
    "biggan/sharpen-background": _edit(13, 6, 9),
    "biggan/grass": PublishedEdit(69),
}
"""Edits by generator and name: FFHQ, cars, horses, cats and churches are of StyleGAN2's W (80 components of a
million samples); biggan of BigGAN-deep-512's first layer, of the class husky; they hold for all classes."""

NOTATION = re.compile(
    r"E\(\s*(?P<component>\d+)\s*(?:,\s*(?P<first>\d+)\s*(?:-\s*(?P<last>\d+))?\s*)?\)"
    r"\s*(?::\s*(?P<sigma>[+-]?\d+(?:\.\d+)?))?"
)
DEFAULT_SIGMA = 2.0
"""Sigma where none was published: as for the first components in the authors' figure."""


def published_edit(text: str) -> PublishedEdit:
    """An edit by its name in `GANSPACE`, or in the paper's notation, with the number of sigmas after a colon.

    >>> published_edit("E(10, 7-8):-3")
    PublishedEdit(component=10, slots=(7, 8), sigma=-3.0)
    >>> published_edit("ffhq/bald").slots
    (2, 3, 4)

    Raises:
        InputError: it is neither.
    """
    if text in GANSPACE:
        return GANSPACE[text]
    found = NOTATION.fullmatch(text.strip())
    if found is None:
        raise InputError(
            f"{text!r} is no edit of GANSpace{did_you_mean(text, GANSPACE)}: give one in its notation, such "
            f'as "E(10, 7-8):-3" (component, slots, sigmas), or a name: {", ".join(GANSPACE)}.'
        )
    slots = None
    if found["first"] is not None:
        first, last = int(found["first"]), int(found["last"] or found["first"])
        if last < first:
            raise InputError(f"{text!r}: slots {first} to {last} are none; give the smaller number first.")
        slots = tuple(range(first, last + 1))
    return PublishedEdit(
        int(found["component"]), slots, None if found["sigma"] is None else float(found["sigma"])
    )
