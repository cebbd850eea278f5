"""Our own generator files, and the names that they can be given."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from tests.conftest import small_dcgan
from tests.generators.precise import in_float64, same
from tests.generators.small_stylegan2 import small_stylegan2

from latentclr import Generator, InputError, load_generator
from latentclr.checkpoints import cropped, give_name, imported_names, save_generator, zoo
from latentclr.checkpoints.cache import CACHE_VARIABLE
from latentclr.checkpoints.downloads import UrlFile
from latentclr.files import read_tensors, write_tensors
from latentclr.generators import BigGANDeep


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path / "cache"))
    return tmp_path / "cache"


def test_round_trip_of_every_generator(any_generator: Generator, tmp_path: Path) -> None:
    if type(any_generator).__name__ == "Toy":
        pytest.skip("a generator of the tests only")
    path = tmp_path / "g.safetensors"
    save_generator(any_generator, path, source={"file": "somewhere.pkl"})
    loaded = load_generator(path)
    assert loaded.fingerprint() == any_generator.fingerprint()
    loaded = in_float64(loaded).in_space(any_generator.space).view(label=any_generator.label)
    loaded.label = None if loaded.label is None else loaded.label.double()
    latents = any_generator.from_seeds([3]).double()
    same(loaded(latents), in_float64(any_generator)(latents))


def test_names_of_classes_are_kept(tmp_path: Path) -> None:
    path = tmp_path / "g.safetensors"
    generator = BigGANDeep(4, 3, 4, 2, [[0, 2, 2], [1, 2, 1]], attention=None)
    generator.class_names = ("cube", "ball, sphere")
    save_generator(generator, path, source={})
    loaded = load_generator(path)
    assert loaded.class_names == ("cube", "ball, sphere")
    assert loaded.for_class("sphere").label_number == 1
    tensors, header = read_tensors(path, kind="a generator")
    for wrong in (["cube"], ["cube", 7], "ab", {"cube": 1, "ball": 2}):
        write_tensors(path, tensors, {**header, "class_names": wrong})
        with pytest.raises(InputError, match="class names that are not one text for each class"):
            load_generator(path)
    del header["class_names"]
    write_tensors(path, tensors, header)
    assert load_generator(path).class_names == ()


def test_equal_generators_give_equal_bytes(tmp_path: Path) -> None:
    for name in ("a", "b"):
        save_generator(small_stylegan2(), tmp_path / name, source={})
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"format": 9}, "has format 9; this version reads format 1"),
        ({"architecture": "Diffusion"}, "holds a 'Diffusion'; known are BigGAN"),
        ({"architecture": ["StyleGAN2"]}, "known are"),
        ({"settings": {"resolution": 16}}, "settings that describe no StyleGAN2"),
        ({"settings": {"resolution": 2**60, "channels": [2**60] * 3}}, "settings that describe no StyleGAN2"),
        ({"settings": []}, "settings that describe no StyleGAN2"),
        ({"settings": {"resolution": 16, "channels": [16, 12, 9]}}, "lacks|expected"),
    ],
)
def test_headers_that_describe_nothing(change: dict[str, Any], said: str, tmp_path: Path) -> None:
    path = tmp_path / "g.safetensors"
    save_generator(small_stylegan2(), path, source={})
    tensors, header = read_tensors(path, kind="a generator")
    write_tensors(path, tensors, {**header, **change})
    with pytest.raises(InputError, match=said) as caught:
        load_generator(path)
    assert str(path) in str(caught.value)


def test_a_truncated_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "g.safetensors"
    save_generator(small_stylegan2(), path, source={})
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(InputError, match="not a whole safetensors file"):
        load_generator(path)


def test_a_safetensors_file_of_something_else_names_its_tensors(tmp_path: Path) -> None:
    path = tmp_path / "g.safetensors"
    save_file({"encoder.weight": torch.zeros(2)}, path)
    with pytest.raises(InputError, match=r"no kind that is known here.*encoder\.weight"):
        load_generator(path)


def test_names_find_their_files(cache: Path, tmp_path: Path) -> None:
    path = tmp_path / "g.safetensors"
    save_generator(small_dcgan(), path, source={})
    assert imported_names() == []
    give_name("my-cat", path)
    assert imported_names() == ["my-cat"]
    loaded = load_generator("my-cat")
    assert loaded.fingerprint() == small_dcgan().fingerprint()
    assert loaded.name == "my-cat"


@pytest.mark.parametrize("name", ["", "../x", "a/b", ".hidden", "x" * 65, "a b"])
def test_impossible_names(name: str, cache: Path, dcgan_file: Path) -> None:
    with pytest.raises(InputError, match="use letters"):
        give_name(name, dcgan_file)
    assert imported_names() == []


def test_names_of_the_zoo_are_taken(cache: Path, dcgan_file: Path) -> None:
    with pytest.raises(InputError, match="'faces' is a generator of the zoo"):
        give_name("faces", dcgan_file)


def test_a_named_file_that_changed_or_went_is_told(cache: Path, dcgan_file: Path) -> None:
    give_name("mine", dcgan_file)
    dcgan_file.write_bytes(b"something else")
    with pytest.raises(InputError, match=r"'mine': .* has changed since it was named"):
        load_generator("mine")
    dcgan_file.unlink()
    with pytest.raises(InputError, match=r"'mine': .* is no longer there; import it again"):
        load_generator("mine")
    record = cache / "names" / "mine.json"
    record.write_text(json.dumps(["no", "record"]))
    with pytest.raises(InputError, match="the record of 'mine' is damaged"):
        load_generator("mine")


def test_crops() -> None:
    whole = small_stylegan2()
    cut = cropped(whole, 12)
    latents = whole.from_seeds([0])
    assert cut.resolution == 12
    assert torch.equal(cut(latents), whole(latents)[:, :, 2:14])
    assert cut.fingerprint() != whole.fingerprint()
    with pytest.raises(InputError, match="height=17: give 1 to 16 rows"):
        cropped(whole, 17)
    with pytest.raises(InputError, match="DCGAN cannot be cut"):
        cropped(small_dcgan(), 12)


def test_an_entry_of_the_zoo_is_cut_to_its_height(
    cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "g.safetensors"
    save_generator(small_stylegan2(), path, source={})
    entry = zoo.ZooEntry("car", "a test", "none", UrlFile("https://nowhere"), height=12)
    monkeypatch.setitem(zoo.ZOO, "car", entry)
    monkeypatch.setattr("latentclr.checkpoints.load.pull", lambda *_, **__: path)
    assert load_generator("car").resolution == 12
    assert load_generator("car").name == "car"
