"""Drawing: every picture is what the generator draws from latents that were edited by hand."""

import math
import threading
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from PIL import Image
from tests.explorer.shelves import bent, directions_in, plain, recipe_of, toys
from tests.rounding import assert_same_pixels
from tests.toy import Toy
from torch import Tensor

from latentclr import InputError
from latentclr.directions import Global
from latentclr.explorer import canvas
from latentclr.explorer.drawing import difference, edited, frames, grid, methods, strip
from latentclr.explorer.recipe import Edit, Recipe
from latentclr.explorer.shelf import Shelf
from latentclr.explorer.strength import matched_alphas
from latentclr.generators import Generator
from latentclr.images import to_pil


@pytest.fixture
def shelf() -> Shelf:
    return toys(plain(), bent())


def by_hand(latents: Tensor) -> list[Image.Image]:
    return [to_pil(picture) for picture in Toy()(latents)]


def same(found: Sequence[Image.Image], wanted: Sequence[Image.Image]) -> bool:
    """Whether pictures are equal, as those of one computation are."""
    return [one.tobytes() for one in found] == [one.tobytes() for one in wanted]


def assert_same(found: Sequence[Image.Image], wanted: Sequence[Image.Image]) -> None:
    """Pictures are equal but for rounding: latents were edited, or batches cut, in another way."""
    for one, other in zip(found, wanted, strict=True):
        assert_same_pixels(np.asarray(one), np.asarray(other))


def apart(found: Sequence[Image.Image], wanted: Sequence[Image.Image]) -> int:
    """The largest difference in grey levels; beyond 1, it is none of rounding."""
    pairs = zip(found, wanted, strict=True)
    return max(int(np.abs(np.asarray(one, int) - np.asarray(other, int)).max()) for one, other in pairs)


def test_no_edit_and_edits_by_nothing_give_the_picture_exactly(shelf: Shelf) -> None:
    recipe = recipe_of(shelf, (0, 0, 0.0), (1, 2, 0.0), seeds=(0, 7))
    wanted = by_hand(Toy().from_seeds([0, 7]))
    assert same(edited(shelf, recipe, size="native"), wanted)
    assert same(edited(shelf, recipe.unedited(), size="native"), wanted)


def test_edits_are_those_of_directions_one_after_the_other(shelf: Shelf) -> None:
    one, other = (entry.directions for entry in shelf.entries())
    recipe = recipe_of(shelf, (0, 1, 4.0), (1, 2, -3.0), seeds=(5,))
    latents = other.edit(one.edit(Toy().from_seeds([5]), 1, 4.0), 2, -3.0)
    assert_same(edited(shelf, recipe, size="native"), by_hand(latents))
    slots = replace(recipe, edits=(replace(recipe.edits[0], slots=(1,)), recipe.edits[1]), steps=4)
    latents = other.edit(one.edit(Toy().from_seeds([5]), 1, 4.0, [1], steps=4), 2, -3.0, steps=4)
    assert_same(edited(shelf, slots, size="native"), by_hand(latents))
    assert apart(edited(shelf, slots, size="native"), edited(shelf, recipe, size="native")) > 1


def test_truncation_and_seeds_are_the_recipes(shelf: Shelf) -> None:
    recipe = replace(shelf.start(), truncation=0.25, seeds=(3, 4))
    found = edited(shelf, recipe, size="native")
    assert_same(found, by_hand(Toy().at(0.25).from_seeds([3, 4])))


def test_small_pictures_are_shown_enlarged(shelf: Shelf) -> None:
    native, shown, small = (edited(shelf, shelf.start(), size=size)[0] for size in ("native", "shown", 40))
    assert (native.size, shown.size, small.size) == ((8, 8), (256, 256), (40, 40))
    assert shown.tobytes() == native.resize((256, 256), Image.Resampling.LANCZOS).tobytes()
    with pytest.raises(InputError, match="size=5000: give a height of 16 to 4096"):
        edited(shelf, shelf.start(), size=5000)


def test_a_strip_is_the_recipe_at_other_strengths_of_one_direction(shelf: Shelf) -> None:
    recipe = recipe_of(shelf, (0, 1, 4.0), (1, 2, -3.0), seeds=(5, 6))
    slotted = replace(recipe, edits=(replace(recipe.edits[0], slots=(1,)), recipe.edits[1]))
    run = recipe.edits[0].run
    rows = strip(shelf, slotted, (run, 1), alphas=[-2.0, 0.0, 4.0], size="native")
    assert [row.title for row in rows] == ["seed 5", "seed 6"]
    assert [tile.text for tile in rows[0].tiles] == ["-2", "0", "+4"]
    for column, alpha in enumerate([-2.0, 0.0, 4.0]):
        at = replace(slotted, edits=(replace(slotted.edits[0], alpha=alpha), slotted.edits[1]))
        assert_same([row.tiles[column].picture for row in rows], edited(shelf, at, size="native"))


