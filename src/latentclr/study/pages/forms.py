"""What a form sends, read strictly: what a page of ours cannot have sent raises `RefusedError`."""

import re
from collections.abc import Mapping
from urllib.parse import parse_qsl

from latentclr.study.answers import ALPHABET, CODE, UnknownCodeError

FORM = "application/x-www-form-urlencoded"
MAX_FIELDS = 32
ANSWER = "answer-"
"""The name of a question's field is this and the question's id."""
MILLISECONDS = "milliseconds"

_NUMBER = re.compile(r"[0-9]{1,12}")


class RefusedError(Exception):
    """A request that is answered with a sentence.

    Attributes:
        status: of the answer.
    """

    def __init__(self, status: int, sentence: str) -> None:
        super().__init__(sentence)
        self.status = status


def parse(body: bytes, content_type: str) -> dict[str, str]:
    """The fields of a form, each of which may only occur once.

    Args:
        body: what was sent.
        content_type: its declared type.
    """
    if content_type.partition(";")[0].strip().lower() != FORM:
        raise RefusedError(415, "Answers are sent by the forms of these pages; load the page again.")
    try:
        pairs = parse_qsl(
            body.decode("ascii"),
            keep_blank_values=True,
            strict_parsing=bool(body),
            encoding="utf-8",
            errors="strict",
            max_num_fields=MAX_FIELDS,
        )
    except ValueError:  # also what is no ASCII or no UTF-8
        raise RefusedError(400, "What was sent is no form of these pages; load the page again.") from None
    fields = dict(pairs)
    if len(fields) < len(pairs):
        raise RefusedError(400, "A field was sent twice; load the page again.")
    return fields


def only(fields: Mapping[str, str], *names: str) -> Mapping[str, str]:
    """The fields themselves, if they have no other names than these.

    Args:
        fields: of a form.
        names: that are allowed.
    """
    if not set(fields) <= set(names):
        raise RefusedError(400, "What was sent does not belong to this page; load the page again.")
    return fields


def milliseconds(fields: Mapping[str, str]) -> int | None:
    """How long the answer took; None: the page did not measure it."""
    text = fields.get(MILLISECONDS)
    if text is None:
        return None
    if _NUMBER.fullmatch(text) is None:
        raise RefusedError(400, "The time that was sent is no number; load the page again.")
    return int(text)


def code_of(text: str) -> str:
    """A code as it is stored in a cookie; spaces, dashes and capitals make no difference.

    Raises:
        UnknownCodeError: a code does not look like that.
    """
    plain = "".join(text[: 4 * CODE].lower().replace("-", "").split())
    if len(plain) != CODE or not set(plain) <= set(ALPHABET):
        raise UnknownCodeError
    return plain


def grouped(code: str) -> str:
    """A code as people read and type it.

    >>> grouped("abcdefghjk")
    'abcd-efgh-jk'
    """
    return "-".join(code[i : i + 4] for i in range(0, len(code), 4))


def sentence(error: Exception) -> str:
    """The message of an error as a sentence of a page, with a capital."""
    text = str(error)
    return text[:1].upper() + text[1:]
