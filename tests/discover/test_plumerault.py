"""Plumerault et al.: planted axes are found from trajectories, and each stage agrees with another route."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tests.discover.logs import Recorder
from tests.discover.test_steerability import AXES, PIXELS, Blob, cosines
from tests.generators.small_stylegan2 import small_stylegan2
from tests.toy import Toy
from torch import Tensor
from torch.testing import assert_close

from latentclr import InputError
from latentclr.discover import transforms
from latentclr.discover.axis import _bent, fit_axis
from latentclr.discover.base import Setup
from latentclr.discover.plumerault import (
    Plumerault,
    _best,
    _blur_matrix,
    _TrajectoryLearner,
)
from latentclr.discover.transforms import TRANSFORMS, Ball, typical
from latentclr.engine.checkpoint import Keeper
from latentclr.images import blurred

ON_BLOB = Plumerault(transforms=AXES, largest=0.12)
TINY = replace(ON_BLOB, trajectories=3, held_out=2, points=2, steps=8)


@pytest.fixture(scope="module")
def blob() -> Blob:
    return Blob()


@pytest.mark.parametrize("seed", [0, pytest.param(1, marks=pytest.mark.training)])
def test_each_direction_is_the_planted_axis_and_nothing_else(blob: Blob, seed: int) -> None:
    directions = replace(ON_BLOB, seed=seed).fit(blob)
    for name, found in cosines(directions, blob).items():
        axis = AXES.index(name)
        assert found[axis] > 0.95, "the sign is the transform's"
        assert torch.cat([found[:axis], found[axis + 1 :]]).abs().max() < 0.3
        assert directions.origin["shown"][name] > 0.8
    assert directions.scores.min() > 0.8


@pytest.mark.training
def test_what_the_generator_cannot_do_scores_nothing(blob: Blob) -> None:
    directions = replace(ON_BLOB, transforms=("shift_y", "shift_x", "rotate")).fit(blob)
    scores = dict(zip(directions.names, directions.scores.tolist(), strict=True))
    assert directions.names[0] == "shift_x"
    assert scores["shift_x"] > 0.8
    assert abs(scores["shift_y"]) < 0.2
    assert abs(scores["rotate"]) < 0.2
    assert directions.origin["shown"]["shift_y"] < 0.1


def test_alpha_one_is_the_largest_amount(blob: Blob) -> None:
    directions = ON_BLOB.fit(blob)
    assert directions.origin["alpha_1_is"] == dict.fromkeys(directions.names, 0.12)
    latents = torch.zeros(1, 1, blob.latent_dim)
    for alpha in (-1.0, 0.5, 1.0):
        moved = blob.place(directions.edit(latents, "shift_x", alpha)) - blob.place(latents)
        assert_close(float(moved), 0.12 * alpha, atol=0.03, rtol=0)


def learner_of(blob: Blob, settings: Plumerault) -> _TrajectoryLearner:
    settings = replace(settings, trajectories=2, held_out=2)
    return _TrajectoryLearner(settings, Setup(blob, (0,), torch.Generator().manual_seed(5)))


def test_errors_equal_a_loop_over_their_definition(blob: Blob) -> None:
    settings = replace(TINY, blur=0.06)
    learner = learner_of(blob, settings)
    shift = 0.3 * torch.randn(3, 2, 4, 6, generator=torch.Generator().manual_seed(1))
    errors, still = learner.errors(shift, 1), learner.still(1)
    for i, name in enumerate(AXES):
        for j, t in enumerate((0.12, -0.12)):
            for n in range(4):
                z = learner.latents[n : n + 1]
                target, mask = TRANSFORMS[name].apply(blob(z), torch.tensor([t]))
                for found, ends in (
                    (errors, z + learner.ball.deviation * shift[i, j, n]),
                    (still, z),
                ):
                    matrix = _blur_matrix(PIXELS, 0.06 * PIXELS)
                    seen = torch.einsum("ij,ncjk,lk->ncil", matrix, mask * (blob(ends) - target), matrix)
                    known = mask.bool().expand_as(seen)
                    assert_close(found[i, j, n], seen[known].square().mean(), atol=1e-6, rtol=1e-4)


def test_gradient_agrees_with_finite_differences(blob: Blob) -> None:
    learner = learner_of(blob, replace(TINY, transforms=("shift_x", "zoom")))
    shift = 0.3 * torch.randn(2, 2, 4, 6, generator=torch.Generator().manual_seed(1))
    _, gradient = learner.share_of_errors(shift, 1, gradient=True)
    for i in range(2):
        for j in range(2):
            for n in range(2):
                nudge = torch.zeros_like(shift)
                nudge[i, j, n] = 0.02 * gradient[i, j, n] / gradient[i, j, n].norm()
                up, down = (learner.errors(shift + sign * nudge, 1).sum() for sign in (1, -1))
                assert_close((up - down) / 0.04, gradient[i, j, n].norm(), atol=1e-5, rtol=0.01)


def test_few_pictures_at_a_time_give_the_same(blob: Blob, monkeypatch: pytest.MonkeyPatch) -> None:
    shift = 0.3 * torch.randn(3, 2, 4, 6, generator=torch.Generator().manual_seed(1))
    whole = learner_of(blob, TINY).share_of_errors(shift, 0, gradient=True)
    monkeypatch.setattr(transforms, "PIXELS_AT_ONCE", 5 * PIXELS**2)
    learner = learner_of(blob, TINY)
    assert learner._some == 5
    assert_close(learner.share_of_errors(shift, 0, gradient=True), whole)
    assert_close(learner.still(0), learner_of(blob, TINY).still(0))


def test_the_masked_blur_is_blind_to_what_is_not_known(blob: Blob) -> None:
    learner = learner_of(blob, TINY)
    pictures, targets = torch.rand(2, 3, 24, 24), torch.rand(2, 3, 24, 24)
    masks = torch.ones(2, 1, 24, 24)
    masks[..., :6] = 0
    before = learner._error(pictures, targets, masks)
    targets[..., :6] += 100
    assert_close(learner._error(pictures, targets, masks), before)


def test_blur_is_that_of_pictures_away_from_the_border() -> None:
    picture = torch.rand(1, 3, 24, 20, generator=torch.Generator().manual_seed(0))
    rows, columns = _blur_matrix(24, 1.2), _blur_matrix(20, 1.2)
    ours = rows @ picture @ columns.T
    middle = (..., slice(5, -5), slice(5, -5))
    assert_close(ours[middle], blurred(picture, 1.2)[middle], atol=2e-3, rtol=0)
    assert_close(rows.sum(1), torch.ones(24))


def test_typical_ball_of_a_normal_prior_has_the_square_root_of_its_dimensions() -> None:
    ball = typical(Blob())
    assert abs(ball.radius - 6**0.5) < 0.1
    assert ball.centre.norm() < 0.15
    assert abs(typical(Blob().at(0.5)).radius - 6**0.5 / 2) < 0.05


def test_points_outside_the_ball_are_pulled_to_its_surface() -> None:
    ball = Ball(torch.tensor([1.0, 0.0]), 0.5)
    points = torch.tensor([[1.0, 0.0], [1.3, 0.4], [5.0, 3.0]])
    inside = ball.inside(points)
    assert torch.equal(inside[:2], points[:2])
    assert_close((inside[2] - ball.centre).norm(), torch.tensor(0.5 * 2**0.5))
    assert_close(inside[2] - ball.centre, 0.5 * 2**0.5 * torch.tensor([0.8, 0.6]))


def test_trajectories_stay_in_the_ball_and_move_by_slots(blob: Blob) -> None:
    learner = learner_of(blob, TINY)
    far = learner.inside(100 * torch.randn(3, 2, 4, 6, generator=torch.Generator().manual_seed(1)))
    assert_close((learner.starts + far).norm(dim=-1), torch.full((3, 2, 4), 6**0.5))
    generator = small_stylegan2()
    directions = replace(TINY, transforms=("shift_x",), slots=(1,)).fit(generator)
    latents = generator.sample(2, rng=torch.Generator().manual_seed(3))
    edited = directions.edit(latents, 0, 2.0)
    assert torch.equal(edited[:, 0], latents[:, 0])
    assert not torch.equal(edited[:, 1], latents[:, 1])


def moves(m: int = 400, dim: int = 10, noise: float = 0.0) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Starts and ends whose t is known: the difference of tanh along one direction. Also that direction."""
    rng = torch.Generator().manual_seed(0)
    u = torch.randn(dim, generator=rng).double()
    u = u / u.norm()
    starts = torch.randn(m, dim, generator=rng).double()
    ends = starts + torch.randn(m, dim, generator=rng).double()
    amounts = 0.4 * ((ends @ u).tanh() - (starts @ u).tanh())
    return ends, starts, amounts + noise * torch.randn(m, generator=rng).double(), u


