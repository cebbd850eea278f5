"""Figures of numbers: values with intervals, as rows of dots or as lines."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from PIL import Image, ImageDraw, ImageFont

from latentclr.evaluate.intervals import Interval
from latentclr.report.grid import FAINT, INK, PAPER

COLOURS = ("#1c5498", "#e8590c", "#2b8a3e", "#862e9c", "#5c5f66")
"""Of series, in their order; they differ in lightness too."""
GRID = "#e6e6e6"
SIZE, SMALL, TITLE = 15, 13, 17
SCALE = 2
"""Figures are drawn so many times as large, then scaled down: Pillow's lines have no soft edges."""
STEPS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.25, 0.5, 1.0, 2.0, 5.0, 10.0)


Number = int | float


@dataclass(frozen=True)
class Dots:
    """A panel of values with intervals, a row each.

    Attributes:
        title: above it.
        rows: name and value of each.
        groups: number of each row's colour; empty: all the same.
        zero: whether the scale holds 0.
    """

    title: str
    rows: tuple[tuple[str, Interval], ...]
    groups: tuple[int, ...] = ()
    zero: bool = True


@dataclass(frozen=True)
class Series:
    """A line through values with intervals.

    Attributes:
        name: at its end.
        values: one for each place on the horizontal axis.
    """

    name: str
    values: tuple[Interval, ...]


