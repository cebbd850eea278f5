"""What a visitor looks at, how it changes, and the address that brings it back."""

from dataclasses import replace
from urllib.parse import parse_qsl

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some
from tests.explorer.shelves import bent, directions_in, plain, toys
from tests.toy import Toy

from latentclr.directions import Global
from latentclr.errors import InputError
from latentclr.explorer import changes
from latentclr.explorer.address import from_query, start, to_query, with_recipe
from latentclr.explorer.recipe import MOST_EDITS, Edit
from latentclr.explorer.shelf import Shelf
from latentclr.explorer.view import GRID, MODES, MOST_RUNS, PAGE, POOL, View

SHELF = toys(plain(), bent())
FIRST, SECOND = (entry.id for entry in SHELF.entries())


def query_of(view: View) -> dict[str, str]:
    return dict(parse_qsl(to_query(view)))


def many(count: int = 30) -> Shelf:
    import torch

    model = Global(count, Toy.PLANTED, rng=torch.Generator().manual_seed(5))
    return toys(directions_in("toy", model))


def test_it_opens_with_all_runs_and_one_picture() -> None:
    view = start(SHELF)
    assert view.picks == ((FIRST, 0), (SECOND, 0))
    assert (view.run, view.at, view.seed, view.recipe.edits) == (FIRST, (FIRST, 0), 0, ())
    assert len(view.pool) == POOL


def test_a_generator_without_runs_has_no_direction_to_choose() -> None:
    view = start(toys())
    assert (view.run, view.at, changes.page(toys(), view)) == ("", None, ())


def test_an_empty_address_is_that_of_the_start() -> None:
    assert from_query(SHELF, {}) == start(SHELF)


