"""What is cut out of a photo: by the generator's rule, by hand, or refused with a sentence."""

import pytest
import torch
from tests.generators.small_stylegan2 import small_stylegan2
from tests.invert.photos import planted, png

from latentclr import InputError, load_generator
from latentclr.checkpoints.crops import CELEBS, CENTRE, FACES, FFHQ
from latentclr.checkpoints.load import cropped
from latentclr.invert import crop
from latentclr.invert.align import Anchors, face_frame
from latentclr.invert.crop import Cropped, crop_photo, picture_size, rule_of
from latentclr.invert.photo import Decoded, Limits, decode_photo


def photo(height: int = 480, width: int = 640, **limits: int) -> Decoded:
    return decode_photo(png(planted(height, width)), name="me.png", limits=Limits(**limits))


def test_the_rule_goes_by_the_generators_name_or_anothers() -> None:
    generator = load_generator("scenes")
    assert rule_of(generator) == CENTRE
    assert rule_of(generator, "ffhq") == FFHQ
    assert rule_of(generator.view(name="my/own.pkl")) == CENTRE
    assert rule_of(generator.view(name="celebs")) == CELEBS
    with pytest.raises(InputError, match=r"no generator 'ffhk' \(did you mean 'ffhq'\?\) in the zoo"):
        rule_of(generator, "ffhk")


def test_pictures_have_the_generators_size() -> None:
    generator = small_stylegan2()
    assert picture_size(generator) == tuple(generator(generator.from_seeds([0])).shape[2:])
    wide = cropped(generator, generator.resolution // 2)
    assert picture_size(wide) == tuple(wide(wide.from_seeds([0])).shape[2:])


@pytest.mark.parametrize("size", [(64, 64), (48, 64), (64, 48)])
def test_the_middle_is_the_largest_part_of_that_shape(size: tuple[int, int]) -> None:
    for picture in (photo(480, 640), photo(640, 480), photo(64, 64)):
        found = crop_photo(picture, size, CENTRE)
        x, y, width, height = found.source.crop
        # Crops are told to a hundredth of a pixel.
        assert width / height == pytest.approx(size[1] / size[0], rel=1e-3)
        assert width == picture.width or height == picture.height
        assert 2 * x + width == pytest.approx(picture.width, abs=0.03)
        assert 2 * y + height == pytest.approx(picture.height, abs=0.03)
        assert tuple(found.picture.shape[1:]) == size


def test_what_is_cut_by_hand_is_what_is_there() -> None:
    found = crop_photo(photo(), (64, 64), FACES, box=(40.0, 100.0, 128.0, 128.0))
    expected = planted(480, 640)[100:228, 40:168].reshape(64, 2, 64, 2, 3).mean((1, 3))
    away = (found.picture.permute(1, 2, 0) + 1) * 127.5 - torch.from_numpy(expected)
    assert away.abs().max() < 0.6  # grey levels
    assert found.source.crop == (40, 100, 128, 128)
    assert found.source.name == "me.png"
    assert len(found.source.sha256) == 64
    assert tuple(found.shown(100).shape) == (3, 100, 100)


def test_crops_are_in_pixels_of_the_photo_however_many_are_kept() -> None:
    whole, small = photo(480, 640), photo(480, 640, side=100)
    assert small.factor == 6
    box = (60.0, 120.0, 240.0, 240.0)
    one, other = (crop_photo(each, (32, 32), CENTRE, box=box) for each in (whole, small))
    assert one.source.crop == other.source.crop == box
    assert (one.picture - other.picture).abs().max() < 0.05
    assert crop_photo(whole, (32, 32), CENTRE).source.crop == crop_photo(small, (32, 32), CENTRE).source.crop


@pytest.mark.parametrize(
    ("box", "sentence"),
    [
        (
            (0.0, 0.0, 100.0, 80.0),
            r"crop 0,0,100,80 is 100 wide and 80 high, .* are square: give 0,0,80,80, say",
        ),
        (
            (600.0, 0.0, 100.0, 100.0),
            r"not within me\.png, which has 640 x 480 pixels: give x,y,width,height",
        ),
        ((-1.0, 0.0, 100.0, 100.0), "not within"),
        ((0.0, 0.0, 0.0, 0.0), "not within"),
        ((0.0, 0.0, float("nan"), 9.0), "not within"),
        ((0.0, 0.0, float("inf"), float("inf")), "not within"),
        ((0.0, 0.0, 15.0, 15.0), r"has 15 x 15 pixels; it needs at least 16 on each side"),
    ],
)
def test_crops_by_hand_that_are_not_possible(box: tuple[float, float, float, float], sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        crop_photo(photo(), (64, 64), CENTRE, box=box)


def test_a_crop_of_another_shape_names_that_of_the_generator() -> None:
    with pytest.raises(InputError, match=r"are 64 to 48: give 0,0,120,90, say"):
        crop_photo(photo(), (48, 64), CENTRE, box=(0.0, 0.0, 120.0, 120.0))


def test_what_is_scaled_up_is_said() -> None:
    assert crop_photo(photo(48, 48), (64, 64), CENTRE).notes == ()
    (note,) = crop_photo(photo(40, 90), (64, 64), CENTRE).notes
    assert note == "what is cut out of me.png has only 40 x 40 pixels and is scaled up to 64 x 64"


@pytest.mark.network
def test_a_photo_without_a_face_says_what_can_be_done() -> None:
    with pytest.raises(InputError) as caught:
        crop_photo(photo(), (64, 64), CELEBS)
    message = str(caught.value)
    assert message.startswith("no face is found in me.png")
    assert "--crop x,y,width,height" in message
    assert "--centre" in message


def face_at(x: float, wide: float) -> Anchors:
    """The points of a face whose left eye is there."""
    points = ((0.0, 0.0), (1.0, 0.0), (0.2, 1.1), (0.8, 1.1), (0.5, 1.1))
    return Anchors(*(torch.tensor([x + wide * right, 200 + wide * down]) for right, down in points))


def test_of_several_faces_the_largest_is_taken_and_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(crop, "_networks", lambda: None)
    monkeypatch.setattr(crop, "find_anchors", lambda pixels, networks: [face_at(100, 40), face_at(400, 60)])
    two = Decoded(torch.zeros(3, 480, 640).byte(), "two.png", "0" * 64, 640, 480)
    found = crop_photo(two, (64, 64), CELEBS)
    assert found.notes[0].startswith("two.png shows 2 faces: number 1 from the left, the largest, is taken")
    chosen = [crop_photo(two, (64, 64), CELEBS, face=i) for i in (0, 1)]
    assert all(one.notes == () for one in chosen)
    assert torch.equal(chosen[1].picture, found.picture)
    assert (
        chosen[0].source.crop
        == Cropped(chosen[0].picture, face_frame(face_at(100, 40), CELEBS), two).source.crop
    )
    assert chosen[0].frame.width < chosen[1].frame.width
    assert len(found.source.crop) == 8
    with pytest.raises(InputError, match=r"--face 2: two\.png shows faces 0 to 1, from the left"):
        crop_photo(two, (64, 64), CELEBS, face=2)
