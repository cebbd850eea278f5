"""Directions for generators that come without a run: found at once, in memory."""

from latentclr.discover import SeFa
from latentclr.explorer.shelf import Shelf

COUNT = 16
"""Directions, of generators that have so many dimensions."""
TITLE = "SeFa, found just now"


def add_directions(shelf: Shelf) -> None:
    """Put directions on the shelf for each of its generators that has none: SeFa's, which need no samples.

    Names and marks that they get last as long as the program.

    Raises:
        InputError: a generator that cannot be loaded.
    """
    for name in shelf.generators():
        if not shelf.entries(name):
            generator = shelf.base(name)
            found = SeFa(k=min(COUNT, generator.latent_dim)).fit(generator)
            shelf.add(found, TITLE if len(shelf.generators()) == 1 else f"{TITLE} ({name})")
