"""Steps of Levenberg and Marquardt, on problems whose answer is known."""

import torch
from tests.conftest import small_dcgan
from tests.invert.stopping import course
from tests.rounding import assert_rounded
from torch import Tensor
from torch.testing import assert_close

from latentclr.invert.newton import newton_step
from latentclr.invert.objective import Objective, Target
from latentclr.invert.optimise import Starts, optimise
from latentclr.invert.prior import Prior
from latentclr.invert.settings import Settings, Weights


def test_a_linear_problem_is_solved_in_few_steps() -> None:
    rng = torch.Generator().manual_seed(0)
    matrix, answer = torch.randn(5, 9, generator=rng), torch.randn(5, generator=rng)

    def residuals(places: Tensor) -> Tensor:
        return (places - answer) @ matrix

    place, damping = torch.zeros(5), 0.1
    for _ in range(4):
        place, damping = newton_step(residuals, place, damping, batch=2)
    assert_close(place, answer, atol=1e-3, rtol=1e-3)  # how far four steps come
    assert damping < 1e-3


def test_it_never_goes_uphill() -> None:
    """Where every step is worse, the place stays and the next step is a shorter one."""

    def residuals(places: Tensor) -> Tensor:
        return 1 + places.abs().sqrt()  # a peak downwards, at 0

    place, damping = newton_step(residuals, torch.zeros(2), 0.1, batch=8)
    assert torch.equal(place, torch.zeros(2))
    assert damping == 10.0


def test_residuals_add_up_to_the_objective() -> None:
    generator = small_dcgan()
    z = 1.5 * generator.sample(3, rng=torch.Generator().manual_seed(0))
    target = Target(generator(z.flip(0)), None)
    weights = Weights(pixel=2.0, lpips=0.0, prior=0.3, domain=0.7)
    objective = Objective(
        generator, target, weights, Prior.of(generator), encoder=lambda pictures: pictures[:, 0, :1, :10]
    )
    places = objective.normalize(z)
    for i in range(3):
        parts = objective.residuals(places[:, 0], None, i)
        for j in range(3):
            value = objective.values(places[j : j + 1], [None], torch.tensor([i]))[0, 0]
            # 3,072 pixels, drawn in a batch of three and alone.
            assert_rounded(parts[j].square().sum(), value, terms=3100)


def test_the_last_steps_find_what_adam_only_nears() -> None:
    generator = small_dcgan()
    z = generator.sample(2, rng=torch.Generator().manual_seed(7))
    near = Starts((z + 0.4).unsqueeze(1), ((None,),) * 2)
    errors = []
    for finish in (0, 6):
        objective = Objective(generator, Target(generator(z), None), Weights(lpips=0.0), Prior.of(generator))
        found = optimise(objective, near, Settings(steps=30, finish=finish), course())
        errors.append(found.differences.pixel)
    assert (errors[1] < 0.05 * errors[0]).all()
    assert errors[1].max() < 1e-4
