"""The app of a study for participants: it has no address with answers of others or a report."""

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, Response
from starlette.exceptions import HTTPException

from latentclr.errors import InputError
from latentclr.study.answers import NoConsentError, UnknownCodeError, UnreachableError
from latentclr.study.pages.forms import RefusedError, sentence
from latentclr.study.pages.routes import ElsewhereError, router
from latentclr.study.pages.site import NOT_KEPT, Site
from latentclr.study.plan import Study
from latentclr.study.store import Store
from latentclr.web import Policy

POLICY = Policy(
    body=2**16,
    content="default-src 'none'; img-src 'self' data:; style-src 'self'; script-src 'self'; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    asks_itself=True,
)
"""Requests are forms with some answers; pages have no inline code, and load nothing from other machines."""


def application(study: Study, store: Store, *, open_to_all: bool, secure: bool = False) -> FastAPI:
    """The pages of a study. `latentclr.web` serves them, with `POLICY`.

    Args:
        study: the plan. Consent and instructions are read now.
        store: where its answers go.
        open_to_all: whether people without a code may begin.
        secure: whether participants can only reach the pages by https (of a proxy).

    Raises:
        InputError: consent or instructions cannot be read.
    """
    site = Site(study, store, open_to_all, secure, study.consent, study.instructions)
    site.prepare()
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None, redirect_slashes=False)
    app.state.site = site
    app.include_router(router)
    for kind in (RefusedError, ElsewhereError, InputError, HTTPException, Exception):
        app.add_exception_handler(kind, _problem)
    return app


def _problem(request: Request, error: Exception) -> Response:
    """The answer to an error: another page, or a sentence as a page or JSON."""
    site: Site = request.app.state.site
    if isinstance(error, ElsewhereError):
        return site.redirect(error.address)
    status, text = _status_and_sentence(error)
    if "application/json" in request.headers.get("accept", ""):
        answer: Response = JSONResponse({"problem": text}, status, NOT_KEPT)
    else:
        heading = "Please try again" if status >= 500 else "This did not work"
        answer = site.page("problem.html", status=status, heading=heading, problem=text)
    if isinstance(error, HTTPException):
        answer.headers.update(error.headers or {})
    return answer


def _status_and_sentence(error: Exception) -> tuple[int, str]:
    match error:
        case RefusedError():
            return error.status, str(error)
        case UnreachableError():
            return 503, "The study cannot be reached just now; please try again in a moment."
        case InputError():
            return {UnknownCodeError: 401, NoConsentError: 403}.get(type(error), 400), sentence(error)
        case HTTPException(status_code=404):
            return 404, "There is no such page."
        case HTTPException():
            return error.status_code, "This cannot be done here."
        case _:
            return 500, "Something went wrong in the server; please try again in a moment."
