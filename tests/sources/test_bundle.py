"""Exports of several files: folders and zips that are damaged, encrypted or something else."""

from __future__ import annotations

import gzip
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from sources.bundle import Bundle
from sources.files import streams, whole
from sources.reader import SourceError
from tests.sources.exports import Files, folder, zipped

FILES: Files = {
    "deep/inside/a.csv": "x" * 5_000,
    "b.csv": gzip.compress(b"packed"),
    "._b.csv": b"\0",
}


@pytest.mark.parametrize("kind", [folder, zipped])
def test_files_are_found_by_name_and_opened_again_and_again(
    tmp_path: Path, kind: Callable[[Path, Files], Path]
) -> None:
    bundle = Bundle(kind(tmp_path, FILES), "an export")
    assert bundle.names == ("b.csv", "deep/inside/a.csv")
    assert bundle.find("a.csv") == "deep/inside/a.csv"
    assert bundle.find("c.csv") is None
    for _ in range(2):
        with bundle.open("b.csv") as stream:
            assert stream.read() == b"packed"
    assert [len(stream.read()) for _, stream in bundle.each(bundle.names)] == [6, 5_000]


def test_a_damaged_zip_says_so(tmp_path: Path) -> None:
    path = zipped(tmp_path, {"a.csv": "some text, " * 500})
    content = path.read_bytes()
    path.write_bytes(content[:40] + bytes(30) + content[70:])
    bundle = Bundle(path, "an export")
    with pytest.raises(SourceError, match=r"a\.csv breaks off"), bundle.open("a.csv") as stream:
        stream.read()
    path.write_bytes(content[:-30])
    with pytest.raises(SourceError, match="neither a folder nor a zip; expected an export"):
        Bundle(path, "an export")
    with pytest.raises(SourceError, match="there is no such file or folder"):
        Bundle(tmp_path / "absent", "an export")


def changed(path: Path, *changes: tuple[int, int]) -> Path:
    """The zip with bytes of the entry in its directory set: by their place in it, to a value."""
    content = bytearray(path.read_bytes())
    entry = content.index(b"PK\x01\x02")
    for place, value in changes:
        content[entry + place] = value
    path.write_bytes(content)
    return path


def bundled(path: Path) -> list[bytes]:
    bundle = Bundle(path, "an export")
    return [stream.read() for _, stream in bundle.each(bundle.names)]


def streamed(path: Path) -> list[bytes]:
    return [stream.read() for _, stream in streams(path, (".csv",), "an export")]


READ = pytest.mark.parametrize("read", [bundled, streamed])


@READ
def test_an_encrypted_zip_says_so(tmp_path: Path, read: Callable[[Path], object]) -> None:
    path = changed(zipped(tmp_path, {"a.csv": "secret"}), (8, 1))
    with pytest.raises(SourceError, match=r"holds a\.csv, which is encrypted; expected an export"):
        read(path)


@READ
def test_a_zip_packed_in_an_unknown_way_says_so(
    tmp_path: Path, read: Callable[[Path], object]
) -> None:
    path = changed(zipped(tmp_path, {"a.csv": "x" * 50}), (10, 99))
    with pytest.raises(SourceError, match=r"compression method.*; expected an export"):
        read(path)


@READ
def test_a_zip_whose_lzma_is_damaged_says_so(
    tmp_path: Path, read: Callable[[Path], object]
) -> None:
    path = tmp_path / "export.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_LZMA) as archive:
        archive.writestr("a.csv", "some text, " * 5_000)
    content = bytearray(path.read_bytes())
    content[43:50] = b"\xff" * 7
    path.write_bytes(content)
    wrong = r"(breaks off|cannot be read) \(Corrupt.*\); expected an export"
    with pytest.raises(SourceError, match=wrong):
        read(path)


@READ
def test_a_zip_whose_names_are_not_what_they_say_says_so(
    tmp_path: Path, read: Callable[[Path], object]
) -> None:
    path = changed(zipped(tmp_path, {"abcd.csv": "x"}), (9, 8), (46, 0xFF))
    with pytest.raises(SourceError, match=r"can't decode byte.*; expected an export"):
        read(path)


@READ
@pytest.mark.parametrize("kind", [folder, zipped])
def test_what_macos_adds_is_not_read(
    tmp_path: Path, kind: Callable[[Path, Files], Path], read: Callable[[Path], object]
) -> None:
    files: Files = {"a.csv": "x", "._a.csv": b"\0", "__MACOSX/b.csv": b"\0"}
    assert read(kind(tmp_path, files)) == [b"x"]


def test_only_what_is_read_breaks_off(tmp_path: Path) -> None:
    bundle = Bundle(folder(tmp_path, FILES), "an export")
    with pytest.raises(OSError, match="elsewhere"), bundle.open("b.csv"):
        raise OSError("elsewhere")
    for name, content in (("b.csv", b"packed"), ("deep/inside/a.csv", b"x" * 5_000)):
        (tmp_path / "export" / name).write_bytes(gzip.compress(content)[:-9])
    for name, stream in bundle.each(bundle.names):
        with pytest.raises(SourceError, match=f"{name} breaks off"):
            stream.read()


def test_no_more_is_read_of_a_bomb_than_is_allowed(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "bomb.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.json", bytes(50_000_000))
    bundle = Bundle(tmp_path / "bomb.zip", "an export")
    with bundle.open("a.json") as stream:
        assert whole(stream, 2_000_000) is None
        assert stream.tell() < 5_000_000
    with bundle.open("a.json") as stream:
        content = whole(stream, 50_000_000)
    assert content is not None
    assert len(content) == 50_000_000
