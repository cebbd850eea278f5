"""A study is frozen whole or not at all, the same each time, at strengths that were asked for."""

from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

import pytest
import torch
from PIL import Image
from tests.study.planted import small_study, sources
from tests.toy import Toy

import latentclr
from latentclr import InputError
from latentclr.directions import Directions
from latentclr.evaluate.calibration import calibrate, usual_target
from latentclr.evaluate.edits import Edits
from latentclr.evaluate.strength import Measure
from latentclr.images import to_pil
from latentclr.study import create as module
from latentclr.study.create import Source, _random_pairs, check, create, picture_count
from latentclr.study.options import Checks, Options
from latentclr.study.plan import PICTURES, STUDY, Study


def opened(study: Study, name: str) -> Image.Image:
    with Image.open(study.picture(name)) as picture:
        assert picture.format == "WEBP"
        return picture.convert("RGB")


def pixels(picture: Image.Image) -> bytes:
    return picture.tobytes()


def test_pictures_are_the_generators_at_the_alphas_that_are_told(tmp_path: Path) -> None:
    found = sources(3)
    study = create(tmp_path / "study", found, Toy(), Options(pictures=4, per_direction=2))
    generator, directions = Toy(), found[0].directions
    latents = generator.from_seeds(study.pictures.seeds)
    assert len(set(study.pictures.seeds)) == 4
    for i in range(4):
        assert pixels(opened(study, study.pictures.originals[i])) == pixels(to_pil(generator(latents)[i]))
        for shown in study.runs[0].directions:
            for sign, names in ((-1, shown.minus), (1, shown.plus)):
                edited = generator(directions.edit(latents, shown.index, sign * shown.alpha))
                assert pixels(opened(study, names[i])) == pixels(to_pil(edited[i]))
    assert study.pictures.total_bytes == sum(
        path.stat().st_size for path in (study.folder / PICTURES).iterdir()
    )
    assert len(study.picture_names) <= picture_count(found, Options(pictures=4)) == 4 + 2 * 3 * 4


def test_all_directions_of_all_runs_change_as_much(tmp_path: Path) -> None:
    first, second = sources(3, 4)
    loud = replace(second.directions, scale=torch.full((4,), 7.0))
    options = Options(pictures=4, per_direction=2, multiple=1.0)
    study = create(tmp_path / "both", [first, replace(second, directions=loud)], Toy(), options)
    target = usual_target(Toy())
    latents = Toy().sample(16, rng=torch.Generator().manual_seed(20_000))
    for run, source in zip(study.runs, (first, second), strict=True):
        lengths = torch.tensor([shown.length for shown in run.directions])
        changes = Measure(Toy()).change(Edits(source.directions.model, lengths, (0, 1)), latents)
        strong = [not shown.too_weak for shown in run.directions]
        assert changes[strong].tolist() == pytest.approx([target] * sum(strong), rel=0.01)
    assert [shown.alpha for shown in study.runs[1].directions] == pytest.approx(
        [shown.length / 7 for shown in study.runs[1].directions]
    )
    assert "1 times the length that changes" in study.runs[0].strength


def test_a_single_calibrated_run_keeps_its_calibration(tmp_path: Path) -> None:
    (source,) = sources(3)
    calibrated = calibrate(source.directions, Toy(), target=0.02, measure="another measure")
    options = Options(pictures=3, per_direction=1, multiple=1.5)
    study = create(tmp_path / "study", [replace(source, directions=calibrated)], Toy(), options)
    run = study.runs[0]
    assert [shown.alpha for shown in run.directions] == pytest.approx([1.5] * 3)
    assert [shown.length for shown in run.directions] == pytest.approx((1.5 * calibrated.scale).tolist())
    assert run.strength == "1.5 times the length that changes 0.02 (another measure)"


def test_a_given_alpha_is_in_the_runs_own_units(tmp_path: Path) -> None:
    study = small_study(tmp_path / "study", 2, alpha=2.5)
    assert [shown.alpha for shown in study.runs[0].directions] == [2.5, 2.5]
    assert "2.5 in the run's own units" in study.runs[0].strength


def test_hidden_directions_are_left_out_unless_chosen(tmp_path: Path) -> None:
    (source,) = sources(4)
    hidden = replace(source.directions, hidden=frozenset({1, 3}), names=("a", "b", "c", "d"))
    study = create(
        tmp_path / "study", [replace(source, directions=hidden)], Toy(), Options(pictures=3, per_direction=1)
    )
    assert [(shown.index, shown.label) for shown in study.runs[0].directions] == [(0, "0 a"), (2, "2 c")]
    assert replace(source, directions=hidden, indices=(3,)).shown == (3,)


def test_equal_requests_give_equal_files(tmp_path: Path) -> None:
    one, two = (small_study(tmp_path / name, 1, 1, preference=3, seed=5) for name in "ab")
    assert (one.folder / STUDY).read_bytes() == (two.folder / STUDY).read_bytes()
    other = small_study(tmp_path / "c", 1, 1, preference=3, seed=6)
    assert other.pictures.seeds != one.pictures.seeds
    assert other.digest != one.digest


