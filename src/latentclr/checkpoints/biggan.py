"""BigGAN checkpoints in the layout of Brock's PyTorch code (ajbrock/BigGAN-PyTorch).

Sizes and the places of attention follow from the tensors. Two small constants do not: they are given by
`network.config` as "bn_eps" and "sn_eps", or have the usual values.

Variants: hierarchical or not; one class embedding for all norms ("shared") or rows for every class in each;
with or without spectral normalisation; statistics of the norms as in `STATISTICS`, perhaps as sums with a
counter of batches.
"""

from collections.abc import Callable, Mapping

import torch
from torch import Tensor
from torch.nn.functional import normalize

from latentclr.checkpoints.network import Layout, Network, has
from latentclr.checkpoints.renaming import (
    Change,
    Source,
    fill,
    positive,
    require_finite,
    reshaped,
    sizes,
    with_shape,
)
from latentclr.errors import InputError
from latentclr.generators.biggan import BigGAN

Tensors = Mapping[str, Tensor]

STATISTICS = (
    ("stored_mean", "stored_var"),
    ("bn.stored_mean", "bn.stored_var"),
    ("bn.running_mean", "bn.running_var"),
)
"""Names of the statistics of a norm: plain, of the code's own norm, of that norm for several devices."""

TRAINED, CONVERTED = (1e-5, 1e-6), (1e-4, 1e-4)
"""What is added to variances, and the least length in the power step of spectral normalisation: of networks
trained with the code, and of networks converted from DeepMind's, which lack `sv0`."""

recognize = has("linear.weight", "blocks.0.0.conv1.weight", "output_layer.2.weight")


def build(network: Network) -> tuple[BigGAN, list[str]]:
    """The generator that a checkpoint describes, and its tensors without use."""
    tensors = network.tensors
    spectral = any(name.endswith(".u0") for name in tensors)
    logged = [name for name in tensors if name.endswith((".sv0", ".num_batches_tracked"))]
    converted = spectral and not any(name.endswith(".sv0") for name in logged)
    bn_eps, sn_eps = (
        positive(name, network.config.get(name, usual), 1.0)
        for name, usual in zip(("bn_eps", "sn_eps"), CONVERTED if converted else TRAINED, strict=True)
    )
    generator = _empty(tensors, bn_eps)
    require_finite({name: tensor for name, tensor in tensors.items() if name not in logged})
    weights, norms, names = _names(generator)
    consulted: list[str] = []
    for ours, theirs in weights.items():
        name, vector = f"{theirs}.weight", f"{theirs}.u0"
        names[f"{ours}.weight"] = name
        if spectral and name in tensors:
            consulted.append(vector)
            names[f"{ours}.weight"] = (name, divided(_spectral_norm(tensors, name, vector, sn_eps)))
    for ours, theirs in norms.items():
        found = [pair for pair in STATISTICS if f"{theirs}.{pair[0]}" in tensors] or STATISTICS
        counter = f"{theirs}.bn.accumulation_counter"
        consulted.append(counter)
        for entry, their_entry in zip(("mean", "variance"), found[0], strict=True):
            names[f"{ours}.{entry}"] = (f"{theirs}.{their_entry}", divided(_batches(tensors, counter)))
    fill(generator, tensors, names, ignored=[*consulted, *logged])
    return generator.freeze(), logged


def _names(generator: BigGAN) -> tuple[dict[str, str], dict[str, str], dict[str, Source]]:
    """From our names to theirs: layers whose weights may be normalised, norms, and all other tensors."""
    layers = {"linear": "linear", "to_image": "output_layer.2"}
    norms = {"norm": "output_layer.0"}
    for i in range(len(generator.blocks)):
        for ours, theirs in (("conv1", "conv1"), ("conv2", "conv2"), ("shortcut", "conv_sc")):
            layers[f"blocks.{i}.{ours}"] = f"blocks.{i}.0.{theirs}"
        norms |= {f"blocks.{i}.norm{norm}": f"blocks.{i}.0.bn{norm}" for norm in (1, 2)}
    others: dict[str, Source] = {f"{ours}.bias": f"{theirs}.bias" for ours, theirs in layers.items()}
    others |= {"norm.gain": "output_layer.0.gain", "norm.offset": "output_layer.0.bias"}
    weights = dict(layers)
    conditional = {
        f"{ours}.{part}": f"{theirs}.{their_part}"
        for ours, theirs in norms.items()
        if ours != "norm"
        for part, their_part in (("gain", "gain"), ("offset", "bias"))
    }
    if generator.shared is not None:
        others["shared"] = "shared.weight"
        weights |= conditional
    else:  # embeddings: a row for each class, not normalised
        others |= {f"{ours}.weight": (f"{theirs}.weight", torch.t) for ours, theirs in conditional.items()}
    for place in generator.attention:
        for ours, theirs in (("query", "theta"), ("key", "phi"), ("value", "g"), ("out", "o")):
            weights[f"attention.{place}.{ours}"] = f"blocks.{place}.1.{theirs}"
        others[f"attention.{place}.gamma"] = (f"blocks.{place}.1.gamma", reshaped())
    return weights, norms, others


