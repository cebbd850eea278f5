"""Repetitions that were planted are found, and only these."""

import math
from dataclasses import replace

import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.evaluate.tables import linear_table, rng
from tests.report.linear import Flat, planted

from latentclr.evaluate.repetition import (
    effect_repetition,
    latent_repetition,
    repetition,
    visible_repetition,
)


def test_equal_vectors_of_either_sign_are_repetitions() -> None:
    flat = Flat((1.0, 1.0, 1.0))
    rows = torch.tensor([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [-1.0, 0.05, 0.0], [0.0, 0.0, 1.0]])
    directions, latents = planted(flat, rows), flat.sample(4, rng=rng())
    found = latent_repetition(directions, latents)
    assert [pair[:2] for pair in found.pairs] == [(0, 2)]
    assert found.groups == ((0, 2), (1,), (3,))
    assert found.distinct == 3
    assert found.rate == 1 / 6
    seen = visible_repetition(flat, directions, latents)
    assert seen.groups == found.groups


def test_different_vectors_can_look_the_same() -> None:
    flat = Flat((1.0, 0.01, 1.0))
    rows = torch.tensor([[1.0, 1.0, 0.0], [1.0, -1.0, 0.0], [0.0, 0.0, 1.0]])
    directions, latents = planted(flat, rows), flat.sample(4, rng=rng())
    assert latent_repetition(directions, latents).distinct == 3
    apart = replace(directions, scale=torch.tensor([1.0, 3.0, 0.1]))
    seen = visible_repetition(flat, apart, latents)
    assert seen.groups == ((0, 1), (2,))


def test_directions_that_do_the_same_to_attributes() -> None:
    slopes = torch.tensor([[1.0, 0.5], [-2.0, -1.0], [0.5, -1.0], [1.0, 0.4]])
    scored = linear_table(slopes)
    assert effect_repetition(scored).groups == ((0, 1, 3), (2,))
    # What is missing in one counts in none: without attribute b, all are the same.
    scored.edited[2, :, :, 1] = math.nan
    assert effect_repetition(scored).distinct == 1


def test_the_same_on_average_but_on_other_pictures_is_no_repetition() -> None:
    scored = linear_table(torch.zeros(2, 1), n=20)
    plus = scored.step(1.0)
    scored.edited[0, plus, :10] += 1.0
    scored.edited[1, plus, 10:] += 1.0
    assert effect_repetition(scored).distinct == 2


@settings(max_examples=50)
@given(st.integers(1, 8), st.integers(0, 10_000), st.floats(0.0, 1.0))
def test_groups_are_those_that_can_be_reached(k: int, seed: int, threshold: float) -> None:
    half = torch.rand(k, k, generator=rng(seed)).triu(1)
    overlaps = half + half.T + torch.eye(k)
    found = repetition(overlaps, threshold)
    reach = overlaps > threshold
    for _ in range(k):  # paths of any length
        reach = (reach.float() @ reach.float()) > 0
    reach |= torch.eye(k, dtype=torch.bool)
    expected = {tuple(row.nonzero().flatten().tolist()) for row in reach}
    assert set(found.groups) == expected
    assert sorted(i for group in found.groups for i in group) == list(range(k))
