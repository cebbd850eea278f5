"""How long the tests take: seconds by file, and the slowest tests.

    python -m benchmarks.suite --name after --out benchmarks/results/tests.json

Runs all tests on one worker of one thread, and keeps what was measured under that name beside what the file
holds under others. Nothing else should run meanwhile. With --report it reads the JUnit file of a run instead.
"""

import json
import os
import subprocess
import sys
import tempfile
from collections import defaultdict
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import torch
from benchmarks.machine import facts
from benchmarks.runner import RESULTS, Parser, save

SLOWEST = 100


def measure(report: Path) -> None:
    command = [sys.executable, "-m", "pytest", "-q", "-n", "0", "-p", "no:randomly", f"--junitxml={report}"]
    subprocess.run(command, env={**os.environ, "OMP_NUM_THREADS": "1"}, check=True)


def table(report: Path) -> dict[str, Any]:
    """Seconds of files and of the slowest tests, from a JUnit file.

    Args:
        report: written by pytest; a test's seconds include what was set up for it.

    Returns:
        JSON values: totals, files and tests, the longest first.
    """
    seconds: dict[str, float] = defaultdict(float)
    rows = []
    for case in ElementTree.parse(report).iter("testcase"):
        place, took = case.get("classname", ""), float(case.get("time", 0))
        seconds[place] += took
        rows.append((round(took, 2), f"{place}::{case.get('name')}"))
    by_time = sorted(seconds.items(), key=lambda item: -item[1])
    return {
        "seconds": round(sum(seconds.values()), 1),
        "tests": len(rows),
        "seconds_by_file": {place: round(took, 1) for place, took in by_time},
        "slowest": {name: took for took, name in sorted(rows, reverse=True)[:SLOWEST]},
    }


def main() -> None:
    parser = Parser(__doc__, out=RESULTS / "tests.json")
    parser.add_argument("--name", required=True, help="of this run in the table, such as before or after")
    parser.add_argument("--report", type=Path, help="the JUnit file of a run that was made before")
    parser.add_argument("--how", default="all tests, one worker", help="how that run was made")
    chosen = parser.options()
    with tempfile.TemporaryDirectory() as folder:
        report = chosen.report or Path(folder) / "tests.xml"
        if chosen.report is None:
            measure(report)
        found = table(report)
    known = json.loads(chosen.out.read_text()) if chosen.out.exists() else {}
    measured = {"how": chosen.how, "machine": facts(1, torch.device("cpu")), **found}
    save(chosen.out, {**known, chosen.name: measured})
    print(f"{found['tests']} tests in {found['seconds']} s")


if __name__ == "__main__":
    main()
