"""Files, folders and archives as named byte streams, opened as often as asked, never unpacked."""

from __future__ import annotations

import gzip
import io
import lzma
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import IO, TYPE_CHECKING, Final, cast

import orjson

from sources.reader import NotJson, SourceError

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

#: What opening or reading a damaged file or archive may raise; a zip may also be packed in a way
#: that nobody knows, and name its files in what it says is UTF-8 and is not.
BROKEN: Final = (
    OSError,
    EOFError,
    zlib.error,
    lzma.LZMAError,
    tarfile.TarError,
    zipfile.BadZipFile,
    NotImplementedError,
    UnicodeDecodeError,
)

_PART: Final = 1_000_000
_SHOWN: Final = 100


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
    order of their names, archives in their own order. ``.gz`` may follow a suffix, and what begins
    like gzip is unpacked. Raises SourceError for what is none of these or is damaged, as the
    streams do where they break off.
    """
    existing(path, expected)
    try:
        for name, stream in _inside(path, suffixes, expected):
            yield name, checked(stream, partial(_broken_off, name, expected))
    except BROKEN as error:
        raise SourceError(f"{path}: cannot be read ({error}); expected {expected}") from error


def _inside(
    path: Path, suffixes: tuple[str, ...], expected: str
) -> Iterator[tuple[str, IO[bytes]]]:
    if path.is_dir():
        yield from _of_folder(path, suffixes)
    elif zipfile.is_zipfile(path):
        yield from _of_zip(path, suffixes, expected)
    elif _is_tar(path):
        yield from _of_tar(path, suffixes)
    elif _wanted(path.name, suffixes):
        with opened(path) as stream:
            yield shown(path.name), stream
    else:
        raise SourceError(f"{path}: is neither a folder nor an archive; expected {expected}")


class _Checked(io.RawIOBase):
    """A stream that says where it breaks off what it is, to whoever reads it."""

    def __init__(self, stream: IO[bytes], complaint: Callable[[Exception], SourceError]) -> None:
        self._stream = cast("io.BufferedIOBase", stream)
        self._complaint = complaint

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        part = memoryview(buffer).cast("B")
        try:
            content = self._stream.read1(len(part))
        except BROKEN as error:
            raise self._complaint(error) from error
        part[: len(content)] = content
        return len(content)

    def tell(self) -> int:
        return self._stream.tell()


def checked(stream: IO[bytes], complaint: Callable[[Exception], SourceError]) -> IO[bytes]:
    """The stream, which raises the ``complaint`` about what goes wrong where it breaks off."""
    return io.BufferedReader(_Checked(stream, complaint))


def _broken_off(name: str, expected: str, error: Exception) -> SourceError:
    return SourceError(f"{name}: breaks off ({error}); expected {expected}")


def _wanted(name: str, suffixes: tuple[str, ...]) -> bool:
    return name.lower().removesuffix(".gz").endswith(suffixes) and not of_macos(name)


def of_macos(name: str) -> bool:
    """Whether macOS put a file into an archive, as a companion of another one."""
    return name.startswith("__MACOSX/") or name.rsplit("/", 1)[-1].startswith("._")


def zip_entries(archive: zipfile.ZipFile, path: Path, expected: str) -> list[zipfile.ZipInfo]:
    """The files in the zip at ``path``, without those of macOS; SourceError if one is encrypted."""
    found = [e for e in archive.infolist() if not e.is_dir() and not of_macos(e.filename)]
    for entry in found:
        if entry.flag_bits & 1:
            raise SourceError(
                f"{shown(path)}: holds {shown(entry.filename)}, which is encrypted; expected "
                f"{expected}"
            )
    return found


def _is_tar(path: Path) -> bool:
    try:
        return tarfile.is_tarfile(path)
    except (EOFError, zlib.error):
        return False


def _of_folder(path: Path, suffixes: tuple[str, ...]) -> Iterator[tuple[str, IO[bytes]]]:
    for file in sorted(path.rglob("*")):
        name = file.relative_to(path).as_posix()
        if file.is_file() and _wanted(name, suffixes):
            with opened(file) as stream:
                yield shown(name), stream


def _of_zip(
    path: Path, suffixes: tuple[str, ...], expected: str
) -> Iterator[tuple[str, IO[bytes]]]:
    with zipfile.ZipFile(path) as archive:
        for entry in zip_entries(archive, path, expected):
            if _wanted(entry.filename, suffixes):
                with archive.open(entry) as stream:
                    yield shown(entry.filename), unpacked(stream)


def _of_tar(path: Path, suffixes: tuple[str, ...]) -> Iterator[tuple[str, IO[bytes]]]:
    with tarfile.open(path) as archive:
        while (entry := archive.next()) is not None:
            # The archive remembers every entry; with a file a topic that is most of the memory.
            archive.members = []  # type: ignore[attr-defined]  # no public way
            if not entry.isfile() or not _wanted(entry.name, suffixes):
                continue
            stream = archive.extractfile(entry)
            if stream is not None:
                yield shown(entry.name), unpacked(stream)


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


def json_of(stream: IO[bytes], most: int, expected: str) -> object:
    """What the JSON in a stream holds, with or without a byte order mark before it.

    Raises NotJson for more than ``most`` bytes, where ``expected`` was less, and for what is none.
    """
    content = whole(stream, most)
    if content is None:
        raise NotJson("too_long", f"has more than {most} bytes; expected {expected}")
    try:
        return orjson.loads(content.removeprefix(b"\xef\xbb\xbf"))
    except orjson.JSONDecodeError as error:
        beginning = content[:_SHOWN].decode(errors="replace")
        raise NotJson("not_json", f"is not JSON: {error}", beginning) from error


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
