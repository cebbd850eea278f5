"""Names are those that were planted, or none."""

from collections.abc import Mapping
from dataclasses import replace

import pytest
import torch
from jaxtyping import Float
from tests.evaluate.tables import linear_table, rng, table
from tests.report.linear import planted
from tests.toy import Toy
from torch import Tensor
from torch.nn.functional import interpolate

from latentclr.evaluate.attributes import UNIFORM, Scale
from latentclr.evaluate.calibration import calibrate
from latentclr.evaluate.measuring import measure
from latentclr.evaluate.naming import UNKNOWN, propose, unique_names
from latentclr.evaluate.reading import Reading

NAMES = [*map(Scale, ("smile", "yaw", "age"))]


def test_a_clear_direction_has_its_name_its_sense_and_its_leaks() -> None:
    slopes = torch.tensor([[-0.4, 0.15, 0.01]])
    (found,) = propose(linear_table(slopes, scales=NAMES, noise=0.05, n=100))
    assert found.name == "smile"
    assert found.attributes == ("smile",)
    assert found.positive == ("less",)
    assert found.sign == -1
    assert found.confidence == 1.0
    assert found.effects[0].value == pytest.approx(0.8, abs=0.02)
    assert found.selectivity == pytest.approx(0.8 / 1.12, abs=0.03)
    assert [name for name, _ in found.leaks] == ["yaw"]
    assert found.text == "less smile .80 [.79, .81], leaks into yaw .30"


def test_a_leak_that_may_be_none_is_not_told() -> None:
    scored = linear_table(torch.tensor([[1.0, 0.0, 0.4]]), scales=NAMES, n=40)
    signs = torch.tensor([1.0, -1.0, -1.0, 1.0]).repeat(10)
    scored.edited[0, scored.step(1.0), :, 1] += 0.6 + 5.0 * signs  # .6 in the mean, and nobody can tell
    (found,) = propose(scored)
    assert [name for name, _ in found.leaks] == ["age"]


def test_two_alike_are_named_together_and_four_are_not_named() -> None:
    slopes = torch.tensor([[0.3, -0.28, 0.05, 0.0], [0.3, 0.3, 0.3, -0.3]])
    scales = [*NAMES, Scale("glasses")]
    mixed, several = propose(linear_table(slopes, scales=scales, noise=0.02, n=100))
    assert mixed.name == "smile + yaw"
    assert mixed.positive == ("more", "less")
    assert mixed.selectivity == pytest.approx(1.16 / 1.26, abs=0.02)
    assert mixed.confidence == 1.0
    assert several.name == UNKNOWN
    assert "moves 4 attributes about equally" in several.text


def test_what_is_small_or_unsure_is_unknown() -> None:
    small = propose(linear_table(torch.tensor([[0.05, 0.0, 0.0]]), scales=NAMES))[0]
    assert small.name == UNKNOWN
    assert small.sign == 0
    assert small.confidence == 0.0
    assert small.text == "unknown: the largest effect is smile .10 [.10, .10]"
    assert (
        propose(linear_table(torch.tensor([[0.05, 0.0, 0.0]]), scales=NAMES), floor=0.05)[0].name == "smile"
    )
    # An effect of .4 that nine pictures with a deviation of 3 cannot tell from none.
    unsure = propose(linear_table(torch.tensor([[0.2, 0.0, 0.0]]), scales=NAMES, noise=3.0, n=9))[0]
    assert unsure.name == UNKNOWN


@pytest.mark.statistics
def test_noise_is_seldom_given_a_name() -> None:
    # One in twenty at most, but for what a hundred latents leave to chance.
    found = propose(linear_table(torch.zeros(400, 3), n=100, noise=1.5, scales=NAMES))
    named = [proposal for proposal in found if proposal.attributes]
    assert 3 < len(named) < 32


def test_an_effect_that_may_be_none_is_not_named_by_the_level_of_all_attributes() -> None:
    """Bonferroni: of three attributes, one that is surely there at 95 % is not at 98.3 %."""
    # The mean is 2.2 standard errors from 0.
    noise = torch.randn(100, generator=rng())
    noise = (noise - noise.mean()) / noise.std()
    one = linear_table(torch.tensor([[0.25, 0.0, 0.0]]), scales=NAMES, n=100)
    one.edited[0, one.step(1.0), :, 0] += noise * 0.5 * 10 / 2.2
    assert propose(one)[0].name == UNKNOWN
    alone = replace(
        one, scales=one.scales[:1], units=one.units[:1], base=one.base[:, :1], edited=one.edited[..., :1]
    )
    assert propose(alone)[0].name == "smile"


