"""What people read when directions cannot be used as asked: what was given, and what is allowed."""

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from tests.toy import Toy

from latentclr import Directions, InputError
from latentclr.artefacts import Origin
from latentclr.directions import Global
from latentclr.files import read_tensors, write_tensors


@pytest.fixture
def directions(toy: Toy) -> Directions:
    return Directions(
        model=Global(3, toy.latent_dim, rng=torch.Generator().manual_seed(0)),
        space=toy.space,
        num_slots=toy.num_slots,
        slots=(0, 1),
        scale=torch.ones(3),
        scores=torch.ones(3),
        names=("", "light", "size"),
    )


def said(call: Callable[[], object]) -> str:
    with pytest.raises(InputError) as caught:
        call()
    return str(caught.value)


def test_an_unknown_direction_is_told_the_known_ones(directions: Directions) -> None:
    assert said(lambda: directions.index(3)) == "no direction 3; there are 0 to 2 or by name: light, size."
    nameless = replace(directions, names=("", "", ""))
    assert said(lambda: nameless.index("dark")) == "no direction 'dark'; there are 0 to 2."


@pytest.mark.parametrize("name", ["7", "-7", "+7", "a:b", "a,b"])
def test_a_name_that_means_something_else_is_refused(directions: Directions, name: str) -> None:
    expected = f"name {name!r} must not be a number nor contain ':' or ','."
    assert said(lambda: directions.rename({0: name})) == expected


@pytest.mark.parametrize("name", ["7-", "X7", "7 up"])
def test_a_name_with_a_number_in_it_is_a_name(directions: Directions, name: str) -> None:
    assert directions.rename({0: name}).index(name) == 0


def test_another_generator_is_named_with_its_latent_space(directions: Directions, toy: Toy) -> None:
    toy.name = "dogs"
    directions.require(toy)  # without a record of the generator, what fits may be used
    moved = replace(directions, space="z", num_slots=7)
    theirs = f"(space {toy.space}, {toy.num_slots} slots of {toy.latent_dim})"
    advice = "use the generator that they were found in."
    assert said(lambda: moved.require(toy)) == (
        f"these directions were found in 'another generator' (space z, 7 slots of {toy.latent_dim}) "
        f"and do not fit 'dogs' {theirs}; {advice}"
    )
    named = replace(moved, origin=Origin({"generator": {"name": "cats"}}))
    assert said(lambda: named.require(Toy())) == (
        f"these directions were found in 'cats' (space z, 7 slots of {toy.latent_dim}) "
        f"and do not fit 'this generator' {theirs}; {advice}"
    )


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ({"starred": [3]}, "marks must be numbers of directions, 0 to 2."),
        ({"names": ["a", "b"]}, "names, scales and scores must be 3 each."),
        ({"model": {}}, "'kind'"),
    ],
)
def test_a_damaged_file_says_what_is_wrong(
    directions: Directions, tmp_path: Path, header: Mapping[str, Any], expected: str
) -> None:
    path = tmp_path / "found.safetensors"
    directions.save(path)
    stored, known = read_tensors(path, kind="a directions file")
    write_tensors(path, stored, {**known, **header})
    kind = "a directions file (directions.safetensors of a run)"
    assert said(lambda: Directions.load(path)) == f"{path} is not {kind}: {expected}"


def test_a_reason_of_several_lines_is_told_in_one(directions: Directions, tmp_path: Path) -> None:
    path = tmp_path / "found.safetensors"
    directions.save(path)
    stored, header = read_tensors(path, kind="a directions file")
    write_tensors(path, {**stored, "model.theta": torch.zeros(2, 2)}, header)
    told = said(lambda: Directions.load(path))
    assert "\n" not in told
    assert re.search(
        r"of a run\): Error\(s\) in loading state_dict for Global: size mismatch for theta", told
    )


def test_values_that_are_not_finite_are_named(directions: Directions, tmp_path: Path) -> None:
    path = tmp_path / "found.safetensors"
    replace(directions, scale=torch.full((3,), torch.nan), scores=torch.full((3,), torch.inf)).save(path)
    assert (
        said(lambda: Directions.load(path)) == f"{path} holds values that are not finite, in scale, scores."
    )
