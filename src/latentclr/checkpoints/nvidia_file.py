"""NVIDIA's pickles of networks, read without running the source code that they carry.

The PyTorch kind (StyleGAN2-ADA, StyleGAN3) is a dict of modules. Each module calls a function that would
execute the source text beside it; here that call becomes a `TorchModule`: the class's name and the module's
state. The TensorFlow kind (ProGAN to StyleGAN2-ADA) is a tuple of networks that carry source text and
variables; here they are `TensorFlowNetwork`s. The source text is dropped in both.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial
from typing import Any

from latentclr.checkpoints import arrays, torch_file
from latentclr.checkpoints.arrays import Storage, StoredTensor, stored_tensor
from latentclr.checkpoints.inert import (
    PLAIN,
    Arguments,
    Attributes,
    Budget,
    Buildable,
    Global,
    Globals,
    misused,
    shown,
    table,
)
from latentclr.checkpoints.network import Network
from latentclr.checkpoints.unpickle import unpickle
from latentclr.checkpoints.walk import Walk, joined, listed, make_tensors
from latentclr.errors import InputError


@dataclass(frozen=True, slots=True, eq=False)
class TorchModule:
    """A PyTorch module.

    Attributes:
        class_name: of the module ("SynthesisLayer").
        state: its attributes, as Python's `__dict__`.
    """

    class_name: str
    state: dict[Any, Any]


class TensorFlowNetwork(Buildable):
    """A TensorFlow network: its variables, options and components."""

    __slots__ = ("state",)

    def __init__(self) -> None:
        self.state: dict[Any, Any] = {}

    def build(self, state: object) -> None:  # noqa: D102
        if not isinstance(state, dict):
            raise misused("dnnlib.tflib.network Network", state)
        self.state = state


def _torch_module(args: Arguments) -> TorchModule:
    match args:
        case ({"type": "class", "class_name": str() as name, "state": dict() as state},):
            return TorchModule(name, state)
    raise misused("torch_utils.persistence _reconstruct_persistent_obj", args)


def _storage(budget: Budget, args: Arguments) -> Storage:
    # The bytes are a torch file of their own, of one storage. Handing them to torch would undo all of this.
    match args:
        case (memoryview() as data,):
            storage = torch_file.read_legacy(data, budget, torch_file.STORAGES)
            if isinstance(storage, Storage):
                return storage
    raise misused("torch.storage _load_from_bytes", args)


def _theano_network() -> TensorFlowNetwork:
    raise InputError(
        "it is a network of ProGAN's Theano version, whose layout is another; use the TensorFlow version's."
    )


GLOBALS: Globals = (
    PLAIN
    | arrays.GLOBALS
    | torch_file.TENSORS
    | table(
        [
            Global("torch_utils.persistence _reconstruct_persistent_obj", call=_torch_module),
            Global("dnnlib.util EasyDict", new=Attributes),
            Global("dnnlib EasyDict", new=Attributes),
            Global("dnnlib.tflib.network Network", new=TensorFlowNetwork),
            Global("tfutil Network", new=TensorFlowNetwork),
            Global("network Network", new=_theano_network),
        ]
    )
)
"""What pickles outside torch's own files may name, beside storages."""


def read_pickle(data: memoryview, budget: Budget) -> Any:
    """The content of a pickle that is no file of torch.save.

    Args:
        data: the whole file.
        budget: what reading may cost.

    Returns:
        Plain values, `TorchModule`s, `TensorFlowNetwork`s, `StoredTensor`s and `Array`s.

    Raises:
        UnsafeFileError: it asks for more than networks.
        InputError: it is damaged.
    """
    storages = table([Global("torch.storage _load_from_bytes", call=partial(_storage, budget))])
    content, end = unpickle(data, {**GLOBALS, **storages}, budget)
    if end != len(data):
        raise InputError("it goes on after the end of its pickle; it is damaged.")
    return content


