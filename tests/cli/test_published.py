"""Published edits in W: after truncation, so shorter by it."""

import pytest

from latentclr import GANSpace, load_generator
from latentclr.cli.edit import _as_published


@pytest.mark.parametrize(("measured_at", "drawn_at", "alpha"), [(1.0, 0.5, -10.0), (0.5, 0.5, -20.0)])
def test_an_edit_in_w_shrinks_with_the_truncation(measured_at: float, drawn_at: float, alpha: float) -> None:
    generator = load_generator("scenes")
    found = GANSpace(k=4, samples=400, truncation=measured_at).fit(generator)
    edits, slots = _as_published("E(3, 1-2):-20", found, generator.at(drawn_at))
    ((component, found_alpha),) = edits
    assert component == 3
    assert found_alpha == pytest.approx(alpha)
    assert slots == (1, 2)
