"""Whether a compiled step computes what the plain one does.

A program, since the checks of types that tests run with cannot be compiled.

python -m tests.discover.fused [cuda]
"""

import sys
from dataclasses import replace
from functools import partial

import torch
from tests.discover.logs import Recorder
from torch import Tensor

from latentclr import load_generator
from latentclr.directions import Nonlinear
from latentclr.discover.contrastive import contrastive_loss
from latentclr.discover.effects import Effects
from latentclr.discover.latentclr import LatentCLR
from latentclr.generators import Generator

LAYERS = {"scenes": "b8.conv1", "scenes-biggan": "generator.layers.1"}


def losses(settings: LatentCLR, generator: Generator) -> Tensor:
    log = Recorder()
    settings.fit(generator, log=log)
    return torch.tensor(list(log.of("loss").values()))


def gradient(effects: Effects, latents: Tensor) -> Tensor:
    model = Nonlinear(4, latents.shape[-1], width=16, rng=torch.Generator().manual_seed(0)).to(latents)
    loss = partial(contrastive_loss, temperature=0.5, similarity="absolute")
    effects.backward(model, latents, torch.full((4, len(latents)), 3.0).to(latents), loss)
    return torch.cat([p.grad.flatten() for p in model.parameters() if p.grad is not None])


def main(device: str = "cpu", *names: str) -> None:
    """A training with all edits at once, and a gradient in chunks. A generator takes up to a minute."""
    for name in names or ["scenes"]:
        layer = LAYERS[name]
        generator = load_generator(name).to(device)
        settings = LatentCLR(k=4, batch=6, steps=20, held_out=4, model="nonlinear", layer=layer)
        plain, compiled = (losses(replace(settings, fuse=fuse), generator) for fuse in (False, True))
        torch.testing.assert_close(compiled, plain, rtol=2e-3, atol=2e-3)

        latents = generator.sample(6, rng=torch.Generator().manual_seed(1)).to(device)
        plain_chunks = Effects(generator, generator.layer(layer).name, range(generator.num_slots), chunk=10)
        plain, compiled = (gradient(replace(plain_chunks, fuse=fuse), latents) for fuse in (False, True))
        cosine = torch.cosine_similarity(plain, compiled, dim=0)
        torch.testing.assert_close(compiled.norm(), plain.norm(), rtol=1e-3, atol=0)
        assert cosine > 0.9999


if __name__ == "__main__":
    main(*sys.argv[1:])
