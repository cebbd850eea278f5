"""Contact sheets show the edits that they say, where they say."""

from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from tests.toy import Toy

from latentclr import Directions, InputError, Random, contact_sheet
from latentclr.evaluate.calibration import calibrate
from latentclr.images import to_pil
from latentclr.report.grid import GAP, HEAD, LINE, Block, Grid, Row
from latentclr.report.sheet import inversion_sheet, strong_alpha

TILE = 32
TOP = GAP + 2 * HEAD


@pytest.fixture
def directions(toy: Toy) -> Directions:
    return Random(k=3).fit(toy).rename({1: "a rather long name"})


def tile(sheet: Image.Image, row: int, column: int, *, per_seed: int, seeds: int) -> np.ndarray:
    """The pixels at a row and a column of pictures, counted from the right, where no label is."""
    from_right = seeds * per_seed - column
    blocks_right = seeds - column // per_seed
    left = sheet.width - blocks_right * GAP - from_right * TILE - (GAP if seeds else 0)
    top = TOP + row * (TILE + 2)
    return np.asarray(sheet.crop((left, top, left + TILE, top + TILE)))


def test_every_tile_is_the_edit_of_its_row_seed_and_alpha(toy: Toy, directions: Directions) -> None:
    seeds, alphas = (4, 9), (-2.0, 0.0, 5.0)
    sheet = contact_sheet(toy, directions, seeds=seeds, alphas=alphas, tile=TILE)
    latents = toy.from_seeds(seeds)
    for row in range(3):
        for s in range(2):
            for a, alpha in enumerate(alphas):
                edited = directions.edit(latents[s : s + 1], row, alpha)
                expected = to_pil(toy(edited)[0]).resize((TILE, TILE), Image.Resampling.LANCZOS)
                found = tile(sheet, row, 3 * s + a, per_seed=3, seeds=2).astype(int)
                assert np.abs(found - np.asarray(expected)).max() <= 1, (row, s, alpha)


def test_calibrated_directions_are_shown_up_to_twice_the_matched_strength(
    toy: Toy, directions: Directions
) -> None:
    assert strong_alpha(directions) == 6
    calibrated = calibrate(directions, toy, target=0.05)
    assert strong_alpha(calibrated) == 2
    named: dict[str, Any] = {"alphas": (-2.0, -1.0, 0.0, 1.0, 2.0), "tile": TILE}
    shown = contact_sheet(toy, calibrated, tile=TILE)
    assert np.array_equal(np.asarray(shown), np.asarray(contact_sheet(toy, calibrated, **named)))


def test_rows_can_be_chosen_and_laid_out_in_columns(toy: Toy, directions: Directions) -> None:
    whole = contact_sheet(toy, directions, seeds=[1], alphas=[0.0, 1.0], tile=TILE)
    two = contact_sheet(toy, directions, seeds=[1], alphas=[0.0, 1.0], tile=TILE, indices=[2, 0])
    assert two.height == whole.height - (TILE + 2)
    wide = contact_sheet(toy, directions, seeds=[1], alphas=[0.0, 1.0], tile=TILE, columns=2)
    assert wide.height == TOP + 2 * (TILE + 2) + GAP
    assert wide.width > 1.5 * whole.width
    many = contact_sheet(toy, directions, seeds=[1], alphas=[0.0, 1.0], tile=TILE, columns=9)
    assert many.height == TOP + TILE + 2 + GAP


def test_long_names_get_their_room(toy: Toy, directions: Directions) -> None:
    short = contact_sheet(toy, directions.select([0]), seeds=[1], alphas=[0.0], tile=TILE)
    long = contact_sheet(toy, directions.select([1]), seeds=[1], alphas=[0.0], tile=TILE)
    assert long.width > short.width + 50


def test_size_of_a_tile_follows_the_generator(toy: Toy, directions: Directions) -> None:
    one = contact_sheet(toy, directions.select([0]), seeds=[1], alphas=[0.0])
    assert one.height == TOP + 96 + 2 + GAP


def test_slots_and_truncation_change_the_pictures(toy: Toy, directions: Directions) -> None:
    plain = contact_sheet(toy, directions, tile=TILE)
    for changed in (
        contact_sheet(toy, directions, tile=TILE, slots=[1]),
        contact_sheet(toy.at(0.5), directions, tile=TILE),
    ):
        assert plain.tobytes() != changed.tobytes()


