"""The generator among the state dicts of a torch file, and what the file says beside it."""

from typing import Any

from latentclr.checkpoints.arrays import Scalar, StoredTensor, stored_tensor
from latentclr.checkpoints.inert import Namespace, shown
from latentclr.checkpoints.network import Network
from latentclr.checkpoints.walk import NOTHING, Walk, joined, listed, make_tensors
from latentclr.errors import InputError

NESTS = (
    "g_ema",
    "generator_smooth",
    "G_ema",
    "generator_ema",
    "ema",
    "netG_state_dict",
    "generator",
    "netG",
    "g",
    "G",
    "state_dict",
    "model",
    "params_ema",
)
"""Keys under which training scripts keep the generator's tensors beside other things; averaged ones first."""
OPTIONS = ("args", "config", "opt", "options", "hparams")
"""Keys under which training scripts keep their settings."""
COUNTS = (
    "epoch",
    "iter",
    "iteration",
    "iterations",
    "step",
    "steps",
    "kimg",
    "nimg",
    "cur_nimg",
    "batch_idx",
)
"""Keys under which training scripts keep how long they have trained."""
PARALLEL = "module."
"""The prefix that torch's DataParallel gives to every name."""


def from_state_dict(content: object, container: str, size: int) -> Network:
    """The generator of a file of tensors by name, at its top or in the generator's part.

    Args:
        content: of the file.
        container: kind of the file, for people.
        size: of the file in bytes.

    Raises:
        InputError: there are no such tensors, or other values between them.
    """
    walk = Walk()
    beside: dict[str, Any] = {}
    while isinstance(content, dict):
        nest = next((key for key in NESTS if isinstance(content.get(key), dict) and content[key]), None)
        if nest is None:
            break
        walk.visit(len(content))
        beside |= {key: value for key, value in content.items() if isinstance(key, str) and key != nest}
        content = content[nest]
    state = _state(content, walk)
    extra = {
        key: view
        for key, value in beside.items()
        if (view := stored_tensor(value)) is not None and not isinstance(value, Scalar)
    }
    tensors, more = make_tensors(size, state, extra)
    # Other dicts are networks, states of optimizers and the like.
    settings = {k: value for k, value in beside.items() if not isinstance(value, dict) or k in OPTIONS}
    config = {k: plain for k, value in settings.items() if (plain := walk.plain(value)) is not NOTHING}
    return Network(container, tensors, config | more, _notes(beside, walk))


def _state(content: object, walk: Walk) -> dict[str, StoredTensor]:
    if not isinstance(content, dict) or not content:
        raise InputError("it holds no named tensors.")
    walk.visit(len(content))
    views = {name: stored_tensor(value) for name, value in content.items()}
    found = {name: view for name, view in views.items() if view is not None and isinstance(name, str)}
    strangers = [name for name in views if name not in found]
    if strangers and not found:
        raise InputError(
            f"it holds no named tensors, only entries that are no tensors: {listed(strangers)}; a generator "
            f"is looked for at the top and under {', '.join(NESTS)}."
        )
    if strangers:
        raise InputError(f"it holds entries that are no tensors: {listed(strangers)}.")
    cut = len(PARALLEL) if all(name.startswith(PARALLEL) for name in found) else 0
    return {joined("", name[cut:]): view for name, view in found.items()}


def _notes(beside: dict[str, Any], walk: Walk) -> dict[str, str]:
    notes = {}
    parts = [key for key, value in beside.items() if isinstance(value, dict) and value and key not in OPTIONS]
    if parts:
        notes["also holds"] = listed(parts, 12)
    for key, value in beside.items():
        if key in COUNTS and isinstance(value, int | float):
            notes[key] = str(value)
        if (key in OPTIONS or isinstance(value, Namespace)) and (summary := walk.summary(value)):
            notes[shown(key, 40)] = summary
    return notes
