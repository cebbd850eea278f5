"""latentclr discover METHOD: find directions and write a run folder."""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, Literal, TypeVar

import tyro

from latentclr.cli.console import Follower, Interrupted, one_voice, out, say, stop_on_interrupt, table
from latentclr.cli.options import (
    ClassName,
    DeviceOption,
    GeneratorName,
    OverwriteOption,
    ResumeOptions,
    open_generator,
    pick_device,
)
from latentclr.cli.parsing import chosen, parse
from latentclr.discover import METHODS, settings_of
from latentclr.discover.settings.base import MethodSettings

if TYPE_CHECKING:
    from latentclr.directions import Directions
    from latentclr.discover import Discoverer
    from latentclr.engine.world import World
    from latentclr.generators import Generator

CHEAP = 128
"""Largest resolution at which the contact sheet shows every direction."""
ROWS = 16
"""Directions on the sheet of a larger generator, whose pictures take a second each on a CPU."""

Method = TypeVar("Method", bound=MethodSettings)


@dataclass(frozen=True)
class Discover(ResumeOptions, OverwriteOption, DeviceOption, Generic[Method]):
    """Find directions with one method."""

    out: Path
    """Folder for the run: directions, contact sheet, record and log."""
    settings: Method
    """Settings of the method."""
    generator: GeneratorName = "scenes"
    preset: str | None = None
    """Named settings to start from; the other options change them."""
    label: ClassName = None
    """Class that a conditional generator draws, by number or name ("husky")."""
    space: Literal["w", "z"] | None = None
    """Latent space of a generator with a mapping network (default: w)."""
    sheet_seeds: tuple[int, ...] = (0, 1, 2)
    """Seeds of the pictures on the contact sheet."""
    devices: int = 1
    """Processes on this machine that share the work, each with its own GPU or a share of the CPU's threads.
    (Under torchrun, its options decide.)"""
    nodes: int = 1
    """Machines that share the work; the command is started on each."""

    def run(self) -> int:
        """Find the directions, write the run, and print what was found. Returns the exit code."""
        from latentclr.engine.launcher import launch
        from latentclr.engine.memory import keep_memory
        from latentclr.runs.discovery import RUN

        if self.resume and RUN.is_finished(self.out):
            say(f"{self.out} is finished: there is nothing to resume.")
            return 0
        device = pick_device(self.device)
        if device == "cpu" and getattr(self.settings, "memory", None) is None:
            keep_memory()
        with (
            launch(self.devices, self.nodes, device=device) as world,
            one_voice(world),
            stop_on_interrupt() as interrupted,
        ):
            generator = open_generator(self.generator, device=device, label=self.label, space=self.space)
            generator.from_seeds(self.sheet_seeds)  # so that wrong seeds are refused before the work
            if world.first:
                self._lead(generator, world, interrupted)
            else:
                self._method.fit(generator, stop=interrupted, world=world)
        return interrupted.exit_code

    @property
    def _method(self) -> Discoverer:
        from latentclr.discover import DISCOVERERS

        return DISCOVERERS[self.settings.method](**vars(self.settings))

    def _lead(self, generator: Generator, world: World, interrupted: Interrupted) -> None:
        from latentclr.engine.checkpoint import Keeper
        from latentclr.files import write_json
        from latentclr.images import save_picture
        from latentclr.report import contact_sheet
        from latentclr.runs.discovery import DIRECTIONS, LOG, RECORD, RUN, SHEET

        with RUN.new(self.out, overwrite=self.overwrite, resume=self.resume) as folder:
            with (folder / LOG).open("w") as log_file:
                keep = Keeper(folder, every=self.save_every)
                started = time.perf_counter()
                with Follower(getattr(self.settings, "steps", 1), log_file) as follower:
                    directions = self._method.fit(
                        generator, log=follower, stop=interrupted, keep=keep, world=world
                    )
                seconds, stopped = time.perf_counter() - started, interrupted()
            directions.save(folder / DIRECTIONS)
            record = self._record(directions, follower.curves, seconds)
            write_json(folder / RECORD, {**record, "interrupted": stopped})
            shown = generator.at(directions.origin.truncation)
            rows = directions.k if generator.resolution <= CHEAP else min(directions.k, ROWS)
            if rows < directions.k:
                say(f"drawing the first {rows} of {directions.k} directions")
            sheet = contact_sheet(shown, directions, seeds=self.sheet_seeds, indices=range(rows))
            save_picture(sheet, folder / SHEET)
        if not stopped:  # not earlier: until the run is in its place, it can still be lost
            RUN.remove_checkpoints(self.out)
        self._print_result(generator, directions, seconds, interrupted=stopped)

    def _record(
        self, directions: Directions, curves: dict[str, list[list[float]]], seconds: float
    ) -> dict[str, Any]:
        import torch

        return {
            **directions.origin,
            "seed": self.settings.seed,
            "preset": self.preset,
            "device": self.device,
            "threads": torch.get_num_threads(),
            "seconds": round(seconds, 2),
            "scores": [round(float(score), 5) for score in directions.scores],
            "curves": curves,
        }

    def _print_result(
        self, generator: Generator, directions: Directions, seconds: float, *, interrupted: bool
    ) -> None:
        from latentclr.report.sheet import strong_alpha
        from latentclr.runs.discovery import SHEET

        origin = directions.origin
        shown = table("direction", "score", "repeats", right=("direction", "score"))
        twins = {
            frozenset(pair[:2]) for name in ("duplicates", "look_alikes") for pair in origin.get(name, [])
        }
        for index in range(directions.k):
            alike = sorted(int(other) for pair in twins if index in pair for other in pair - {index})
            shown.add_row(
                directions.label(index), f"{float(directions.scores[index]):.3f}", ", ".join(map(str, alike))
            )
        if interrupted:
            say(
                f"stopped after step {origin.get('trained_steps', '?')}; the best directions so far, of step "
                f"{origin.get('best_step', '?')}, are saved and can be used. The same command with --resume "
                "continues."
            )
        accuracy = f", identification accuracy {origin['accuracy']:.3f}" if "accuracy" in origin else ""
        say(f"found {directions.k} directions in {seconds:.0f} s{accuracy}")
        say(f"score is the {origin.get('sorted_by', 'order of the method')}")
        out.print(shown)
        out.print(f"\nsheet: {self.out / SHEET}")
        if generator.resolution > CHEAP and directions.k > ROWS:
            others = f"--directions {ROWS}-{directions.k - 1} --columns 2 --out others.png"
            say(f"it shows the first {ROWS}; for the others: latentclr sheet {self.out} {others}")
        last, strong = min(4, directions.k - 1), strong_alpha(directions)
        edits = f"0:+{strong / 2:g},{last}:-{strong / 3:.2g}"
        say(
            "\nnext:\n"
            f"  latentclr explore {self.out}    # sliders, in the browser\n"
            f'  latentclr edit {self.out} --seed 3 --edits "{edits}" --out edited.png\n'
            f"  latentclr name {self.out} 0 light\n"
            f"  latentclr sheet {self.out} --seeds 5,6,7 --out more.png"
        )


