"""One training step of LatentCLR: `python -m benchmarks.step`."""
