"""Train the oracle that ships: from pictures of scenes to their factors.

    python -m benchmarks.train_oracle --pictures 30000 --epochs 12
    python -m benchmarks.train_oracle --pictures 40000 --epochs 4 --seed 10 --lr 1e-3 --start

The second goes on from the weights that are there, on other renders: that lessens what was learned by heart.
Writes src/latentclr/weights/oracle.safetensors and, beside it, a card with what it reaches on renders that it
has not seen: sharp ones, and ones that are blurred and noisy as pictures of GANs are.
"""

import json
import sys
import time
from pathlib import Path

import torch
from benchmarks.runner import Parser, say
from jaxtyping import Float
from torch import Tensor

from latentclr.files import make_folder, read_tensors, write_json, write_tensors
from latentclr.images import blurred
from latentclr.scenes import FACTORS, draw, render
from latentclr.scorers.oracle import FORMAT, Oracle

WEIGHTS = Path(__file__).parents[1] / "src" / "latentclr" / "weights" / "oracle.safetensors"


def disturbed(pictures: Float[Tensor, "n 3 h w"], rng: torch.Generator) -> Float[Tensor, "n 3 h w"]:
    """Pictures of a batch, half of the time a little blurred, with noise."""
    sigma = float(torch.rand((), generator=rng))
    if sigma > 0.5:
        pictures = blurred(pictures, sigma)
    strength = 0.08 * torch.rand(len(pictures), 1, 1, 1, generator=rng)
    return pictures + strength * torch.randn(pictures.shape, generator=rng)


def scores(oracle: Oracle, pictures: Tensor, factors: dict[str, Tensor]) -> dict[str, float]:
    """R^2 of each factor (of hues: 1 - squared error / squared error of a guess), accuracy of shapes."""
    with torch.no_grad():
        parts = [oracle(some) for some in pictures.split(500)]
    found = {name: torch.cat([part[name] for part in parts]) for name in parts[0]}
    result = {}
    for factor in FACTORS:
        truth, value = factors[factor.name], found[factor.name]
        if factor.kind == "category":
            result[factor.name] = float((truth == value).float().mean())
            continue
        error = value - truth
        if factor.kind == "circular":
            error = (error + 0.5) % 1 - 0.5
            spread = torch.tensor(1 / 12)
        else:
            spread = truth.var()
        result[factor.name] = round(float(1 - error.square().mean() / spread), 5)
    return result


def main() -> None:
    parser = Parser(__doc__, threads=1, out=WEIGHTS)
    parser.add_argument("--pictures", type=int, default=40_000)
    parser.add_argument("--epochs", type=int, default=14)
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--lr", type=float, default=2e-3, help="the largest step of Adam on the way")
    parser.add_argument("--start", action="store_true", help="go on from the weights in --out")
    arguments = parser.options()
    rng = torch.Generator().manual_seed(arguments.seed)
    torch.manual_seed(arguments.seed)  # the network's first weights
    started = time.perf_counter()
    factors = draw(arguments.pictures, rng)
    pool = torch.cat(
        [
            ((render({k: v[rows] for k, v in factors.items()}) + 1) * 127.5).round().byte()
            for rows in torch.arange(arguments.pictures).split(1000)
        ]
    )
    say(f"{arguments.pictures} pictures in {time.perf_counter() - started:.0f} s")
    held_factors = draw(4000, torch.Generator().manual_seed(arguments.seed + 1))
    held = render(held_factors)
    oracle = Oracle().to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    before: list[str] = []
    if arguments.start:
        oracle.load_state_dict(read_tensors(arguments.out, kind="an oracle")[0])
        before = json.loads(arguments.out.with_suffix(".json").read_text())["commands"]
    optimizer = torch.optim.Adam(oracle.parameters(), arguments.lr, fused=True)
    steps = arguments.epochs * (arguments.pictures // arguments.batch)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, arguments.lr, total_steps=steps)
    step = 0
    for epoch in range(arguments.epochs):
        for rows in torch.randperm(arguments.pictures, generator=rng).split(arguments.batch):
            if len(rows) < arguments.batch or step == steps:
                continue
            pictures = disturbed(pool[rows].float() / 127.5 - 1, rng)
            loss = oracle.loss(
                pictures.contiguous(memory_format=torch.channels_last),
                {name: values[rows] for name, values in factors.items()},
            )
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
            step += 1
        shown = {name: round(score, 4) for name, score in scores(oracle, held, held_factors).items()}
        say(f"epoch {epoch}: {time.perf_counter() - started:.0f} s, {shown}")
    noise = torch.Generator().manual_seed(arguments.seed + 2)
    soft = blurred(held, 0.7) + 0.05 * torch.randn(held.shape, generator=noise)
    card = {
        "commands": [*before, f"python -m benchmarks.train_oracle {' '.join(sys.argv[1:])}"],
        "seconds": round(time.perf_counter() - started),
        "held_out_renders": scores(oracle, held, held_factors),
        "blurred_and_noisy": scores(oracle, soft, held_factors),
    }
    make_folder(arguments.out.parent)
    state = {name: value.contiguous() for name, value in oracle.state_dict().items()}
    write_tensors(arguments.out, state, {"format": FORMAT, "kind": "oracle"})
    write_json(arguments.out.with_suffix(".json"), card)
    print(card)


if __name__ == "__main__":
    main()
