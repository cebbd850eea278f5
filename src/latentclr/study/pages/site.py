"""What all pages share: the study, its store, templates, and the files that they load."""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from fastapi.responses import HTMLResponse, RedirectResponse, Response
from jinja2 import Environment

from latentclr.study.answers import Participant
from latentclr.study.order import Step, steps
from latentclr.study.pages.forms import grouped
from latentclr.study.plan import Study
from latentclr.study.store import Store
from latentclr.templates import environment, source

ASSETS = {
    "style.css": (("base.css", "style.css"), "text/css"),
    "script.js": (("script.js",), "text/javascript"),
}
"""Files that pages load: the sources that they consist of, and their media type."""
SECONDS = 20
"""How long an item takes, for the estimate at the start."""
YEAR = 365 * 24 * 3600
"""Seconds for which a browser keeps the code."""
NOT_KEPT = {"cache-control": "no-store"}


@dataclass(frozen=True)
class Site:
    """A study as it is served.

    Attributes:
        study: the plan.
        store: where answers go.
        open_to_all: whether people without a code may begin.
        secure: whether pages are only reached by https, so that the cookie is never sent without.
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
        """Read every template and file now: while requests are answered, only pictures are read."""
        for name in self._templates.list_templates(extensions=["html"]):
            self._templates.get_template(name)
        len(self.assets)

    @property
    def cookie(self) -> str:
        """The name of the cookie: studies on other ports of the same machine have others."""
        return f"study-{self.study.digest[:12]}"

    def page(
        self, template: str, participant: Participant | None = None, *, status: int = 200, **values: Any
    ) -> Response:
        """A page; with the code of the participant, if there is one.

        Args:
            template: name of its file.
            participant: to whom it is shown; None: somebody without a code.
            status: of the answer.
            values: that the template uses.
        """
        common = {
            "title": self.study.title,
            "assets": {name: f"/static/{hashed}" for name, hashed in self._names.items()},
            "code": participant and grouped(participant.code),
            "tag": participant and participant.key[:16],
        }
        text = self._templates.get_template(template).render({**common, **values})
        return HTMLResponse(text, status, NOT_KEPT)

    def redirect(self, address: str) -> Response:
        """Send the browser to another page, which it asks for with GET."""
        return RedirectResponse(address, 303, NOT_KEPT)

    def remember(self, participant: Participant, response: Response) -> Response:
        """Let the browser keep the code, where no script and no other site can use it.

        Args:
            participant: whose code it is.
            response: gets the cookie, and is returned.
        """
        response.set_cookie(
            self.cookie,
            participant.code,
            max_age=YEAR,
            httponly=True,
            samesite="strict",
            secure=self.secure,
        )
        return response

    def forget(self, response: Response) -> Response:
        """Let the browser delete the code with this response."""
        response.delete_cookie(self.cookie, httponly=True, samesite="strict", secure=self.secure)
        return response

    def steps(self, participant: Participant) -> tuple[Step, ...]:
        """The items of a participant, in their order."""
        return steps(self.study, participant.key)

    @cached_property
    def minutes(self) -> int:
        """Estimate of the minutes that a participant needs."""
        return max(1, round(len(steps(self.study, "")) * SECONDS / 60))

    @cached_property
    def consent_digest(self) -> str:
        """Tells whether a form was sent by a page with the present text."""
        return hashlib.sha256(self.consent.encode()).hexdigest()[:16]

    @cached_property
    def assets(self) -> Mapping[str, tuple[bytes, str]]:
        """Contents and media type of the files that pages load, by names that change with the contents."""
        return {self._names[name]: (self._source(name), kind) for name, (_, kind) in ASSETS.items()}

    @cached_property
    def _names(self) -> Mapping[str, str]:
        return {name: f"{hashlib.sha256(self._source(name)).hexdigest()[:16]}-{name}" for name in ASSETS}

    def _source(self, name: str) -> bytes:
        return source(self._templates, *ASSETS[name][0]).encode()

    @cached_property
    def _templates(self) -> Environment:
        templates = environment("latentclr.study.pages")
        templates.filters["paragraphs"] = paragraphs
        return templates


def paragraphs(text: str) -> list[str]:
    r"""The paragraphs of a text, which empty lines separate.

    >>> paragraphs("one\ntwo\n\nthree\n")
    ['one two', 'three']
    """
    return [" ".join(part.split()) for part in re.split(r"\n\s*\n", text) if part.strip()]
