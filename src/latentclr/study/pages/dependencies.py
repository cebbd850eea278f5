"""What addresses depend on (FastAPI): the site, the participant whose code is in the cookie, the form."""

from typing import Annotated

from fastapi import Depends, Request
from starlette.requests import ClientDisconnect

from latentclr.study.answers import NoConsentError, Participant, UnknownCodeError
from latentclr.study.pages.forms import RefusedError, code_of, parse
from latentclr.study.pages.site import Site


class ElsewhereError(Exception):
    """This page cannot be shown yet; another one comes first.

    Attributes:
        address: of the other page.
    """

    def __init__(self, address: str) -> None:
        super().__init__(address)
        self.address = address


async def _current_site(request: Request) -> Site:
    site: Site = request.app.state.site
    return site


CurrentSite = Annotated[Site, Depends(_current_site)]


def _visitor(request: Request, site: CurrentSite) -> Participant | None:
    """The participant; None: there is no cookie, or its code is not known (any more)."""
    code = request.cookies.get(site.cookie)
    if code is None:
        return None
    try:
        return site.store.join(code_of(code))
    except UnknownCodeError:
        return None


Visitor = Annotated[Participant | None, Depends(_visitor)]


async def _consenting(request: Request, participant: Visitor) -> Participant:
    """A participant who has agreed to take part; others are sent to the page that comes first."""
    reads = request.method == "GET"
    if participant is None:
        raise ElsewhereError("/") if reads else RefusedError(401, "Please enter your code again.")
    if not participant.consented:
        raise ElsewhereError("/consent") if reads else NoConsentError
    return participant


Consenting = Annotated[Participant, Depends(_consenting)]


async def _form(request: Request) -> dict[str, str]:
    try:
        body = await request.body()
    except ClientDisconnect:
        raise RefusedError(400, "The request ended before it was whole.") from None
    return parse(body, request.headers.get("content-type", ""))


Form = Annotated[dict[str, str], Depends(_form)]
