"""Directions: edits move what they say, and files give back what was saved."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from tests.toy import Toy
from torch import Tensor
from torch.testing import assert_close

from latentclr import Directions, InputError
from latentclr.artefacts import Origin
from latentclr.directions import DirectionModel, Global, Linear, Nonlinear
from latentclr.files import HEADER, write_tensors

K = 3


def rng(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def directions_of(toy: Toy, model: DirectionModel) -> Directions:
    return Directions(
        model=model,
        space=toy.space,
        num_slots=toy.num_slots,
        slots=(0, 1),
        scale=torch.tensor([1.0, 2.0, 0.5]),
        scores=torch.tensor([3.0, 2.0, 1.0]),
        names=("", "light", ""),
        origin=Origin({"generator": {"name": "toy", "sha256": toy.fingerprint()}}),
    )


def read_header(path: Path) -> str:
    size = int.from_bytes(path.read_bytes()[:8], "little")
    header = json.loads(path.read_bytes()[8 : 8 + size])["__metadata__"][HEADER]
    assert isinstance(header, str)
    return header


@pytest.fixture(params=["global", "linear", "nonlinear"])
def directions(request: pytest.FixtureRequest, toy: Toy) -> Directions:
    models: dict[str, DirectionModel] = {
        "global": Global(K, toy.latent_dim, rng=rng()),
        "linear": Linear(K, toy.latent_dim, bias=True, rng=rng()),
        "nonlinear": Nonlinear(K, toy.latent_dim, depth=3, normalization="layer", rng=rng()),
    }
    return directions_of(toy, models[request.param])


@pytest.fixture
def latents(toy: Toy) -> Tensor:
    return toy.sample(4, rng=rng(5))


def test_alpha_zero_gives_the_latents_back(directions: Directions, latents: Tensor) -> None:
    edited = directions.edit(latents, 1, 0.0)
    assert torch.equal(edited, latents)
    assert edited.data_ptr() != latents.data_ptr()


@pytest.mark.parametrize("alpha", [3.0, -0.25])
@pytest.mark.parametrize("index", range(K))
def test_the_shift_has_length_alpha_times_scale(
    directions: Directions, latents: Tensor, index: int, alpha: float
) -> None:
    shift = directions.edit(latents, index, alpha) - latents
    expected = abs(alpha) * float(directions.scale[index])
    assert_close(shift.norm(dim=-1), torch.full((4, 2), expected))


def test_edit_moves_only_the_chosen_slots_and_leaves_its_input(
    directions: Directions, latents: Tensor
) -> None:
    before = latents.clone()
    edited = directions.edit(latents, 0, 2.0, slots=[1])
    assert torch.equal(latents, before)
    assert torch.equal(edited[:, 0], before[:, 0])
    assert (edited[:, 1] - before[:, 1]).norm() > 1


def test_default_slots_are_the_artefacts_own(directions: Directions, latents: Tensor) -> None:
    narrow = replace(directions, slots=(1,))
    assert torch.equal(narrow.edit(latents, 0, 2.0), directions.edit(latents, 0, 2.0, slots=[1]))


def test_one_alpha_for_each_picture(directions: Directions, latents: Tensor) -> None:
    alphas = torch.tensor([0.0, 1.0, -1.0, 2.5])
    together = directions.edit(latents, 2, alphas)
    for i, alpha in enumerate(alphas):
        assert_close(together[i : i + 1], directions.edit(latents[i : i + 1], 2, float(alpha)))


def test_global_edits_add_up_and_undo(toy: Toy, latents: Tensor) -> None:
    directions = directions_of(toy, Global(K, toy.latent_dim, rng=rng()))
    twice = directions.edit(directions.edit(latents, 0, 1.0), 0, 2.0)
    assert_close(twice, directions.edit(latents, 0, 3.0))
    there_and_back = directions.edit(directions.edit(latents, 1, 1.0), 1, -1.0)
    assert_close(there_and_back, latents)
    swapped = directions.edit(directions.edit(latents, 1, 2.0), 0, 1.0)
    assert_close(swapped, directions.edit(directions.edit(latents, 0, 1.0), 1, 2.0))


def test_steps_read_a_conditional_direction_anew(toy: Toy, latents: Tensor) -> None:
    directions = directions_of(toy, Linear(K, toy.latent_dim, rng=rng()))
    by_hand = latents
    for _ in range(4):
        by_hand = directions.edit(by_hand, 0, 0.75)
    stepped = directions.edit(latents, 0, 3.0, steps=4)
    assert_close(stepped, by_hand)
    assert (stepped - directions.edit(latents, 0, 3.0)).norm() > 0.01


def test_steps_make_no_difference_to_a_global_direction(toy: Toy, latents: Tensor) -> None:
    directions = directions_of(toy, Global(K, toy.latent_dim, rng=rng()))
    assert_close(directions.edit(latents, 0, 3.0, steps=7), directions.edit(latents, 0, 3.0))


def test_edits_happen_where_the_latents_are(directions: Directions, latents: Tensor) -> None:
    # "meta" stands for any device that the artefact is not on.
    assert directions.edit(latents.to("meta"), 0, 1.0).device.type == "meta"


def test_a_name_stands_for_its_number(directions: Directions, latents: Tensor) -> None:
    assert torch.equal(directions.edit(latents, "light", 1.0), directions.edit(latents, 1, 1.0))


@pytest.mark.parametrize("index", [-1, 3, "dark", ""])
def test_unknown_direction_is_refused(directions: Directions, latents: Tensor, index: int | str) -> None:
    with pytest.raises(InputError, match="there are 0 to 2 or by name: light"):
        directions.edit(latents, index, 1.0)


def test_unknown_slot_wrong_latents_and_no_steps_are_refused(directions: Directions, latents: Tensor) -> None:
    with pytest.raises(InputError, match=r"slots \[2\] are not possible: this generator has slots 0 to 1"):
        directions.edit(latents, 0, 1.0, slots=[2])
    with pytest.raises(InputError, match=r"do not fit these directions, which edit \(n, 2, 6\)"):
        directions.edit(latents[:, :1], 0, 1.0)
    with pytest.raises(InputError, match="steps=0"):
        directions.edit(latents, 0, 1.0, steps=0)


def test_select_keeps_everything_that_belongs_to_a_direction(directions: Directions, latents: Tensor) -> None:
    chosen = directions.select([1, 0])
    assert chosen.names == ("light", "")
    assert chosen.scores.tolist() == [2.0, 3.0]
    assert torch.equal(chosen.edit(latents, 0, 1.5), directions.edit(latents, 1, 1.5))


def test_rename_gives_a_new_value(directions: Directions) -> None:
    renamed = directions.rename({2: "  open   mouth ", 1: ""})
    assert renamed.names == ("", "", "open mouth")
    assert directions.names == ("", "light", "")
    assert [renamed.label(2), renamed.label(1)] == ["2 open mouth", "1"]


def test_impossible_names_are_refused(directions: Directions) -> None:
    with pytest.raises(InputError, match="is taken"):
        directions.rename({0: "light"})
    with pytest.raises(InputError, match="no direction 5"):
        directions.rename({5: "x"})


def marks(directions: Directions) -> tuple[list[int], list[int]]:
    return sorted(directions.starred), sorted(directions.hidden)


def test_marks_are_put_on_and_taken_off_by_number_or_name(directions: Directions) -> None:
    marked = directions.star(2).star("light").hide(0)
    assert marks(marked) == ([1, 2], [0])
    assert marks(directions) == ([], [])
    back = marked.star(2, False).star(0, on=False).hide(0, on=False)
    assert marks(back) == ([1], [])
    with pytest.raises(InputError, match="no direction 3"):
        directions.star(3)
    with pytest.raises(InputError, match="no direction 'dark'"):
        directions.hide("dark")


def test_marks_go_with_their_directions(directions: Directions, tmp_path: Path) -> None:
    marked = directions.star(2).star(1).hide(0)
    chosen = marked.select([2, 0, 2])
    assert marks(chosen) == ([0, 2], [1])
    renamed = marked.rename({0: "dark"})
    assert marks(renamed) == ([1, 2], [0])
    path = tmp_path / "directions.safetensors"
    marked.save(path)
    loaded = Directions.load(path)
    assert marks(loaded) == ([1, 2], [0])
    assert loaded.names == directions.names


def test_a_file_without_marks_is_as_it_was_before_marks(directions: Directions, tmp_path: Path) -> None:
    plain, unmarked, by_hand = (tmp_path / f"{name}.safetensors" for name in ("plain", "unmarked", "by_hand"))
    directions.save(plain)
    directions.star(0).hide(1).star(0, on=False).hide(1, on=False).save(unmarked)
    assert unmarked.read_bytes() == plain.read_bytes()
    header = json.loads(read_header(plain))
    known = {"format", "model", "space", "num_slots", "slots", "names", "origin", "sha256"}
    assert set(header) == known
    write_tensors(by_hand, load_file(plain), header)  # all that older versions wrote
    assert by_hand.read_bytes() == plain.read_bytes()
    assert Directions.load(by_hand).starred == frozenset()


def test_require_accepts_its_generator_only(directions: Directions, toy: Toy) -> None:
    directions.require(toy)
    with pytest.raises(InputError, match="were found in 'toy'"):
        directions.require(Toy(seed=1))


def test_file_round_trip_is_exact(directions: Directions, latents: Tensor, tmp_path: Path) -> None:
    path = tmp_path / "directions.safetensors"
    directions.save(path)
    loaded = Directions.load(path)
    for index in range(K):
        assert torch.equal(loaded.edit(latents, index, 1.7), directions.edit(latents, index, 1.7))
    for name in ("space", "num_slots", "slots", "names", "origin"):
        assert getattr(loaded, name) == getattr(directions, name)
    assert torch.equal(loaded.scale, directions.scale)
    assert torch.equal(loaded.scores, directions.scores)
    again = tmp_path / "again.safetensors"
    loaded.save(again)
    assert again.read_bytes() == path.read_bytes()


class TestFilesThatAreRefused:
    @pytest.fixture
    def path(self, directions: Directions, tmp_path: Path) -> Path:
        path = tmp_path / "directions.safetensors"
        directions.save(path)
        return path

    def test_missing(self, tmp_path: Path) -> None:
        with pytest.raises(InputError, match="there is no file"):
            Directions.load(tmp_path / "none.safetensors")

    def test_truncated_anywhere(self, path: Path) -> None:
        whole = path.read_bytes()
        for size in (0, 4, 8, 100, len(whole) // 2, len(whole) - 1):
            path.write_bytes(whole[:size])
            with pytest.raises(InputError, match="not a whole safetensors file"):
                Directions.load(path)

    def test_foreign(self, path: Path) -> None:
        save_file({"x": torch.zeros(2)}, path)
        with pytest.raises(InputError, match="another program; expected a directions file"):
            Directions.load(path)

    def test_not_safetensors(self, path: Path) -> None:
        path.write_text("hello")
        with pytest.raises(InputError, match="not a whole safetensors file"):
            Directions.load(path)

    def test_another_format(self, path: Path) -> None:
        write_tensors(path, load_file(path), {"format": 99})
        with pytest.raises(InputError, match="has format 99; this version reads format 1"):
            Directions.load(path)

    @pytest.mark.parametrize(
        "change",
        [
            {"model": {"kind": "quadratic", "k": 3, "dim": 6}},
            {"model": {"kind": "global", "k": 4, "dim": 6}},
            {"model": {"kind": "global", "k": 3, "dim": 6, "extra": 1}},
            {"model": {"kind": "global", "k": 3, "dim": 10**13}},
            {"model": {"kind": "nonlinear", "k": 3, "dim": 6, "width": 10**13}},
            {"model": None},
            {"slots": [7]},
            {"slots": "all"},
            {"num_slots": None},
            {"starred": [-1]},
            {"hidden": [True]},
            {"hidden": "all"},
            {"hidden": [0.0]},
            {"starred": {"0": 1}},
            {"origin": []},
            {"origin": {"hyperparameters": []}},
            {"origin": {"hyperparameters": {"truncation": "wide"}}},
            {"origin": {"generator": {"sha256": 1}}},
            {"origin": {"generator": {"class": "cat"}}},
            {"origin": {"calibration": {"target": -1}}},
        ],
    )
    def test_header_that_does_not_fit(self, path: Path, change: dict[str, object], toy: Toy) -> None:
        directions_of(toy, Global(K, toy.latent_dim, rng=rng())).save(path)
        header = json.loads(read_header(path))
        write_tensors(path, load_file(path), header | change)
        with pytest.raises(InputError, match="is not a directions file"):
            Directions.load(path)


def test_saving_where_nothing_can_be_written_says_so(directions: Directions, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"cannot write .*: no such file or directory"):
        directions.save(tmp_path / "none" / "directions.safetensors")
    assert list(tmp_path.iterdir()) == []
