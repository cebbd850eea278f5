"""BigGAN checkpoints in the layout of Brock's PyTorch code (ajbrock/BigGAN-PyTorch).

Sizes, and where attention is, are read off the tensors. What no tensor says are the two small numbers of
`Epsilons`. `network.config` may give them as "bn_eps" and "sn_eps".

Variants: hierarchical or not; one class embedding for all norms ("shared") or rows for every class in each;
statistics as stored_mean and stored_var, the same of the code's own batch normalisation (".bn." in the names,
perhaps sums and their counter), or running_mean and running_var of that for several devices; with or without
spectral normalisation.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import normalize

from latentclr.checkpoints.network import Format, Network
from latentclr.checkpoints.renaming import Source, fill, finite, sizes
from latentclr.errors import InputError
from latentclr.generators.biggan import BigGAN

Tensors = Mapping[str, Tensor]

STATISTICS = (
    ("stored_mean", "stored_var"),
    ("bn.stored_mean", "bn.stored_var"),
    ("bn.running_mean", "bn.running_var"),
)
"""How the statistics of a norm are named: plain, by the code's own norm, by that for several devices."""


@dataclass(frozen=True)
class Epsilons:
    """What is added to variances, and the least length in the power step of spectral normalisation."""

    bn: float
    sn: float


TRAINED = Epsilons(1e-5, 1e-6)
CONVERTED = Epsilons(1e-4, 1e-4)
"""Of networks trained with the code, and of those converted from DeepMind's, which lack every `sv0`."""


def recognize(network: Network) -> bool:
    """Whether this is a BigGAN generator with the names of Brock's code."""
    return {"linear.weight", "blocks.0.0.conv1.weight", "output_layer.2.weight"} <= set(network.tensors)


def build(network: Network) -> tuple[BigGAN, list[str]]:
    """The generator that a checkpoint describes, and its tensors without use.

    Raises:
        InputError: tensors are missing, left over, of impossible shapes or not finite; an impossible eps.
    """
    tensors = network.tensors
    spectral = any(name.endswith(".u0") for name in tensors)
    logged = [name for name in tensors if name.endswith((".sv0", ".num_batches_tracked"))]
    eps = CONVERTED if spectral and not any(name.endswith(".sv0") for name in logged) else TRAINED
    eps = Epsilons(_fraction(network, "bn_eps", eps.bn), _fraction(network, "sn_eps", eps.sn))
    generator = _empty(tensors, eps)
    finite({name: tensor for name, tensor in tensors.items() if name not in logged})
    names: dict[str, Source] = {}
    consulted: list[str] = []

    def weight(ours: str, theirs: str) -> None:
        name = f"{theirs}.weight"
        names[f"{ours}.weight"] = name
        if spectral and name in tensors:
            consulted.append(u := f"{theirs}.u0")
            sizes(tensors, u, 2)
            sigma = _spectral_norm(name, tensors[name], u, tensors[u], eps.sn)
            names[f"{ours}.weight"] = (name, lambda w: w.float() / sigma)

    def layer(ours: str, theirs: str) -> None:
        weight(ours, theirs)
        names[f"{ours}.bias"] = f"{theirs}.bias"

    def statistics(ours: str, theirs: str) -> None:
        found = [pair for pair in STATISTICS if f"{theirs}.{pair[0]}" in tensors] or STATISTICS
        counter = f"{theirs}.bn.accumulation_counter"
        consulted.append(counter)
        count = _count(tensors, counter)
        for ours_, theirs_ in zip(("mean", "variance"), found[0], strict=True):
            names[f"{ours}.{ours_}"] = (f"{theirs}.{theirs_}", lambda total: total.float() / count)

    shared = generator.shared is not None
    if shared:
        names["shared"] = "shared.weight"
    layer("linear", "linear")
    for i in range(len(generator.blocks)):
        theirs = f"blocks.{i}.0"
        for conv, their_conv in (("conv1", "conv1"), ("conv2", "conv2"), ("shortcut", "conv_sc")):
            layer(f"blocks.{i}.{conv}", f"{theirs}.{their_conv}")
        for norm in (1, 2):
            for part, entry in (("gain", "gain"), ("offset", "bias")):
                ours, their_entry = f"blocks.{i}.norm{norm}.{part}", f"{theirs}.bn{norm}.{entry}"
                if shared:
                    weight(ours, their_entry)
                else:  # an embedding: a row for each class, not normalised
                    names[f"{ours}.weight"] = (f"{their_entry}.weight", torch.t)
            statistics(f"blocks.{i}.norm{norm}", f"{theirs}.bn{norm}")
    for place in generator.attention:
        for ours, entry in (("query", "theta"), ("key", "phi"), ("value", "g"), ("out", "o")):
            weight(f"attention.{place}.{ours}", f"blocks.{place}.1.{entry}")
        names[f"attention.{place}.gamma"] = (f"blocks.{place}.1.gamma", lambda gamma: gamma.reshape(()))
    names["norm.gain"] = "output_layer.0.gain"
    names["norm.offset"] = "output_layer.0.bias"
    statistics("norm", "output_layer.0")
    layer("to_image", "output_layer.2")
    fill(generator, tensors, names, ignored=[*consulted, *logged])
    return generator.freeze(), logged


def _empty(tensors: Tensors, eps: Epsilons) -> BigGAN:
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
            bn_eps=eps.bn,
        )


def _spectral_norm(name: str, weight: Tensor, u_name: str, u: Tensor, eps: float) -> Tensor:
    """One power step's estimate of the largest singular value of a weight.

    The original makes this step at every call, from the stored u.
    """
    matrix = as_matrix(name, weight)
    expect(u_name, u, (1, len(matrix)))
    v = normalize(u.double() @ matrix, eps=eps)
    product = v @ matrix.T
    return usable(name, (product * normalize(product, eps=eps)).sum())


def as_matrix(name: str, weight: Tensor) -> Tensor:
    """A weight with a row for each output.

    In float64, so that every machine finds the same float32 number for the spectral norm, and with it the
    same weights and the same fingerprint.
    """
    if weight.ndim < 2:
        raise InputError(
            f"tensor {name!r} of the checkpoint is {tuple(weight.shape)}; expected two or more dimensions."
        )
    return weight.flatten(1).double()


def usable(name: str, sigma: Tensor) -> Tensor:
    """The spectral norm of a weight, as float32.

    Raises:
        InputError: no weight can be divided by it.
    """
    if not 0 < abs(float(sigma)) < float("inf"):
        raise InputError(f"tensor {name!r} of the checkpoint has a spectral norm of {float(sigma):g}.")
    return sigma.float()


def expect(name: str, tensor: Tensor, shape: tuple[int, ...]) -> None:
    """Check the shape of a tensor.

    Raises:
        InputError: it is another.
    """
    if tensor.shape != shape:
        raise InputError(f"tensor {name!r} of the checkpoint is {tuple(tensor.shape)}; expected {shape}.")


def _count(tensors: Tensors, counter: str) -> float:
    """Of how many batches the statistics of a norm are the sum; 1 if they are no sum."""
    if counter not in tensors:
        return 1.0
    expect(counter, tensors[counter], (1,))
    return max(tensors[counter].item(), 1.0)


def _fraction(network: Network, key: str, default: float) -> float:
    value = network.config.get(key, default)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < 1:
        raise InputError(f"{key}={value!r} of the checkpoint's configuration must be a number in (0, 1).")
    return float(value)


FORMAT = Format("BigGAN (Brock's PyTorch code)", recognize, build)