def _empty(tensors: Tensors, bn_eps: float) -> BigGAN:
    """A generator of the tensors' sizes, without memory for its weights."""
    wide, chunk = sizes(tensors, "linear.weight", 2)
    blocks = 0
    channels = [sizes(tensors, "blocks.0.0.conv1.weight", 4)[1]]
    attention = []
    while f"blocks.{blocks}.0.conv1.weight" in tensors:
        size, before, *_ = sizes(tensors, f"blocks.{blocks}.0.conv1.weight", 4)
        if before != channels[-1]:
            raise InputError(
                f"block {blocks} of the checkpoint reads {before} channels; before it are {channels[-1]}."
            )
        channels.append(size)
        if f"blocks.{blocks}.1.theta.weight" in tensors:
            attention.append(blocks)
            if size < 8:
                raise InputError(f"block {blocks} of the checkpoint has attention over {size} channels.")
        blocks += 1
    if wide != 16 * channels[0]:
        raise InputError(
            f"tensor 'linear.weight' of the checkpoint is {(wide, chunk)}; expected 16 x {channels[0]} rows."
        )
    if "shared.weight" in tensors:
        num_classes, class_dim = sizes(tensors, "shared.weight", 2)
        read = sizes(tensors, "blocks.0.0.bn1.gain.weight", 2)[1]
        if read not in (class_dim, class_dim + chunk):
            raise InputError(
                f"the norms of the checkpoint read {read} numbers; expected {class_dim} (of the class), or "
                f"{class_dim + chunk} (and of z)."
            )
        hierarchical = read > class_dim
    else:
        num_classes, class_dim = sizes(tensors, "blocks.0.0.bn1.gain.weight", 2)[0], None
        hierarchical = False
    with torch.device("meta"):
        return BigGAN(
            channels,
            chunk * (blocks + 1) if hierarchical else chunk,
            num_classes=num_classes,
            shared_dim=class_dim,
            hierarchical=hierarchical,
            attention=attention,
            bn_eps=bn_eps,
        )


def _spectral_norm(tensors: Tensors, name: str, vector: str, eps: float) -> Tensor:
    def power_step(matrix: Tensor) -> Tensor:
        # The original makes this step at every call, from the stored vector.
        v = normalize(with_shape(tensors, vector, (1, len(matrix))).double() @ matrix, eps=eps)
        product = v @ matrix.T
        return (product * normalize(product, eps=eps)).sum()

    return spectral_norm(name, tensors[name], power_step)


def spectral_norm(name: str, weight: Tensor, estimate: Callable[[Tensor], Tensor]) -> Tensor:
    """The spectral norm of a weight, as float32.

    Args:
        name: of the weight, for messages.
        weight: with the outputs first.
        estimate: gives the norm of a matrix with a row for each output. The matrix is in float64, so that
            every machine finds the same float32 number, and with it the same weights and fingerprint.
    """
    if weight.ndim < 2:
        raise InputError(
            f"tensor {name!r} of the checkpoint is {tuple(weight.shape)}; expected two or more dimensions."
        )
    norm = estimate(weight.flatten(1).double())
    if not 0 < abs(float(norm)) < float("inf"):
        raise InputError(f"tensor {name!r} of the checkpoint has a spectral norm of {float(norm):g}.")
    return norm.float()


def divided(by: Tensor | float) -> Change:
    """A change for a `Source`: the tensor as float32, divided by a number."""
    return lambda tensor: tensor.float() / by


def _batches(tensors: Tensors, counter: str) -> float:
    """Number of batches that the statistics of a norm are the sum of; 1 if they are no sum."""
    return max(with_shape(tensors, counter, (1,)).item(), 1.0) if counter in tensors else 1.0


LAYOUTS = (Layout("BigGAN (Brock's PyTorch code)", recognize, build),)
