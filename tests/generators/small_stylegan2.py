"""Small StyleGAN2 generators with random weights, noise and mean w."""

from typing import Any

import torch

from latentclr.generators import StyleGAN2


def small_stylegan2(**changes: Any) -> StyleGAN2:
    """16 x 16, few channels; every part of it matters to the picture."""
    settings: dict[str, Any] = {"z_dim": 10, "mapping": (14, 12), **changes}
    generator = StyleGAN2(16, (16, 12, 8), **settings)
    rng = torch.Generator().manual_seed(0)
    generator.initialize(rng)
    with torch.no_grad():
        for name, value in generator.state_dict().items():
            if name.endswith(("bias", "w_avg")):
                value.add_(torch.randn(value.shape, generator=rng) * 0.3)
            if name.endswith("noise_strength"):
                value.fill_(0.2)
    generator.name = "small"
    return generator.freeze()
