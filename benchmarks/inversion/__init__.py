"""How well photos are inverted, and edited afterwards: `python -m benchmarks.inversion`."""
