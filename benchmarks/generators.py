"""How fast our generators are, beside the plain formulation of public code: same weights, one run, ratios.

    python -m benchmarks.generators --threads 2 --out benchmarks/results/generators.json

Times are the best of a few calls, in seconds. "difference" is the largest one between the two formulations'
outputs, as a share of the largest value: both compute the same.
"""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import partial

import torch
from benchmarks.machine import best
from benchmarks.plain import PlainBigGANDeep, PlainStyleGAN2, features
from benchmarks.runner import Parser, announce, save, say
from torch import Tensor

from latentclr.engine.precision import products
from latentclr.generators import BigGANDeep, Generator, StyleGAN2

FFHQ_1024 = [min(32768 // (4 << i), 512) for i in range(9)]
BLOCKS_512 = [
    *([False, 16, 16], [True, 16, 16], [False, 16, 16], [True, 16, 8], [False, 8, 8], [True, 8, 8]),
    *([False, 8, 8], [True, 8, 4], [False, 4, 4], [True, 4, 2], [False, 2, 2], [True, 2, 1]),
    *([False, 1, 1], [True, 1, 1]),
]


@dataclass(frozen=True)
class Row:
    """One comparison: seconds of both formulations, and their difference."""

    what: str
    ours: float
    plain: float
    difference: float

    @property
    def ratio(self) -> float:
        """How many times as fast ours is."""
        return self.plain / self.ours


def stylegan2() -> StyleGAN2:
    """A generator of the size of FFHQ at 1024 x 1024 (config F), with random weights."""
    generator = StyleGAN2(1024, FFHQ_1024)
    rng = torch.Generator().manual_seed(0)
    generator.initialize(rng)
    with torch.no_grad():
        for name, value in generator.state_dict().items():
            if name.endswith("noise_strength"):
                value.fill_(0.1)
    return generator.freeze()


def biggan_deep() -> BigGANDeep:
    """A generator of the size of BigGAN-deep at 512 x 512, with random weights and a chosen class."""
    generator = BigGANDeep(128, 128, 128, 1000, BLOCKS_512)
    rng = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for value in generator.parameters():
            if value.ndim > 1:
                value.copy_(torch.randn(value.shape, generator=rng) / value[0].numel() ** 0.5)
    return generator.freeze().for_class(248).at(0.4)


def compare(
    what: str, ours: Callable[[], Tensor], plain: Callable[[], Tensor], repeats: int, device: torch.device
) -> Row:
    """Time both formulations, and check that they compute the same."""
    with torch.no_grad(), products("float32"):
        seconds, mine = best(ours, repeats, device)
        plain_seconds, theirs = best(plain, repeats, device)
    difference = float((mine - theirs).abs().max() / theirs.abs().max())
    assert difference < 1e-3, f"{what}: the two formulations differ by {difference:.1e}"
    row = Row(what, seconds, plain_seconds, difference)
    say(f"{what:<58}{row.ours:>9.4f} s{row.plain:>10.4f} s{row.ratio:>9.1f} x   {row.difference:.0e}")
    return row


def measure_outputs(
    title: str,
    generator: Generator,
    plain: PlainStyleGAN2 | PlainBigGANDeep,
    cases: tuple[tuple[str, int], ...],
    *,
    wanted: Callable[[str], bool],
    repeats: int,
) -> list[Row]:
    """Compare outputs; cases are (layer, number of latents)."""
    rows = []
    for layer, n in cases:
        what = f"{title}, {layer}, {n} {'latent' if n == 1 else 'latents'}"
        if wanted(what):
            latents = generator.sample(n, rng=torch.Generator().manual_seed(0))
            ours = partial(generator.features, latents, layer)
            rows.append(
                compare(what, ours, partial(features, plain, latents, layer), repeats, generator.device)
            )
    return rows


def main() -> None:
    parser = Parser(__doc__, threads=0, device=True)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--only", default="", help="rows whose name contains this text")
    options = parser.options()
    device, repeats = torch.device(options.device), options.repeats
    here = announce(options.threads, device)
    print(f"{'':<58}{'ours':>11}{'plain':>12}{'ratio':>11}   difference")

    def wanted(what: str) -> bool:
        return options.only in what

    gan = stylegan2().to(device)
    plain = PlainStyleGAN2(gan)
    cases = (("b4.conv1", 8), ("b16.conv1", 4), ("b64.conv1", 1), ("b256.conv1", 1), ("image", 1))
    rows = measure_outputs("StyleGAN2 1024", gan, plain, cases, wanted=wanted, repeats=repeats)

    deep = biggan_deep().to(device)
    plain_deep = PlainBigGANDeep(deep)
    deep_cases = (("gen_z", 8), ("layers.4", 4), ("layers.9", 1), ("layers.14", 1))
    rows += measure_outputs("BigGAN-deep 512", deep, plain_deep, deep_cases, wanted=wanted, repeats=repeats)
    table = [{**asdict(row), "ratio": round(row.ratio, 2)} for row in rows]
    save(options.out, {**here, "rows": table})


if __name__ == "__main__":
    main()
