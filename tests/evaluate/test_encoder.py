"""An encoder learns the codes of directions whose effects are known, and scores tell these from others."""

from dataclasses import replace

import pytest
import torch
from jaxtyping import Float
from tests.report.linear import PIXELS, Flat, planted
from torch import Tensor
from torch.testing import assert_close

from latentclr import InputError, Random
from latentclr.directions import Linear
from latentclr.evaluate.edits import Edits
from latentclr.evaluate.encoder import (
    REACH,
    EncoderSettings,
    coordinate_examples,
    make_encoder,
    shift_examples,
    train_encoder,
)
from latentclr.evaluate.representation import Renders, evaluate_disentanglement, renders, scores
from latentclr.generators import Generator
from latentclr.scenes import BY_NAME

STRENGTHS = (0.1, 0.1, 0.1, 0.1)
BASIS = torch.eye(4)
SMALL = EncoderSettings(steps=120, batch=24, pictures=1000)
ONES = torch.ones(4)


def flat() -> Flat:
    return Flat(STRENGTHS)


def shown(generator: Generator, n: int = 400) -> tuple[Renders, Float[Tensor, "n 4"]]:
    """Pictures whose factors are the first three coordinates of their latents; the fourth is none."""
    z = torch.rand(n, 4, generator=torch.Generator().manual_seed(11)) * 4 - 2
    pictures = generator(z.unsqueeze(1).repeat(1, 2, 1))
    return Renders(pictures, z[:, :3], ("a", "b", "c"), ("interval",) * 3), z


def correlations(codes: Float[Tensor, "n k"], z: Float[Tensor, "n d"]) -> Float[Tensor, "k d"]:
    return torch.corrcoef(torch.cat([codes, z], dim=1).T)[: codes.shape[1], codes.shape[1] :]


@pytest.mark.parametrize("target", [pytest.param("shift", marks=pytest.mark.training), "projection"])
def test_codes_of_planted_directions_are_their_coordinates(target: str) -> None:
    generator = flat()
    directions = planted(generator, BASIS, slots=(0, 1))
    settings = replace(SMALL, target=target)  # type: ignore[arg-type]
    taught = train_encoder(generator, directions, settings, lengths=ONES)
    pictures, z = shown(generator)
    found = correlations(taught.encoder.codes(pictures.pictures), z)
    assert float(found.diagonal().min()) > 0.85
    assert float((found - found.diagonal().diag()).abs().max()) < 0.3
    assert taught.left < 0.45
    assert not any(parameter.requires_grad for parameter in taught.encoder.parameters())


@pytest.mark.training
def test_scores_tell_planted_directions_from_turned_ones() -> None:
    generator = flat()
    pictures, _ = shown(generator)
    turn = 0.5 * torch.tensor([[1.0, 1, 1, 1], [1, -1, 1, -1], [1, 1, -1, -1], [1, -1, -1, 1]])
    found = []
    for rows in (BASIS, turn):
        directions = planted(generator, rows, slots=(0, 1))
        taught = train_encoder(generator, directions, SMALL, lengths=ONES)
        found.append(scores(taught.encoder.codes(pictures.pictures), pictures, labels=tuple("0123")))
    straight, turned = found
    assert straight.mig.score.value > turned.mig.score.value + 0.1
    assert straight.dci.disentanglement > turned.dci.disentanglement + 0.2
    assert straight.factor_vae.score.value > turned.factor_vae.score.value + 0.1
    assert straight.mig.information.argmax(0).tolist() == [0, 1, 2]


def test_directions_are_calibrated_taught_and_scored() -> None:
    generator = flat()
    pictures, _ = shown(generator, 30)
    directions = planted(generator, BASIS, slots=(0, 1)).rename({1: "second"})
    found = evaluate_disentanglement(
        generator, directions, EncoderSettings(steps=5, pictures=40), shown=pictures
    )
    assert found.labels == ("0", "1 second", "2", "3")
    assert 0 < found.left < 1.5
    table = found.by_factor()
    assert list(table) == ["a", "b", "c"]
    assert table["b"]["gap"] == float(found.mig.gaps[1])
    assert table["b"]["completeness"] == float(found.dci.by_factor[1])


def test_same_seed_same_encoder_and_nothing_else_is_changed() -> None:
    generator, state = flat(), torch.get_rng_state()
    directions = planted(generator, BASIS)
    before = generator.fingerprint(), directions.model.state_dict()["theta"].clone()
    few = EncoderSettings(steps=12, batch=4, pictures=30)
    told: list[tuple[int, float]] = []
    one = train_encoder(generator, directions, few, log=lambda i, v: told.append((i, v["loss"])))
    two = train_encoder(generator, directions, few)
    other = train_encoder(generator, directions, replace(few, seed=1))
    pictures = shown(generator, 20)[0].pictures
    assert torch.equal(one.encoder.codes(pictures), two.encoder.codes(pictures))
    assert not torch.equal(one.encoder.codes(pictures), other.encoder.codes(pictures))
    assert [step for step, _ in told] == [10]
    assert torch.equal(torch.get_rng_state(), state)
    assert generator.fingerprint() == before[0]
    assert torch.equal(directions.model.state_dict()["theta"], before[1])


