"""The pages around the items: start, consent, instructions, thanks, withdrawal."""

import hashlib
from typing import Annotated

from fastapi import APIRouter, Depends
from fastapi.responses import Response

from latentclr.study.answers import Participant, UnknownCodeError
from latentclr.study.pages.forms import RefusedError, code_of, grouped, only
from latentclr.study.pages.site import Site
from latentclr.study.pages.views import asked
from latentclr.study.pages.visitor import forget, form, remember, taking_part, visitor

SHOWN = 20
"""Unanswered items that the last page lists."""


def routes(site: Site) -> APIRouter:
    """The addresses."""
    router = APIRouter()
    study, store = site.study, site.store
    Anyone = Annotated[Participant | None, Depends(visitor(site))]  # noqa: N806
    Agreed = Annotated[Participant, Depends(taking_part(site))]  # noqa: N806
    Form = Annotated[dict[str, str], Depends(form)]  # noqa: N806
    shown = hashlib.sha256(site.consent.encode()).hexdigest()[:16]

    def start(
        participant: Participant | None, *, linked: str = "", problem: str = "", status: int = 200
    ) -> Response:
        return site.page(
            "start.html",
            participant,
            status=status,
            linked=linked,
            open=site.open_to_all,
            minutes=site.minutes,
            problem=problem,
        )

    def consent(participant: Participant | None, problem: str = "", status: int = 200) -> Response:
        text = {"consent": site.consent, "shown": shown, "problem": problem}
        return site.page("consent.html", participant, status=status, **text)

    @router.get("/")
    def _(participant: Anyone) -> Response:
        return start(participant)

    @router.get("/j/{code}")
    def _(code: str) -> Response:
        """Only asks: programs that look at links before people do change nothing, and no cookie is lost."""
        try:
            return start(None, linked=grouped(code_of(code)))
        except UnknownCodeError as error:
            return start(None, problem=_sentence(error), status=404)

    @router.post("/enter")
    def _(fields: Form) -> Response:
        code = only(fields, "code").get("code", "")
        try:
            participant = store.join(code_of(code))
        except UnknownCodeError as error:
            return start(None, problem=_sentence(error), status=404)
        return remember(site, site.to("/go"), participant)

    @router.get("/go")
    def _(participant: Agreed) -> Response:
        progress = store.progress(participant.code)
        if not progress.answers:
            return site.to("/instructions")
        return site.to("/done" if progress.next is None else f"/item/{progress.next + 1}")

    @router.get("/consent")
    def _(participant: Anyone) -> Response:
        if participant is None and not site.open_to_all:
            return site.to("/")
        if participant is not None and participant.consented:
            return site.to("/go")
        return consent(participant)

    @router.post("/consent")
    def _(participant: Anyone, fields: Form) -> Response:
        only(fields, "agree", "shown")
        if participant is None and not site.open_to_all:
            raise RefusedError(401, "Please enter your code first.")
        if fields.get("shown") != shown:
            return consent(participant, "The text has been changed; please read it again.", 409)
        if fields.get("agree") != "yes":
            return consent(participant, "Without your consent the study cannot begin.", 400)
        joined = participant or store.join()
        store.consent(joined.code, site.consent)
        return remember(site, site.to("/go"), joined)

    @router.get("/instructions")
    def _(participant: Agreed) -> Response:
        theirs, progress = site.steps(participant), store.progress(participant.code)
        first = asked(theirs[0], study, {})
        onward = "/done" if progress.next is None else f"/item/{progress.next + 1}"
        return site.page(
            "instructions.html",
            participant,
            instructions=site.instructions,
            questions=[question for question in first if question.options],
            onward=onward,
            begun=bool(progress.answers),
        )

    @router.get("/done")
    def _(participant: Agreed) -> Response:
        theirs, progress = site.steps(participant), store.progress(participant.code)
        left = [number for number, step in enumerate(theirs, 1) if step.item not in progress.done]
        return site.page(
            "done.html",
            participant,
            left=left[:SHOWN],
            more=max(0, len(left) - SHOWN),
            total=len(theirs),
            completion=None if left else site.completion(participant),
        )

    @router.get("/withdraw")
    def _(participant: Agreed) -> Response:
        return site.page("withdraw.html", participant)

    @router.post("/withdraw")
    def _(participant: Agreed, fields: Form) -> Response:
        if only(fields, "sure").get("sure") != "yes":
            raise RefusedError(400, "Please say that you are sure.")
        store.withdraw(participant.code)
        return forget(site, site.page("withdrawn.html"))

    return router


def _sentence(error: Exception) -> str:
    text = str(error)
    return text[:1].upper() + text[1:]