def test_the_fit_finds_a_known_direction_and_its_bend() -> None:
    ends, starts, amounts, u = moves()
    axis = fit_axis(ends, starts, amounts, ridge=0.001, smoothness=0.001)
    straight = fit_axis(ends, starts, amounts, ridge=0.001, smoothness=1e6)
    assert float(axis.direction @ u) > 0.999
    errors = [float((amounts - fit.amounts(ends, starts)).square().mean()) for fit in (axis, straight)]
    assert errors[0] < 0.05 * errors[1]
    # The slopes of tanh: steep in the middle, flat at the ends, never below 0.
    assert bool((axis.slopes > 0).all())
    x = torch.tensor([0.0, 2.0]).double()
    slopes = [axis.slope_at(at * u.unsqueeze(0)) for at in x]
    assert abs(slopes[0] - 0.4) < 0.03
    assert abs(slopes[1] - 0.4 * float(1 - x[1].tanh() ** 2)) < 0.03


def test_a_straight_fit_is_ridge_regression() -> None:
    ends, starts, amounts, _ = moves(m=60, noise=0.1)
    axis = fit_axis(ends, starts, amounts, ridge=0.3, smoothness=1e9)
    step = (ends - starts).numpy()
    rows = np.concatenate([step / len(step) ** 0.5, 0.3**0.5 * np.eye(10)])
    wanted = np.concatenate([amounts.numpy() / len(step) ** 0.5, np.zeros(10)])
    expected = torch.from_numpy(np.linalg.lstsq(rows, wanted, rcond=None)[0])
    assert_close(axis.slope * axis.direction, expected, atol=1e-6, rtol=1e-4)
    assert_close(axis.slopes, torch.ones(100).double(), atol=1e-4, rtol=0)
    assert_close(axis.amounts(ends, starts), (ends - starts) @ expected, atol=1e-5, rtol=1e-4)


