"""Errors as an app answers them: a sentence, never a traceback."""

from typing import TYPE_CHECKING

from latentclr.errors import InputError
from latentclr.web.guards import UNEXPECTED

if TYPE_CHECKING:
    from fastapi import FastAPI, Request, Response


def as_sentences(app: "FastAPI") -> None:
    """Let an app answer `InputError` with 400 and its sentence, and a defect with 500 and one that hides it.

    (The traceback of a defect is in the server's log. What a request lacks or has of the wrong type, FastAPI
    answers with 422 by itself.)
    """
    from fastapi.responses import PlainTextResponse

    def wrong(_: "Request", error: Exception) -> "Response":
        return PlainTextResponse(f"{error}\n", status_code=400)

    def defect(_: "Request", __: Exception) -> "Response":
        return PlainTextResponse(f"{UNEXPECTED}\n", status_code=500)

    app.add_exception_handler(InputError, wrong)
    app.add_exception_handler(Exception, defect)
