"""Optional libraries: whether they are installed, and that they report and fetch nothing."""

import os
from importlib.util import find_spec

from latentclr.errors import InputError

OFFLINE = {
    "GRADIO_ANALYTICS_ENABLED": "False",
    "HF_HUB_OFFLINE": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "FASTAPI_OTEL_AUTO_CONFIGURE": "false",
}
"""What libraries ask the environment before they connect to another machine."""


def needs(extra: str, *modules: str) -> None:
    """Make sure that the libraries of an extra are installed; nothing is imported.

    Args:
        extra: name of the extra, for the message.
        modules: names of the libraries' modules.

    Raises:
        InputError: one is missing; the message names the extra.
    """
    missing = [module for module in modules if find_spec(module) is None]
    if missing:
        raise InputError(
            f"this needs {', '.join(missing)}, which the extra `{extra}` installs: "
            f"pip install 'latentclr[{extra}]'."
        )


def offline() -> None:
    """Keep gradio and FastAPI offline; to be called before gradio is imported and an app is made."""
    os.environ.update(OFFLINE)
