"""What every method promises, on every generator that costs nothing to load."""

import dataclasses
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tests.conftest import GENERATORS, REAL
from torch.testing import assert_close

from latentclr import DISCOVERERS, Directions, Generator, InputError
from latentclr.discover import Discoverer
from latentclr.engine.checkpoint import Keeper, has_state

SMALL: dict[str, dict[str, Any]] = {
    "latentclr": {"k": 3, "steps": 4, "batch": 3, "held_out": 4, "validate_every": 2},
    "ganspace": {"k": 3, "samples": 300, "regression_samples": 200},
    "sefa": {"k": 3},
    "voynov": {"k": 3, "steps": 4, "batch": 4, "held_out": 2, "validate_every": 2, "pixels": 8},
    "random": {"k": 3},
    "interfacegan": {"attributes": ("brightness", "saturation", "warmth"), "samples": 48, "chosen": 0.25},
    "ganalyze": {
        "attributes": ("brightness", "saturation", "warmth"),
        "steps": 4,
        "batch": 2,
        "measured": 8,
        "held_out": 4,
        "validate_every": 2,
    },
    "steerability": {
        "transforms": ("zoom", "shift_x", "brightness"),
        "steps": 4,
        "batch": 2,
        "held_out": 4,
        "validate_every": 2,
    },
    "plumerault": {"trajectories": 4, "held_out": 2, "points": 2, "steps": 4},
}
"""Settings for a fit in a moment; a new method adds its line."""

INEXPENSIVE = [name for name in GENERATORS if name not in REAL]


@pytest.fixture(params=DISCOVERERS)
def make(request: pytest.FixtureRequest) -> Callable[..., Discoverer]:
    """Each method in turn, with its small settings."""
    return lambda **changes: DISCOVERERS[request.param](**SMALL[request.param] | changes)


@pytest.fixture(params=INEXPENSIVE)
def generator(request: pytest.FixtureRequest) -> Generator:
    return GENERATORS[request.param]()


@dataclass(frozen=True)
class Fit:
    """What a method found in a generator, and the world around it before and after.

    Attributes:
        discoverer: with its settings.
        generator: after the fit.
        directions: that were found.
        fingerprint: of the generator before.
        torch_states: of torch's own random numbers, before and after.
        numpy_states: of NumPy's.
    """

    discoverer: Discoverer
    generator: Generator
    directions: Directions
    fingerprint: str
    torch_states: tuple[Any, Any]
    numpy_states: tuple[Any, Any]


@pytest.fixture(
    scope="module", params=[(method, name) for method in DISCOVERERS for name in INEXPENSIVE], ids="-".join
)
def fit(request: pytest.FixtureRequest) -> Fit:
    """Each method on each generator, once for all tests that only look at it."""
    method, name = request.param
    discoverer, generator = DISCOVERERS[method](**SMALL[method], seed=4), GENERATORS[name]()
    fingerprint = generator.fingerprint()
    torch.manual_seed(1)
    np.random.seed(1)  # noqa: NPY002
    torch_before, numpy_before = torch.get_rng_state(), np.random.get_state()  # noqa: NPY002
    directions = discoverer.fit(generator)
    return Fit(
        discoverer,
        generator,
        directions,
        fingerprint,
        (torch_before, torch.get_rng_state()),
        (numpy_before, np.random.get_state()),  # noqa: NPY002
    )


def again(fit: Fit, **changes: Any) -> Discoverer:
    """The same method with other settings."""
    return dataclasses.replace(fit.discoverer, **changes)


def test_the_table_knows_every_method_by_its_own_name() -> None:
    assert all(name == kind.method and kind.paper for name, kind in DISCOVERERS.items())
    assert set(SMALL) == set(DISCOVERERS)


def test_it_is_a_frozen_dataclass_with_documented_fields(make: Callable[..., Discoverer]) -> None:
    discoverer = make()
    with pytest.raises(dataclasses.FrozenInstanceError):
        discoverer.k = 5  # type: ignore[misc]


