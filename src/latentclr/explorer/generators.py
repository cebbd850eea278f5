"""The generators that a page may draw with, each loaded once."""

import threading
from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from latentclr.checkpoints import load_generator
from latentclr.errors import InputError
from latentclr.explorer.cache import Cache
from latentclr.explorer.checks import shown
from latentclr.explorer.entry import ID
from latentclr.explorer.recipe import Recipe
from latentclr.generators import Generator, Latents

LATENTS = 64
"""Unedited latents that are kept, of so many (generator, class, truncation, seeds)."""

Load = Callable[[str], Generator]


class Generators:
    """Generators by name; may be used by several threads."""

    def __init__(self, names: Sequence[str], *, load: Load = load_generator) -> None:
        """Load nothing yet.

        Args:
            names: of the generators, or files.
            load: from a name to a generator.
        """
        self._names = tuple(dict.fromkeys(names))
        self._load = load
        self._bases: dict[str, tuple[Generator, str]] = {}
        self._loading = {name: threading.Lock() for name in self._names}
        self._drawing = {name: threading.RLock() for name in self._names}
        self._latents: Cache[Tensor] = Cache(LATENTS)

    def generators(self) -> tuple[str, ...]:
        """Names of the generators; the first is the one to begin with."""
        return self._names

    def base(self, name: str) -> Generator:
        """The generator as it was loaded, once.

        Raises:
            InputError: it is not on the shelf, or cannot be loaded.
        """
        return self._loaded(name)[0]

    def sha256(self, name: str) -> str:
        """Fingerprint of a generator.

        Raises:
            InputError: see `base`.
        """
        return self._loaded(name)[1]

    def lock(self, name: str) -> threading.RLock:
        """Held by whoever draws with a generator: one picture after the other is faster than two at a time.

        Raises:
            InputError: there is no such generator.
        """
        self._check(name)
        return self._drawing[name]

    def generator(
        self, name: str, label: int | None = None, truncation: float = 1.0, *, space: str | None = None
    ) -> Generator:
        """A view of a generator, which costs nothing.

        Args:
            name: of the shelf.
            label: number of the class; None: the generator has none, or draws the one it was loaded with.
            truncation: of its latents.
            space: of its latents; None: its own.

        Raises:
            InputError: no such generator, class, truncation or space, or a class is needed and missing.
        """
        return view_of(self.base(name), label, truncation, space=space)

    def latents(
        self,
        name: str,
        label: int | None,
        truncation: float,
        seeds: Sequence[int],
        *,
        space: str | None = None,
    ) -> Latents:
        """Unedited latents (seeds, slots, dim), remembered. Nobody may change them in place.

        Raises:
            InputError: see `generator`; or a number that is no seed.
        """
        key = (name, label, truncation, tuple(seeds), space)

        def compute() -> Tensor:
            with torch.no_grad():
                return self.generator(name, label, truncation, space=space).from_seeds(seeds)

        return self._latents.get(key, compute)

    def with_sha256(self, sha256: str, called: str) -> str | None:
        """Name, on this shelf, of the generator with a fingerprint; None: it is not here.

        Args:
            sha256: the fingerprint.
            called: what it was called elsewhere, which is looked at first.
        """
        # First by name, then those that are loaded anyway.
        order = sorted(self._names, key=lambda name: (name != called, name not in self._bases))
        return next((name for name in order if self.sha256(name) == sha256), None)

    def home(self, recipe: Recipe) -> str:
        """Name, on this shelf, of the generator that a recipe was made with.

        It may have another name here (a path, on another machine) as long as its weights are the same.

        Raises:
            InputError: it is not here, or is another one by the same name.
        """
        found = self.with_sha256(recipe.sha256, recipe.generator)
        if found is not None:
            return found
        called = shown(recipe.generator)
        if recipe.generator in self._names:
            raise InputError(
                f"the recipe was made with another generator that is called {called} too: its fingerprint "
                f"begins with {recipe.sha256[:ID]}, this one's with {self.sha256(recipe.generator)[:ID]}; "
                "open the generator that it was made with."
            )
        raise InputError(
            f"the recipe was made with the generator {called}, which is not open here: give it with "
            f"`latentclr explore --generator` (here is {', '.join(self._names)})."
        )

    def _check(self, name: str) -> None:
        if name not in self._loading:
            raise InputError(f"there is no generator {shown(name)} here; there are {', '.join(self._names)}.")

    def _loaded(self, name: str) -> tuple[Generator, str]:
        if name not in self._bases:
            self._check(name)
            with self._loading[name]:
                if name not in self._bases:
                    generator = self._load(name)
                    self._bases[name] = (generator, generator.fingerprint())
        return self._bases[name]


def view_of(
    generator: Generator, label: int | None = None, truncation: float = 1.0, *, space: str | None = None
) -> Generator:
    """A view of a generator; see `Generators.generator`."""
    if label is not None:
        generator = generator.for_class(label)
    elif generator.num_classes:
        generator.chosen()
    return generator.in_space(space or generator.space).at(truncation).settled()
