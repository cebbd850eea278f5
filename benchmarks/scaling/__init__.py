"""How time and memory of a training step grow; `python -m benchmarks.scaling`."""
