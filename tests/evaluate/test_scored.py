"""Tables of scores: kept in a file, and differences that follow a circle."""

import math
from dataclasses import fields, replace
from pathlib import Path

import pytest
import torch
from tests.evaluate.tables import ROUNDED, linear_table, rng, table
from torch.testing import assert_close

from latentclr import InputError
from latentclr.evaluate.attributes import Scale
from latentclr.evaluate.scored import Scored
from latentclr.files import write_tensors

MULTIPLES = (-2.0, -1.0, 1.0, 2.0)


def spinning(turns: float, n: int = 9) -> Scored:
    """A hue that an edit by m turns by m * turns."""
    base = torch.rand(n, 1, generator=rng()).double()
    edited = (base + torch.tensor(MULTIPLES).view(1, -1, 1, 1) * turns) % 1
    return table(base, edited, multiples=MULTIPLES, scales=[Scale("hue", "circular")])


def test_differences_of_an_interval_are_in_its_unit() -> None:
    slopes = torch.tensor([[0.5, -2.0]])
    scored = linear_table(slopes, multiples=MULTIPLES, units=torch.tensor([2.0, 4.0]))
    expected = torch.tensor([0.25, -0.5]).expand(1, 40, 2)
    assert_close(scored.changes()[:, 2].float(), expected, atol=ROUNDED, rtol=0)
    assert_close(scored.effects().float(), 2 * expected, atol=ROUNDED, rtol=0)
    assert_close(scored.effects(2.0).float(), 4 * expected, atol=ROUNDED, rtol=0)


@pytest.mark.parametrize("turns", [0.4, -0.4, 0.1])
def test_a_circle_is_followed_beyond_half_a_turn(turns: float) -> None:
    scored = spinning(turns)
    assert_close(scored.effects(2.0).float(), torch.full((1, 9, 1), 4 * turns), atol=ROUNDED, rtol=0)
    multiples, along = scored.paths()
    assert multiples.tolist() == [-2.0, -1.0, 0.0, 1.0, 2.0]
    assert_close(along[0, :, 0, 0].float(), multiples * turns, atol=ROUNDED, rtol=0)


def test_multiples_of_one_side_only() -> None:
    scored = linear_table(torch.ones(1, 1), multiples=(1.0, 3.0))
    multiples, along = scored.paths()
    assert multiples.tolist() == [0.0, 1.0, 3.0]
    assert_close(along[0, :, 0, 0].float(), multiples, atol=ROUNDED, rtol=0)
    with pytest.raises(InputError, match="edits of -1 lengths were not measured; there are 1, 3"):
        scored.effects()


def test_a_category_has_changed_or_not() -> None:
    base = torch.tensor([[0.0], [1.0], [2.0]])
    edited = torch.tensor([[0.0], [1.0], [5.0]]), torch.tensor([[0.0], [3.0], [5.0]])
    scored = table(
        base, torch.stack(edited)[None], multiples=(-1.0, 1.0), scales=[Scale("shape", "category")]
    )
    assert scored.changes()[0, 1, :, 0].tolist() == [0.0, 1.0, 1.0]
    # Both ends of the last one are the same shape, though not the one between.
    assert scored.effects()[0, :, 0].tolist() == [0.0, 1.0, 0.0]


def test_what_is_missing_is_counted_and_stays_missing() -> None:
    scored = linear_table(torch.ones(2, 2), multiples=MULTIPLES)
    scored.edited[1, 0, 3, 1] = math.nan
    scored.base[5, 0] = math.nan
    assert scored.missing == {"b": 1}
    assert scored.effects(2.0).isnan().nonzero().tolist() == [[0, 5, 0], [1, 3, 1], [1, 5, 0]]
    assert bool(scored.paths()[1][:, :, 5, 0].isnan().all())


def full() -> Scored:
    scored = linear_table(torch.ones(2, 3), n=4, multiples=MULTIPLES, scales=[*map(Scale, "abc")])
    one, two, three = torch.rand(3, 2, 4, 4, generator=rng()).double()
    return replace(scored, facts={"slots": [0, 1], "note": "ü"}, identity=one, change=two, steps=three)


@pytest.mark.parametrize("scored", [full(), linear_table(torch.ones(1, 1), n=2)], ids=["full", "bare"])
def test_a_file_holds_everything(scored: Scored, tmp_path: Path) -> None:
    scored.edited[0, 0, 0, 0] = math.nan
    scored.save(tmp_path / "a.safetensors")
    again = Scored.load(tmp_path / "a.safetensors")
    for field in fields(Scored):
        ours, theirs = getattr(scored, field.name), getattr(again, field.name)
        if isinstance(ours, torch.Tensor):
            assert_close(theirs, ours, equal_nan=True, rtol=0, atol=0)
        else:
            assert ours == theirs
    again.save(tmp_path / "b.safetensors")
    assert (tmp_path / "a.safetensors").read_bytes() == (tmp_path / "b.safetensors").read_bytes()


def test_another_file_is_refused(tmp_path: Path) -> None:
    write_tensors(tmp_path / "x.safetensors", {"base": torch.ones(1)}, {"format": 1, "kind": "directions"})
    with pytest.raises(InputError, match="measure again"):
        Scored.load(tmp_path / "x.safetensors")


def test_some_latents() -> None:
    some = full().select([3, 1])
    assert some.n == 2
    assert_close(some.base, full().base[[3, 1]])
    assert_close(some.edited, full().edited[:, :, [3, 1]])
    assert some.change is not None
    assert some.change.shape == (2, 4, 2)


def test_attributes_by_name_or_number() -> None:
    scored = full()
    assert scored.attribute("b") == scored.attribute(1) == 1
    with pytest.raises(InputError, match="no attribute 'x'; there are a, b, c"):
        scored.attribute("x")
    with pytest.raises(InputError, match="no attribute 3"):
        scored.attribute(3)
