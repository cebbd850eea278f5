"""DCGAN checkpoints: the PyTorch project's example, and one with named blocks.

Both hold a 4 x 4 projection, blocks that double the resolution, and a last transposed convolution; they
differ in names only.
"""

from collections.abc import Callable

from latentclr.checkpoints.network import Layout, Network
from latentclr.checkpoints.renaming import Source, count, fill
from latentclr.errors import InputError
from latentclr.generators import DCGAN

Layer = Callable[[int], tuple[str, str]]
"""Names of convolution i and of its normalisation (the last convolution has none)."""
NAMES: tuple[Layer, ...] = (
    lambda i: (f"main.{3 * i}", f"main.{3 * i + 1}"),
    lambda i: (f"convTr{i + 1}", f"batchNorm{i + 1}"),
)


def recognize(network: Network) -> bool:
    """Whether this is a DCGAN generator in one of the known layouts."""
    return any(f"{layer(0)[0]}.weight" in network.tensors for layer in NAMES)


def build(network: Network) -> tuple[DCGAN, list[str]]:
    """The generator that a checkpoint describes; its sizes are read off the tensors' shapes."""
    tensors = network.tensors
    layer = next((layer for layer in NAMES if f"{layer(0)[0]}.weight" in tensors), NAMES[0])
    layers = [layer(i) for i in range(count(tensors, lambda i: f"{layer(i)[0]}.weight"))]
    weights = [tensors[f"{conv}.weight"] for conv, _ in layers]
    if len(weights) < 2 or any(weight.ndim != 4 for weight in weights):
        raise InputError("the checkpoint is no DCGAN: it needs two or more convolutions (in, out, 4, 4).")
    generator = DCGAN([weight.shape[1] for weight in weights[:-1]], weights[0].shape[0])
    places = ["project", *(f"blocks.{i}" for i in range(len(layers) - 2))]
    names: dict[str, Source] = {"to_image.weight": f"{layers[-1][0]}.weight"}
    for ours, (conv, norm) in zip(places, layers[:-1], strict=True):
        names[f"{ours}.conv.weight"] = f"{conv}.weight"
        for entry in ("weight", "bias", "running_mean", "running_var", "num_batches_tracked"):
            names[f"{ours}.norm.{entry}"] = f"{norm}.{entry}"
    fill(generator, tensors, names)
    return generator, []


LAYOUTS = (Layout("DCGAN (PyTorch example)", recognize, build),)
