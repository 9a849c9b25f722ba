"""Exports of several files: folders and zips that are damaged, encrypted or something else."""

from __future__ import annotations

import gzip
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from sources.bundle import Bundle
from sources.files import whole
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


def test_an_encrypted_zip_says_so(tmp_path: Path) -> None:
    path = zipped(tmp_path, {"a.csv": "secret"})
    content = bytearray(path.read_bytes())
    content[content.index(b"PK\x01\x02") + 8] |= 1
    path.write_bytes(content)
    with pytest.raises(SourceError, match=r"holds a\.csv, which is encrypted"):
        Bundle(path, "an export")


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
