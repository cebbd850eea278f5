"""What every method promises, over the generators that can make a difference to it."""

import ast
import dataclasses
import functools
import inspect
import json
import textwrap
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tests.conftest import GENERATORS
from tests.rounding import assert_rounded

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
    "plumerault": {"trajectories": 3, "held_out": 2, "points": 2, "steps": 2},
}
"""Settings for a fit in a moment; a new method adds its line."""

WHERE: dict[str, tuple[str, ...]] = {
    "latentclr": ("biggan", "stylegan2"),
    "ganspace": ("biggan", "stylegan", "stylegan2-z"),
    "sefa": ("biggan-deep", "stylegan", "stylegan-z", "stylegan2-z"),
    "voynov": ("dcgan", "stylegan2"),
    "random": ("progan", "stylegan2-resnet-classes"),
    "interfacegan": ("biggan-deep", "stylegan-z", "stylegan2-resnet-classes"),
    "steerability": ("progan", "stylegan"),
}
"""Generators on which `make test` tries each method, so that

- every method meets a space z and a space w: lengths, norms and scales differ between them;
- every generator is met by two methods or more, one with a class by one that draws pictures;
- methods that read weights or layers, and not pictures alone, meet more architectures: these cost little.

Any other method is tried on ELSEWHERE. All pairs are marked `pairs`."""
ELSEWHERE = ("toy", "dcgan")

PAIRS = [(method, name) for method in DISCOVERERS for name in GENERATORS]
CHOSEN = [(method, name) for method, name in PAIRS if name in WHERE.get(method, ELSEWHERE)]
all_pairs = pytest.mark.parametrize(
    ("method", "name"),
    [pytest.param(*pair, marks=() if pair in CHOSEN else pytest.mark.pairs) for pair in PAIRS],
)
chosen_pairs = pytest.mark.parametrize(("method", "name"), CHOSEN)
every_method = pytest.mark.parametrize("method", DISCOVERERS)


def small(method: str, **changes: Any) -> Discoverer:
    return DISCOVERERS[method](**SMALL[method] | {"seed": 4} | changes)


@dataclass(frozen=True)
class Fit:
    """What a method found in a generator, and the world around it before and after.

    Attributes:
        generator: after the fit.
        directions: that were found.
        fingerprint: of the generator before.
        torch_states: of torch's own random numbers, before and after.
        numpy_states: of NumPy's.
    """

    generator: Generator
    directions: Directions
    fingerprint: str
    torch_states: tuple[Any, Any]
    numpy_states: tuple[Any, Any]


@functools.cache  # not a fixture: in a random order, one with parameters would be made again and again
def fitted(method: str, name: str) -> Fit:
    """A fit for all tests that only look at it."""
    generator = GENERATORS[name]()
    fingerprint = generator.fingerprint()
    torch_before, numpy_before = torch.get_rng_state(), np.random.get_state()  # noqa: NPY002
    directions = small(method).fit(generator)
    return Fit(
        generator,
        directions,
        fingerprint,
        (torch_before, torch.get_rng_state()),
        (numpy_before, np.random.get_state()),  # noqa: NPY002
    )


def saved(directions: Directions, folder: Path) -> bytes:
    directions.save(folder / "directions")
    return (folder / "directions").read_bytes()


def test_every_method_has_small_settings_and_a_paper() -> None:
    assert set(SMALL) == set(DISCOVERERS)
    assert all(kind.paper for kind in DISCOVERERS.values())


@every_method
def test_every_field_has_a_docstring(method: str) -> None:
    # It is the help of the option on the command line.
    documented: set[str] = set()
    for kind in filter(dataclasses.is_dataclass, DISCOVERERS[method].__mro__):
        (body,) = ast.parse(textwrap.dedent(inspect.getsource(kind))).body
        assert isinstance(body, ast.ClassDef)
        documented |= {
            field.target.id
            for field, text in zip(body.body, body.body[1:], strict=False)
            if isinstance(field, ast.AnnAssign)
            and isinstance(field.target, ast.Name)
            and isinstance(text, ast.Expr)
            and isinstance(text.value, ast.Constant)
        }
    assert {field.name for field in dataclasses.fields(DISCOVERERS[method])} <= documented


@all_pairs
def test_it_finds_k_unit_directions_of_this_generator(method: str, name: str) -> None:
    fit = fitted(method, name)
    directions, generator = fit.directions, fit.generator
    directions.require(generator)
    assert directions.k == 3
    latents = generator.sample(4, rng=torch.Generator().manual_seed(3))
    # A length is a sum of so many squares, and three more operations make a vector of length one.
    terms = generator.latent_dim + 5
    assert_rounded(directions.model(latents[:, 0]).norm(dim=-1), torch.ones(3, 4), terms=terms)
    assert directions.scores.tolist() == sorted(directions.scores.tolist(), reverse=True)
    assert (directions.scale > 0).all()
    for index in range(3):
        edited = directions.edit(latents, index, -2.0)
        assert_rounded(
            (edited - latents).norm(dim=-1)[:, directions.slots],
            2 * directions.scale[index].expand(4, len(directions.slots)),
            terms=terms,
            scale=float(torch.maximum(edited, latents).norm(dim=-1).max() + 2 * directions.scale[index]),
        )
        changed = generator(directions.edit(latents, index, 2.0)) - generator(latents)
        assert changed.abs().max() > 0


