"""Equal directions are found to be equal, whatever their order, signs and scales; different ones are not."""

import csv
import json
from itertools import permutations

import numpy as np
import pytest
import torch
from jaxtyping import Float
from PIL import Image
from tests.report.linear import Flat, planted
from tests.toy import Toy
from torch import Tensor
from torch.testing import assert_close

from latentclr import Directions, InputError, Random
from latentclr.images import to_pil
from latentclr.linalg import best_pairs
from latentclr.report.charts import shade
from latentclr.report.comparison import (
    Comparison,
    as_csv,
    as_markdown,
    compare,
    mean_cosines,
    notes,
    record,
    table,
)
from latentclr.report.side_by_side import ComparisonSheets, overlap_map
from latentclr.runs.discovery import Run, settings_text

STRENGTHS = (1.0, 0.5, 3.0, 0.2, 1.5, 0.8)
ORDER = [2, 0, 3, 1]
SIGNS = torch.tensor([1.0, -1.0, -1.0, 1.0])
SCALES = torch.tensor([0.1, 5.0, 1.0, 2.0])


@pytest.fixture
def flat() -> Flat:
    return Flat(STRENGTHS)


def named(name: str, directions: Directions, seconds: float | None = None) -> Run:
    return Run(name, directions, directions.slots, seconds)


def compared(flat: Flat, *runs: Directions, strength: float | None = 0.5) -> Comparison:
    entries = [named(f"run{i}", run) for i, run in enumerate(runs)]
    return compare(
        entries, flat, flat.sample(4, rng=torch.Generator().manual_seed(0)), strength=strength, longest=12.0
    )


@pytest.fixture
def turned(flat: Flat) -> Comparison:
    """Axes 0 to 3, and the same ones in another order, with other signs and scales."""
    axes = torch.eye(6)[:4]
    other = planted(flat, axes[ORDER] * SIGNS[:, None], scale=SCALES)
    return compared(flat, planted(flat, axes), other)


def test_the_same_directions_overlap_perfectly_and_the_order_is_found(flat: Flat, turned: Comparison) -> None:
    overlap = turned.overlap(0, 1)
    expected = torch.zeros(4, 4)
    expected[ORDER, range(4)] = 1.0
    assert_close(overlap.visible, expected, atol=1e-5, rtol=0.0)
    assert_close(overlap.latent, expected, atol=1e-5, rtol=0.0)
    assert_close(overlap.signed, expected * SIGNS, atol=1e-5, rtol=0.0)
    assert overlap.pairs == tuple(sorted((axis, place) for place, axis in enumerate(ORDER)))
    assert overlap.mean_visible == pytest.approx(1.0, abs=1e-5)
    assert overlap.mean_latent == pytest.approx(1.0, abs=1e-5)
    assert turned.found_alone(0) == turned.found_alone(1) == []
    assert ComparisonSheets(turned, flat, (0,), 24, 5).alone() is None
    assert turned.latent_repeats == turned.visible_repeats == ([], [])


def test_strengths_come_in_the_units_of_each_method(turned: Comparison) -> None:
    lengths = 0.5 / torch.tensor(STRENGTHS[:4])
    assert_close(turned.alphas(0), lengths, rtol=2e-3, atol=0.0)
    assert_close(turned.alphas(1), lengths[ORDER] / SCALES, rtol=2e-3, atol=0.0)


def test_the_usual_strength_is_the_median_at_length_three(flat: Flat) -> None:
    axes = torch.eye(6)
    comparison = compared(flat, planted(flat, axes[:3]), planted(flat, axes[3:]), strength=None)
    assert comparison.strengths[0].target == pytest.approx(3 * np.median(STRENGTHS), rel=1e-4)


def test_alone_is_what_none_of_several_runs_has(flat: Flat) -> None:
    axes = torch.eye(6)
    runs = [planted(flat, axes[list(which)]) for which in ([0, 1, 2], [1, 4], [2, 4])]
    comparison = compared(flat, *runs)
    assert [comparison.found_alone(run) for run in range(3)] == [[0], [], []]
    alone = ComparisonSheets(comparison, flat, (0,), 24, 5).alone()
    assert alone is not None
    assert alone.width < 300, "one block"
    assert comparison.overlap(2, 1).pairs == tuple((j, i) for i, j in comparison.overlap(1, 2).pairs)
    assert_close(comparison.overlap(2, 0).visible, comparison.overlap(0, 2).visible.T)


