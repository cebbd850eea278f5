"""Fixtures for all tests."""

import os
import random

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before torch is imported: tiny tensors, busy machines

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import settings
from tests.generators.small_biggan import small_biggan, small_biggan_deep
from tests.generators.small_stylegan import small_progan, small_stylegan
from tests.generators.small_stylegan2 import small_stylegan2
from tests.toy import Toy

from latentclr import Generator
from latentclr.generators import DCGAN

settings.register_profile("same", derandomize=True, deadline=None)  # the same examples in every run
settings.load_profile("same")


def pytest_configure(config: pytest.Config) -> None:
    """Let pytest-randomly shuffle the tests, but not change from run to run what they draw."""
    config.option.randomly_reset_seed = False


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup() -> None:
    """Put the global random states to the same place before each test, whatever ran before it."""
    random.seed(0)
    np.random.seed(0)  # noqa: NPY002
    torch.manual_seed(0)


def small_dcgan() -> DCGAN:
    """A DCGAN of 32 x 32 with random weights and statistics."""
    generator = DCGAN(channels=(24, 16, 8), z_dim=10)
    rng = torch.Generator().manual_seed(0)
    for name, value in generator.state_dict().items():
        if name.endswith("running_var"):
            value.copy_(torch.rand(value.shape, generator=rng) + 0.5)
        elif value.is_floating_point():
            value.copy_(torch.randn(value.shape, generator=rng) * 0.3 + name.endswith("norm.weight"))
    generator.name = "small"
    return generator


GENERATORS: dict[str, Callable[[], Generator]] = {
    "toy": Toy,
    "dcgan": small_dcgan,
    "progan": small_progan,
    "stylegan": small_stylegan,
    "stylegan-z": lambda: small_stylegan().in_space("z"),
    "biggan": small_biggan,
    "biggan-deep": small_biggan_deep,
    "stylegan2": small_stylegan2,
    "stylegan2-z": lambda: small_stylegan2().in_space("z"),
    "stylegan2-resnet-classes": lambda: small_stylegan2(
        architecture="resnet", num_classes=3, embed_dim=5
    ).for_class(1),
}
"""Every architecture and space that the common tests run over. (The zoo's faces and celebs are DCGANs.)"""


@pytest.fixture(params=GENERATORS, scope="session")
def any_generator(request: pytest.FixtureRequest) -> Generator:
    """Each generator in turn."""
    return GENERATORS[request.param]()


@pytest.fixture
def toy() -> Toy:
    """The generator with planted directions."""
    return Toy()


@pytest.fixture
def dcgan() -> DCGAN:
    """A small DCGAN."""
    return small_dcgan()


@pytest.fixture
def dcgan_file(tmp_path: Path) -> Path:
    """A small DCGAN's checkpoint in the layout of the PyTorch project's example."""
    path = tmp_path / "small-dcgan.pt"
    torch.save(example_layout(small_dcgan()), path)
    return path


def example_layout(generator: DCGAN) -> dict[str, torch.Tensor]:
    """The tensors of a DCGAN under the names of the PyTorch project's example."""
    renamed = {}
    for name, value in generator.state_dict().items():
        place, _, rest = name.partition(".")
        if place == "to_image":
            renamed[f"main.{3 * (len(generator.blocks) + 1)}.{rest}"] = value.clone()
            continue
        block = 0
        if place == "blocks":
            number, _, rest = rest.partition(".")
            block = int(number) + 1
        part, _, entry = rest.partition(".")
        renamed[f"main.{3 * block + (part == 'norm')}.{entry}"] = value.clone()
    return renamed