def test_it_finds_k_unit_directions_of_this_generator(fit: Fit) -> None:
    directions, generator = fit.directions, fit.generator
    directions.require(generator)
    assert directions.k == 3
    latents = generator.sample(4, rng=torch.Generator().manual_seed(3))
    assert_close(directions.model(latents[:, 0]).norm(dim=-1), torch.ones(3, 4))
    assert directions.scores.tolist() == sorted(directions.scores.tolist(), reverse=True)
    assert (directions.scale > 0).all()
    for index in range(3):
        shift = directions.edit(latents, index, -2.0) - latents
        assert_close(
            shift.norm(dim=-1)[:, directions.slots],
            2 * directions.scale[index].expand(4, len(directions.slots)),
        )
        changed = generator(directions.edit(latents, index, 2.0)) - generator(latents)
        assert changed.abs().max() > 0


def test_same_seed_gives_the_same_file(fit: Fit, tmp_path: Path) -> None:
    fit.directions.save(tmp_path / "one")
    again(fit).fit(fit.generator).save(tmp_path / "two")
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()
    again(fit, seed=6).fit(fit.generator).save(tmp_path / "three")
    assert (tmp_path / "three").read_bytes() != (tmp_path / "one").read_bytes()


def test_stopped_and_gone_on_with_gives_the_same_file(fit: Fit, tmp_path: Path) -> None:
    fit.directions.save(tmp_path / "whole")
    folder = tmp_path / "kept"
    folder.mkdir()
    asked: list[int] = []

    def second_time() -> bool:
        asked.append(1)
        return len(asked) == 2

    again(fit).fit(fit.generator, keep=Keeper(folder), stop=second_time)
    assert has_state(folder) == (len(asked) == 2), "what asks whether to stop keeps itself when it does"
    again(fit).fit(fit.generator, keep=Keeper(folder)).save(tmp_path / "resumed")
    assert (tmp_path / "resumed").read_bytes() == (tmp_path / "whole").read_bytes()


def test_global_random_states_are_untouched(fit: Fit) -> None:
    assert torch.equal(*fit.torch_states)
    assert all(map(np.array_equal, *fit.numpy_states))


def test_the_generator_is_untouched(fit: Fit) -> None:
    assert fit.generator.fingerprint() == fit.fingerprint
    assert not fit.generator.training
    for parameter in fit.generator.parameters():
        assert not parameter.requires_grad
        assert parameter.grad is None


def test_the_artefact_says_how_it_was_made(fit: Fit) -> None:
    origin = fit.directions.origin
    assert json.loads(json.dumps(origin)) == origin
    assert origin["method"] == fit.discoverer.method
    assert origin["hyperparameters"]["seed"] == 4
    assert origin["generator"]["sha256"] == fit.generator.fingerprint()
    assert {"latentclr", "torch", "numpy", "safetensors"} <= set(origin["versions"])
    assert origin["sorted_by"]


def test_files_give_back_the_same_edits(fit: Fit, tmp_path: Path) -> None:
    fit.directions.save(tmp_path / "d.safetensors")
    loaded = Directions.load(tmp_path / "d.safetensors")
    latents = fit.generator.sample(2, rng=torch.Generator().manual_seed(3))
    assert torch.equal(loaded.edit(latents, 1, 2.5), fit.directions.edit(latents, 1, 2.5))
    assert loaded.origin == fit.directions.origin


def test_only_the_given_slots_are_moved(make: Callable[..., Discoverer]) -> None:
    toy = GENERATORS["toy"]()
    changes: dict[str, Any] = {"slots": (1,)}
    if "layer" in {field.name for field in dataclasses.fields(make())}:
        changes["layer"] = "late"
    directions = make(**changes).fit(toy)
    assert directions.slots == (1,)
    latents = toy.sample(2, rng=torch.Generator().manual_seed(3))
    edited = directions.edit(latents, 0, 2.0)
    assert torch.equal(edited[:, 0], latents[:, 0])
    assert not torch.equal(edited[:, 1], latents[:, 1])


def test_unknown_slots_are_refused(make: Callable[..., Discoverer], generator: Generator) -> None:
    with pytest.raises(InputError, match=r"slots \[9\] are not possible"):
        make(slots=(9,)).fit(generator)


def test_unknown_preset_is_refused(make: Callable[..., Discoverer]) -> None:
    with pytest.raises(InputError, match="has no preset 'best'"):
        make().preset("best")
