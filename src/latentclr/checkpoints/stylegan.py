"""StyleGAN (version 1) checkpoints: NVIDIA's TensorFlow pickles and genforce's conversions.

Both hold the same numbers under other names; TensorFlow keeps matrices as (in, out) and kernels as (height,
width, in, out). Layers that double the resolution are plain or fused, see `checkpoints.progan`; here the
shapes are the same, and which layers are fused is an argument of NVIDIA's function. As a rule it is left at
"auto": fused where the output has 128 pixels or more.
"""

import math
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from latentclr.checkpoints.network import Layout, Network, has
from latentclr.checkpoints.progan import genforce_blocks, reach, static_arguments, tensorflow_scopes
from latentclr.checkpoints.renaming import (
    Source,
    count,
    fill,
    hwio,
    hwio_mirrored,
    mirrored,
    parts,
    positive,
    sizes,
)
from latentclr.errors import InputError
from latentclr.generators.stylegan import StyleGAN

FUSED_FROM = 128.0
"""Resolution of the first fused layer, where fusing is left to NVIDIA's function."""

USUAL = {
    "normalize_latents": True,
    "mapping_nonlinearity": "lrelu",
    "use_styles": True,
    "const_input_layer": True,
    "use_noise": True,
    "nonlinearity": "lrelu",
    "use_wscale": True,
    "use_pixel_norm": False,
    "use_instance_norm": True,
    "blur_filter": [1, 2, 1],
}
"""Arguments of NVIDIA's `G_style` that change the network, with the only values that can be run."""

MAX_MAPPING = 64
"""Maximum number of layers of a mapping network; real ones have 8."""


def _build_tensorflow(network: Network) -> tuple[StyleGAN, list[str]]:
    """The network of NVIDIA's function `G_style`."""
    tensors = network.tensors
    given = static_arguments(network.config, USUAL)
    scopes, ignored = tensorflow_scopes(tensors, "synthesis/")
    layers = [f"{scope}{name}" for scope in scopes for name in ("Conv0_up", "Conv1")]
    layers[:2] = ["synthesis/4x4/Const", "synthesis/4x4/Conv"]
    fused_from = _fused_from(given.get("fused_scale", "auto"))
    label_name = "mapping/LabelConcat/weight"
    names: dict[str, Source] = {
        "w_avg": "dlatent_avg",
        "to_image.conv.weight": ("synthesis/ToRGB_lod0/weight", hwio),
        "to_image.bias": "synthesis/ToRGB_lod0/bias",
        "blocks.0.const": "synthesis/4x4/Const/const",
    }
    if label_name in tensors or given.get("label_size"):
        names["mapping.label_weight"] = label_name
    for i in range(reach(tensors, "mapping/Dense{}/".format, MAX_MAPPING)):
        names[f"mapping.dense.{i}.weight"] = (f"mapping/Dense{i}/weight", torch.t)
        names[f"mapping.dense.{i}.bias"] = f"mapping/Dense{i}/bias"
    for k, layer in enumerate(layers):
        if k:
            change = hwio_mirrored if _is_fused(k, fused_from) else hwio
            names[f"blocks.{k}.conv.weight"] = (f"{layer}/weight", change)
        names[f"blocks.{k}.epilogue.noise"] = f"synthesis/noise{k}"
        names[f"blocks.{k}.epilogue.noise_strength"] = f"{layer}/Noise/weight"
        names[f"blocks.{k}.epilogue.bias"] = f"{layer}/bias"
        names[f"blocks.{k}.epilogue.style.weight"] = (f"{layer}/StyleMod/weight", torch.t)
        names[f"blocks.{k}.epilogue.style.bias"] = f"{layer}/StyleMod/bias"
    mapping_lr = positive("mapping_lrmul", given.get("mapping_lrmul", 0.01), 1e6)
    return _filled(tensors, names, mapping_lr, ignored)