class _Pen:
    """Draws in units of the finished figure."""

    def __init__(self, width: int, height: int) -> None:
        self._image = Image.new("RGB", (width * SCALE, height * SCALE), PAPER)
        self._draw = ImageDraw.Draw(self._image)

    def text(
        self, x: Number, y: Number, text: str, colour: str = INK, size: int = SIZE, anchor: str = "lm"
    ) -> None:
        font = ImageFont.load_default(size * SCALE)
        self._draw.text((x * SCALE, y * SCALE), text, colour, font, anchor=anchor)

    def line(self, points: Sequence[tuple[Number, Number]], colour: str, wide: Number = 1.0) -> None:
        self._draw.line(
            [(x * SCALE, y * SCALE) for x, y in points], colour, round(wide * SCALE), joint="curve"
        )

    def dot(self, x: Number, y: Number, colour: str, radius: Number = 4.0) -> None:
        box = (x - radius) * SCALE, (y - radius) * SCALE, (x + radius) * SCALE, (y + radius) * SCALE
        self._draw.ellipse(box, colour)

    def finished(self) -> Image.Image:
        width, height = self._image.size
        return self._image.resize((width // SCALE, height // SCALE), Image.Resampling.LANCZOS)


def dots(title: str, panels: Sequence[Dots], *, columns: int = 2) -> Image.Image:
    """Panels of rows, each with its own scale.

    Args:
        title: above everything; it may have several lines.
        panels: to draw, in reading order.
        columns: panels beside each other.
    """
    columns = min(columns, len(panels))
    said = title.split("\n")
    names = max(_length(name, SIZE) for panel in panels for name, _ in panel.rows)
    plot, value = 260, 130
    wide = round(max(names + plot + value + 60, *(_length(panel.title, TITLE) + 40 for panel in panels)))
    line = 24
    high = [70 + line * len(panel.rows) for panel in panels]
    per_row = [max(high[i : i + columns]) for i in range(0, len(high), columns)]
    head = 18 + 20 * len(said)
    width = max(columns * wide, round(max(_length(text, SMALL) for text in said)) + 30)
    pen = _Pen(width, head + sum(per_row) + 10)
    for i, text in enumerate(said):
        pen.text(15, 18 + 20 * i, text, INK, SMALL)
    for number, panel in enumerate(panels):
        left = number % columns * wide + 15
        top = head + sum(per_row[: number // columns])
        pen.text(left, top + 16, panel.title, INK, TITLE)
        low, high_end, step = _range([interval for _, interval in panel.rows], zero=panel.zero)
        start, bottom = left + names + 15, top + 36 + line * len(panel.rows)

        def place(x: Number, low: Number = low, end: Number = high_end, start: Number = start) -> float:
            return start + (min(max(x, low), end) - low) / (end - low) * plot

        for tick in _ticks(low, high_end, step):
            pen.line([(place(tick), top + 34), (place(tick), bottom)], FAINT if tick == 0 else GRID)
            pen.text(place(tick), bottom + 12, f"{tick:g}", FAINT, SMALL, "mm")
        for i, (name, interval) in enumerate(panel.rows):
            y = top + 36 + line * (i + 0.5)
            colour = COLOURS[panel.groups[i] % len(COLOURS)] if panel.groups else COLOURS[0]
            pen.text(left, y, name)
            if math.isnan(interval.value):
                pen.text(start, y, "not measured", FAINT, SMALL)
                continue
            if not math.isnan(interval.low) and not math.isnan(interval.high):
                pen.line([(place(interval.low), y), (place(interval.high), y)], colour, 2.5)
            pen.dot(place(interval.value), y, colour)
            pen.text(start + plot + 15, y, str(interval), FAINT, SMALL)
    return pen.finished()


def lines(title: str, panels: Sequence[tuple[str, Sequence[Series]]], xs: Sequence[str]) -> Image.Image:
    """Panels of lines over the same places, each with its own scale, side by side.

    Args:
        title: above everything; it may have several lines.
        panels: a title each, and its lines.
        xs: names of the places.
    """
    said = title.split("\n")
    plot_wide, plot_high, left = 330, 260, 50
    right = 20 + round(max(_length(series.name, SMALL) for _, group in panels for series in group))
    wide = max(left + plot_wide + right, round(max(_length(name, TITLE) for name, _ in panels)) + 30)
    head = 18 + 20 * len(said)
    width = max(wide * len(panels), round(max(_length(text, SMALL) for text in said)) + 30)
    pen = _Pen(width, head + plot_high + 90)
    for i, text in enumerate(said):
        pen.text(15, 18 + 20 * i, text, INK, SMALL)
    for number, (name, group) in enumerate(panels):
        start, top = number * wide + left, head + 45
        low, high, step = _range([value for series in group for value in series.values])

        def height(y: Number, low: Number = low, high: Number = high, top: Number = top) -> float:
            return top + (1 - (min(max(y, low), high) - low) / (high - low)) * plot_high

        pen.text(number * wide + 15, head + 18, name, INK, TITLE)
        for tick in _ticks(low, high, step):
            pen.line([(start, height(tick)), (start + plot_wide, height(tick))], GRID)
            pen.text(start - 8, height(tick), f"{tick:g}", FAINT, SMALL, "rm")
        places = [start + (i + 0.5) * plot_wide / len(xs) for i in range(len(xs))]
        for x, text in zip(places, xs, strict=True):
            pen.text(x, top + plot_high + 15, text, FAINT, SMALL, "mm")
        ends = _apart([height(_known(series)) for series in group], 17)
        for s, series in enumerate(group):
            colour = COLOURS[s % len(COLOURS)]
            shift = 4.0 * (s - (len(group) - 1) / 2)  # intervals beside each other
            known = [(x + shift, v) for x, v in zip(places, series.values, strict=True) if v.value == v.value]
            pen.line([(x, height(v.value)) for x, v in known], colour, 2)
            for x, v in known:
                if not math.isnan(v.low) and not math.isnan(v.high):
                    pen.line([(x, height(v.low)), (x, height(v.high))], colour, 1.5)
                pen.dot(x, height(v.value), colour)
            pen.text(start + plot_wide + 4, ends[s], series.name, colour, SMALL)
    return pen.finished()


def _length(text: str, size: int) -> float:
    return ImageFont.load_default(size).getlength(text)


def _known(series: Series) -> float:
    return next((v.value for v in reversed(series.values) if v.value == v.value), 0.0)


def _range(values: Sequence[Interval], *, zero: bool = True) -> tuple[float, float, float]:
    """Ends of a scale that holds everything, and the step of its ticks."""
    known = [end for v in values for end in (v.low, v.value, v.high) if math.isfinite(end)]
    known += [0.0] if zero or not known else []
    low, high = min(known), max(known)
    span = (high - low) or 1.0
    step = next((step for step in STEPS if span / step <= 6), span / 5)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return first * step, max(last, first + 1) * step, step


def _ticks(low: Number, high: Number, step: Number) -> list[float]:
    count = round((high - low) / step)
    return [round(low + i * step, 10) for i in range(count + 1)]


def _apart(heights: Sequence[Number], gap: Number) -> list[float]:
    """The same heights, moved down where they are too near to the one above."""
    placed: dict[int, float] = {}
    last = -math.inf
    for i in sorted(range(len(heights)), key=lambda i: heights[i]):
        placed[i] = last = max(heights[i], last + gap)
    return [placed[i] for i in range(len(heights))]
