"""Read hostile files in this process, watched by Python's audit events; run it in a fresh one.

    python -m tests.checkpoints.watch --every 1 --large a-checkpoint.pkl

Reads the first file of each family, and of all of them one in so many. Prints one JSON object: for each file
which error came, its text and the seconds that it took; all that happened on the side; the memory that they
took, and that an honest large file took before.
"""

import argparse
import json
import pickle  # noqa: TID251  (for an honest file, before the watch begins)
import sys
import time
from pathlib import Path
from typing import Any

from tests.checkpoints.hostile import files
from tests.checkpoints.samples import peak, samples

from latentclr.checkpoints.containers import parse, read_network

SLOWEST = "bombs: bomb: steps"
"""Refused for being of more steps than any file may have."""

events: list[str] = []
watching = False


def note(event: str, args: tuple[Any, ...]) -> None:
    """Keep what Python reports while we watch."""
    if watching and event != "builtins.id":  # the address of an object, which our reader asks for
        events.append(f"{event} {str(args)[:100]}")


def main() -> None:
    """The command."""
    global watching
    parser = argparse.ArgumentParser()
    parser.add_argument("--every", type=int, default=1)
    parser.add_argument("--large", type=Path, required=True)
    options = parser.parse_args()
    start = peak()
    tensors = read_network(options.large).tensors
    large = peak() - start
    size = sum(tensor.nbytes for tensor in tensors.values())
    del tensors
    every = files()
    families = {title.partition(":")[0]: title for title in reversed(every)}  # the first of each
    chosen = {*list(every)[:: options.every], *families.values(), SLOWEST}
    attacks = {title: every[title] for title in every if title in chosen}
    honest = [*samples().values(), pickle.dumps({"text": "\u00e9", "w": {1.5, None}}, 0)]
    for data in honest:  # whatever is imported on first use, such as text codecs, is imported here
        try_to_read(data)
    modules, before = set(sys.modules), peak()
    sys.addaudithook(note)
    watching = True
    results = {title: try_to_read(attack.data) for title, attack in attacks.items()}
    watching = False
    report = {
        "results": results,
        "events": events,
        "modules": sorted(set(sys.modules) - modules),
        "grown": peak() - before,
        "large": [size, large],
        "made": [path.name for path in Path().iterdir()],
    }
    sys.stdout.write(json.dumps(report))


def try_to_read(data: bytes) -> tuple[str, str, float]:
    """The name of the error, its text, and the seconds of processor time."""
    start = time.process_time()
    try:
        parse(memoryview(data))
    except Exception as error:
        return type(error).__name__, str(error), time.process_time() - start
    return "read", "", time.process_time() - start


if __name__ == "__main__":
    main()