def test_pictures_can_be_smaller_than_the_generators(tmp_path: Path) -> None:
    generator = latentclr.generators.DCGAN((16, 8, 4), z_dim=6)
    directions = latentclr.Random(k=1).fit(generator)
    options = Options(pictures=3, per_direction=1, size=8, alpha=1.0)
    study = create(tmp_path / "study", [Source("run", directions, "0" * 64)], generator, options)
    assert generator.resolution > study.pictures.size == 8
    assert all(opened(study, name).size == (8, 8) for name in study.picture_names)


def test_pairs_take_every_direction_about_equally_often() -> None:
    sizes = (2, 3, 2)
    found = _random_pairs(Random(0), sizes, 6)
    assert len(found) == 3 * 6
    for a, b in ((0, 1), (0, 2), (1, 2)):
        chosen = [(p.first[1], p.second[1]) for p in found if (p.first[0], p.second[0]) == (a, b)]
        for chosen_of, size in zip(zip(*chosen, strict=True), (sizes[a], sizes[b]), strict=True):
            assert sorted(chosen_of) == sorted(list(range(size)) * (6 // size))


def test_far_pictures_are_the_least_alike() -> None:
    from latentclr.study.pictures import farthest, thumbnail

    grey = [Image.new("RGB", (20, 20), (value,) * 3) for value in (0, 10, 200, 255)]
    assert farthest(torch.stack([thumbnail(picture) for picture in grey])) == [(3, 2), (3, 2), (0, 1), (0, 1)]
    assert farthest(torch.stack([thumbnail(grey[0])])) == [(0, 0)]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"pictures": 0}, "pictures=0 must be at least 1"),
        ({"pictures": 10_001}, "pictures=10001 must be at least 1 and at most 10000"),
        ({"per_direction": 7}, "7 of 6 pictures"),
        ({"per_direction": 0}, "per_direction=0 must be at least 1"),
        ({"pictures": 2}, "the drastic check needs three pictures"),
        ({"preference": 3}, "compares two runs or more"),
        ({"preference": -1}, "preference=-1 must be at least 0"),
        ({"checks": Checks(-1, 0, 0)}, "same=-1 must be at least 0"),
        ({"per_participant": 0}, "per_participant=0 must be at least 1"),
        ({"alpha": 0.0}, r"alpha=0\.0 must be above 0"),
        ({"multiple": float("nan")}, "multiple=nan must be above 0"),
        ({"size": 9}, "size=9 must be at least 8 and at most 8"),
        ({"seed": -1}, "seed=-1"),
    ],
)
def test_what_cannot_become_a_study_is_refused(tmp_path: Path, options: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        small_study(tmp_path / "study", **options)
    assert not list(tmp_path.iterdir())


def test_runs_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    one, two = sources(2, 2)
    with pytest.raises(InputError, match="a name of its own"):
        check([one, replace(two, name=one.name)], Toy(), Options())
    with pytest.raises(InputError, match="at least one run"):
        check([], Toy(), Options())
    with pytest.raises(InputError, match="do not fit"):
        check([one], Toy(seed=1), Options())
    with pytest.raises(InputError, match="no direction to show"):
        check([replace(one, indices=())], Toy(), Options())
    with pytest.raises(InputError, match="no direction 7"):
        check([replace(one, indices=(7,))], Toy(), Options())


def test_a_failure_leaves_nothing_and_the_old_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    study = small_study(tmp_path / "study", 2)
    before = (study.folder / STUDY).read_bytes()

    def full(*_: object) -> list[tuple[int, int]]:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(module, "farthest", full)
    (source,) = sources(2)
    with pytest.raises(OSError, match="No space"):
        create(study.folder, [source], Toy(), Options(pictures=3, per_direction=1), overwrite=True)
    assert (study.folder / STUDY).read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["study"]


def test_a_place_that_is_taken(tmp_path: Path) -> None:
    study = small_study(tmp_path / "study", 2)
    with pytest.raises(InputError, match="--overwrite"):
        small_study(study.folder, 2)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").touch()
    with pytest.raises(InputError, match="is not the folder of a study"):
        small_study(tmp_path / "mine", 2)


def test_progress_is_told_up_to_the_last_picture(tmp_path: Path) -> None:
    told: list[tuple[int, float]] = []
    log: Any = lambda done, values: told.append((done, values["pictures"]))  # noqa: E731
    create(tmp_path / "s", sources(2), Toy(), Options(pictures=3, per_direction=1), log=log)
    assert told == [(3, 15.0), (9, 15.0), (15, 15.0)]


def test_conditional_directions_and_chosen_slots(tmp_path: Path) -> None:
    found = latentclr.LatentCLR(k=2, model="nonlinear", steps=2, batch=2).fit(Toy())
    assert isinstance(found, Directions)
    source = Source("mine", found, "0" * 64, slots=(1,))
    study = create(tmp_path / "s", [source], Toy(), Options(pictures=3, per_direction=1, alpha=3.0))
    assert study.runs[0].slots == (1,)
    latents = Toy().from_seeds(study.pictures.seeds)
    edited = Toy()(found.edit(latents, 0, 3.0, (1,)))
    assert pixels(opened(study, study.runs[0].directions[0].plus[0])) == pixels(to_pil(edited[0]))
