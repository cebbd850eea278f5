"""A fuzzer of the checkpoint reader: changed copies of valid files, which may only be read or refused.

    python -m tests.checkpoints.fuzz --inputs 1000000 --seed 0 --workers 2 --state .fuzz.json
    python -m tests.checkpoints.fuzz --seed 0 --only 123456

Input i depends on the seed and i only. An `InputError` or a result is right; any other exception, more than
a second of processor time, or memory that grows is a failure: the input and the traceback are kept. With
--state a run goes on where an earlier one of the same seed stopped.
"""

import argparse
import json
import pickletools
import random
import signal
import sys
import time
import traceback
import zlib
from collections.abc import Callable
from functools import cache
from multiprocessing import get_context
from pathlib import Path
from types import FrameType

from tests.checkpoints.samples import archive, peak, samples

from latentclr.checkpoints.containers import parse
from latentclr.checkpoints.inert import SMALL
from latentclr.errors import InputError

CHUNK = 2_000
"""Inputs between two looks at memory and two lines in the state."""
SECONDS = 1.0
"""Of processor time for one input."""
MEMORY = 400 << 20
"""Bytes by which the process may grow. Samples have some thousand bytes."""

OPCODES = b"012()N\x88]}\x8ftldeusabRoQ\x81\x92\x85\x86\x87\x90\x91\x93\x94\x97\x98."
SNIPPETS = (
    *(bytes([code]) for code in OPCODES),
    *(b"K\x00", b"J\xff\xff\xff\xff", b"\x8a\x08" + b"\xff" * 7 + b"\x7f", b"\x8b\xff\xff\xff\x7f"),
    *(
        b"h\x00",
        b"h\x05",
        b"q\x00",
        b"C\x02ab",
        b"\x8c\x01w",
        b"X\xff\xff\xff\xff",
        b"\x82\x01",
        b"p1\n",
        b"g1\n",
    ),
    *(
        b"I1" + b"0" * 90 + b"\n",
        b"L5L\n",
        b"S'a'\n",
        b"Vb\n",
        b"F1e999\n",
        b"ios\nsystem\n",
        b"cos\nsystem\n",
    ),
    *(b"ccollections\nOrderedDict\n", b"ctorch._utils\n_rebuild_tensor_v2\n", b"cnumpy\ndtype\n"),
    *(b"ctorch\nFloatStorage\n", b"c_codecs\nencode\n", b"cdnnlib.tflib.network\nNetwork\n"),
    *(b"ctorch_utils.persistence\n_reconstruct_persistent_obj\n", b"ctorch.storage\n_load_from_bytes\n"),
)
"""Pieces of pickles."""
LENGTHS = (
    0,
    1,
    2,
    3,
    127,
    255,
    65535,
    1 << 20,
    (1 << 31) - 1,
    1 << 31,
    (1 << 32) - 1,
    1 << 40,
    (1 << 63) - 1,
)


@cache
def corpus() -> tuple[tuple[str, bytes], ...]:
    """The valid files."""
    return tuple(samples().items())


@cache
def boundaries(data: bytes) -> tuple[int, ...]:
    """Where opcodes start, in all pickles of a file and in those inside them, as far as they can be told."""
    found: list[int] = []
    place = data.find(b"\x80")
    while place >= 0:
        try:
            steps = [position or 0 for _, _, position in pickletools.genops(data[place:])]
        except ValueError:
            steps = []
        found += [place + step for step in steps]
        place = data.find(b"\x80", place + 1)
    return tuple(sorted(set(found))) or (0,)


def made(seed: int, index: int) -> bytes:
    """Input number `index`."""
    rng = random.Random(f"{seed}-{index}")
    name, data = rng.choice(corpus())
    if name.startswith("torch zip") and rng.random() < 0.8:
        # Changes behind a checksum would never be seen: change a part, and pack it again.
        parts = dict(unpacked(data))
        part = rng.choice(list(parts)) if rng.random() < 0.2 else "archive/data.pkl"
        parts[part] = changed(parts[part], rng)
        return archive(parts)
    return changed(data, rng)


@cache
def unpacked(data: bytes) -> tuple[tuple[str, bytes], ...]:
    """The entries of a zip sample."""
    from latentclr.checkpoints.zip_file import read_zip

    return tuple((name, bytes(entry.data)) for name, entry in read_zip(memoryview(data)).items())


def changed(data: bytes, rng: random.Random) -> bytes:
    """Some changes, one after the other."""
    steps = boundaries(data)
    for _ in range(rng.choice((1, 1, 1, 2, 3, 5))):
        data = rng.choice(MUTATIONS)(data, steps, rng) or b"\x80"
    return data


def flip_bit(data: bytes, steps: tuple[int, ...], rng: random.Random) -> bytes:
    place = rng.randrange(len(data))
    return data[:place] + bytes([data[place] ^ 1 << rng.randrange(8)]) + data[place + 1 :]


def set_byte(data: bytes, steps: tuple[int, ...], rng: random.Random) -> bytes:
    place = rng.randrange(len(data))
    return (
        data[:place] + bytes([rng.choice((0, 1, 0x7F, 0x80, 0xFF, rng.randrange(256)))]) + data[place + 1 :]
    )


def set_opcode(data: bytes, steps: tuple[int, ...], rng: random.Random) -> bytes:
    place = rng.choice(steps)
    return data[:place] + rng.choice(SNIPPETS)[:1] + data[place + 1 :]


def truncate(data: bytes, steps: tuple[int, ...], rng: random.Random) -> bytes:
    return data[: rng.randrange(len(data))]


