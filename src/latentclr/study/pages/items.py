"""The items: what is on the screen, and the answers to it."""

from collections.abc import Mapping, Sequence
from typing import Annotated

from fastapi import APIRouter, Depends, Request
from fastapi.responses import JSONResponse, Response

from latentclr.study.answers import Participant, Progress
from latentclr.study.order import Step
from latentclr.study.pages.forms import ANSWER, MILLISECONDS, milliseconds, only
from latentclr.study.pages.site import Site
from latentclr.study.pages.views import asked, files, panels, place
from latentclr.study.pages.visitor import form, taking_part
from latentclr.study.plan import Study


def routes(site: Site) -> APIRouter:
    """The addresses."""
    router = APIRouter()
    study, store = site.study, site.store
    Agreed = Annotated[Participant, Depends(taking_part(site))]  # noqa: N806
    Form = Annotated[dict[str, str], Depends(form)]  # noqa: N806

    @router.get("/item/{number}")
    def _(number: str, participant: Agreed, request: Request) -> Response:
        theirs = site.steps(participant)
        index = place(number, theirs)
        return site.page(
            "item.html",
            participant,
            number=index + 1,
            total=len(theirs),
            panels=panels(theirs[index], study),
            questions=asked(theirs[index], study, store.progress(participant.code).answers),
            back=_address(index - 1, theirs),
            onward=_address(index + 1, theirs),
            soon=[url for step in theirs[index + 1 : index + 2] for url in files(step)],
            missing=request.url.query == "missing",
        )

    @router.post("/item/{number}")
    def _(number: str, participant: Agreed, fields: Form, request: Request) -> Response:
        theirs = site.steps(participant)
        index = place(number, theirs)
        step = theirs[index]
        only(fields, MILLISECONDS, *(ANSWER + which for which in step.questions))
        took = milliseconds(fields)
        before = store.progress(participant.code)
        answers = _answers(fields, step, study, before)
        for which, value in answers.items():
            store.answer(participant.code, step.item, which, value, milliseconds=took)
        if "application/json" in request.headers.get("accept", ""):
            return JSONResponse({"saved": sorted(answers)}, headers={"cache-control": "no-store"})
        known = {which for item, which in before.answers if item == step.item} | set(answers)
        open_ = [which for which in step.questions if study.question(which).required and which not in known]
        return site.to(f"/item/{index + 1}?missing" if open_ else _address(index + 1, theirs))

    return router


def _address(index: int, theirs: Sequence[Step]) -> str:
    """Of the item at that place; before the first are the instructions, behind the last the thanks."""
    if index < 0:
        return "/instructions"
    return f"/item/{index + 1}" if index < len(theirs) else "/done"


def _answers(fields: Mapping[str, str], step: Step, study: Study, before: Progress) -> dict[str, str]:
    """What was answered, by question; all of it is allowed, so that it is stored as a whole.

    A free text that was left empty is no answer, unless it had been another one.

    Raises:
        InputError: this is no answer to that question.
    """
    given = {which: fields[ANSWER + which] for which in step.questions if ANSWER + which in fields}
    cleaned = {which: study.question(which).clean(value) for which, value in given.items()}
    return {which: value for which, value in cleaned.items() if value or (step.item, which) in before.answers}
