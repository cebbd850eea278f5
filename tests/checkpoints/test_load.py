"""Checkpoint files: every tensor has its place, and what has none is named."""

from pathlib import Path
from typing import Any

import pytest
import torch
from tests.checkpoints.test_biggan_formats import lose, put
from tests.conftest import example_layout, small_dcgan
from torch import Tensor

from latentclr import InputError, load_generator
from latentclr.generators import DCGAN


def numbered_layout(generator: DCGAN) -> dict[str, Tensor]:
    """The other known layout: convTr1, batchNorm1, convTr2, ..."""
    renamed = {}
    for name, value in example_layout(generator).items():
        _, place, entry = name.split(".")
        block, part = divmod(int(place), 3)
        renamed[f"{'batchNorm' if part else 'convTr'}{block + 1}.{entry}"] = value
    return renamed


def save(content: Any, folder: Path, **options: Any) -> Path:
    path = folder / "checkpoint.pt"
    torch.save(content, path, **options)
    return path


@pytest.mark.parametrize("layout", [example_layout, numbered_layout])
@pytest.mark.parametrize("zip_file", [True, False])
@pytest.mark.parametrize("nest", [None, "netG_state_dict", "state_dict", "generator"])
def test_known_layouts_and_containers(layout: Any, zip_file: bool, nest: str | None, tmp_path: Path) -> None:
    ours = small_dcgan()
    content = layout(ours) if nest is None else {nest: layout(ours), "epoch": 3}
    path = save(content, tmp_path, _use_new_zipfile_serialization=zip_file)
    loaded = load_generator(path)
    assert loaded.fingerprint() == ours.fingerprint()
    latents = ours.from_seeds([1, 2])
    assert torch.equal(loaded(latents), ours(latents))
    assert loaded.name == str(path)
    assert not any(parameter.requires_grad for parameter in loaded.parameters())


def test_sizes_are_read_off_the_file(tmp_path: Path) -> None:
    for channels, z_dim in (((8, 4), 3), ((32, 16, 8, 4, 2), 12)):
        path = save(example_layout(DCGAN(channels, z_dim)), tmp_path)
        loaded = load_generator(path)
        assert loaded.latent_dim == z_dim
        assert [layer.channels for layer in loaded.layers] == [*channels, 3]
        assert loaded.resolution == 4 << len(channels)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lose("main.4.running_mean"), r"lacks main\.4\.running_mean"),
        (put("main.99.weight", torch.zeros(1)), r"belong nowhere: main\.99\.weight"),
        (
            put("main.4.bias", torch.zeros(5)),
            r"'main\.4\.bias' of the checkpoint is \(5,\); expected \(16,\)",
        ),
        (put("main.4.bias", torch.full((16,), float("nan"))), r"not finite, in main\.4\.bias"),
        (put("main.3.weight", torch.full((24, 16, 4, 4), float("inf"))), r"not finite, in main\.3\.weight"),
        (put("main.0.weight", torch.zeros(3)), "is no DCGAN"),
        (put("note", "hello"), "entries that are no tensors: note"),
    ],
)
def test_what_does_not_fit_is_named(change: Any, said: str, tmp_path: Path) -> None:
    tensors = example_layout(small_dcgan())
    change(tensors)
    path = save(tensors, tmp_path)
    with pytest.raises(InputError, match=said) as caught:
        load_generator(path)
    assert str(path) in str(caught.value)


def test_unknown_names_are_met_with_the_known_ones() -> None:
    with pytest.raises(
        InputError, match=r"no generator 'face' \(did you mean 'faces'\?\): .*generators list"
    ):
        load_generator("face")


def test_a_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="there is no file"):
        load_generator(tmp_path)


def test_an_unusable_device_is_one_sentence(dcgan_file: Path) -> None:
    for device in ("cuda:99", "nonsense"):
        with pytest.raises(InputError, match=f"device '{device}' cannot be used"):
            load_generator(dcgan_file, device=device)


@pytest.mark.network
@pytest.mark.parametrize("name", ["faces", "celebs"])
def test_real_faces_are_faces_and_all_different(name: str) -> None:
    generator = load_generator(name)
    pictures = generator(generator.from_seeds(range(16)))
    assert pictures.shape == (16, 3, 64, 64)
    assert 0.2 < pictures.std() < 1
    # Faces: left is like right in the mean, which no noise is.
    mean = generator(generator.from_seeds(range(64))).mean((0, 1))
    flat = mean - mean.mean()
    assert (flat * flat.flip(1)).sum() / flat.square().sum() > 0.5
    distances = torch.cdist(pictures.flatten(1), pictures.flatten(1))
    assert distances[~torch.eye(16, dtype=torch.bool)].min() > 10
