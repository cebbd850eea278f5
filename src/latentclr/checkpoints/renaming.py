"""From the names in a file to ours: every tensor is used once, or the file is refused with its name."""

from collections.abc import Mapping

from torch import Tensor, nn

from latentclr.errors import InputError
from latentclr.files import not_finite


def fill(module: nn.Module, tensors: Mapping[str, Tensor], names: Mapping[str, str]) -> None:
    """Copy a checkpoint's tensors into a network, all of them or none.

    Args:
        module: whose state is overwritten.
        tensors: of the checkpoint, by its own names.
        names: our name -> the checkpoint's name, for every entry of the network's state.

    Raises:
        InputError: a tensor is missing, left over, of another shape, or not finite; the message names it.
    """
    state = module.state_dict()
    assert set(names) == set(state), set(names) ^ set(state)
    if missing := [theirs for theirs in names.values() if theirs not in tensors]:
        raise InputError(f"the checkpoint lacks {_some(missing)}.")
    if left_over := sorted(set(tensors) - set(names.values())):
        raise InputError(f"the checkpoint holds tensors that belong nowhere: {_some(left_over)}.")
    for ours, theirs in names.items():
        expected, found = tuple(state[ours].shape), tuple(tensors[theirs].shape)
        if expected != found:
            raise InputError(f"tensor {theirs!r} of the checkpoint is {found}; expected {expected}.")
    if broken := not_finite(tensors):
        raise InputError(f"the checkpoint holds values that are not finite, in {_some(broken)}.")
    module.load_state_dict({ours: tensors[theirs] for ours, theirs in names.items()})


def _some(names: list[str]) -> str:
    more = f" and {len(names) - 4} more" if len(names) > 4 else ""
    return ", ".join(names[:4]) + more
