"""A study is read whole or refused with a sentence, and shows no file but its pictures."""

import json
import random
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from latentclr import InputError
from latentclr.study.plan import PICTURES, STUDY, Study
from latentclr.study.questions import Question, plain, usual_questions


@pytest.fixture(scope="module")
def study(study_of: Callable[..., Study]) -> Study:
    return study_of(2, 2, names=True, preference=2)


def test_what_is_written_is_read(study: Study) -> None:
    again = Study.open(study.folder)
    assert again.to_json() == study.to_json() == (study.folder / STUDY).read_bytes()
    assert again.digest == study.digest
    assert [question.id for question in again.questions] == ["obvious", "meaningful", "name", "clearer"]
    assert "agree" in again.consent
    assert "middle" in again.instructions
    again.verify()


def test_every_picture_of_the_folder_can_be_shown_and_nothing_else(study: Study) -> None:
    files = {path.name for path in (study.folder / PICTURES).iterdir()}
    assert study.picture_names == files
    assert all(study.picture(name).is_file() for name in files)
    for name in ("../study.json", "", "study.json", "0" * 64 + ".webp", "/etc/passwd", "..", "a\0.webp"):
        with pytest.raises(InputError, match="no such picture"):
            study.picture(name)


def test_a_folder_without_a_study(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="give a folder that `latentclr study create` made"):
        Study.open(tmp_path)
    with pytest.raises(InputError, match="there is no study at"):
        Study.open(tmp_path / "nowhere")


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "is damaged"),
        (b"[" * 100_000, "is damaged"),
        (b"\xff\xfe", "is damaged"),
        (b"[]", "None of format None"),
        (b'{"kind": "study", "format": 2}', "reads studies of format 1"),
        (b'{"kind": "evaluation", "format": 1}', "'evaluation' of format 1"),
        (b'{"kind": "study", "format": 1}', "study.json is damaged: title: field required; create"),
    ],
)
def test_what_is_no_study_is_refused(tmp_path: Path, data: bytes, message: str) -> None:
    (tmp_path / STUDY).write_bytes(data)
    with pytest.raises(InputError, match=message):
        Study.open(tmp_path)


def changed(study: Study, *path: str | int, to: Any) -> bytes:
    found = json.loads(study.to_json())
    inner = found
    for step in path[:-1]:
        inner = inner[step]
    inner[path[-1]] = to
    return json.dumps(found).encode()


@pytest.mark.parametrize(
    ("path", "to", "message"),
    [
        (
            ("methods", 0, "directions", 1, "alpha"),
            "1",
            "methods.0.directions.1.alpha: input should be a valid",
        ),
        (("pictures", "originals", 0), "../../secret", "pictures.originals.0: string should match"),
        (("methods", 0, "directions", 0, "plus"), [], "pictures must all be as many as seeds"),
        (("pictures", "far", 0), [0, 99], "far must have numbers of pictures"),
        (("shown",), 7, "shown must be at most the number of pictures"),
        (("shown",), True, "shown: input should be a valid integer"),
        (("unit",), "page", "unit: input should be 'direction' or 'picture'"),
        (("sides",), None, "sides: input should be 'random' or 'fixed'"),
        (("checks", "same"), -1, "checks must be 0 or more"),
        (("checks", "other"), 1, "checks.other: unexpected keyword"),
        (("pairs", 0), [[0, 0], [5, 0]], "pairs must have numbers of methods and of their directions"),
        (("methods", 1, "name"), "run 0", "methods must have names that differ"),
        (("methods",), [], "methods must have directions"),
        (("methods",), {}, "methods: input should be a valid"),
        (("questions", 0, "id"), "<script>", "questions.0.id: string should match"),
        (("questions", 1, "id"), "obvious", "questions must have ids that differ"),
        (("questions", 0, "of"), "me", "questions.0.of: input should be 'item' or 'pair'"),
        (("title",), 3, "title: input should be a valid string"),
    ],
)
def test_a_study_that_was_changed_into_none_is_refused(
    study: Study, tmp_path: Path, path: tuple[str | int, ...], to: object, message: str
) -> None:
    with pytest.raises(InputError, match=message):
        Study.parse(changed(study, *path, to=to), tmp_path)


def test_no_damage_is_anything_but_a_sentence(study: Study, tmp_path: Path) -> None:
    whole, rng = (study.folder / STUDY).read_bytes(), random.Random(0)
    for _ in range(300):
        damaged = bytearray(whole)
        for _ in range(rng.randrange(1, 4)):
            damaged[rng.randrange(len(damaged))] = rng.randrange(256)
        try:
            found = Study.parse(bytes(damaged), tmp_path)
        except InputError:
            continue
        assert all(re.fullmatch(r"[0-9a-f]{64}\.webp", name) for name in found.picture_names)


def test_a_picture_that_is_another_one_is_found(study: Study, tmp_path: Path) -> None:
    copy = Study.open(shutil.copytree(study.folder, tmp_path / "copy"))
    one, other = sorted(copy.picture_names)[:2]
    copy.picture(one).write_bytes(copy.picture(other).read_bytes())
    with pytest.raises(InputError, match=f"{one} is damaged"):
        copy.verify()
    copy.picture(one).unlink()
    with pytest.raises(InputError, match=f"{one} is missing"):
        copy.verify()


def test_a_text_that_is_none_is_told(study: Study, tmp_path: Path) -> None:
    copy = Study.open(shutil.copytree(study.folder, tmp_path / "copy"))
    (copy.folder / "consent.txt").write_bytes(b"\xff\xff")
    with pytest.raises(InputError, match=r"consent.txt cannot be read as text"):
        _ = copy.consent
    with pytest.raises(InputError, match="does not ask 'age'; it asks obvious, meaningful, name, clearer"):
        copy.question("age")


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("  big   smile ", "big smile"),
        ("", ""),
        ("\x00\x07\u200b\u202eevil\ufeff", "evil"),
        ("line\nbreak\ttab", "line break tab"),
        ("e\u0301", "\u00e9"),
        ("笑顔 😀", "笑顔 😀"),
    ],
)
def test_free_text_is_one_line_without_what_one_cannot_see(given: str, kept: str) -> None:
    assert Question("name", "item", "?", limit=20).clean(given) == kept == plain(given)


def test_answers_that_are_none_are_refused() -> None:
    graded = usual_questions(name=False, preference=False)[0]
    assert graded.clean("maybe") == "maybe"
    for value in ("Yes", "", "yes ", "1"):
        with pytest.raises(InputError, match="this is no answer to 'obvious'; answers are yes, maybe, no"):
            graded.clean(value)
    free = Question("name", "item", "?", limit=5)
    with pytest.raises(InputError, match="the text has 6 characters; up to 5 are kept"):
        free.clean("smiles")
    with pytest.raises(InputError, match="too long"):
        free.clean("x" * 1_000_000)
