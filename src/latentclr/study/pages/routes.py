"""Every address of a study: start, consent, instructions, items, thanks, withdrawal, and files."""

import re
from collections.abc import Mapping, Sequence
from typing import Annotated

from fastapi import APIRouter, Depends, Request
from fastapi.responses import JSONResponse, Response
from starlette.requests import ClientDisconnect

from latentclr.errors import InputError
from latentclr.study.answers import NoConsentError, Participant, Progress, UnknownCodeError, completion_code
from latentclr.study.order import Step
from latentclr.study.pages.forms import (
    ANSWER,
    MILLISECONDS,
    RefusedError,
    code_of,
    grouped,
    milliseconds,
    only,
    parse,
    sentence,
)
from latentclr.study.pages.site import NOT_KEPT, Site
from latentclr.study.plan import Study

LISTED = 20
"""Unanswered items that the last page lists."""
FOREVER = {"cache-control": "public, max-age=31536000, immutable"}
"""For files whose names change with their contents."""

router = APIRouter()


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


@router.get("/")
def _start(site: CurrentSite, participant: Visitor) -> Response:
    return _start_page(site, participant)


@router.get("/j/{code}")
def _personal_link(site: CurrentSite, code: str) -> Response:
    """The start page with a code to confirm, so that programs that check links change nothing."""
    try:
        return _start_page(site, linked=grouped(code_of(code)))
    except UnknownCodeError as error:
        return _start_page(site, problem=sentence(error))


@router.post("/enter")
def _enter(site: CurrentSite, fields: Form) -> Response:
    try:
        participant = site.store.join(code_of(only(fields, "code").get("code", "")))
    except UnknownCodeError as error:
        return _start_page(site, problem=sentence(error))
    return site.remember(participant, site.redirect("/go"))


@router.get("/go")
def _go_on(site: CurrentSite, participant: Consenting) -> Response:
    progress = site.store.progress(participant.code)
    return site.redirect(_next(progress) if progress.answers else "/instructions")


@router.get("/consent")
def _consent_form(site: CurrentSite, participant: Visitor) -> Response:
    if participant is None and not site.open_to_all:
        return site.redirect("/")
    if participant is not None and participant.consented:
        return site.redirect("/go")
    return _consent_page(site, participant)


@router.post("/consent")
def _consent(site: CurrentSite, participant: Visitor, fields: Form) -> Response:
    """Agree to take part; somebody without a code becomes a participant."""
    only(fields, "agree", "shown")
    if participant is None and not site.open_to_all:
        raise RefusedError(401, "Please enter your code first.")
    if fields.get("shown") != site.consent_digest:
        return _consent_page(site, participant, "The text has been changed; please read it again.", 409)
    if fields.get("agree") != "yes":
        return _consent_page(site, participant, "Without your consent the study cannot begin.", 400)
    joined = participant or site.store.join()
    site.store.consent(joined.code, site.consent)
    return site.remember(joined, site.redirect("/go"))


@router.get("/instructions")
def _instructions(site: CurrentSite, participant: Consenting) -> Response:
    progress = site.store.progress(participant.code)
    questions = [site.study.question(one) for one in site.steps(participant)[0].questions]
    return site.page(
        "instructions.html",
        participant,
        instructions=site.instructions,
        questions=[question for question in questions if not question.free],
        onward=_next(progress),
        begun=bool(progress.answers),
    )


@router.get("/item/{number}")
def _item(site: CurrentSite, number: str, participant: Consenting, request: Request) -> Response:
    steps = site.steps(participant)
    index = _index(number, steps)
    step = steps[index]
    given = dict.fromkeys(step.questions) | site.store.progress(participant.code).of(step.item)
    return site.page(
        "item.html",
        participant,
        number=index + 1,
        total=len(steps),
        panels=[panel.rows for panel in step.panels],
        questions=[site.study.question(one) for one in step.questions],
        given=given,
        back=_address(index - 1, steps),
        onward=_address(index + 1, steps),
        soon=_picture_addresses(steps[index + 1]) if index + 1 < len(steps) else [],
        missing=request.url.query == "missing",
    )


