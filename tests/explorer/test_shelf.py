"""The shelf: what is on it can be opened and changed, and nothing else."""

import threading
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from tests.explorer.shelves import bent, plain, recipe_of, saved, toy_named, toys
from tests.generators.small_stylegan2 import small_stylegan2
from tests.toy import Toy

from latentclr import Directions, InputError, load_generator
from latentclr.artefacts import Origin
from latentclr.directions import change
from latentclr.explorer.recipe import Edit, Recipe
from latentclr.explorer.shelf import Shelf, run_id
from latentclr.generators import Generator


@pytest.fixture
def runs(tmp_path: Path) -> list[Path]:
    """Two run folders and a file."""
    file = tmp_path / "alone.safetensors"
    plain(2, label=3).save(file)
    return [saved(tmp_path / "a" / "run", plain(0)), saved(tmp_path / "b" / "run", bent(1)), file]


@pytest.fixture
def shelf(runs: list[Path]) -> Shelf:
    return Shelf(["toy"], runs, load=toy_named)


def test_runs_are_listed_in_their_order_under_titles_that_differ(shelf: Shelf, runs: list[Path]) -> None:
    assert [entry.title for entry in shelf.entries()] == ["a/run", "b/run", f"{runs[2].parent.name}/alone"]
    assert [entry.directions.k for entry in shelf.entries("toy")] == [4, 3, 4]
    assert shelf.entry(shelf.entries()[1].id) == shelf.entries()[1]


def test_an_id_is_of_what_directions_are_and_not_of_their_names() -> None:
    directions = plain()
    named = directions.rename({0: "smile"}).star(1).hide(2)
    same = replace(named, scores=torch.ones(4), origin=Origin({**directions.origin, "method": "another"}))
    assert run_id(same) == run_id(directions)
    assert len(run_id(directions)) == 12
    others = [
        plain(1),
        bent(),
        replace(directions, scale=2 * directions.scale),
        replace(directions, slots=(1,)),
        replace(directions, space="z"),
        directions.select([1, 0, 2, 3]),
        plain(name="other"),
    ]
    assert len({run_id(one) for one in [directions, *others]}) == 8


def test_the_same_run_twice_is_there_once(runs: list[Path], tmp_path: Path) -> None:
    said: list[str] = []
    copy = saved(tmp_path / "copy", plain(0).rename({0: "smile"}))
    shelf = Shelf(
        ["toy"], [runs[0], runs[0] / "directions.safetensors", copy], load=toy_named, log=said.append
    )
    assert [entry.title for entry in shelf.entries()] == ["run"]
    assert len(said) == 1
    assert "copy" in said[0]
    assert "the same directions" in said[0]


def test_directions_in_memory_get_a_title_of_their_own() -> None:
    shelf = toys()
    first = shelf.add(plain(0), "SeFa")
    second = shelf.add(plain(1), "SeFa")
    assert (first.title, second.title, second.path) == ("SeFa", "SeFa 2", None)
    assert shelf.add(plain(1).rename({0: "smile"}), "again") == second


def test_a_run_that_is_not_there_or_damaged_is_refused_at_once(runs: list[Path], tmp_path: Path) -> None:
    with pytest.raises(InputError, match="there is no run at"):
        Shelf(["toy"], [tmp_path / "none"], load=toy_named)
    (runs[0] / "directions.safetensors").write_bytes(b"hello")
    with pytest.raises(InputError, match="not a whole safetensors file"):
        Shelf(["toy"], runs, load=toy_named)


def test_what_is_not_on_the_shelf_does_not_exist(shelf: Shelf, tmp_path: Path) -> None:
    secret = tmp_path / "secret.safetensors"
    plain(5).save(secret)
    for name in (str(secret), "../secret", "scenes", "other", "", "toy\n"):
        with pytest.raises(InputError, match=r"there is no generator '.*' here; there are toy"):
            shelf.base(name)
        with pytest.raises(InputError, match="is not open here: open its folder too"):
            shelf.entry(name)
    with pytest.raises(InputError) as error:
        shelf.entry("x" * 10_000)
    assert len(str(error.value)) < 300


def test_generators_come_from_the_runs_or_are_the_shipped_one(tmp_path: Path) -> None:
    one, other = saved(tmp_path / "one", plain(name="toy")), saved(tmp_path / "other", plain(name="other"))
    assert Shelf([], [other, one], load=toy_named).generators() == ("other", "toy")
    assert Shelf(["toy", "toy"], [other], load=toy_named).generators() == ("toy",)
    assert Shelf().generators() == ("scenes",)


def test_a_generator_is_loaded_once_however_many_ask() -> None:
    loads: list[str] = []
    start = threading.Barrier(4)

    def load(name: str) -> Generator:
        loads.append(name)
        return toy_named(name)

    shelf = Shelf(["toy", "other"], load=load)
    assert loads == []

    def ask() -> None:
        start.wait()
        shelf.generator("toy", truncation=0.5)

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert loads == ["toy"]
    assert shelf.generator("toy", truncation=0.5).truncation == 0.5
    assert shelf.base("toy").truncation == 1.0


