"""The loss against a slow loop from the paper's equation, and what the design says of it."""

import inspect
import math
from typing import Any, get_args

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.testing import assert_close

from latentclr import InputError
from latentclr.discover.contrastive import (
    Similarity,
    contrastive_loss,
    identification_accuracy,
    same_latent_loss,
    similarities,
)


def divergences(k: int, n: int, f: int = 5, seed: int = 0) -> Tensor:
    return torch.randn(k, n, f, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def cosine(a: Tensor, b: Tensor) -> float:
    return float(a @ b / (a.norm() * b.norm()))


def slow_loss(f: Tensor, tau: float, similarity: str, *, same_latent: bool = False) -> float:
    """Section 3.2, term by term; with `same_latent`, negatives are of one latent."""
    k, n, _ = f.shape
    total = 0.0
    for edit in range(k):
        for i in range(n):
            positives, negatives = [], []
            for j in range(n):
                for other in range(k):
                    sim = cosine(f[edit, i], f[other, j])
                    term = math.exp((abs(sim) if similarity == "absolute" else sim) / tau)
                    if other == edit and j != i:
                        positives.append(term)
                    if other != edit and (j == i or not same_latent):  # j = i among them
                        negatives.append(term)
            total += math.log(sum(negatives) / sum(positives))
    return total / (k * n)


@pytest.mark.parametrize("similarity", ["cosine", "absolute"])
@pytest.mark.parametrize(("k", "n", "tau"), [(2, 2, 0.5), (2, 5, 0.1), (3, 2, 2.0), (7, 4, 0.5)])
def test_equals_a_loop_over_the_equation(k: int, n: int, tau: float, similarity: Similarity) -> None:
    f = divergences(k, n)  # float64: what is left of rounding is three digits below the bound
    loss = contrastive_loss(f, temperature=tau, similarity=similarity)
    assert float(loss) == pytest.approx(slow_loss(f, tau, similarity), rel=1e-11)


@pytest.mark.parametrize("similarity", ["cosine", "absolute"])
@pytest.mark.parametrize(("k", "n"), [(2, 2), (2, 5), (5, 3)])
def test_same_latent_loss_equals_a_loop(k: int, n: int, similarity: Similarity) -> None:
    f = divergences(k, n)
    loss = same_latent_loss(f, temperature=0.5, similarity=similarity)
    assert float(loss) == pytest.approx(slow_loss(f, 0.5, similarity, same_latent=True), rel=1e-11)
    assert torch.autograd.gradcheck(
        lambda x: same_latent_loss(x, temperature=0.5, similarity=similarity), f.requires_grad_()
    )


def test_parts_of_the_same_latent_loss_add_up_to_it() -> None:
    f = divergences(4, 6)
    whole, parts = f.clone().requires_grad_(), f.clone().requires_grad_()
    loss = same_latent_loss(whole, temperature=0.5, similarity="absolute")
    shares = [
        same_latent_loss(
            parts[:, start:end], temperature=0.5, similarity="absolute", everyone=parts, start=start
        )
        for start, end in ((0, 2), (2, 5), (5, 6))
    ]
    assert_close(torch.stack(shares).sum(), loss)
    (found,) = torch.autograd.grad(torch.stack(shares).sum(), parts, retain_graph=True)
    (expected,) = torch.autograd.grad(loss, whole)
    assert_close(found, expected)


@given(st.integers(2, 5), st.integers(2, 5), st.integers(1, 6), st.floats(0.05, 5), st.integers(0, 2**31))
@settings(max_examples=20)
def test_equals_the_loop_for_any_shape(k: int, n: int, f: int, tau: float, seed: int) -> None:
    x = divergences(k, n, f, seed)
    for similarity in ("cosine", "absolute"):
        loss = contrastive_loss(x, temperature=tau, similarity=similarity)
        # Logits are 20 at most and rounded to 1e-15 each; the loss may be near 0, hence the absolute bound.
        assert float(loss) == pytest.approx(slow_loss(x, tau, similarity), rel=1e-9, abs=1e-9)


@pytest.mark.parametrize("similarity", ["cosine", "absolute"])
@pytest.mark.parametrize(("k", "n"), [(2, 2), (3, 4)])
def test_gradient_is_that_of_finite_differences(k: int, n: int, similarity: Similarity) -> None:
    f = divergences(k, n).requires_grad_()
    assert torch.autograd.gradcheck(
        lambda x: contrastive_loss(x, temperature=0.5, similarity=similarity), f, eps=1e-6
    )


@pytest.mark.parametrize(("k", "n", "constant"), [(2, 2, 0.693), (100, 8, 4.73), (32, 16, 3.50)])
def test_edits_that_are_all_the_same_have_the_known_loss(k: int, n: int, constant: float) -> None:
    # log(N(K-1)/(N-1)), as all terms of both sums are equal; for the paper's sizes, to the digits given.
    same = torch.ones(k, n, 3, dtype=torch.float64)
    assert float(contrastive_loss(same, temperature=0.5, similarity="cosine")) == pytest.approx(
        constant, abs=5e-3
    )
    if k == 2:
        alone = same_latent_loss(same, temperature=0.5, similarity="cosine")
        assert float(alone) == pytest.approx(0, abs=1e-9), "one positive, one negative"


def test_the_same_latent_under_other_directions_counts_as_negative() -> None:
    # Two directions that do the same to latent 0 and nothing alike elsewhere.
    f = torch.zeros(2, 2, 4, dtype=torch.float64)
    f[0, 0] = torch.tensor([1.0, 0, 0, 0])
    f[0, 1] = torch.tensor([0, 1.0, 0, 0])
    f[1, 0] = torch.tensor([0, 0, 1.0, 0])
    f[1, 1] = torch.tensor([0, 0, 0, 1.0])
    apart = contrastive_loss(f, temperature=0.5, similarity="cosine")
    f[1, 0] = f[0, 0]
    assert contrastive_loss(f, temperature=0.5, similarity="cosine") > apart + 0.1


def test_positives_are_not_in_the_denominator() -> None:
    # Perfect directions: positives have similarity 1, negatives 0. SimCLR's form could not be negative.
    f = torch.eye(3, dtype=torch.float64).unsqueeze(1).repeat(1, 4, 1)
    expected = math.log(4 * 2) - math.log(3 * math.exp(1 / 0.5))
    assert float(contrastive_loss(f, temperature=0.5, similarity="cosine")) == pytest.approx(expected)
    assert expected < 0


@pytest.mark.parametrize("similarity", ["cosine", "absolute"])
def test_lengths_do_not_matter(similarity: Similarity) -> None:
    f = divergences(3, 4)
    scaled = f * (torch.rand(3, 4, 1, generator=torch.Generator().manual_seed(1), dtype=f.dtype) + 0.1)
    one, other = (contrastive_loss(x, temperature=0.3, similarity=similarity) for x in (f, scaled))
    assert_close(one, other)


def test_absolute_is_blind_to_signs_and_cosine_is_not() -> None:
    f = divergences(3, 4)
    turned = f.clone()
    turned[0, 1] *= -1
    absolute = [contrastive_loss(x, temperature=0.3, similarity="absolute") for x in (f, turned)]
    signed = [contrastive_loss(x, temperature=0.3, similarity="cosine") for x in (f, turned)]
    assert_close(*absolute)
    assert abs(signed[0] - signed[1]) > 1e-3


def test_order_of_directions_and_latents_does_not_matter() -> None:
    f = divergences(4, 3)
    shuffled = f[[2, 0, 3, 1]][:, [1, 2, 0]]
    one, other = (contrastive_loss(x, temperature=0.3, similarity="cosine") for x in (f, shuffled))
    assert_close(one, other)


@pytest.mark.parametrize("tau", [1e-3, 1e3])
def test_extreme_temperatures_stay_finite(tau: float) -> None:
    # exp before log overflows at 1 / tau = 100 in the authors' code.
    f = divergences(3, 3).float().requires_grad_()
    loss = contrastive_loss(f, temperature=tau, similarity="cosine")
    loss.backward()
    assert f.grad is not None
    assert torch.isfinite(loss)
    assert torch.isfinite(f.grad).all()


def test_a_zero_divergence_gives_no_nan() -> None:
    f = divergences(3, 3)
    f[1, 2] = 0
    f.requires_grad_()
    loss = contrastive_loss(f, temperature=0.5, similarity="absolute")
    loss.backward()
    assert f.grad is not None
    assert torch.isfinite(loss)
    assert torch.isfinite(f.grad).all()


@pytest.mark.parametrize("loss", [contrastive_loss, same_latent_loss])
@pytest.mark.parametrize(("k", "n"), [(1, 4), (4, 1)])
def test_one_direction_or_one_latent_is_refused(k: int, n: int, loss: Any) -> None:
    with pytest.raises(InputError, match=rf"^k={k} directions and batch={n} latents: .* 2 of each\.$"):
        loss(divergences(k, n), temperature=0.5, similarity="cosine")


@pytest.mark.parametrize("loss", [contrastive_loss, same_latent_loss])
@pytest.mark.parametrize("tau", [0.0, -1.0, math.nan])
def test_impossible_temperatures_are_refused(tau: float, loss: Any) -> None:
    with pytest.raises(InputError, match=rf"^temperature={tau} must be above 0\.$"):
        loss(divergences(2, 2), temperature=tau, similarity="cosine")


def test_an_unknown_similarity_is_refused_by_name() -> None:
    # Without the check of types that tests run with.
    plain = inspect.unwrap(similarities)
    with pytest.raises(InputError, match=r"^similarity='dot' must be one of \('absolute', 'cosine'\)\.$"):
        plain(divergences(2, 2), "dot")


def test_accuracy_of_perfect_and_of_equal_directions() -> None:
    perfect = torch.eye(3).unsqueeze(1).repeat(1, 4, 1)
    assert identification_accuracy(perfect, similarity="cosine") == 1
    equal = torch.ones(3, 4, 5)
    assert identification_accuracy(equal, similarity="cosine") == pytest.approx(1 / 3)


@pytest.mark.parametrize("similarity", ["cosine", "absolute"])
def test_accuracy_equals_a_loop_over_its_definition(similarity: Similarity) -> None:
    f = divergences(5, 6, 3)
    f = f * torch.logspace(-2, 2, 30, dtype=f.dtype).view(5, 6, 1)  # lengths do not count
    k, n, _ = f.shape

    def like(a: Tensor, b: Tensor) -> float:
        return abs(cosine(a, b)) if similarity == "absolute" else cosine(a, b)

    hits = 0
    for edit in range(k):
        for i in range(n):
            nearest = max(
                range(k),
                key=lambda other: sum(like(f[edit, i], f[other, j]) for j in range(n) if j != i),
            )
            hits += nearest == edit
    assert 0 < hits < k * n
    assert float(identification_accuracy(f, similarity=similarity)) == pytest.approx(hits / (k * n))


def test_everything_is_computed_on_the_device_of_the_divergences() -> None:
    # On the device "meta" nothing is computed, but an operation with a tensor of the CPU fails as on a GPU.
    f = divergences(3, 4).to("meta")
    for similarity in get_args(Similarity):
        assert contrastive_loss(f, temperature=0.5, similarity=similarity).device == f.device
        assert same_latent_loss(f, temperature=0.5, similarity=similarity).device == f.device
        assert identification_accuracy(f, similarity=similarity).device == f.device
