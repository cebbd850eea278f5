"""Slots by name and as lists."""

import pytest
from tests.conftest import small_dcgan
from tests.generators.small_stylegan2 import small_stylegan2
from tests.toy import Toy

from latentclr import Generator, InputError, load_generator
from latentclr.explorer.slots import parse_slots, slot_presets, told_slots
from latentclr.generators import Layer


def test_a_stylegan_has_the_groups_of_style_mixing() -> None:
    presets = slot_presets(load_generator("scenes"))
    assert presets == {
        "all": tuple(range(10)),
        "coarse": (0, 1, 2, 3),
        "middle": (4, 5, 6, 7),
        "fine": (8, 9),
    }
    large = load_generator("scenes").view(num_slots=18, layers=layers_of(1024))
    assert slot_presets(large)["coarse"] == (0, 1, 2, 3)  # 4 and 8 pixels
    assert slot_presets(large)["middle"] == (4, 5, 6, 7)  # 16 and 32
    assert slot_presets(large)["fine"] == tuple(range(8, 18))


def layers_of(resolution: int) -> tuple[Layer, ...]:
    """The slots of a StyleGAN2: each is read by a convolution and by torgb or the next convolution."""
    found, slot, pixels = [Layer("b4.conv1", 0, 8, 4), Layer("b4.torgb", 1, 3, 4)], 1, 8
    while pixels <= resolution:
        found += [Layer(f"b{pixels}.conv{i}", slot + i, 8, pixels) for i in range(2)]
        slot += 2
        found.append(Layer(f"b{pixels}.torgb", slot, 3, pixels))
        pixels *= 2
    return tuple(found)


def test_small_generators_have_thirds_halves_or_nothing() -> None:
    small = small_stylegan2()
    assert small.resolution <= 32
    names = slot_presets(small)
    assert list(names) == ["all", "coarse", "middle", "fine"]
    assert sum((names[name] for name in ("coarse", "middle", "fine")), ()) == names["all"]
    assert all(names.values())
    assert slot_presets(Toy()) == {"all": (0, 1), "coarse": (0,), "fine": (1,)}
    assert slot_presets(small_dcgan()) == {"all": (0,)}


@pytest.mark.parametrize(
    "generator", [Toy(), small_dcgan(), load_generator("scenes")], ids=["toy", "dcgan", "w"]
)
def test_what_is_told_is_read_back(generator: Generator) -> None:
    for slots in (None, *slot_presets(generator).values(), (0,)):
        assert parse_slots(told_slots(slots, generator), generator) == slots


def test_lists_ranges_and_names_are_read() -> None:
    scenes = load_generator("scenes")
    assert parse_slots("0-2, 5", scenes) == (0, 1, 2, 5)
    assert parse_slots(" Fine ", scenes) == (8, 9)
    assert parse_slots("  ", scenes) is None
    assert told_slots((0, 1, 2, 5), scenes) == "0-2,5"


@pytest.mark.parametrize("text", ["10", "0-10", "-1", "rough", "0;1", "0-999999999", "1.5"])
def test_what_is_no_slot_is_refused_with_the_names(text: str) -> None:
    with pytest.raises(
        InputError, match=r"(is no list|are not possible).*the names all, coarse, middle, fine"
    ):
        parse_slots(text, load_generator("scenes"))
