"""Pictures of several classes in one call are those of each class by itself."""

from collections.abc import Callable

import pytest
import torch
from tests.generators.small_biggan import small_biggan, small_biggan_deep
from tests.generators.small_stylegan2 import small_stylegan2
from tests.rounding import assert_rounded
from tests.toy import Toy

from latentclr import Generator, InputError
from latentclr.invert.drawing import draw


def conditional() -> Generator:
    return small_stylegan2(num_classes=3, embed_dim=5).for_class(0).in_space("z")


@pytest.mark.parametrize("make", [small_biggan_deep, small_biggan, conditional])
def test_each_picture_is_of_its_class(make: Callable[[], Generator]) -> None:
    generator = make()
    latents = generator.for_class(0).sample(4, rng=torch.Generator().manual_seed(0))
    labels = [2, 0, 2, 1]
    pictures = draw(generator, latents, labels)
    for i, label in enumerate(labels):
        # Batches of one and two, and of four. Sums along the layers have a thousand terms in all.
        assert_rounded(pictures[i], generator.for_class(label)(latents)[i], terms=1000)
    assert not torch.allclose(pictures[1], generator.for_class(1)(latents)[1], atol=1e-3)
    latents.requires_grad_()
    draw(generator, latents, labels).square().sum().backward()
    assert latents.grad is not None
    assert latents.grad.abs().flatten(1).sum(1).gt(0).all()


def test_without_classes(toy: Toy) -> None:
    latents = toy.sample(2, rng=torch.Generator().manual_seed(0))
    assert torch.equal(draw(toy, latents, [None, None]), toy(latents))
    assert torch.equal(draw(toy, latents), toy(latents))
    with pytest.raises(InputError, match="has no classes"):
        draw(toy, latents, [0, 1])


def test_wrong_classes() -> None:
    generator = small_biggan_deep()
    latents = generator.sample(2, rng=torch.Generator().manual_seed(0))
    with pytest.raises(InputError, match="1 classes for 2 pictures"):
        draw(generator, latents, [0])
    with pytest.raises(InputError, match="class 7"):
        draw(generator, latents, [0, 7])
