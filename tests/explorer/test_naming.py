"""Proposed names: what directions of scenes do, as the oracle sees it."""

from dataclasses import replace

import pytest
import torch
from tests.explorer.shelves import plain, toys
from tests.generators.small_biggan import small_biggan_deep

from latentclr import Generator, InputError, Random, SeFa, load_generator
from latentclr.artefacts import Origin
from latentclr.directions import Global
from latentclr.explorer import naming
from latentclr.explorer.naming import Names, label, proposed, proposed_yet
from latentclr.explorer.shelf import Shelf


@pytest.fixture(scope="module")
def named() -> tuple[Shelf, str]:
    """Four directions of scenes, one of them named, and none that does anything as the last."""
    found = SeFa(k=4).fit(load_generator("scenes")).rename({1: "mine"})
    theta = torch.cat([found.model.state_dict()["theta"][:3], torch.zeros(1, found.dim)])
    model = Global.from_state({"theta": theta}, k=4, dim=found.dim, **found.model.settings())
    shelf = Shelf()
    return shelf, shelf.add(replace(found, model=model), "SeFa").id


def test_directions_get_names_of_what_they_change_each_once(named: tuple[Shelf, str]) -> None:
    shelf, run = named
    assert proposed_yet(shelf, "scenes", run) is None
    names = proposed(shelf, "scenes", run)
    assert names.reason == ""
    assert set(names.texts) == {0, 1, 2, 3}
    assert 1 not in names.names  # it has one
    assert 3 not in names.names
    assert names.texts[3].startswith("unknown")
    assert len(set(names.names.values())) == len(names.names) >= 1
    assert proposed_yet(shelf, "scenes", run) is names
    assert proposed(shelf, "scenes", run) is names


def test_the_given_name_is_shown_before_the_proposed_one() -> None:
    entry = toys(plain().rename({1: "mine"})).entries()[0]
    names = Names({0: "scale", 2: "light"})
    assert [label(entry, i, names) for i in range(4)] == ["0 scale?", "1 mine", "2 light?", "3"]
    assert [label(entry, i) for i in range(4)] == ["0", "1 mine", "2", "3"]


def test_without_a_scorer_the_reason_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def nothing(_: object) -> None:
        raise InputError("the networks cannot be fetched.")

    monkeypatch.setattr(naming, "reading_of", nothing)
    shelf = toys(plain())
    names = proposed(shelf, "toy", shelf.entries()[0].id)
    assert names == Names(reason="unknown: the networks cannot be fetched.")
    assert label(shelf.entries()[0], 0, names) == "0"


def test_the_class_of_the_run_is_drawn_or_the_first_one(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: list[int | None] = []

    def note(generator: Generator) -> None:
        drawn.append(generator.label_number)
        raise InputError("that is all.")

    monkeypatch.setattr(naming, "reading_of", note)
    generator = small_biggan_deep()
    shelf = Shelf(["classes"], load=lambda _: generator)
    for number in (1, None):
        found = Random(k=2, seed=number or 0).fit(generator.for_class(1))
        found = replace(found, origin=Origin({"generator": {"class": number}}))
        proposed(shelf, "classes", shelf.add(found, "random").id)
    assert drawn == [1, 0]


def test_a_run_of_another_generator_is_refused() -> None:
    shelf = toys(plain(name="other"))
    with pytest.raises(InputError, match="do not fit 'toy'"):
        proposed(shelf, "toy", shelf.entries()[0].id)
