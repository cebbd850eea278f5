"""Charts: values with intervals as dots and as lines, heat maps, and the scales that all charts use."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from jaxtyping import Float
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

from latentclr.evaluate.intervals import Interval
from latentclr.report.grid import (
    ASCENT,
    FAINT,
    GAP,
    HEAD,
    INK,
    PAPER,
    SMALL_TEXT,
    TEXT,
    TITLE,
    font,
    text_width,
)

COLOURS = ("#1c5498", "#e8590c", "#2b8a3e", "#862e9c", "#5c5f66")
"""Of series, in their order; they differ in lightness too."""
RULE = "#e6e6e6"
SCALE = 2
"""Charts are drawn this many times larger and then reduced: Pillow's lines have no soft edges."""
STEPS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.25, 0.5, 1.0, 2.0, 5.0, 10.0)
"""Distances between the ticks of a scale."""
ROW = 24
"""Height of a row of dots in pixels."""
SHADES = ((255, 255, 255), (196, 219, 240), (98, 155, 210), (28, 84, 152), (8, 28, 66))
"""Of heat maps, for values from 0 to 1: each darker than the last, also in grey and for colour-blind eyes."""
BOX = "#e8590c"
"""Colour of boxes around cells of a heat map."""
KEY = 160
"""Height of the colour key of a heat map in pixels."""

Pixels = int | float


@dataclass(frozen=True)
class Axis:
    """A scale that is drawn from one place to another.

    Attributes:
        low: value at the start.
        high: value at the end, above `low`.
        start: place in pixels.
        end: place in pixels.
        step: distance between two ticks.
    """

    low: float
    high: float
    start: Pixels
    end: Pixels
    step: float = 1.0

    @classmethod
    def around(
        cls, intervals: Sequence[Interval], start: Pixels, end: Pixels, *, zero: bool = True
    ) -> "Axis":
        """The smallest scale with round ends that holds all intervals.

        Args:
            intervals: values and ends that are not finite are left out.
            start: place of the lower end in pixels.
            end: place of the upper end in pixels.
            zero: whether the scale must hold 0.
        """
        known = [x for one in intervals for x in (one.low, one.value, one.high) if math.isfinite(x)]
        known += [0.0] if zero or not known else []
        span = (max(known) - min(known)) or 1.0
        step = next((step for step in STEPS if span / step <= 6), span / 5)
        first, last = math.floor(min(known) / step + 1e-9), math.ceil(max(known) / step - 1e-9)
        return cls(first * step, max(last, first + 1) * step, start, end, step)

    def place(self, value: float) -> float:
        """Where a value is, in pixels; a value outside the scale is at its end."""
        share = (min(max(value, self.low), self.high) - self.low) / (self.high - self.low)
        return self.start + share * (self.end - self.start)

    @property
    def ticks(self) -> list[float]:
        """Values at multiples of the step, from end to end."""
        count = round((self.high - self.low) / self.step)
        return [round(self.low + i * self.step, 10) for i in range(count + 1)]


def spread(places: Sequence[float], gap: Pixels, end: Pixels = math.inf) -> list[float]:
    """The same places, moved by as little as needed to be apart from each other.

    >>> spread([5.0, 0.0, 6.0], 3.0)
    [5.0, 0.0, 8.0]

    Args:
        places: in pixels.
        gap: least distance between two.
        end: the largest place.
    """
    order = sorted(range(len(places)), key=lambda i: places[i])
    spaced = list(places)
    for before, i in pairwise(order):
        spaced[i] = max(places[i], spaced[before] + gap)
    for rank, i in enumerate(reversed(order)):
        spaced[i] = min(spaced[i], end - gap * rank)
    return spaced


