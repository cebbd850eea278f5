"""A planted direction that only one class has is reported, and one that both have is not."""

from dataclasses import replace

import pytest
from tests.experiments.planted import SETTINGS, Classes, axes, bench

from latentclr import Directions, InputError
from latentclr.artefacts import Origin
from latentclr.experiments import class_specific
from latentclr.experiments.settings import Run


def found_in(label: int, directions: Directions) -> Directions:
    home = {**directions.origin["generator"], "class": label}
    return replace(directions, origin=Origin({**directions.origin, "generator": home}))


def runs(generator: Classes, *parts: tuple[str, int, tuple[int, ...], int]) -> list[Run]:
    return [
        Run(name, found_in(label, axes(generator, *numbers, seed=seed)))
        for name, label, numbers, seed in parts
    ]


def test_a_direction_of_one_class_alone_has_no_match() -> None:
    generator = Classes()
    # Axis 0 is found in class 0 only, axis 3 in class 2 only; axis 1 in both.
    found = class_specific.run(
        bench(generator),
        runs(
            generator,
            ("zero", 0, (0, 1), 0),
            ("zero again", 0, (1, 0), 1),
            ("two", 2, (3, 1), 0),
            ("two again", 2, (3, 1), 1),
        ),
    )
    across = {(row["run"], row["direction"]): row for row in found.rows if row["another class"]}
    within = [row for row in found.rows if not row["another class"]]
    assert {key for key, row in across.items() if row["alone"]} == {
        ("zero", 0),
        ("zero again", 1),
        ("two", 0),
        ("two again", 0),
    }
    assert across["zero", 1]["looks"] == pytest.approx(1.0, abs=1e-3)
    assert across["zero", 1]["match"] == 1
    assert across["zero", 1]["effects"] == pytest.approx(1.0, abs=1e-3)
    assert across["zero", 0]["looks"] == pytest.approx(0.0, abs=1e-3)
    assert not any(row["alone"] for row in within)
    assert all(row["looks"] == pytest.approx(1.0, abs=1e-3) for row in within)
    assert "costs .50" in found.text
    assert "part of what is found belongs to the class" in found.text


def test_equal_runs_give_no_class_specific_direction() -> None:
    generator = Classes()
    found = class_specific.run(
        bench(generator),
        runs(generator, *((f"{label}-{seed}", label, (0, 1), seed) for label in (0, 1) for seed in (0, 1))),
    )
    assert not any(row["alone"] for row in found.rows)
    assert "rather than to a seed" in found.text


def test_a_single_seed_is_no_evidence() -> None:
    generator = Classes()
    found = class_specific.run(
        bench(generator), runs(generator, ("zero", 0, (0, 1), 0), ("one", 1, (2, 1), 0))
    )
    assert "no telling whether that is the class or chance" in found.text


def test_what_it_needs() -> None:
    generator = Classes()
    wanted = class_specific.plan(SETTINGS, generator)
    assert [(one.label, one.method.seed) for one in wanted] == [(0, 0), (0, 1), (1, 0), (1, 1)]
    assert len({one.name for one in wanted}) == 4
    with pytest.raises(InputError, match="cannot be compared with itself"):
        class_specific.plan(replace(SETTINGS, label=1, other=1), generator)
    with pytest.raises(InputError, match="give runs of two classes"):
        class_specific.run(bench(generator), runs(generator, ("zero", 0, (0, 1), 0)))
