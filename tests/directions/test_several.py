"""Edits along directions of several runs, one after the other."""

import torch
from tests.toy import Toy
from torch.testing import assert_close

from latentclr import Directions
from latentclr.directions import Global, Linear, Move, edit_all


def rng(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def runs(toy: Toy) -> tuple[Directions, Directions]:
    models = Global(3, toy.latent_dim, rng=rng(0)), Linear(2, toy.latent_dim, rng=rng(1))
    one, other = (
        Directions(
            model=model,
            space=toy.space,
            num_slots=toy.num_slots,
            slots=(0, 1),
            scale=torch.full((model.k,), 2.0),
            scores=torch.zeros(model.k),
            names=("",) * model.k,
        )
        for model in models
    )
    return one, other


def test_each_edit_starts_where_the_last_one_led(toy: Toy) -> None:
    one, other = runs(toy)
    latents = toy.from_seeds([0, 1])
    moves = [Move(one, 2, 1.5), Move(other, 1, -2.0, (1,))]
    by_hand = other.edit(one.edit(latents, 2, 1.5), 1, -2.0, [1], steps=1)
    assert torch.equal(edit_all(latents, moves), by_hand)
    # A conditional direction depends on where it is read.
    assert not torch.equal(edit_all(latents, moves[::-1]), by_hand)
    by_hand = other.edit(one.edit(latents, 2, 1.5, steps=3), 1, -2.0, [1], steps=3)
    assert torch.equal(edit_all(latents, moves, steps=3), by_hand)


def test_a_share_is_of_every_alpha_and_may_differ_between_pictures(toy: Toy) -> None:
    one, other = runs(toy)
    latents = toy.from_seeds([0, 1])
    moves = [Move(one, 0, 2.0), Move(other, 0, 1.0)]
    half = [Move(one, 0, 1.0), Move(other, 0, 0.5)]
    assert_close(edit_all(latents, moves, share=0.5), edit_all(latents, half))
    mixed = edit_all(latents, moves, share=torch.tensor([0.5, 0.0]))
    assert_close(mixed[:1], edit_all(latents[:1], half))
    assert torch.equal(mixed[1:], latents[1:])


def test_no_edit_gives_the_latents_back(toy: Toy) -> None:
    latents = toy.from_seeds([0])
    assert torch.equal(edit_all(latents, []), latents)
