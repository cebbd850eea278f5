"""NVIDIA's pickles of networks, read without running the source code that they carry.

The PyTorch kind (StyleGAN2-ADA, StyleGAN3) is a dict of modules. Each module calls a function that would
execute the source text beside it; here that call becomes a `Record` of the class's name and the module's
state. The TensorFlow kind (ProGAN to StyleGAN2-ADA) is a tuple of networks that carry source text and
variables; here they are `Net`s. The source text is dropped in both.
"""

from dataclasses import dataclass
from functools import partial
from typing import Any

from latentclr.checkpoints import arrays, torch_file
from latentclr.checkpoints.arrays import Storage
from latentclr.checkpoints.inert import PLAIN, Attributes, Budget, Buildable, Name, Table, misused, table
from latentclr.checkpoints.unpickle import unpickle
from latentclr.errors import InputError


@dataclass(frozen=True, slots=True, eq=False)
class Record:
    """A PyTorch module.

    Attributes:
        class_name: of the module ("SynthesisLayer").
        state: its attributes, as Python's `__dict__`.
    """

    class_name: str
    state: dict[Any, Any]


class Net(Buildable):
    """A TensorFlow network: its variables, options and components."""

    __slots__ = ("state",)

    def __init__(self) -> None:
        self.state: dict[Any, Any] = {}

    def build(self, state: object) -> None:
        """Take the state."""
        if not isinstance(state, dict):
            raise misused("dnnlib.tflib.network Network", state)
        self.state = state


def _record(args: tuple[Any, ...]) -> Record:
    match args:
        case ({"type": "class", "class_name": str() as name, "state": dict() as state},):
            return Record(name, state)
    raise misused("torch_utils.persistence _reconstruct_persistent_obj", args)


def _storage(budget: Budget, args: tuple[Any, ...]) -> Storage:
    # The bytes are a torch file of their own, of one storage. Handing them to torch would undo all of this.
    match args:
        case (memoryview() as data,):
            storage = torch_file.read_legacy(data, budget, torch_file.STORAGES)
            if isinstance(storage, Storage):
                return storage
    raise misused("torch.storage _load_from_bytes", args)


def _old_network() -> Net:
    raise InputError(
        "it is a network of ProGAN's Theano version, whose layout is another; use the TensorFlow version's."
    )


NAMES: Table = {
    **PLAIN,
    **arrays.NAMES,
    **torch_file.TENSORS,
    **table(
        [
            Name("torch_utils.persistence _reconstruct_persistent_obj", call=_record),
            Name("dnnlib.util EasyDict", new=Attributes),
            Name("dnnlib EasyDict", new=Attributes),
            Name("dnnlib.tflib.network Network", new=Net),
            Name("tfutil Network", new=Net),
            Name("network Network", new=_old_network),
        ]
    ),
}
"""What pickles outside torch's own files may ask for, beside storages."""


def read_pickle(data: memoryview, budget: Budget) -> Any:
    """The content of a pickle; modules are `Record`s and `Net`s, tensors are `Stored` and arrays `Array`s.

    Raises:
        UnsafeFileError: it asks for more than networks.
        InputError: it is damaged.
    """
    storages = table([Name("torch.storage _load_from_bytes", call=partial(_storage, budget))])
    content, end = unpickle(data, {**NAMES, **storages}, budget)
    if end != len(data):
        raise InputError("it goes on after the end of its pickle; it is damaged.")
    return content
