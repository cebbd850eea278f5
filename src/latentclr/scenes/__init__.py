"""A procedural world whose factors are known: an object on a floor before a wall."""

from latentclr.scenes.factors import BY_NAME, FACTORS, SHAPES, SHAPES_3D, WORLDS, Factor, Factors, draw, usual
from latentclr.scenes.render import parts, render, sample

__all__ = [
    "BY_NAME",
    "FACTORS",
    "SHAPES",
    "SHAPES_3D",
    "WORLDS",
    "Factor",
    "Factors",
    "draw",
    "parts",
    "render",
    "sample",
    "usual",
]
