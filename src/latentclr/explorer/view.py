"""What one visitor looks at: a value."""

from dataclasses import dataclass

from latentclr.explorer.recipe import Recipe

MODES = ("picture", "strip", "grid", "difference", "methods", "loop")
"""What is drawn: the picture, one direction at many strengths, many seeds, what the edits change, the chosen
direction of every run beside each other, an animation."""
PICTURE, STRIP, GRID, DIFFERENCE, METHODS, LOOP = MODES
PAGE = 12
"""Directions that are shown at a time."""
POOL = 24
"""Seeds of the grid, unless somebody wrote others."""
MOST_RUNS = 8
"""Runs that are beside each other."""
STRONGEST = 3.0
"""Multiple of the matched strength up to which methods are compared."""


@dataclass(frozen=True)
class View:
    """All that a visitor has chosen.

    Attributes:
        recipe: of the picture; it has one seed.
        picks: the chosen direction of every chosen run: (id, number), at most `MOST_RUNS`.
        run: the run whose sliders are shown; "": there is none.
        mode: one of `MODES`.
        pool: seeds of the grid.
        hidden: whether hidden directions are listed too.
        first: place, in the list, of the first slider that is shown.
        strength: of the comparison of methods, 1 is the matched one.
    """

    recipe: Recipe
    picks: tuple[tuple[str, int], ...] = ()
    run: str = ""
    mode: str = PICTURE
    pool: tuple[int, ...] = tuple(range(POOL))
    hidden: bool = False
    first: int = 0
    strength: float = 1.0

    @property
    def runs(self) -> tuple[str, ...]:
        """Ids of the chosen runs, in order."""
        return tuple(run for run, _ in self.picks)

    @property
    def at(self) -> tuple[str, int] | None:
        """The direction that was chosen or moved last; None: there is no run."""
        return next((pick for pick in self.picks if pick[0] == self.run), None)

    @property
    def seed(self) -> int | None:
        """Number of the picture; None: it is a photo."""
        return None if self.recipe.photo else self.recipe.seeds[0]

    @property
    def title(self) -> str:
        """What the picture is called."""
        return self.recipe.titles[0]
