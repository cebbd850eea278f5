"""Errors of an app as answers: a sentence, never a traceback."""

from typing import TYPE_CHECKING

from latentclr.errors import InputError
from latentclr.web.guards import UNEXPECTED

if TYPE_CHECKING:
    from fastapi import FastAPI, Request, Response


def as_sentences(app: "FastAPI") -> None:
    """Let an app answer `InputError` with 400 and its message, other errors with 500 and no details.

    The traceback of other errors is in the server's log. FastAPI answers requests whose fields are missing or
    of a wrong type with 422 by itself.
    """
    from fastapi.responses import PlainTextResponse

    def wrong(_: "Request", error: Exception) -> "Response":
        return PlainTextResponse(f"{error}\n", status_code=400)

    def defect(_: "Request", __: Exception) -> "Response":
        return PlainTextResponse(f"{UNEXPECTED}\n", status_code=500)

    app.add_exception_handler(InputError, wrong)
    app.add_exception_handler(Exception, defect)
