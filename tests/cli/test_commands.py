"""The commands, as a user runs them: what they write, what they print where, how they fail."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest
from PIL import Image
from tests.cli.command import SMALL, Command, start, tree

from latentclr import ZOO, Directions, LatentCLR, Random, __version__, load_generator
from latentclr.cli import COMMANDS, main
from latentclr.cli.console import Output
from latentclr.cli.edit import _parse_edits
from latentclr.discover import DISCOVERERS
from latentclr.errors import InputError


def test_help_names_every_command(latentclr: Command) -> None:
    for arguments in ([], ["--help"], ["-h"]):
        result = latentclr(*arguments)
        assert result.code == 0
        assert all(f"  {name} " in result.out for name in COMMANDS)


def test_version(latentclr: Command) -> None:
    assert latentclr("--version").out == f"latentclr {__version__}\n"
    citation = Path(__file__).parents[2] / "CITATION.cff"
    assert f"\nversion: {__version__}\n" in citation.read_text()


@pytest.mark.parametrize(
    "command", [[name] for name in COMMANDS] + [["discover", name] for name in DISCOVERERS]
)
def test_every_command_explains_itself(latentclr: Command, command: Sequence[str]) -> None:
    result = latentclr(*command, "--help")
    assert result.code == 0
    assert "usage: latentclr " + command[0] in result.out


def test_discover_writes_a_run_and_says_what_is_next(run: Path, latentclr: Command, dcgan_file: Path) -> None:
    assert tree(run) == {"directions.safetensors", "sheet.png", "run.json", "log.jsonl"}
    record = json.loads((run / "run.json").read_text())
    expected = {"method", "hyperparameters", "generator", "seed", "versions", "seconds", "accuracy"}
    expected |= {"curves", "duplicates", "look_alikes", "best_step", "layer"}
    assert expected <= set(record)
    assert record["generator"]["name"] == str(dcgan_file)
    assert [step for step, _ in record["curves"]["loss"]] == [4]
    assert [step for step, _ in record["curves"]["accuracy"]] == [0, 2, 4]
    log = [json.loads(line) for line in (run / "log.jsonl").read_text().splitlines()]
    assert [entry["step"] for entry in log if "loss" in entry] == [4]
    directions = Directions.load(run / "directions.safetensors")
    directions.require(load_generator(dcgan_file))
    assert directions.k == 3


def test_discover_equals_the_library(run: Path, dcgan_file: Path) -> None:
    settings = LatentCLR(k=3, steps=4, batch=3, held_out=4, validate_every=2)
    settings.fit(load_generator(dcgan_file)).save("library")
    assert Path("library").read_bytes() == (run / "directions.safetensors").read_bytes()


def test_results_go_to_stdout_and_the_rest_to_stderr(latentclr: Command, dcgan_file: Path) -> None:
    result = latentclr("discover", "latentclr", "--generator", dcgan_file, "--out", "r", *SMALL)
    assert "sheet: r/sheet.png" in result.out
    assert "step 4 of 4: loss" in result.err
    assert "next:" in result.err
    assert "latentclr edit r" in result.err
    assert "\x1b" not in result.out + result.err


def test_discover_takes_a_preset_and_changes_to_it(latentclr: Command, dcgan_file: Path) -> None:
    result = latentclr(
        *("discover", "latentclr", "--generator", dcgan_file, "--out", "r", *SMALL),
        *("--preset", "released", "--layer", "b4"),
    )
    assert result.code == 0, result.err
    record = json.loads(Path("r/run.json").read_text())
    assert record["preset"] == "released"
    assert record["hyperparameters"]["compare"] == "unit-features"
    assert record["hyperparameters"]["k"] == 3
    assert record["layer"] == "b4"


def test_overwrite_replaces_a_run(run: Path, latentclr: Command, dcgan_file: Path) -> None:
    again = ("discover", "latentclr", "--generator", dcgan_file, "--out", run, *SMALL, "--seed", 1)
    refused = latentclr(*again)
    assert refused.code == 2
    assert "exists; choose another folder, or add --overwrite" in refused.err
    assert latentclr(*again, "--overwrite").code == 0
    assert json.loads((run / "run.json").read_text())["seed"] == 1


def test_sheet_with_all_its_options(run: Path, latentclr: Command) -> None:
    before = (run / "sheet.png").read_bytes()
    result = latentclr("sheet", run)
    assert result.out.strip() == str(run / "sheet.png")
    assert (run / "sheet.png").read_bytes() == before
    result = latentclr(
        *(
            "sheet",
            run,
            "--out",
            "new/some.png",
            "--seeds",
            "5,7-8",
            "--alphas=-2,0,2",
            "--directions",
            "0,2",
        ),
        *("--slots", "0", "--columns", "2", "--tile", "40", "--truncation", "0.7"),
    )
    assert result.code == 0, result.err
    with Image.open("new/some.png") as sheet:
        assert sheet.width > 2 * 3 * 3 * 40


def test_edit_writes_a_picture_a_strip_and_a_loop(run: Path, latentclr: Command) -> None:
    edit = ("edit", run, "--seed", 3, "--edits", "0:+3,2:-2")
    assert latentclr(*edit).out.strip() == "edited.png"
    with Image.open("edited.png") as picture:
        assert picture.size == (256, 256)
    assert latentclr(*edit, "--strip", "--size", 32, "--out", "s.png").code == 0
    with Image.open("s.png") as strip:
        assert strip.size == (7 * 32, 32)
    assert latentclr(*edit, "--video", "--size", 32, "--out", "v.gif").code == 0
    with Image.open("v.gif") as video:
        assert video.n_frames > 20  # type: ignore[attr-defined]


def test_edits_published_with_ganspace(dcgan_file: Path, run: Path, latentclr: Command) -> None:
    ganspace = (
        "discover",
        "ganspace",
        "--generator",
        dcgan_file,
        "--out",
        "g",
        "--k",
        "4",
        "--samples",
        "300",
    )
    assert latentclr(*ganspace, "--regression-samples", "300").code == 0
    found = latentclr("edit", "g", "--seed", 3, "--size", 32, "--from-ganspace", "E(2, 0):-3")
    assert found.code == 0, found.err
    assert "component 2 by -3 sigma in slots 0 (layers b4, " in found.err
    published = Path("edited.png").read_bytes()
    assert latentclr("edit", "g", "--seed", 3, "--size", 32, "--edits", "2:-3").code == 0
    assert Path("edited.png").read_bytes() == published
    for arguments, expected in (
        (["edit", run, "--from-ganspace", "E(2)"], "needs a run of ganspace, this one is of latentclr"),
        (["edit", "g", "--from-ganspace", "E(9)"], "no direction 9"),
        (["edit", "g", "--from-ganspace", "E(1, 3)"], "slots [3] are not possible"),
        (["edit", "g", "--from-ganspace", "E(1)", "--edits", "0:1"], "give either --edits"),
        (["edit", "g"], "give either --edits"),
    ):
        result = latentclr(*arguments)
        assert result.code == 2
        assert expected in result.err


def test_edit_is_the_librarys_edit(run: Path, latentclr: Command, dcgan_file: Path) -> None:
    from latentclr.images import to_pil

    assert latentclr("edit", run, "--seed", 3, "--edits", "0:+3,2:-2", "--size", 32).code == 0
    generator = load_generator(dcgan_file)
    directions = Directions.load(run / "directions.safetensors")
    latents = directions.edit(directions.edit(generator.from_seeds([3]), 0, 3.0), 2, -2.0)
    with Image.open("edited.png") as found:
        assert found.tobytes() == to_pil(generator(latents)[0]).tobytes()


def test_names_are_kept_and_understood(run: Path, latentclr: Command) -> None:
    before = Directions.load(run / "directions.safetensors")
    assert latentclr("name", run, 2, "open mouth").out.strip() == "2 open mouth"
    after = Directions.load(run / "directions.safetensors")
    assert after.names == ("", "", "open mouth")
    assert after.origin == before.origin
    assert latentclr("edit", run, "--edits", "open mouth:+2").code == 0
    assert latentclr("sheet", run, "--directions", "open mouth").code == 0
    assert latentclr("name", run, "open mouth", "").out.strip() == "2"


def test_generators_show_a_file(latentclr: Command, dcgan_file: Path) -> None:
    result = latentclr("generators", "show", dcgan_file)
    assert result.code == 0
    for fact in ("DCGAN", "32 x 32", "z, 10 dimensions", "b16", "main.8"):
        assert fact in result.out


def test_generators_list_names_licences(latentclr: Command) -> None:
    result = latentclr("generators", "list")
    lines = {line.split()[0]: line for line in result.out.splitlines()[1:]}
    assert list(lines) == list(ZOO)
    for name, entry in ZOO.items():
        assert entry.licence in lines[name]
        assert f" {entry.resolution} " in lines[name]


class TestBadInputIsOneSentenceAndExitCode2:
    """Nothing is left behind, and no traceback is shown."""

    @pytest.mark.parametrize(
        ("options", "said"),
        [
            (["--generator", "facez"], "there is no generator 'facez' (did you mean 'faces'?)"),
            (["--layer", "b7"], "no layer 'b7' in this generator; its layers are b4, b8, b16, image"),
            (["--device", "abacus"], "device 'abacus' cannot be used"),
            (["--preset", "best"], "latentclr has no preset 'best'; there are: quick, paper-stylegan2"),
            (["--sheet-seeds", "-1"], "give one or more whole numbers"),
        ],
    )
    def test_discover(
        self, latentclr: Command, dcgan_file: Path, options: list[str], said: str, tmp_path: Path
    ) -> None:
        before = tree(tmp_path)
        result = latentclr(
            "discover", "latentclr", "--generator", dcgan_file, "--out", "runs/x", *SMALL, *options
        )
        assert result.code == 2
        assert said in result.err
        assert result.err.strip().splitlines()[-1].startswith("latentclr: ")
        assert tree(tmp_path) == before
        assert "loss" not in result.err, "refused before any training"

    def test_directions_of_another_generator(self, run: Path, latentclr: Command, tmp_path: Path) -> None:
        import torch
        from tests.conftest import example_layout

        from latentclr.generators import DCGAN

        torch.save(example_layout(DCGAN((24, 16, 8), 10)), tmp_path / "other.pt")
        for command in (["sheet", run], ["edit", run, "--edits", "0:1"]):
            before = tree(tmp_path)
            result = latentclr(*command, "--generator", tmp_path / "other.pt", "--out", "x.png")
            assert result.code == 2
            assert "these directions were found in" in result.err
            assert tree(tmp_path) == before

    def test_damaged_files(self, run: Path, latentclr: Command, tmp_path: Path) -> None:
        path = run / "directions.safetensors"
        path.write_bytes(path.read_bytes()[:200])
        before = tree(tmp_path)
        for command in (["sheet", run], ["edit", run, "--edits", "0:1"], ["name", run, "0", "x"]):
            result = latentclr(*command)
            assert result.code == 2
            assert "is not a whole safetensors file" in result.err
        assert tree(tmp_path) == before

    @pytest.mark.parametrize("edits", ["", "0", "0:", ":3", "0:x", "0:1,,", "0:nan", "0:inf", "0;1", "0:1:2"])
    def test_edits_that_do_not_parse(self, run: Path, edits: str) -> None:
        with pytest.raises(InputError, match="cannot be read; write direction:alpha"):
            _parse_edits(edits, Directions.load(run / "directions.safetensors"))

    @pytest.mark.parametrize(
        ("arguments", "said"),
        [
            (["edit", "RUN", "--edits", "0;1"], "cannot be read; write direction:alpha"),
            (["edit", "RUN", "--edits", "smile:1"], "no direction 'smile'; there are 0 to 2"),
            (["edit", "RUN", "--edits", "0:1", "--out", "x.xyz"], "unknown kind of picture '.xyz'"),
            (["edit", "RUN", "--edits", "0:1", "--video", "--out", "x.png"], "unknown kind of video '.png'"),
            (["edit", "RUN", "--edits", "0:1", "--video", "--strip"], "exclude each other"),
            (["sheet", "RUN", "--seeds", "a"], "--seeds 'a' is no list of numbers such as 0,3,5 or 0-7"),
            (["sheet", "nowhere"], "there is no run at nowhere"),
            (["name", "RUN", "0-1", "x"], "is more than one direction"),
            (["generators", "pull", "facez"], "there is no generator 'facez' in the zoo"),
            (["discover", "latentcl"], "there is no method 'latentcl' (did you mean 'latentclr'?)"),
            (["discovr"], "there is no command 'discovr' (did you mean 'discover'?)"),
        ],
    )
    def test_other_commands(
        self, run: Path, latentclr: Command, arguments: list[str], said: str, tmp_path: Path
    ) -> None:
        before = tree(tmp_path)
        result = latentclr(*(run if argument == "RUN" else argument for argument in arguments))
        assert result.code == 2
        assert said in result.err
        assert tree(tmp_path) == before

    @pytest.mark.parametrize("options", [["--nonsense"], ["--k", "many"], ["--model", "cubic"]])
    def test_options_that_do_not_exist(self, latentclr: Command, options: list[str], tmp_path: Path) -> None:
        result = latentclr("discover", "latentclr", "--out", "x", *options)
        assert result.code == 2
        assert tree(tmp_path) == set()

    def test_no_folder_to_write_to(self, latentclr: Command, tmp_path: Path) -> None:
        result = latentclr("discover", "latentclr", "--generator", "scenes")
        assert result.code == 2
        assert "--out" in result.err
        assert tree(tmp_path) == set()

    def test_an_output_folder_that_cannot_be_written(
        self, run: Path, latentclr: Command, dcgan_file: Path, tmp_path: Path
    ) -> None:
        (tmp_path / "file").write_text("")
        discover = ("discover", "latentclr", "--generator", dcgan_file, *SMALL)
        for command in (discover, ("sheet", run)):
            result = latentclr(*command, "--out", "file/x.png")
            assert result.code == 2
            assert "cannot create the folder" in result.err


def interrupted(
    process: subprocess.Popen[str], number: signal.Signals, folder: Path, dcgan_file: Path
) -> None:
    """The process ends with the signal's code, and leaves a run that can be used and gone on with."""
    process.send_signal(number)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 128 + number, err
    assert "stopping after this step" in err
    assert "the best directions so far" in err
    directions = Directions.load(folder / "r" / "directions.safetensors")
    directions.require(load_generator(dcgan_file))
    assert 0 < directions.origin["trained_steps"] < 10**7
    whole = {"directions.safetensors", "sheet.png", "run.json", "log.jsonl"}
    assert tree(folder / "r") == {*whole, "checkpoint.safetensors"}
    assert "sheet: r/sheet.png" in out