def insert(data: bytes, steps: tuple[int, ...], rng: random.Random) -> bytes:
    place = rng.choice(steps)
    return data[:place] + rng.choice(SNIPPETS) * rng.choice((1, 1, 1, 2, 300)) + data[place:]


def remove(data: bytes, steps: tuple[int, ...], rng: random.Random) -> bytes:
    start, end = sorted((rng.choice(steps), rng.choice(steps)))
    return data[:start] + data[min(end, start + rng.choice((1, 10, 100))) :]


def repeat(data: bytes, steps: tuple[int, ...], rng: random.Random) -> bytes:
    start, end = sorted((rng.choice(steps), rng.choice(steps)))
    return data[:end] + data[start:end] * rng.choice((1, 2, 20)) + data[end:]


def swap(data: bytes, steps: tuple[int, ...], rng: random.Random) -> bytes:
    a, b, c = sorted(rng.choice(steps) for _ in range(3))
    return data[:a] + data[b:c] + data[a:b] + data[c:]


def splice(data: bytes, steps: tuple[int, ...], rng: random.Random) -> bytes:
    _, other = rng.choice(corpus())
    return data[: rng.choice(steps)] + other[rng.choice(boundaries(other)) :]


def set_length(data: bytes, steps: tuple[int, ...], rng: random.Random) -> bytes:
    size = rng.choice((1, 2, 4, 8))
    place = rng.choice(steps) + 1 if rng.random() < 0.7 else rng.randrange(len(data))
    value = rng.choice(LENGTHS) + rng.choice((-1, 0, 0, 1))
    return data[:place] + (value % (1 << 8 * size)).to_bytes(size, "little") + data[place + size :]


MUTATIONS: tuple[Callable[[bytes, tuple[int, ...], random.Random], bytes], ...] = (
    *(flip_bit, set_byte, set_opcode, truncate, insert, insert),
    *(remove, repeat, swap, splice, set_length, set_length),
)


class HangError(BaseException):
    """An input took too long."""


def _alarm(number: int, frame: FrameType | None) -> None:
    raise HangError


def attempt(data: bytes) -> str:
    """Read one input: "read", "refused", or the traceback of a failure."""
    signal.signal(signal.SIGPROF, _alarm)
    signal.setitimer(signal.ITIMER_PROF, SECONDS)
    try:
        network = parse(memoryview(data))
        size = sum(tensor.nbytes for tensor in network.tensors.values())
        assert size <= 2 * len(data) + SMALL, size
        assert all(text.isprintable() for note in network.notes.items() for text in note), network.notes
        return "read"
    except InputError as error:
        return (
            "refused" if str(error).isprintable() and len(str(error)) < 1000 else f"a bad message: {error!r}"
        )
    except (Exception, HangError):
        return traceback.format_exc()
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)


def run_range(job: tuple[int, int, int]) -> tuple[dict[str, int], list[tuple[int, str]]]:
    """Attempt inputs: (seed, first, after the last) gives counts and failures (index, what)."""
    seed, first, last = job
    counts = {"read": 0, "refused": 0}
    failures = []
    attempt(corpus()[0][1])
    before = peak()
    for index in range(first, last):
        result = attempt(made(seed, index))
        if result in counts:
            counts[result] += 1
        else:
            failures.append((index, result))
    if (grown := peak() - before) > MEMORY:
        failures.append((first, f"memory grew by {grown:,} bytes from here to {last}"))
    return counts, failures


def say(text: str) -> None:
    """One line of progress."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def main() -> int:
    """The command; returns its exit code."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--inputs", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--state", type=Path, help="file in which progress is kept")
    parser.add_argument("--failures", type=Path, default=Path(".fuzz-failures"), help="folder for what fails")
    parser.add_argument("--only", type=int, help="attempt this one input and say what happens")
    options = parser.parse_args()
    if options.only is not None:
        result = attempt(made(options.seed, options.only))
        say(result)
        return 0 if result in ("read", "refused") else 1
    fingerprint = zlib.crc32(b"".join(data for _, data in corpus()))
    state = {"seed": options.seed, "corpus": fingerprint, "done": 0, "read": 0, "refused": 0, "failures": 0}
    if options.state and options.state.exists():
        earlier = json.loads(options.state.read_text())
        if (earlier["seed"], earlier["corpus"]) != (options.seed, fingerprint):
            parser.error(f"{options.state} is of another seed or other samples; remove it or name another")
        state = earlier
    start, first, said = time.monotonic(), state["done"], 0.0
    starts = range(first, options.inputs, CHUNK)
    jobs = [(options.seed, start, min(start + CHUNK, options.inputs)) for start in starts]
    with get_context("fork").Pool(options.workers) as pool:
        for counts, failures in pool.imap(run_range, jobs):
            state["done"] = min(state["done"] + CHUNK, options.inputs)
            for name, count in counts.items():
                state[name] += count
            for index, what in failures:
                state["failures"] += 1
                options.failures.mkdir(exist_ok=True)
                place = options.failures / f"{options.seed}-{index}"
                place.with_suffix(".bin").write_bytes(made(options.seed, index))
                place.with_suffix(".txt").write_text(what)
                say(f"input {index}: {what.strip().splitlines()[-1]}")
            if options.state:
                temporary = options.state.with_suffix(".tmp")
                temporary.write_text(json.dumps(state))
                temporary.replace(options.state)
            elapsed = time.monotonic() - start
            if elapsed - said > 60 or state["done"] == options.inputs:
                said = elapsed
                rate = (state["done"] - first) / elapsed
                say(f"{json.dumps(state)} {rate:.0f}/s")
    return 1 if state["failures"] else 0


if __name__ == "__main__":
    sys.exit(main())