@router.post("/item/{number}")
def _answer(
    site: CurrentSite, number: str, participant: Consenting, fields: Form, request: Request
) -> Response:
    steps, study, store = site.steps(participant), site.study, site.store
    index = _index(number, steps)
    step = steps[index]
    only(fields, MILLISECONDS, *(ANSWER + question for question in step.questions))
    took = milliseconds(fields)
    before = store.progress(participant.code).of(step.item)
    answers = _answers(fields, step, study, before)
    for question, value in answers.items():
        store.answer(participant.code, step.item, question, value, milliseconds=took)
    if "application/json" in request.headers.get("accept", ""):
        return JSONResponse({"saved": sorted(answers)}, headers=NOT_KEPT)
    known = before | answers
    missing = [one for one in step.questions if study.question(one).required and one not in known]
    return site.redirect(f"/item/{index + 1}?missing" if missing else _address(index + 1, steps))


@router.get("/done")
def _done(site: CurrentSite, participant: Consenting) -> Response:
    steps, progress = site.steps(participant), site.store.progress(participant.code)
    left = [number for number, step in enumerate(steps, 1) if step.item not in progress.done]
    return site.page(
        "done.html",
        participant,
        left=left[:LISTED],
        more=max(0, len(left) - LISTED),
        total=len(steps),
        completion=None if left else completion_code(site.study, participant.key),
    )


@router.get("/withdraw")
def _withdrawal_form(site: CurrentSite, participant: Consenting) -> Response:
    return site.page("withdraw.html", participant)


@router.post("/withdraw")
def _withdraw(site: CurrentSite, participant: Consenting, fields: Form) -> Response:
    if only(fields, "sure").get("sure") != "yes":
        raise RefusedError(400, "Please say that you are sure.")
    site.store.withdraw(participant.code)
    return site.forget(site.page("withdrawn.html"))


@router.get("/picture/{name}")
def _picture(site: CurrentSite, name: str) -> Response:
    """A picture of the study: its name is looked up, never made a path."""
    try:
        data = site.study.picture(name).read_bytes()
    except (InputError, OSError):
        raise RefusedError(404, "There is no such picture.") from None
    return Response(data, headers=FOREVER, media_type="image/webp")


@router.get("/static/{name}")
def _static(site: CurrentSite, name: str) -> Response:
    if name not in site.assets:
        raise RefusedError(404, "There is no such file.")
    data, media_type = site.assets[name]
    return Response(data, headers=FOREVER, media_type=media_type)


@router.get("/robots.txt")
async def _robots() -> Response:
    return Response("User-agent: *\nDisallow: /\n", media_type="text/plain")


def _start_page(
    site: Site, participant: Participant | None = None, *, linked: str = "", problem: str = ""
) -> Response:
    return site.page(
        "start.html",
        participant,
        status=404 if problem else 200,
        linked=linked,
        open=site.open_to_all,
        minutes=site.minutes,
        problem=problem,
    )


def _consent_page(
    site: Site, participant: Participant | None, problem: str = "", status: int = 200
) -> Response:
    text = {"consent": site.consent, "shown": site.consent_digest, "problem": problem}
    return site.page("consent.html", participant, status=status, **text)


def _next(progress: Progress) -> str:
    """The address of the first item that is not done."""
    return "/done" if progress.next is None else f"/item/{progress.next + 1}"


def _index(number: str, steps: Sequence[Step]) -> int:
    index = int(number) - 1 if re.fullmatch("[1-9][0-9]{0,5}", number) else -1
    if not 0 <= index < len(steps):
        raise RefusedError(404, f"There is no such page; there are {len(steps)} items.")
    return index


def _picture_addresses(step: Step) -> list[str]:
    """The addresses of all pictures of an item, so that a browser can load them early."""
    names = dict.fromkeys(name for panel in step.panels for row in panel.rows for name in row)
    return [f"/picture/{name}" for name in names]


def _address(index: int, steps: Sequence[Step]) -> str:
    """The address of an item; before the first are the instructions, behind the last the thanks."""
    if index < 0:
        return "/instructions"
    return f"/item/{index + 1}" if index < len(steps) else "/done"


def _answers(
    fields: Mapping[str, str], step: Step, study: Study, before: Mapping[str, str]
) -> dict[str, str]:
    """The answers by question; an error in one of them is raised before any is stored.

    An empty free text is no answer, unless it replaces one.
    """
    given = {one: fields[ANSWER + one] for one in step.questions if ANSWER + one in fields}
    cleaned = {question: study.question(question).clean(value) for question, value in given.items()}
    return {question: value for question, value in cleaned.items() if value or question in before}
