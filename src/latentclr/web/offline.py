"""What libraries ask the environment before they speak to the outside: nothing is reported or fetched."""

import os

OFFLINE = {
    "GRADIO_ANALYTICS_ENABLED": "False",
    "HF_HUB_OFFLINE": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "FASTAPI_OTEL_AUTO_CONFIGURE": "false",
}


def offline() -> None:
    """Keep gradio and FastAPI to themselves; to be called before gradio is imported and an app is made."""
    os.environ.update(OFFLINE)
