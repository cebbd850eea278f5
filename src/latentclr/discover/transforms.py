"""Edits of pictures, and how far a picture is from one that was edited.

What methods that supervise themselves ask a generator to imitate: zoomed, shifted, turned or recoloured
pictures. An edit that moves the picture uncovers places of which nothing is known; the mask that comes with
it says so, and distances look only at what is known. An edit makes a target: it needs no gradient.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import affine_grid, avg_pool2d, grid_sample

from latentclr.errors import InputError
from latentclr.generators import Generator

Pictures = Float[Tensor, "n 3 h w"]
Amounts = Float[Tensor, " n"]
Mask = Float[Tensor, "n 1 h w"]
Edited = tuple[Pictures, Mask]

COARSEST = 4
"""Pixels of the shorter side at which a pyramid of pictures ends."""
UNSEEN = 1e-10
"""Mean squares below this are rounding."""
PIXELS_AT_ONCE = 2**18
"""Pixels that go through a generator in one pass with a graph: 64 pictures of 64 x 64, one of 512 x 512."""


@dataclass(frozen=True)
class Transform:
    """One edit of pictures by an amount.

    Attributes:
        apply: (pictures, an amount for each) -> (edited pictures, mask). The mask is 1 where the edited
            picture is known and 0 where it would come from outside the picture. Amount 0 changes nothing.
        reach: the published training uses amounts in [-reach, reach].
    """

    apply: Callable[[Pictures, Amounts], Edited]
    reach: float


def _zoom(pictures: Pictures, amounts: Amounts) -> Edited:
    # Pictures are sampled, not averaged: far below amount 0 fine detail aliases.
    shrunk, zero = (-amounts).exp(), torch.zeros_like(amounts)
    return _resampled(pictures, _matrix((shrunk, zero, zero), (zero, shrunk, zero)))


def _shift(pictures: Pictures, amounts: Amounts, *, x: float, y: float) -> Edited:
    zero, one = torch.zeros_like(amounts), torch.ones_like(amounts)
    return _resampled(pictures, _matrix((one, zero, -2 * x * amounts), (zero, one, 2 * y * amounts)))


def _rotate(pictures: Pictures, amounts: Amounts) -> Edited:
    height, width = pictures.shape[-2:]
    angle = amounts * (math.pi / 2)
    cos, sin, zero = angle.cos(), angle.sin(), torch.zeros_like(amounts)
    # The grid's coordinates are halves of the sides, and a turn is one only where both sides have one unit.
    return _resampled(
        pictures, _matrix((cos, -sin * height / width, zero), (sin * width / height, cos, zero))
    )


def _recolour(pictures: Pictures, amounts: Amounts, *, channels: tuple[float, float, float]) -> Edited:
    added = amounts.view(-1, 1, 1, 1) * pictures.new_tensor(channels).view(1, 3, 1, 1)
    # Nothing goes beyond white or black; what a network drew beyond them stays, so that 0 changes nothing.
    edited = (pictures + added).clamp(pictures.clamp(max=-1), pictures.clamp(min=1))
    return edited, torch.ones_like(pictures[:, :1])


TRANSFORMS: Mapping[str, Transform] = {
    "zoom": Transform(_zoom, math.log(4)),  # amounts are logs of the factor
    "shift_x": Transform(partial(_shift, x=1.0, y=0.0), 0.5),  # widths, to the right
    "shift_y": Transform(partial(_shift, x=0.0, y=1.0), 0.5),  # heights, up
    "rotate": Transform(_rotate, 0.5),  # quarter turns, against the clock
    # Added to pictures in [-1, 1].
    "brightness": Transform(partial(_recolour, channels=(1.0, 1.0, 1.0)), 0.5),
    "red": Transform(partial(_recolour, channels=(1.0, 0.0, 0.0)), 0.5),
    "green": Transform(partial(_recolour, channels=(0.0, 1.0, 0.0)), 0.5),
    "blue": Transform(partial(_recolour, channels=(0.0, 0.0, 1.0)), 0.5),
}
"""Every edit by name; reaches are those of Jahanian et al. (2020) and their released code."""


def transforms_of(names: Sequence[str]) -> tuple[Transform, ...]:
    """The transforms of these names.

    Raises:
        InputError: no name is given, one is unknown, or one is given twice.
    """
    known = ", ".join(TRANSFORMS)
    if not names:
        raise InputError(f"transforms is empty; give one or more of {known}.")
    if unknown := [name for name in names if name not in TRANSFORMS]:
        raise InputError(f"there is no transform {unknown[0]!r}; there are: {known}.")
    if len(set(names)) < len(names):
        raise InputError(f"transforms={', '.join(names)}: give each once.")
    return tuple(TRANSFORMS[name] for name in names)


def refuse_unseen(names: Sequence[str], still: Float[Tensor, " k"]) -> None:
    """Make sure that every edit changes the pictures.

    Args:
        names: of the edits.
        still: mean squared error of pictures that are not edited, for each.

    Raises:
        InputError: one does not; all pictures are of a single colour, for instance.
    """
    for name, error in zip(names, still.tolist(), strict=True):
        if not error > UNSEEN:
            raise InputError(f"transform {name!r} does not change the pictures of this generator.")


def squared_error(
    pictures: Pictures, targets: Pictures, mask: Mask, *, levels: int | None = 1
) -> Float[Tensor, " n"]:
    """Mean square of the difference to each target, over what the mask knows.

    Args:
        pictures: that should be the targets.
        targets: edited pictures.
        mask: of what is known of them. A target of which nothing is known has error 0.
        levels: more than one adds the same of pictures at half the size, a quarter, ... (each pixel the mean
            of the known part of four) and takes the mean of all; None: down to 4 pixels. Large pixels tell
            how far off something is that small ones do not find at all.
    """
    difference = mask * (pictures - targets)
    total = torch.zeros(len(pictures), device=pictures.device)
    level = 0
    while True:
        # `difference` is the known share of a pixel times the mean difference there.
        square = difference.square() / mask.clamp_min(1e-6)
        total = total + square.sum((1, 2, 3)) / (3 * mask.sum((1, 2, 3)).clamp_min(1e-6))
        level += 1
        small = min(difference.shape[-2:]) // 2 < COARSEST
        if level == levels or small:
            return total / level
        difference, mask = avg_pool2d(difference, 2), avg_pool2d(mask, 2)


@torch.no_grad()
def one_rate_for_all_entries(optimizer: torch.optim.Adam) -> None:
    """Make the next step of Adam one along the (averaged) gradient of each row; call it before each step.

    Adam divides every entry by its own root mean square. In a latent space, where entries mean nothing, its
    steps so leave the gradient's line, and what they gather where pictures do not change is never taken back.
    With the mean of the squares over a row (the last axis) for all its entries, the steps are as long, and
    the same whatever the basis.
    """
    beta = optimizer.param_groups[0]["betas"][1]
    for parameter, state in optimizer.state.items():
        if parameter.grad is None:
            continue
        # The step makes beta * before + (1 - beta) * square of it: for all entries the same, given this.
        square = parameter.grad.square()
        state["exp_avg_sq"].add_((1 - beta) / beta * (square.mean(-1, keepdim=True) - square))


def pictures_at_once(resolution: int) -> int:
    """How many pictures of that height to draw in one pass with a graph; at least one."""
    return max(1, PIXELS_AT_ONCE // resolution**2)


@dataclass(frozen=True)
class Ball:
    """Where latents are typical.

    Attributes:
        centre: their mean.
        deviation: of an entry from its mean: root mean square over latents and entries.
    """

    centre: Float[Tensor, " dim"]
    deviation: float

    @property
    def radius(self) -> float:
        """Root mean square distance of a latent from the centre: sqrt(dim) for a standard normal prior."""
        return self.deviation * math.sqrt(len(self.centre))

    def inside(self, points: Float[Tensor, "*batch dim"]) -> Float[Tensor, "*batch dim"]:
        """The points, those outside pulled straight to the surface."""
        away = points - self.centre
        length = away.norm(dim=-1, keepdim=True).clamp_min(1e-12)
        return torch.where(length > self.radius, self.centre + away * (self.radius / length), points)


@torch.no_grad()
def typical(generator: Generator) -> Ball:
    """The ball of typical latents, from a thousand."""
    latents = generator.sample(1024, rng=torch.Generator().manual_seed(0))[:, 0]
    centre = latents.mean(0)
    return Ball(centre, float((latents - centre).square().mean().sqrt()))


def _matrix(
    first: tuple[Tensor, Tensor, Tensor], second: tuple[Tensor, Tensor, Tensor]
) -> Float[Tensor, "n 2 3"]:
    return torch.stack([torch.stack(first, dim=-1), torch.stack(second, dim=-1)], dim=1)


def _resampled(pictures: Pictures, matrix: Float[Tensor, "n 2 3"]) -> Edited:
    """Bilinear samples at the places that the matrix gives for each pixel, as coordinates in [-1, 1].

    A pixel is known if all that it is the mean of lies in the picture; beyond, the border's colour goes on.
    """
    height, width = pictures.shape[-2:]
    grid = affine_grid(matrix, list(pictures.shape), align_corners=False)  # (n, h, w, 2), x before y
    edited = grid_sample(pictures, grid, mode="bilinear", padding_mode="border", align_corners=False)
    # -1 and 1 are the outer edges: the middles of the outermost pixels lie half a pixel inside.
    last = grid.new_tensor([1 - 1 / width, 1 - 1 / height]) + 1e-5
    mask = (grid.abs() <= last).all(-1).unsqueeze(1).to(pictures.dtype)
    return edited, mask
