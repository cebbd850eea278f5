"""What every generator promises."""

import json

import numpy as np
import pytest
import torch
from torch.testing import assert_close

from latentclr import Generator, InputError
from latentclr.generators import IMAGE, ProGAN, StyleGAN, StyleGAN2

Rng = torch.Generator
WITHOUT_TANH = (ProGAN, StyleGAN, StyleGAN2)
"""Their pictures may go a little beyond [-1, 1]."""


def latents_of(generator: Generator, n: int = 3, seed: int = 0) -> torch.Tensor:
    return generator.sample(n, rng=Rng().manual_seed(seed))


def test_run_yields_the_layers_in_order_with_their_sizes(any_generator: Generator) -> None:
    latents = latents_of(any_generator)
    found = list(any_generator.run(latents))
    assert [name for name, _ in found] == [layer.name for layer in any_generator.layers]
    for layer, (_, output) in zip(any_generator.layers, found, strict=True):
        assert output.shape[:3] == (3, layer.channels, layer.resolution)


def test_names_and_aliases_are_unique(any_generator: Generator) -> None:
    names = [name for layer in any_generator.layers for name in (layer.name, *layer.aliases)]
    assert len(names) == len(set(names))


def test_features_equal_what_run_yields(any_generator: Generator) -> None:
    latents = latents_of(any_generator)
    outputs = dict(any_generator.run(latents))
    for layer in any_generator.layers:
        for name in (layer.name, *layer.aliases):
            assert torch.equal(any_generator.features(latents, name), outputs[layer.name])


def test_features_stop_at_their_layer(any_generator: Generator, monkeypatch: pytest.MonkeyPatch) -> None:
    passed = []
    original = any_generator.run

    def watched(latents: torch.Tensor):  # type: ignore[no-untyped-def]
        for name, output in original(latents):
            passed.append(name)
            yield name, output

    monkeypatch.setattr(any_generator, "run", watched)
    any_generator.features(latents_of(any_generator), any_generator.layers[0].name)
    assert passed == [any_generator.layers[0].name]


def test_the_last_layer_is_the_picture(any_generator: Generator) -> None:
    assert any_generator.layers[-1].name == IMAGE
    pictures = any_generator(latents_of(any_generator))
    assert pictures.shape[1] == 3
    assert pictures.isfinite().all()
    if not isinstance(any_generator, WITHOUT_TANH):
        assert pictures.abs().max() <= 1


def test_unknown_layer_names_the_known_ones(any_generator: Generator) -> None:
    with pytest.raises(InputError, match=f"no layer 'b3' .*{any_generator.layers[0].name}.*{IMAGE}"):
        any_generator.features(latents_of(any_generator), "b3")


def test_a_batch_is_its_pictures_one_by_one(any_generator: Generator) -> None:
    latents = latents_of(any_generator)
    singles = torch.cat([any_generator(latent.unsqueeze(0)) for latent in latents])
    assert_close(any_generator(latents), singles, atol=1e-5, rtol=1e-4)


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


def test_a_seed_is_one_picture_wherever_it_stands(any_generator: Generator) -> None:
    together = any_generator.from_seeds([5, 42])
    assert_close(together[1:], any_generator.from_seeds([42]))


def test_seeds_draw_what_numpy_draws(any_generator: Generator) -> None:
    z = np.random.RandomState(42).randn(1, any_generator.z_dim)
    assert z[0, 0] == pytest.approx(0.49671415)
    expected = any_generator.map(torch.from_numpy(z).float())
    assert torch.equal(any_generator.from_seeds([42]), expected)


@pytest.mark.parametrize("seeds", [[], [-1], [2**32]])
def test_impossible_seeds_are_refused(any_generator: Generator, seeds: list[int]) -> None:
    with pytest.raises(InputError, match=r"whole numbers in 0"):
        any_generator.from_seeds(seeds)


def test_moving_a_slot_changes_nothing_before_the_first_layer_that_reads_it(any_generator: Generator) -> None:
    latents = latents_of(any_generator)
    before = dict(any_generator.run(latents))
    for slot in range(any_generator.num_slots):
        moved = latents.clone()
        moved[:, slot] += 1
        reached = False
        for layer in any_generator.layers:
            output = any_generator.features(moved, layer.name)
            reached = reached or layer.slot >= slot
            assert torch.equal(output, before[layer.name]) != reached, (slot, layer)


def test_truncation_brings_pictures_closer_together(any_generator: Generator) -> None:
    def spread(psi: float) -> tuple[float, float]:
        view = any_generator.at(psi)
        latents = view.sample(16, rng=Rng().manual_seed(0))
        return float(latents.std(0).mean()), float(view(latents).std(0).mean())

    (wide, different), (narrow, similar) = spread(1.0), spread(0.5)
    assert similar < different
    # In z, a mapping network's truncation happens behind the latents.
    assert narrow == pytest.approx(wide / 2, rel=1e-4) or (any_generator.space == "z" and narrow == wide)


@pytest.mark.parametrize("truncation", [0.0, -1.0, 1.5, float("nan")])
def test_impossible_truncation_is_refused(any_generator: Generator, truncation: float) -> None:
    with pytest.raises(InputError, match="truncation="):
        any_generator.at(truncation)


def test_a_view_shares_the_weights_and_leaves_the_generator_as_it_was(any_generator: Generator) -> None:
    before = any_generator.truncation
    view = any_generator.at(0.5)
    assert view.truncation == 0.5
    assert any_generator.truncation == before
    assert view.fingerprint() == any_generator.fingerprint()
    for ours, theirs in zip(any_generator.parameters(), view.parameters(), strict=True):
        assert ours is theirs


def test_settings_build_a_generator_of_the_same_shape(any_generator: Generator) -> None:
    settings = json.loads(json.dumps(any_generator.settings()))
    again = type(any_generator)(**settings)
    again.load_state_dict(any_generator.state_dict())
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


def test_classes_are_chosen_by_number(any_generator: Generator) -> None:
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


def test_it_is_frozen(any_generator: Generator) -> None:
    assert not any_generator.training
    assert not any(parameter.requires_grad for parameter in any_generator.parameters())


def test_gradients_reach_the_latents(any_generator: Generator) -> None:
    latents = latents_of(any_generator, n=1).requires_grad_()
    any_generator(latents).square().sum().backward()
    assert latents.grad is not None
    assert latents.grad.abs().sum() > 0


def test_the_fingerprint_is_that_of_the_weights() -> None:
    from tests.conftest import small_dcgan

    generator = small_dcgan()
    before = generator.fingerprint()
    assert before == small_dcgan().fingerprint()
    with torch.no_grad():
        generator.to_image.weight[0, 0, 0, 0] += 1e-3
    assert generator.fingerprint() != before


def test_style_weight_is_how_a_layer_reads_its_latent(any_generator: Generator) -> None:
    first = any_generator.layers[0].name
    assert any_generator.style_weight(first).shape[1] == any_generator.latent_dim
    with pytest.raises(InputError, match="reads no latent"):
        any_generator.style_weight(IMAGE)