def test_each_generator_lists_its_own_runs_and_those_of_nobody(tmp_path: Path) -> None:
    shelf = toys(generators=("toy", "other"))
    ours, theirs = shelf.add(plain(0), "ours"), shelf.add(plain(1, "other"), "theirs")
    strange = shelf.add(plain(2, "another"), "strange")
    unknown = shelf.add(replace(plain(3), origin=Origin()), "unknown")
    assert shelf.entries("toy") == (ours, strange, unknown)
    assert shelf.entries("other") == (theirs, strange, unknown)


def test_a_run_of_another_generator_is_refused_when_it_is_used() -> None:
    shelf = toys(plain(0, "other"))
    recipe = recipe_of(shelf, (0, 0, 1.0))
    with pytest.raises(InputError, match=r"these directions were found in 'other' .* do not fit 'toy'"):
        shelf.opened(recipe)
    shelf.opened(recipe.unedited())


class TestStart:
    def test_it_is_one_picture_as_the_first_run_drew_it(self) -> None:
        shelf = toys(plain(hyperparameters={"truncation": 0.7}))
        assert shelf.start() == Recipe("toy", Toy().fingerprint(), truncation=0.7)
        assert toys().start().truncation == 1.0

    def test_it_chooses_a_class_where_there_are_any(self) -> None:
        shelf = Shelf(["scenes-biggan"])
        generator = shelf.base("scenes-biggan")
        assert shelf.start().label == 0
        model = plain().model
        found = replace(
            plain(),
            origin=Origin({"generator": {"class": 5, "sha256": generator.fingerprint()}}),
            model=model,
        )
        shelf.add(found, "of class 5")
        assert shelf.start().label == 5
        assert shelf.opened(shelf.start()).generator.label_number == 5

    def test_a_class_that_is_missing_or_too_much_is_said(self) -> None:
        generator = load_generator("scenes-biggan").view(label=None)
        shelf = Shelf(["scenes-biggan"], load=lambda _: generator)
        start = shelf.start()
        assert start.label == 0
        with pytest.raises(InputError, match="draws 8 classes: choose one"):
            shelf.opened(replace(start, label=None))
        with pytest.raises(InputError, match="class"):
            shelf.opened(replace(start, label=8))
        toy = toys()
        with pytest.raises(InputError, match="toy has no classes"):
            toy.opened(replace(toy.start(), label=0))


class TestHome:
    def test_a_generator_is_known_by_its_weights_under_any_name(self) -> None:
        recipe = replace(toys().start(), generator="/home/somebody/toy.safetensors")
        assert toys(generators=("other", "toy")).home(recipe) == "toy"

    def test_another_one_by_the_same_name_is_refused(self) -> None:
        recipe = replace(toys().start(), sha256="0" * 64)
        with pytest.raises(
            InputError, match=r"another generator that is called 'toy' too: .* begins with 0{12}, "
        ):
            toys().home(recipe)

    def test_one_that_is_not_here_is_named(self) -> None:
        recipe = toys(generators=("other",)).start()
        with pytest.raises(
            InputError, match=r"the generator 'other', which is not open here: .*\(here is toy\)"
        ):
            toys().home(recipe)


class TestOpening:
    def test_a_missing_run_direction_or_slot_is_said(self) -> None:
        shelf = toys(plain())
        run, start = shelf.entries()[0].id, shelf.start()
        for edit, said in [
            (Edit("f" * 12, 0, 1.0), "the run 'ffffffffffff' is not open here"),
            (Edit(run, 4, 1.0), "no direction 4; there are 0 to 3"),
            (Edit(run, 0, 1.0, (2,)), r"slots \[2\] are not possible: this generator has slots 0 to 1"),
        ]:
            for alpha in (1.0, 0.0):
                with pytest.raises(InputError, match=said):
                    shelf.opened(start.with_edit(replace(edit, alpha=alpha)))

    def test_edits_that_do_nothing_are_left_out(self) -> None:
        shelf = toys(plain())
        opened = shelf.opened(recipe_of(shelf, (0, 1, 0.0), (0, 2, 0.5)))
        assert [(move.index, move.alpha) for move in opened.moves] == [(2, 0.5)]

    def test_latents_are_those_of_the_seeds_and_remembered(self) -> None:
        shelf = toys()
        recipe = replace(shelf.start(), seeds=(3, 1), truncation=0.5)
        latents = shelf.opened(recipe).latents
        assert torch.equal(latents, toy_named("toy").at(0.5).from_seeds([3, 1]))
        assert shelf.opened(recipe).latents is latents
        assert shelf.opened(replace(recipe, truncation=0.6)).latents is not latents

    def test_edits_in_two_latent_spaces_are_refused(self) -> None:
        generator = small_stylegan2()
        shelf = Shelf(["small"], load=lambda _: generator)
        base = plain()
        in_space = {
            space: replace(
                base,
                model=type(base.model).from_state(
                    {"theta": torch.eye(dim)[:2]}, k=2, dim=dim, **base.model.settings()
                ),
                space=space,
                num_slots=generator.num_slots,
                scale=torch.ones(2),
                scores=torch.ones(2),
                names=("", ""),
                origin=Origin(),
            )
            for space, dim in (("w", generator.latent_dim), ("z", generator.z_dim))
        }
        runs = {space: shelf.add(directions, f"in {space}").id for space, directions in in_space.items()}
        start = shelf.start()
        both = replace(start, edits=(Edit(runs["w"], 0, 1.0), Edit(runs["z"], 0, 1.0)))
        with pytest.raises(
            InputError, match="edits in two latent spaces cannot be put together: 'in w' moves w"
        ):
            shelf.opened(both)
        alone = shelf.opened(replace(start, edits=both.edits[1:]))
        assert (alone.generator.space, alone.latents.shape[-1]) == ("z", generator.z_dim)
        assert shelf.opened(replace(both, edits=(both.edits[0], replace(both.edits[1], alpha=0.0)))).moves


