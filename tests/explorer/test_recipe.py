"""Recipes: values that survive JSON and links, and refuse whatever is not possible."""

import base64
import json
import tracemalloc
import zlib
from dataclasses import replace
from functools import cache
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from latentclr import InputError
from latentclr.explorer.recipe import (
    LARGEST_JSON,
    LARGEST_LINK,
    LONGEST_NAME,
    MOST_EDITS,
    MOST_SEEDS,
    MOST_SLOTS,
    Edit,
    Recipe,
)

RUN, SHA = "0123456789ab", "c" * 64
PLAIN = Recipe("scenes", SHA)

numbers = st.integers(0, MOST_SLOTS - 1)
# Values only: the type checker of the tests draws random numbers, which strategies must not.
edits = st.tuples(
    st.text("0123456789abcdef", min_size=12, max_size=12),
    st.integers(0, 1_000_000),
    st.floats(-1000, 1000),
    st.none() | st.lists(numbers, min_size=1, max_size=20).map(tuple),
)
recipes = st.tuples(
    st.text(min_size=1, max_size=40).filter(str.isprintable),
    st.text("0123456789abcdef", min_size=64, max_size=64),
    st.none() | st.integers(0, 1_000_000),
    st.lists(st.integers(0, 2**32 - 1), min_size=1, max_size=8).map(tuple),
    st.floats(0, 1, exclude_min=True),
    st.lists(edits, max_size=6),
    st.integers(1, 100),
    st.none() | st.text("0123456789abcdef", min_size=12, max_size=12),
)


@settings(max_examples=30)
@given(recipes)
def test_json_and_links_give_recipes_back(values: tuple[Any, ...]) -> None:
    generator, sha256, label, seeds, truncation, made, *rest = values
    recipe = Recipe(generator, sha256, label, seeds, truncation, tuple(Edit(*edit) for edit in made), *rest)
    assert Recipe.from_json(recipe.to_json()) == recipe
    assert Recipe.from_json(recipe.to_json(indent=None).encode()) == recipe
    link = recipe.to_link()
    assert Recipe.from_link(link) == recipe
    assert set(link) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")
    assert "\n" not in recipe.to_json(indent=None)
    assert recipe.to_json().isascii()


def test_equal_recipes_have_equal_json() -> None:
    one = replace(PLAIN, seeds=(1, 2), edits=(Edit(RUN, 3, 2.0, (5, 1, 1)), Edit(RUN, 4, -0.0)))
    edits = [
        {"run": RUN, "direction": 3, "alpha": 2, "slots": [1, 5]},
        {"run": RUN, "direction": 4, "alpha": 0},
    ]
    other = Recipe.from_json(changed(seeds=[1, 2], truncation=1, edits=edits))
    assert one == other
    assert one.to_json() == other.to_json()
    assert hash(one) == hash(other)


def test_the_largest_recipe_fits_into_json_and_links() -> None:
    name = "\N{GRINNING FACE}" * LONGEST_NAME
    every = tuple(range(MOST_SLOTS))
    largest = Recipe(
        name,
        SHA,
        1_000_000,
        tuple(2**32 - 1 - i for i in range(MOST_SEEDS)),
        0.1234567890123456,
        tuple(Edit(f"{i:012x}", 1_000_000, i - 999.1234567890123, every) for i in range(MOST_EDITS)),
        100,
    )
    assert len(largest.to_json()) <= LARGEST_JSON
    assert Recipe.from_json(largest.to_json()) == largest
    # Worse to compress: half of all slots.
    scattered = replace(
        largest,
        edits=tuple(
            replace(edit, slots=tuple(slot for slot in every if hash((i, slot)) % 7 > 2))
            for i, edit in enumerate(largest.edits)
        ),
    )
    assert len(scattered.to_link()) <= LARGEST_LINK
    assert Recipe.from_link(scattered.to_link()) == scattered