@dataclass(frozen=True)
class Dots:
    """A panel of values with intervals, a row each.

    Attributes:
        title: above it.
        rows: name and value of each.
        groups: number of each row's colour; empty: all have the same.
        zero: whether the scale must hold 0.
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

    @property
    def last(self) -> float:
        """The last value that is known, or 0."""
        return next((v.value for v in reversed(self.values) if not math.isnan(v.value)), 0.0)


class _Canvas:
    """Draws in pixels of the finished chart.

    Args:
        title: above everything; may have several lines.
        width: of the chart, unless the title needs more.
        height: below the title.
    """

    def __init__(self, title: str, width: int, height: int) -> None:
        lines = title.split("\n")
        self.top = 18 + 20 * len(lines)
        self.size = max(width, text_width(lines, SMALL_TEXT) + 30), self.top + height
        self._image = Image.new("RGB", (self.size[0] * SCALE, self.size[1] * SCALE), PAPER)
        self._draw = ImageDraw.Draw(self._image)
        for i, line in enumerate(lines):
            self.text((15, 18 + 20 * i), line, INK, SMALL_TEXT)

    def text(
        self,
        place: tuple[Pixels, Pixels],
        text: str,
        colour: str = FAINT,
        size: int = SMALL_TEXT,
        anchor: str = "lm",
    ) -> None:
        scaled = place[0] * SCALE, place[1] * SCALE
        self._draw.text(scaled, text, colour, font(size * SCALE), anchor=anchor)

    def line(self, points: Sequence[tuple[Pixels, Pixels]], colour: str, width: float = 1.0) -> None:
        scaled = [(x * SCALE, y * SCALE) for x, y in points]
        self._draw.line(scaled, colour, round(width * SCALE), joint="curve")

    def dot(self, x: Pixels, y: Pixels, colour: str, radius: float = 4.0) -> None:
        box = x - radius, y - radius, x + radius, y + radius
        self._draw.ellipse([edge * SCALE for edge in box], colour)

    def finished(self) -> Image.Image:
        return self._image.resize(self.size, Image.Resampling.LANCZOS)


def dots(title: str, panels: Sequence[Dots], *, columns: int = 2) -> Image.Image:
    """Panels of rows, each with its own scale.

    Args:
        title: above everything; may have several lines.
        panels: to draw, in reading order.
        columns: number of panels beside each other.
    """
    columns = min(columns, len(panels))
    names = text_width([name for panel in panels for name, _ in panel.rows], TEXT)
    width = max(names + 450, text_width([panel.title for panel in panels], TITLE) + 40)
    heights = [70 + ROW * len(panel.rows) for panel in panels]
    heights = [max(heights[i : i + columns]) for i in range(0, len(panels), columns)]
    canvas = _Canvas(title, columns * width, sum(heights) + 10)
    for number, panel in enumerate(panels):
        row, column = divmod(number, columns)
        _draw_dots(canvas, panel, column * width + 15, canvas.top + sum(heights[:row]), names)
    return canvas.finished()


def _draw_dots(canvas: _Canvas, panel: Dots, left: int, top: int, names: int) -> None:
    canvas.text((left, top + 16), panel.title, INK, TITLE)
    start, bottom = left + names + 15, top + 36 + ROW * len(panel.rows)
    axis = Axis.around([interval for _, interval in panel.rows], start, start + 260, zero=panel.zero)
    for tick in axis.ticks:
        x = axis.place(tick)
        canvas.line([(x, top + 34), (x, bottom)], FAINT if tick == 0 else RULE)
        canvas.text((x, bottom + 12), f"{tick:g}", anchor="mm")
    for i, (name, interval) in enumerate(panel.rows):
        y = top + 36 + ROW * (i + 0.5)
        colour = COLOURS[panel.groups[i] % len(COLOURS)] if panel.groups else COLOURS[0]
        canvas.text((left, y), name, INK, TEXT)
        if math.isnan(interval.value):
            canvas.text((start, y), "not measured")
            continue
        if not math.isnan(interval.low + interval.high):
            canvas.line([(axis.place(interval.low), y), (axis.place(interval.high), y)], colour, 2.5)
        canvas.dot(axis.place(interval.value), y, colour)
        canvas.text((axis.end + 15, y), str(interval))


def lines(title: str, panels: Sequence[tuple[str, Sequence[Series]]], xs: Sequence[str]) -> Image.Image:
    """Panels of lines over the same places, each with its own scale, side by side.

    Args:
        title: above everything; may have several lines.
        panels: the title and the lines of each.
        xs: names of the places.
    """
    names = text_width([series.name for _, group in panels for series in group], SMALL_TEXT)
    width = max(400 + names, text_width([name for name, _ in panels], TITLE) + 30)
    canvas = _Canvas(title, width * len(panels), 350)
    for number, (name, group) in enumerate(panels):
        canvas.text((number * width + 15, canvas.top + 18), name, INK, TITLE)
        _draw_lines(canvas, group, xs, number * width + 50, canvas.top + 45)
    return canvas.finished()


def _draw_lines(canvas: _Canvas, group: Sequence[Series], xs: Sequence[str], left: int, top: int) -> None:
    right, bottom = left + 330, top + 260
    axis = Axis.around([value for series in group for value in series.values], bottom, top)
    for tick in axis.ticks:
        canvas.line([(left, axis.place(tick)), (right, axis.place(tick))], RULE)
        canvas.text((left - 8, axis.place(tick)), f"{tick:g}", anchor="rm")
    places = [left + (i + 0.5) * (right - left) / len(xs) for i in range(len(xs))]
    for x, text in zip(places, xs, strict=True):
        canvas.text((x, bottom + 15), text, anchor="mm")
    names = spread([axis.place(series.last) for series in group], 17)
    for s, series in enumerate(group):
        colour = COLOURS[s % len(COLOURS)]
        shift = 4.0 * (s - (len(group) - 1) / 2)  # intervals beside each other
        known = [
            (x + shift, value)
            for x, value in zip(places, series.values, strict=True)
            if not math.isnan(value.value)
        ]
        canvas.line([(x, axis.place(value.value)) for x, value in known], colour, 2.0)
        for x, value in known:
            if not math.isnan(value.low + value.high):
                canvas.line([(x, axis.place(value.low)), (x, axis.place(value.high))], colour, 1.5)
            canvas.dot(x, axis.place(value.value), colour)
        canvas.text((right + 4, names[s]), series.name, colour)


def heat_map(
    matrix: Float[Tensor, "k l"], boxes: Sequence[tuple[int, int]], text: Sequence[str]
) -> Image.Image:
    """Values between 0 and 1 as colours, with a key.

    Args:
        matrix: the values. Columns that share a box with a row come first, in the order of these rows.
        boxes: (row, column) of the cells with a box, at most one in every row and column, by row.
        text: lines above the map; the last one, in the colour of the boxes, is about them.
    """
    rows, columns = matrix.shape
    boxed = [j for _, j in boxes]
    order = boxed + [j for j in range(columns) if j not in boxed]
    cell = 34 if max(rows, columns) <= 24 else 16 if max(rows, columns) <= 64 else 8
    left, top = 5 * GAP, GAP + len(text) * HEAD + 3 * GAP
    key = left + columns * cell + 2 * GAP
    width = max(key + 60, text_width(text, TEXT) + 2 * GAP)
    picture = Image.new("RGB", (width, top + max(rows * cell, KEY) + GAP), PAPER)
    pen = ImageDraw.Draw(picture)
    for i, line in enumerate(text):
        colour = BOX if i == len(text) - 1 else INK
        pen.text((GAP, GAP + ASCENT + i * HEAD), line, colour, font(TEXT), anchor="ls")
    _draw_cells(pen, matrix[:, order], order, left, top, cell)
    for i, j in boxes:
        x, y = left + order.index(j) * cell, top + i * cell
        pen.rectangle((x, y, x + cell - 1, y + cell - 1), outline=BOX, width=2 if cell > 10 else 1)
    pen.rectangle((left - 1, top - 1, left + columns * cell, top + rows * cell), outline=FAINT)
    for y in range(KEY):
        pen.line((key, top + y, key + 14, top + y), shade(1 - y / (KEY - 1)))
    pen.rectangle((key - 1, top - 1, key + 15, top + KEY), outline=FAINT)
    for value in (0.0, 0.5, 1.0):
        place = (key + 20, top + (KEY - 1) * (1 - value))
        pen.text(place, f"{value:g}", FAINT, _small(cell), anchor="lm")
    return picture


def _draw_cells(
    pen: ImageDraw.ImageDraw,
    matrix: Float[Tensor, "k l"],
    columns: Sequence[int],
    left: int,
    top: int,
    cell: int,
) -> None:
    small, every = _small(cell), 1 if cell > 10 else 10
    for c in range(0, len(columns), every):
        pen.text((left + (c + 0.5) * cell, top - 5), str(columns[c]), FAINT, small, anchor="mb")
    for i in range(0, len(matrix), every):
        pen.text((left - 6, top + (i + 0.5) * cell), str(i), FAINT, small, anchor="rm")
    for i, values in enumerate(matrix.tolist()):
        for c, value in enumerate(values):
            x, y = left + c * cell, top + i * cell
            pen.rectangle((x, y, x + cell - 1, y + cell - 1), shade(value))
            if cell > 30:
                text = f"{value:.2f}".removeprefix("0") if value < 0.995 else "1.0"
                colour = PAPER if value > 0.55 else INK
                pen.text((x + cell / 2, y + cell / 2), text, colour, small, anchor="mm")


def _small(cell: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return font(SMALL_TEXT if cell > 20 else 11)


def shade(value: float) -> tuple[int, int, int]:
    """The colour of a value between 0 and 1.

    >>> shade(0.0), shade(1.0)
    ((255, 255, 255), (8, 28, 66))
    """
    place = min(max(value, 0.0), 1.0) * (len(SHADES) - 1)
    below = min(int(place), len(SHADES) - 2)
    red, green, blue = (
        round(a + (b - a) * (place - below)) for a, b in zip(SHADES[below], SHADES[below + 1], strict=True)
    )
    return red, green, blue
