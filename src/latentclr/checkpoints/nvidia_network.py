"""From the modules and networks of NVIDIA's pickles to tensors by name and the settings beside them."""

from typing import Any

from latentclr.checkpoints.arrays import Stored, stored
from latentclr.checkpoints.inert import shown
from latentclr.checkpoints.network import Network
from latentclr.checkpoints.nvidia_file import Net, Record
from latentclr.checkpoints.plain import Walk, joined, listed, tensors
from latentclr.errors import InputError


def from_modules(content: dict[Any, Any], size: int) -> Network:
    """The averaged generator of a dict of PyTorch modules.

    Args:
        content: with "G_ema" or "G".
        size: of the file.

    Returns:
        Tensors as "synthesis.b4.conv1.weight". Its config has "class_name", "init" (arguments of the
        constructor) and "modules": for every module by name ("" is the generator) "class_name" and its plain
        attributes.

    Raises:
        InputError: there is no generator, or it is damaged.
    """
    modules = {
        key: value for key, value in content.items() if isinstance(value, Record) and isinstance(key, str)
    }
    name = next((name for name in ("G_ema", "G") if name in modules), None)
    if name is None:
        raise InputError(f"it has no generator (G_ema or G); it has {listed(modules)}.")
    walk = Walk()
    generator = modules[name]
    found: dict[str, Stored] = {}
    attributes: dict[str, dict[str, Any]] = {}
    _flatten_module("", generator, walk, found, attributes)
    init = walk.plain(generator.state.get("_init_kwargs"))
    notes = {}
    if name == "G":
        notes["weights"] = "of the network in training (G); the file has no average of it (G_ema)"
    if beside := [key for key in modules if key != name]:
        notes["also holds"] = listed(beside, 12)
    if training_set := walk.summary(content.get("training_set_kwargs")):
        notes["training set"] = training_set
    return Network(
        "NVIDIA PyTorch pickle",
        dict(zip(found, tensors(list(found.values()), size), strict=True)),
        {
            "class_name": shown(generator.class_name),
            "init": init if isinstance(init, dict) else {},
            "modules": attributes,
        },
        notes,
    )


def _flatten_module(
    prefix: str, module: Record, walk: Walk, found: dict[str, Stored], attributes: dict[str, dict[str, Any]]
) -> None:
    """Collect tensors and attributes of a module and of those in it."""
    walk.visit(1 + len(module.state))
    public = {key: value for key, value in module.state.items() if isinstance(key, str) and key[:1] != "_"}
    public.pop("training", None)
    attributes[prefix] = {"class_name": shown(module.class_name)} | walk.entries(public)
    for part in ("_parameters", "_buffers"):
        for name, value in _entries(module, part, walk).items():
            if (view := stored(value)) is None:
                raise InputError(
                    f"its {part[1:]} hold something else than tensors, at {joined(prefix, name)}."
                )
            found[joined(prefix, name)] = view
    for name, child in _entries(module, "_modules", walk).items():
        if not isinstance(child, Record):
            raise InputError(f"it has a module that is none, at {joined(prefix, name)}.")
        _flatten_module(joined(prefix, name), child, walk, found, attributes)


def _entries(module: Record, part: str, walk: Walk) -> dict[Any, Any]:
    entries = module.state.get(part, {})
    if not isinstance(entries, dict):
        raise InputError(f"a module in it has no {part[1:]}; it is damaged.")
    walk.visit(len(entries))
    return {name: value for name, value in entries.items() if value is not None}


def from_networks(content: Net | tuple[Any, ...] | list[Any], size: int) -> Network:
    """The averaged generator of TensorFlow networks (G, D, Gs), or the only network.

    Args:
        content: the networks.
        size: of the file.

    Returns:
        Tensors as "synthesis/4x4/Conv/weight". Its config has "version", "static_kwargs" (arguments of the
        constructor) and "build_func_name" by component ("" is the generator).

    Raises:
        InputError: it is another number of networks, or they are damaged.
    """
    networks = [content] if isinstance(content, Net) else [item for item in content if isinstance(item, Net)]
    if len(networks) not in (1, 3):
        raise InputError(f"it has {len(networks)} networks; expected one, or (G, D, Gs).")
    generator = networks[-1]
    walk = Walk()
    found: dict[str, Stored] = {}
    functions: dict[str, str] = {}
    _flatten_net("", generator, walk, found, functions)
    config = walk.entries({key: generator.state.get(key) for key in ("version", "static_kwargs")})
    return Network(
        "NVIDIA TensorFlow pickle",
        dict(zip(found, tensors(list(found.values()), size), strict=True)),
        config | {"build_func_name": functions},
        {"also holds": "G, D"} if len(networks) == 3 else {},
    )


def _flatten_net(
    prefix: str, net: Net, walk: Walk, found: dict[str, Stored], functions: dict[str, str]
) -> None:
    """Collect variables and build functions of a network and its components."""
    function = walk.plain(net.state.get("build_func_name"))
    walk.visit()
    functions[prefix] = shown(function) if isinstance(function, str) else ""
    variables, components = net.state.get("variables", []), net.state.get("components")
    if not isinstance(variables, list):
        raise InputError("a network in it has no variables; it is damaged.")
    walk.visit(len(variables))
    for variable in variables:
        match variable:
            case (str() as name, value) if (view := stored(value)) is not None:
                found[joined(prefix, name, "/")] = view
            case _:
                raise InputError("a network in it has a variable that is no array; it is damaged.")
    for name, component in (components if isinstance(components, dict) else {}).items():
        if not isinstance(component, Net):
            raise InputError(f"it has a component that is no network, at {joined(prefix, name, '/')}.")
        _flatten_net(joined(prefix, name, "/"), component, walk, found, functions)