class TestChanging:
    def test_names_stars_and_hiding_are_written_back(self, shelf: Shelf, runs: list[Path]) -> None:
        run = shelf.entries()[0].id
        assert shelf.rename(run, 1, " open  mouth ").directions.label(1) == "1 open mouth"
        shelf.star(run, 2)
        entry = shelf.hide(run, 0)
        assert entry == shelf.entry(run)
        assert entry.shown == (2, 1, 3)
        found = Directions.load(runs[0] / "directions.safetensors")
        assert (found.names[1], *found.starred, *found.hidden) == ("open mouth", 2, 0)
        assert shelf.hide(run, 0, on=False).shown == (2, 0, 1, 3)
        assert shelf.star(run, 2, on=False).shown == (0, 1, 2, 3)

    def test_links_stay_valid(self, shelf: Shelf) -> None:
        recipe = recipe_of(shelf, (0, 1, 2.0))
        before = shelf.opened(recipe)
        shelf.rename(recipe.edits[0].run, 1, "smile")
        assert run_id(shelf.opened(recipe).moves[0].directions) == recipe.edits[0].run
        assert torch.equal(shelf.opened(recipe).latents, before.latents)

    def test_two_shelves_and_a_command_lose_nothing_of_each_other(self, runs: list[Path]) -> None:
        shelves = [Shelf(["toy"], runs[:1], load=toy_named) for _ in range(2)]
        run, path = shelves[0].entries()[0].id, runs[0] / "directions.safetensors"
        start = threading.Barrier(3)

        def on(shelf: Shelf, index: int) -> None:
            start.wait()
            for round_ in range(3):
                shelf.rename(run, index, f"name {index} {round_}")
                shelf.star(run, index)

        def command() -> None:
            start.wait()
            for round_ in range(3):
                change(path, lambda directions: directions.rename({2: f"name 2 {round_}"}))  # noqa: B023

        threads = [threading.Thread(target=on, args=(shelf, i)) for i, shelf in enumerate(shelves)]
        threads.append(threading.Thread(target=command))
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        found = Directions.load(path)
        assert found.names == ("name 0 2", "name 1 2", "name 2 2", "")
        assert found.starred == {0, 1}

    def test_in_memory_only_memory_changes(self) -> None:
        shelf = toys(plain())
        run = shelf.entries()[0].id
        shelf.rename(run, 0, "smile")
        shelf.star(run, 3)
        assert shelf.entry(run).directions.names[0] == "smile"
        assert shelf.entry(run).shown == (3, 0, 1, 2)

    def test_a_file_that_holds_another_run_by_now_is_left_alone(self, shelf: Shelf, runs: list[Path]) -> None:
        path = runs[0] / "directions.safetensors"
        plain(9).save(path)
        before = path.read_bytes()
        with pytest.raises(InputError, match=r"holds other directions by now: open the page again"):
            shelf.rename(shelf.entries()[0].id, 0, "smile")
        assert path.read_bytes() == before

    def test_impossible_changes_are_refused_and_change_nothing(self, shelf: Shelf) -> None:
        entry = shelf.entries()[0]
        shelf.rename(entry.id, 0, "smile")
        for index, name, said in [
            (1, "smile", "is taken"),
            (1, "12", "must not be a number"),
            (4, "x", "no direc"),
        ]:
            with pytest.raises(InputError, match=said):
                shelf.rename(entry.id, index, name)
        with pytest.raises(InputError, match="no direction 4"):
            shelf.star(entry.id, 4)
        with pytest.raises(InputError, match="is not open here"):
            shelf.hide("f" * 12, 0)
        assert shelf.entry(entry.id).directions.names == ("smile", "", "", "")


def test_the_default_shelf_opens_on_the_shipped_generator() -> None:
    shelf = Shelf()
    assert shelf.start().sha256 == load_generator("scenes").fingerprint()
    assert shelf.entries() == ()
