"""latentclr compare RUN RUN ...: show what methods found beside each other, at equal strength."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import tyro

from latentclr.cli.console import out, say, table
from latentclr.cli.options import OverwriteOption
from latentclr.cli.parsing import check_options
from latentclr.cli.runs import SeveralRunsOptions
from latentclr.errors import InputError
from latentclr.evaluate.settings import LONGEST, MeasureName
from latentclr.limits import POSITIVE, at_least
from latentclr.ranges import numbers

if TYPE_CHECKING:
    from latentclr.generators import Generator
    from latentclr.report.comparison import Comparison

SAMPLES = {True: 16, False: 4}
"""Default of --samples, for generators up to 128 pixels (True) and larger ones."""
SAMPLE_SEED = 2021
"""Seed of the pictures that are edited to measure: the same for every comparison."""
TILE = (72, 96)
"""Smallest and largest height of a picture on the sheets, in pixels."""


@dataclass(frozen=True)
class Command(SeveralRunsOptions, OverwriteOption):
    """Show what methods found beside each other, at equal strength.

    Every direction is shown at the alpha where it changes the picture as much as the others, beside the
    directions that match it; and what each method found alone.
    """

    runs: Annotated[tuple[Path, ...], tyro.conf.Positional, tyro.conf.arg(metavar="RUN RUN ...")]
    """Two or more run folders (or directions files) of one generator; the first is the reference."""
    out: Path
    """Folder for the comparison: pictures, heat maps, tables and comparison.json."""
    seeds: str = "0,1,2"
    """Seeds of the pictures to edit on the sheets."""
    strength: float | None = None
    """Change that every edit makes: root mean square, of pictures from -1 (black) to 1 (white) (default: the
    median change of edits of length 3 along all directions)."""
    measure: MeasureName = "picture"
    """What the change is measured in: the picture, or the features of --layer."""
    layer: str | None = None
    """Layer for --measure features."""
    rows: int = 8
    """Directions of the first run to draw, each beside those of the other runs that match it."""
    samples: int | None = None
    """Pictures that are edited to measure (default: 16, or 4 for generators above 128 pixels)."""
    longest: float = LONGEST
    """Longest edit to try, as a length in latent space. A direction that needs a longer one is too weak."""

    def run(self) -> None:
        """Compare the runs, write the folder, and print the table."""
        import torch

        from latentclr.discover.ordering import SMALL
        from latentclr.files import write_bytes, write_json
        from latentclr.report.comparison import as_csv, as_markdown, compare, record
        from latentclr.report.comparison import table as facts_by_run
        from latentclr.runs.folders import COMPARISON

        seeds = tuple(numbers(self.seeds, int, "--seeds"))
        self._check()
        opened, generator = self.open(self.runs)
        if self.layer is not None:
            generator.layer(self.layer)
        generator.from_seeds(seeds)  # so that wrong seeds are refused before the work
        samples = self.samples or SAMPLES[generator.resolution <= 2 * SMALL]
        latents = generator.sample(samples, rng=torch.Generator().manual_seed(SAMPLE_SEED))
        with COMPARISON.new(self.out, overwrite=self.overwrite) as folder:
            total = sum(run.directions.k for run in opened)
            say(f"matching the strengths of {total} directions on {samples} pictures, both ways")
            comparison = compare(
                opened, generator, latents, layer=self.layer, strength=self.strength, longest=self.longest
            )
            facts = record(comparison, self._settings(generator, seeds, samples))
            write_json(folder / COMPARISON.mark, facts)
            by_run = facts_by_run(comparison)
            write_bytes(folder / "table.csv", as_csv(by_run).encode())
            write_bytes(folder / "table.md", as_markdown(by_run).encode())
            say("drawing")
            _draw(comparison, generator, seeds, self.rows, folder)
        self._print(by_run, facts)

    def _check(self) -> None:
        from latentclr.runs.folders import COMPARISON

        if len(self.runs) < 2:
            raise InputError(f"compare needs at least two runs, not {len(self.runs)}: give their folders.")
        check_options(self, rows=at_least(1), samples=at_least(1), strength=POSITIVE, longest=POSITIVE)
        if (self.measure == "features") != bool(self.layer):
            raise InputError(
                f"--measure {self.measure} with --layer {self.layer}: give `--measure features --layer NAME` "
                "for a layer's features, and neither for the picture."
            )
        COMPARISON.check_place(self.out, overwrite=self.overwrite)

    def _settings(self, generator: Generator, seeds: Sequence[int], samples: int) -> dict[str, Any]:
        return {
            "runs": [str(run) for run in self.runs],
            "seeds": list(seeds),
            "slots": self.moved or "each run's own",
            "measure": self.measure,
            "layer": self.layer,
            "strength": self.strength,
            "longest": self.longest,
            "samples": samples,
            "truncation": generator.truncation,
            "class": None if generator.label is None else generator.label_number,
        }

    def _print(self, by_run: Mapping[str, Mapping[str, str]], facts: dict[str, Any]) -> None:
        from latentclr.report.comparison import ALONE

        for note in facts["notes"]:
            say(f"note: {note}")
        what = "picture" if self.layer is None else f"features of {self.layer}"
        say(f"every edit changes the {what} by {facts['settings']['target']:.4g} (root mean square)")
        say(
            "seen in: mean |cos| between changes of the picture, of the best one-to-one pairs (any pair: of "
            "all pairs; two runs of `random` say what chance gives); vectors in: the same of the directions "
            f"themselves; found alone: directions whose best match in any other run is below {ALONE:g}"
        )
        shown = table("", *by_run, right=by_run)
        for fact in next(iter(by_run.values())):
            shown.add_row(fact, *(about[fact] for about in by_run.values()))
        out.print(shown)
        out.print(f"\nside by side: {self.out / 'side-by-side.png'}")


def _draw(
    comparison: Comparison, generator: Generator, seeds: tuple[int, ...], rows: int, folder: Path
) -> None:
    from latentclr.images import save_picture
    from latentclr.report.sheet import tile_size
    from latentclr.report.side_by_side import ComparisonSheets, overlap_map

    sheets = ComparisonSheets(comparison, generator, seeds, tile_size(generator, *TILE), rows)
    save_picture(sheets.side_by_side(), folder / "side-by-side.png")
    for row in range(len(sheets.blocks[0].rows)):
        save_picture(sheets.match(row), folder / "matches" / f"{row:02}.png")
    alone = sheets.alone()
    if alone is not None:
        save_picture(alone, folder / "alone.png")
    for (a, b), overlap in comparison.overlaps.items():
        names = comparison.runs[a].name, comparison.runs[b].name
        for kind in ("visible", "latent"):
            picture = overlap_map(overlap, names, latent=kind == "latent")
            save_picture(picture, folder / "overlaps" / f"{kind}-{a + 1}-{b + 1}.png")
