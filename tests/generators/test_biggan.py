"""BigGAN against a second formulation: functions over the published tensors, spectral norm at every call."""

from typing import Any

import pytest
import torch
from tests.generators.precise import in_float64, same
from tests.generators.small_biggan import published_biggan, randomize, small_biggan
from torch import Tensor
from torch.nn.functional import batch_norm, conv2d, interpolate, max_pool2d

from latentclr import InputError
from latentclr.checkpoints.biggan import build
from latentclr.checkpoints.network import Network
from latentclr.generators.biggan import Attention, BigGAN, _UpBlock

VARIANTS: dict[str, dict[str, Any]] = {
    "hierarchical": {},
    "deeper": {"channels": (16, 16, 12, 8, 4), "attention": (1, 2)},
    "without-attention": {"attention": ()},
    "not-hierarchical": {"hierarchical": False, "chunk": 7},
    "classes-in-every-norm": {"hierarchical": False, "shared": None, "chunk": 7},
    "sums": {"norm": "sums"},
    "devices": {"norm": "devices"},
    "converted": {"logged": False},
    "no-spectral-norm": {"spectral": False},
}


class Plain:
    """The network as its description says it, one picture at a time, in float64.

    Weights and statistics are rounded to float32 after the spectral norm and the count are divided out, as
    the import keeps them.
    """

    def __init__(self, tensors: dict[str, Tensor], bn_eps: float, sn_eps: float) -> None:
        self.tensors = {name: tensor.double() for name, tensor in tensors.items()}
        self.bn_eps, self.sn_eps = bn_eps, sn_eps

    def weight(self, name: str) -> Tensor:
        weight = self.tensors[f"{name}.weight"]
        u = self.tensors.get(f"{name}.u0")
        if u is None:
            return weight
        matrix = weight.reshape(len(weight), -1)
        v = u @ matrix
        v = v / max(float(v.norm()), self.sn_eps)
        u = v @ matrix.T
        u = u / max(float(u.norm()), self.sn_eps)
        sigma = (v @ matrix.T @ u.T).squeeze()
        return (weight.float() / sigma.float()).double()

    def conv(self, name: str, x: Tensor) -> Tensor:
        weight = self.weight(name)
        return conv2d(x, weight, self.tensors.get(f"{name}.bias"), padding=weight.shape[-1] // 2)

    def norm(self, name: str, x: Tensor, eps: float) -> Tensor:
        for mean, variance in (
            ("stored_mean", "stored_var"),
            ("bn.stored_mean", "bn.stored_var"),
            ("bn.running_mean", "bn.running_var"),
        ):
            if f"{name}.{mean}" in self.tensors:
                count = self.tensors.get(f"{name}.bn.accumulation_counter", torch.ones(1)).float()
                statistics = [
                    (self.tensors[f"{name}.{part}"].float() / count).double() for part in (mean, variance)
                ]
                return batch_norm(x, statistics[0], statistics[1], eps=eps)
        raise AssertionError(name)

    def conditional(self, name: str, x: Tensor, condition: Tensor) -> Tensor:
        if "shared.weight" in self.tensors:
            gain, bias = (self.weight(f"{name}.{part}") @ condition for part in ("gain", "bias"))
        else:
            gain, bias = (condition @ self.tensors[f"{name}.{part}.weight"] for part in ("gain", "bias"))
        return self.norm(name, x, self.bn_eps) * (1 + gain)[:, None, None] + bias[:, None, None]

    def attention(self, name: str, x: Tensor) -> Tensor:
        theta = self.conv(f"{name}.theta", x)[0].flatten(1)
        phi = max_pool2d(self.conv(f"{name}.phi", x), 2)[0].flatten(1)
        g = max_pool2d(self.conv(f"{name}.g", x), 2)[0].flatten(1)
        out = torch.zeros(len(g), theta.shape[1], dtype=torch.float64)
        for pixel in range(theta.shape[1]):
            likeness = (theta[:, pixel, None] * phi).sum(0).exp()
            out[:, pixel] = (g * likeness / likeness.sum()).sum(1)
        return x + self.tensors[f"{name}.gamma"] * self.conv(f"{name}.o", out.view(1, -1, *x.shape[2:]))

    def __call__(self, z: Tensor, label: Tensor) -> dict[str, Tensor]:
        chunk = self.tensors["linear.weight"].shape[1]
        pieces = z.double().split(chunk)
        shared = label.double()
        if "shared.weight" in self.tensors:
            shared = shared @ self.tensors["shared.weight"]
        x = self.weight("linear") @ pieces[0] + self.tensors["linear.bias"]
        x = x.view(1, -1, 4, 4)
        outputs = {"linear": x}
        i = 0
        while (block := f"blocks.{i}.0") + ".conv1.bias" in self.tensors:
            condition = torch.cat([shared, pieces[i + 1]]) if len(pieces) > 1 else shared
            h = self.conditional(f"{block}.bn1", x, condition).relu()
            h, x = interpolate(h, scale_factor=2), interpolate(x, scale_factor=2)
            h = self.conv(f"{block}.conv1", h)
            h = self.conv(f"{block}.conv2", self.conditional(f"{block}.bn2", h, condition).relu())
            x = h + self.conv(f"{block}.conv_sc", x)
            outputs[block] = x
            if f"blocks.{i}.1.gamma" in self.tensors:
                x = self.attention(f"blocks.{i}.1", x)
                outputs[f"blocks.{i}.1"] = x
            i += 1
        gain, bias = (self.tensors[f"output_layer.0.{part}"][:, None, None] for part in ("gain", "bias"))
        x = (self.norm("output_layer.0", x, 1e-5) * gain + bias).relu()
        outputs["image"] = self.conv("output_layer.2", x).tanh()
        return outputs


@pytest.mark.parametrize("variant", VARIANTS)
def test_every_layer_equals_the_second_formulation(variant: str) -> None:
    options = VARIANTS[variant]
    tensors = published_biggan(**options)
    built, _ = build(Network("test", tensors))
    generator = in_float64(built)
    plain = Plain(tensors, *((1e-4, 1e-4) if variant == "converted" else (1e-5, 1e-6)))
    labels = (*torch.eye(3), torch.tensor([0.2, 0.5, 0.3]))
    latents = built.sample(2, rng=torch.Generator().manual_seed(0)).double()
    assert generator.num_slots == (len(generator.blocks) + 1 if options.get("hierarchical", True) else 1)
    for label in labels:
        view = generator.for_class(label.double())
        ours = {layer.name: view.features(latents, layer.name) for layer in view.layers}
        for n, latent in enumerate(latents):
            expected = plain(latent[0], label)
            assert len(expected) == len(ours)
            for name, output in expected.items():
                found = ours[generator.layer(name).name][n : n + 1]
                same(found, output, what=(name, label))


def test_every_slot_is_a_whole_z_of_which_its_layer_reads_a_piece() -> None:
    generator = small_biggan()
    latents = generator.from_seeds([3])
    assert latents.shape == (1, 4, 12)
    assert (latents == latents[:, :1]).all()
    picture = generator(latents)
    for slot in range(4):
        unread = torch.ones(12, dtype=torch.bool)
        unread[3 * slot : 3 * slot + 3] = False
        other = latents.clone()
        other[:, slot, unread] += 1
        assert torch.equal(generator(other), picture)


def test_style_weight_is_what_a_block_adds_for_z() -> None:
    generator = in_float64(small_biggan())
    z = torch.randn(12, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    weight = generator.style_weight("blocks.1")
    assert weight.shape == (2 * (12 + 8), 12)
    assert not weight[:, :6].any()
    assert not weight[:, 9:].any()
    block = generator.blocks[1]
    assert isinstance(block, _UpBlock)
    condition = torch.cat([torch.zeros(5, dtype=torch.float64), z[6:9]])
    read = [block.norm1.gain, block.norm1.offset, block.norm2.gain, block.norm2.offset]
    same(weight @ z, torch.cat([linear(condition) for linear in read]))
    projection = generator.style_weight("linear")
    read_of_z = generator.features(z.expand(1, 4, -1), "linear").flatten()
    same(read_of_z, projection @ z + generator.linear.bias)
    with pytest.raises(InputError, match="'blocks\\.1\\.attention' of this BigGAN reads no latent"):
        generator.style_weight("blocks.1.attention")
    with pytest.raises(InputError, match="reads no latent"):
        small_biggan(hierarchical=False).style_weight("blocks.1")
    assert small_biggan(hierarchical=False).style_weight("linear").shape == (16 * 16, 12)


def test_attention_without_share_is_nothing() -> None:
    attention = Attention(8)
    x = torch.randn(1, 8, 4, 4, generator=torch.Generator().manual_seed(0))
    assert torch.equal(attention(x), x)


def test_folded_kernels_follow_the_weights() -> None:
    generator = small_biggan()
    latents = generator.from_seeds([1])
    before = generator(latents)
    randomize(generator, seed=1)
    changed = generator(latents)
    assert not torch.equal(changed, before)
    again = BigGAN(**generator.settings())
    again.load_state_dict(generator.state_dict())
    assert torch.equal(again.freeze().for_class(0)(latents), changed)


def test_sizes_of_the_published_network() -> None:
    with torch.device("meta"):
        generator = BigGAN()
    assert sum(parameter.numel() for parameter in generator.parameters()) == 70_433_988
    assert generator.resolution == 128
    assert generator.num_slots == 6
    assert generator.layer("blocks.3.1").resolution == 64
    assert generator.class_names[281] == "tabby, tabby cat"
