"""Packages whose names are imported when they are first asked for (PEP 562)."""

import sys
from collections.abc import Callable
from importlib import import_module
from importlib.util import find_spec
from typing import Any


def lazy(package: str) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """`__getattr__` and `__dir__` of a package: its modules, and what its module `public` lists in `__all__`.

    Args:
        package: its `__name__`.
    """

    def get(name: str) -> Any:
        if name.startswith("__") and name != "__all__":  # asked of every module, by the import system too
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        if name.isidentifier() and find_spec(f"{package}.{name}"):
            return import_module(f"{package}.{name}")
        public = import_module(f"{package}.public")
        if name != "__all__" and name not in public.__all__:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        return vars(sys.modules[package]).setdefault(name, getattr(public, name))

    return get, lambda: sorted({*vars(sys.modules[package]), *get("__all__")})
