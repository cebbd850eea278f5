"""A visitor of the explorer without a browser: sends what the page sends."""

from typing import Any

import pytest

from latentclr.explorer.server import UPLOAD, explorer
from latentclr.explorer.shelf import Shelf
from latentclr.web import Guards, Policy

HOST = "http://127.0.0.1:7860"


def guarded(shelf: Shelf) -> Guards:
    """The explorer as `latentclr explore` serves it."""
    return Guards(explorer(shelf), Policy(UPLOAD), names={"127.0.0.1"})


def client_of(shelf: Shelf) -> Any:
    """A connection to that explorer in this process."""
    pytest.importorskip("gradio")
    testclient = pytest.importorskip("fastapi.testclient")
    return testclient.TestClient(guarded(shelf), base_url=HOST, raise_server_exceptions=False)


def events_of(config: Any) -> dict[str, tuple[int, list[str]]]:
    """Numbers of events and names of what they may change, by name ("seed.submit")."""
    names = {one["id"]: one["props"].get("elem_id") for one in config["components"]}
    found = {}
    for number, one in enumerate(config["dependencies"]):
        outputs = [names[output] for output in one["outputs"]]
        for target, kind in one["targets"]:
            found[f"{names.get(target, 'page')}.{kind}"] = (number, outputs)
    return found


class Visitor:
    """One tab of a browser.

    Attributes:
        client: its connection.
        shown: the latest value of every control, by name.
    """

    def __init__(self, client: Any, name: str = "ann", query: str = "") -> None:
        self.client, self._name, self.query = client, name, query
        if not hasattr(client, "events"):
            client.events = events_of(client.get("/config").json())
        self.events: dict[str, tuple[int, list[str]]] = client.events
        self.shown: dict[str, Any] = {}

    def send(self, event: str, *values: Any, data: Any = None) -> Any:
        """Send an event; the answer as it is."""
        number, _ = self.events[event]
        body = {"data": list(values), "fn_index": number, "session_hash": self._name, "event_data": data}
        address = f"/gradio_api/run/predict?{self.query}".rstrip("?")
        return self.client.post(address, json=body)

    def do(self, event: str, *values: Any, data: Any = None) -> str:
        """Send an event that goes well and take note of what it changes; the message that is shown."""
        answer = self.send(event, *values, data=data)
        assert answer.status_code == 200, answer.text
        for name, update in zip(self.events[event][1], answer.json()["data"], strict=True):
            if isinstance(update, dict):
                self.shown.setdefault(name, {}).update(update)
        return str(self.shown["message"].get("value", ""))

    def open(self) -> str:
        """Open the page."""
        return self.do(next(name for name in self.events if name.endswith(".load")))

    def slide(self, place: int, alpha: float) -> str:
        """Move a slider."""
        return self.do(f"slider-{place}.input", self.shown["rows"]["value"], alpha)

    @property
    def stage(self) -> str:
        """The HTML of what is seen."""
        return str(self.shown["stage"]["value"])

    @property
    def address(self) -> str:
        """The query of the address that is shown."""
        return self.stage.partition('data-query="')[2].partition('"')[0].replace("&amp;", "&")
