"""The whole of LatentCLR in plain lines: global directions in a pretrained face GAN.

    python examples/train_latentclr.py          # a few minutes on a laptop; writes direction0.png ...

It is what `latentclr.LatentCLR` does, without its options, checks and speed. Settings are our defaults; the
paper gives neither the temperature nor the range of alpha nor the learning rate.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

import latentclr
from latentclr.images import side_by_side, to_pil

K, N = 16, 8  # directions; latents in a step
ALPHA, TAU, STEPS, RATE = 3.0, 0.2, 200, 0.02
LAYER = "b8"


def contrastive_loss(f: Tensor, tau: float) -> Tensor:
    """f: (K, N, features), what direction k changes in picture i. Section 3.2 of the paper."""
    k, n, _ = f.shape
    f = F.normalize(f.reshape(k * n, -1), dim=1)
    similarity = (f @ f.T).abs() / tau  # (K*N, K*N); an edit and its opposite count as the same
    direction = torch.arange(k).repeat_interleave(n)
    same_direction = direction[:, None] == direction[None, :]
    itself = torch.eye(k * n, dtype=torch.bool)
    positives = similarity.masked_fill(~same_direction | itself, -torch.inf)  # same edit, other pictures
    negatives = similarity.masked_fill(same_direction, -torch.inf)  # other edits, all pictures
    return (negatives.logsumexp(1) - positives.logsumexp(1)).mean()


def changes(generator: latentclr.Generator, z: Tensor, theta: Tensor, alpha: Tensor) -> Tensor:
    """What each direction changes in the features of each picture: (K, N, features)."""
    directions = F.normalize(theta, dim=1)  # theta / |theta|
    edited = z[None] + alpha[:, None, None] * directions[:, None]  # (K, N, dim): z + alpha * direction
    before = generator.features(z[:, None], LAYER)
    after = generator.features(edited.reshape(-1, 1, z.shape[1]), LAYER)  # all K*N pictures at once
    return after.reshape(len(theta), len(z), -1) - before.flatten(1)


def main() -> None:
    """Train, then draw three faces along each direction."""
    rng = torch.Generator().manual_seed(0)
    generator = latentclr.load_generator("faces")
    theta = torch.randn(K, generator.latent_dim, generator=rng).requires_grad_()
    optimizer = torch.optim.Adam([theta], lr=RATE)
    for step in range(STEPS):
        z = torch.randn(N, generator.latent_dim, generator=rng)
        alpha = ALPHA * (2 * torch.rand(K, generator=rng) - 1)  # one for each direction, either sign
        loss = contrastive_loss(changes(generator, z, theta, alpha), TAU)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if step % 20 == 0:
            print(f"step {step}: loss {loss.item():.3f}")
    z = generator.from_seeds([0, 1, 2])
    with torch.no_grad():
        for k, direction in enumerate(F.normalize(theta, dim=1)):
            pictures = torch.cat([generator(z + a * direction) for a in (-6.0, -3.0, 0.0, 3.0, 6.0)])
            side_by_side([to_pil(picture) for picture in pictures]).save(f"direction{k}.png")


if __name__ == "__main__":
    main()
