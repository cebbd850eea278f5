"""Steerability: planted walks are found, scores are what they are called, and walks are edits."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any, Literal

import pytest
import torch
from jaxtyping import Float
from tests.discover.logs import Recorder
from torch import Tensor
from torch.testing import assert_close

from latentclr import Directions, InputError
from latentclr.discover import transforms
from latentclr.discover.base import Setup
from latentclr.discover.steerability import Steerability, _WalkLearner
from latentclr.discover.transforms import TRANSFORMS
from latentclr.generators import IMAGE, Generator, Latents, Layer
from latentclr.linalg import unit

PIXELS = 24
AXES = ("shift_x", "brightness", "zoom")


class Blob(Generator):
    """A bright spot in the middle row, whose place, brightness and size have a latent axis each.

    A fourth axis makes the spot redder, two more do nothing. Nothing moves up or turns. The axes are an
    orthonormal basis that no method starts from; each acts through a bend.
    """

    VISIBLE = 4

    def __init__(self) -> None:
        super().__init__()
        rng = torch.Generator().manual_seed(77)
        self.space: Literal["z", "w"] = "z"
        self.z_dim = self.latent_dim = 6
        self.num_slots = 1
        self.layers = (Layer("axes", 0, 6, 1), Layer(IMAGE, 0, 3, PIXELS))
        self.axes = torch.nn.Parameter(torch.linalg.qr(torch.randn(6, 6, generator=rng))[0])
        self.freeze()

    def settings(self) -> dict[str, Any]:
        return {}

    def map(self, z: Float[Tensor, "n z_dim"]) -> Latents:
        return self.truncation * z.unsqueeze(1)

    def place(self, latents: Latents) -> Float[Tensor, " n"]:
        """Of the spot, in widths from the middle."""
        return 0.25 * torch.tanh(0.5 * latents[:, 0] @ self.axes[0])

    def run(self, latents: Latents) -> Iterator[tuple[str, Float[Tensor, "n c h w"]]]:
        along = latents[:, 0] @ self.axes.T
        yield "axes", along[:, :, None, None]
        line = ((torch.arange(PIXELS) + 0.5) / PIXELS - 0.5).to(latents)
        size = (0.14 * torch.exp(0.4 * torch.tanh(0.5 * along[:, 2]))).view(-1, 1, 1)
        x = line - self.place(latents).view(-1, 1, 1)
        spot = torch.exp(-0.5 * (x.square() + line.unsqueeze(1).square()) / size.square()).unsqueeze(1)
        redness = (
            0.15
            * torch.tanh(along[:, 3]).view(-1, 1, 1, 1)
            * spot.new_tensor([1.0, -0.5, -0.5])[:, None, None]
        )
        light = 0.3 * torch.tanh(0.5 * along[:, 1]).view(-1, 1, 1, 1)
        yield IMAGE, -0.4 + light + spot * (0.7 + redness)

    def style_weight(self, layer: str) -> Float[Tensor, "out dim"]:
        self.layer(layer)
        return self.axes


@pytest.fixture(scope="module")
def blob() -> Blob:
    return Blob()


ON_BLOB = Steerability(transforms=AXES, reach=0.25, steps=200, batch=8, learning_rate=0.03, validate_every=50)
TINY = replace(ON_BLOB, steps=13, batch=2, held_out=3, validate_every=3)


def cosines(directions: Directions, blob: Blob) -> dict[str, Tensor]:
    """Of each named direction with every planted axis."""
    found = directions.model(torch.zeros(1, blob.latent_dim))[:, 0] @ blob.axes.T
    return dict(zip(directions.names, found, strict=True))


@pytest.mark.parametrize(
    ("seed", "loss"),
    [
        (0, "l2"),
        *(
            pytest.param(*case, marks=pytest.mark.training)
            for case in ((1, "l2"), (0, "pyramid"), (1, "pyramid"))
        ),
    ],
)
def test_each_walk_is_the_planted_axis_and_nothing_else(blob: Blob, seed: int, loss: Any) -> None:
    directions = replace(ON_BLOB, seed=seed, loss=loss).fit(blob)
    for name, found in cosines(directions, blob).items():
        axis = AXES.index(name)
        assert found[axis] > 0.95, "the sign is the transform's"
        assert torch.cat([found[:axis], found[axis + 1 :]]).abs().max() < 0.3
    assert directions.scores.min() > 0.5


@pytest.mark.training
def test_what_the_generator_cannot_do_scores_nothing(blob: Blob) -> None:
    directions = replace(ON_BLOB, transforms=("shift_y", "shift_x", "rotate")).fit(blob)
    scores = dict(zip(directions.names, directions.scores.tolist(), strict=True))
    assert directions.names[0] == "shift_x"
    assert scores["shift_x"] > 0.5
    assert abs(scores["shift_y"]) < 0.1
    assert abs(scores["rotate"]) < 0.1
    assert directions.scores.tolist() == sorted(scores.values(), reverse=True)


@pytest.mark.training
def test_alpha_one_is_the_largest_edit_of_the_training(blob: Blob) -> None:
    directions = ON_BLOB.fit(blob)
    assert directions.origin["alpha_1_is"]["shift_x"] == 0.125
    latents = torch.zeros(1, 1, blob.latent_dim)
    for alpha in (-1.0, 0.5, 1.0):
        moved = blob.place(directions.edit(latents, "shift_x", alpha)) - blob.place(latents)
        assert_close(float(moved), 0.125 * alpha, atol=0.03, rtol=0)


@pytest.mark.training
def test_nonlinear_walks_find_the_planted_axes_too(blob: Blob) -> None:
    directions = replace(ON_BLOB, model="nonlinear", steps=300, walk_steps=3).fit(blob)
    latents = blob.sample(16, rng=torch.Generator().manual_seed(3))
    along = directions.model(latents[:, 0]) @ blob.axes.T  # (k, n, axes)
    for i, name in enumerate(directions.names):
        # Its length is learnt apart, so a field may point where nothing changes too.
        visible = unit(along[i, :, : Blob.VISIBLE])
        assert visible[:, AXES.index(name)].mean() > 0.9
    assert directions.scores.min() > 0.5


@pytest.mark.parametrize("loss", ["l2", "pyramid"])
@pytest.mark.parametrize("model", ["linear", "nonlinear"])
def test_scores_are_those_of_the_edits_with_the_directions(blob: Blob, model: Any, loss: Any) -> None:
    settings = replace(TINY, model=model, loss=loss, steps=30, walk_steps=3, held_out=5)
    directions = settings.fit(blob)
    rng = torch.Generator().manual_seed(settings.seed)
    latents, alphas = blob.sample(5, rng=rng), 2 * torch.rand(3, 5, generator=rng) - 1
    before = blob(latents)
    for name, row in zip(AXES, alphas, strict=True):
        index = directions.index(name)
        transform = TRANSFORMS[name]
        targets, mask = transform.apply(before, row * settings.reach * transform.reach)
        ends = directions.edit(latents, name, row, steps=3 if model == "nonlinear" else 1)
        errors = [
            transforms.squared_error(pictures, targets, mask, levels=1 if loss == "l2" else None).sum()
            for pictures in (blob(ends), before)
        ]
        assert_close(float(directions.scores[index]), 1 - float(errors[0] / errors[1]), atol=2e-5, rtol=1e-4)


@pytest.mark.parametrize("loss", ["l2", "pyramid"])
def test_gradient_agrees_with_finite_differences(blob: Blob, loss: Any) -> None:
    setup = Setup(Blob(), (0,), torch.Generator())
    learner = _WalkLearner(replace(ON_BLOB, loss=loss), setup)
    learner.setup = replace(setup, generator=Blob().double())
    latents = torch.randn(2, 1, 6, generator=torch.Generator().manual_seed(0)).double()
    alphas = torch.tensor([[0.5, -1.0], [0.7, -0.2], [-0.9, 0.4]]).double()
    ends = latents + 0.3 * torch.randn(3, 2, 1, 6, generator=torch.Generator().manual_seed(1)).double()

    def total(ends: Tensor) -> tuple[float, Tensor]:
        losses, gradient = learner._losses(latents, alphas, ends)
        return float(losses.sum()), gradient

    _, gradient = total(ends)
    assert gradient.abs().min() > 0
    for entry in range(0, ends.numel(), 5):
        nudge = torch.zeros(ends.numel(), dtype=torch.float64)
        nudge[entry] = 1e-4
        up, down = (total(ends + sign * nudge.view_as(ends))[0] for sign in (1, -1))
        assert_close(float(gradient.flatten()[entry]), (up - down) / 2e-4, atol=1e-6, rtol=1e-3)


@pytest.mark.parametrize("model", ["linear", "nonlinear"])
def test_few_pictures_at_a_time_give_the_same(
    blob: Blob, model: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = replace(TINY, model=model).fit(blob)
    monkeypatch.setattr(transforms, "PIXELS_AT_ONCE", 4 * PIXELS**2)
    assert transforms.pictures_at_once(PIXELS) == 4
    parts = replace(TINY, model=model).fit(blob)
    assert_close(parts.scores, whole.scores, atol=1e-3, rtol=0)
    assert_close(parts.scale, whole.scale, atol=1e-3, rtol=1e-3)


def test_learning_rate_is_in_units_of_the_latents(blob: Blob) -> None:
    # A truncated generator's latents are half as long, and so is everything else.
    class Twice(Blob):
        def run(self, latents: Latents) -> Iterator[tuple[str, Float[Tensor, "n c h w"]]]:
            yield from super().run(2 * latents)

    whole = TINY.fit(blob)
    half = replace(TINY, truncation=0.5).fit(Twice())
    assert half.names == whole.names
    # Powers of two are exact, so all that differs is what keeps Adam from dividing by zero, 1e-8, which is
    # below 1e-4 of a gradient's size here.
    assert_close(half.scale, whole.scale / 2, atol=0, rtol=1e-3)


def test_best_step_on_held_out_latents_is_returned(blob: Blob) -> None:
    log = Recorder()
    directions = replace(TINY, steps=40, learning_rate=3.0).fit(blob, log=log)
    losses = log.of("validation_loss")
    best = min(losses, key=lambda step: losses[step])
    assert directions.origin["best_step"] == best
    assert best < 40, "a rate this high should overshoot; else the test shows nothing"
    assert_close(1 - float(directions.scores.mean()), losses[best])


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"k": 2}, r"k=2 must be 0 \(all\) or 3, the number of transforms"),
        ({"transforms": ("melt",)}, "no transform 'melt'"),
        ({"transforms": ()}, "transforms is empty"),
        ({"batch": 0}, "batch=0 must be at least 1"),
        ({"steps": 0}, "steps=0 must be at least 1"),
        ({"held_out": 0}, "held_out=0 must be at least 1"),
        ({"walk_steps": 0}, "walk_steps=0 must be at least 1"),
        ({"reach": 0.0}, "reach=0.0 must be above 0"),
        ({"learning_rate": float("inf")}, "learning_rate=inf must be above 0 and finite"),
        ({"truncation": 2.0}, "truncation=2.0"),
        ({"slots": (1,)}, r"slots \[1\] are not possible"),
    ],
)
def test_what_cannot_work_is_refused_before_training(blob: Blob, changes: dict[str, Any], said: str) -> None:
    log = Recorder()
    with pytest.raises(InputError, match=said):
        replace(TINY, **changes).fit(blob, log=log)
    assert log.calls == []


def test_an_edit_that_changes_no_picture_is_refused_by_name() -> None:
    class Plain(Blob):
        def run(self, latents: Latents) -> Iterator[tuple[str, Float[Tensor, "n c h w"]]]:
            yield "axes", latents.transpose(1, 2).unsqueeze(-1)
            yield IMAGE, latents[:, 0, :3, None, None].expand(-1, -1, PIXELS, PIXELS).tanh()

    with pytest.raises(InputError, match="transform 'shift_x' does not change the pictures"):
        replace(TINY, transforms=("red", "shift_x")).fit(Plain())
