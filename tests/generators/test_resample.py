"""Resampling against the reference case (an asymmetric filter) and against loops from the definition."""

import torch
from tests.cases import assert_equal, expected
from tests.generators.precise import same
from torch import Tensor

from latentclr.generators.resample import binomial, conv_up2, downsample2d, filter2d, upsample2d
from latentclr.generators.stylegan2 import demodulation, modulated_conv

CASE = expected("ada_ops")
X, W, STYLES, F = CASE["x"], CASE["w"], CASE["styles"], CASE["f"]
TINY = 3e-5
"""Of the weights in the case that shows the epsilon of demodulation."""


def by_loops(x: Tensor, kernel: Tensor, padding: int, up: int) -> Tensor:
    """Zeros between pixels, padding, then the sum over the flipped filter, pixel by pixel."""
    n, c, h, w = x.shape
    wide = torch.zeros(n, c, up * h + 2 * padding, up * w + 2 * padding, dtype=x.dtype)
    wide[:, :, padding : padding + up * h : up, padding : padding + up * w : up] = x
    size = len(kernel)
    rows, columns = wide.shape[2] - size + 1, wide.shape[3] - size + 1
    out = torch.zeros(n, c, rows, columns, dtype=x.dtype)
    for i in range(rows):
        for j in range(columns):
            window = wide[:, :, i : i + size, j : j + size]
            out[:, :, i, j] = (window * kernel.flip(0, 1)).sum((2, 3))
    return out


def test_the_reference_case() -> None:
    assert_equal(upsample2d(X, F), CASE["upsample2d"], "upsample2d")
    assert_equal(downsample2d(X.repeat(1, 1, 2, 2), F), CASE["downsample2d"], "downsample2d")
    assert_equal(filter2d(X, F, (2, 1, 2, 1)), CASE["filter2d"], "filter2d")
    assert_equal(conv_up2(X, W, F), CASE["conv_up2"], "conv_up2")
    assert_equal(conv_up2(X, W.flip(2, 3), F), CASE["conv_up2_flip"], "conv_up2_flip")


def test_modulated_convolutions_of_the_reference_case() -> None:
    def modulated(weight: Tensor, up: Tensor | None) -> Tensor:
        factor = demodulation(STYLES, weight.square().sum((2, 3)))
        return modulated_conv(X, weight, STYLES, up) * factor[:, :, None, None]

    for name in ("modconv_up2_fused", "modconv_up2_unfused"):
        assert_equal(modulated(W, F) + CASE["noise"], CASE[name], name)
    assert_equal(modulated(W, None), CASE["modconv_plain"], "plain")
    assert_equal(modulated(W * TINY, None), CASE["modconv_tiny_w"], "tiny weights show the epsilon")
    assert_equal(modulated_conv(X, W, STYLES), CASE["modconv_nodemod"], "no demodulation")


def test_loops_from_the_definition() -> None:
    for kernel in (F, binomial().double()):
        same(filter2d(X, kernel, (1, 1, 1, 1)), by_loops(X, kernel, 1, 1))
        same(upsample2d(X, kernel), by_loops(X, kernel, 2, 2)[:, :, :-1, :-1] * 4)


def test_negative_padding_crops() -> None:
    same(filter2d(X, F, (-1, 1, 0, 2)), filter2d(X[:, :, :, 1:], F, (0, 1, 0, 2)))