def from_modules(content: dict[Any, Any], size: int) -> Network:
    """The averaged generator of a dict of PyTorch modules.

    Args:
        content: with "G_ema" or "G".
        size: of the file in bytes.

    Returns:
        Tensors as "synthesis.b4.conv1.weight". Its config has "class_name", "init" (arguments of the
        constructor) and "modules": for every module by name ("" is the generator) "class_name" and its plain
        attributes.

    Raises:
        InputError: there is no generator, or it is damaged.
    """
    modules = {
        key: value
        for key, value in content.items()
        if isinstance(value, TorchModule) and isinstance(key, str)
    }
    name = next((name for name in ("G_ema", "G") if name in modules), None)
    if name is None:
        raise InputError(f"it has no generator (G_ema or G); it has {listed(modules)}.")
    generator = modules[name]
    walk = _ModuleWalk()
    walk.add("", generator)
    init = walk.plain(generator.state.get("_init_kwargs"))
    notes = {}
    if name == "G":
        notes["weights"] = "of the network in training (G); the file has no average of it (G_ema)"
    if beside := [key for key in modules if key != name]:
        notes["also holds"] = listed(beside, 12)
    if training_set := walk.summary(content.get("training_set_kwargs")):
        notes["training set"] = training_set
    config = {
        "class_name": shown(generator.class_name),
        "init": init if isinstance(init, dict) else {},
        "modules": walk.attributes,
    }
    (tensors,) = make_tensors(size, walk.tensors)
    return Network("NVIDIA PyTorch pickle", tensors, config, notes)


class _ModuleWalk(Walk):
    """Collects tensors and attributes of modules, by name."""

    def __init__(self) -> None:
        super().__init__()
        self.tensors: dict[str, StoredTensor] = {}
        self.attributes: dict[str, dict[str, Any]] = {}

    def add(self, prefix: str, module: TorchModule) -> None:
        """Collect from a module of that name, and from the modules in it."""
        self.visit(1 + len(module.state))
        names = [key for key in module.state if isinstance(key, str) and key[:1] != "_" and key != "training"]
        public = self.entries({name: module.state[name] for name in names})
        self.attributes[prefix] = {"class_name": shown(module.class_name)} | public
        for part in ("_parameters", "_buffers"):
            for name, value in self._part(module, part).items():
                if (view := stored_tensor(value)) is None:
                    raise InputError(
                        f"its {part[1:]} hold something else than tensors, at {joined(prefix, name)}."
                    )
                self.tensors[joined(prefix, name)] = view
        for name, child in self._part(module, "_modules").items():
            if not isinstance(child, TorchModule):
                raise InputError(f"it has a module that is none, at {joined(prefix, name)}.")
            self.add(joined(prefix, name), child)

    def _part(self, module: TorchModule, part: str) -> dict[Any, Any]:
        entries = module.state.get(part, {})
        if not isinstance(entries, dict):
            raise InputError(f"a module in it has no {part[1:]}; it is damaged.")
        self.visit(len(entries))
        return {name: value for name, value in entries.items() if value is not None}


def from_networks(content: Iterable[object], size: int) -> Network:
    """The averaged generator of TensorFlow networks (G, D, Gs), or the only network.

    Args:
        content: networks, and perhaps other values.
        size: of the file in bytes.

    Returns:
        Tensors as "synthesis/4x4/Conv/weight". Its config has "version", "static_kwargs" (arguments of the
        constructor) and "build_func_name" by component ("" is the generator).

    Raises:
        InputError: it is another number of networks, or they are damaged.
    """
    networks = [item for item in content if isinstance(item, TensorFlowNetwork)]
    if len(networks) not in (1, 3):
        raise InputError(f"it has {len(networks)} networks; expected one, or (G, D, Gs).")
    generator = networks[-1]
    walk = _ComponentWalk()
    walk.add("", generator)
    config = walk.entries({key: generator.state.get(key) for key in ("version", "static_kwargs")})
    config["build_func_name"] = walk.functions
    notes = {"also holds": "G, D"} if len(networks) == 3 else {}
    (tensors,) = make_tensors(size, walk.tensors)
    return Network("NVIDIA TensorFlow pickle", tensors, config, notes)


class _ComponentWalk(Walk):
    """Collects variables and build functions of networks and their components, by name."""

    def __init__(self) -> None:
        super().__init__()
        self.tensors: dict[str, StoredTensor] = {}
        self.functions: dict[str, str] = {}

    def add(self, prefix: str, network: TensorFlowNetwork) -> None:
        """Collect from a network of that name, and from its components."""
        function = self.plain(network.state.get("build_func_name"))
        self.visit()
        self.functions[prefix] = shown(function) if isinstance(function, str) else ""
        variables, components = network.state.get("variables", []), network.state.get("components")
        if not isinstance(variables, list):
            raise InputError("a network in it has no variables; it is damaged.")
        self.visit(len(variables))
        for variable in variables:
            match variable:
                case (str() as name, value) if (view := stored_tensor(value)) is not None:
                    self.tensors[joined(prefix, name, "/")] = view
                case _:
                    raise InputError("a network in it has a variable that is no array; it is damaged.")
        for name, component in (components if isinstance(components, dict) else {}).items():
            if not isinstance(component, TensorFlowNetwork):
                raise InputError(f"it has a component that is no network, at {joined(prefix, name, '/')}.")
            self.add(joined(prefix, name, "/"), component)