def choices() -> dict[str, Any]:
    """The dataclass of options of each method."""
    return {method: Discover[settings_of(method)] for method in METHODS}  # type: ignore[misc]


def main(arguments: Sequence[str]) -> int | None:
    """Run the command; its first argument is the method. Returns the exit code."""
    found = chosen(arguments, "method", METHODS, _overview)
    if found is None:
        return None
    method, rest = found
    kind = settings_of(method)
    preset = _preset(rest)
    settings = kind.preset(preset) if preset else kind()
    return parse(
        Discover[kind],  # type: ignore[valid-type]
        rest,
        prog=f"discover {method}",
        about=f"{(kind.__doc__ or '').splitlines()[0]} ({kind.paper})",
        default=Discover(out=tyro.MISSING, settings=settings, preset=preset),
    ).run()


def _preset(arguments: Sequence[str]) -> str | None:
    # Read before the other options, since it decides their defaults.
    reader = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    reader.add_argument("--preset")
    found = reader.parse_known_args(list(arguments))[0].preset
    return None if found is None else str(found)


def _overview() -> str:
    kinds = {name: settings_of(name) for name in METHODS}
    methods = "\n".join(
        f"  {name:<14}{(kind.__doc__ or '').splitlines()[0]}\n{'':<16}{kind.paper}"
        for name, kind in kinds.items()
    )
    presets = "\n".join(
        f"  {name:<14}{', '.join(kind.presets)}" for name, kind in kinds.items() if kind.presets
    )
    return (
        "usage: latentclr discover METHOD --generator NAME --out FOLDER [options]\n\n"
        "Find directions in a generator and write a run folder: directions, contact sheet, record, log.\n\n"
        f"methods:\n{methods}\n\npresets (--preset):\n{presets}\n\n"
        "`latentclr discover METHOD --help` lists the method's options."
    )
