"""What the processes of `test_ranks.py` do: `python -m tests.discover.ranks DEVICES FOLDER`."""

import sys
from dataclasses import replace
from pathlib import Path

import torch

from latentclr import LatentCLR, load_generator
from latentclr.engine import launch
from latentclr.engine.checkpoint import Keeper
from latentclr.files import make_folder

SETTINGS = LatentCLR(
    k=4, batch=8, held_out=8, steps=12, validate_every=3, layer="b8.conv1", model="nonlinear", depth=2
)


def main() -> None:
    """Fit on all processes: in one go; stopped and resumed; within a memory budget."""
    devices, folder = int(sys.argv[1]), Path(sys.argv[2])
    with launch(devices, device="cpu") as world:
        generator = load_generator("scenes")
        whole = SETTINGS.fit(generator, world=world)
        keep = Keeper(make_folder(folder / "kept"), every=0) if world.first else None
        replace(SETTINGS, steps=10).fit(generator, keep=keep, world=world)
        resumed = SETTINGS.fit(generator, keep=keep, world=world)
        budgeted = replace(SETTINGS, memory="100GB").fit(generator, world=world)
        other = replace(SETTINGS, negatives="same-latent").fit(generator, world=world)
        if world.first:
            found = {"whole": whole, "resumed": resumed, "budgeted": budgeted, "same-latent": other}
            for name, directions in found.items():
                directions.save(folder / f"{name}.safetensors")
        try:
            replace(SETTINGS, batch=7).fit(generator, world=world)
        except ValueError as error:
            (folder / f"refused-{world.rank}").write_text(str(error))


if __name__ == "__main__":
    torch.set_num_threads(1)
    main()