def test_a_strip_goes_over_the_sliders_range_and_needs_no_edit_in_the_recipe() -> None:
    shelf = toys(plain(calibration={"target": 0.1, "measure": "rms of the picture"}))
    rows = strip(shelf, shelf.start(), (shelf.entries()[0].id, 2), size="native")
    assert [tile.text for tile in rows[0].tiles] == ["-3", "-2", "-1", "0", "+1", "+2", "+3"]
    with pytest.raises(InputError, match="at least one strength"):
        strip(shelf, shelf.start(), (shelf.entries()[0].id, 2), alphas=[])


def test_a_grid_is_the_recipe_on_other_seeds(shelf: Shelf) -> None:
    recipe = recipe_of(shelf, (0, 1, 4.0))
    tiles = grid(shelf, recipe, range(40, 60), size="native")
    assert [tile.text for tile in tiles] == [f"seed {seed}" for seed in range(40, 60)]
    alone = edited(shelf, replace(recipe, seeds=(59,)), size="native")
    assert_same([tiles[-1].picture], alone)
    with pytest.raises(InputError, match="seeds a list of 65"):
        grid(shelf, recipe, range(65))


class TestDifference:
    def test_no_edit_is_black_or_with_signs_mid_grey(self, shelf: Shelf) -> None:
        for recipe in (shelf.start(), recipe_of(shelf, (0, 0, 0.0))):
            plain = difference(shelf, recipe, size="native")
            signed = difference(shelf, recipe, size="native", signed=True)
            assert (plain.factor, signed.factor) == (1, 1)
            assert np.asarray(plain.pictures[0]).max() == 0
            assert (np.asarray(signed.pictures[0]) == 128).all()

    def test_it_is_the_change_of_the_pictures_times_a_factor_that_is_told(self, shelf: Shelf) -> None:
        recipe = recipe_of(shelf, (0, 0, 5.0))
        latents = Toy().from_seeds([0])
        moved = shelf.entries()[0].directions.edit(latents, 0, 5.0)
        change = (Toy()(moved) - Toy()(latents))[0] / 2
        for factor in (1, 5):
            found = difference(shelf, recipe, factor=factor, size="native")
            wanted = (255 * factor * change.abs()).clamp(0, 255).permute(1, 2, 0).numpy()
            assert np.abs(np.asarray(found.pictures[0]) - wanted).max() <= 1
            signed = difference(shelf, recipe, factor=factor, signed=True, size="native")
            wanted = (127.5 + 127.5 * factor * change).clamp(0, 255).permute(1, 2, 0).numpy()
            assert np.abs(np.asarray(signed.pictures[0]) - wanted).max() <= 1

    def test_the_factor_makes_it_as_visible_as_fits(self, shelf: Shelf) -> None:
        faint = difference(shelf, recipe_of(shelf, (0, 0, 0.05)), size="native")
        clear = difference(shelf, recipe_of(shelf, (0, 0, 6.0)), size="native")
        assert faint.factor > clear.factor >= 1
        assert np.asarray(clear.pictures[0]).max() > 64
        with pytest.raises(InputError, match="factor=0 of a difference must be at least 1"):
            difference(shelf, shelf.start(), factor=0)

    def test_the_opposite_edit_changes_the_other_way(self, shelf: Shelf) -> None:
        # Every planted axis makes the picture brighter.
        along = shelf.add(
            directions_in("toy", Global.from_state({"theta": Toy().axes[:1]}, k=1, dim=6)), "axes"
        )
        lighter, darker = (
            difference(
                shelf, replace(shelf.start(), edits=(Edit(along.id, 0, alpha),)), signed=True, size="native"
            )
            for alpha in (2.0, -2.0)
        )
        assert np.asarray(lighter.pictures[0]).min() > 128
        assert np.asarray(darker.pictures[0]).max() < 128


def calibrated(seed: int, target: float = 0.1, **more: object) -> dict[str, Any]:
    return {"calibration": {"target": target, "measure": "rms of the picture", "too_weak": [1], **more}}


