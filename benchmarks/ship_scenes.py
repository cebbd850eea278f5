"""Measure a generator that was trained on scenes, and put it where the package ships it.

    latentclr pretrain stylegan2 --data scenes --out runs/scenes
    python -m benchmarks.ship_scenes scenes runs/scenes

Writes src/latentclr/weights/NAME.safetensors and, beside it, NAME.json: the card, with what the oracle says
of 10,000 of its pictures and how that compares with renders, and NAME.jsonl: the log of the training. A
training in stages gives its folders in order; the last one's generator is taken.
"""

import json
from pathlib import Path
from typing import Any

import torch
from benchmarks.runner import Parser

from latentclr.checkpoints import load_generator, save_generator
from latentclr.files import write_bytes, write_json
from latentclr.images import save_picture
from latentclr.pretrain import GENERATOR
from latentclr.pretrain.scene_metrics import SceneMetrics
from latentclr.pretrain.trainer import sample_sheet
from latentclr.scenes import SHAPES, WORLDS
from latentclr.scorers import load_oracle

WEIGHTS = Path(__file__).parents[1] / "src" / "latentclr" / "weights"
LIMIT = 8_000_000
"""Bytes of weights that the repository takes."""


def stage(folder: Path) -> dict[str, Any]:
    """Settings and length of the training in a folder."""
    record = json.loads((folder / "training.json").read_text())
    return {"settings": record["settings"], "pictures": record["pictures"]}


def curve(folder: Path, every: int) -> str:
    """The log of a training: one line for each `every` pictures, and all measurements."""
    kept, last = [], -every
    for line in (folder / "log.jsonl").read_text().splitlines():
        values = json.loads(line)
        if "frechet" in values or values["pictures"] >= last + every:
            kept.append(line)
            last = values["pictures"] if "frechet" not in values else last
    return "\n".join(kept) + "\n"


def main() -> None:
    parser = Parser(__doc__, out=False)
    parser.add_argument("name", choices=list(WORLDS))
    parser.add_argument("runs", type=Path, nargs="+", help="folders of the training's stages")
    parser.add_argument("--pictures", type=int, default=10_000)
    parser.add_argument("--command", action="append", default=[], help="that trained a stage; once for each")
    parser.add_argument("--machine", default="one core of an AMD EPYC")
    parser.add_argument("--sheet", type=Path, help="where to draw 64 of its pictures")
    parser.add_argument("--out", type=Path, default=WEIGHTS)
    arguments = parser.options()
    generator = load_generator(arguments.runs[-1] / GENERATOR)
    if generator.num_classes:
        generator.class_names = SHAPES[: generator.num_classes]
    metrics = SceneMetrics(load_oracle(), arguments.name, pictures=arguments.pictures)
    measured = {name: round(value, 4) for name, value in {**metrics.references, **metrics(generator)}.items()}
    card = {
        "what": f"{type(generator).__name__}, {generator.resolution} x {generator.resolution}, of the world "
        f"{arguments.name!r} (docs/scenes.md)",
        "licence": "MIT",
        "commands": arguments.command,
        "stages": [stage(folder) for folder in arguments.runs],
        "machine": arguments.machine,
        "parameters": sum(parameter.numel() for parameter in generator.parameters()),
        "measured_pictures": arguments.pictures,
        "measured": measured,
        "note": "Frechet distances in the log are of 2,000 pictures, which makes them larger.",
    }
    path = arguments.out / f"{arguments.name}.safetensors"
    source = {"data": arguments.name, "pictures": sum(part["pictures"] for part in card["stages"])}
    save_generator(generator, path, source=source)
    write_json(path.with_suffix(".json"), card)
    logs = "".join(curve(folder, 10_000) for folder in arguments.runs)
    write_bytes(path.with_suffix(".jsonl"), logs.encode())
    if arguments.sheet is not None:
        with torch.inference_mode():
            save_picture(sample_sheet(generator), arguments.sheet)
    print(json.dumps(card, indent=2))
    if path.stat().st_size > LIMIT:
        raise SystemExit(f"{path} has {path.stat().st_size:,} bytes; the limit is {LIMIT:,}.")


if __name__ == "__main__":
    main()
