"""SeFa: eigenvectors of the weights, by another route, and what the method promises of them."""

from dataclasses import replace
from typing import Any

import pytest
import torch
from tests.conftest import GENERATORS
from tests.generators.small_biggan import small_biggan, small_biggan_deep
from tests.generators.small_stylegan import small_progan, small_stylegan
from tests.generators.small_stylegan2 import small_stylegan2
from tests.toy import Toy
from torch import Tensor
from torch.testing import assert_close

from latentclr import Generator, InputError
from latentclr.directions import Directions
from latentclr.discover.moments import signed
from latentclr.discover.sefa import SeFa
from latentclr.linalg import unit


def rows_of(directions: Directions) -> Tensor:
    rows: Tensor = directions.model(torch.zeros(1, directions.dim))[:, 0]
    return rows


def test_planted_axes_are_found_in_the_order_of_their_strengths(toy: Toy) -> None:
    directions = SeFa(k=6, normalize=False).fit(toy)
    assert_close(rows_of(directions), signed(toy.axes.data), atol=1e-5, rtol=0)
    strengths = toy.strengths.data.square()
    assert_close(directions.scores, strengths / strengths.sum())
    assert directions.slots == (0, 1)
    assert directions.scale.tolist() == [1] * 6


def test_normalized_units_count_alike(toy: Toy) -> None:
    # Orthonormal once they are of one length: every direction is as good as any other.
    assert_close(SeFa(k=6).fit(toy).scores, torch.full((6,), 1 / 6))


@pytest.mark.parametrize("normalize", [True, False])
@pytest.mark.parametrize(
    ("make", "layers"),
    [
        (small_stylegan2, ("b4.conv1", "b8.conv0", "b8.conv1", "b16.conv0", "b16.conv1", "b16.torgb")),
        (small_stylegan, tuple(f"layer{i}" for i in range(6))),
        (small_progan, ("layer0",)),
        (small_biggan, ("linear", "blocks.0", "blocks.1", "blocks.2")),
        (small_biggan_deep, ("gen_z", "layers.0", "layers.1", "layers.3", "layers.4")),
        (GENERATORS["dcgan"], ("b4",)),
    ],
)
def test_defaults_equal_the_singular_vectors_of_all_weights(
    make: Any, layers: tuple[str, ...], normalize: bool
) -> None:
    generator: Generator = make()
    directions = SeFa(k=4, normalize=normalize).fit(generator)
    stacked = torch.cat([generator.style_weight(name).double() for name in layers])
    if normalize:
        lengths = stacked.norm(dim=1, keepdim=True)
        stacked = stacked / torch.where(lengths > 0, lengths, 1)
    _, values, vectors = torch.linalg.svd(stacked, full_matrices=False)
    assert_close(rows_of(directions), signed(vectors[:4]).float(), atol=1e-4, rtol=0)
    assert_close(directions.scores, (values.square() / values.square().sum())[:4].float())
    assert directions.origin["layers"] == list(layers)
    assert directions.slots == tuple(sorted({generator.layer(name).slot for name in layers}))


def test_first_direction_moves_the_styles_most(toy: Toy) -> None:
    generator = small_stylegan2()
    found = rows_of(SeFa(k=1, normalize=False, layers=("b8.conv0",)).fit(generator))
    others = unit(torch.randn(500, generator.latent_dim, generator=torch.Generator().manual_seed(0)))
    weight = generator.style_weight("b8.conv0")
    assert (weight @ found.T).norm() > (weight @ others.T).norm(dim=0).max()


def test_only_a_layers_own_slots_are_edited_unless_others_are_asked_for() -> None:
    generator = small_stylegan2()
    early = SeFa(k=2, layers=("conv1", "convs.1", "b4.conv1"))  # names of two code bases, one twice
    directions = early.fit(generator)
    assert directions.origin["layers"] == ["b4.conv1", "b8.conv1"]
    assert directions.slots == (0, 2)
    assert replace(early, slots=(4, 1)).fit(generator).slots == (1, 4)


def test_all_torgbs_can_be_asked_for_by_name() -> None:
    generator = small_stylegan2()
    colours = ("b4.torgb", "b8.torgb")
    assert SeFa(k=1, layers=colours).fit(generator).origin["layers"] == list(colours)


def test_in_space_z_it_is_the_mappings_first_matrix() -> None:
    generator = small_stylegan2().in_space("z")
    one, all_ = (SeFa(k=3, layers=layers).fit(generator) for layers in (("b4.conv1",), None))
    assert_close(rows_of(one), rows_of(all_), atol=1e-5, rtol=0)
    assert_close(one.scores, all_.scores)


def test_directions_of_a_biggan_lie_in_one_piece_of_z_each_and_fit_every_class() -> None:
    generator = small_biggan()
    rows = rows_of(SeFa(k=8).fit(generator))
    lengths = rows.unflatten(1, (4, 3)).norm(dim=2)
    assert_close(lengths.max(1).values, torch.ones(8))
    assert torch.equal(rows, rows_of(SeFa(k=8).fit(generator.for_class(2))))


def test_seed_changes_nothing_but_the_record(toy: Toy) -> None:
    one, two = (SeFa(k=3, normalize=False, seed=seed).fit(toy) for seed in (1, 2))
    assert torch.equal(rows_of(one), rows_of(two))
    assert one.origin["hyperparameters"]["seed"] == 1


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"k": 0}, "k=0 must be in 1 .. 12"),
        ({"k": 13}, "k=13 must be in 1 .. 12"),
        ({"k": 9, "layers": ("b16.torgb",)}, r"k=9 must be in 1 .. 8: .* \(of 12\) do b16.torgb read"),
        ({"layers": ("b9",)}, "no layer 'b9'"),
        ({"layers": ("b4.image",)}, "layer 'b4.image' of a StyleGAN2 reads no latent"),
        ({"layers": ()}, "layers is empty"),
        ({"slots": (6,)}, r"slots \[6\] are not possible"),
    ],
)
def test_what_cannot_work_is_refused(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError, match=said):
        SeFa(**{"k": 3} | changes).fit(small_stylegan2())
