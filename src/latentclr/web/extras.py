"""Libraries that only some people have installed."""

from importlib.util import find_spec

from latentclr.errors import InputError


def needs(extra: str, *modules: str) -> None:
    """Make sure that the libraries of an extra are installed; nothing is imported.

    Raises:
        InputError: one is missing; the sentence names the extra.
    """
    missing = [module for module in modules if find_spec(module) is None]
    if missing:
        raise InputError(
            f"this needs {', '.join(missing)}, which the extra `{extra}` installs: "
            f"pip install 'latentclr[{extra}]'."
        )