def test_an_edit_takes_the_place_of_the_one_along_its_direction() -> None:
    recipe = (
        PLAIN.with_edit(Edit(RUN, 1, 1.0)).with_edit(Edit(RUN, 2, 2.0)).with_edit(Edit(RUN, 1, 3.0, (4,)))
    )
    assert recipe.edits == (Edit(RUN, 1, 3.0, (4,)), Edit(RUN, 2, 2.0))
    assert recipe.edit_of(RUN, 2) == Edit(RUN, 2, 2.0)
    assert recipe.edit_of("f" * 12, 2) is None
    assert recipe.without_edit(RUN, 1).edits == (Edit(RUN, 2, 2.0),)
    assert recipe.unedited() == PLAIN


IMPOSSIBLE: list[tuple[dict[str, Any], str]] = [
    ({"generator": ""}, "generator ''; it must be a name"),
    ({"generator": "x" * 1001}, "generator 'xxx"),
    ({"generator": "a\nb"}, "in one line"),
    ({"generator": "\ud800"}, "generator"),
    ({"generator": None}, "generator None"),
    ({"sha256": "c" * 63}, "sha256 'ccc.*64 digits"),
    ({"sha256": "C" * 64}, "64 digits"),
    ({"sha256": "c" * 64 + "\n"}, "64 digits"),
    ({"label": -1}, r"label -1; it must be a whole number in 0 \.\."),
    ({"label": True}, "label True"),
    ({"seeds": []}, "seeds a list of 0; it must be a list of 1 to 64"),
    ({"seeds": [0] * 65}, "a list of 65"),
    ({"seeds": [2**32]}, "seed 4294967296"),
    ({"seeds": [0.0]}, "seed 0.0"),
    ({"seeds": 7}, "seeds 7"),
    ({"truncation": 0}, "truncation=0.0 must be above 0"),
    ({"truncation": 1.01}, "truncation 1.01"),
    ({"truncation": "1"}, "truncation '1'"),
    ({"edits": None}, "edits None"),
    ({"edits": [None]}, "edit None"),
    ({"edits": [{}]}, "the edit lacks the entry 'alpha'"),
    ({"edits": [{"run": RUN, "direction": 0, "alpha": 1}] * 65}, "edits a list of 65"),
    ({"steps": 0}, "steps 0"),
    ({"steps": 101}, "steps 101"),
    ({"steps": 10**400}, "steps"),
    ({"colour": 1}, "unknown entry 'colour'; known are edits, generator"),
    ({"format": 2}, "has format 2; only 1 is known"),
    ({"format": True}, "has format True"),
]


def changed(**changes: object) -> str:
    return json.dumps({**json.loads(PLAIN.to_json()), **changes})


@pytest.mark.parametrize(("changes", "said"), IMPOSSIBLE)
def test_impossible_recipes_are_refused(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError, match=said):
        Recipe.from_json(changed(**changes))


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"run": "0123456789AB"}, "the id of a run"),
        ({"run": "../../../etc"}, "the id of a run"),
        ({"direction": -1}, "direction -1"),
        ({"direction": True}, "direction True"),
        ({"alpha": 1000.5}, r"alpha 1000.5; it must be a number in -1000 \.\. 1000"),
        ({"alpha": 10**4000}, "alpha 1000"),
        ({"alpha": "3"}, "alpha '3'"),
        ({"slots": []}, "slots a list of 0; it must be a list of 1 to 256"),
        ({"slots": [256]}, "slot 256"),
        ({"slots": [False]}, "slot False"),
        ({"slots": "0-3"}, "slots '0-3'"),
        ({"slots": [*range(256), 0]}, "a list of 257"),
        ({"name": "smile"}, "the edit has an unknown entry 'name'"),
    ],
)
def test_impossible_edits_are_refused(changes: dict[str, Any], said: str) -> None:
    edit = {"run": RUN, "direction": 0, "alpha": 1.0, "slots": None, **changes}
    with pytest.raises(InputError, match=said):
        Recipe.from_json(changed(edits=[edit]))


