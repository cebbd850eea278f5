"""The documented figures: what is wrong is told, they stand in the docs, and a short form of them runs."""

from dataclasses import replace
from typing import Any

import pytest
from benchmarks.reproduce import MEASUREMENTS, ROOT, Figure, check, figures

FIGURE = Figure(
    what=("effects", "scenes", "sefa", 12, 0),
    value="selectivity",
    low=0.3,
    high=0.4,
    doc="docs/methods.md",
    words="## sefa",
)


def test_a_figure_inside_its_interval_is_right() -> None:
    assert check(FIGURE, {"selectivity": 0.35}) is None


def test_outside_it_is_wrong() -> None:
    assert check(FIGURE, {"selectivity": 0.41}) == "selectivity = 0.410 is outside [0.3, 0.4]"
    assert check(FIGURE, {"selectivity": float("nan")}) is not None


def test_words_that_the_docs_do_not_say_are_wrong() -> None:
    found = check(replace(FIGURE, words="sefa wins everything"), {"selectivity": 0.35})
    assert found == "docs/methods.md does not say 'sefa wins everything'"


def test_every_listed_figure_can_be_measured_and_stands_in_its_doc() -> None:
    for figure in figures():
        assert figure.what[0] in MEASUREMENTS, figure
        assert figure.low < figure.high, figure
        assert figure.words in (ROOT / figure.doc).read_text(), figure


@pytest.mark.training
@pytest.mark.parametrize("what", dict.fromkeys(figure.what for figure in figures() if figure.quick))
def test_the_short_form_agrees_with_the_docs(what: tuple[Any, ...]) -> None:
    name, *arguments = what
    values = MEASUREMENTS[name](*arguments)
    faults = [check(figure, values) for figure in figures() if figure.what == what]
    assert faults == [None] * len(faults)
