"""Directions: the models that give them and the artefact that keeps them."""

from latentclr.directions.artefact import Directions, Move, change, edit_all
from latentclr.directions.models import MODELS, DirectionModel, Global, Linear, Nonlinear, model_name

__all__ = [
    "MODELS",
    "DirectionModel",
    "Directions",
    "Global",
    "Linear",
    "Move",
    "Nonlinear",
    "change",
    "edit_all",
    "model_name",
]
