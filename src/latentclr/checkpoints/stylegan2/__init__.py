"""StyleGAN2 checkpoints in every published layout."""

from collections.abc import Callable, Iterator

from latentclr.checkpoints.network import Format, Network
from latentclr.checkpoints.stylegan2 import genforce, nvidia, rosinality, tensorflow
from latentclr.errors import InputError
from latentclr.generators import StyleGAN2


def _has(*names: str) -> Callable[[Network], bool]:
    return lambda network: all(name in network.tensors for name in names)


def _refuse(reason: str) -> Callable[[Network], tuple[StyleGAN2, list[str]]]:
    def refuse(_: Network) -> tuple[StyleGAN2, list[str]]:
        raise InputError(reason)

    return refuse


def _is_alias_free(network: Network) -> bool:
    return any(name.startswith("synthesis.input.") for name in network.tensors)


def _is_progressive(network: Network) -> bool:
    names = network.tensors
    return "synthesis/4x4/Conv/mod_weight" in names and any("ToRGB_lod" in name for name in names)


def _formats() -> Iterator[Format]:
    yield Format(
        "StyleGAN3 (alias-free)",
        _is_alias_free,
        _refuse(
            "this is an alias-free StyleGAN3 network, which cannot be run here; StyleGAN2 networks of the "
            "same repository can."
        ),
    )
    yield Format(
        "StyleGAN2 config B to D (progressive)",
        _is_progressive,
        _refuse(
            "this is a progressively grown StyleGAN2 (config B, C or D), which cannot be run here; take "
            "config E or F."
        ),
    )
    yield Format("StyleGAN2 (NVIDIA, PyTorch)", _has("synthesis.b4.const"), nvidia.build)
    yield Format(
        "StyleGAN2 (NVIDIA, TensorFlow)",
        _has("synthesis/4x4/Const/const", "synthesis/4x4/Conv/mod_weight"),
        tensorflow.build,
    )
    yield Format("StyleGAN2 (rosinality)", _has("input.input", "conv1.conv.weight"), rosinality.build)
    yield Format("StyleGAN2 (genforce)", _has("synthesis.early_layer.const"), genforce.build)


FORMATS = tuple(_formats())
