"""The tables of a report as CSV."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any

from latentclr.study.order import Panel
from latentclr.study.plan import Study
from latentclr.study.preference import FIRST, SECOND, preferred
from latentclr.study.responses import Response, Responses
from latentclr.tables import Cell, csv_text

Row = dict[str, Cell]

_ANSWER_COLUMNS = (
    "participant kept position item kind method direction label left_is other_method other_direction "
    "other_label pictures question answer prefers milliseconds revisions"
)
_DIRECTION_COLUMNS = (
    "group method direction label alpha length too_weak question yes maybe no missing share_yes "
    "share_yes_low share_yes_high share_not_no share_not_no_low share_not_no_high names"
)
_PARTICIPANT_COLUMNS = (
    "participant kept asked answered finished checks right wrong repeated same seconds longest "
    "straight revisions"
)
_COMPLETED_COLUMNS = "completion kept"
_PREFERENCE_COLUMNS = (
    "group kind first second question wins losses ties missing value low high wilson_low wilson_high "
    "people_first people_second people_neither p p_holm p_answers"
)


def csv_tables(
    responses: Responses, summary: Mapping[str, Any], completed: Mapping[str, bool]
) -> dict[str, bytes]:
    """The tables of a report, by the names of their files.

    answers.csv has every question that was asked, answered or not; directions.csv a row for each direction
    and question; participants.csv a row for each participant; preferences.csv a row for every two runs: which
    was preferred ("preference"), which got more Yes ("contrast"). completed.csv has completion codes for
    whoever pays participants, in alphabetical order and without numbers, so that they lead to no answers.

    Args:
        responses: of all participants.
        summary: what summary.json holds.
        completed: whether a participant who answered everything is kept, by their completion code.
    """
    kept = {one["participant"] for one in summary["participants"] if one["kept"]}
    codes: list[Row] = [{"completion": code, "kept": completed[code]} for code in sorted(completed)]
    return {
        "answers.csv": _table(
            _ANSWER_COLUMNS, (_answer(responses.study, row, kept) for row in responses.rows)
        ),
        "directions.csv": _table(_DIRECTION_COLUMNS, _directions(summary)),
        "participants.csv": _table(_PARTICIPANT_COLUMNS, summary["participants"]),
        "completed.csv": _table(_COMPLETED_COLUMNS, codes),
        "preferences.csv": _table(_PREFERENCE_COLUMNS, _preferences(summary)),
    }


def _answer(study: Study, row: Response, kept: Collection[int]) -> Row:
    panels = row.step.panels
    cells: Row = {
        "participant": row.participant,
        "kept": row.participant in kept,
        "position": row.position,
        "item": row.step.item,
        "kind": row.step.kind,
        **_panel(study, panels[0], ""),
        **(_panel(study, panels[1], "other_") if len(panels) > 1 else {}),
        "pictures": " ".join(str(study.pictures.seeds[i]) for i in panels[0].pictures),
        "question": row.question,
        "answer": row.value,
        "milliseconds": row.milliseconds,
        "revisions": row.revisions if row.value is not None else None,
    }
    if panels[0].place is not None:
        cells["left_is"] = "plus" if panels[0].flipped else "minus"
    if row.step.pair is not None:
        pair, winner = study.pairs[row.step.pair], preferred(row)
        names = {FIRST: pair.first, SECOND: pair.second}
        cells["prefers"] = study.runs[names[winner].run].name if winner in names else winner
    return cells


def _panel(study: Study, panel: Panel, prefix: str) -> Row:
    if panel.place is None:
        return {}
    direction = study.direction(panel.place)
    return {
        f"{prefix}method": study.runs[panel.place.run].name,
        f"{prefix}direction": direction.index,
        f"{prefix}label": direction.label,
    }


def _directions(summary: Mapping[str, Any]) -> Iterator[Row]:
    for group, found in summary["groups"].items():
        for one in found["directions"]:
            for question, grade in one["grades"].items():
                yield {
                    "group": group,
                    "method": summary["methods"][one["method"]]["name"],
                    "direction": one["index"],
                    **{name: one[name] for name in ("label", "alpha", "length", "too_weak")},
                    "question": question,
                    **{name: grade[name] for name in ("yes", "maybe", "no", "missing")},
                    **_spread("share_yes", grade["share_yes"]),
                    **_spread("share_not_no", grade["share_not_no"]),
                    "names": " | ".join(f"{name['name']} ({name['times']})" for name in one["names"]),
                }


def _preferences(summary: Mapping[str, Any]) -> Iterator[Row]:
    names = [method["name"] for method in summary["methods"]]
    for group, found in summary["groups"].items():
        for kind in ("preferences", "contrasts"):
            for one in found[kind]:
                value = one["share"] if kind == "preferences" else one["difference"]
                people = dict(zip(("first", "second", "neither"), one["people"], strict=True))
                wilson = one.get("independent") or {}
                yield {
                    "group": group,
                    "kind": kind.removesuffix("s"),
                    "first": names[one["first"]],
                    "second": names[one["second"]],
                    "question": one.get("question", "clearer"),
                    **{name: one.get(name) for name in ("wins", "losses", "ties", "missing")},
                    **{end: (value or {}).get(end) for end in ("value", "low", "high")},
                    **{f"wilson_{end}": wilson.get(end) for end in ("low", "high")},
                    **{f"people_{name}": number for name, number in people.items()},
                    "p": one["p"],
                    "p_holm": one["corrected"],
                    "p_answers": one.get("p_answers"),
                }


def _spread(name: str, quantity: Mapping[str, Any] | None) -> Row:
    found = quantity or {}
    return {name: found.get("value"), f"{name}_low": found.get("low"), f"{name}_high": found.get("high")}


def _table(columns: str, rows: Iterable[Mapping[str, Cell]]) -> bytes:
    r"""Rows as CSV (RFC 4180, UTF-8); what a row lacks is empty.

    >>> _table("a b c", [{"b": 1, "c": True}])
    b'a,b,c\r\n,1,yes\r\n'

    Args:
        columns: their names with spaces between, in order.
        rows: cells by column.
    """
    names = columns.split()
    cells = [[_readable(row.get(name)) for name in names] for row in rows]
    return csv_text([names, *cells], line_end="\r\n").encode()


def _readable(cell: Cell) -> Cell:
    if isinstance(cell, bool):
        return "yes" if cell else "no"
    return round(cell, 6) if isinstance(cell, float) else cell