def test_hues_and_shapes_change_rather_than_rise() -> None:
    scales = [Scale("hue", "circular"), Scale("shape", "category"), Scale("size")]
    base = torch.rand(30, 3, generator=rng())
    base[:, 1] = 0.0
    edited = base.expand(2, 2, 30, 3).clone()
    edited[0, 1, :, 0] = (base[:, 0] + 0.2) % 1
    edited[1, 1, :20, 1] = 3.0
    scored = table(
        base, edited, multiples=(-1.0, 1.0), scales=scales, units=torch.tensor([UNIFORM, 1.0, 1.0])
    )
    hue, shape = propose(scored)
    assert (hue.name, hue.positive, hue.sign) == ("hue", ("changes",), 0)
    assert (shape.name, shape.positive) == ("shape", ("changes",))
    assert shape.effects[0].value == pytest.approx(2 / 3)
    assert hue.text == "changes hue .69 [.69, .69]"


def test_names_are_given_once_the_largest_effect_first() -> None:
    slopes = torch.tensor([[0.2, 0.0, 0.0], [0.9, 0.0, 0.0], [0.0, 0.3, 0.0], [0.0, 0.0, 0.0]])
    scored = linear_table(slopes, scales=NAMES)
    assert unique_names(propose(scored)) == {0: "smile 2", 1: "smile", 2: "yaw"}
    # Names that are there already stay, and are not given again.
    assert unique_names(propose(scored), ("", "", "mine", "smile")) == {0: "smile 3", 1: "smile 2"}


class Drives:
    """Reads the toy's six drives off its picture: the least-squares solution of how it is drawn."""

    def __init__(self, toy: Toy) -> None:
        late = interpolate(toy.pattern.flatten(0, 1)[None], scale_factor=2.0)[0] + 0.1  # (12, 8, 8)
        each = torch.zeros(toy.PLANTED, *late.shape)
        for k in range(toy.PLANTED):
            each[k, 2 * k : 2 * k + 2] = late[2 * k : 2 * k + 2]
        pictures = each.unflatten(1, (3, -1)).sum(2) + each.sum(1, keepdim=True)
        self.inverse = torch.linalg.pinv(pictures.flatten(1).double())

    def __call__(self, pictures: Float[Tensor, "n 3 h w"]) -> Mapping[str, Float[Tensor, " n"]]:
        brightness = (((pictures.double() + 1) / 2).logit() + 1) / 0.01
        drives = (brightness.flatten(1) @ self.inverse).float()
        return {f"drive {k}": values for k, values in enumerate(drives.unbind(1))}


@pytest.mark.parametrize("seed", [0, pytest.param(1, marks=pytest.mark.statistics)])
def test_every_planted_direction_of_a_generator_is_named(seed: int) -> None:
    toy = Toy(seed)
    order, signs = torch.randperm(6, generator=rng(seed)), torch.tensor([1.0, -1.0, 1.0, -1.0, -1.0, 1.0])
    directions = planted(toy, signs.view(6, 1) * toy.axes[order], slots=(0, 1))
    directions = calibrate(directions, toy, target=0.02, longest=100.0)
    reading = Reading(Drives(toy), tuple(Scale(f"drive {k}") for k in range(6)))
    scored = measure(toy, directions, reading, toy.sample(40, rng=rng(9)))
    found = propose(scored)
    assert [proposal.name for proposal in found] == [f"drive {k}" for k in order.tolist()]
    assert [proposal.sign for proposal in found] == signs.tolist()
    assert all(proposal.confidence == 1.0 and proposal.selectivity > 0.95 for proposal in found)
    named = directions.rename(unique_names(found))
    assert named.index("drive 3") == order.tolist().index(3)
    # Half way between two axes, in units of their drives, both are named.
    steps = scored.units / toy.strengths
    both = planted(toy, (steps[2] * toy.axes[2] + steps[3] * toy.axes[3])[None], slots=(0, 1))
    both = replace(both, scale=torch.tensor([2.0]))
    scored = measure(toy, both, reading, toy.sample(40, rng=rng(9)))
    assert set(propose(scored)[0].attributes) == {"drive 2", "drive 3"}