def test_nothing_to_show_and_foreign_directions_are_refused(toy: Toy, directions: Directions) -> None:
    nothings: list[dict[str, Any]] = [{"indices": []}, {"alphas": []}, {"columns": 0}]
    for nothing in nothings:
        with pytest.raises(InputError, match="needs at least one"):
            contact_sheet(toy, directions, **nothing)
    with pytest.raises(InputError, match="were found in"):
        contact_sheet(Toy(seed=3), directions)
    with pytest.raises(InputError, match="no direction 7"):
        contact_sheet(toy, directions, indices=[7])


def test_no_random_state_is_used(toy: Toy, directions: Directions) -> None:
    before = torch.get_rng_state()
    first = contact_sheet(toy, directions, tile=TILE)
    assert torch.equal(torch.get_rng_state(), before)
    assert first.tobytes() == contact_sheet(toy, directions, tile=TILE).tobytes()


def test_blocks_stand_beside_each_other_with_rows_at_one_height() -> None:
    colours = ["red", "green", "blue"]
    rows = [
        Row(str(i), tiles=tuple(Image.new("RGB", (10, 10), c) for _ in range(3)))
        for i, c in enumerate(colours)
    ]
    grid = Grid([("seed 5", ["-", "0", "+"])], (10, 10))
    sheet = grid.draw("", [Block("a", tuple(rows)), Block("b", tuple(reversed(rows)))])
    pixels = np.asarray(sheet)

    def place(colour: tuple[int, int, int]) -> list[tuple[int, int]]:
        ys, xs = np.nonzero((pixels == colour).all(-1))
        corners = {(int(y), int(x)) for y, x in zip(ys, xs, strict=True)}
        return sorted(
            p for p in corners if (p[0] - 1, p[1]) not in corners and (p[0], p[1] - 1) not in corners
        )

    (red_left, red_right), (blue_left, blue_right) = (
        sorted(place(colour), key=lambda p: p[1]) for colour in ((255, 0, 0), (0, 0, 255))
    )
    assert red_left[0] == blue_right[0] < blue_left[0] == red_right[0]
    assert red_left[1] == blue_left[1] < red_right[1] == blue_right[1]


def test_every_tile_is_on_the_sheet() -> None:
    paint = [(200, i, 0) for i in range(12)]
    tiles = [Image.new("RGB", (10, 10), colour) for colour in paint]
    line = Row("a long label of a row", "and a note\nof two lines\nof three", tuple(tiles[:6]))
    other = Row("b", "", tuple(tiles[6:]))
    grid = Grid([(f"seed {seed}", ["-1", "0", "+1"]) for seed in (0, 1)], (10, 10))
    sheet = grid.draw(
        "A title\nof two lines",
        [
            Block("a block whose title is much wider than its pictures are", (line, Row("empty"))),
            Block("c", (other,)),
        ],
    )
    assert set(paint) <= {colour for _, colour in sheet.getcolors(10**6) or []}
    pixels = np.asarray(sheet)
    assert (pixels[[0, -1]] == 255).all()
    assert (pixels[:, [0, -1]] == 255).all()


def test_every_reconstruction_is_where_its_photo_and_column_are() -> None:
    values = torch.tensor([[-1.0, -0.5], [0.0, 0.5], [1.0, 0.25]])  # columns, photos
    columns = {f"column {c}": [torch.full((3, 8, 8), float(v)) for v in row] for c, row in enumerate(values)}
    sheet = inversion_sheet(columns, {"column 1": ["20.0 dB", ""], "column 2": ["", "x"]}, height=64)
    margin = sheet.width - 3 * (64 + GAP) - GAP
    for c, row in enumerate(values.tolist()):
        for i, value in enumerate(row):
            x = margin + c * (64 + GAP) + 32
            y = GAP + HEAD + i * (64 + 2 + LINE) + 32
            level = sheet.getpixel((x, y))
            assert isinstance(level, tuple)
            assert abs(level[0] - (value + 1) * 127.5) < 2


def test_wide_pictures_keep_their_shape() -> None:
    picture = torch.zeros(3, 8, 16)
    sheet = inversion_sheet({"photo": [picture]}, {}, height=50)
    assert 100 < sheet.width < 150
    assert 50 < sheet.height < 125
