"""Small trainings for the tests of the trainer."""

from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from latentclr.pretrain import BigGANDeepSettings, Settings, StyleGAN2Settings

KINDS = ("stylegan2", "biggan-deep")


def small(kind: str, **changes: Any) -> Settings:
    """Settings of a training of seconds, at 16 x 16 pixels."""
    if kind == "stylegan2":
        base: Settings = StyleGAN2Settings(
            resolution=16, channels=(16, 12, 8), z_dim=6, w_dim=10, mapping_layers=2, batch=4
        )
    else:
        base = BigGANDeepSettings(
            resolution=16,
            width=4,
            d_channels=(16, 12, 8),
            z_dim=6,
            class_dim=5,
            num_classes=3,
            batch=4,
            standing=2,
        )
    # Not "auto": some processors would compute with bfloat16.
    return replace(base, **{"log_every": 2, "r1_every": 4, "precision": "float32", **changes})


def stripes(n: int, rng: torch.Generator) -> tuple[Tensor, Tensor]:
    """Pictures of three classes: one channel is light, with a stripe at a random place."""
    labels = torch.randint(3, (n,), generator=rng)
    place = torch.randint(16, (n,), generator=rng)
    pictures = torch.full((n, 3, 16, 16), -0.8)
    pictures[torch.arange(n), labels] = 0.7
    pictures[torch.arange(n), :, :, place] = 1.0
    return pictures, labels
