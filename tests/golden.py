"""Records what the commands and methods compute, to compare it after a change that should change nothing.

    python -m tests.golden record FOLDER
    python -m tests.golden compare FOLDER

Recorded are the directions of methods in a small generator of each family; a run's files, its contact sheet's
pixels, an evaluation's metrics, an inversion's latents. On one machine the results are equal to the last
bit. Between machines, pass `--tolerance 1e-4`: float32 sums in another order differ by about 1e-6 of a value,
and a few training steps enlarge that to below 1e-4.
"""

import argparse
import json
import os
import re
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from safetensors.numpy import load_file, save_file
from tests.conftest import GENERATORS
from tests.discover.test_contract import CHOSEN, small

from latentclr import Directions, load_generator
from latentclr.cli import main as command
from latentclr.experiments.questions import EXPERIMENTS

FOLDER = re.compile(r"/tmp/[^\s\"']*")
CHANGES = re.compile(r"second|_at$|^versions$|version$|^date|^started|^ended|^machine$|^memory$|bytes")
"""Keys of JSON whose values are not computed from the inputs alone."""

RUNS = (
    "discover latentclr --generator scenes --out l --k 4 --steps 6 --batch 4 --held-out 4",
    "discover sefa --generator scenes-biggan --out s --k 4",
    "discover random --generator scenes --out r --k 3",
    "evaluate l r --out e --latents 8 --separability 2",
    "compare l r --out c",
    "sheet l --out sheet.png",
    "edit l --edits 0:+3,1:-2 --seed 3 --strip --out strip.png",
    "report e",
    *(f"experiment {name} --small --generator scenes-biggan --out x-{name}" for name in EXPERIMENTS),
    "study create l r --out s-study --pictures 4 --per-direction 2",
)
"""Commands, run one after the other in an empty folder."""

Arrays = dict[str, np.ndarray[Any, Any]]


def computed(out: Path) -> tuple[Arrays, dict[str, Any]]:
    """All arrays and JSON values, by name."""
    arrays: Arrays = {}
    values: dict[str, Any] = {}
    for method, family in CHOSEN:
        name = f"{method}-{family}"
        torch.manual_seed(0)
        found = small(method).fit(GENERATORS[family]())
        arrays |= directions_of(name, found)
        values[name] = kept(found.origin)
    for words in RUNS:
        run(words)
    generator = load_generator("scenes")
    for i, picture in enumerate(generator(generator.from_seeds([1, 2]))):
        pixels = ((picture.clamp(-1, 1) + 1) * 127.5).round().byte().permute(1, 2, 0).numpy()
        Image.fromarray(pixels).resize((128, 128)).save(f"photo{i}.png")
    run("invert photo0.png photo1.png --generator scenes --out i --steps 6 --starts 2 --pixels-only")
    for path in sorted(out.rglob("*")):
        name = str(path.relative_to(out))
        if path.suffix == ".png":
            arrays[name] = np.asarray(Image.open(path).convert("RGB"))
        elif path.suffix == ".safetensors":
            arrays |= {f"{name}:{key}": value for key, value in load_file(path).items()}
        elif path.suffix == ".json":
            values[name] = kept(json.loads(path.read_text()))
        elif path.suffix in (".csv", ".md"):
            values[name] = path.read_text().splitlines()
    return arrays, values


def run(words: str) -> None:
    """Run a command of latentclr; ends the recording if it fails."""
    try:
        command(words.split())
    except SystemExit as ended:
        if ended.code:
            raise


def directions_of(name: str, found: Directions) -> Arrays:
    """The tensors of directions, by name."""
    tensors = {**found.model.state_dict(), "scale": found.scale, "scores": found.scores}
    return {f"{name}:{key}": value.numpy() for key, value in tensors.items()}


def kept(value: Any) -> Any:
    """JSON values without times, versions and folders."""
    if isinstance(value, dict):
        return {key: kept(one) for key, one in value.items() if not CHANGES.search(key)}
    if isinstance(value, list | tuple):
        return [kept(one) for one in value]
    return FOLDER.sub("FOLDER", value) if isinstance(value, str) else value


def differences(name: str, old: Any, new: Any, tolerance: float) -> list[str]:
    """What differs between two JSON values, a line each."""
    if isinstance(old, dict) and isinstance(new, dict):
        return [
            line
            for key in sorted({*old, *new})
            for line in differences(f"{name}.{key}", old.get(key), new.get(key), tolerance)
        ]
    if isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        pairs = enumerate(zip(old, new, strict=True))
        return [line for i, pair in pairs for line in differences(f"{name}[{i}]", *pair, tolerance)]
    numbers = all(isinstance(one, int | float) and not isinstance(one, bool) for one in (old, new))
    if old == new or (numbers and abs(old - new) <= tolerance * max(abs(old), abs(new))):
        return []
    return [f"{name}: {old!r} is now {new!r}"]


def main() -> None:
    """Record or compare."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("action", choices=["record", "compare"])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--tolerance", type=float, default=0.0, help="relative; 0: equal")
    chosen = parser.parse_args()
    folder, tolerance = chosen.folder.absolute(), chosen.tolerance
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as place:
        os.chdir(place)
        arrays, values = computed(Path(place))
        os.chdir("/")
    values = json.loads(json.dumps(values))
    if chosen.action == "record":
        folder.mkdir(parents=True, exist_ok=True)
        save_file(
            {name: np.ascontiguousarray(one) for name, one in arrays.items()}, folder / "arrays.safetensors"
        )
        (folder / "values.json").write_text(json.dumps(values, indent=1))
        return
    old = load_file(folder / "arrays.safetensors")
    lines = differences("", kept(json.loads((folder / "values.json").read_text())), values, tolerance)
    lines += [f"{name}: is not in both" for name in sorted({*old} ^ {*arrays})]
    for name in sorted({*old} & {*arrays}):
        one, other = old[name], arrays[name]
        size = float(np.nan_to_num(np.abs(one.astype(float))).max(initial=0))
        same = one.shape == other.shape and np.allclose(
            one.astype(float), other.astype(float), rtol=tolerance, atol=tolerance * size, equal_nan=True
        )
        if not same:
            lines.append(f"{name}: differs")
    print("\n".join(lines) or f"all {len(arrays)} arrays and {len(values)} records are equal")  # noqa: T201
    sys.exit(bool(lines))


if __name__ == "__main__":
    main()
