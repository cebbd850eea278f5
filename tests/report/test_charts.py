"""Figures hold everything that they are given, inside their borders."""

import math

import pytest
from PIL import Image

from latentclr.evaluate.intervals import Interval
from latentclr.report.charts import COLOURS, Dots, Series, dots, lines


def colours(picture: Image.Image) -> set[tuple[int, ...]]:
    found = picture.getcolors(maxcolors=10**7)
    assert found is not None
    return {colour for _, colour in found if isinstance(colour, tuple)}


def bare(picture: Image.Image) -> bool:
    """Whether nothing touches the border."""
    wide, high = picture.size
    strips = [(0, 0, wide, 3), (0, high - 3, wide, high), (0, 0, 3, high), (wide - 3, 0, wide, high)]
    return all(colours(picture.crop(box)) == {(255, 255, 255)} for box in strips)


VALUES = (
    ("first", Interval(0.5, 0.4, 0.6)),
    ("a much longer name", Interval(-0.2, -0.5, 0.1)),
    ("unknown", Interval(math.nan, math.nan, math.nan)),
    ("bare", Interval(0.1, math.nan, math.nan)),
)


def test_dots_of_every_group() -> None:
    figure = dots("Title", [Dots("panel", VALUES, (0, 1, 2, 3)), Dots("second", VALUES[:1])], columns=2)
    assert bare(figure)
    shown = colours(figure)
    for number in (0, 1, 3):  # the third is not known
        assert tuple(bytes.fromhex(COLOURS[number][1:])) in shown
    assert tuple(bytes.fromhex(COLOURS[2][1:])) not in shown


@pytest.mark.parametrize("zero", [True, False])
def test_a_scale_that_need_not_hold_zero(zero: bool) -> None:
    rows = (("a", Interval(100.0, 99.9, 100.1)), ("b", Interval(100.2, 100.1, 100.3)))
    figure = dots("Title", [Dots("panel", rows, (0, 1), zero=zero)])
    first, second = (
        min(x for x in range(figure.width) for y in range(figure.height) if figure.getpixel((x, y)) == colour)
        for colour in (tuple(bytes.fromhex(COLOURS[i][1:])) for i in (0, 1))
    )
    assert (second - first > 50) != zero


def test_lines_through_what_is_known() -> None:
    series = [
        Series("up", (Interval(1.0, 0.5, 1.5), Interval(2.0, 1.5, 2.5))),
        Series("alike", (Interval(1.0, 1.0, 1.0), Interval(2.0, 2.0, 2.0))),
        Series("lost", (Interval(0.5, 0.5, 0.5), Interval(math.nan, math.nan, math.nan))),
    ]
    figure = lines("Title", [("left", series), ("right", series[:1])], ["4", "8"])
    assert bare(figure)
    assert all(tuple(bytes.fromhex(COLOURS[i][1:])) in colours(figure) for i in range(3))


def test_nothing_but_zeros_has_a_scale() -> None:
    assert bare(dots("Title", [Dots("panel", (("a", Interval(0.0, 0.0, 0.0)),))]))
