"""StyleGAN against a plain formulation of its description."""

import math

import pytest
import torch
from tests.generators.precise import in_float64, same
from tests.generators.small_stylegan import small_stylegan
from torch import Tensor
from torch.nn.functional import conv2d, leaky_relu, pad

from latentclr import InputError
from latentclr.generators.stylegan import StyleGAN, _Epilogue


def plain_mapping(g: StyleGAN, z: Tensor, label: Tensor | None = None) -> Tensor:
    """w by the description: each layer's scales explicit."""
    state, lr = g.state_dict(), g.settings()["mapping_lr"]
    rows = []
    for row in z:
        if label is not None:
            row = torch.cat([row, label @ state["mapping.label_weight"]])
        x = row / (row.square().mean() + 1e-8).sqrt()
        for i in range(len(g.settings()["mapping"])):
            weight, bias = state[f"mapping.dense.{i}.weight"], state[f"mapping.dense.{i}.bias"]
            x = leaky_relu((weight * (math.sqrt(2) * lr / math.sqrt(len(x)))) @ x + bias * lr, 0.2)
        rows.append(x)
    return torch.stack(rows)


def blurred(x: Tensor) -> Tensor:
    """[1, 2, 1] x [1, 2, 1] / 16 as nine shifts of the map with zeros around it."""
    padded, total = pad(x, (1, 1, 1, 1)), torch.zeros_like(x)
    for i, a in enumerate((1, 2, 1)):
        for j, b in enumerate((1, 2, 1)):
            total += padded[:, :, i : i + x.shape[2], j : j + x.shape[3]] * (a * b / 16)
    return total


def instance_normalized(x: Tensor) -> Tensor:
    """Channel by channel, with the biased variance."""
    y = torch.empty_like(x)
    for n in range(x.shape[0]):
        for c in range(x.shape[1]):
            centred = x[n, c] - x[n, c].sum() / x[n, c].numel()
            y[n, c] = centred / ((centred**2).sum() / centred.numel() + 1e-8).sqrt()
    return y


def plain_synthesis(g: StyleGAN, latents: Tensor) -> dict[str, Tensor]:
    """Every layer by the description: enlarged maps, shifts, loops over channels."""
    state = g.state_dict()
    found: dict[str, Tensor] = {}
    x = state["blocks.0.const"].expand(len(latents), -1, -1, -1)
    for k in range(g.num_slots):
        if k:
            weight = state[f"blocks.{k}.conv.weight"]
            if k % 2 == 0:
                x = x.repeat_interleave(2, 2).repeat_interleave(2, 3)
            x = conv2d(x, weight * (math.sqrt(2) / math.sqrt(9 * weight.shape[1])), padding=1)
            x = blurred(x) if k % 2 == 0 else x
        end = f"blocks.{k}.epilogue"
        x = x + state[f"{end}.noise"] * state[f"{end}.noise_strength"].reshape(1, -1, 1, 1)
        x = instance_normalized(leaky_relu(x + state[f"{end}.bias"].reshape(1, -1, 1, 1), 0.2))
        matrix = state[f"{end}.style.weight"] / math.sqrt(g.w_dim)
        style = (latents[:, k] @ matrix.T + state[f"{end}.style.bias"]).reshape(len(latents), 2, -1, 1, 1)
        x = x * (style[:, 0] + 1) + style[:, 1]
        found[f"layer{k}"] = x
    weight = state["to_image.conv.weight"] / math.sqrt(x.shape[1])
    picture = torch.einsum("nchw,oc->nohw", x, weight[:, :, 0, 0])
    return found | {"image": picture + state["to_image.bias"].reshape(1, 3, 1, 1)}


def different_latents(g: StyleGAN, n: int = 2) -> Tensor:
    """Another latent in each slot, of the length of its space."""
    dtype = next(g.parameters()).dtype
    return torch.randn(n, g.num_slots, g.latent_dim, generator=torch.Generator().manual_seed(3), dtype=dtype)


