"""Requests that no participant's browser sends: data for `test_hostile`.

The values of the first list of each kind meet different lines of code; those of the second (MORE) are refused
by the same lines, or by the framework.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import TypeVar
from urllib.parse import quote

from tests.study.visiting import HOST, Answer, Visitor

from latentclr.study.answers import ALPHABET, CODE
from latentclr.study.pages.app import POLICY
from latentclr.study.pages.forms import FORM

T = TypeVar("T")


@dataclass(frozen=True)
class Attack:
    """A request.

    Attributes:
        target: as it is sent; "{picture}" is a picture of the study.
        who: sends it: "participant", "invited" (no consent yet), "stranger".
    """

    method: str
    target: str
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    who: str = "participant"

    def by(self, sender: Visitor, picture: str) -> Answer:
        return sender.ask(
            self.method, self.target.replace("{picture}", picture), headers=self.headers, body=self.body
        )


def post(target: str, body: str | bytes, *, who: str = "participant", **headers: str) -> Attack:
    """A form that is sent; of several headers of a name the last counts."""
    sent = {"content-type": FORM} | {name.replace("_", "-"): value for name, value in headers.items()}
    return Attack("POST", target, body.encode() if isinstance(body, str) else body, sent, who)


NAMES = [
    "../study.json", "..%2fstudy.json", "..%00/study.json", "..", "study.json", "%2fetc%2fpasswd",
    "{picture}.", "%ed%a0%80", "A" * 9000,
]  # fmt: skip
"""What is given where a name of a file, a code or a number belongs."""
MORE_NAMES = [
    "../../study.json", "..%2F..%2Fstudy.json", "%2e%2e/study.json", "%2e%2e%2fstudy.json",
    "..%252f..%252fstudy.json", "%252e%252e%252fstudy.json", "..%5cstudy.json", "..%5C..%5Cwindows%5Cwin.ini",
    "..\\study.json", "//etc/passwd", "....//....//etc/passwd", "..;/study.json",
    "%c0%ae%c0%ae%c0%afetc/passwd", "%u002e%u002e/study.json", "C:%5Cwindows%5Cwin.ini",
    "file:%2f%2f%2fetc%2fpasswd", "http:%2f%2fevil.example%2fx", "~root/.bashrc", "study.json%00.webp",
    "{picture}%00", "{picture}%00.png", "{picture}/../../study.json", "{picture}%2f..%2f..%2fstudy.json",
    "{picture}%20", "%20{picture}", "./{picture}", "{picture}/", "{picture}::$DATA", "answers.sqlite3",
    "consent.txt", "style.css", "script.js", ".", "%2e", "0" * 64 + ".webp", "%e2%80%ae{picture}",
    "%ef%bc%8e%ef%bc%8e%ef%bc%8fstudy.json", "%ff%fe", "%0d%0aset-cookie:%20a=b", "{{7*7}}", "*",
]  # fmt: skip

NUMBERS = ["0", "-1", "01", "1%20", "9" * 5000, "%d9%a1", "%c2%b2", "first"]
"""What is given for the number of an item."""
MORE_NUMBERS = [
    "-0", "00", "+1", "1.0", "1e0", "0x1", "0b1", "1_0", "%201", "1%0a", "1%00", "1,2", "1;2", "1%27",
    "999999", "9" * 25, "NaN", "inf", "null", "[1]", "%ef%bc%91", "%c2%bd", "1/2", "1%2f2",
]  # fmt: skip

ANSWERS = [
    "answer-obvious=YES", "answer-obvious=", "answer-obvious=yes%00", "answer-obvious=%ff",
    "answer-obvious=%27%3B+DROP+TABLE+answer%3B--", "answer-obvious=yes&answer-obvious=yes",
    "answer-obvious[]=yes", "answer-clearer=left", "answer-obvious=yes&participant=1",
    "answer-obvious=yes&answer-meaningful=perhaps", "answer-obvious=yes&answer-unknown=1", "answer-obvious",
    "&".join(f"f{i}=1" for i in range(40)), "answer-name=" + "a" * 81, "answer-name=" + "a" * 5000,
    "answer-obvious=yes&milliseconds=-1", "answer-obvious=yes&milliseconds=1e9",
    "answer-obvious=yes&milliseconds=" + "9" * 5000, "answer-obvious=yes&milliseconds=%d9%a1",
]  # fmt: skip
"""Forms for an item; nothing of them is stored, also where a part of it were right."""
MORE_ANSWERS = [
    "answer-obvious=+yes", "answer-obvious=1", "answer-obvious=null", "answer-obvious=perhaps",
    "answer-obvious=left", "answer-obvious=%ef%bd%99es", "answer-obvious=yes%E2%80%AE",
    "answer-obvious=yes%27--", "answer-obvious=%ed%a0%80", "answer-obvious=%c0%af", "answer-obvious=%zz",
    "answer-obvious=yes&answer-obvious=no", "answer-obvious[0]=yes", "answer-unknown=yes", "answer-=yes",
    "ANSWER-OBVIOUS=yes", "answer-obvious%00=yes", "answer-obvious=yes&item=d0-0", "=yes", "&", "&&&=",
    "answer-obvious=yes&&", "answer-obvious=yes;answer-meaningful=no", "answer-name=" + "%f0%9f%98%80" * 81,
    "answer-name=%ed%a0%80%ed%b0%80", "answer-name=%e2%28%a1", "answer-obvious=yes&milliseconds=",
    "answer-obvious=yes&milliseconds=NaN", "answer-obvious=yes&milliseconds=1.5",
    "answer-obvious=yes&milliseconds=" + "9" * 13, "answer-obvious=yes&milliseconds=1&milliseconds=2",
]  # fmt: skip

PART = b"--b\r\ncontent-disposition: form-data; "
BODIES = [
    (b'{"answer-obvious": "yes"}', "application/json"),
    (b"answer-obvious=yes", ""),
    (PART + b'name="a"; filename="../../x"\r\n\r\nyes\r\n--b--', "multipart/form-data; boundary=b"),
    ("answer-obvious=já".encode(), FORM),
    (b"answer-name=" + b"a" * POLICY.body, FORM),
]
MORE_BODIES = [
    (b"{" * 60000, "application/json"),
    (b"answer-obvious=yes", "\xff\xfe"),
    (PART + b'name="answer-obvious"\r\n\r\nyes\r\n--b--', "multipart/form-data; boundary=b"),
    (b"", "multipart/form-data"),
    (b"answer-obvious=\xff\xfe", FORM),
    (b"a" * (4 * POLICY.body), FORM),
]

CODES = [
    "", "' OR '1'='1", "a" * CODE, "a" * (CODE - 1), "a" * 60000, "\x00" * CODE, "\uff41" * CODE,
    "<script>alert(1)", "a\r\nset-cookie: x=y",
]  # fmt: skip
"""What is given for a code."""
MORE_CODES = [
    "'", "' OR 1=1 --", "'; DROP TABLE participant; --", '" OR ""="', "') UNION SELECT 1,2,3,4 --", "%",
    "%" * CODE, "_" * CODE, "*" * CODE, "2" * CODE, "0" * CODE, "l" * CODE, "a" * 25 + "\x00",
    "\u202e" + "a" * CODE, "\ufb01" * 13, "\U0001f600" * CODE, "null", "1", "-1", "../answers.sqlite3",
    "<script>alert(1)</script>", "{{7*7}}",
]  # fmt: skip

FOREIGN = [
    {"origin": "https://evil.example"},
    {"origin": f"http://{HOST}:81"},
    {"sec-fetch-site": "cross-site", "origin": f"http://{HOST}"},
]
HOSTS = ["", "evil.example"]
METHODS = ["PUT", "get"]
MORE_METHODS = ["DELETE", "PATCH", "OPTIONS", "TRACE", "CONNECT", "PROPFIND", "POST ", "X" * 500]

CONSENTS = [
    "", "agree=yes", "agree=yes&shown=", "agree=on&shown={shown}", "agree=yes&agree=yes&shown={shown}",
    "agree=yes&shown={shown}&code=x", "shown={shown}", "agree=no&shown={shown}", "agree=yes&shown=%00",
]  # fmt: skip
WITHDRAWALS = ["", "sure=no", "sure=yes&sure=yes", "sure=yes&code={other}", "sure=yes&participant=2"]
HEADERS = ["x-forwarded-host", "x-original-url", "x-rewrite-url", "x-http-method-override", "forwarded"]


def attacks(*, whole: bool) -> Iterator[tuple[str, Attack]]:
    """Attacks, each with a name for it: of each list the first part, or the whole list."""

    def of(few: list[T], more: list[T]) -> list[T]:
        return few + more if whole else few

    for place in ("/picture/", "/static/", "/j/", "/item/", "/"):
        for name in of(NAMES, MORE_NAMES):
            yield f"get {place}{name[:40]}", Attack("GET", place + name)
    for number in of(NUMBERS, MORE_NUMBERS):
        yield f"item {number[:30]}", Attack("GET", f"/item/{number}")
        yield f"answer to item {number[:30]}", post(f"/item/{number}", "answer-obvious=yes")
    for form in of(ANSWERS, MORE_ANSWERS):
        yield f"form {form[:50]}", post("/item/{number}", form)
    for form in of(ANSWERS[:1], ANSWERS[1:] + MORE_ANSWERS):
        yield f"form as script {form[:50]}", post("/item/{number}", form, accept="application/json")
    for i, (body, kind) in enumerate(of(BODIES, MORE_BODIES)):
        for place in ("/item/{number}", "/enter", "/consent", "/withdraw"):
            yield f"body {i} to {place}", Attack("POST", place, body, {"content-type": kind})
    for i, code in enumerate(of(CODES, MORE_CODES)):
        yield f"code {i}", post("/enter", "code=" + quote(code), who="stranger")
        yield f"cookie {i}", post("/item/1", "answer-obvious=yes", cookie="{cookie}=" + quote(code))
        if code and "/" not in code and not set(code) <= set(ALPHABET):
            yield f"link {i}", Attack("GET", "/j/" + quote(code), who="stranger")
    for i, headers in enumerate(FOREIGN):
        for place, form in (
            ("/item/{number}", "answer-obvious=yes"),
            ("/withdraw", "sure=yes"),
            ("/consent", "agree=yes"),
        ):
            yield f"from another page {i} {place}", post(place, form, **headers)
    for host in HOSTS:
        yield f"host {host!r}", post("/item/{number}", "answer-obvious=yes", host=host)
        yield f"host {host!r}, reading", Attack("GET", "/item/1", headers={"host": host})
    for method in of(METHODS, MORE_METHODS):
        for place in ("/item/{number}", "/withdraw", "/picture/{picture}", "/"):
            sent = post(place, "answer-obvious=yes")
            yield f"{method[:20]} {place}", replace(sent, method=method)
    for place in ("/", "/go", "/done", "/instructions", "/j/abc", "/picture/{picture}", "/robots.txt"):
        yield f"post {place}", post(place, "answer-obvious=yes")
    yield "get /enter", Attack("GET", "/enter?code=abc")
    for who in ("invited", "stranger"):
        yield f"answer of {who}", post("/item/1", "answer-obvious=yes", who=who)
        yield f"withdrawal of {who}", post("/withdraw", "sure=yes", who=who)
        for form in CONSENTS:
            yield f"consent of {who}: {form}", post("/consent", form, who=who)
    for form in WITHDRAWALS:
        yield f"withdrawal {form}", post("/withdraw", form)
    for name in of([], HEADERS):
        yield f"header {name}", Attack("GET", "/nothing", headers={name: "/../study.json\x7f"})
    yield "long header", Attack("GET", "/nothing", headers={"accept": "a" * 60000})
    yield "long query", Attack("GET", "/nothing?" + "a=b&" * 20000)
    for name, cookie in (
        ("long cookie", "a=" + "b" * 60000),
        ("many cookies", ";".join(f"c{i}=1" for i in range(5000))),
        ("odd cookies", '=;;;==;"\xff;{cookie};{cookie}="a\\"'),
    ):
        yield name, post("/item/1", "answer-obvious=yes", cookie=cookie)
    for length in of(["-1", ""], ["abc", "1e3", "9" * 30, "+5"]):
        yield f"length {length}", post("/item/{number}", "answer-obvious=yes", content_length=length)


FEW, ALL = dict(attacks(whole=False)), dict(attacks(whole=True))
