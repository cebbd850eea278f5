"""From the names in a file to ours: every tensor is used once, or the file is refused with its name."""

from collections.abc import Callable, Collection, Mapping

import torch
from torch import Tensor, nn

from latentclr.errors import InputError
from latentclr.files import not_finite

Source = str | tuple[str, Callable[[Tensor], Tensor]]
"""Where one of our tensors comes from: a name in the file, or that and what to do with the tensor."""


def fill(
    module: nn.Module,
    tensors: Mapping[str, Tensor],
    names: Mapping[str, Source],
    *,
    ignored: Collection[str] = (),
) -> None:
    """Give a network the tensors of a checkpoint, all of them or none.

    The network may be on the meta device: its tensors are replaced, not written over. Floating-point tensors
    become float32.

    Args:
        module: whose state is replaced.
        tensors: of the checkpoint, by its own names.
        names: for every entry of the network's state, where it comes from.
        ignored: tensors of the checkpoint that are known and of no use.

    Raises:
        InputError: a tensor is missing, left over, of another shape, or not finite; the message names it.
    """
    state = module.state_dict()
    assert set(names) == set(state), set(names) ^ set(state)
    sources = {
        ours: source if isinstance(source, tuple) else (source, _as_it_is) for ours, source in names.items()
    }
    used = {theirs for theirs, _ in sources.values()}
    if missing := [theirs for theirs, _ in sources.values() if theirs not in tensors]:
        raise InputError(f"the checkpoint lacks {some(missing)}.")
    if left_over := sorted(set(tensors) - used - set(ignored)):
        raise InputError(f"the checkpoint holds tensors that belong nowhere: {some(left_over)}.")
    if broken := not_finite({theirs: tensors[theirs] for theirs in used}):
        raise InputError(f"the checkpoint holds values that are not finite, in {some(broken)}.")
    found = {}
    for ours, (theirs, change) in sources.items():
        try:
            tensor = change(tensors[theirs])
        except (RuntimeError, IndexError, ValueError) as error:
            raise InputError(
                f"tensor {theirs!r} of the checkpoint is {tuple(tensors[theirs].shape)}: it has the wrong "
                "number of dimensions."
            ) from error
        if tensor.shape != state[ours].shape:
            expected = f"expected {tuple(state[ours].shape)}"
            if change is not _as_it_is:
                expected += f" after its change to {tuple(tensor.shape)}"
            raise InputError(
                f"tensor {theirs!r} of the checkpoint is {tuple(tensors[theirs].shape)}; {expected}."
            )
        found[ours] = tensor.to(state[ours].dtype).contiguous()
    module.load_state_dict(found, assign=True)


def finite(tensors: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
    """The tensors themselves.

    Raises:
        InputError: one of them holds a value that is not finite.
    """
    if broken := not_finite(tensors):
        raise InputError(f"the checkpoint holds values that are not finite, in {some(broken)}.")
    return tensors


def sizes(tensors: Mapping[str, Tensor], name: str, dimensions: int) -> tuple[int, ...]:
    """The shape of a tensor from which a network's sizes are read.

    Raises:
        InputError: it is missing, or has another number of dimensions, or is empty.
    """
    if name not in tensors:
        raise InputError(f"the checkpoint lacks {name}.")
    shape = tuple(tensors[name].shape)
    if len(shape) != dimensions or 0 in shape:
        raise InputError(
            f"tensor {name!r} of the checkpoint is {shape}; expected {dimensions} dimensions, none of them 0."
        )
    return shape


def some(names: list[str]) -> str:
    """The first few names, and how many more there are."""
    more = f" and {len(names) - 4} more" if len(names) > 4 else ""
    return ", ".join(names[:4]) + more


def _as_it_is(tensor: Tensor) -> Tensor:
    return tensor


def hwio(kernel: Tensor) -> Tensor:
    """A convolution's kernel from TensorFlow's order of axes, (height, width, in, out), to (out, in, ...)."""
    return kernel.permute(3, 2, 0, 1)


def mirrored(kernel: Tensor) -> Tensor:
    """A convolution's kernel turned round in both directions."""
    return kernel.flip(2, 3)


def hwio_mirrored(kernel: Tensor) -> Tensor:
    """Both."""
    return mirrored(hwio(kernel))


def reshaped(*shape: int) -> Callable[[Tensor], Tensor]:
    """A change for `names`: the same numbers in another shape."""
    return lambda tensor: torch.reshape(tensor, shape)
