"""Small BigGANs with random weights, and random checkpoints in the layouts of the published code."""

from itertools import pairwise

import torch
from torch import Tensor

from latentclr import Generator
from latentclr.generators.biggan import BigGAN
from latentclr.generators.biggan_deep import BigGANDeep

DEEP_BLOCKS = [[False, 4, 4], [True, 4, 4], [True, 4, 2], [True, 2, 1]]


def randomize(generator: Generator, seed: int = 0) -> None:
    """Random weights and statistics: classes, slots and truncations differ, tanh is seldom at its ends."""
    rng = torch.Generator().manual_seed(seed)
    for name, value in generator.state_dict().items():
        noise = torch.randn(value.shape, generator=rng)
        if "variance" in name:
            value.copy_(torch.rand(value.shape, generator=rng) + 0.5)
        elif "mean" in name:
            value.copy_(0.2 * noise)
        elif name.endswith("weight"):
            value.copy_(noise / value[0].numel() ** 0.5)
        elif name == "norm.gain":
            value.copy_(1 + 0.2 * noise)
        elif name.endswith("gamma"):
            value.fill_(0.7)
        else:
            value.copy_(noise if name == "shared" else 0.1 * noise)
    state = generator.state_dict()
    if "classes.weight" in state:  # read by single classes, not by a sum over all
        state["classes.weight"].mul_(generator.num_classes**0.5)
    generator.freeze()


def small_biggan_deep() -> BigGANDeep:
    """A BigGAN-deep of 32 x 32 with three classes, the first one chosen."""
    generator = BigGANDeep(6, 5, 4, 3, DEEP_BLOCKS, attention=2)
    randomize(generator)
    generator.name = "small-biggan-deep"
    return generator.for_class(0)


def small_biggan(*, hierarchical: bool = True, shared: bool = True) -> BigGAN:
    """A BigGAN of 32 x 32 with three classes, the first one chosen."""
    generator = BigGAN(
        (16, 12, 8, 4),
        12,
        num_classes=3,
        shared_dim=5 if shared else None,
        hierarchical=hierarchical,
        attention=(1,),
    )
    randomize(generator)
    generator.name = "small-biggan"
    return generator.for_class(0)


def published_biggan(
    channels: tuple[int, ...] = (16, 12, 8, 4),
    *,
    chunk: int = 3,
    shared: int | None = 5,
    classes: int = 3,
    hierarchical: bool = True,
    attention: tuple[int, ...] = (1,),
    norm: str = "plain",
    spectral: bool = True,
    logged: bool = True,
    seed: int = 0,
) -> dict[str, Tensor]:
    """Random tensors with the names and shapes of Brock's code.

    `norm` is "plain", "sums" (of 7 batches; the code's own norm) or "devices" (the norm for several devices).
    """
    rng = torch.Generator().manual_seed(seed)
    tensors: dict[str, Tensor] = {}

    def random(*shape: int) -> Tensor:
        return torch.randn(shape, generator=rng)

    def weight(name: str, *shape: int) -> None:
        tensors[f"{name}.weight"] = random(*shape) / torch.Size(shape[1:]).numel() ** 0.5
        if spectral:
            tensors[f"{name}.u0"] = random(1, shape[0])
            if logged:
                tensors[f"{name}.sv0"] = random(1)

    def layer(name: str, *shape: int) -> None:
        weight(name, *shape)
        tensors[f"{name}.bias"] = 0.1 * random(shape[0])

    def statistics(name: str, size: int) -> None:
        mean, variance = 0.2 * random(size), random(size).abs() + 0.5
        if norm == "plain":
            tensors.update({f"{name}.stored_mean": mean, f"{name}.stored_var": variance})
        elif norm == "sums":
            tensors.update({f"{name}.bn.stored_mean": 7 * mean, f"{name}.bn.stored_var": 7 * variance})
            tensors[f"{name}.bn.accumulation_counter"] = torch.tensor([7.0])
        else:
            tensors.update({f"{name}.bn.running_mean": mean, f"{name}.bn.running_var": variance})
            tensors[f"{name}.bn.num_batches_tracked"] = torch.tensor(5)

    if shared is not None:
        tensors["shared.weight"] = random(classes, shared)
    layer("linear", 16 * channels[0], chunk)
    for i, (n_in, n_out) in enumerate(pairwise(channels)):
        block = f"blocks.{i}.0"
        layer(f"{block}.conv1", n_out, n_in, 3, 3)
        layer(f"{block}.conv2", n_out, n_out, 3, 3)
        layer(f"{block}.conv_sc", n_out, n_in, 1, 1)
        for place, size in (("bn1", n_in), ("bn2", n_out)):
            for part in ("gain", "bias"):
                if shared is None:
                    tensors[f"{block}.{place}.{part}.weight"] = 0.3 * random(classes, size)
                else:
                    weight(f"{block}.{place}.{part}", size, shared + (chunk if hierarchical else 0))
            statistics(f"{block}.{place}", size)
        if i in attention:
            weight(f"blocks.{i}.1.theta", n_out // 8, n_out, 1, 1)
            weight(f"blocks.{i}.1.phi", n_out // 8, n_out, 1, 1)
            weight(f"blocks.{i}.1.g", n_out // 2, n_out, 1, 1)
            weight(f"blocks.{i}.1.o", n_out, n_out // 2, 1, 1)
            tensors[f"blocks.{i}.1.gamma"] = torch.tensor(0.7)
    tensors["output_layer.0.gain"] = 1 + 0.2 * random(channels[-1])
    tensors["output_layer.0.bias"] = 0.1 * random(channels[-1])
    statistics("output_layer.0", channels[-1])
    layer("output_layer.2", 3, channels[-1], 3, 3)
    return tensors