class TestMethods:
    def test_calibrated_runs_are_compared_at_the_same_alpha(self) -> None:
        shelf = toys(plain(0, **calibrated(0)), plain(1, **calibrated(1)))
        one, other = shelf.entries()
        shelf.rename(other.id, 1, "smile")
        recipe = recipe_of(shelf, (0, 3, 9.0), seeds=(4, 5))
        rows = methods(shelf, recipe, [(one.id, 0), (other.id, 1)], strength=2.0, size="native")
        assert [row.title for row in rows] == ["run 0: 0", "run 1: 1 smile"]
        assert [row.note for row in rows] == ["", "too weak: as strong as it gets"]
        assert [tile.text for tile in rows[1].tiles] == ["-2", "0", "+2"]
        latents = Toy().from_seeds([4])
        for row, entry, index in zip(rows, (one, other), (0, 1), strict=True):
            wanted = [by_hand(entry.directions.edit(latents, index, alpha))[0] for alpha in (-2.0, 0.0, 2.0)]
            assert_same([tile.picture for tile in row.tiles], wanted)

    def test_others_are_edited_by_what_matches_them(self) -> None:
        shelf = toys(plain(0), bent(1))
        chosen = [(entry.id, 2) for entry in shelf.entries()]
        rows = methods(shelf, shelf.start(), chosen, strength=0.5, size="native")
        matched = matched_alphas(shelf, "toy", chosen)
        assert matched[0].alpha != pytest.approx(matched[1].alpha, rel=0.1)
        for row, entry, one in zip(rows, shelf.entries(), matched, strict=True):
            latents = entry.directions.edit(Toy().from_seeds([0]), 2, 0.5 * one.alpha)
            assert_same([row.tiles[2].picture], by_hand(latents))

    def test_something_must_be_chosen(self, shelf: Shelf) -> None:
        with pytest.raises(InputError, match="choose at least one direction"):
            methods(shelf, shelf.start(), [])


class TestFrames:
    def test_they_loop_to_the_edit_back_and_to_the_opposite(self, shelf: Shelf) -> None:
        recipe = recipe_of(shelf, (0, 1, 4.0), (1, 0, 2.0), seeds=(5, 6))
        found = frames(shelf, recipe, count=8, size="native")
        assert {frame.size for frame in found} == {(16, 8)}

        for frame, share in ((0, 0.0), (1, math.sqrt(0.5)), (2, 1.0), (6, -1.0)):
            shares = tuple(replace(edit, alpha=share * edit.alpha) for edit in recipe.edits)
            wanted = edited(shelf, replace(recipe, edits=shares), size="native")
            assert_same([found[frame].crop((0, 0, 8, 8)), found[frame].crop((8, 0, 16, 8))], wanted)

    def test_many_seeds_or_few_the_frames_are_the_same(self, shelf: Shelf) -> None:
        recipe = recipe_of(shelf, (0, 1, 4.0), seeds=tuple(range(20)))
        many = frames(shelf, recipe, count=3, size="native")
        few = frames(shelf, replace(recipe, seeds=(19,)), count=3, size="native")
        assert_same([frame.crop((19 * 8, 0, 20 * 8, 8)) for frame in many], few)

    @pytest.mark.parametrize("count", [0, 1, 241])
    def test_there_are_some_and_not_too_many(self, shelf: Shelf, count: int) -> None:
        with pytest.raises(InputError, match=f"count={count} frames: give 2 to 240"):
            frames(shelf, shelf.start(), count=count)

    def test_what_does_not_fit_into_memory_is_refused(self, shelf: Shelf) -> None:
        recipe = replace(shelf.start(), seeds=tuple(range(64)))
        with pytest.raises(InputError, match="3072 pictures of this size do not fit into memory"):
            frames(shelf, recipe, size=1024)


class TestLargeGenerators:
    @pytest.fixture
    def drawn(self, monkeypatch: pytest.MonkeyPatch) -> list[int]:
        """Pictures that are drawn in full at a time, in a world where eight pixels are many."""
        sizes: list[int] = []

        def spy(generator: Generator, latents: Tensor, *, quick: bool = False) -> Tensor:
            found = real(generator, latents, quick=quick)
            sizes.append(len(latents) * found.shape[-1])
            return found

        real = canvas.pixels
        monkeypatch.setattr(canvas, "LARGE", 8)
        monkeypatch.setattr(canvas, "QUICK", 4)
        monkeypatch.setattr(canvas, "pixels", spy)
        return sizes

    def test_they_draw_small_while_somebody_waits(self, shelf: Shelf, drawn: list[int]) -> None:
        recipe = replace(shelf.start(), seeds=(1, 2))
        quick, whole = edited(shelf, recipe, quick=True, size=32), edited(shelf, recipe, size=32)
        assert drawn == [4, 4, 8, 8]  # one by one, so that another thread has its turn
        assert quick[0].size == whole[0].size == (32, 32)
        assert apart(quick, whole) > 1

    def test_small_ones_are_always_drawn_in_full(self, shelf: Shelf) -> None:
        recipe = replace(shelf.start(), seeds=(1, 2))
        assert_same(edited(shelf, recipe, quick=True), edited(shelf, recipe))


def test_threads_draw_what_one_does(shelf: Shelf) -> None:
    recipes = [recipe_of(shelf, (0, i % 4, 2.0), (1, i % 3, 1.0 + i), seeds=(i,)) for i in range(6)]
    wanted = [edited(shelf, recipe, size="native")[0].tobytes() for recipe in recipes]
    fresh = toys(plain(), bent())
    found: dict[int, bytes] = {}

    def draw(i: int, recipe: Recipe) -> None:
        found[i] = edited(fresh, recipe, size="native")[0].tobytes()

    threads = [threading.Thread(target=draw, args=pair) for pair in enumerate(recipes)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [found[i] for i in range(6)] == wanted
