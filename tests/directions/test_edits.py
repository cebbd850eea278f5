"""Reading and moving slots, against loops over latents, slots and directions."""

from collections import Counter
from typing import Any

import pytest
import torch
from tests.rounding import assert_rounded
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from latentclr.directions.edits import moved, read

ALL, NEIGHBOURS, FIRST, APART, LAST = (0, 1, 2, 3, 4), (1, 2, 3), (0, 1), (0, 2, 3), (4,)
SLOTS = pytest.mark.parametrize("slots", [ALL, NEIGHBOURS, FIRST, APART, LAST], ids=str)


def latents() -> Tensor:
    return torch.randn(3, 5, 2, generator=torch.Generator().manual_seed(0))


class Operations(TorchDispatchMode):
    """Counts torch's operations by name."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.counts: Counter[str] = Counter()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.counts[func.overloadpacket.__name__] += 1
        return func(*args, **(kwargs or {}))


@SLOTS
def test_a_direction_is_read_at_the_mean_of_the_moved_slots(slots: tuple[int, ...]) -> None:
    x = latents()
    means = [[sum(float(x[i, slot, d]) for slot in slots) / len(slots) for d in range(2)] for i in range(3)]
    assert_rounded(read(x, slots), torch.tensor(means), terms=len(slots) + 1, scale=float(x.abs().max()))


@SLOTS
@pytest.mark.parametrize("directions", [(), (2,)], ids=["one direction", "two directions"])
def test_only_the_given_slots_move_and_by_the_shift(
    slots: tuple[int, ...], directions: tuple[int, ...]
) -> None:
    x = latents()
    before = x.clone()
    shift = torch.randn(*directions, 3, 2, generator=torch.Generator().manual_seed(1))
    edited = moved(x, shift, slots)
    assert edited.shape == (*directions, 3, 5, 2)
    expected = x.repeat(*directions, *(1, 1, 1)) if directions else x.clone()
    for slot in range(5):
        for i in range(3):
            if slot in slots:
                expected[..., i, slot, :] += shift[..., i, :]
    assert torch.equal(edited, expected), "one addition of the same two numbers: equal to the bit"
    assert torch.equal(x, before)


def test_neighbouring_slots_are_one_operation() -> None:
    # One by one, others are: indexing by a list of slots would make the program wait for a GPU.
    for slots, additions, stacks in ((NEIGHBOURS, 1, 0), (APART, 3, 1)):
        with Operations() as during:
            moved(latents(), torch.ones(3, 2), slots)
            read(latents(), slots)
        assert (during.counts["add_"], during.counts["stack"]) == (additions, stacks)
