"""What the processes of `test_ranks.py` do: `python -m tests.discover.ranks DEVICES FOLDER`."""

import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import torch
from tests.toy import Toy
from torch import Tensor

from latentclr import LatentCLR
from latentclr.engine import ALONE, World, launch
from latentclr.engine.checkpoint import Keeper, read_state
from latentclr.files import make_folder

SETTINGS = LatentCLR(k=4, batch=8, held_out=8, steps=6, validate_every=3, layer="late", model="nonlinear")
WAYS: Mapping[str, LatentCLR] = {
    "all": SETTINGS,
    "same-latent": replace(SETTINGS, negatives="same-latent", memory="100GB"),
}


def first_step(settings: LatentCLR, folder: Path, world: World = ALONE) -> None:
    """Keep what is known after one step in a folder, with the first rank."""
    keep = Keeper(make_folder(folder), every=0.0) if world.first else None
    replace(settings, steps=1).fit(Toy(), keep=keep, world=world)


def gradients(folder: Path) -> dict[str, Tensor]:
    """Those of the first step, of each parameter, and the loss: Adam has kept a tenth of them."""
    state = read_state(folder)
    assert state is not None
    found = {name: 10 * value for name, value in state[0].items() if name.endswith("exp_avg")}
    return found | {"loss": state[0]["total"]}


def main() -> None:
    """Fit on all processes: one step in each way; in one go; stopped and resumed."""
    devices, folder = int(sys.argv[1]), Path(sys.argv[2])
    with launch(devices, device="cpu") as world:
        toy = Toy()
        for name, settings in WAYS.items():
            first_step(settings, folder / name, world)
        whole = SETTINGS.fit(toy, world=world)
        keep = Keeper(make_folder(folder / "kept"), every=0.0) if world.first else None
        replace(SETTINGS, steps=4).fit(toy, keep=keep, world=world)
        resumed = SETTINGS.fit(toy, keep=keep, world=world)
        if world.first:
            whole.save(folder / "whole.safetensors")
            resumed.save(folder / "resumed.safetensors")
        try:
            replace(SETTINGS, batch=7).fit(toy, world=world)
        except ValueError as error:
            (folder / f"refused-{world.rank}").write_text(str(error))


if __name__ == "__main__":
    torch.set_num_threads(1)
    main()
