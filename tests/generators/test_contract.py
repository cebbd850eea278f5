"""What every generator promises. What the base class alone keeps is tested on one or two generators."""

import json

import numpy as np
import pytest
import torch
from tests.conftest import small_dcgan
from tests.generators.precise import in_float64, same
from tests.generators.small_stylegan2 import small_stylegan2
from tests.rounding import assert_rounded
from tests.toy import Toy

from latentclr import Generator, InputError
from latentclr.generators import IMAGE, ProGAN, StyleGAN, StyleGAN2

Rng = torch.Generator
WITHOUT_TANH = (ProGAN, StyleGAN, StyleGAN2)
"""Their pictures may go a little beyond [-1, 1]."""


def latents_of(generator: Generator, n: int = 3, seed: int = 0) -> torch.Tensor:
    return generator.sample(n, rng=Rng().manual_seed(seed))


def test_run_yields_the_layers_in_order_and_last_the_picture(any_generator: Generator) -> None:
    found = list(any_generator.run(latents_of(any_generator)))
    assert [name for name, _ in found] == [layer.name for layer in any_generator.layers]
    for layer, (_, output) in zip(any_generator.layers, found, strict=True):
        assert output.shape[:3] == (3, layer.channels, layer.resolution)
    last, pictures = found[-1]
    assert (last, pictures.shape[1]) == (IMAGE, 3)
    assert pictures.isfinite().all()
    if not isinstance(any_generator, WITHOUT_TANH):
        assert pictures.abs().max() <= 1


def test_features_by_every_name_equal_what_run_yields(any_generator: Generator) -> None:
    latents = latents_of(any_generator)
    outputs = dict(any_generator.run(latents))
    names = [(layer, name) for layer in any_generator.layers for name in (layer.name, *layer.aliases)]
    assert len({name for _, name in names}) == len(names)
    for layer, name in names:
        assert torch.equal(any_generator.features(latents, name), outputs[layer.name])


def test_features_stop_at_their_layer(monkeypatch: pytest.MonkeyPatch) -> None:
    generator = small_dcgan()
    passed = []
    original = generator.run

    def watched(latents: torch.Tensor):  # type: ignore[no-untyped-def]
        for name, output in original(latents):
            passed.append(name)
            yield name, output

    monkeypatch.setattr(generator, "run", watched)
    generator.features(latents_of(generator), generator.layers[0].name)
    assert passed == [generator.layers[0].name]


def test_unknown_layer_names_the_known_ones() -> None:
    generator = small_dcgan()
    with pytest.raises(InputError, match=f"no layer 'b3' .*{generator.layers[0].name}.*{IMAGE}"):
        generator.features(latents_of(generator), "b3")


def test_a_batch_is_its_pictures_one_by_one(any_generator: Generator) -> None:
    latents, precise = latents_of(any_generator).double(), in_float64(any_generator)
    singles = torch.cat([precise(latent.unsqueeze(0)) for latent in latents])
    same(precise(latents), singles)


def test_pictures_are_right_to_the_rounding_of_float32(any_generator: Generator) -> None:
    # A layer sums over 9 places of as many channels as the layer before has (at most the widest), and scales,
    # normalises and bends what it gets in some 20 operations more. Positive and negative terms of a sum, and
    # normalisation, magnify what is lost by a small factor.
    latents = latents_of(any_generator)
    expected = dict(in_float64(any_generator).run(latents.double()))
    widest = max(layer.channels for layer in any_generator.layers)
    for depth, (name, output) in enumerate(any_generator.run(latents), 1):
        assert_rounded(output, expected[name], terms=depth * (9 * widest + 20), condition=4)


def test_samples_depend_on_rng_only(any_generator: Generator) -> None:
    torch.manual_seed(1)
    first = latents_of(any_generator, seed=7)
    torch.manual_seed(2)
    np.random.seed(2)  # noqa: NPY002
    again = latents_of(any_generator, seed=7)
    assert torch.equal(first, again)
    assert torch.equal(any_generator(first), any_generator(again))
    assert not torch.equal(first, latents_of(any_generator, seed=8))
    assert first.shape == (3, any_generator.num_slots, any_generator.latent_dim)


def test_a_seed_draws_what_numpy_draws_wherever_it_stands(toy: Toy, monkeypatch: pytest.MonkeyPatch) -> None:
    z = torch.from_numpy(np.random.RandomState(42).randn(1, toy.z_dim)).float()
    assert torch.equal(toy.from_seeds([42]), toy.map(z))
    monkeypatch.setattr(toy, "map", lambda z: z.unsqueeze(1))
    assert torch.equal(toy.from_seeds([5, 42])[1:, 0], z)


@pytest.mark.parametrize("seeds", [[], [-1], [2**32]])
def test_impossible_seeds_are_refused(toy: Toy, seeds: list[int]) -> None:
    with pytest.raises(InputError, match=r"whole numbers in 0"):
        toy.from_seeds(seeds)