def test_what_one_sees_may_be_equal_where_vectors_are_not(flat: Flat) -> None:
    # Axis 0 is so strong that any direction with a little of it looks like it.
    strong = Flat((100.0, *STRENGTHS[1:]))
    axes = torch.eye(6)
    slanted = (axes[1] + 0.3 * axes[0]).unsqueeze(0)
    comparison = compared(strong, planted(strong, axes[:1]), planted(strong, slanted))
    assert float(comparison.overlap(0, 1).visible) > 0.99
    assert float(comparison.overlap(0, 1).latent) == pytest.approx(0.3 / 1.09**0.5, abs=1e-4)


def test_repetition_within_a_run_is_counted(flat: Flat) -> None:
    axes = torch.eye(6)
    twice = torch.stack([axes[0], axes[1], -axes[0] + 0.1 * axes[1]])
    comparison = compared(flat, planted(flat, axes[:2]), planted(flat, twice))
    assert [pair[:2] for pair in comparison.latent_repeats[1]] == [(0, 2)]
    assert [pair[:2] for pair in comparison.visible_repeats[1]] == [(0, 2)]
    facts = table(comparison)
    assert facts["run0"]["same vector twice"] == "0"
    assert facts["run1"]["same vector twice"] == facts["run1"]["same look twice"] == "1"


def test_different_slots_are_said_and_seen(flat: Flat) -> None:
    axes = torch.eye(6)[:2]
    comparison = compared(flat, planted(flat, axes, slots=(0,)), planted(flat, axes, slots=(0, 1)))
    assert any("different slots (run0: 0; run1: 0-1)" in note for note in notes(comparison))
    assert_close(comparison.overlap(0, 1).latent, torch.eye(2), atol=1e-5, rtol=0.0)
    # Slot 1 adds an orthogonal pattern, half as strong: cos = 1 / sqrt(1 + 1/4).
    assert_close(comparison.overlap(0, 1).visible, torch.eye(2) / 1.25**0.5, atol=1e-4, rtol=0.0)


def test_a_weak_direction_is_told_of(flat: Flat) -> None:
    weak = Flat((1e-3, *STRENGTHS[1:]))
    axes = torch.eye(6)
    comparison = compared(weak, planted(weak, axes[:2]), planted(weak, axes[2:]))
    assert comparison.strengths[0].too_weak == [0]
    assert any("run0: too weak to reach the strength within length 12" in note for note in notes(comparison))
    assert table(comparison)["run0"]["too weak"] == "1"
    assert float(table(comparison)["run0"]["alpha, mean"]) == pytest.approx(1.0, rel=1e-2)


def test_cosines_by_another_route() -> None:
    rng = torch.Generator().manual_seed(0)
    ours, theirs = torch.randn(3, 5, 7, generator=rng), torch.randn(2, 5, 7, generator=rng)
    theirs[1, 2] = 0
    absolute, signed = mean_cosines(ours, theirs)
    for i in range(3):
        for j in range(2):
            cosines = torch.nn.functional.cosine_similarity(ours[i], theirs[j], dim=-1)
            assert_close(absolute[i, j], cosines.abs().mean())
            assert_close(signed[i, j], cosines.mean())


@pytest.mark.parametrize("shape", [(4, 4), (3, 5), (5, 3)])
def test_the_matching_is_the_best_of_all(shape: tuple[int, int]) -> None:
    overlap = torch.rand(*shape, generator=torch.Generator().manual_seed(5))
    tall = overlap if shape[0] <= shape[1] else overlap.T
    best = max(
        sum(float(tall[i, j]) for i, j in enumerate(order))
        for order in permutations(range(max(shape)), min(shape))
    )
    pairs = best_pairs(overlap)
    assert sum(float(overlap[i, j]) for i, j in pairs) == pytest.approx(best)
    assert pairs == tuple(sorted(pairs))


def test_tables_say_the_same_in_every_form(turned: Comparison) -> None:
    facts = table(turned)
    assert facts["run0"]["seen in run1"] == facts["run1"]["vectors in run0"] == "1.00"
    assert facts["run0"]["seen in run0"] == ""
    rows = list(csv.DictReader(as_csv(facts).splitlines()))
    assert {row.pop("run"): row for row in rows} == facts
    lines = as_markdown(facts).splitlines()
    assert lines[0] == "|  | run0 | run1 |"
    assert "| directions | 4 | 4 |" in lines
    assert len(lines) == 2 + len(facts["run0"])


