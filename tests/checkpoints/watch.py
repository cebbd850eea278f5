"""Read every hostile file in this process, watched by Python's audit events; run it in a fresh one.

    python -m tests.checkpoints.watch

Prints one JSON object: for each file which error came, its text and the seconds that it took, and all that
happened on the side.
"""

import json
import pickle  # noqa: TID251  (for an honest file, before the watch begins)
import resource
import sys
import time
from pathlib import Path
from typing import Any

from tests.checkpoints.hostile import files
from tests.checkpoints.samples import samples

from latentclr.checkpoints.contents import parse

events: list[str] = []
watching = False


def note(event: str, args: tuple[Any, ...]) -> None:
    """Keep what Python reports while we watch."""
    if watching and event != "builtins.id":  # the address of an object, which our reader asks for
        events.append(f"{event} {str(args)[:100]}")


def peak() -> int:
    """Bytes of memory that this process has had at most."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss << 10


def main() -> None:
    """The command."""
    global watching
    attacks = files()
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
