"""Path curves: the geometry of a small chart of effects along a direction, which chart.html draws as SVG."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from latentclr.report.charts import Axis, spread
from latentclr.report.numbers import finite, number

WIDTH, HEIGHT = 372, 196
LEFT, RIGHT, TOP, BOTTOM = 34, 108, 10, 24
"""Margins in pixels: for the scale, the names of the lines, and the multiples."""
COLOURED = 3
"""Number of lines with a colour, an interval and a name; the others are grey."""
COLOURS, DASHES = 5, 3
"""Of each there are as many in the style sheet (`c0`, `d0`, ...): 15 attributes look different."""
APART = 13
"""Pixels between the names of two lines."""
LONGEST = 17
"""Number of letters of a name that have room."""
STEPS = (0.25, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0, 4.0, 6.0, 8.0, 10.0)

Series = Sequence[float | None]
Points = Sequence[tuple[float, float]]


@dataclass(frozen=True)
class Mark:
    """A point, or a text at a place, in pixels from the upper left."""

    x: float
    y: float
    text: str


@dataclass(frozen=True)
class Curve:
    """One attribute along a direction.

    Attributes:
        name: of the attribute.
        look: names of classes in the style sheet.
        line: the "d" of an SVG path.
        band: the same for the interval; empty: it is not drawn.
        points: with their values as text; only of coloured lines.
        label: name of a coloured line, at its right end.
        summary: the line in words.
    """

    name: str
    look: str
    line: str
    band: str
    points: tuple[Mark, ...]
    label: Mark | None
    summary: str


@dataclass(frozen=True)
class Chart:
    """All attributes along a direction.

    Attributes:
        curves: grey ones first, so that they lie below.
        multiples: texts below the chart.
        levels: texts left of it.
        summary: the chart in words.
    """

    curves: tuple[Curve, ...]
    multiples: tuple[Mark, ...]
    levels: tuple[Mark, ...]
    summary: str


def scale_end(paths: Iterable[Mapping[str, Any]]) -> float:
    """The largest value of the vertical scale: a round number that no mean of any path exceeds.

    >>> scale_end([{"multiples": [-1, 1], "smile": {"mean": [-0.3, 0.8]}}])
    1.0
    """
    largest = max((size for path in paths for size in _sizes(path).values()), default=0.0)
    return next((step for step in STEPS if step >= largest), math.ceil(largest / 10) * 10.0)


def path_chart(path: Mapping[str, Any], attributes: Sequence[str], top: float) -> Chart | None:
    """The chart of one direction; None: nothing was measured along it.

    Args:
        path: "multiples", and for each attribute "mean", "low" and "high" at each of them.
        attributes: names of all attributes of the report, in an order that decides their colours.
        top: end of the scale, as `scale_end` gives it.
    """
    sizes = _sizes(path)
    order = sorted((name for name in attributes if name in sizes), key=lambda name: -sizes[name])
    if not order:
        return None
    plot = _Plot([float(multiple) for multiple in path["multiples"]], top)
    strong = order[:COLOURED]
    ends = [plot.y(next(filter(finite, reversed(path[name]["mean"])))) for name in strong]
    labels = dict(zip(strong, spread(ends, APART, HEIGHT - BOTTOM), strict=True))
    curves = [
        plot.curve(name, path[name], attributes.index(name), labels.get(name)) for name in reversed(order)
    ]
    words = [curve.summary for curve in reversed(curves[-len(strong) :])]
    if len(order) > len(strong):
        words.append(f"{len(order) - len(strong)} others less")
    return Chart(tuple(curves), plot.multiple_marks(), plot.level_marks(top), "; ".join(words))


def _sizes(path: Mapping[str, Any]) -> dict[str, float]:
    """The largest change of each attribute of which any is known."""
    known = {
        name: [abs(v) for v in s["mean"] if finite(v)] for name, s in path.items() if name != "multiples"
    }
    return {name: max(values) for name, values in known.items() if values}


class _Plot:
    """Places of values in a chart of path curves."""

    def __init__(self, multiples: Sequence[float], top: float) -> None:
        self._multiples = multiples
        lowest, highest = min(multiples), max(multiples)
        axis = Axis(lowest, highest if highest > lowest else lowest + 1, LEFT, WIDTH - RIGHT)
        self._xs = [axis.place(multiple) for multiple in multiples]
        self._levels = Axis(-top, top, HEIGHT - BOTTOM, TOP)

    def y(self, value: float) -> float:
        return round(self._levels.place(value), 1)

    def multiple_marks(self) -> tuple[Mark, ...]:
        """The multiples that have room for their number: whole ones and the ends."""
        whole = [i for i, multiple in enumerate(self._multiples) if multiple == round(multiple)]
        if len(whole) > 7:
            whole = [i for i in whole if self._multiples[i] == 0]
        chosen = sorted({0, *whole, len(self._multiples) - 1})
        return tuple(Mark(self._xs[i], HEIGHT - 7.0, self._multiple(i)) for i in chosen)

    def level_marks(self, top: float) -> tuple[Mark, ...]:
        return tuple(
            Mark(LEFT - 6.0, self.y(level), number(level, sign=True, short=True))
            for level in (top, 0.0, -top)
        )

    def curve(self, name: str, series: Mapping[str, Any], index: int, label: float | None) -> Curve:
        """The curve of the attribute with this index; it is coloured if the height of its label is given."""
        means = series["mean"]
        line = "".join(self._path([(self._xs[i], means[i]) for i in piece]) for piece in _known_pieces(means))
        if label is None:
            return Curve(name, "faint", line, "", (), None, self._summary(name, means))
        short = name if len(name) <= LONGEST else name[: LONGEST - 1] + "…"
        return Curve(
            name,
            f"c{index % COLOURS} d{index // COLOURS % DASHES}",
            line,
            self._band(series.get("low"), series.get("high")),
            self._points(name, series),
            Mark(WIDTH - RIGHT + 8.0, round(label, 1), short),
            self._summary(name, means),
        )

    def _multiple(self, i: int) -> str:
        return number(self._multiples[i], sign=True, short=True)

    def _path(self, points: Points) -> str:
        return "M" + "L".join(f"{x:.1f} {self.y(y):.1f}" for x, y in points)

    def _band(self, low: Series | None, high: Series | None) -> str:
        if low is None or high is None:
            return ""
        parts = []
        for piece in _known_pieces(low, high):
            there = [(self._xs[i], high[i] or 0.0) for i in piece]
            back = [(self._xs[i], low[i] or 0.0) for i in reversed(piece)]
            parts.append(self._path([*there, *back]) + "Z")
        return "".join(parts)

    def _points(self, name: str, series: Mapping[str, Any]) -> tuple[Mark, ...]:
        marks = []
        for i, value in enumerate(series["mean"]):
            if not finite(value):
                continue
            text = f"{name} at {self._multiple(i)}: {number(value, sign=True)}"
            low, high = ((series.get(end) or {i: None})[i] for end in ("low", "high"))
            if finite(low) and finite(high):
                text += f" [{number(low)}, {number(high)}]"
            marks.append(Mark(round(self._xs[i], 1), self.y(value), text))
        return tuple(marks)

    def _summary(self, name: str, means: Series) -> str:
        known = [i for i, value in enumerate(means) if finite(value)]
        ends = [f"{number(means[i], sign=True)} at {self._multiple(i)}" for i in (known[0], known[-1])]
        return f"{name} {', '.join(ends)}"


def _known_pieces(*series: Series) -> list[list[int]]:
    """Indices at which all series are known, neighbours together."""
    pieces: list[list[int]] = [[]]
    for i, values in enumerate(zip(*series, strict=True)):
        if all(finite(value) for value in values):
            pieces[-1].append(i)
        elif pieces[-1]:
            pieces.append([])
    return [piece for piece in pieces if piece]
