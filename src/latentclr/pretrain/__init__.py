"""Training generators from scratch: small ones, whose every direction can be checked."""

from latentclr.pretrain.biggan_deep import BigGANDeepSettings
from latentclr.pretrain.data import Draw, Pool, folder, pool
from latentclr.pretrain.settings import Settings
from latentclr.pretrain.stylegan2 import StyleGAN2Settings
from latentclr.pretrain.trainer import GENERATOR, RECORD, SAMPLES, train

ARCHITECTURES: dict[str, type[Settings]] = {
    kind.kind: kind for kind in (StyleGAN2Settings, BigGANDeepSettings)
}
"""What can be trained, by its name on the command line."""

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
