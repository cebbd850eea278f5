"""The names of the package, which `latentclr.pretrain` imports when one of them is first asked for."""

from latentclr.pretrain.data import Draw, Pool, folder, pool
from latentclr.pretrain.settings import ARCHITECTURES, BigGANDeepSettings, Settings, StyleGAN2Settings
from latentclr.pretrain.trainer import GENERATOR, RECORD, SAMPLES, train

__all__ = [
    "ARCHITECTURES",
    "GENERATOR",
    "RECORD",
    "SAMPLES",
    "BigGANDeepSettings",
    "Draw",
    "Pool",
    "Settings",
    "StyleGAN2Settings",
    "folder",
    "pool",
    "train",
]
