"""Every kind of published file, whole, through `load_generator`: equal bit for bit."""

import json
import shutil
from collections.abc import Callable, Iterator
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from tests.cases import FOLDER, assert_equal, expected, weights
from tests.cases import config as case_config
from tests.checkpoints import test_biggan_formats as biggan
from tests.checkpoints import test_progan_formats as progan
from tests.checkpoints import test_stylegan2_formats as stylegan2
from tests.checkpoints import test_stylegan_formats as stylegan
from tests.checkpoints.published import nvidia_tensorflow, nvidia_torch, torch_file
from tests.conftest import example_layout, small_dcgan
from tests.generators.precise import in_float64
from tests.generators.small_stylegan import small_progan

from latentclr import Generator, InputError, load_generator
from latentclr.checkpoints import biggan_deep, read_checkpoint
from latentclr.checkpoints.load import LAYOUTS
from latentclr.checkpoints.network import Network

DEEP = "hf_biggan_deep_w8"
PICKLES = ("torch_p3", "torch_p4", "tf_p3")
"""One network in three containers of NVIDIA's; their source text ends the program if it is executed."""


def test_reference_pickles_of_all_containers_hold_one_network_and_give_its_pictures() -> None:
    values = expected("ada_sg2_16_tiny")
    loaded = [load_generator(FOLDER / "nv_pkl" / f"{name}.pkl") for name in PICKLES]
    assert len({generator.fingerprint() for generator in loaded}) == 1
    generator = in_float64(loaded[0])
    assert_equal(generator(values["wp"]), values["img_wp_const_fused0"])
    assert_equal(generator(generator.at(0.7).map(values["z"])), values["img_z_psi0.7_const"])


@pytest.mark.parametrize("zipped", [True, False])
def test_reference_of_rosinality_through_its_container(zipped: bool, tmp_path: Path) -> None:
    values = expected("rosinality_sg2_32")
    content = {"g_ema": weights("rosinality_sg2_32"), "latent_avg": values["latent_avg"].float()}
    path = tmp_path / "checkpoint.pt"
    path.write_bytes(torch_file(content, 2, zipped=zipped))
    generator = in_float64(load_generator(path))
    assert_equal(generator(generator.at(0.7).map(values["z"])), values["img_trunc0.7_buffers"])


@pytest.mark.parametrize("config", ["config.json", "biggan-deep-128-config.json", "weights.json"])
def test_the_configuration_of_a_biggan_deep_is_found_beside_it(config: str, tmp_path: Path) -> None:
    path = tmp_path / ("biggan-deep-128-pytorch_model.bin" if "128" in config else "weights.bin")
    path.write_bytes(torch_file(weights(DEEP), 2, zipped=False))
    shutil.copyfile(FOLDER / DEEP / "config.json", tmp_path / config)
    loaded = load_generator(path)
    read, _ = biggan_deep.build(Network("test", weights(DEEP), case_config(DEEP)))
    assert loaded.fingerprint() == read.fingerprint()  # whose pictures are those of the reference


clamped = partial(stylegan2.exact, z_dim=12, clamp=256.0)
plain = partial(stylegan2.exact, z_dim=12)
WRITERS: dict[str, tuple[Callable[[Any], Network], Callable[[], Generator]]] = {
    "StyleGAN2 (NVIDIA, PyTorch)": (stylegan2.as_nvidia_torch, clamped),
    "StyleGAN2 (NVIDIA, TensorFlow)": (stylegan2.as_nvidia_tensorflow, clamped),
    "StyleGAN2 (rosinality)": (stylegan2.as_rosinality, plain),
    "StyleGAN2 (genforce)": (stylegan2.as_genforce, plain),
    "StyleGAN (NVIDIA, TensorFlow)": (stylegan.as_tensorflow, stylegan.usual_stylegan),
    "StyleGAN (genforce)": (stylegan.as_genforce, stylegan.usual_stylegan),
    "ProGAN (NVIDIA, TensorFlow)": (partial(progan.as_tensorflow, fused=True), small_progan),
    "ProGAN (genforce)": (partial(progan.as_genforce, fused=False), small_progan),
    "ProGAN (GAN Dissection)": (progan.as_dissection, small_progan),
    "BigGAN-deep (Hugging Face)": (
        lambda g: Network("", biggan.deep_layout(g), biggan.DEEP_CONFIG),
        biggan.deep_for_export,
    ),
    "BigGAN (Brock's PyTorch code)": (
        lambda g: Network("", biggan.biggan_layout(g)),
        biggan.biggan_for_export,
    ),
    "DCGAN (PyTorch example)": (lambda g: Network("", example_layout(g)), small_dcgan),
}
"""Every layout by the name that the import gives it: how it is written, and what it must give."""


