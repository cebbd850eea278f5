"""The shelf: the generators and runs that a page may open, and nothing else."""

import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from latentclr.checkpoints import load_generator
from latentclr.directions import Directions, Move, change
from latentclr.errors import InputError
from latentclr.explorer.cache import Cache
from latentclr.explorer.checks import shown
from latentclr.explorer.entry import Entry, run_id
from latentclr.explorer.generators import Generators, Load, view_of
from latentclr.explorer.photos import Photo, Photos, photo_id
from latentclr.explorer.recipe import Edit, Recipe
from latentclr.generators import Generator, Latents
from latentclr.invert.artefact import Inversion
from latentclr.invert.difference import Difference
from latentclr.runs.discovery import directions_file, run_names

__all__ = ["Entry", "Opened", "Shelf", "run_id"]

DEFAULT = "scenes"
"""The generator of a shelf that was given neither a generator nor a run that names one."""
REMEMBERED = 4096
"""Results that other modules of the explorer keep with a shelf: matched strengths, proposed names."""


@dataclass(frozen=True)
class Opened:
    """A recipe with all that it names.

    Attributes:
        generator: at its truncation, of its class, in the space of the edits.
        latents: (seeds, slots, dim), before any edit; of a photo, (1, slots, dim).
        moves: the edits that do something (alpha is not 0).
        steps: of each.
    """

    generator: Generator
    latents: Latents
    moves: tuple[Move, ...]
    steps: int


