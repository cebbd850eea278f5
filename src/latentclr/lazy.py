"""Packages that import their names on first use (PEP 562)."""

import sys
from collections.abc import Callable
from importlib import import_module
from importlib.util import find_spec
from typing import Any


def lazy(package: str) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """Make `__getattr__` and `__dir__` for a package: its modules, and the names in `__all__` of `public`.

    Args:
        package: `__name__` of the package, which has a module `public`.
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
