"""The server of a study, for participants alone: answers of others, or a report, are at no address of it."""

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, Response
from starlette.exceptions import HTTPException

from latentclr.errors import InputError
from latentclr.study.answers import NoConsentError, UnknownCodeError, UnreachableError
from latentclr.study.pages import entry, files, items
from latentclr.study.pages.forms import RefusedError
from latentclr.study.pages.site import Site
from latentclr.study.pages.visitor import ElsewhereError
from latentclr.study.plan import Study
from latentclr.study.store import Store

BODY = 2**16
"""Bytes that a request may bring: a form of some answers."""
CONTENT = (
    "default-src 'none'; img-src 'self' data:; style-src 'self'; script-src 'self'; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
"""What a page may load (content-security-policy): nothing that stands in it, nothing of another machine."""


def application(study: Study, store: Store, *, open_to_all: bool, secure: bool = False) -> FastAPI:
    """The pages of a study. `latentclr.web` serves them, with `BODY` and `CONTENT`.

    Args:
        study: the plan. Consent and instructions are read now.
        store: where its answers go.
        open_to_all: somebody without a code may begin.
        secure: participants only come by https (a proxy's).

    Raises:
        InputError: consent or instructions cannot be read.
    """
    site = Site(study, store, open_to_all, secure, study.consent, study.instructions)
    site.prepare()
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None, redirect_slashes=False)
    for part in (entry, items, files):
        app.include_router(part.routes(site))
    _tell(app, site)
    return app


def _tell(app: FastAPI, site: Site) -> None:
    """Let everything that goes wrong be a sentence."""

    def told(request: Request, status: int, sentence: str) -> Response:
        if "application/json" in request.headers.get("accept", ""):
            return JSONResponse({"problem": sentence}, status, {"cache-control": "no-store"})
        heading = "Please try again" if status >= 500 else "This did not work"
        return site.page("problem.html", status=status, heading=heading, problem=sentence)

    def refused(request: Request, error: Exception) -> Response:
        assert isinstance(error, RefusedError)
        return told(request, error.status, error.sentence)

    def elsewhere(_: Request, error: Exception) -> Response:
        assert isinstance(error, ElsewhereError)
        return site.to(error.place)

    def wrong(request: Request, error: Exception) -> Response:
        text = str(error)
        return told(request, STATUS.get(type(error), 400), text[:1].upper() + text[1:])

    def unreachable(request: Request, _: Exception) -> Response:
        return told(request, 503, "The study cannot be reached just now; please try again in a moment.")

    def unknown(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        sentence = "There is no such page." if error.status_code == 404 else "This cannot be done here."
        answer = told(request, error.status_code, sentence)
        answer.headers.update(error.headers or {})
        return answer

    def defect(request: Request, _: Exception) -> Response:
        return told(request, 500, "Something went wrong in the server; please try again in a moment.")

    app.add_exception_handler(RefusedError, refused)
    app.add_exception_handler(ElsewhereError, elsewhere)
    app.add_exception_handler(InputError, wrong)
    app.add_exception_handler(UnreachableError, unreachable)
    app.add_exception_handler(HTTPException, unknown)
    app.add_exception_handler(Exception, defect)


STATUS: dict[type[Exception], int] = {UnknownCodeError: 401, NoConsentError: 403}
"""Of sentences about who asks; others are 400."""
