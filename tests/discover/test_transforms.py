"""Edits of pictures: each agrees with another route, and the mask says what is known."""

import pytest
import torch
from torch import Tensor
from torch.nn.functional import interpolate
from torch.testing import assert_close

from latentclr import InputError
from latentclr.discover.transforms import (
    TRANSFORMS,
    one_rate_for_all_entries,
    pictures_at_once,
    squared_error,
    transforms_of,
)
from latentclr.engine.training import adam, prepare_adam


def noise(n: int = 2, height: int = 12, width: int = 12, seed: int = 0) -> Tensor:
    return torch.rand(n, 3, height, width, generator=torch.Generator().manual_seed(seed)) * 2 - 1


@pytest.mark.parametrize("name", TRANSFORMS)
def test_amount_zero_changes_nothing(name: str) -> None:
    pictures = 1.4 * noise(height=10, width=14)  # networks draw a little beyond white and black
    edited, mask = TRANSFORMS[name].apply(pictures, torch.zeros(2))
    assert_close(edited, pictures, atol=1e-5, rtol=0)
    assert bool((mask == 1).all())


@pytest.mark.parametrize("name", TRANSFORMS)
def test_every_picture_is_edited_by_its_own_amount(name: str) -> None:
    transform = TRANSFORMS[name]
    pictures, amounts = noise(3, 9, 13), torch.tensor([-0.3, 0.1, 0.5])
    edited, mask = transform.apply(pictures, amounts)
    for i in range(3):
        alone, known = transform.apply(pictures[i : i + 1], amounts[i : i + 1])
        assert_close(edited[i], alone[0])
        assert torch.equal(mask[i], known[0])
    assert not torch.equal(edited[0], pictures[0])


@pytest.mark.parametrize("pixels", [-5, -1, 2, 8])
def test_shifts_by_whole_pixels_are_rolls(pixels: int) -> None:
    pictures = noise(height=10, width=16)
    columns, rows = torch.arange(16), torch.arange(10)
    edited, mask = TRANSFORMS["shift_x"].apply(pictures, torch.full((2,), pixels / 16))
    known = (columns >= pixels) & (columns < 16 + pixels)
    assert torch.equal(mask, known.float().expand(2, 1, 10, 16))
    assert_close(edited * mask, torch.roll(pictures, pixels, dims=3) * mask, atol=1e-5, rtol=0)

    edited, mask = TRANSFORMS["shift_y"].apply(pictures, torch.full((2,), pixels / 10))
    known = (rows < 10 - pixels) & (rows >= -pixels)
    assert torch.equal(mask, known.float().view(-1, 1).expand(2, 1, 10, 16))
    assert_close(edited * mask, torch.roll(pictures, -pixels, dims=2) * mask, atol=1e-5, rtol=0)


@pytest.mark.parametrize("turns", [-1, 1, 2])
def test_quarter_turns_are_rot90(turns: int) -> None:
    pictures = noise()
    edited, mask = TRANSFORMS["rotate"].apply(pictures, torch.full((2,), float(turns)))
    assert bool((mask == 1).all())
    assert_close(edited, torch.rot90(pictures, turns, dims=(2, 3)), atol=1e-5, rtol=0)


def test_a_quarter_turn_of_a_wide_picture_turns_its_middle() -> None:
    pictures = noise(height=8, width=14)
    edited, mask = TRANSFORMS["rotate"].apply(pictures, torch.ones(2))
    assert_close(edited[..., 3:11], torch.rot90(pictures[..., 3:11], 1, dims=(2, 3)), atol=1e-5, rtol=0)
    assert mask[0, 0, 0].tolist() == [0] * 3 + [1] * 8 + [0] * 3


def test_twice_as_large_is_the_middle_enlarged() -> None:
    pictures = noise(height=12, width=16)
    edited, mask = TRANSFORMS["zoom"].apply(pictures, torch.full((2,), 2.0).log())
    middle = interpolate(pictures[..., 2:10, 3:13], scale_factor=2.0, mode="bilinear", align_corners=False)
    assert_close(edited, middle[..., 2:-2, 2:-2], atol=1e-5, rtol=0)
    assert bool((mask == 1).all())


def test_half_as_large_is_the_whole_reduced_and_only_that_is_known() -> None:
    pictures = noise(height=12, width=16)
    edited, mask = TRANSFORMS["zoom"].apply(pictures, torch.full((2,), 0.5).log())
    small = interpolate(pictures, scale_factor=0.5, mode="bilinear", align_corners=False)
    assert_close(edited[..., 3:9, 4:12], small, atol=1e-5, rtol=0)
    expected = torch.zeros(2, 1, 12, 16)
    expected[..., 3:9, 4:12] = 1
    assert torch.equal(mask, expected)


