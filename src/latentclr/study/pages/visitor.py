"""Who asks: the participant whose code is in the cookie."""

from collections.abc import Callable

from fastapi import Request
from fastapi.responses import Response
from starlette.requests import ClientDisconnect

from latentclr.study.answers import NoConsentError, Participant, UnknownCodeError
from latentclr.study.pages.forms import RefusedError, code_of, parse
from latentclr.study.pages.site import Site

YEAR = 365 * 24 * 3600
"""Seconds that a browser remembers the code."""


class ElsewhereError(Exception):
    """This page cannot be shown yet; another one comes first.

    Attributes:
        place: its address.
    """

    def __init__(self, place: str) -> None:
        """Send the browser there."""
        super().__init__(place)
        self.place = place


def visitor(site: Site) -> Callable[[Request], Participant | None]:
    """A dependency: the participant; None: no cookie, or of a code that is not known (any more)."""

    def found(request: Request) -> Participant | None:
        text = request.cookies.get(site.cookie)
        if text is None:
            return None
        try:
            return site.store.join(code_of(text))
        except UnknownCodeError:
            return None

    return found


def taking_part(site: Site) -> Callable[[Request], Participant]:
    """A dependency: a participant who has agreed. Others are sent to what comes first."""
    who = visitor(site)

    def found(request: Request) -> Participant:
        participant, asks = who(request), request.method == "GET"
        if participant is None:
            raise ElsewhereError("/") if asks else RefusedError(401, "Please enter your code again.")
        if not participant.consented:
            if asks:
                raise ElsewhereError("/consent")
            raise NoConsentError
        return participant

    return found


def remember(site: Site, response: Response, participant: Participant) -> Response:
    """Let the browser keep the code, where no script and no other site can use it."""
    response.set_cookie(
        site.cookie,
        participant.code,
        max_age=YEAR,
        httponly=True,
        samesite="strict",
        secure=site.secure,
    )
    return response


def forget(site: Site, response: Response) -> Response:
    """Let the browser forget the code."""
    response.delete_cookie(site.cookie, httponly=True, samesite="strict", secure=site.secure)
    return response


async def form(request: Request) -> dict[str, str]:
    """A dependency: the fields that were sent (`forms.parse`)."""
    try:
        body = await request.body()
    except ClientDisconnect:
        raise RefusedError(400, "The request ended before it was whole.") from None
    return parse(body, request.headers.get("content-type", ""))
