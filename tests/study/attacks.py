"""Requests that no participant's browser sends, by the hundred: data for `test_hostile`."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from urllib.parse import quote

from tests.study.visiting import HOST, Answer, Visitor

from latentclr.study.answers import ALPHABET, CODE
from latentclr.study.pages.forms import FORM
from latentclr.study.server import BODY


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
    "../study.json", "../../study.json", "..%2fstudy.json", "..%2F..%2Fstudy.json", "%2e%2e/study.json",
    "%2e%2e%2fstudy.json", "..%252f..%252fstudy.json", "%252e%252e%252fstudy.json", "..%5cstudy.json",
    "..%5C..%5Cwindows%5Cwin.ini", "..\\study.json", "/etc/passwd", "%2fetc%2fpasswd", "//etc/passwd",
    "....//....//etc/passwd", "..;/study.json", "%c0%ae%c0%ae%c0%afetc/passwd", "%u002e%u002e/study.json",
    "C:%5Cwindows%5Cwin.ini", "file:%2f%2f%2fetc%2fpasswd", "http:%2f%2fevil.example%2fx", "~root/.bashrc",
    "..%00/study.json", "study.json%00.webp", "{picture}%00", "{picture}%00.png",
    "{picture}/../../study.json", "{picture}%2f..%2f..%2fstudy.json", "{picture}.", "{picture}%20",
    "%20{picture}", "./{picture}", "{picture}/", "{picture}::$DATA", "answers.sqlite3", "study.json",
    "consent.txt", "style.css", "script.js", ".", "..", "%2e", "0" * 64 + ".webp", "A" * 9000,
    "%e2%80%ae{picture}", "%ef%bc%8e%ef%bc%8e%ef%bc%8fstudy.json", "%ed%a0%80", "%ff%fe",
    "%0d%0aset-cookie:%20a=b", "{{7*7}}", "${7*7}", "*", "[a-z]*",
]  # fmt: skip
"""What is given where a name of a file, a code or a number belongs."""

NUMBERS = [
    "0", "-1", "-0", "00", "01", "+1", "1.0", "1e0", "0x1", "0b1", "1_0", "1%20", "%201", "1%0a", "1%00",
    "1,2", "1;2", "1%27", "999999", "9" * 25, "9" * 5000, "-" + "9" * 25, "NaN", "inf", "null", "true",
    "None", "[1]", "%d9%a1", "%ef%bc%91", "%c2%bd", "%c2%b2", "1/2", "1%2f2", "first",
]  # fmt: skip
"""What is given for the number of an item."""

ANSWERS = [
    "answer-obvious=YES", "answer-obvious=", "answer-obvious=+yes", "answer-obvious=yes%00",
    "answer-obvious=1", "answer-obvious=null", "answer-obvious=perhaps", "answer-obvious=left",
    "answer-obvious=%ef%bd%99es", "answer-obvious=yes%E2%80%AE", "answer-obvious=yes%27--",
    "answer-obvious=%27%3B+DROP+TABLE+answer%3B--", "answer-obvious=%ed%a0%80", "answer-obvious=%ff",
    "answer-obvious=%c0%af", "answer-obvious=%zz", "answer-obvious=yes&answer-obvious=no",
    "answer-obvious=yes&answer-obvious=yes", "answer-obvious[]=yes", "answer-obvious[0]=yes",
    "answer-unknown=yes", "answer-=yes", "obvious=yes", "ANSWER-OBVIOUS=yes", "answer-clearer=left",
    "answer-obvious%00=yes", "__proto__=yes", "answer-obvious=yes&participant=1",
    "answer-obvious=yes&item=d0-0", "answer-obvious=yes&code=abc",
    "answer-obvious=yes&answer-meaningful=perhaps", "answer-obvious=yes&answer-unknown=1", "answer-obvious",
    "=yes", "&", "&&&=", "answer-obvious=yes&&", "answer-obvious=yes;answer-meaningful=no",
    "&".join(f"f{i}=1" for i in range(40)), "answer-name=" + "a" * 81, "answer-name=" + "a" * 5000,
    "answer-name=" + "%f0%9f%98%80" * 81, "answer-name=%ed%a0%80%ed%b0%80", "answer-name=%e2%28%a1",
    "answer-obvious=yes&milliseconds=-1", "answer-obvious=yes&milliseconds=1e9",
    "answer-obvious=yes&milliseconds=", "answer-obvious=yes&milliseconds=NaN",
    "answer-obvious=yes&milliseconds=1.5", "answer-obvious=yes&milliseconds=" + "9" * 13,
    "answer-obvious=yes&milliseconds=" + "9" * 5000, "answer-obvious=yes&milliseconds=%d9%a1",
    "answer-obvious=yes&milliseconds=1&milliseconds=2",
]  # fmt: skip
"""Forms for an item; nothing of them is stored, also where a part of it were right."""

PART = b"--b\r\ncontent-disposition: form-data; "

BODIES = [
    (b'{"answer-obvious": "yes"}', "application/json"),
    (b'["answer-obvious", "yes"]', "application/json"),
    (b"{" * 60000, "application/json"),
    (b"answer-obvious=yes", "text/plain"),
    (b"answer-obvious=yes", ""),
    (b"answer-obvious=yes", "application/x-www-form-urlencoded-not"),
    (b"answer-obvious=yes", "\xff\xfe"),
    (b"<?xml version='1.0'?><!DOCTYPE a [<!ENTITY x SYSTEM 'file:///etc/passwd'>]><a>&x;</a>", "text/xml"),
    (PART + b'name="answer-obvious"\r\n\r\nyes\r\n--b--', "multipart/form-data; boundary=b"),
    (PART + b'name="a"; filename="../../x"\r\n\r\nyes\r\n--b--', "multipart/form-data; boundary=b"),
    (b"", "multipart/form-data"),
    (b"\x80\x04\x95", "application/octet-stream"),
    ("answer-obvious=já".encode(), FORM),
    (b"answer-obvious=\xff\xfe", FORM),
    (b"\x00" * 100, FORM),
    (b"\x1f\x8b\x08\x00answer-obvious=yes", FORM),
    (b"answer-name=" + b"a" * BODY, FORM),
    (b"a" * (4 * BODY), FORM),
]  # fmt: skip

CODES = [
    "", "'", "' OR '1'='1", "' OR 1=1 --", "'; DROP TABLE participant; --", '" OR ""="',
    "') UNION SELECT 1,2,3,4 --", "%", "%" * CODE, "_" * CODE, "*" * CODE, "a" * CODE, "2" * CODE,
    "0" * CODE, "l" * CODE, "a" * (CODE - 1), "a" * 60000, "\x00" * CODE, "a" * 25 + "\x00",
    "\u202e" + "a" * CODE, "\uff41" * CODE, "\ufb01" * 13, "\U0001f600" * CODE, "null", "1", "-1",
    "../answers.sqlite3", "<script>alert(1)</script>", "{{7*7}}", "a\r\nset-cookie: x=y",
]  # fmt: skip
"""What is given for a code."""

FOREIGN = [
    {"origin": "https://evil.example"},
    {"origin": "null"},
    {"origin": f"http://{HOST}.evil.example"},
    {"origin": f"http://{HOST}:81"},
    {"origin": f"ftp://{HOST}"},
    {"origin": f"http://user@{HOST}"},
    {"origin": ""},
    {"sec-fetch-site": "cross-site"},
    {"sec-fetch-site": "same-site"},
    {"sec-fetch-site": "cross-site", "origin": f"http://{HOST}"},
    {"sec-fetch-site": "nonsense"},
    {"origin": "https://evil.example", "sec-fetch-site": "same-origin"},
]

HOSTS = [
    "", "evil.example", f"{HOST}.evil.example", f"evil.example:{HOST}", f"{HOST}@evil.example",
    f"{HOST}:80:80", f"{HOST} evil.example", "[::1", "0.0.0.0", "127.1", "2130706433",
    "localhost.evil.example", "\xff",
]  # fmt: skip

CONSENTS = [
    "", "agree=yes", "agree=yes&shown=", "agree=on&shown={shown}", "agree=yes&agree=yes&shown={shown}",
    "agree=yes&shown={shown}&code=x", "shown={shown}", "agree=no&shown={shown}", "agree=yes&shown=%00",
]  # fmt: skip

METHODS = ["PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "CONNECT", "PROPFIND", "get", "POST ", "X" * 500]


def attacks() -> Iterator[tuple[str, Attack]]:
    """Every attack, with a name for it."""
    for place in ("/picture/", "/static/", "/j/", "/item/", "/"):
        for name in NAMES:
            if (place, name) not in KNOWN and not (place == "/" and name in {"", ".", "%2e", "/"}):
                yield f"get {place}{name[:40]}", Attack("GET", place + name)
    for number in NUMBERS:
        yield f"item {number[:30]}", Attack("GET", f"/item/{number}")
        yield f"answer to item {number[:30]}", post(f"/item/{number}", "answer-obvious=yes")
    for form in ANSWERS:
        yield f"form {form[:50]}", post("/item/{number}", form)
        yield f"form as script {form[:50]}", post("/item/{number}", form, accept="application/json")
    for i, (body, kind) in enumerate(BODIES):
        for place in ("/item/{number}", "/enter", "/consent", "/withdraw"):
            yield f"body {i} to {place}", Attack("POST", place, body, {"content-type": kind})
    for i, code in enumerate(CODES):
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
            yield (
                f"from another page {i} {place}",
                Attack("POST", place, form.encode(), {"content-type": FORM, **headers}),
            )
    for host in HOSTS:
        yield f"host {host!r}", post("/item/{number}", "answer-obvious=yes", host=host)
        yield f"host {host!r}, reading", Attack("GET", "/item/1", headers={"host": host})
    for method in METHODS:
        for place in ("/item/{number}", "/withdraw", "/picture/{picture}", "/"):
            yield (
                f"{method[:20]} {place}",
                Attack(method, place, b"answer-obvious=yes", {"content-type": FORM}),
            )
    for place in ("/", "/go", "/done", "/instructions", "/j/abc", "/picture/{picture}", "/robots.txt"):
        yield f"post {place}", post(place, "answer-obvious=yes")
    yield "get /enter", Attack("GET", "/enter?code=abc")
    for who in ("invited", "stranger"):
        yield f"answer of {who}", post("/item/1", "answer-obvious=yes", who=who)
        yield f"withdrawal of {who}", post("/withdraw", "sure=yes", who=who)
        for form in CONSENTS:
            yield f"consent of {who}: {form}", post("/consent", form, who=who)
    for form in (
        "",
        "sure=no",
        "sure=YES",
        "sure=yes&sure=yes",
        "sure=yes&code={other}",
        "sure=yes&participant=2",
    ):
        yield f"withdrawal {form}", post("/withdraw", form)
    for name in (
        "x-forwarded-host",
        "x-original-url",
        "x-rewrite-url",
        "x-http-method-override",
        "forwarded",
    ):
        yield f"header {name}", Attack("GET", "/nothing", headers={name: "/../study.json\x7f"})
    yield "long header", Attack("GET", "/nothing", headers={"accept": "a" * 60000})
    yield "long cookie", post("/item/1", "answer-obvious=yes", cookie="a=" + "b" * 60000)
    yield (
        "many cookies",
        post("/item/1", "answer-obvious=yes", cookie=";".join(f"c{i}=1" for i in range(5000))),
    )
    yield "odd cookies", post("/item/1", "answer-obvious=yes", cookie='=;;;==;"\xff;{cookie};{cookie}="a\\"')
    yield "long query", Attack("GET", "/nothing?" + "a=b&" * 20000)
    for length in ("-1", "abc", "1e3", "9" * 30, "+5", ""):
        yield f"length {length}", post("/item/{number}", "answer-obvious=yes", content_length=length)


KNOWN = {("/j/", "."), ("/item/", "."), ("/", "robots.txt")}
ATTACKS = dict(attacks())