def z_of(g: StyleGAN, n: int = 3) -> Tensor:
    return torch.randn(n, g.z_dim, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


def test_every_layer_equals_the_plain_network() -> None:
    generator = in_float64(small_stylegan())
    latents = different_latents(generator)
    plain = plain_synthesis(generator, latents)
    assert list(plain) == [layer.name for layer in generator.layers]
    for name, output in generator.run(latents):
        same(output, plain[name], what=name)


def test_mapping_equals_the_plain_network() -> None:
    generator = in_float64(small_stylegan())
    for z in (z_of(generator), 1e-4 * z_of(generator)):  # the small ones show the epsilon
        expected = plain_mapping(generator, z).unsqueeze(1).expand(-1, generator.num_slots, -1)
        same(generator.map(z), expected)


@pytest.mark.parametrize("cutoff", [None, 0, 3, 6])
def test_truncation_moves_the_first_slots_to_the_mean(cutoff: int | None) -> None:
    generator = in_float64(small_stylegan())
    z = z_of(generator)
    full, view = generator.map(z), generator.at(0.7, cutoff=cutoff)
    truncated = view.map(z)
    for slot in range(generator.num_slots):
        moved = cutoff is None or slot < cutoff
        psi = 0.7 if moved else 1.0
        expected = generator.w_avg + psi * (full[:, slot] - generator.w_avg)
        same(truncated[:, slot], expected)
        assert torch.equal(truncated[:, slot], full[:, slot]) != moved
    # A new truncation forgets the old cutoff.
    assert view.at(0.7).cutoff is None


@pytest.mark.parametrize("cutoff", [-1, 7])
def test_impossible_cutoffs_are_refused(cutoff: int) -> None:
    with pytest.raises(InputError, match=f"cutoff={cutoff}: give a number of slots, 0 to 6"):
        small_stylegan().at(0.5, cutoff=cutoff)


@pytest.mark.parametrize(("psi", "cutoff"), [(1.0, None), (0.6, None), (0.6, 2)])
def test_latents_in_z_are_mapped_on_their_way(psi: float, cutoff: int | None) -> None:
    generator = in_float64(small_stylegan()).at(psi, cutoff=cutoff)
    in_z = generator.in_space("z")
    assert (in_z.space, in_z.latent_dim, generator.space) == ("z", generator.z_dim, "w")
    assert in_z.fingerprint() == generator.fingerprint()
    z = z_of(generator)
    assert torch.equal(in_z.map(z), z.unsqueeze(1).expand(-1, generator.num_slots, -1))
    same(in_z(in_z.map(z)), generator(generator.map(z)))
    # Slot by slot, too.
    latents = different_latents(in_z)
    mapped = torch.stack([generator.map(latents[:, k])[:, k] for k in range(generator.num_slots)], 1)
    same(in_z(latents), generator(mapped))
    assert torch.equal(in_z.in_space("w")(mapped), generator(mapped))
    assert in_z.style_weight("layer3").shape == (11, generator.z_dim)


def test_a_class_is_appended_to_z() -> None:
    generator = in_float64(small_stylegan(num_classes=3))
    z = z_of(generator)
    for label in (torch.eye(3).double()[1], torch.tensor([0.2, 0.3, 0.5]).double()):
        chosen = generator.for_class(label)
        expected = plain_mapping(generator, z, label)
        same(chosen.map(z)[:, 0], expected)
        in_z = chosen.in_space("z")
        same(in_z(in_z.map(z)), generator(chosen.map(z)))
        assert in_z.style_weight("layer0").shape == (11, generator.z_dim)
    with pytest.raises(InputError, match="choose one with for_class"):
        generator.map(z)


@pytest.mark.parametrize("height", [12, 11, 1, 16])
def test_a_height_cuts_the_picture_and_nothing_else(height: int) -> None:
    whole, cut = small_stylegan(), small_stylegan(height=height)
    latents = different_latents(whole)
    top = (16 - height) // 2
    assert torch.equal(cut(latents), whole(latents)[:, :, top : top + height])
    assert torch.equal(cut.features(latents, "layer5"), whole.features(latents, "layer5"))
    assert cut.resolution == height
    assert cut.settings()["height"] == height


@pytest.mark.parametrize("height", [0, 17])
def test_impossible_heights_are_refused(height: int) -> None:
    with pytest.raises(InputError, match=f"height={height}: give a number of rows, 1 to 16"):
        small_stylegan(height=height)


def test_style_weight_is_how_the_style_is_read() -> None:
    # Mean and deviation of a layer's channels are its style.
    generator = in_float64(small_stylegan())
    latents = different_latents(generator, 1)
    moved = latents.clone()
    moved[:, 3] += torch.randn(generator.w_dim, generator=torch.Generator().manual_seed(0))
    means = [generator.features(x, "8x8/Conv1").mean((2, 3)) for x in (latents, moved)]
    change = generator.style_weight("layer3") @ (moved - latents)[0, 3] / math.sqrt(generator.w_dim)
    same((means[1] - means[0])[0], change[10:])


def test_normalization_has_its_epsilon() -> None:
    epilogue = _Epilogue(1, 2, 1).double()
    x = torch.tensor([[[[1e-4, 3e-4], [1e-4, 3e-4]]]], dtype=torch.float64)
    same(epilogue(x, torch.zeros(1, 1).double()), (x - 2e-4) / math.sqrt(2e-8))


def test_names_are_those_of_the_published_code() -> None:
    layers = small_stylegan().layers
    assert [layer.aliases for layer in layers] == [
        ("4x4/Const", "synthesis.layer0"),
        ("4x4/Conv", "synthesis.layer1"),
        ("8x8/Conv0_up", "synthesis.layer2"),
        ("8x8/Conv1", "synthesis.layer3"),
        ("16x16/Conv0_up", "synthesis.layer4"),
        ("16x16/Conv1", "synthesis.layer5"),
        ("ToRGB_lod0", "synthesis.output2"),
    ]
    assert [layer.slot for layer in layers] == [0, 1, 2, 3, 4, 5, 5]


def test_early_layers_in_z_map_no_later_slots() -> None:
    generator = small_stylegan().in_space("z")
    seen = []
    generator.mapping.register_forward_hook(lambda *_: seen.append(1))
    generator.features(different_latents(generator), "layer1")
    assert len(seen) == 2
