"""Series of steps in which one number changes, and the exponents by which time and memory grow."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from math import log
from statistics import fmean
from typing import Any

from benchmarks.machine import best
from benchmarks.runner import say
from benchmarks.scaling.step import PARTS, REPEATS, Size, step_parts

from latentclr.engine.memory import peak_bytes
from latentclr.generators import StyleGAN2

Range = tuple[float, float]


@dataclass(frozen=True)
class Sweep:
    """A series of steps in which one number changes.

    Attributes:
        variable: its name in `Size`.
        start: the other two.
        values: it takes.
        expected: exponents of time and of memory, by part; from, to.
    """

    variable: str
    start: Size
    values: Sequence[int]
    expected: Mapping[str, Mapping[str, Range]]

    def sizes(self) -> list[Size]:
        """The size of each step."""
        return [Size(**{**asdict(self.start), self.variable: value}) for value in self.values]


EDITS: Mapping[str, Mapping[str, Range]] = {
    "seconds": {"generator": (1, 1), "similarities": (2, 2), "step": (1, 2)},
    "bytes": {"generator": (1, 1), "similarities": (1, 2), "step": (1, 2)},
}
"""More edits. Of the similarities, the gradient is as long as the features and the matrices are square."""
MORE_LATENTS = {kind: {**parts, "networks": (0, 1)} for kind, parts in EDITS.items()}
"""The networks' weights, read once, are the same for more latents."""
MORE_DIRECTIONS = {kind: {**parts, "networks": (1, 1)} for kind, parts in EDITS.items()}
DEEPER = {kind: {**dict.fromkeys(PARTS, (2, 2)), "networks": (0, 0)} for kind in EDITS}
"""Pixels double in both directions, and what is compared is all of them."""


def sweeps(*, on_gpu: bool, quick: bool) -> list[Sweep]:
    """All series of measurements; a GPU gets more work, so that it is busy."""
    more = 4 if on_gpu else 1
    powers = (0, 1) if quick else (0, 1, 2, 3)
    start = 8 if quick else 16 * more
    return [
        Sweep("n", Size(16, start, 8), [start << i for i in powers], MORE_LATENTS),
        Sweep("k", Size(start, 16, 8), [start << i for i in powers], MORE_DIRECTIONS),
        Sweep("resolution", Size(4, 4 * more if quick else 8 * more, 8), [8 << i for i in powers], DEEPER),
    ]


def exponent(xs: Sequence[float], ys: Sequence[float]) -> float:
    """The a of y = b x^a, by least squares of the logarithms.

    >>> round(exponent([1, 2, 4], [3, 12, 48]), 6)
    2.0
    """
    points = [(log(x), log(y)) for x, y in zip(xs, ys, strict=True)]
    middle, height = fmean(x for x, _ in points), fmean(y for _, y in points)
    rise = sum((x - middle) * (y - height) for x, y in points)
    return rise / sum((x - middle) ** 2 for x, _ in points)


def measure_sweep(sweep: Sweep, generator: StyleGAN2) -> dict[str, Any]:
    """Measure and print seconds and bytes of every part at every size, and their exponents."""
    fixed = {name: value for name, value in asdict(sweep.start).items() if name != sweep.variable}
    print(f"\n{', '.join(f'{name} {value}' for name, value in fixed.items())}")
    heads = "".join(f"{name:>15}" for name in PARTS) + "".join(f"{name:>14}" for name in PARTS)
    print(f"{sweep.variable:>12}{heads}")
    points: list[dict[str, Any]] = []
    for size in sweep.sizes():
        parts = step_parts(generator, size)
        seconds = {name: best(call, REPEATS, generator.device)[0] for name, call in parts.items()}
        taken = {name: peak_bytes(call) for name, call in parts.items()}
        points.append({"value": getattr(size, sweep.variable), "seconds": seconds, "bytes": taken})
        say(line(points[-1]))
    exponents = {
        kind: {name: exponent(sweep.values, [point[kind][name] for point in points]) for name in expected}
        for kind, expected in sweep.expected.items()
    }
    print(exponent_line("exponent", {a: {b: f"{x:.2f}" for b, x in v.items()} for a, v in exponents.items()}))
    print(
        exponent_line("expected", {a: {b: show(*x) for b, x in v.items()} for a, v in sweep.expected.items()})
    )
    return {
        "start": asdict(sweep.start),
        "points": points,
        "exponents": exponents,
        "expected": sweep.expected,
    }


def line(point: Mapping[str, Any]) -> str:
    seconds = "".join(f"{point['seconds'][name]:>13.4f} s" for name in PARTS)
    return f"{point['value']:>12}{seconds}" + "".join(
        f"{point['bytes'][name] / 1e6:>11.1f} MB" for name in PARTS
    )


def exponent_line(label: str, exponents: Mapping[str, Mapping[str, str]]) -> str:
    seconds = "".join(f"{exponents['seconds'][name]:>15}" for name in PARTS)
    return f"{label:>12}{seconds}" + "".join(f"{exponents['bytes'][name]:>14}" for name in PARTS)


def show(low: float, high: float) -> str:
    """An expected exponent.

    >>> show(2, 2), show(0, 1)
    ('2', '0 to 1')
    """
    return f"{low:g}" if low == high else f"{low:g} to {high:g}"
