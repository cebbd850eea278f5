"""The contrastive loss on feature divergences (LatentCLR, section 3.2)."""

from typing import Literal, get_args

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from latentclr.errors import InputError
from latentclr.linalg import cosines, inverse_lengths

Similarity = Literal["absolute", "cosine"]


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
    if k < 2 or n < 2:
        raise InputError(
            f"k={k} directions and batch={n} latents: the contrastive loss needs at least 2 of each."
        )
    if not temperature > 0:
        raise InputError(f"temperature={temperature} must be above 0.")
    logits = similarities(divergences, similarity) / temperature
    same_direction = _identity(k, logits).view(k, 1, k, 1)
    negatives = logits.masked_fill(same_direction, -torch.inf).logsumexp(dim=(2, 3))  # (k, n)
    own = logits.diagonal(dim1=0, dim2=2).movedim(-1, 0)  # (k, n, n): direction k against itself
    positives = own.masked_fill(_identity(n, logits), -torch.inf).logsumexp(dim=2)  # (k, n)
    return (negatives - positives).mean()


def identification_accuracy(
    divergences: Float[Tensor, "k n f"], *, similarity: Similarity
) -> Float[Tensor, ""]:
    """Share of edits whose nearest direction is their own.

    The nearest direction of an edit is the one whose edits of the *other* latents are the most similar to
    it in the mean. Chance is 1 / k.
    """
    k, n, _ = divergences.shape
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
