"""Checkpoints: files that others wrote, and the zoo of generators by name."""

from latentclr.checkpoints.load import load_generator
from latentclr.checkpoints.zoo import ZOO, Entry, cache_folder, pull

__all__ = ["ZOO", "Entry", "cache_folder", "load_generator", "pull"]