def test_ctrl_c_leaves_the_best_so_far_and_no_other_process_writes_there(
    dcgan_file: Path, latentclr: Command, tmp_path: Path
) -> None:
    command = ("discover", "latentclr", "--generator", dcgan_file, "--out", "r", *SMALL, "--steps", 10**7)
    with killed_at_last(start(tmp_path, *command)) as process:
        lines = wait_for_steps(tmp_path, 20)
        second = latentclr(*command)
        assert (second.code, second.err) == (2, "latentclr: another process is writing r.\n")
        wait_for_steps(tmp_path, lines + 20)  # the first goes on
        interrupted(process, signal.SIGINT, tmp_path, dcgan_file)


@pytest.mark.kills
def test_sigterm_leaves_the_best_so_far(dcgan_file: Path, tmp_path: Path) -> None:
    command = ("discover", "latentclr", "--generator", dcgan_file, "--out", "r", *SMALL, "--steps", 10**7)
    with killed_at_last(start(tmp_path, *command)) as process:
        wait_for_steps(tmp_path, 60)
        interrupted(process, signal.SIGTERM, tmp_path, dcgan_file)


@pytest.mark.kills
def test_a_second_interrupt_ends_at_once_and_leaves_nothing_half(dcgan_file: Path, tmp_path: Path) -> None:
    command = ("discover", "latentclr", "--generator", dcgan_file, "--out", "r", "--steps", 10**7)
    slow = ("--k", 16, "--batch", 64, "--validate-every", 10**6)
    with killed_at_last(start(tmp_path, *command, *slow)) as process:
        wait_for_steps(tmp_path, 1)
        process.send_signal(signal.SIGINT)
        time.sleep(0.05)  # wherever the first has led by then: what must hold holds at any moment
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=60)
    left = tree(tmp_path)
    if process.returncode == -signal.SIGINT:  # it came when all was done, to an interpreter that was ending
        assert "r/directions.safetensors" in left, err
    else:
        assert process.returncode == 130, err
    kept = {"r/directions.safetensors", ".r-unfinished/checkpoint.safetensors"}
    assert left == set() or left & kept, "nothing, what a resumption needs, or a whole run"


