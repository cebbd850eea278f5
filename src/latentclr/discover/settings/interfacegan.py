"""What can be chosen of `discover.interfacegan`."""

from dataclasses import dataclass
from typing import ClassVar

from latentclr.discover.settings.base import MethodSettings, check_count
from latentclr.errors import InputError, did_you_mean
from latentclr.limits import Limit, Limits, at_least

FEWEST = 10
"""Pictures on each side of a boundary: with fewer, an accuracy on the held-out ones says nothing."""


@dataclass(frozen=True)
class InterFaceGANSettings(MethodSettings):
    """Normals of linear boundaries between pictures with much and with little of an attribute."""

    method: ClassVar[str] = "interfacegan"
    strong: ClassVar[float] = 4.0
    paper: ClassVar[str] = (
        "Shen et al., Interpreting the Latent Space of GANs for Semantic Face Editing, CVPR 2020"
    )
    limits: ClassVar[Limits] = {"batch": at_least(1), "chosen": Limit(above=0, most=0.5)}

    k: int = 0
    """Number of attributes; 0: all that are given. (Each attribute has one direction.)"""
    attributes: tuple[str, ...] = ("brightness", "contrast", "saturation", "warmth")
    """What pictures are sorted by: brightness, contrast, saturation, warmth, sharpness, foreground; for
    pictures of scenes also scale, orientation, light, position."""
    conditions: tuple[str, ...] = ()
    """Attributes that the other directions should leave as they are: each direction is made orthogonal to
    the normals of these (but for its own): the paper's conditional manipulation."""
    samples: int = 4000
    """Pictures that are drawn and scored. (The authors advise more than 500,000.)"""
    chosen: float = 0.1
    """Share of the pictures with the highest, and with the lowest scores, that a boundary is fitted to. (The
    authors' code has 0.02 of many more: of 4000 that is fewer than a latent has dimensions.)"""
    slots: tuple[int, ...] | None = None
    """Slots of the generator that edits move; none: all. (The boundary is the same.)"""
    truncation: float = 1.0
    """Of the generator that draws the pictures."""
    batch: int = 16
    """Pictures drawn at once: as many as memory allows."""

    def __post_init__(self) -> None:
        """Refuse a k that is not the number of attributes, and what all methods refuse."""
        super().__post_init__()
        check_count(self.k, self.attributes, "attributes")
        if unknown := [name for name in self.conditions if name not in self.attributes]:
            hint = did_you_mean(unknown[0], self.attributes)
            raise InputError(
                f"condition {unknown[0]!r} is none of the attributes{hint}, which are "
                f"{', '.join(self.attributes)}; its boundary has to be found too: name it there as well."
            )
        if (each := int(self.chosen * self.samples)) < FEWEST:
            raise InputError(
                f"samples={self.samples} with chosen={self.chosen} leaves {max(each, 0)} pictures on each "
                f"side of a boundary; {FEWEST} are the least: draw more samples or choose a larger share."
            )
