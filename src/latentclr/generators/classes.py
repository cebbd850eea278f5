"""Classes of conditional generators, by number and by name."""

from collections.abc import Sequence
from difflib import get_close_matches
from functools import cache
from importlib.resources import files

from latentclr.errors import InputError


@cache
def imagenet_names() -> tuple[str, ...]:
    """Names of the 1000 ImageNet classes (ILSVRC 2012), in the order that BigGAN numbers them.

    Each is a WordNet synset: synonyms separated by commas.
    """
    text = (files(__package__) / "imagenet_classes.txt").read_text("utf-8")
    return tuple(line for line in text.splitlines() if line and not line.startswith("#"))


def find_class(which: int | str, names: Sequence[str], num_classes: int) -> int:
    """The number of a class.

    Args:
        which: the number itself (also as a string), or a name: one of the synonyms, in any case. A class that
            has it as its first synonym precedes others that have it further back.
        names: names of all classes, each one or more synonyms separated by commas; empty: not known.
        num_classes: number of classes.

    >>> find_class("tabby cat", ["tench, Tinca tinca", "tabby, tabby cat"], 2)
    1

    Raises:
        InputError: there is no such class, or several have that name.
    """
    if isinstance(which, int) or which.strip().isdecimal():
        number = int(which)
        if not 0 <= number < num_classes:
            raise InputError(
                f"there is no class {number}: this generator has classes 0 to {num_classes - 1}."
            )
        return number
    if not names:
        raise InputError(
            f"there is no class {which!r}: its classes have no known names; give a number "
            f"in 0 to {num_classes - 1}."
        )
    wanted = _plain(which)
    numbers = [i for i, name in enumerate(names) if wanted in {_plain(name), *map(_plain, name.split(","))}]
    firsts = [i for i in numbers if wanted == _plain(names[i].split(",")[0])]
    if len(numbers) == 1 or len(firsts) == 1:
        return (firsts or numbers)[0]
    if numbers:
        several = "; ".join(f"{number} ({names[number]})" for number in numbers)
        raise InputError(f"several classes are called {which!r}: {several}; give the number.")
    synonyms = {_plain(part): i for i, name in enumerate(names) for part in name.split(",")}
    near = [part for part in synonyms if wanted in part] or get_close_matches(wanted, synonyms, n=4)
    hint = ", ".join(f"{part} ({synonyms[part]})" for part in near[:4])
    raise InputError(f"there is no class {which!r}" + (f"; did you mean {hint}?" if hint else "."))


def _plain(name: str) -> str:
    return " ".join(name.replace("_", " ").lower().split())
