"""Which faults the tests find: mutation testing of the mathematics and of the file formats.

    python -m benchmarks.mutants --name after --out benchmarks/results/mutants.json

mutmut changes one operator, number, name or call at a time ("a mutant"), and runs the tests that reach the
changed function until one fails ("killed"). A mutant that survives shows a fault that no test would find, or
a change that makes no difference. Each module is tried with its own tests alone, without those that start
processes, since these import the unchanged code; shapes are not checked at calls, so that it is an assertion
or an error that finds a mutant. `equivalent_mutants.json` says of changes that make no difference why.
"""

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable
from contextlib import chdir
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
WORK = ROOT / ".mutants"
EQUIVALENT = Path(__file__).with_name("equivalent_mutants.json")
"""By module: the changed lines, as mutmut shows them, and why they change nothing that a test could see."""

MODULES: dict[str, tuple[str, ...]] = {
    "discover/contrastive": ("tests/discover/test_contrastive.py", "tests/discover/test_tiled.py"),
    "discover/effects": ("tests/discover/test_effects.py", "tests/discover/test_latentclr.py"),
    "directions/edits": ("tests/directions", "tests/discover/test_effects.py"),
    "directions/models": ("tests/directions", "tests/discover/test_effects.py"),
    "directions/artefact": ("tests/directions",),
    "evaluate/disentanglement": ("tests/evaluate/test_disentanglement.py",),
    "evaluate/intervals": ("tests/evaluate/test_intervals.py",),
    "study/statistics": ("tests/study/test_statistics.py",),
    "checkpoints/machine": ("tests/checkpoints/test_unpickle.py", "tests/checkpoints/test_containers.py"),
    "checkpoints/renaming": ("tests/checkpoints/test_native.py", "tests/checkpoints/test_biggan_formats.py"),
    "engine/checkpoint": ("tests/engine/test_checkpoint.py",),
    "generators/stylegan2": (
        "tests/generators/test_stylegan2.py",
        "tests/checkpoints/test_stylegan2_formats.py",
    ),
}
"""Modules by their place under src/latentclr, and the tests that answer for each."""

LEFT_OUT = ("browser", "fuzz", "kills", "network", "slow", "statistics", "training")
"""Markers of tests that are not run: they take long, or start processes. (Earlier commits have others.)"""

OUTCOMES = {0: "survived", 1: "killed", 3: "killed", 5: "untested", 33: "untested"}
"""What pytest's exit code says of a mutant; every other one is a mutant that ran too long or crashed."""

CONFIGURATION = """
[tool.mutmut]
source_paths = ["src/"]
also_copy = ["examples", "docs"]
only_mutate = [{module!r}]
pytest_add_cli_args_test_selection = [{tests}]
pytest_add_cli_args = ["-p", "no:cacheprovider", "-m", {marks!r}]
timeout_multiplier = 3.0
timeout_constant = 5.0
use_git_change_detection = false
track_dependencies = false
"""


def prepare(tree: Path, module: str, tests: Iterable[str]) -> Path:
    """Lay out a copy of a checkout in which mutmut can work on one module.

    Args:
        tree: the checkout.
        module: one of `MODULES`.
        tests: files and folders of tests, relative to the checkout.

    Returns:
        The folder of the copy.
    """
    folder = WORK / module.replace("/", "-")
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    unwanted = shutil.ignore_patterns("__pycache__")
    for name in ("src", "tests", "examples", "docs"):
        shutil.copytree(tree / name, folder / name, ignore=unwanted)
    settings = re.sub(r"    .--jaxtyping-packages=.*\n", "", (tree / "pyproject.toml").read_text())
    configuration = CONFIGURATION.format(
        module=f"src/latentclr/{module}.py",
        tests=", ".join(map(repr, tests)),
        marks=" and ".join(f"not {mark}" for mark in LEFT_OUT if f'"{mark}: ' in settings),
    )
    (folder / "pyproject.toml").write_text(settings + configuration)
    return folder


def outcomes(folder: Path, module: str) -> dict[str, str]:
    """The outcome of each mutant by name: "killed", "survived", "untested" or "stopped"."""
    meta = json.loads((folder / "mutants" / "src" / "latentclr" / f"{module}.py.meta").read_text())
    found: dict[str, int | None] = meta["exit_code_by_key"]
    return {
        name.removeprefix("latentclr."): OUTCOMES.get(code, "stopped")
        for name, code in sorted(found.items())
        if code is not None
    }


def examine(tree: Path, module: str, workers: int) -> dict[str, Any]:
    """Try every mutant of a module.

    Args:
        tree: the checkout with the code and the tests.
        module: one of `MODULES`.
        workers: processes at once.

    Returns:
        Counts of the outcomes ("equivalent" are survivors with a reason), and the other survivors' changes.
    """
    folder = prepare(tree, module, [test for test in MODULES[module] if (tree / test).exists()])
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": ""}
    mutmut = str(Path(sys.executable).with_name("mutmut"))
    with (folder / "log").open("w") as log:
        command = [mutmut, "run", "--max-children", str(workers)]
        done = subprocess.run(command, cwd=folder, env=environment, stdout=log, stderr=log, check=False)
    if done.returncode:
        raise SystemExit(f"mutmut ended with {done.returncode}:\n{(folder / 'log').read_text()[-4000:]}")
    found = outcomes(folder, module)
    reasons = json.loads(EQUIVALENT.read_text()).get(module, {})
    survivors = []
    for name, outcome in found.items():
        if outcome in ("survived", "untested"):
            change = difference(folder, module, name)
            if change.partition("\n")[2] in reasons:
                found[name] = "equivalent"
            else:
                survivors.append(change)
    return {"mutants": len(found), **Counter(found.values()), "survivors": survivors}


def difference(folder: Path, module: str, name: str) -> str:
    """Name of a mutant, and the lines that it changes."""
    from mutmut.mutation.diff_apply import get_diff_for_mutant  # which `make mutants` installs

    with chdir(folder):
        shown = get_diff_for_mutant(f"latentclr.{name}", path=f"src/latentclr/{module}.py")
    changed = (line for line in shown.splitlines() if re.match(r"[-+](?![-+])", line))
    return "\n".join([name, *changed])


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--out", type=Path, required=True, help="a JSON file of counts by module")
    parser.add_argument("--name", required=True, help="of this run in the table, such as before or after")
    parser.add_argument("--only", nargs="*", default=list(MODULES), choices=list(MODULES), metavar="MODULE")
    parser.add_argument(
        "--tree", type=Path, default=ROOT, help="a checkout, of an earlier commit for example"
    )
    parser.add_argument("--workers", type=int, default=2)
    chosen = parser.parse_args()
    table = json.loads(chosen.out.read_text()) if chosen.out.exists() else {}
    run = table.setdefault(chosen.name, {})
    for module in chosen.only:
        run[module] = examine(chosen.tree.resolve(), module, chosen.workers)
        chosen.out.write_text(json.dumps(table, indent=1) + "\n")
        counts = {key: value for key, value in run[module].items() if key != "survivors"}
        print(module, json.dumps(counts), flush=True)


if __name__ == "__main__":
    main()