@contextmanager
def killed_at_last(process: subprocess.Popen[str]) -> Iterator[subprocess.Popen[str]]:
    """No process outlives its test, whatever fails."""
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def wait_for_steps(folder: Path, steps: int) -> int:
    """Wait until a run has logged so many lines."""
    until = time.monotonic() + 60
    while time.monotonic() < until:
        lines = [len(path.read_text().splitlines()) for path in folder.glob(".r-*/log.jsonl")]
        if lines and lines[0] >= steps:
            return lines[0]
        time.sleep(0.05)
    raise TimeoutError(f"no run with {steps} steps in {folder}")


@pytest.mark.parametrize(
    ("command", "module"),
    [(["--help"], "latentclr.cli"), (["generators", "list"], "latentclr.cli.generators")],
)
def test_output_to_a_closed_pipe_ends_as_other_programs_do(
    command: list[str], module: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(f"{module}.out", Output())  # which keeps what it could not write
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "w") as pipe:
        monkeypatch.setattr(sys, "stdout", pipe)
        with pytest.raises(SystemExit) as ended:
            main(command)
        pipe.write("what an interpreter has left to write at its end goes nowhere")
    assert ended.value.code == 141
    assert capsys.readouterr().err == ""


@pytest.mark.network
def test_a_run_on_a_generator_of_the_zoo_needs_no_name_again(latentclr: Command) -> None:
    directions = Random(k=2).fit(load_generator("faces"))
    Path("r").mkdir()
    directions.save("r/directions.safetensors")
    assert latentclr("edit", "r", "--edits", "0:3").code == 0