def test_an_edit_is_epsilon_calibrated_lengths() -> None:
    generator = flat()
    lengths = torch.tensor([1.0, 2.0, 3.0, 4.0])
    edits = Edits(planted(generator, BASIS).model, lengths, (0,))
    found = shift_examples([generator], edits, 40, torch.Generator().manual_seed(0))
    assert len(found) == 160
    assert float(found.epsilon.abs().max()) <= REACH
    # Pictures of 4 pixels on a side are repeated up to 32.
    change = (found.after - found.before.unsqueeze(1)).square().mean((2, 3, 4)).sqrt()
    assert_close(change, found.epsilon.abs() * lengths * 0.1, rtol=1e-3, atol=1e-5)


def test_coordinates_of_oblique_directions_are_those_of_least_squares() -> None:
    generator = flat()
    rows = torch.tensor([[1.0, 0, 0, 0], [0.6, 0.8, 0, 0]])
    lengths = torch.tensor([1.0, 2.0])
    edits = Edits(planted(generator, rows).model, lengths, (0,))
    found = coordinate_examples([generator], edits, 90, torch.Generator().manual_seed(0))
    # Patterns are orthonormal but for their strength; slot 1 holds the same latent, half as strong.
    pixels = found.pictures[:, :, :: 32 // PIXELS, :: 32 // PIXELS].flatten(1)
    ours, theirs = generator.patterns.detach().chunk(2)
    z = pixels @ torch.linalg.pinv(ours + 0.5 * theirs)
    z = z - z.mean(0)
    again = found.coordinates @ (lengths.unsqueeze(1) * rows)
    assert_close(again[:, :2], z[:, :2], rtol=1e-3, atol=1e-3)


def test_codes_that_never_change_have_a_loss_of_one() -> None:
    generator, edits = flat(), Edits(planted(flat(), BASIS).model, ONES, (0,))
    encoder = make_encoder(4, torch.Generator().manual_seed(0))
    with torch.no_grad():
        encoder.head.weight.zero_()
    rng = torch.Generator().manual_seed(0)
    shifts = shift_examples([generator], edits, 5, rng)
    places = coordinate_examples([generator], edits, 80, rng)
    encoder.requires_grad_(False)
    assert float(shifts.loss(encoder, torch.arange(20))) == pytest.approx(1.0)
    assert float(places.loss(encoder, torch.arange(80))) == pytest.approx(79 / 80)


def test_conditional_directions_have_shifts_but_no_coordinates() -> None:
    generator = flat()
    linear = Linear(2, 4, rng=torch.Generator().manual_seed(0))
    directions = replace(Random(k=2).fit(generator), model=linear)
    few = EncoderSettings(steps=2, batch=4, pictures=12)
    assert train_encoder(generator, directions, few, lengths=torch.ones(2)).left > 0
    with pytest.raises(InputError, match="target='shift'"):
        train_encoder(generator, directions, replace(few, target="projection"), lengths=torch.ones(2))


def test_renders_have_the_values_of_3d_shapes() -> None:
    found = renders("scenes", n=90, seed=3)
    assert found.pictures.shape == (90, 3, 32, 32)
    assert found.names == ("floor_hue", "wall_hue", "object_hue", "scale", "shape", "orientation")
    counts = [len(values.unique()) for values in found.factors.unbind(1)]
    assert counts == [10, 10, 10, 8, 4, 15]
    assert torch.equal(found.pictures, renders("scenes", n=90, seed=3).pictures)


def test_a_class_is_one_shape_which_is_no_factor() -> None:
    found = renders("scenes-biggan", n=60, shape=5)
    assert "shape" not in found.names
    assert len(found.factors[:, found.names.index("light")].unique()) <= 10
    all_shapes = renders("scenes-biggan", n=20)
    assert BY_NAME["shape"].kind == all_shapes.kinds[all_shapes.names.index("shape")]
    assert all_shapes.without("shape").factors.shape == (20, 7)
    assert all_shapes.without("smile").names == all_shapes.names


def test_what_cannot_be_taught_is_refused() -> None:
    generator = flat()
    directions = planted(generator, BASIS)
    with pytest.raises(InputError, match="steps=0"):
        EncoderSettings(steps=0)
    with pytest.raises(InputError, match="learning_rate"):
        EncoderSettings(learning_rate=0.0)
    with pytest.raises(InputError, match="do not fit"):
        train_encoder(Flat((1.0, 2.0)), directions)
    with pytest.raises(InputError, match="no gap"):
        evaluate_disentanglement(generator, directions.select([0]))
    with pytest.raises(InputError, match="no world"):
        evaluate_disentanglement(generator, directions)
