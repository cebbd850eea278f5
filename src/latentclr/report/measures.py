"""What an evaluation measures: names, which way is better, and a sentence each."""

from collections.abc import Mapping
from typing import Any

from latentclr.evaluate.dependency import AT

FORMAT = 1
"""Version of the layout of metrics.json."""

OF_RUNS = {
    "diagonal": "mean effect of each attribute's own direction (one-to-one assignment), in deviations",
    "leakage": "mean effect of the same directions on the other attributes, in deviations",
    "leakage ratio": "leakage over diagonal",
    "selectivity": "largest effect of a direction as a share of all its effects, mean over all directions",
    "mean-AD": (
        "attribute dependency: mean change of the other attributes where the own one has changed by "
        f"{AT:g} deviations, mean over assigned directions that get there"
    ),
    "max-AD": "the same for the attribute that changes most, picture by picture",
    "reached": "share of the attributes whose own direction gets there at all",
    "separability": (
        "accuracy of a network that is taught to tell the directions from pictures (RCA); "
        "guessing gives 1 / K"
    ),
    "distinct vectors": "groups of directions whose |cos| is above .9, as a share of K",
    "distinct looks": "the same of their changes of the picture",
    "distinct effects": "the same of their effects on the attributes of every picture",
    "diversity": "how much the attributes that directions move differ from one to the next (xGA)",
    "identity": "distance between the person before and after an edit, mean over directions",
    "monotone": "share of the steps along a path that take its strongest attribute the way of the whole",
    "unevenness": "deviation over mean of the visible speed along a path: 0 is as much at every step",
}
"""Measures of runs: means over their directions."""

OF_DIRECTIONS = {
    "selectivity": "largest effect as a share of all effects",
    "monotone": "share of the steps along the path that take its strongest attribute the way of the whole",
    "unevenness": "deviation over mean of the visible speed along the path",
    "identity": "distance between the person before and after an edit, both ways",
}

LESS_IS_BETTER = {"leakage", "leakage ratio", "mean-AD", "max-AD", "identity", "unevenness"}

MEASURES: tuple[Mapping[str, Any], ...] = tuple(
    {"name": name, "of": of, "better": "less" if name in LESS_IS_BETTER else "more", "about": about}
    for of, measures in (("run", OF_RUNS), ("direction", OF_DIRECTIONS))
    for name, about in measures.items()
)
"""What is measured of runs and of directions, as JSON values."""
