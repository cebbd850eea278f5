"""What the benchmark counts is what is computed, and both formulations compute the same."""

import pytest
import torch
from benchmarks.plain import PlainBigGANDeep, PlainDirections, PlainStyleGAN2, plain_loss
from benchmarks.step.counts import Counts, counted, generator_operations
from benchmarks.step.measuring import copy_networks
from benchmarks.step.table import merged
from tests.generators.small_biggan import small_biggan_deep
from tests.generators.small_stylegan2 import small_stylegan2
from torch.utils.flop_counter import FlopCounterMode

from latentclr.directions import Nonlinear
from latentclr.discover.contrast import Contrast
from latentclr.discover.effects import Effects
from latentclr.generators import Generator

CONTRAST = Contrast(2.0, "cosine")


def networks(generator: Generator, k: int, *, depth: int = 2, width: int | None = None) -> Nonlinear:
    return Nonlinear(k, generator.latent_dim, depth=depth, width=width, rng=torch.Generator().manual_seed(2))


def effects_of(generator: Generator, layer: str) -> Effects:
    return Effects(generator, generator.layer(layer).name, generator.check_slots(None))


def executed(effects: Effects, model: Nonlinear, n: int) -> float:
    """Operations of the products of one step, as torch counts them."""
    latents = effects.generator.sample(n, rng=torch.Generator().manual_seed(1))
    counter = FlopCounterMode(display=False)
    with counter:
        effects.backward(model, latents, torch.full((model.k, n), 3.0), CONTRAST.loss)
    return counter.get_total_flops()


@pytest.mark.parametrize(("k", "n"), [(5, 4), (33, 8)])  # all similarities, and the upper strips only
@pytest.mark.parametrize(("depth", "width"), [(2, None), (3, 24)])
def test_operations_are_those_that_torch_counts(k: int, n: int, depth: int, width: int | None) -> None:
    generator = small_stylegan2()
    effects = effects_of(generator, "conv1")
    features = effects.features_length(generator.sample(1, rng=torch.Generator()))
    counts = counted(
        k,
        n,
        generator.latent_dim,
        width or generator.latent_dim,
        features,
        generator.style_weight("conv1").shape[0],
        depth=depth,
    )
    found = executed(effects, networks(generator, k, depth=depth, width=width), n)
    assert counts.total_executed == pytest.approx(found, rel=0.03)
    assert (counts.total > counts.total_executed) == (k * n > 256)


def test_operations_of_another_generator() -> None:
    generator = small_biggan_deep().for_class(1)
    effects = effects_of(generator, generator.layers[2].name)
    latent = generator.sample(1, rng=torch.Generator().manual_seed(0))
    k, n, dim = 5, 3, generator.latent_dim
    counts = counted(
        *(k, n, dim, dim, effects.features_length(latent), 0),
        generator=generator_operations(effects, latent),
    )
    assert counts.total_executed == pytest.approx(executed(effects, networks(generator, k), n), rel=0.03)


def test_the_step_of_the_paper() -> None:
    counts = counted(100, 8, 512, 512, 8192, 512)
    assert counts.total == pytest.approx(38.2e9, rel=0.01)
    assert counts.total - counts.total_executed == pytest.approx(3 / 8 * 2 * 800**2 * 8192)
    assert counts.moved["Adam"] == 7 * 4 * 100 * (2 * 512**2 + 2 * 512)


def test_a_part_is_bound_by_its_operations_or_by_its_passes() -> None:
    counts = Counts({"a": 10.0, "b": 10.0}, {"a": 5.0}, {"b": 40.0, "c": 2.0})
    assert counts.bounds(rate=5.0, bandwidth=10.0) == {"a": 1.0, "b": 4.0, "c": 0.2}


@pytest.mark.parametrize("wasteful", [False, True])
def test_both_formulations_compute_the_same_for_stylegan2(wasteful: bool) -> None:
    generator = small_stylegan2()
    compare(generator, PlainStyleGAN2(generator, wasteful=wasteful), "conv1")


def test_both_formulations_compute_the_same_for_biggan_deep() -> None:
    generator = small_biggan_deep().for_class(1)
    compare(generator, PlainBigGANDeep(generator), generator.layers[2].name)


def compare(generator: Generator, plain: PlainStyleGAN2 | PlainBigGANDeep, layer: str) -> None:
    effects, model = effects_of(generator, layer), networks(generator, 3)
    listed = PlainDirections(3, generator.latent_dim)
    copy_networks(model, listed)
    latents = generator.sample(4, rng=torch.Generator().manual_seed(1))
    theirs = plain_loss(
        plain,
        listed,
        latents,
        layer=effects.layer,
        alpha=3.0,
        temperature=2.0,
    )
    theirs.backward()
    ours = effects.backward(model, latents, torch.full((3, 4), 3.0), CONTRAST.loss)
    assert float(ours) == pytest.approx(theirs.item(), rel=1e-4, abs=1e-5)
    for i, network in enumerate(listed.networks):
        gradient = model.weights[0].grad
        assert gradient is not None
        torch.testing.assert_close(network[0].weight.grad.T, gradient[i], rtol=1e-2, atol=1e-5)  # type: ignore[index]


def test_rows_are_replaced_by_name_and_have_their_ratio() -> None:
    old = merged([], [{"what": "ours", "seconds": 2.0}])
    assert old[0]["ratio"] is None
    reference = {"what": "reference, generator not frozen (scaled)", "seconds": 6.0}
    both = merged(old, [reference, {"what": "ours", "seconds": 1.5}])
    assert [(row["what"][:4], row["ratio"]) for row in both] == [("refe", 1.0), ("ours", 4.0)]
