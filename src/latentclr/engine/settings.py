"""What several commands let choose of every training."""

from typing import Literal

Precision = Literal["float32", "tf32", "bfloat16"]
SAVE_EVERY = 60.0
"""Seconds from one checkpoint of a training to the next."""
