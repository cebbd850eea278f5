"""`latentclr study create | serve | report`: what they write, what they refuse, how serving ends."""

import csv
import json
import re
import shutil
import signal
import urllib.request
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.cli.command import Command, start
from tests.study.planted import careful, small_study, take_part

from latentclr.cli import main
from latentclr.study.options import Checks
from latentclr.study.plan import ANSWERS, Study
from latentclr.study.store import Store

TINY = ("--pictures", "3", "--per-direction", "2", "--size", "16", "--alpha", "2")


@pytest.fixture(scope="module")
def made(two_runs: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two runs on scenes, and a study of them."""
    place = Path(shutil.copytree(two_runs, tmp_path_factory.mktemp("made"), dirs_exist_ok=True))
    runs = (str(place / "r0"), str(place / "r1"))
    options = ("--names", "--preference", "1", "--same", "2", "--title", "What?")
    main(["study", "create", *runs, "--out", str(place / "asked"), *TINY, *options])
    small_study(place / "toy", 2)
    return place


@pytest.fixture
def here(made: Path, latentclr: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    shutil.copytree(made, tmp_path / "w")
    monkeypatch.chdir(tmp_path / "w")
    return tmp_path / "w"


def test_create_writes_what_was_asked_for(here: Path) -> None:
    study = Study.open("asked")
    study.verify()
    assert (study.title, study.shown, len(study.pictures.seeds), study.pictures.size) == ("What?", 2, 3, 16)
    assert study.checks == Checks(same=2, drastic=1, repeated=2)
    assert [(method.name, len(method.directions)) for method in study.runs] == [("r0", 3), ("r1", 2)]
    assert {way.alpha for method in study.runs for way in method.directions} == {2.0}
    assert [question.id for question in study.questions] == ["obvious", "meaningful", "name", "clearer"]
    assert "agree to take part" in Path("asked/consent.txt").read_text()


def test_create_says_what_to_do_next(here: Path, latentclr: Command) -> None:
    result = latentclr("study", "create", "r0", "--out", "s", *TINY, "--directions", "0,2", "--slots", "0-3")
    assert (result.code, result.out) == (0, "s\n")
    assert "edit s/consent.txt and s/instructions.txt" in result.err
    assert "latentclr study serve s" in result.err
    (method,) = Study.open("s").runs
    assert [way.index for way in method.directions] == [0, 2]
    assert method.slots == (0, 1, 2, 3)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (("--per-direction", "9"), "9 of 3 pictures for each direction"),
        (("--directions", "x"), "--directions 'x' is no list of numbers"),
        (("--alpha", "-1"), r"alpha=-1.0 must be above 0"),
        (("--unit", "nothing"), "invalid choice"),
    ],
)
def test_create_refuses_in_one_sentence(
    here: Path, latentclr: Command, options: tuple[str, ...], sentence: str
) -> None:
    result = latentclr("study", "create", "r0", "--out", "s", *TINY, *options)
    assert result.code == 2
    assert re.search(sentence, " ".join(result.err.split())), result.err
    assert not Path("s").exists()


def test_create_keeps_a_study_that_somebody_has_answered(here: Path, latentclr: Command) -> None:
    asked = ("study", "create", "r0", "--out", "asked", *TINY)
    assert "asked exists" in latentclr(*asked).err
    Path("asked", ANSWERS).touch()
    result = latentclr(*asked, "--overwrite")
    assert (result.code, "holds answers of participants" in result.err) == (2, True)
    Path("asked", ANSWERS).unlink()
    assert latentclr(*asked, "--overwrite").code == 0
    assert len(Study.open("asked").runs) == 1


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (("--host", "0.0.0.0"), r"others can reach 0\.0\.0\.0: let people in by codes"),
        (("--host", "192.0.2.7"), r"others can reach 192\.0\.2\.7"),
        (("--address", "https://study.example.org"), r"others can reach https://study\.example\.org"),
        (("--host", "0.0.0.0", "--participants", "3"), r"say what participants type .*--address"),
        (("--codes", "--open-to-all"), "leave out --codes and --participants"),
        (("--participants", "2", "--open-to-all"), "leave out --codes and --participants"),
        (("--participants", "-1"), "give the number of codes"),
        (("--participants", "10001"), "from 1 to 10000 can be made"),
        (("--codes",), r"no codes yet: make some \(--participants N\)"),
        (("--codes-file", "codes.csv"), "say how many"),
        (("--participants", "2", "--codes-file", "toy/study.json"), "cannot be made again"),
        (("--participants", "2", "--codes-file", "none/codes.csv"), "no folder for none/codes.csv"),
        (("--address", "study.example.org", "--open-to-all"), "must be like https://study.example.org"),
        (("--address", "https://example.org/a", "--open-to-all"), "a host without a path"),
        (("--port", "99999"), "port 99999 must be in"),
        (("--database", "mysql://a:secret@b/c"), "answers cannot be kept in 'mysql'"),
        (("--database", "sqlite://"), "answers in the memory would be lost"),
    ],
)
def test_serve_refuses_in_one_sentence(
    here: Path, latentclr: Command, options: tuple[str, ...], sentence: str
) -> None:
    result = latentclr("study", "serve", "toy", *options)
    assert result.code == 2
    assert re.search(sentence, " ".join(result.err.split())), result.err
    assert "secret" not in result.err
    assert result.out == ""


def test_serve_looks_at_the_pictures_first(here: Path, latentclr: Command) -> None:
    picture = next(Path("toy/pictures").iterdir())
    picture.write_bytes(picture.read_bytes()[:-1])
    result = latentclr("study", "serve", "toy")
    assert (result.code, f"{picture} is damaged" in " ".join(result.err.split())) == (2, True)
    assert latentclr("study", "serve", "nothing").err == (
        "latentclr: there is no study at nothing: give a folder that `latentclr study create` made.\n"
    )


def test_serve_gives_codes_out_and_ends_with_ctrl_c(here: Path) -> None:
    process = start(here, "study", "serve", "toy", "--participants", "2", "--port", "0")
    try:
        assert process.stdout is not None
        url = process.stdout.readline().strip()
        assert re.fullmatch(r"http://127\.0\.0\.1:\d+", url)
        with urllib.request.urlopen(url, timeout=60) as answer:
            assert "Please enter your code" in answer.read().decode()
        listed = [process.stdout.readline() for _ in range(3)]
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    finally:
        process.kill()
        process.communicate()
    assert (process.returncode, out) == (0, "")
    rows = list(csv.DictReader(listed))
    assert [row["link"] for row in rows] == [f"{url}/j/{row['code']}" for row in rows]
    assert len(rows) == 2
    with Store.open(None, Study.open("toy")) as store:
        assert [store.join(row["code"]).number for row in rows] == [1, 2]
    assert f"Answers go to toy/{ANSWERS}; stop with Ctrl-C." in err
    assert "Only people with a code may begin." in err
    assert "latentclr study report toy" in err
    assert "Traceback" not in err


def test_serve_is_called_as_its_address_says(
    here: Path, latentclr: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Ready:
        """In the place of a server: it has begun, and ends at once."""

        def __init__(self, app: object, ready: Callable[[], None]) -> None:
            self.ready = ready

        def run(self, sockets: object) -> None:
            self.ready()

    monkeypatch.setattr("latentclr.web.server._server", Ready)
    address = ("--address", "https://study.example.org/", "--port", "0")
    result = latentclr("study", "serve", "toy", *address, "--participants", "1", "--codes-file", "codes.csv")
    assert (result.code, result.out) == (0, "https://study.example.org\n")
    (row,) = csv.DictReader(Path("codes.csv").read_text().splitlines())
    assert row["link"] == f"https://study.example.org/j/{row['code']}"


def test_report_says_what_was_answered(here: Path, latentclr: Command) -> None:
    assert "no answers in toy" in " ".join(latentclr("study", "report", "toy", "--out", "found").err.split())
    assert not Path("toy", ANSWERS).exists()
    study = Study.open("toy")
    with Store.open(None, study) as store:
        for _ in range(2):
            take_part(store, careful(lambda method, way, question: "yes" if way else "no"))
    result = latentclr("study", "report", "toy", "--out", "found")
    assert (result.code, result.out) == (0, "found/report.html\n")
    assert json.loads(Path("found/summary.json").read_text())["format"] == 1
    assert "found exists" in latentclr("study", "report", "toy", "--out", "found").err