def test_moving_a_slot_changes_nothing_before_the_first_layer_that_reads_it(any_generator: Generator) -> None:
    latents = latents_of(any_generator)
    before = dict(any_generator.run(latents))
    for slot in range(any_generator.num_slots):
        moved = latents.clone()
        moved[:, slot] += 1
        reached = False
        after = dict(any_generator.run(moved))
        for layer in any_generator.layers:
            reached = reached or layer.slot >= slot
            assert torch.equal(after[layer.name], before[layer.name]) != reached, (slot, layer)


def test_truncation_is_a_view_that_brings_pictures_closer_together(any_generator: Generator) -> None:
    precise = in_float64(any_generator)
    z = torch.randn(16, precise.z_dim, generator=Rng().manual_seed(0), dtype=torch.float64)

    def spread(psi: float) -> tuple[float, float]:
        view = precise.at(psi)
        latents = view.map(z)
        return float(latents.std(0).mean()), float(view(latents).std(0).mean())

    (wide, different), (narrow, similar) = spread(1.0), spread(0.5)
    assert similar < different
    # In z, a mapping network's truncation happens behind the latents. (In float64: rounding is 1e-15.)
    assert narrow == pytest.approx(wide / 2, rel=1e-9) or (any_generator.space == "z" and narrow == wide)
    before, view = any_generator.truncation, any_generator.at(0.5)
    assert (view.truncation, any_generator.truncation) == (0.5, before)
    assert view.fingerprint() == any_generator.fingerprint()
    for ours, theirs in zip(any_generator.parameters(), view.parameters(), strict=True):
        assert ours is theirs


@pytest.mark.parametrize("truncation", [0.0, -1.0, 1.5, float("nan")])
@pytest.mark.parametrize("make", [small_dcgan, small_stylegan2])
def test_impossible_truncation_is_refused(make: type[Generator], truncation: float) -> None:
    with pytest.raises(InputError, match="truncation="):
        make().at(truncation)


def test_settings_build_a_generator_of_the_same_shape(any_generator: Generator) -> None:
    settings = json.loads(json.dumps(any_generator.settings()))
    with torch.device("meta"):
        again = type(any_generator)(**settings)
    again.load_state_dict(any_generator.state_dict(), assign=True)
    again = again.freeze().in_space(any_generator.space).view(label=any_generator.label)
    assert again.layers == any_generator.layers
    assert again.fingerprint() == any_generator.fingerprint()
    latents = latents_of(any_generator)
    assert torch.equal(latents_of(again), latents)
    assert torch.equal(again(latents), any_generator(latents))


def test_a_preview_is_a_small_picture(any_generator: Generator) -> None:
    latents = latents_of(any_generator)
    small = any_generator.preview(latents, 4)
    assert max(small.shape[-2:]) == 4
    assert torch.equal(any_generator.preview(latents, 4096), any_generator(latents))


def test_classes_are_chosen_by_number_or_weight(any_generator: Generator) -> None:
    if not any_generator.num_classes:
        with pytest.raises(InputError, match="has no classes"):
            any_generator.for_class(0)
        return

    def draw(generator: Generator) -> torch.Tensor:
        pictures: torch.Tensor = generator(latents_of(generator))
        return pictures

    one, other = (draw(any_generator.for_class(number)) for number in (0, 1))
    assert not torch.equal(one, other)
    mixed = torch.zeros(any_generator.num_classes)
    mixed[1] = 1
    assert torch.equal(draw(any_generator.for_class(mixed)), other)
    with pytest.raises(InputError, match=f"no class {any_generator.num_classes}"):
        any_generator.for_class(any_generator.num_classes)
    with pytest.raises(InputError, match="choose one with for_class"):
        draw(any_generator.view(label=None))


def test_it_is_frozen_and_gradients_reach_the_latents(any_generator: Generator) -> None:
    assert not any_generator.training
    assert not any(parameter.requires_grad for parameter in any_generator.parameters())
    latents = latents_of(any_generator, n=1).requires_grad_()
    any_generator(latents).square().sum().backward()
    assert latents.grad is not None
    assert latents.grad.abs().sum() > 0


def test_the_fingerprint_is_that_of_the_weights() -> None:
    generator = small_dcgan()
    before = generator.fingerprint()
    assert before == small_dcgan().fingerprint()
    with torch.no_grad():
        generator.to_image.weight[0, 0, 0, 0] += 1e-3
    assert generator.fingerprint() != before


def test_style_weight_has_a_column_for_each_entry_of_a_latent(any_generator: Generator) -> None:
    first = any_generator.layers[0].name
    assert any_generator.style_weight(first).shape[1] == any_generator.latent_dim
    with pytest.raises(InputError, match="reads no latent"):
        any_generator.style_weight(IMAGE)
