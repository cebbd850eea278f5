"""Checkpoints: files that others wrote, and the zoo of generators by name."""

from latentclr.checkpoints.cache import cache_folder
from latentclr.checkpoints.load import Checkpoint, cropped, load_generator, read_checkpoint
from latentclr.checkpoints.names import give_name, imported_names
from latentclr.checkpoints.native import save_generator
from latentclr.checkpoints.zoo import ZOO, ZooEntry, pull

__all__ = [
    "ZOO",
    "Checkpoint",
    "ZooEntry",
    "cache_folder",
    "cropped",
    "give_name",
    "imported_names",
    "load_generator",
    "pull",
    "read_checkpoint",
    "save_generator",
]