def test_colours_are_added_up_to_white_and_no_further() -> None:
    picture = torch.tensor([-0.9, 0.2, 0.9]).view(1, 3, 1, 1).expand(1, 3, 8, 8)
    for name, expected in {
        "brightness": [-0.4, 0.7, 1.0],
        "red": [-0.4, 0.2, 0.9],
        "green": [-0.9, 0.7, 0.9],
        "blue": [-0.9, 0.2, 1.0],
    }.items():
        edited, mask = TRANSFORMS[name].apply(picture, torch.tensor([0.5]))
        assert_close(edited[0, :, 0, 0], torch.tensor(expected))
        assert bool((mask == 1).all())
    darker, _ = TRANSFORMS["brightness"].apply(picture, torch.tensor([-0.5]))
    assert_close(darker[0, :, 0, 0], torch.tensor([-1.0, -0.3, 0.4]))


def test_squared_error_is_the_mean_over_the_known_pixels() -> None:
    pictures, targets = noise(2, 8, 8), noise(2, 8, 8, seed=1)
    mask = torch.zeros(2, 1, 8, 8)
    mask[0, :, :, 2:5] = 1
    expected = (pictures - targets)[0, :, :, 2:5].square().mean()
    found = squared_error(pictures, targets, mask)
    assert_close(found, torch.stack([expected, torch.tensor(0.0)]))


def test_squared_error_of_a_pyramid_equals_its_definition() -> None:
    pictures, targets = noise(2, 16, 16), noise(2, 16, 16, seed=1)
    mask = torch.zeros(2, 1, 16, 16)
    mask[..., 3:13] = 1
    totals = torch.zeros(2)
    for size in (1, 2, 4):
        for n in range(2):
            error, weight = 0.0, 0.0
            for i in range(0, 16, size):
                for j in range(0, 16, size):
                    block = (n, slice(None), slice(i, i + size), slice(j, j + size))
                    share = float(mask[block].mean())
                    if share:
                        known = mask[block].bool().expand(3, size, size)
                        difference = (pictures - targets)[block][known].view(3, -1).mean(1)
                        error += share * float(difference.square().mean())
                        weight += share
            totals[n] += error / weight / 3
    assert_close(squared_error(pictures, targets, mask, levels=None), totals)


@pytest.mark.parametrize("levels", [1, None])
def test_squared_errors_gradient_agrees_with_finite_differences(levels: int | None) -> None:
    pictures = noise(2, 8, 8).double().requires_grad_()
    targets = noise(2, 8, 8, seed=1).double()
    _, mask = TRANSFORMS["zoom"].apply(targets, torch.tensor([-0.5, 0.3], dtype=torch.float64))
    assert mask.mean() < 1
    gradcheck = torch.autograd.gradcheck
    assert gradcheck(lambda x: squared_error(x, targets, mask, levels=levels), (pictures,))


def test_steps_along_the_gradient_are_those_of_adam_in_whatever_basis() -> None:
    turn = torch.linalg.qr(torch.randn(5, 5, generator=torch.Generator().manual_seed(0)))[0]
    start = torch.randn(3, 5, generator=torch.Generator().manual_seed(1))
    weights = torch.tensor([1.0, 0.3, 0.1, 0.0, 0.0])  # two entries that nobody sees

    def descend(basis: Tensor) -> Tensor:
        x = torch.nn.Parameter(start @ basis.T)
        optimizer = adam([x], 0.1, 0.0, x.device)
        prepare_adam(optimizer)
        for _ in range(20):
            optimizer.zero_grad()
            (weights * (x @ basis).square()).sum().backward()
            one_rate_for_all_entries(optimizer)
            optimizer.step()
        return x.detach() @ basis

    plain, turned = descend(torch.eye(5)), descend(turn)
    assert_close(turned, plain, atol=1e-4, rtol=1e-4)
    assert_close(turned[:, 3:], start[:, 3:], atol=1e-5, rtol=0)
    assert ((plain - start)[:, :3].abs() > 0.05).any(0).all()

    # Its definition, by hand: Adam with the row's mean square.
    x, mean, square = start.clone(), torch.zeros(3, 5), torch.zeros(3, 1)
    for step in range(1, 21):
        gradient = 2 * weights * x
        mean = 0.9 * mean + 0.1 * gradient
        square = 0.999 * square + 0.001 * gradient.square().mean(1, keepdim=True)
        x = x - 0.1 * mean / (1 - 0.9**step) / ((square / (1 - 0.999**step)).sqrt() + 1e-8)
    assert_close(plain, x, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize(
    ("names", "said"),
    [
        ((), "transforms is empty; give one or more of zoom, "),
        (("zoom", "melt"), "no transform 'melt'; there are: zoom, shift_x"),
        (("zoom", "zoom"), "give each once"),
    ],
)
def test_what_is_no_list_of_transforms_is_refused(names: tuple[str, ...], said: str) -> None:
    with pytest.raises(InputError, match=said):
        transforms_of(names)


@pytest.mark.parametrize(("resolution", "count"), [(8, 4096), (64, 64), (512, 1), (1024, 1)])
def test_large_pictures_are_drawn_few_at_a_time(resolution: int, count: int) -> None:
    assert pictures_at_once(resolution) == count
