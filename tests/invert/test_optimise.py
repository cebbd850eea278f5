"""The search finds latents that are known, keeps photos apart, and goes on as if it had never stopped."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from tests.invert.stopping import course, stop_after
from tests.toy import Toy
from torch import Tensor
from torch.testing import assert_close

from latentclr import Generator, InputError
from latentclr.engine.checkpoint import Keeper
from latentclr.engine.training import Course
from latentclr.invert.objective import Objective, Target
from latentclr.invert.optimise import Found, Show, Starts, _rate_at, optimise
from latentclr.invert.prior import Prior
from latentclr.invert.settings import Settings, Weights

PIXELS = Weights(lpips=0.0)
SHORT = Settings(steps=60, finish=0)


def truth(generator: Generator, n: int = 3) -> Tensor:
    return generator.sample(n, rng=torch.Generator().manual_seed(7))


def starts(generator: Generator, n: int = 3, count: int = 2, seed: int = 1) -> Starts:
    latents = generator.sample(n * count, rng=torch.Generator().manual_seed(seed)).unflatten(0, (n, count))
    return Starts(latents, ((None,) * count,) * n)


def search(
    generator: Generator,
    target: Tensor,
    begin: Starts,
    *,
    settings: Settings = SHORT,
    kept: Course | None = None,
    show: Show = lambda _step, _latents, _labels: None,
    **more: Any,
) -> Found:
    given = {"weights": PIXELS, "prior": more.get("prior") or Prior.of(generator), **more}
    objective = Objective(generator, Target(target, None), **given)
    return optimise(objective, begin, settings, kept or course(), show=show)


@pytest.mark.parametrize("space", ["shared", "slots"])
def test_the_picture_of_known_latents_is_found(toy: Toy, space: str) -> None:
    wanted = toy(truth(toy))
    found = search(toy, wanted, starts(toy), space=space, settings=replace(SHORT, steps=120))
    begun = Target(wanted, None).differences(toy(starts(toy).latents[:, 0])).pixel
    assert (found.differences.pixel < 0.01 * begun).all()
    # Pictures apart by some thousandths, themselves rounded to 6e-8 a few times.
    expected = (toy(found.latents) - wanted).square().mean((1, 2, 3))
    assert_close(found.differences.pixel, expected, rtol=1e-3, atol=0)
    assert found.steps == 120
    if space == "shared":
        assert_close(found.latents[:, 0], found.latents[:, 1])


def test_photos_do_not_influence_each_other(toy: Toy) -> None:
    # In float64: Adam magnifies what rounding does to gradients near 0, by other sums of other batches.
    latents, labels, prior = truth(toy).double(), starts(toy).labels, Prior.of(toy)
    exact = replace(prior, mean=prior.mean.double(), whiten=prior.whiten.double())
    begin = Starts(starts(toy).latents.double(), labels)
    wanted = toy.double()(latents)
    more: dict[str, Any] = {"prior": exact, "settings": replace(SHORT, steps=30)}
    together = search(toy, wanted, begin, **more)
    alone = search(toy, wanted[1:2], Starts(begin.latents[1:2], labels[1:2]), **more)
    in_parts = search(toy, wanted, begin, batch=2, **more)
    assert_close(together.latents[1:2], alone.latents, atol=1e-7, rtol=0)
    assert_close(together.latents, in_parts.latents, atol=1e-7, rtol=0)
    assert (together.latents - begin.latents[:, 0]).abs().max() > 0.1


def test_the_best_start_goes_on(toy: Toy) -> None:
    z = truth(toy)
    begin = starts(toy, count=3)
    begin.latents[:, 1] = z  # the second start is the answer
    found = search(toy, toy(z), begin)
    assert_close(found.latents, z, atol=1e-5, rtol=1e-5)
    assert found.differences.pixel.max() < 1e-10


def test_the_search_changes_neither_generator_nor_random_states(toy: Toy) -> None:
    before, state = toy.fingerprint(), torch.get_rng_state()
    search(toy, toy(truth(toy)), starts(toy))
    assert toy.fingerprint() == before
    assert torch.equal(torch.get_rng_state(), state)
    assert all(parameter.grad is None for parameter in toy.parameters())


def test_stopped_and_gone_on_with_is_as_never_stopped(toy: Toy, tmp_path: Path) -> None:
    wanted, begin = toy(truth(toy)), starts(toy)
    brief = replace(SHORT, steps=20, finish=3)
    whole = search(toy, wanted, begin, settings=brief)
    for folder, at in (("a", 1), ("b", 11), ("c", 18)):  # while it explores, goes on, and finishes
        (tmp_path / folder).mkdir()
        keep = Keeper(tmp_path / folder, every=0.0)
        one, other = course(about={"what": 1}, keep=keep), course(about={"what": 2}, keep=keep)
        part = search(toy, wanted, begin, settings=brief, kept=replace(one, stop=stop_after(at)))
        assert part.steps == at
        again = search(toy, wanted, begin, settings=brief, kept=one)
        assert torch.equal(again.latents, whole.latents)
        with pytest.raises(InputError, match="what=1, now what=2"):
            search(toy, wanted, begin, settings=brief, kept=other)


def test_it_shows_what_it_has(toy: Toy) -> None:
    shown: list[tuple[int, Tensor]] = []
    logged: list[float] = []
    found = search(
        toy,
        toy(truth(toy)),
        starts(toy),
        show=lambda step, latents, labels: shown.append((step, latents.clone())),
        kept=course(log=lambda _, values: logged.append(values["psnr"]) if "psnr" in values else None),
    )
    assert [step for step, _ in shown] == [25, 50, 60]
    assert torch.equal(shown[-1][1], found.latents)
    assert logged == sorted(logged)


def test_the_prior_keeps_latents_usual(dcgan: Generator) -> None:
    far = 4 * truth(dcgan)
    prior, begin = Prior.of(dcgan), Starts(far.unsqueeze(1), ((None,),) * 3)
    fast = replace(SHORT, rate=0.5, steps=30)
    free = search(dcgan, dcgan(far), begin, settings=fast)
    kept = search(dcgan, dcgan(far), begin, settings=fast, weights=replace(PIXELS, prior=1.0))
    assert prior.unusual(free.latents).min() > 10
    assert prior.unusual(kept.latents).max() < 0.2 * prior.unusual(free.latents).min()


def test_in_domain_latents_are_where_the_encoder_agrees(toy: Toy) -> None:
    """The encoder says one place for every picture: the stronger the term, the nearer the latents are."""
    place = toy.sample(1, rng=torch.Generator().manual_seed(3))
    distances = [
        search(
            toy,
            toy(truth(toy)),
            starts(toy),
            weights=replace(PIXELS, domain=weight),
            encoder=lambda pictures: place.expand(len(pictures), -1, -1),
        ).latents
        for weight in (0.0, 0.01, 10.0)  # of no influence, of little, and stronger than the pixels
    ]
    apart = [float((latents - place).square().mean()) for latents in distances]
    assert apart[0] > apart[1] > apart[2]
    assert apart[2] < 0.1 * apart[0]
    with pytest.raises(InputError, match="needs an encoder"):
        search(toy, toy(truth(toy)), starts(toy), weights=replace(PIXELS, domain=1.0))


def test_the_rate_rises_and_falls_to_nothing() -> None:
    rates = [_rate_at(step, 60, 0.05) for step in range(60)]
    assert max(rates) <= 0.05
    assert rates[0] < rates[2]
    assert rates[3:] == sorted(rates[3:], reverse=True)
    assert rates[-1] < 0.01 * 0.05
