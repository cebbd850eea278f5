"""study.json: from a study to JSON values and back, everything checked."""

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar, get_args

from latentclr.errors import InputError
from latentclr.study.plan import FORMAT, STUDY, Checks, Method, Pair, Sides, Study, Unit, Way, is_picture
from latentclr.study.questions import Question

T = TypeVar("T")
_ID = re.compile(r"[a-z][a-z0-9_-]{0,39}")


def values(study: Study) -> dict[str, Any]:
    """Everything of a study but its folder and digest, as JSON values."""
    return {
        "format": FORMAT,
        "kind": "study",
        "title": study.title,
        "seed": study.seed,
        "unit": study.unit,
        "shown": study.shown,
        "per_participant": study.per_participant,
        "sides": study.sides,
        "checks": vars(study.checks),
        "generator": dict(study.generator),
        "questions": [
            {
                "id": q.id,
                "of": q.of,
                "text": q.text,
                "choices": [list(choice) for choice in q.choices],
                "limit": q.limit,
                "required": q.required,
            }
            for q in study.questions
        ],
        "methods": [
            {
                "name": method.name,
                "method": method.method,
                "sha256": method.sha256,
                "strength": method.strength,
                "slots": list(method.slots),
                "directions": [vars(way) for way in method.ways],
            }
            for method in study.methods
        ],
        "pairs": [[list(pair.first), list(pair.second)] for pair in study.pairs],
        "pictures": {
            "size": study.size,
            "bytes": study.total_bytes,
            "seeds": list(study.seeds),
            "originals": list(study.originals),
            "far": [list(two) for two in study.far],
        },
    }


def read(found: Mapping[str, Any], folder: Path, digest: str) -> Study:
    """A study from its JSON values.

    Raises:
        InputError: something is missing, of a wrong kind, or does not fit the rest.
    """
    try:
        study = _assemble(found, folder, digest)
        _check(study)
    except (KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
        reason = f"{error} is missing" if isinstance(error, KeyError) else " ".join(str(error).split())
        raise InputError(f"{folder / STUDY} is no whole study: {reason}; create the study again.") from error
    return study


def _assemble(found: Mapping[str, Any], folder: Path, digest: str) -> Study:
    pictures = found["pictures"]
    return Study(
        folder=folder,
        digest=digest,
        title=_text(found["title"]),
        seed=_whole(found["seed"]),
        unit=_one_of(get_args(Unit), found["unit"], "unit"),
        shown=_whole(found["shown"]),
        per_participant=None if found["per_participant"] is None else _whole(found["per_participant"]),
        sides=_one_of(get_args(Sides), found["sides"], "sides"),
        checks=Checks(**{name: _whole(count) for name, count in found["checks"].items()}),
        generator=dict(found["generator"]),
        size=_whole(pictures["size"]),
        total_bytes=_whole(pictures["bytes"]),
        seeds=_several(pictures["seeds"], _whole),
        originals=_several(pictures["originals"], _picture),
        far=_several(pictures["far"], _two),
        questions=_several(found["questions"], _question),
        methods=_several(found["methods"], _method),
        pairs=_several(found["pairs"], lambda pair: Pair(_two(pair[0]), _two(pair[1]))),
    )


def _check(study: Study) -> None:
    """What single values cannot show."""
    n = len(study.seeds)
    ways = [way for method in study.methods for way in method.ways]
    ids = [question.id for question in study.questions]
    names = [method.name for method in study.methods]
    wrong = {
        "shown": not 1 <= study.shown <= n,
        "per_participant": study.per_participant is not None and study.per_participant < 1,
        "checks": min(vars(study.checks).values()) < 0,
        "methods": not ways or len(set(names)) < len(names),
        "questions": not any(q.of == "item" and not q.free for q in study.questions)
        or len(set(ids)) < len(ids),
        "pictures": any(len(part) != n for way in ways for part in (way.minus, way.plus))
        or len(study.originals) != n
        or len(study.far) != n,
        "far": any(not 0 <= i < n for two in study.far for i in two),
        "pairs": any(
            not (0 <= m < len(study.methods) and 0 <= w < len(study.methods[m].ways))
            for pair in study.pairs
            for m, w in (pair.first, pair.second)
        ),
    }
    if faults := [name for name, is_wrong in wrong.items() if is_wrong]:
        raise ValueError(f"{', '.join(faults)} cannot be right")


def _question(found: Mapping[str, Any]) -> Question:
    choices = _several(found["choices"], lambda two: (_id(two[0]), _text(two[1])))
    if found["of"] not in ("item", "pair") or not isinstance(found["required"], bool):
        raise ValueError("a question is of no known kind")
    return Question(
        _id(found["id"]),
        found["of"],
        _text(found["text"]),
        choices,
        _whole(found["limit"]),
        found["required"],
    )


def _method(found: Mapping[str, Any]) -> Method:
    return Method(
        name=_text(found["name"]),
        method=_text(found["method"]),
        sha256=_text(found["sha256"]),
        strength=_text(found["strength"]),
        slots=_several(found["slots"], _whole),
        ways=_several(found["directions"], _way),
    )


def _way(found: Mapping[str, Any]) -> Way:
    return Way(
        index=_whole(found["index"]),
        label=_text(found["label"]),
        alpha=float(found["alpha"]),
        length=float(found["length"]),
        too_weak=bool(found["too_weak"]),
        minus=_several(found["minus"], _picture),
        plus=_several(found["plus"], _picture),
    )


def _several(found: object, one: Callable[[Any], T]) -> tuple[T, ...]:
    if not isinstance(found, list):
        raise TypeError("a list was expected")
    return tuple(one(value) for value in found)


def _one_of(known: tuple[Any, ...], value: object, name: str) -> Any:
    if value not in known:
        raise ValueError(f"{name} cannot be right")
    return value


def _whole(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(f"{value!r} is no whole number")
    return value


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{value!r} is no text")
    return value


def _id(value: object) -> str:
    if _ID.fullmatch(_text(value)) is None:
        raise ValueError(f"{value!r} is no id")
    return str(value)


def _picture(value: object) -> str:
    if not is_picture(_text(value)):
        raise ValueError(f"{value!r} is no picture")
    return str(value)


def _two(found: object) -> tuple[int, int]:
    first, second = _several(found, _whole)
    return first, second