class Shelf(Generators):
    """Generators and runs by name; may be used by several threads.

    Nothing that a visitor sends is ever a path: pages name generators, ids of runs and numbers of directions,
    and what is not on the shelf does not exist for them.

    Attributes:
        remembered: what was computed of its runs and generators and takes too long to be computed twice.
        photos: those that visitors have opened, and those that were inverted before.
    """

    def __init__(
        self,
        generators: Sequence[str] = (),
        runs: Sequence[Path] = (),
        *,
        load: Load = load_generator,
        log: Callable[[str], None] = lambda _: None,
    ) -> None:
        """Open the runs; generators are loaded when first asked for.

        Args:
            generators: names or files; none: those that the runs name, or `DEFAULT`.
            runs: run folders or directions files. One that holds the same directions as one before is left
                out.
            load: from a name to a generator.
            log: told in a sentence what was left out.

        Raises:
            InputError: a run that is not there or is damaged.
        """
        self._lock = threading.RLock()
        self._entries: dict[str, Entry] = {}
        self._fitting: set[tuple[str, str]] = set()
        self.remembered: Cache[Any] = Cache(REMEMBERED)
        self.photos = Photos()
        places = list(dict.fromkeys(directions_file(run).resolve() for run in runs))
        for place, title in zip(places, run_names(places), strict=True):
            directions = Directions.load(place)
            known = self._entries.get(run_id(directions))
            if known is not None:
                log(f"{place} is left out: it holds the same directions as {known.path}.")
            else:
                self._put(directions, title, place)
        named = [entry.found_in for entry in self._entries.values() if entry.found_in]
        super().__init__(generators or named or [DEFAULT], load=load)

    def entries(self, generator: str | None = None) -> tuple[Entry, ...]:
        """The runs, in the order in which they were given.

        Args:
            generator: only those that belong to it, as far as they say. One that belongs to no generator of
                the shelf is listed with each, and refused when it is used. None: all.

        Raises:
            InputError: there is no such generator, or it cannot be loaded.
        """
        with self._lock:
            everything = tuple(self._entries.values())
        if generator is None:
            return everything
        sha256, others = self.sha256(generator), set(self._names) - {generator}
        return tuple(one for one in everything if one.sha256 == sha256 or one.found_in not in others)

    def entry(self, run: str) -> Entry:
        """The run with that id.

        Raises:
            InputError: there is none.
        """
        with self._lock:
            found = self._entries.get(run)
        if found is None:
            raise InputError(
                f"the run {shown(run)} is not open here: open its folder too, `latentclr explore RUN ...` "
                "(a run that was trained or calibrated again is another one)."
            )
        return found

    def add(self, directions: Directions, title: str) -> Entry:
        """Put directions on the shelf that are in memory only: names and marks are then too.

        Directions that are there already stay as they are.
        """
        with self._lock:
            known = self._entries.get(run_id(directions))
            return known or self._put(directions, title, None)

    def add_photos(self, found: Inversion, tuning: Difference | None = None) -> None:
        """Put photos that were inverted before into the album, in this order.

        Args:
            found: the photos.
            tuning: of their generator.

        Raises:
            InputError: their generator is not here, or is another one than their latents or tuning say.
        """
        home = found.origin.generator
        name = self.with_sha256(home.sha256, home.name)
        if name is None:
            raise InputError(
                f"the photos were inverted in the generator {shown(home.name)}, which is not open "
                f"here: give it with `latentclr explore --generator` (here is {', '.join(self._names)})."
            )
        base = self.base(name)
        found.require(base.in_space(found.space))
        if tuning is not None:
            tuning.apply(base)
        for i in range(len(found)):
            one = found.select([i])
            self.photos.put(Photo(photo_id(one, self.sha256(name)), name, one, tuning=tuning), album=True)

    def start(self, generator: str | None = None) -> Recipe:
        """The recipe that a page begins with: one picture, as the first run of the generator drew it.

        Args:
            generator: its name; None: the first.

        Raises:
            InputError: see `base`.
        """
        name = generator or self._names[0]
        base, entries = self.base(name), self.entries(name)
        label = None
        if base.num_classes:
            wanted = entries[0].label if entries else None
            label = base.label_number or 0 if wanted is None else min(wanted, base.num_classes - 1)
        return Recipe(
            name, self.sha256(name), label=label, truncation=entries[0].truncation if entries else 1.0
        )

    def opened(self, recipe: Recipe) -> Opened:
        """A recipe with all that it names; nothing is drawn.

        Raises:
            InputError: a generator, class, run, direction or slot that is not there, a run of another
                generator, or edits in two latent spaces.
        """
        name = self.home(recipe)
        moves, spaces = [], {}
        for edit in recipe.edits:
            entry, move = self._move(name, edit)
            if edit.alpha:
                moves.append(move)
                spaces[move.directions.space] = entry.title
        if len(spaces) > 1:
            (one, first), (other, second) = list(spaces.items())[:2]
            raise InputError(
                f"edits in two latent spaces cannot be put together: {first!r} moves {one}, {second!r} moves "
                f"{other}; take those of one of them back."
            )
        if recipe.photo is not None:
            return self._photographed(name, recipe, tuple(moves), spaces)
        space = next(iter(spaces), None)
        return Opened(
            self.generator(name, recipe.label, recipe.truncation, space=space),
            self.latents(name, recipe.label, recipe.truncation, recipe.seeds, space=space),
            tuple(moves),
            recipe.steps,
        )

    def fitting(self, name: str, run: str) -> Entry:
        """The run with that id, once it is sure that it belongs to a generator.

        Raises:
            InputError: there is none, or see `Directions.require`.
        """
        entry = self.entry(run)
        if (name, run) not in self._fitting:  # asked once: it reads all weights of the generator
            space = entry.directions.space
            generator = self.base(name)
            if space != generator.space and space in ("w", "z"):
                with suppress(InputError):  # it has no such space: the sentence below says so better
                    generator = generator.in_space(space)
            entry.directions.require(generator)
            self._fitting.add((name, run))
        return entry

    def rename(self, run: str, index: int, name: str) -> Entry:
        """Name a direction; an empty name takes the name away.

        Raises:
            InputError: no such run or direction, a name that is taken or no name, or a file that cannot be
                written.
        """
        return self._change(run, lambda directions: directions.rename({index: name}))

    def star(self, run: str, index: int, on: bool = True) -> Entry:
        """Put a star on a direction, or take it away.

        Raises:
            InputError: no such run or direction, or a file that cannot be written.
        """
        return self._change(run, lambda directions: directions.star(index, on))

    def hide(self, run: str, index: int, on: bool = True) -> Entry:
        """Hide a direction, or show it again.

        Raises:
            InputError: no such run or direction, or a file that cannot be written.
        """
        return self._change(run, lambda directions: directions.hide(index, on))

    def _photographed(
        self, name: str, recipe: Recipe, moves: tuple[Move, ...], spaces: dict[str, str]
    ) -> Opened:
        """The recipe of a photo; its latents are in one space, and so must be its edits."""
        photo = self.photos.get(recipe.photo or "")
        if photo.generator != name:
            raise InputError(
                f"the photo was inverted in the generator {shown(photo.generator)}, not in {shown(name)}: "
                "open it again in this one."
            )
        found = photo.inversion
        if spaces and found.space not in spaces:
            (other, title) = next(iter(spaces.items()))
            raise InputError(
                f"the photo's latents are in {found.space} and {title!r} moves {other}: they cannot be put "
                "together."
            )
        generator = view_of(
            self.photos.generator(photo, self.base(name)),
            recipe.label,
            found.origin.truncation,
            space=found.space,
        )
        return Opened(generator, found.latents.to(generator.device), moves, recipe.steps)

    def _move(self, name: str, edit: Edit) -> tuple[Entry, Move]:
        entry = self.fitting(name, edit.run)
        directions = entry.directions
        index = directions.index(edit.direction)
        slots = None if edit.slots is None else self.base(name).check_slots(edit.slots)
        return entry, Move(directions, index, edit.alpha, slots)

    def _change(self, run: str, how: Callable[[Directions], Directions]) -> Entry:
        entry = self.entry(run)

        def checked(directions: Directions) -> Directions:
            if run_id(directions) != run:
                raise InputError(
                    f"{entry.path} holds other directions by now: open the page again to see them."
                )
            return how(directions)

        if entry.path is not None:
            after = change(entry.path, checked)  # not under our lock: another program may keep us waiting
            with self._lock:
                self._entries[run] = replace(entry, directions=after)
        else:
            with self._lock:
                after = how(self._entries[run].directions)
                self._entries[run] = replace(entry, directions=after)
        return self.entry(run)

    def _put(self, directions: Directions, title: str, path: Path | None) -> Entry:
        titles, number, called = {entry.title for entry in self._entries.values()}, 1, title
        while called in titles:
            number += 1
            called = f"{title} {number}"
        entry = Entry(run_id(directions), called, path, directions)
        self._entries[entry.id] = entry
        return entry
