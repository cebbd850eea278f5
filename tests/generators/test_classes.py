"""Classes by number and by name."""

import pytest

from latentclr import InputError
from latentclr.generators.classes import find_class, imagenet_names

NAMES = imagenet_names()


def test_the_thousand_names() -> None:
    assert len(NAMES) == 1000
    assert all(name == name.strip() and name.isascii() for name in NAMES)
    assert all(part.strip() for name in NAMES for part in name.split(","))


@pytest.mark.parametrize(
    ("name", "number"),
    [
        ("tench", 0),
        ("goldfish", 1),
        ("tabby cat", 281),
        ("Panthera leo", 291),
        ("giant panda", 388),
        ("GIANT_PANDA", 388),
        ("  giant   panda ", 388),
        ("giant panda, panda, panda bear, coon bear, Ailuropoda melanoleuca", 388),
        ("maillot, tank suit", 639),
        ("388", 388),
        (388, 388),
    ],
)
def test_names_and_numbers(name: int | str, number: int) -> None:
    assert find_class(name, NAMES, 1000) == number


@pytest.mark.parametrize("number", [*range(7, 1000, 97), 86, 594, 657])
def test_a_class_is_found_by_its_whole_line_and_its_first_name(number: int) -> None:
    # The last three are called as others are, too: partridge, harp, missile.
    assert find_class(NAMES[number], NAMES, 1000) == number
    assert find_class(NAMES[number].split(",")[0], NAMES, 1000) == number


@pytest.mark.parametrize(
    ("name", "numbers"), [("crane", (134, 517)), ("maillot", (638, 639)), ("panda", (387, 388))]
)
def test_names_that_no_class_has_for_its_own(name: str, numbers: tuple[int, int]) -> None:
    with pytest.raises(InputError, match=rf"several classes .*{numbers[0]} \(.*{numbers[1]} \("):
        find_class(name, NAMES, 1000)


@pytest.mark.parametrize(
    ("which", "said"),
    [
        ("retriever", r"no class 'retriever'; did you mean .*retriever \(20\d\)"),
        ("vulcano", r"no class 'vulcano'; did you mean volcano \(980\)"),
        ("qqqqqqqq", r"no class 'qqqqqqqq'\."),
        (1000, r"no class 1000: .* 0 to 999"),
        (-1, r"no class -1: .* 0 to 999"),
        ("1000", r"no class 1000: .* 0 to 999"),
        ("²", r"no class '²'"),
    ],
)
def test_what_is_not_there(which: int | str, said: str) -> None:
    with pytest.raises(InputError, match=said):
        find_class(which, NAMES, 1000)


def test_without_names_only_numbers_count() -> None:
    assert find_class("2", (), 3) == 2
    with pytest.raises(InputError, match=r"no known names; give a number in 0 to 2"):
        find_class("cat", (), 3)