def test_the_record_is_json_and_whole(turned: Comparison) -> None:
    facts = record(turned, {"seeds": [0]})
    assert json.loads(json.dumps(facts, allow_nan=False)) == facts
    assert facts["settings"] == {"seeds": [0], "target": 0.5}
    (overlap,) = facts["overlaps"]
    assert [match["directions"] for match in overlap["matches"]] == [[0, 1], [1, 3], [2, 0], [3, 2]]
    assert [match["sign"] for match in overlap["matches"]] == [-1, 1, 1, -1]


def test_settings_that_are_not_the_defaults_are_told(flat: Flat) -> None:
    directions = Random(k=2, seed=4, alpha=2.5).fit(flat)
    assert settings_text(directions) == "seed 4, alpha 2.5"


def test_what_cannot_be_compared_is_refused(flat: Flat) -> None:
    axes = torch.eye(6)
    one = planted(flat, axes)
    latents = flat.sample(2, rng=torch.Generator().manual_seed(0))
    with pytest.raises(InputError, match="at least two runs, not 1"):
        compare([named("a", one)], flat, latents)
    blind = planted(flat, axes, slots=(1,))
    with pytest.raises(InputError, match="layer 'first' does not see the edits of b, which move slots 1"):
        compare([named("a", one), named("b", blind)], flat, latents, layer="first")
    frozen = Flat((0.0,) * 6)
    dead = planted(frozen, axes)
    with pytest.raises(InputError, match="most edits do not change the picture at all"):
        compare([named("a", dead), named("b", dead)], frozen, latents)
    with pytest.raises(InputError, match="no layer 'second'"):
        compare([named("a", one), named("b", one)], flat, latents, layer="second")


def crop(sheet: Image.Image, x: int, y: int, tile: int) -> Float[Tensor, "h w c"]:
    return torch.from_numpy(np.array(sheet.crop((x, y, x + tile, y + tile)))).float()


def test_tiles_are_the_edits_that_they_are_said_to_be() -> None:
    toy, tile = Toy(), 24
    axes = toy.axes.detach()
    runs = [planted(toy, axes[:3], slots=(0, 1)), planted(toy, -axes[[1, 0]], slots=(0, 1))]
    entries = [named(name, run) for name, run in zip("ab", runs, strict=True)]
    comparison = compare(entries, toy, toy.sample(4, rng=torch.Generator().manual_seed(0)))
    sheets = ComparisonSheets(comparison, toy, (4, 9), tile, 8)
    for row, index in ((0, 1), (1, 0)):
        line = sheets.blocks[1].rows[row]
        assert line.label == str(index)
        alpha = -float(comparison.alphas(1)[index])  # turned to the reference's side
        assert f"alpha {alpha:+.3g}" in line.note
        for s, seed in enumerate((4, 9)):
            for t, step in enumerate((-alpha, 0.0, alpha)):
                edited = runs[1].edit(toy.from_seeds([seed]), index, step)
                expected = to_pil(toy(edited)[0]).resize((tile, tile), Image.Resampling.LANCZOS)
                found = line.tiles[3 * s + t]
                assert np.abs(np.asarray(found).astype(int) - np.asarray(expected)).max() <= 1
    unmatched = sheets.blocks[1].rows[2]
    assert unmatched.label == "no match"
    assert unmatched.tiles == ()
    assert [block.title for block in sheets.blocks] == ["a (random)", "b (random)"]
    assert sheets.match(1).width < sheets.side_by_side().width


def test_a_heat_map_boxes_the_pairs(turned: Comparison) -> None:
    picture = overlap_map(turned.overlap(0, 1), ("a", "b"), latent=False)
    pixels = np.asarray(picture)
    assert (pixels == shade(1.0)).all(-1).sum() > 4 * 15**2, "four dark cells"
    assert (pixels == (232, 89, 12)).all(-1).sum() >= 4 * 4 * 2 * 30, "four boxes"
    lightness = [sum(shade(i / 10)) for i in range(11)]
    assert lightness == sorted(lightness, reverse=True)
