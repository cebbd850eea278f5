"""Fill a network with the tensors of a file: every one is used once, or the file is refused."""

from collections.abc import Callable, Collection, Container, Mapping

import torch
from torch import Tensor, nn

from latentclr.errors import InputError
from latentclr.files import not_finite

Change = Callable[[Tensor], Tensor]
Source = str | tuple[str, Change]
"""Where one of our tensors comes from: a name in the file, or that and a change of the tensor."""


def parts(source: Source) -> tuple[str, Change]:
    """The name and the change of a source."""
    return source if isinstance(source, tuple) else (source, _unchanged)


def _unchanged(tensor: Tensor) -> Tensor:
    return tensor


def fill(
    module: nn.Module,
    tensors: Mapping[str, Tensor],
    names: Mapping[str, Source],
    *,
    ignored: Collection[str] = (),
) -> None:
    """Fill a network with the tensors of a checkpoint, all of them or none.

    The network may be on the meta device: its tensors are replaced, not overwritten. Floating-point tensors
    become float32.

    Args:
        module: the network whose state is replaced.
        tensors: of the checkpoint, by its own names.
        names: sources of all entries of the network's state.
        ignored: tensors of the checkpoint that are known and without use.

    Raises:
        InputError: a tensor is missing, left over, of another shape, or not finite; the message names it.
    """
    state = module.state_dict()
    assert set(names) == set(state), set(names) ^ set(state)
    sources = {ours: parts(source) for ours, source in names.items()}
    used = {theirs for theirs, _ in sources.values()}
    if missing := [theirs for theirs, _ in sources.values() if theirs not in tensors]:
        raise InputError(f"the checkpoint lacks {some(missing)}.")
    if left_over := sorted(set(tensors) - used - set(ignored)):
        raise InputError(f"the checkpoint holds tensors that belong nowhere: {some(left_over)}.")
    require_finite({theirs: tensors[theirs] for theirs in used})
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
            if change is not _unchanged:
                expected += f" after its change to {tuple(tensor.shape)}"
            raise InputError(
                f"tensor {theirs!r} of the checkpoint is {tuple(tensors[theirs].shape)}; {expected}."
            )
        found[ours] = tensor.to(state[ours].dtype).contiguous()
    module.load_state_dict(found, assign=True)


def require_finite(tensors: Mapping[str, Tensor]) -> None:
    """Refuse tensors with values that are not finite."""
    if broken := not_finite(tensors):
        raise InputError(f"the checkpoint holds values that are not finite, in {some(broken)}.")


def sizes(tensors: Mapping[str, Tensor], name: str, dimensions: int) -> tuple[int, ...]:
    """The shape of a tensor from which a network's sizes are read.

    Args:
        tensors: of the checkpoint, by name.
        name: of the tensor.
        dimensions: number of dimensions that it must have.
    """
    if name not in tensors:
        raise InputError(f"the checkpoint lacks {name}.")
    shape = tuple(tensors[name].shape)
    if len(shape) != dimensions or 0 in shape:
        raise InputError(
            f"tensor {name!r} of the checkpoint is {shape}; expected {dimensions} dimensions, none of them 0."
        )
    return shape


def with_shape(tensors: Mapping[str, Tensor], name: str, shape: tuple[int, ...]) -> Tensor:
    """A tensor that must have a known shape.

    Args:
        tensors: of the checkpoint, by name.
        name: of the tensor.
        shape: that it must have.
    """
    if name not in tensors:
        raise InputError(f"the checkpoint lacks {name}.")
    if tensors[name].shape != shape:
        raise InputError(
            f"tensor {name!r} of the checkpoint is {tuple(tensors[name].shape)}; expected {shape}."
        )
    return tensors[name]


def count(names: Container[str], name: Callable[[int], str]) -> int:
    """How many of name(0), name(1), ... there are without a gap.

    Args:
        names: of tensors.
        name: gives the name of a number.
    """
    found = 0
    while name(found) in names:
        found += 1
    return found


def positive(name: str, value: object, below: float) -> float:
    """A setting of a checkpoint as a number.

    Args:
        name: of the setting, for the message.
        value: of the setting.
        below: limit of the value.
    """
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < below:
        raise InputError(f"the network has {name}={value!r}; expected a number in (0, {below:g}).")
    return float(value)


def some(names: list[str]) -> str:
    """The first few names, and how many more there are, for messages."""
    more = f" and {len(names) - 4} more" if len(names) > 4 else ""
    return ", ".join(names[:4]) + more


def hwio(kernel: Tensor) -> Tensor:
    """Turn a kernel from TensorFlow's axes (height, width, in, out) to (out, in, height, width)."""
    return kernel.permute(3, 2, 0, 1)


def mirrored(kernel: Tensor) -> Tensor:
    """Flip a kernel in both directions."""
    return kernel.flip(2, 3)


def hwio_mirrored(kernel: Tensor) -> Tensor:
    """Turn a kernel as `hwio` and flip it as `mirrored`."""
    return mirrored(hwio(kernel))


def reshaped(*shape: int) -> Callable[[Tensor], Tensor]:
    """A change for a `Source`: the same numbers in another shape."""
    return lambda tensor: torch.reshape(tensor, shape)
