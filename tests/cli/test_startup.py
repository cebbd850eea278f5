"""What answers at once loads no heavy library (modules are counted, never time); shells complete words."""

import json
import shutil
import subprocess
import sys
from functools import cache

import pytest
from tests.cli.command import Command

import latentclr
from latentclr.cli import COMMANDS, completion
from latentclr.discover import METHODS

script = cache(completion.script)
HEAVY = (
    *("torch", "numpy", "scipy", "sklearn", "PIL", "safetensors", "jaxtyping", "jinja2", "psutil"),
    *("gradio", "fastapi", "uvicorn", "sqlalchemy", "alembic", "imageio", "matplotlib"),
)
LIGHT = [
    *(["--help"], ["--version"], ["wrong"], ["--completion", "bash"], ["discover"], ["discover", "wrong"]),
    *([command, "--help"] for command in COMMANDS),
    *(["discover", method, "--help"] for method in METHODS),
    *(
        ["pretrain", "stylegan2", "--help"],
        ["experiment", "general", "--help"],
        ["scenes", "render", "--help"],
    ),
    *(
        ["study", "create", "--help"],
        ["generators", "pull", "--help"],
        ["pretrain", "x"],
        ["experiment", "x"],
    ),
    *(["edit", "runs/x", "--nope"], ["discover", "latentclr", "--k", "x"], ["sheet", "x", "--columns", "x"]),
    *(["discover", "latentclr", "--preset", "x"], ["discover", "voynov", "--deformator", "x"]),
    ["discover", "latentclr", "--out", "x", "--k", "1"],
]
PROBE = """
import contextlib, io, json, sys
from latentclr.cli import main
from latentclr.discover import METHODS
found = {}
for arguments in json.loads(sys.argv[1]):
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        with contextlib.suppress(SystemExit):
            main(arguments)
    found[" ".join(arguments)] = [name for name in json.loads(sys.argv[2]) if name in sys.modules]
print(json.dumps(found))
"""


def test_what_answers_at_once_loads_nothing_heavy() -> None:
    command = [sys.executable, "-c", PROBE, json.dumps(LIGHT), json.dumps(HEAVY)]
    found = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    assert found == {" ".join(arguments): [] for arguments in LIGHT}


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_names_commands_methods_and_options(shell: str) -> None:
    told = script(shell, tuple(COMMANDS))
    for name in (*COMMANDS, *METHODS, "--sheet-seeds", "--deformator", "--from-ganspace"):
        assert name in told
    if shutil.which(shell):
        subprocess.run([shell, "-n"], input=told, check=True, text=True)


@pytest.mark.skipif(not shutil.which("bash"), reason="needs bash")
@pytest.mark.parametrize(
    ("words", "completed"),
    [
        (["latentclr", "disc"], ["discover"]),
        (["latentclr", "discover", "lat"], ["latentclr"]),
        (["latentclr", "discover", "latentclr", "--mo"], ["--model"]),
        (["latentclr", "discover", "latentclr", "--model", ""], ["global", "linear", "nonlinear"]),
        (["latentclr", "discover", "latentclr", "--me"], ["--memory"]),  # whose help has several lines
        (["latentclr", "sheet", "runs/"], []),  # then bash completes files
    ],
)
def test_bash_completes(words: list[str], completed: list[str]) -> None:
    ask = 'COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _tyro_latentclr; printf "%s\\n" "${COMPREPLY[@]}"'
    command = ["bash", "-s", "--", *words]
    ran = subprocess.run(
        command,
        input=f"{script('bash', tuple(COMMANDS))}\n{ask}\n",
        check=True,
        capture_output=True,
        text=True,
    )
    assert ran.stdout.split() == completed


def test_completion_of_an_unknown_shell_is_refused(latentclr: Command) -> None:
    for arguments in ([], ["csh"]):
        result = latentclr("--completion", *arguments)
        assert result.code == 2
        assert "bash, zsh, fish" in result.err


@pytest.mark.parametrize(
    ("words", "code"), [("nope 2>&-", 2), ("nope 2>/dev/full", 2), ("edit >&-", 2), ("--help >&-", 0)]
)
def test_streams_that_are_closed_or_full_change_no_exit_code(words: str, code: int) -> None:
    command = f"exec {sys.executable} -m latentclr {words}"
    ended = subprocess.run(["sh", "-c", command], capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stdout) == (code, "")
    assert "Traceback" not in ended.stderr


def test_what_is_no_name_of_the_package_is_no_attribute() -> None:
    assert not any(hasattr(latentclr, name) for name in ("nonsense", "discover.sefa", "a.b", ""))
