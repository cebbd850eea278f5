"""Slots by name: which of a generator's latents move the large shapes and which the surface."""

from latentclr.errors import InputError
from latentclr.generators import Generator
from latentclr.generators.slots import ALL, GROUPS, slot_groups
from latentclr.ranges import as_ranges, numbers

COARSE, MIDDLE, FINE = GROUPS
COARSE_TO, MIDDLE_TO = 8, 32
"""Pixels: layers up to 8 x 8 are coarse and up to 32 x 32 middle, as with StyleGAN's style mixing."""


def slot_presets(generator: Generator) -> dict[str, tuple[int, ...]]:
    """Slots by name: "all", and "coarse", "middle", "fine" as far as there are several slots.

    By the resolution at which a slot is first read: up to 8 pixels, up to 32, above. Where one of these would
    be empty (as in small generators), thirds of the slots instead; of two slots there is no middle.
    """
    count = generator.num_slots
    everything = {ALL: tuple(range(count))}
    if count == 1:
        return everything
    first: dict[int, int] = {}
    for layer in generator.layers:
        first.setdefault(layer.slot, layer.resolution)
    # A slot that no layer names is read where the one before it is.
    pixels: list[int] = []
    for slot in range(count):
        pixels.append(first.get(slot, pixels[-1] if pixels else 0))
    groups: dict[str, tuple[int, ...]] = {
        COARSE: tuple(slot for slot in range(count) if pixels[slot] <= COARSE_TO),
        MIDDLE: tuple(slot for slot in range(count) if COARSE_TO < pixels[slot] <= MIDDLE_TO),
        FINE: tuple(slot for slot in range(count) if pixels[slot] > MIDDLE_TO),
    }
    return {**everything, **groups} if all(groups.values()) else slot_groups(count)


def parse_slots(text: str, generator: Generator) -> tuple[int, ...] | None:
    """Slots from the name of a preset, or a list with ranges ("0-3,5"); None, the run's own, from no text.

    Raises:
        InputError: neither, or a slot that the generator has not.
    """
    text = text.strip()
    if not text:
        return None
    presets = slot_presets(generator)
    if text.lower() in presets:
        return presets[text.lower()]
    try:
        return generator.check_slots(numbers(text, int, "slots"))
    except InputError as error:
        raise InputError(f"{error} (There are also the names {', '.join(presets)}.)") from error


def told_slots(slots: tuple[int, ...] | None, generator: Generator) -> str:
    """What `parse_slots` reads back: the name of a preset where it is one, else a list with ranges."""
    if slots is None:
        return ""
    return next(
        (name for name, preset in slot_presets(generator).items() if preset == slots), as_ranges(slots)
    )