@pytest.mark.parametrize("value", ["NaN", "Infinity", "-Infinity", "1e999", "-1e999"])
def test_numbers_that_are_not_finite_are_refused(value: str) -> None:
    edit = f'{{"run": "{RUN}", "direction": 0, "alpha": {value}}}'
    with pytest.raises(InputError, match=r"alpha (nan|inf|-inf); it must be a number"):
        Recipe.from_json(changed(edits=["here"]).replace('"here"', edit))
    with pytest.raises(InputError, match=r"it must be|must be above"):
        Recipe.from_json(changed(truncation="here").replace('"here"', value))
    with pytest.raises(InputError, match="seed"):
        Recipe.from_json(changed(seeds=["here"]).replace('"here"', value))


HOSTILE: list[str | bytes] = [
    "",
    "null",
    "[]",
    "{}",
    "{",
    "not json",
    "[" * 100_000,
    '{"format":1,"generator":' + '{"a":' * 800 + "1" + "}" * 800 + "}",
    '{"format":' + "[" * 900 + "]" * 900 + "}",
    '{"format": 1, "seeds": [' + "9" * 100_000 + "]}",
    '{"format": 1, "format": 1, "generator": "scenes", "sha256": "' + SHA + '"}',
    " " * 1_000_000,
    "[" + "1," * 500_000 + "1]",
    b"\xff\xfe\x00",
    b"\x00" * 1000,
    "\x00",
    "\ufeff{}",
]


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_whatever_is_no_recipe_gets_one_sentence(text: str | bytes) -> None:
    with pytest.raises(InputError) as error:
        Recipe.from_json(text)
    said = str(error.value)
    assert "\n" not in said
    assert len(said) < 300


def packed(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


@cache
def bomb() -> str:
    """A few kilobytes that unpack to 8 MB."""
    return packed(zlib.compress(b" " * 8_000_000, 9))


LINKS = [
    "",
    "=",
    "!",
    "a b",
    "é",
    "\x00",
    "A",
    "AAAA",
    "../../etc/passwd",
    "x" * 1_000_000,
    packed(b"hello"),
    packed(zlib.compress(b"hello")),
    packed(zlib.compress(PLAIN.to_json().encode())[:-3]),
    packed(zlib.compress(PLAIN.to_json().encode()) + b"more"),
    PLAIN.to_link()[:-8],
    PLAIN.to_link()[4:],
    PLAIN.to_link() + "AAAA",
]


@pytest.mark.parametrize("link", [*LINKS, bomb()], ids=range(len(LINKS) + 1))
def test_links_that_are_damaged_or_worse_get_one_sentence(link: str) -> None:
    with pytest.raises(InputError) as error:
        Recipe.from_link(link)
    assert "\n" not in str(error.value)
    assert len(str(error.value)) < 200


def test_a_link_is_not_unpacked_beyond_what_a_recipe_can_be() -> None:
    assert len(bomb()) < LARGEST_LINK
    link = bomb()
    tracemalloc.start()
    try:
        with pytest.raises(InputError, match="unpacked, it has over 256,000 characters"):
            Recipe.from_link(link)
        assert tracemalloc.get_traced_memory()[1] < 2_000_000
    finally:
        tracemalloc.stop()


@settings(max_examples=60)
@given(st.text(max_size=200))
def test_any_text_is_a_recipe_or_a_sentence(text: str) -> None:
    for read in (Recipe.from_json, Recipe.from_link):
        with pytest.raises(InputError):
            read(text)


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=60)
@given(st.sampled_from(["generator", "sha256", "label", "seeds", "truncation", "edits", "steps"]), values)
def test_any_value_of_any_entry_is_taken_or_refused_in_a_sentence(name: str, value: object) -> None:
    text = json.dumps({**json.loads(PLAIN.to_json()), name: value})
    try:
        recipe = Recipe.from_json(text)
    except InputError as error:
        assert "\n" not in str(error)  # noqa: PT017
    else:
        assert Recipe.from_json(recipe.to_json()) == recipe