def network_of(layout: str) -> tuple[Network, Generator]:
    write, make = WRITERS[layout]
    made = make()
    return write(made), made


def written(layout: str, network: Network, protocol: int, *, zipped: bool) -> bytes:
    if layout.endswith("(NVIDIA, PyTorch)"):
        return nvidia_torch(network, protocol)
    if layout.endswith("(NVIDIA, TensorFlow)"):
        return nvidia_tensorflow(network, protocol)
    tensors = {name: value.contiguous() for name, value in network.tensors.items()}
    nested = {"rosinality": "g_ema", "genforce": "generator_smooth"}
    nest = next((key for who, key in nested.items() if who in layout), None)
    if nest is None:
        return torch_file(tensors, protocol, zipped=zipped)
    more = {"latent_avg": network.config["latent_avg"]} if "latent_avg" in network.config else {}
    return torch_file({nest: tensors, **more}, protocol, zipped=zipped)


def test_every_layout_is_written_here() -> None:
    refused = {"StyleGAN3 (alias-free)", "StyleGAN2 config B to D (progressive)"}
    names = {layout.name for layout in LAYOUTS} - refused
    assert names - set(WRITERS) <= {"ProGAN (ptrblck)"}
    assert set(WRITERS) <= names


@pytest.mark.parametrize(("number", "layout"), list(enumerate(WRITERS)))
def test_every_layout_comes_back_from_a_whole_file(number: int, layout: str, tmp_path: Path) -> None:
    # One container and protocol for each: what a layout makes of tensors does not depend on them.
    protocol, zipped = 2 + number % 4, number % 3 == 0 and "NVIDIA" not in layout
    network, ours = network_of(layout)
    path = tmp_path / "a file without an ending"
    path.write_bytes(written(layout, network, protocol, zipped=zipped))
    if layout.startswith("BigGAN-deep"):
        (tmp_path / "config.json").write_text(json.dumps(network.config))
    found = read_checkpoint(path)
    assert found.layout == layout
    assert found.generator.settings() == ours.settings()
    state = found.generator.state_dict()
    for name, value in ours.state_dict().items():
        assert torch.equal(state[name], value), name
    assert found.generator.fingerprint() == ours.fingerprint()  # of which the pictures are a function


def test_a_safetensors_file_of_another_program_is_understood_too(tmp_path: Path) -> None:
    path = tmp_path / "dcgan.safetensors"
    save_file({name: value.contiguous() for name, value in example_layout(small_dcgan()).items()}, path)
    assert load_generator(path).fingerprint() == small_dcgan().fingerprint()


def damaged(value: torch.Tensor) -> Iterator[torch.Tensor]:
    """Tensors that a file could hold in the place of this one."""
    yield torch.zeros(())
    yield torch.zeros(0)
    yield value.unsqueeze(0)
    yield value.flatten()[:1]
    yield torch.zeros(value.shape, dtype=torch.int64)
    yield torch.zeros(value.shape, dtype=torch.bool)
    yield value.transpose(0, -1) if value.ndim > 1 else value.repeat(2)
    yield value.double() * float("inf")
    yield torch.zeros(1, 1, 1, 1, 1, 1)


JUNK: tuple[object, ...] = (None, -1, 10**30, float("nan"), "text", [], [1, "a"], {}, {"a": [1]}, True)


def changes(network: Network) -> Iterator[Network]:
    """The network with one tensor lost or damaged, or with junk in its configuration."""
    names = list(network.tensors)
    for place, name in enumerate(names[:: max(1, len(names) // 50)]):
        for number, value in enumerate(damaged(network.tensors[name])):
            if (place + number) % 3 == 0:
                yield Network("", {**network.tensors, name: value}, network.config)
        yield Network("", {k: v for k, v in network.tensors.items() if k != name}, network.config)
    for key in (*network.config, "static_kwargs", "modules", "latent_avg", "layers", "eps", "bn_eps"):
        given = network.config.get(key)
        given = given if isinstance(given, dict) else {}
        for entry in (*JUNK, *({**given, inner: junk} for inner in given for junk in JUNK)):
            yield Network(network.container, network.tensors, {**network.config, key: entry})


@pytest.mark.parametrize("layout", WRITERS)
@pytest.mark.parametrize("every", [23, pytest.param(1, marks=pytest.mark.fuzz)])
def test_whatever_a_file_holds_only_sentences_come_out(layout: str, every: int) -> None:
    network, _ = network_of(layout)
    kind = next(kind for kind in LAYOUTS if kind.recognize(network))
    tried = refused = 0
    for changed in islice(changes(network), None, None, every):
        tried += 1
        try:
            kind.build(changed)
        except InputError:
            refused += 1
    assert refused > tried / 4 or every > 1
