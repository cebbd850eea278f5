"""latentclr evaluate RUN [RUN ...]: measure what directions do, with confidence intervals."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from latentclr.cli.console import counted, out, say, table
from latentclr.cli.options import OverwriteOption, Runs
from latentclr.cli.parsing import check_options
from latentclr.cli.runs import SeveralRunsOptions
from latentclr.errors import InputError
from latentclr.evaluate.settings import LONGEST
from latentclr.limits import POSITIVE, Limit, at_least

if TYPE_CHECKING:
    from latentclr.directions import Directions
    from latentclr.evaluate.reading import Distance
    from latentclr.generators import Generator
    from latentclr.report.evaluation import Evaluated

PAGE = "report.html"
LATENT_SEED = 2021
"""Seed of the latents that edits are measured on: the same for every evaluation, and used by no method."""
POPULATION = 512
"""Pictures whose standard deviations are the units of effects."""

MeasureName = Literal["picture", "lpips-alex", "lpips-vgg"]


@dataclass(frozen=True)
class Command(SeveralRunsOptions, OverwriteOption):
    """Measure what directions do, with confidence intervals.

    Effects on attributes at matched strength, leakage, repetition, paths, and proposed names: a page to read,
    and numbers to use.
    """

    runs: Runs
    """Run folders (or directions files) of one generator."""
    out: Path
    """Folder for the evaluation: report.html, metrics.json, scores and strips."""
    latents: int = 100
    """Pictures that effects are measured on; half of them choose the directions for re-scoring."""
    measure: MeasureName = "picture"
    """What strengths are matched by: the root mean square change of the picture, or LPIPS with the weights of
    AlexNet or VGG16, which are fetched."""
    target: float | None = None
    """Change that each direction makes at strength 1 (default: the median change of random directions of
    length 3, which depends on the generator alone)."""
    separability: int = 150
    """Training steps of the network that recognises directions in pictures; 0: no such network."""
    calibrate_runs: bool = False
    """Write the matched strengths into the runs, so that alpha = 1 is the same visible change along each of
    their directions."""
    name_runs: bool = False
    """Write the proposed names into the runs, for directions without a name."""
    longest: float = LONGEST
    """Longest edit to try, as a length in latent space. A direction that needs a longer one is too weak."""
    level: float = 0.95
    """Confidence level of the intervals."""

    def run(self) -> None:
        """Measure the runs, write the folder, and print the summary."""
        import torch

        from latentclr.engine.memory import keep_memory
        from latentclr.evaluate.calibration import RMS, calibrate, rms, usual_target
        from latentclr.evaluate.intervals import Bootstrap
        from latentclr.evaluate.reading import reading_of
        from latentclr.files import make_folder, write_bytes, write_json
        from latentclr.images import save_picture
        from latentclr.report.evaluation import Evaluator, record, strip
        from latentclr.report.page import page
        from latentclr.runs.folders import EVALUATION

        self._check()
        keep_memory()
        opened, generator = self.open(self.runs)
        distance = _distance_of(self.measure, generator)
        reading = reading_of(generator, distance or rms)
        with EVALUATION.new(self.out, overwrite=self.overwrite) as folder:
            target = usual_target(generator, distance=distance) if self.target is None else self.target
            latents = generator.sample(self.latents, rng=torch.Generator().manual_seed(LATENT_SEED))
            population = generator.sample(POPULATION, rng=torch.Generator().manual_seed(LATENT_SEED + 1))
            evaluator = Evaluator(
                generator, reading, latents, population, self.separability, Bootstrap(level=self.level)
            )
            rows: list[dict[str, Any]] = []
            done: list[Evaluated] = []
            for number, run in enumerate(opened):
                say(f"{run.name}: matching the strengths of {run.directions.k} directions")
                calibrated = calibrate(
                    replace(run.directions, slots=run.slots),
                    generator,
                    target=target,
                    distance=distance,
                    measure=RMS if distance is None else self.measure,
                    longest=self.longest,
                )
                run = replace(run, directions=calibrated)
                with counted(f"{run.name}: scoring edits", len(latents)) as log:
                    measured = evaluator.evaluate(run, log=log)
                measured.scored.save(make_folder(folder / "scores") / f"{number}.safetensors")
                row = measured.record()
                for k, about in enumerate(row["directions"]):
                    about["strip"] = f"strips/{number}-{k:03}.png"
                    save_picture(strip(generator, run, k), folder / about["strip"])
                rows.append(row)
                done.append(measured)
            settings = self._settings(target, len(latents))
            facts = record(rows, generator, reading.scales, settings)
            write_json(folder / EVALUATION.mark, facts)
            write_bytes(folder / PAGE, page(facts, folder).encode())
        self._write_back(done)
        _print_summary(facts)
        out.print(f"\nreport: {self.out / PAGE}")

    def _check(self) -> None:
        from latentclr.runs.folders import EVALUATION

        if not self.runs:
            raise InputError("evaluate needs at least one run: give its folder.")
        check_options(
            self,
            latents=at_least(8),
            separability=at_least(0),
            target=POSITIVE,
            longest=POSITIVE,
            level=Limit(above=0, below=1),
        )
        EVALUATION.check_place(self.out, overwrite=self.overwrite)

    def _settings(self, target: float, latents: int) -> dict[str, Any]:
        from latentclr.evaluate.measuring import MULTIPLES

        return {
            "runs": [str(run) for run in self.runs],
            "latents": latents,
            "seed": LATENT_SEED,
            "measure": self.measure,
            "target": target,
            "multiples": list(MULTIPLES),
            "level": self.level,
            "slots": "each run's own" if self.slots is None else self.slots,
            "separability": self.separability,
            "command": f"latentclr evaluate {' '.join(map(str, self.runs))} --out {self.out}"
            + (f" --latents {self.latents}" if self.latents != Command.latents else "")
            + (f" --measure {self.measure}" if self.measure != Command.measure else "")
            + (f" --target {self.target:g}" if self.target is not None else "")
            + (f" --slots {self.slots}" if self.slots is not None else ""),
        }

    def _write_back(self, measured: Sequence[Evaluated]) -> None:
        """Write strengths and names into the runs, if asked for; what was changed there meanwhile is kept."""
        from latentclr.directions import change
        from latentclr.runs.discovery import directions_file

        if not (self.calibrate_runs or self.name_runs):
            return
        for run, one in zip(self.runs, measured, strict=True):
            change(directions_file(run), partial(self._with_findings, one))
            say(f"{run}: updated; `latentclr sheet {run}` draws its contact sheet again.")

    def _with_findings(self, one: Evaluated, now: Directions) -> Directions:
        from latentclr.evaluate.naming import propose, unique_names

        if self.calibrate_runs:
            found = one.run.directions
            now = replace(now, scale=found.scale, origin=found.origin)
        if self.name_runs:
            now = now.rename(unique_names(propose(one.scored), now.names))
        return now


def _distance_of(measure: MeasureName, generator: Generator) -> Distance | None:
    """Load the distance of a name; None for the root mean square, which needs no network."""
    if measure == "picture":
        return None
    from latentclr.scorers.lpips import load_lpips  # may fetch weights

    network: Literal["alex", "vgg"] = "alex" if measure == "lpips-alex" else "vgg"
    return load_lpips(network, device=generator.device, log=say)


def _print_summary(facts: dict[str, Any]) -> None:
    """Print the summary of every run, and what its directions do."""
    names = [run["name"] for run in facts["runs"]]
    shown = table("", *names, right=names)
    for about in facts["measures"]:
        if about["of"] != "run" or not any(run["summary"].get(about["name"]) for run in facts["runs"]):
            continue
        shown.add_row(
            about["name"], *(_format_quantity(run["summary"][about["name"]]) for run in facts["runs"])
        )
    out.print(shown)
    for run in facts["runs"]:
        out.print(f"\n{run['name']}")
        for one in run["directions"]:
            out.print(f"  {one['label']:>4}  {one['proposal']['text']}")
    for note in facts["notes"]:
        say(f"note: {note}")


def _format_quantity(value: dict[str, float | None] | None) -> str:
    """A value and its interval as short text.

    >>> _format_quantity({"value": 0.5, "low": 0.25, "high": 0.75}), _format_quantity(None)
    ('0.50 [0.25, 0.75]', '-')
    """
    if value is None or value["value"] is None:
        return "-"
    if value["low"] is None:
        return f"{value['value']:.2f}"
    return f"{value['value']:.2f} [{value['low']:.2f}, {value['high']:.2f}]"
