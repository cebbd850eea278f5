"""DCGAN checkpoints: the PyTorch project's example, and one with named blocks.

Both hold a 4 x 4 projection, blocks that double the resolution, and a last transposed convolution; they
differ in names only. "main.{3i}" is convolution i and "main.{3i+1}" its normalisation; the other layout says
"convTr{i+1}" and "batchNorm{i+1}".
"""

from latentclr.checkpoints.network import Format, Network
from latentclr.checkpoints.renaming import Source, fill
from latentclr.errors import InputError
from latentclr.generators import DCGAN

LAYOUTS = (("main.{0}", "main.{1}", 3), ("convTr{0}", "batchNorm{0}", 1))
"""(name of a convolution, name of its normalisation, step between blocks) of each known layout."""


def recognize(network: Network) -> bool:
    """Whether this is a DCGAN generator in one of the known layouts."""
    return any(name in network.tensors for name in ("main.0.weight", "convTr1.weight"))


def build(network: Network) -> tuple[DCGAN, list[str]]:
    """The generator that a checkpoint describes; its sizes are read off the tensors' shapes.

    Raises:
        InputError: tensors are missing, left over, of impossible shapes or not finite.
    """
    tensors = network.tensors
    convolution, normalization, step = LAYOUTS[0] if "main.0.weight" in tensors else LAYOUTS[1]
    blocks: list[tuple[str, str]] = []  # (convolution, normalisation); the last one's is not there
    first = 0 if step == 3 else 1
    while (conv := convolution.format(first + step * len(blocks))) + ".weight" in tensors:
        place = first + step * len(blocks)
        blocks.append((conv, normalization.format(place, place + 1)))
    weights = [tensors[f"{conv}.weight"] for conv, _ in blocks]
    if len(weights) < 2 or any(weight.ndim != 4 for weight in weights):
        raise InputError("the checkpoint is no DCGAN: it needs two or more convolutions (in, out, 4, 4).")
    z_dim, *_ = weights[0].shape
    generator = DCGAN([weight.shape[1] for weight in weights[:-1]], z_dim)
    places = ["project", *(f"blocks.{i}" for i in range(len(blocks) - 2))]
    names: dict[str, Source] = {"to_image.weight": f"{blocks[-1][0]}.weight"}
    for ours, (conv, norm) in zip(places, blocks[:-1], strict=True):
        names[f"{ours}.conv.weight"] = f"{conv}.weight"
        for entry in ("weight", "bias", "running_mean", "running_var", "num_batches_tracked"):
            names[f"{ours}.norm.{entry}"] = f"{norm}.{entry}"
    fill(generator, tensors, names)
    return generator, []


FORMAT = Format("DCGAN (PyTorch example)", recognize, build)
