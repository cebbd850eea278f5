"""What all pages share: the study, its store, templates, and the files that they load."""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from fastapi.responses import HTMLResponse, RedirectResponse, Response
from jinja2 import Environment, PackageLoader, StrictUndefined

from latentclr.study.answers import Participant
from latentclr.study.completion import completion_code
from latentclr.study.order import Step, steps
from latentclr.study.pages.forms import grouped
from latentclr.study.plan import Study
from latentclr.study.store import Store

ASSETS = {"style.css": "text/css", "script.js": "text/javascript"}
SECONDS = 20
"""That an item takes, for the estimate at the start."""


@dataclass(frozen=True)
class Asset:
    """A file that pages load.

    Attributes:
        data: its contents.
        kind: its media type.
    """

    data: bytes
    kind: str


@dataclass(frozen=True)
class Site:
    """A study as it is served.

    Attributes:
        study: the plan.
        store: where answers go.
        open_to_all: somebody without a code may begin.
        secure: pages are only reached by https, so the cookie is never sent without.
        consent: the text that participants agree to, as it is while the server runs.
        instructions: the text before the first item.
    """

    study: Study
    store: Store
    open_to_all: bool
    secure: bool
    consent: str
    instructions: str

    def prepare(self) -> None:
        """Read every template and file now: afterwards, pictures are all that is read."""
        for name in self._templates.list_templates(extensions=["html"]):
            self._templates.get_template(name)
        len(self.assets)

    @property
    def cookie(self) -> str:
        """Its name: studies on other ports of the same machine have others."""
        return f"study-{self.study.digest[:12]}"

    def page(
        self, template: str, participant: Participant | None = None, *, status: int = 200, **values: Any
    ) -> Response:
        """A page; with the code of the participant, if there is one."""
        common = {
            "title": self.study.title,
            "assets": {name: f"/static/{hashed}" for name, hashed in self._names.items()},
            "code": participant and grouped(participant.code),
            "tag": participant and participant.key[:16],
        }
        text = self._templates.get_template(template).render({**common, **values})
        return HTMLResponse(text, status, {"cache-control": "no-store"})

    def to(self, place: str) -> Response:
        """Send the browser to another page, which it asks for with GET."""
        return RedirectResponse(place, 303, {"cache-control": "no-store"})

    def steps(self, participant: Participant) -> tuple[Step, ...]:
        """Everything that somebody is asked, in their order."""
        return steps(self.study, participant.key)

    def completion(self, participant: Participant) -> str:
        """See `completion_code`."""
        return completion_code(self.study, participant.key)

    @cached_property
    def minutes(self) -> int:
        """A guess at how long a participant needs."""
        return max(1, round(len(steps(self.study, "")) * SECONDS / 60))

    @cached_property
    def assets(self) -> Mapping[str, Asset]:
        """The files that pages load, by names that change with their contents."""
        return {self._names[name]: Asset(self._source(name), kind) for name, kind in ASSETS.items()}

    @cached_property
    def _names(self) -> Mapping[str, str]:
        return {name: f"{hashlib.sha256(self._source(name)).hexdigest()[:16]}-{name}" for name in ASSETS}

    def _source(self, name: str) -> bytes:
        loader = self._templates.loader
        assert loader is not None
        return loader.get_source(self._templates, name)[0].encode()

    @cached_property
    def _templates(self) -> Environment:
        environment = Environment(
            loader=PackageLoader("latentclr.study.pages"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            auto_reload=False,
        )
        environment.filters["paragraphs"] = paragraphs
        return environment


def paragraphs(text: str) -> list[str]:
    r"""What stands between empty lines.

    >>> paragraphs("one\ntwo\n\nthree\n")
    ['one two', 'three']
    """
    return [" ".join(part.split()) for part in re.split(r"\n\s*\n", text) if part.strip()]