def _build_genforce(network: Network) -> tuple[StyleGAN, list[str]]:
    """The StyleGAN of genforce.

    Its files say neither which layers are fused nor the mapping network's learning rate: both are NVIDIA's
    defaults, as in genforce's code.
    """
    tensors = network.tensors
    blocks, ignored = genforce_blocks(tensors, "synthesis.")
    ignored += _usual_blurs(tensors)
    names: dict[str, Source] = {
        "w_avg": "truncation.w_avg",
        "to_image.conv.weight": f"synthesis.output{blocks - 1}.weight",
        "to_image.bias": f"synthesis.output{blocks - 1}.bias",
        "blocks.0.const": "synthesis.layer0.const",
    }
    if "mapping.label_weight" in tensors:
        names["mapping.label_weight"] = "mapping.label_weight"
    for i in range(reach(tensors, "mapping.dense{}.".format, MAX_MAPPING)):
        for part in ("weight", "bias"):
            names[f"mapping.dense.{i}.{part}"] = f"mapping.dense{i}.{part}"
    for k in range(2 * blocks):
        layer = f"synthesis.layer{k}"
        if k:
            weight = f"{layer}.weight"
            names[f"blocks.{k}.conv.weight"] = (weight, mirrored) if _is_fused(k, FUSED_FROM) else weight
        names[f"blocks.{k}.epilogue.noise"] = f"{layer}.apply_noise.noise"
        names[f"blocks.{k}.epilogue.noise_strength"] = f"{layer}.apply_noise.weight"
        for entry in ("bias", "style.weight", "style.bias"):
            names[f"blocks.{k}.epilogue.{entry}"] = f"{layer}.{entry}"
    return _filled(tensors, names, 0.01, ignored)


def _is_fused(layer: int, fused_from: float) -> bool:
    """Whether a layer is one of those that double the resolution, and fused."""
    return layer > 0 and layer % 2 == 0 and 4 << layer // 2 >= fused_from


def _filled(
    tensors: Mapping[str, Tensor], names: Mapping[str, Source], mapping_lr: float, ignored: list[str]
) -> tuple[StyleGAN, list[str]]:
    """The generator whose tensors have these names in the file; sizes are read off their shapes."""

    def shape(ours: str, dimensions: int) -> torch.Size:
        theirs, change = parts(names[ours])
        return change(torch.empty(sizes(tensors, theirs, dimensions), device="meta")).shape

    blocks = count(names, lambda i: f"blocks.{2 * i + 1}.conv.weight")
    depth = count(names, "mapping.dense.{}.weight".format)
    channels = [shape(f"blocks.{2 * i + 1}.conv.weight", 4)[0] for i in range(blocks)]
    mapping = [shape(f"mapping.dense.{i}.weight", 2)[0] for i in range(depth)]
    num_classes, z_dim = 0, shape("mapping.dense.0.weight", 2)[1]
    if "mapping.label_weight" in names:
        num_classes, z_dim = shape("mapping.label_weight", 2)
    with torch.device("meta"):
        generator = StyleGAN(
            2 << blocks,
            channels,
            z_dim=z_dim,
            mapping=mapping,
            mapping_lr=mapping_lr,
            num_classes=num_classes,
        )
    fill(generator, tensors, names, ignored=ignored)
    return generator, ignored


def _fused_from(option: Any) -> float:
    """The resolution of the first fused layer, from NVIDIA's argument `fused_scale`."""
    if option not in ("auto", True, False):
        raise InputError(f"the network has fused_scale={option!r}; known are 'auto', True and False.")
    return FUSED_FROM if option == "auto" else 0.0 if option else math.inf


def _usual_blurs(tensors: Mapping[str, Tensor]) -> list[str]:
    """Names of the blur filters; refuses others than the usual one, which we have ourselves."""
    line = torch.tensor([1.0, 2.0, 1.0])
    wanted = torch.outer(line, line) / 16
    found = [name for name in tensors if name.endswith(".blur.kernel")]
    for name in found:
        if tensors[name].shape[-2:] != wanted.shape or not torch.allclose(tensors[name].float(), wanted):
            raise InputError(f"the network blurs with another filter than [1, 2, 1] ({name}).")
    return found


LAYOUTS = (
    Layout("StyleGAN (NVIDIA, TensorFlow)", has("synthesis/4x4/Const/StyleMod/weight"), _build_tensorflow),
    Layout("StyleGAN (genforce)", has("synthesis.layer0.const", "mapping.dense0.weight"), _build_genforce),
)
"""Every known layout."""
