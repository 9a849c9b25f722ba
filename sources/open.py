"""Which reader reads which format."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import IO, Final

from sources.discourse import discourse
from sources.discourse_users import discourse_users
from sources.mapping import load_discourse, load_discourse_users, load_stackexchange
from sources.mapping_others import load_note_likes, load_polis, load_slack, load_sourcecred
from sources.ndjson import ndjson
from sources.note_likes import note_likes
from sources.polis import polis
from sources.reader import BaseReader, SourceError
from sources.slack import slack
from sources.sourcecred import sourcecred
from sources.stackexchange import stackexchange

#: The formats that ``open_source`` reads.
FORMATS: Final = (
    "ndjson",
    "discourse",
    "discourse-users",
    "stackexchange",
    "sourcecred",
    "slack",
    "polis",
    "note-likes",
)


def open_source(
    format: str,
    paths: Sequence[Path],
    *,
    source: str | None = None,
    mapping: Path | None = None,
    now: datetime,
    as_of: datetime | None = None,
    stdin: IO[bytes] | None = None,
) -> BaseReader:
    """The reader of ``paths`` as ``format``; nothing is read yet.

    ``source`` names the community the ids belong to: required, except for ``ndjson``, whose
    records name their own. ``mapping`` replaces the shipped mapping file. ``as_of`` is when a user
    list was exported (default: the newest time in it). ``stdin`` is read for the path ``-`` of
    ``ndjson``. Raises SourceError for what is missing or of the wrong kind, MappingError (one of
    them) for mistakes in the mapping file.
    """
    if format not in FORMATS:
        raise SourceError(f"{format!r} is no format; expected one of {', '.join(FORMATS)}")
    if not paths:
        raise SourceError("there is nothing to read; expected at least one file or folder")
    if as_of is not None and format != "discourse-users":
        raise SourceError(
            f"{format} tells when its totals were taken; only discourse-users takes an as_of"
        )
    if format == "ndjson":
        if mapping is not None:
            raise SourceError("ndjson is the canonical format and takes no mapping file")
        return ndjson(paths, source=source, now=now, stdin=stdin)
    if not source:
        raise SourceError(f"{format} needs the name of the source that its ids belong to")
    if format == "discourse":
        return discourse(paths, load_discourse(mapping), source=source, now=now)
    if format == "discourse-users":
        rules = load_discourse_users(mapping)
        return discourse_users(paths, rules, source=source, as_of=as_of, now=now)
    if format == "sourcecred":
        return sourcecred(paths, load_sourcecred(mapping), source=source, now=now)
    if len(paths) != 1:
        raise SourceError(f"{format} reads one export at a time; expected one folder or zip")
    return _OF_ONE[format](paths[0], mapping, source, now)


def _stackexchange(path: Path, mapping: Path | None, source: str, now: datetime) -> BaseReader:
    return stackexchange(path, load_stackexchange(mapping), source=source, now=now)


def _slack(path: Path, mapping: Path | None, source: str, now: datetime) -> BaseReader:
    return slack(path, load_slack(mapping), source=source, now=now)


def _polis(path: Path, mapping: Path | None, source: str, now: datetime) -> BaseReader:
    return polis(path, load_polis(mapping), source=source, now=now)


def _note_likes(path: Path, mapping: Path | None, source: str, now: datetime) -> BaseReader:
    return note_likes(path, load_note_likes(mapping), source=source, now=now)


#: The formats of which one folder or zip is a whole export.
_OF_ONE: Final[Mapping[str, Callable[[Path, Path | None, str, datetime], BaseReader]]] = {
    "stackexchange": _stackexchange,
    "slack": _slack,
    "polis": _polis,
    "note-likes": _note_likes,
}