def test_fewer_points_than_dimensions_can_be_fitted() -> None:
    ends, starts, amounts, _ = moves(m=5, dim=30)
    axis = fit_axis(ends, starts, amounts, ridge=0.0, smoothness=1.0)
    assert_close(axis.amounts(ends, starts), amounts, atol=1e-3, rtol=1e-2)


def test_bent_is_a_line_through_its_knots() -> None:
    slopes = torch.rand(10, generator=torch.Generator().manual_seed(0)).double()
    knots = np.linspace(-5, 5, 11)
    values = np.concatenate([[0], np.cumsum(slopes.numpy())])
    x = torch.linspace(-5, 5, 77).double()
    assert_close(_bent(x, slopes), torch.from_numpy(np.interp(x.numpy(), knots, values)))
    beyond = _bent(torch.tensor([-7.0, 8.0]).double(), slopes)
    expected = [-2 * float(slopes[0]), float(values[-1]) + 3 * float(slopes[-1])]
    assert_close(beyond, torch.tensor(expected).double())


def test_the_worst_points_are_left_out() -> None:
    errors = torch.tensor([0.3, 0.1, 0.9, 0.2, 0.8, 0.0, 0.4, 0.5, 0.6, 0.7])
    assert _best(errors, 0.2).tolist() == [0, 1, 3, 5, 6, 7, 8, 9]
    assert _best(errors, 0.0).tolist() == list(range(10))


@pytest.mark.parametrize("step", [0, 4, 6])  # at the start, between two points and within one
def test_stopped_and_gone_on_with_is_the_same(blob: Blob, tmp_path: Path, step: int) -> None:
    settings = replace(TINY, transforms=("shift_x",))
    log, before, resumed = Recorder(), Recorder(), Recorder()
    settings.fit(blob, log=log).save(tmp_path / "whole")
    stopped = settings.fit(blob, log=before, stop=before.at(step), keep=Keeper(tmp_path))
    assert stopped.origin["trained_steps"] == step
    assert_close(stopped.model(torch.zeros(1, 6)).norm(dim=-1), torch.ones(1, 1))
    settings.fit(blob, log=resumed, keep=Keeper(tmp_path)).save(tmp_path / "resumed")
    assert (tmp_path / "resumed").read_bytes() == (tmp_path / "whole").read_bytes()
    assert resumed.of("loss") == log.of("loss")
    assert set(log.of("validation_loss")) == {0, 4, 8}


def test_an_edit_is_never_longer_than_the_ball(blob: Blob) -> None:
    directions = replace(TINY, transforms=("rotate",), steps=40).fit(blob)
    assert_close(float(directions.scale), typical(blob).radius)
    assert directions.origin["alpha_1_is"]["rotate"] < 0.1


def test_amounts_rise_evenly_to_the_largest_on_either_side() -> None:
    settings = replace(ON_BLOB, largest=0.5, points=5, steps=5)
    assert [settings.amounts(point)[0] for point in range(5)] == pytest.approx([0.1, 0.2, 0.3, 0.4, 0.5])
    assert settings.amounts(4)[1] == -0.5


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"k": 1}, r"k=1 must be 0 \(all\) or 3, the number of transforms"),
        ({"transforms": ("melt",)}, "no transform 'melt'"),
        ({"trajectories": 1}, "trajectories=1 must be at least 2"),
        ({"held_out": 1}, "held_out=1 must be at least 2"),
        ({"points": 0}, "points=0 must be at least 1"),
        ({"steps": 0}, "steps=0 must be at least 1"),
        ({"steps": 7}, "steps=7 cannot be shared equally by points=2"),
        ({"ridge": -1.0}, "ridge=-1.0 must be at least 0"),
        ({"largest": 0.0}, "largest=0.0 must be above 0"),
        ({"blur": float("nan")}, "blur=nan must be above 0 and finite"),
        ({"drop": 1.0}, "drop=1.0 must be at least 0 and below 1"),
        ({"truncation": 0.0}, "truncation=0.0"),
        ({"slots": (2,)}, r"slots \[2\] are not possible"),
    ],
)
def test_what_cannot_work_is_refused_before_training(changes: dict[str, Any], said: str) -> None:
    log = Recorder()
    with pytest.raises(InputError, match=said):
        replace(TINY, **changes).fit(Toy(), log=log)
    assert log.calls == []
