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

from latentclr.checkpoints.network import Format, Network
from latentclr.checkpoints.progan import RESOLUTIONS, grown, reach, usual
from latentclr.checkpoints.renaming import Source, fill, hwio, hwio_mirrored, mirrored, sizes
from latentclr.errors import InputError
from latentclr.generators.stylegan import StyleGAN

FUSED_FROM = 128.0
"""Resolution of the first fused layer, if fusing is left to NVIDIA's function."""

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
"""Layers of a mapping network; real ones have 8."""


def build_tensorflow(network: Network) -> tuple[StyleGAN, list[str]]:
    """The generator of NVIDIA's `G_style`, and the tensors of the file that it has no use for.

    Raises:
        InputError: tensors are missing, left over, of impossible shapes or not finite; the network is a
            variant or not fully grown.
    """
    tensors = network.tensors
    given = usual(network.config, USUAL)
    ignored = grown(tensors, "lod", "synthesis/lod")
    ignored += [
        name for name in tensors if name.startswith("synthesis/ToRGB_lod") and "ToRGB_lod0/" not in name
    ]
    scopes = [f"synthesis/{r}x{r}/" for r in RESOLUTIONS]
    scopes = scopes[: reach(tensors, scopes)]
    layers = [f"{scope}{name}" for scope in scopes for name in ("Conv0_up", "Conv1")]
    layers[:2] = ["synthesis/4x4/Const", "synthesis/4x4/Conv"]
    depth = reach(tensors, [f"mapping/Dense{i}/" for i in range(MAX_MAPPING)])
    fused_from = _fused_from(given.get("fused_scale", "auto"))
    label_name = "mapping/LabelConcat/weight"
    conditional = label_name in tensors or given.get("label_size")
    generator = _empty(
        [sizes(tensors, f"{layer}/weight", 4)[3] for layer in layers[1::2]],
        [sizes(tensors, f"mapping/Dense{i}/weight", 2)[1] for i in range(depth)],
        z_dim=sizes(tensors, "mapping/Dense0/weight", 2)[0],
        label=sizes(tensors, label_name, 2) if conditional else None,
        mapping_lr=_number(given.get("mapping_lrmul", 0.01)),
    )
    names: dict[str, Source] = {
        "w_avg": "dlatent_avg",
        "to_image.conv.weight": ("synthesis/ToRGB_lod0/weight", hwio),
        "to_image.bias": "synthesis/ToRGB_lod0/bias",
        "blocks.0.const": "synthesis/4x4/Const/const",
    }
    if conditional:
        names["mapping.label_weight"] = label_name
    for i in range(depth):
        names[f"mapping.dense.{i}.weight"] = (f"mapping/Dense{i}/weight", torch.t)
        names[f"mapping.dense.{i}.bias"] = f"mapping/Dense{i}/bias"
    for k, layer in enumerate(layers):
        if k:
            fused = k % 2 == 0 and 4 << k // 2 >= fused_from
            names[f"blocks.{k}.conv.weight"] = (f"{layer}/weight", hwio_mirrored if fused else hwio)
        names[f"blocks.{k}.epilogue.noise"] = f"synthesis/noise{k}"
        names[f"blocks.{k}.epilogue.noise_strength"] = f"{layer}/Noise/weight"
        names[f"blocks.{k}.epilogue.bias"] = f"{layer}/bias"
        names[f"blocks.{k}.epilogue.style.weight"] = (f"{layer}/StyleMod/weight", torch.t)
        names[f"blocks.{k}.epilogue.style.bias"] = f"{layer}/StyleMod/bias"
    fill(generator, tensors, names, ignored=ignored)
    return generator, ignored


