"""Directions: the models that give them and the artefact that keeps them."""

from latentclr.directions.artefact import Directions
from latentclr.directions.models import (
    MODELS,
    DirectionModel,
    Global,
    Linear,
    Nonlinear,
    model_name,
)

__all__ = ["MODELS", "DirectionModel", "Directions", "Global", "Linear", "Nonlinear", "model_name"]
