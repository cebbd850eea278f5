"""StyleGAN2 in the layout of genforce and SeFa."""

from latentclr.checkpoints.network import Network
from latentclr.checkpoints.renaming import Source, mirrored
from latentclr.checkpoints.stylegan2.build import (
    Layout,
    build_generator,
    doublings,
    first,
    layer_number,
    only_map,
    plus_one,
)
from latentclr.errors import InputError
from latentclr.generators import StyleGAN2
from latentclr.generators.resample import binomial


def build(network: Network) -> tuple[StyleGAN2, list[str]]:
    """The generator, and the tensors that it has no use for."""
    tensors = dict(network.tensors)
    tensors["resample_filter"] = binomial()
    layout = Layout(
        conv=lambda i: f"synthesis.layer{2 * i}.weight",
        torgb=lambda i: f"synthesis.output{i}.weight",
        skip=lambda i: f"synthesis.skip_layer{i - 1}.weight",
        mapping=lambda i: f"mapping.dense{i}.weight",
        embed=None,
        names=_name,
        ignored=r"(\.kernel|(^|\.)lod)$",
    )
    if layout.skip(1) in tensors:
        raise InputError("residual StyleGAN2 networks in genforce's layout are not known here.")
    return build_generator(tensors, layout, {})


def _name(ours: str) -> Source:
    if ours == "resample_filter":
        return ours
    if ours == "mapping.w_avg":
        return "truncation.w_avg"
    part, _, entry = ours.rpartition(".")
    if part.startswith("mapping."):
        return f"mapping.dense{part.removeprefix('mapping.fc')}.{entry}"
    if entry == "const":
        return "synthesis.early_layer.const", first
    layer = part.removesuffix(".affine")
    if layer.endswith("torgb"):
        theirs = f"synthesis.output{doublings(layer)}"
    else:
        theirs = f"synthesis.layer{layer_number(layer)}"
    if part.endswith(".affine"):
        return f"{theirs}.style.weight" if entry == "weight" else (f"{theirs}.style.bias", plus_one)
    if entry == "noise_const":
        return f"{theirs}.noise", only_map
    if entry == "weight" and layer.endswith("conv0"):
        return f"{theirs}.weight", mirrored
    return f"{theirs}.{entry}"
