"""The contrastive loss on feature divergences (LatentCLR, section 3.2)."""

from typing import get_args

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from latentclr.discover.settings.latentclr import Negatives as Negatives
from latentclr.discover.settings.latentclr import Similarity as Similarity
from latentclr.errors import InputError
from latentclr.linalg import cosines, inverse_lengths, unit


def similarities(divergences: Float[Tensor, "k n f"], similarity: Similarity) -> Float[Tensor, "k n k n"]:
    """sim(f_i^k, f_j^l) for every two edits.

    Args:
        divergences: f_i^k, what edit k does to the features of latent i.
        similarity: "cosine" is the paper's equation. "absolute" is its absolute value, as in the authors'
            released code: an edit and its opposite then count as the same, which they are to a user who
            may choose the sign of alpha, and two directions gain nothing by being each other's opposite.
    """
    if similarity not in get_args(Similarity):
        raise InputError(f"similarity={similarity!r} must be one of {get_args(Similarity)}.")
    k, n, _ = divergences.shape
    cosine = cosines(divergences.flatten(0, 1)).view(k, n, k, n)
    return cosine.abs() if similarity == "absolute" else cosine


def contrastive_loss(
    divergences: Float[Tensor, "k n f"], *, temperature: float, similarity: Similarity
) -> Float[Tensor, ""]:
    """Mean over all edits of the loss of LatentCLR (the unnumbered equation of section 3.2):

        l(z_i^k) = -log ( sum_{j != i} exp(sim(f_i^k, f_j^k) / tau)
                          / sum_j sum_{l != k} exp(sim(f_i^k, f_j^l) / tau) )

    The positives of an edit are the same direction on the other latents. The negatives are the other
    directions on all latents, the same one (j = i) included. (So a positive is not among the terms of the
    denominator, as it would be in SimCLR, and the loss may be negative.)

    Args:
        divergences: f_i^k = G_f(z_i^k) - G_f(z_i), flattened; k directions, n latents. Their lengths do not
            matter. A zero divergence has similarity 0 to everything.
        temperature: tau, a divisor. (The authors' released code multiplies instead: its 0.5 is tau = 2.)
        similarity: see `similarities`.

    Raises:
        InputError: fewer than two directions or latents (no negatives or no positives), or tau <= 0.
    """  # noqa: D415
    k, n, _ = divergences.shape
    _check(k, n, temperature)
    logits = similarities(divergences, similarity) / temperature
    same_direction = _identity(k, logits).view(k, 1, k, 1)
    negatives = logits.masked_fill(same_direction, -torch.inf).logsumexp(dim=(2, 3))  # (k, n)
    own = logits.diagonal(dim1=0, dim2=2).movedim(-1, 0)  # (k, n, n): direction k against itself
    positives = own.masked_fill(_identity(n, logits), -torch.inf).logsumexp(dim=2)  # (k, n)
    return (negatives - positives).mean()


def same_latent_loss(
    divergences: Float[Tensor, "k n f"],
    *,
    temperature: float,
    similarity: Similarity,
    everyone: Float[Tensor, "k all f"] | None = None,
    start: int = 0,
) -> Float[Tensor, ""]:
    """Mean over all edits of a loss whose negatives are the other directions on the same latent alone:

        l(z_i^k) = -log ( sum_{j != i} exp(sim(f_i^k, f_j^k) / tau)
                          / sum_{l != k} exp(sim(f_i^k, f_i^l) / tau) )

    After Dalva and Yanardag: NoiseCLR (CVPR 2024), where f are changes of a diffusion model's noise
    prediction. It asks two directions to differ where they meet, and nothing of one picture's against
    another's. It takes K + N products for each edit instead of K N: no matrix of all similarities exists.

    Args:
        divergences: see `contrastive_loss`.
        temperature: tau, a divisor.
        similarity: see `similarities`.
        everyone: the divergences of all processes' latents, if these are some of them; then it is the sum
            over these, divided by the number of all.
        start: the number of the first of these among all.

    Raises:
        InputError: see `contrastive_loss`.
    """  # noqa: D415
    rows = unit(divergences)
    others = rows if everyone is None else unit(everyone)
    (k, n, _), m = rows.shape, others.shape[1]
    _check(k, m, temperature)
    same = torch.einsum("kif,kjf->kij", rows, others)
    meeting = torch.einsum("kif,lif->kil", rows, rows)
    if similarity == "absolute":
        same, meeting = same.abs(), meeting.abs()
    itself = torch.arange(start, start + n, device=rows.device)[:, None] == torch.arange(
        m, device=rows.device
    )
    positives = (same / temperature).masked_fill(itself, -torch.inf).logsumexp(2)  # (k, n)
    own = _identity(k, rows).unsqueeze(1)
    negatives = (meeting / temperature).masked_fill(own, -torch.inf).logsumexp(2)
    return (negatives - positives).sum() / (k * m)


def _check(k: int, n: int, temperature: float) -> None:
    if k < 2 or n < 2:
        raise InputError(
            f"k={k} directions and batch={n} latents: the contrastive loss needs at least 2 of each."
        )
    if not temperature > 0:
        raise InputError(f"temperature={temperature} must be above 0.")


def identification_accuracy(
    divergences: Float[Tensor, "k n f"], *, similarity: Similarity
) -> Float[Tensor, ""]:
    """Share of edits whose nearest direction is their own.

    The nearest direction of an edit is the one whose edits of the *other* latents are the most similar to
    it in the mean. Chance is 1 / k.

    Args:
        divergences: see `contrastive_loss`.
        similarity: see `similarities`.
    """
    k, n, _ = divergences.shape
    inverse = inverse_lengths(divergences)  # (k, n); the divergences themselves may be too large for a copy
    other_latent = ~_identity(n, divergences)
    right = torch.zeros((), device=divergences.device)
    for direction in range(k):  # one at a time: memory for n * k * n similarities
        products = torch.einsum("if,ljf->ilj", divergences[direction], divergences)
        cosine = products * inverse * inverse[direction, :, None, None]
        to_edit = cosine.abs() if similarity == "absolute" else cosine
        to_direction = (to_edit * other_latent.unsqueeze(1)).sum(2)  # (n, k)
        right += (to_direction.argmax(1) == direction).sum()
    return right / (k * n)


def _identity(size: int, like: Tensor) -> Bool[Tensor, "size size"]:
    return torch.eye(size, dtype=torch.bool, device=like.device)
