"""Files, folders and archives as named byte streams, opened as often as asked, never unpacked."""

from __future__ import annotations

import gzip
import io
import tarfile
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Final, cast

from sources.reader import SourceError

#: What reading a damaged file or archive may raise.
BROKEN: Final = (OSError, EOFError, zlib.error, tarfile.TarError, zipfile.BadZipFile)

_PART: Final = 1_000_000


def existing(path: Path, expected: str) -> Path:
    """The path, if there is something; SourceError naming what was ``expected`` if not."""
    if not path.exists():
        raise SourceError(f"{path}: there is no such file or folder; expected {expected}")
    return path


def all_existing(paths: Sequence[Path], expected: str) -> tuple[Path, ...]:
    """The paths, if there is something at each; SourceError as of ``existing`` if not."""
    return tuple(existing(path, expected) for path in paths)


@contextmanager
def opened(path: Path) -> Iterator[IO[bytes]]:
    """A file as bytes, unpacked if it is gzip by its content (whatever its name)."""
    with path.open("rb") as raw:
        yield unpacked(raw)


def unpacked(raw: IO[bytes]) -> IO[bytes]:
    """What a stream holds, through gzip if it begins like gzip; it need not be one to seek in."""
    buffered = _buffered(raw)
    if buffered.peek(2)[:2] == b"\x1f\x8b":
        return cast("IO[bytes]", gzip.GzipFile(fileobj=buffered))
    return buffered


def shown(path: Path | str) -> str:
    """A path as text that can be written as UTF-8, whatever bytes the file system has for it."""
    return str(path).encode(errors="surrogateescape").decode(errors="replace")


def streams(
    path: Path, suffixes: tuple[str, ...], expected: str
) -> Iterator[tuple[str, IO[bytes]]]:
    """Each file with one of ``suffixes`` in a folder or archive, or the file itself.

    Yields the name inside, as ``shown``, and the open stream, valid until the next; folders in the
    order of their names, archives in their own order. ``.gz`` may follow a suffix. Raises
    SourceError for what is none of these or is damaged.
    """
    existing(path, expected)
    try:
        if path.is_dir():
            yield from _of_folder(path, suffixes)
        elif zipfile.is_zipfile(path):
            yield from _of_zip(path, suffixes)
        elif _is_tar(path):
            yield from _of_tar(path, suffixes)
        elif _wanted(path.name, suffixes):
            with opened(path) as stream:
                yield shown(path.name), stream
        else:
            raise SourceError(f"{path}: is neither a folder nor an archive; expected {expected}")
    except BROKEN as error:
        raise SourceError(f"{path}: cannot be read ({error}); expected {expected}") from error


def _wanted(name: str, suffixes: tuple[str, ...]) -> bool:
    base = name.rsplit("/", 1)[-1].lower()
    # macOS puts a "._" companion beside every file it archives.
    return base.removesuffix(".gz").endswith(suffixes) and not base.startswith("._")


def _is_tar(path: Path) -> bool:
    try:
        return tarfile.is_tarfile(path)
    except (EOFError, zlib.error):
        return False


def _of_folder(path: Path, suffixes: tuple[str, ...]) -> Iterator[tuple[str, IO[bytes]]]:
    for file in sorted(path.rglob("*")):
        if file.is_file() and _wanted(file.name, suffixes):
            with opened(file) as stream:
                yield shown(file.relative_to(path).as_posix()), stream


def _of_zip(path: Path, suffixes: tuple[str, ...]) -> Iterator[tuple[str, IO[bytes]]]:
    with zipfile.ZipFile(path) as archive:
        for entry in archive.infolist():
            if entry.is_dir() or not _wanted(entry.filename, suffixes):
                continue
            if entry.flag_bits & 1:
                raise SourceError(f"{path}: {entry.filename} is encrypted; expected a plain zip")
            with archive.open(entry) as stream:
                yield shown(entry.filename), _maybe_gzip(entry.filename, stream)


def _of_tar(path: Path, suffixes: tuple[str, ...]) -> Iterator[tuple[str, IO[bytes]]]:
    with tarfile.open(path) as archive:
        while (entry := archive.next()) is not None:
            # The archive remembers every entry; with a file a topic that is most of the memory.
            archive.members = []  # type: ignore[attr-defined]  # no public way
            if not entry.isfile() or not _wanted(entry.name, suffixes):
                continue
            stream = archive.extractfile(entry)
            if stream is not None:
                yield shown(entry.name), _maybe_gzip(entry.name, stream)


def _maybe_gzip(name: str, stream: IO[bytes]) -> IO[bytes]:
    if name.lower().endswith(".gz"):
        return cast("IO[bytes]", gzip.GzipFile(fileobj=stream))
    return stream


def whole(stream: IO[bytes], most: int) -> bytes | None:
    """What a stream holds; None where that is more than ``most`` bytes, of which no more are read.

    Asked for all at once, a stream may set aside as much memory as it is allowed to fill.
    """
    content = bytearray()
    while part := stream.read(_PART):
        content += part
        if len(content) > most:
            return None
    return bytes(content)


def without_bom(stream: IO[bytes]) -> IO[bytes]:
    """The stream behind a UTF-8 byte order mark, if it begins with one."""
    buffered = _buffered(stream)
    if buffered.peek(3)[:3] == b"\xef\xbb\xbf":
        buffered.read(3)
    return buffered


def _buffered(stream: IO[bytes]) -> io.BufferedReader:
    if isinstance(stream, io.BufferedReader):
        return stream
    return io.BufferedReader(cast("io.RawIOBase", stream))
