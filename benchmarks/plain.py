"""The plain formulation that public code uses, to measure ours against: same weights, same results.

StyleGAN2: weights are scaled and demodulated for each sample and applied by a grouped convolution; nothing is
folded. BigGAN-deep: every weight is divided by its singular value at every call, pictures are enlarged before
they are convolved. LatentCLR: a Python loop over directions, each with its own network and generator call.
"""

import math
from collections.abc import Iterator

import torch
from torch import Tensor, nn
from torch.nn.functional import conv2d, conv_transpose2d, interpolate, leaky_relu, max_pool2d, relu

from latentclr.generators import BigGANDeep, StyleGAN2
from latentclr.generators.biggan import Attention
from latentclr.generators.biggan_deep import Bottleneck, ConditionalNorm, Rows, statistics_rows
from latentclr.generators.resample import filter2d, upsample2d


class PlainStyleGAN2:
    """The synthesis network of a StyleGAN2 with the skip architecture, per-sample weights.

    Args:
        generator: whose weights it has (copies, in the default memory layout).
        wasteful: compute gradients of the generator's weights too, as code does that never freezes them.
    """

    def __init__(self, generator: StyleGAN2, *, wasteful: bool = False) -> None:
        self.state = {
            name: value.detach().clone(memory_format=torch.contiguous_format)
            for name, value in generator.state_dict().items()
        }
        self.blocks = generator.num_slots // 2
        if wasteful:
            for name, value in self.state.items():
                if name.startswith("synthesis.") and "noise_const" not in name:
                    value.requires_grad_()

    def _style(self, name: str, w: Tensor) -> Tensor:
        weight, bias = self.state[f"{name}.affine.weight"], self.state[f"{name}.affine.bias"]
        style: Tensor = w @ (weight / math.sqrt(weight.shape[1])).T + bias
        return style

    def _conv(self, x: Tensor, name: str, w: Tensor, *, up: bool) -> Tensor:
        n = len(x)
        weight = self.state[f"{name}.weight"]
        out, inner = weight.shape[:2]
        own = weight * self._style(name, w)[:, None, :, None, None]  # (n, out, in, 3, 3)
        own = own * (own.square().sum((2, 3, 4), keepdim=True) + 1e-8).rsqrt()
        x = x.reshape(1, -1, *x.shape[2:])
        if up:
            own = own.transpose(1, 2).reshape(n * inner, out, 3, 3)
            y = conv_transpose2d(x, own, stride=2, groups=n).reshape(n, out, *_doubled(x))
            y = filter2d(y, self.state["resample_filter"], (1, 1, 1, 1), gain=4.0)
        else:
            y = conv2d(x, own.reshape(n * out, inner, 3, 3), padding=1, groups=n)
            y = y.reshape(n, out, *y.shape[2:])
        y = y + self.state[f"{name}.noise_const"] * self.state[f"{name}.noise_strength"]
        return leaky_relu(y + self.state[f"{name}.bias"][:, None, None], 0.2) * math.sqrt(2)

    def _torgb(self, x: Tensor, name: str, w: Tensor) -> Tensor:
        n, inner = x.shape[:2]
        weight = self.state[f"{name}.weight"] / math.sqrt(inner)
        own = (weight * self._style(name, w)[:, None, :, None, None]).reshape(n * 3, inner, 1, 1)
        y = conv2d(x.reshape(1, n * inner, *x.shape[2:]), own, groups=n)
        picture: Tensor = y.reshape(n, 3, *x.shape[2:]) + self.state[f"{name}.bias"][:, None, None]
        return picture

    def run(self, ws: Tensor) -> Iterator[tuple[str, Tensor]]:
        """Yield (layer name, output), as our generator does."""
        x = self.state["synthesis.b4.const"].expand(len(ws), -1, -1, -1)
        picture: Tensor | None = None
        for i in range(self.blocks):
            name = f"b{4 << i}"
            if i:
                x = self._conv(x, f"synthesis.{name}.conv0", ws[:, 2 * i - 1], up=True)
                yield f"{name}.conv0", x
            x = self._conv(x, f"synthesis.{name}.conv1", ws[:, 2 * i], up=False)
            yield f"{name}.conv1", x
            added = self._torgb(x, f"synthesis.{name}.torgb", ws[:, 2 * i + 1])
            kernel = self.state["resample_filter"]
            picture = added if picture is None else upsample2d(picture, kernel) + added
        assert picture is not None
        yield "image", picture


def _doubled(x: Tensor) -> tuple[int, int]:
    return 2 * x.shape[-2] + 1, 2 * x.shape[-1] + 1