def build_genforce(network: Network) -> tuple[StyleGAN, list[str]]:
    """The generator of genforce's StyleGAN, and the tensors of the file that it has no use for.

    Its files say neither which layers are fused nor the mapping network's learning rate: both are NVIDIA's
    defaults, as in genforce's code.

    Raises:
        InputError: as `build_tensorflow`.
    """
    tensors = network.tensors
    ignored = grown(tensors, "synthesis.lod")
    ignored += _usual_blurs(tensors)
    blocks = reach(tensors, [f"synthesis.layer{2 * i + 1}." for i in range(len(RESOLUTIONS))])
    depth = reach(tensors, [f"mapping.dense{i}." for i in range(MAX_MAPPING)])
    others = [f"synthesis.output{i}.{part}" for i in range(blocks - 1) for part in ("weight", "bias")]
    ignored += [name for name in others if name in tensors]
    generator = _empty(
        [sizes(tensors, f"synthesis.layer{2 * i + 1}.weight", 4)[0] for i in range(blocks)],
        [sizes(tensors, f"mapping.dense{i}.weight", 2)[0] for i in range(depth)],
        z_dim=sizes(tensors, "mapping.dense0.weight", 2)[1],
        label=sizes(tensors, name, 2) if (name := "mapping.label_weight") in tensors else None,
        mapping_lr=0.01,
    )
    names: dict[str, Source] = {}
    for ours in generator.state_dict():
        part, _, entry = ours.rpartition(".")
        if ours == "w_avg":
            names[ours] = "truncation.w_avg"
        elif part == "mapping":
            names[ours] = ours
        elif part.startswith("mapping.dense."):
            names[ours] = f"mapping.dense{part.removeprefix('mapping.dense.')}.{entry}"
        elif part.startswith("to_image"):
            names[ours] = f"synthesis.output{blocks - 1}.{entry}"
        else:
            _, number, *inner = part.split(".")
            theirs = {"noise": "apply_noise.noise", "noise_strength": "apply_noise.weight"}.get(entry, entry)
            style = "style." if inner[-1:] == ["style"] else ""
            source = f"synthesis.layer{number}.{style}{theirs}"
            fused = inner == ["conv"] and int(number) % 2 == 0 and 4 << int(number) // 2 >= FUSED_FROM
            names[ours] = (source, mirrored) if fused else source
    fill(generator, tensors, names, ignored=ignored)
    return generator, ignored


def _empty(
    channels: list[int],
    mapping: list[int],
    *,
    z_dim: int,
    label: tuple[int, ...] | None,
    mapping_lr: float,
) -> StyleGAN:
    """The network of that shape, without memory. A class's vector (classes, z) is as long as z."""
    num_classes, z_dim = label or (0, z_dim)
    with torch.device("meta"):
        return StyleGAN(
            2 << len(channels),
            channels,
            z_dim=z_dim,
            mapping=mapping,
            mapping_lr=mapping_lr,
            num_classes=num_classes,
        )


def _fused_from(option: Any) -> float:
    """The resolution of the first fused layer, from NVIDIA's argument `fused_scale`."""
    if option not in ("auto", True, False):
        raise InputError(f"the network has fused_scale={option!r}; known are 'auto', True and False.")
    return FUSED_FROM if option == "auto" else 0.0 if option else math.inf


def _number(value: Any) -> float:
    if not isinstance(value, int | float) or not 0 < value < 1e6:
        raise InputError(f"the network has mapping_lrmul={value!r}; expected a number above 0.")
    return float(value)


def _usual_blurs(tensors: Mapping[str, Tensor]) -> list[str]:
    """Names of the blur filters, which are of no further use if they are the usual ones."""
    line = torch.tensor([1.0, 2.0, 1.0])
    wanted = torch.outer(line, line) / 16
    found = [name for name in tensors if name.endswith(".blur.kernel")]
    for name in found:
        if tensors[name].shape[-2:] != wanted.shape or not torch.allclose(tensors[name].float(), wanted):
            raise InputError(f"the network blurs with another filter than [1, 2, 1] ({name}).")
    return found


FORMATS = (
    Format(
        "StyleGAN (NVIDIA, TensorFlow)",
        lambda network: "synthesis/4x4/Const/StyleMod/weight" in network.tensors,
        build_tensorflow,
    ),
    Format(
        "StyleGAN (genforce)",
        lambda network: {"synthesis.layer0.const", "mapping.dense0.weight"} <= network.tensors.keys(),
        build_genforce,
    ),
)
"""Every known layout."""