@all_pairs
def test_same_seed_gives_the_same_file(method: str, name: str, tmp_path: Path) -> None:
    fit = fitted(method, name)
    once = saved(fit.directions, tmp_path)
    assert saved(small(method).fit(fit.generator), tmp_path) == once
    assert saved(small(method, seed=6).fit(fit.generator), tmp_path) != once


@all_pairs
def test_global_random_states_and_the_generator_are_untouched(method: str, name: str) -> None:
    fit = fitted(method, name)
    assert torch.equal(*fit.torch_states)
    assert all(map(np.array_equal, *fit.numpy_states))
    assert fit.generator.fingerprint() == fit.fingerprint
    assert not fit.generator.training
    for parameter in fit.generator.parameters():
        assert not parameter.requires_grad
        assert parameter.grad is None


@chosen_pairs
def test_stopped_and_gone_on_with_gives_the_same_file(method: str, name: str, tmp_path: Path) -> None:
    fit = fitted(method, name)
    folder = tmp_path / "kept"
    folder.mkdir()
    asked: list[int] = []

    def second_time() -> bool:
        asked.append(1)
        return len(asked) == 2

    small(method).fit(fit.generator, keep=Keeper(folder), stop=second_time)
    assert has_state(folder) == (len(asked) == 2), "what asks whether to stop keeps itself when it does"
    resumed = small(method).fit(fit.generator, keep=Keeper(folder))
    assert saved(resumed, tmp_path) == saved(fit.directions, tmp_path)


@chosen_pairs
def test_the_artefact_says_how_it_was_made(method: str, name: str) -> None:
    fit = fitted(method, name)
    origin = fit.directions.origin
    assert json.loads(json.dumps(origin)) == origin
    assert origin["method"] == method
    assert origin["hyperparameters"].items() >= {"seed": 4, "k": small(method).k}.items()
    assert origin["generator"]["sha256"] == fit.fingerprint
    assert ("class" in origin["generator"]) == (fit.generator.label is not None)
    assert {"latentclr", "torch", "numpy", "safetensors"} <= set(origin["versions"])
    assert origin["sorted_by"]


@chosen_pairs
def test_files_give_back_the_same_edits(method: str, name: str, tmp_path: Path) -> None:
    fit = fitted(method, name)
    fit.directions.save(tmp_path / "d.safetensors")
    loaded = Directions.load(tmp_path / "d.safetensors")
    latents = fit.generator.sample(2, rng=torch.Generator().manual_seed(3))
    assert torch.equal(loaded.edit(latents, 1, 2.5), fit.directions.edit(latents, 1, 2.5))
    assert loaded.origin == fit.directions.origin


@every_method
def test_only_the_given_slots_are_moved(method: str) -> None:
    toy = GENERATORS["toy"]()
    changes: dict[str, Any] = {"slots": (1,)}
    if "layer" in {field.name for field in dataclasses.fields(DISCOVERERS[method])}:
        changes["layer"] = "late"
    directions = small(method, **changes).fit(toy)
    assert directions.slots == (1,)
    latents = toy.sample(2, rng=torch.Generator().manual_seed(3))
    edited = directions.edit(latents, 0, 2.0)
    assert torch.equal(edited[:, 0], latents[:, 0])
    assert not torch.equal(edited[:, 1], latents[:, 1])


@every_method
def test_unknown_slots_are_refused(method: str) -> None:
    with pytest.raises(InputError, match=r"slots \[9\] are not possible"):
        small(method, slots=(9,)).fit(GENERATORS["toy"]())


@pytest.mark.parametrize(
    ("method", "preset"),
    [(method, preset) for method, kind in DISCOVERERS.items() for preset in kind.presets],
)
def test_presets_run(method: str, preset: str) -> None:
    changes = {**SMALL[method], **({"layer": "early"} if method == "latentclr" else {})}
    found = DISCOVERERS[method].preset(preset, **changes).fit(GENERATORS["toy"]()).origin["hyperparameters"]
    assert all(found[name] == value for name, value in changes.items() if not isinstance(value, tuple))


def test_unknown_preset_is_refused() -> None:
    with pytest.raises(InputError, match="random has no preset 'best'; there are: none"):
        DISCOVERERS["random"].preset("best")