class PlainBigGANDeep:
    """BigGAN-deep with spectral normalisation at every call."""

    def __init__(self, generator: BigGANDeep) -> None:
        self.generator = generator
        rng = torch.Generator().manual_seed(0)
        self.weights: dict[str, tuple[Tensor, Tensor, Tensor]] = {}
        for name, module in generator.named_modules():
            if isinstance(module, nn.Linear | nn.Conv2d) and name != "classes":
                weight = module.weight.detach().clone(memory_format=torch.contiguous_format)
                matrix = weight.flatten(1)
                v = torch.randn(matrix.shape[1], generator=rng).to(weight.device)
                v = v / v.norm()
                u = matrix @ v
                # Scaled so that u . (W v) = 1: the weights in use are those of the generator.
                self.weights[name] = (weight, u / u.square().sum(), v)

    def _weight(self, name: str) -> Tensor:
        weight, u, v = self.weights[name]
        return weight / torch.dot(u, weight.flatten(1) @ v)

    def run(self, latents: Tensor) -> Iterator[tuple[str, Tensor]]:
        """Yield (layer name, output), as our generator does."""
        g = self.generator
        rows = statistics_rows(g.truncation, g.n_stats)
        embedding = g.classes(g.chosen()).expand(len(latents), -1)
        bias = g.gen_z.bias
        condition = torch.cat([latents[:, 0], embedding], 1)
        x = condition @ self._weight("gen_z").T + bias
        x = x.view(len(x), 4, 4, -1).permute(0, 3, 1, 2).contiguous()
        yield "gen_z", x
        for i, (layer, module) in enumerate(zip(g.layers[1:-1], g.blocks, strict=True)):
            condition = torch.cat([latents[:, layer.slot], embedding], 1)
            x = self._block(x, f"blocks.{i}", module, condition, rows)
            yield layer.name, x

    def _block(self, x: Tensor, name: str, module: nn.Module, condition: Tensor, rows: Rows) -> Tensor:
        if isinstance(module, Attention):
            return self._attention(x, name, module)
        assert isinstance(module, Bottleneck)
        h = x
        for j in range(4):
            norm, conv = module.norms[j], module.convs[j]
            assert isinstance(norm, ConditionalNorm)
            assert isinstance(conv.bias, Tensor)
            statistics = norm.statistics
            mean = torch.stack([statistics.means[row] * share for row, share in rows]).sum(0)
            variance = torch.stack([statistics.variances[row] * share for row, share in rows]).sum(0)
            gain = 1 + condition @ self._weight(f"{name}.norms.{j}.gain").T
            offset = condition @ self._weight(f"{name}.norms.{j}.offset").T
            h = (h - mean[:, None, None]) / (variance[:, None, None] + statistics.eps).sqrt()
            h = relu(h * gain[:, :, None, None] + offset[:, :, None, None])
            if j == 1 and module.upsample:
                h = interpolate(h, scale_factor=2)
            weight = self._weight(f"{name}.convs.{j}")
            h = conv2d(h, weight, conv.bias, padding=weight.shape[-1] // 2)
        kept = x[:, : module.out_channels]
        return h + (interpolate(kept, scale_factor=2) if module.upsample else kept)

    def _attention(self, x: Tensor, name: str, module: Attention) -> Tensor:
        parts = [key.removeprefix(f"{name}.") for key in self.weights if key.startswith(f"{name}.")]
        theta, phi, g = (conv2d(x, self._weight(f"{name}.{part}")) for part in parts[:3])
        phi, g = max_pool2d(phi, 2).flatten(2), max_pool2d(g, 2).flatten(2)
        shares = (theta.flatten(2).transpose(1, 2) @ phi).softmax(-1)
        mixed = (g @ shares.transpose(1, 2)).unflatten(2, x.shape[2:])
        return x + module.gamma * conv2d(mixed, self._weight(f"{name}.{parts[3]}"))


def features(network: PlainStyleGAN2 | PlainBigGANDeep, latents: Tensor, layer: str) -> Tensor:
    """The output of one layer."""
    return next(output for name, output in network.run(latents) if name == layer)


class PlainDirections(nn.Module):
    """K separate networks of two linear layers, in a list."""

    def __init__(self, k: int, dim: int) -> None:
        super().__init__()
        made = (nn.Sequential(nn.Linear(dim, dim), nn.ReLU(), nn.Linear(dim, dim)) for _ in range(k))
        self.networks = nn.ModuleList(made)


def plain_loss(
    network: PlainStyleGAN2 | PlainBigGANDeep,
    directions: PlainDirections,
    latents: Tensor,
    *,
    layer: str,
    alpha: float,
    temperature: float,
) -> Tensor:
    """The loss of LatentCLR, direction by direction."""
    before = features(network, latents, layer).flatten(1)
    changes = []
    for own in directions.networks:
        direction = own(latents[:, 0])
        direction = direction / direction.norm(dim=1, keepdim=True)
        edited = latents + alpha * direction.unsqueeze(1)
        changes.append(features(network, edited, layer).flatten(1) - before)
    rows = torch.cat(changes)  # (k n, f), direction by direction
    rows = rows / rows.norm(dim=1, keepdim=True)
    n = len(latents)
    scores = (rows @ rows.T / temperature).exp()
    number = torch.arange(len(rows), device=rows.device)
    which, sample = number // n, number % n
    same = which[:, None] == which[None, :]
    positive = (scores * (same & (sample[:, None] != sample[None, :]))).sum(1)
    negative = (scores * ~same).sum(1)
    loss: Tensor = -(positive / negative).log().mean()
    return loss