@settings(max_examples=30)
@given(
    seed=some.integers(0, 2**32 - 1),
    pool=some.lists(some.integers(0, 2**32 - 1), min_size=1, max_size=12, unique=True),
    alphas=some.dictionaries(some.integers(0, 3), some.floats(-9, 9).map(lambda x: x + 0.0), max_size=4),
    mode=some.sampled_from(MODES),
    hidden=some.booleans(),
    strength=some.sampled_from([0.1, 1.0, 2.5]),
    runs=some.lists(some.sampled_from([FIRST, SECOND]), min_size=1, max_size=2, unique=True),
    index=some.integers(0, 2),
)
def test_an_address_brings_everything_back(
    seed: int,
    pool: list[int],
    alphas: dict[int, float],
    mode: str,
    hidden: bool,
    strength: float,
    runs: list[str],
    index: int,
) -> None:
    view = changes.choose_runs(SHELF, start(SHELF), runs)
    view = changes.pick(SHELF, view, runs[-1], index)
    view = changes.slide(changes.seeds_from(view, seed), FIRST, alphas)
    view = changes.limit(view, SECOND, 1, (1,))
    view = changes.compare(changes.draw(replace(view, pool=tuple(pool), hidden=hidden), mode), strength)
    address = to_query(view)
    assert from_query(SHELF, dict(parse_qsl(address))) == view
    assert set(address) <= set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_=&%.+")


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        ({"s": "x"}, "this link is damaged"),
        ({"s": "A" * 100_000}, "this link is no recipe's"),
        ({"r": "0123456789ab:0"}, "the run '0123456789ab' is not open here"),
        ({"r": f"{FIRST}:99"}, "no direction 99"),
        ({"r": f"{FIRST}:-1"}, "direction '-1' is no number"),
        ({"r": f"{FIRST}:0,{FIRST}:1"}, "names a run twice"),
        ({"t": "../../etc"}, "this run is not one of the chosen ones"),
        ({"m": "<script>"}, "the page cannot draw '<script>'"),
        ({"g": "0-9999999999"}, "is no list of numbers"),
        ({"g": "0-99"}, "give up to 64 whole numbers"),
        ({"g": "-3"}, "is no list of numbers|give up to"),
        ({"x": "nan"}, "strength nan must be above 0"),
        ({"x": "1e99"}, "must be above 0 and at most 3"),
        ({"x": "much"}, "strength 'much' is no number"),
        ({"f": "many"}, "place 'many' is no number"),
        ({"f": "9" * 30}, "is no number"),
    ],
)
def test_a_damaged_address_is_a_sentence(changed: dict[str, str], sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        from_query(SHELF, query_of(start(SHELF)) | changed)


def test_pages_of_sliders() -> None:
    shelf = many(30)
    view = start(shelf)
    assert changes.page(shelf, view) == tuple(range(PAGE))
    assert changes.page(shelf, changes.turn(shelf, view, PAGE)) == tuple(range(12, 24))
    last = changes.turn(shelf, view, 999)
    assert changes.page(shelf, last) == tuple(range(24, 30))
    assert changes.turn(shelf, view, -5) == view
    assert changes.turn(shelf, view, 17).first == 12


def test_stars_come_first_and_hidden_ones_only_when_asked_for() -> None:
    shelf = many(5)
    view = start(shelf)
    shelf.star(view.run, 3)
    shelf.hide(view.run, 0)
    assert changes.listed(shelf, view) == (3, 1, 2, 4)
    assert changes.listed(shelf, replace(view, hidden=True)) == (3, 1, 2, 4, 0)


def test_the_next_direction_is_the_next_of_the_list_and_its_page_is_shown() -> None:
    shelf = many(14)
    view = start(shelf)
    shelf.star(view.run, 5)
    view = changes.pick(shelf, view, view.run, 5)
    assert changes.beside(shelf, view, +1).at == (view.run, 0)
    assert changes.beside(shelf, view, -1).at == (view.run, 13)
    assert changes.beside(shelf, view, -1).first == PAGE


def test_a_slider_at_0_makes_no_edit_and_keeps_its_place() -> None:
    view = start(SHELF)
    assert changes.slide(view, FIRST, {2: 0.0}) == view
    view = changes.slide(changes.slide(view, FIRST, {1: 1.0}), FIRST, {2: 1.0})
    view = changes.slide(changes.slide(view, FIRST, {1: 0.0}), FIRST, {1: 3.0})
    assert [(edit.direction, edit.alpha) for edit in view.recipe.edits] == [(1, 3.0), (2, 1.0)]


@pytest.mark.parametrize("alpha", [float("nan"), float("inf"), 1e9])
def test_no_slider_goes_as_far(alpha: float) -> None:
    with pytest.raises(InputError, match="the recipe has alpha"):
        changes.slide(start(SHELF), FIRST, {0: alpha})


def test_edits_that_do_nothing_make_room_for_others() -> None:
    shelf = many(MOST_EDITS + 3)
    view = start(shelf)
    for index in range(MOST_EDITS):
        view = changes.slide(view, view.run, {index: 1.0})
    with pytest.raises(InputError, match="64 directions at a time are the most"):
        changes.slide(view, view.run, {MOST_EDITS: 1.0})
    view = changes.slide(view, view.run, {7: 0.0})
    view = changes.slide(view, view.run, {MOST_EDITS: 1.0})
    assert len(view.recipe.edits) == MOST_EDITS
    assert view.recipe.edit_of(view.run, 7) is None


def test_slots_stay_until_they_are_reset() -> None:
    view = changes.limit(start(SHELF), FIRST, 1, (0,))
    view = changes.slide(view, FIRST, {1: 2.0})
    assert view.recipe.edits == (Edit(FIRST, 1, 2.0, (0,)),)
    assert changes.reset(view, (FIRST, 1)).recipe.edits == ()
    assert changes.reset(changes.slide(view, FIRST, {0: 1.0})).recipe.edits == ()


def test_several_seeds_are_a_grid_and_one_is_a_picture() -> None:
    view = changes.seeds(start(SHELF), "7-9, 7")
    assert (view.seed, view.pool, view.mode) == (7, (7, 8, 9), GRID)
    assert changes.seeds(start(SHELF), "42").mode == "picture"
    assert changes.next_seeds(view, +1).pool == (10, 11, 12)
    assert changes.next_seeds(changes.draw(view, "picture"), -1).seed == 6
    assert changes.next_seeds(start(SHELF), -1).seed == 2**32 - 1


@pytest.mark.parametrize(
    "text", ["", "abc", "1e3", "-1", "4294967296", "0-64", "0-99999999999999", "1,,2", "٣x"]
)
def test_what_is_no_seed_is_a_sentence(text: str) -> None:
    with pytest.raises(InputError, match="seeds"):
        changes.seeds(start(SHELF), text)


def test_only_chosen_runs_are_beside_each_other() -> None:
    view = changes.pick(SHELF, start(SHELF), SECOND, 2)
    alone = changes.choose_runs(SHELF, view, [SECOND])
    assert (alone.picks, alone.run) == (((SECOND, 2),), SECOND)
    assert changes.choose_runs(SHELF, alone, [FIRST]).run == FIRST
    assert changes.choose_runs(SHELF, alone, []).at is None
    assert changes.pick(SHELF, alone, FIRST, 1).picks == ((SECOND, 2), (FIRST, 1))
    with pytest.raises(InputError, match="choose it first"):
        changes.show(alone, FIRST)
    with pytest.raises(InputError, match="are too many beside each other"):
        changes.choose_runs(SHELF, view, [FIRST] * (MOST_RUNS + 1))


def test_runs_of_another_generator_are_refused_where_they_are_chosen() -> None:
    shelf = toys(plain(), plain(1, name="other"), generators=("toy", "other"))
    view, other = start(shelf), shelf.entries("other")[0]
    assert view.runs == (shelf.entries("toy")[0].id,)
    with pytest.raises(InputError, match="do not fit 'toy'"):
        changes.choose_runs(shelf, view, [other.id])
    assert start(shelf, "other").runs == (other.id,)


def test_somebodys_recipe_is_opened_with_its_runs() -> None:
    recipe = changes.slide(start(SHELF), SECOND, {2: 1.5}).recipe
    view = with_recipe(SHELF, replace(recipe, seeds=(4, 5)))
    assert (view.at, view.seed, view.pool, view.mode) == ((SECOND, 2), 4, (4, 5), GRID)
    assert view.recipe.edits == recipe.edits
    with pytest.raises(InputError, match="is not open here"):
        with_recipe(SHELF, replace(recipe, sha256="0" * 64, generator="elsewhere"))
