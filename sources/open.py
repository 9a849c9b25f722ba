"""Which reader reads which format."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import IO, Final

from sources.discourse import discourse
from sources.discourse_mapping import load_discourse
from sources.discourse_users import discourse_users, load_discourse_users
from sources.ndjson import ndjson
from sources.note_likes import load_note_likes, note_likes
from sources.parse import MAX_WORD, WORD, show
from sources.polis import load_polis, polis
from sources.reader import BaseReader, SourceError
from sources.slack import slack
from sources.slack_mapping import load_slack
from sources.sourcecred import sourcecred
from sources.sourcecred_mapping import load_sourcecred
from sources.stackexchange import load_stackexchange, stackexchange


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

    ``source``, a word, names the community the ids belong to: required, except for ``ndjson``,
    whose records name their own. ``mapping`` replaces the shipped mapping file. ``as_of`` is when
    a user list was exported (default: the newest time in it). ``stdin`` is read for the path ``-``
    of ``ndjson``. Raises SourceError for what is missing or of the wrong kind, MappingError (one of
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
    if source and (len(source) > MAX_WORD or not WORD.fullmatch(source)):
        raise SourceError(
            f"the source is called {show(source)}; expected lower-case letters, digits and '_', "
            f"starting with a letter, at most {MAX_WORD} of them, such as 'my_forum'"
        )
    if format == "ndjson":
        if mapping is not None:
            raise SourceError("ndjson is the canonical format and takes no mapping file")
        return ndjson(paths, source=source, now=now, stdin=stdin)
    if not source:
        raise SourceError(f"{format} needs the name of the source that its ids belong to")
    return _OPENERS[format](_Asked(format, paths, mapping, source, now, as_of))


@dataclass(frozen=True, slots=True)
class _Asked:
    """What ``open_source`` was asked for."""

    format: str
    paths: Sequence[Path]
    mapping: Path | None
    source: str
    now: datetime
    as_of: datetime | None

    @property
    def path(self) -> Path:
        """The one path; SourceError where there are several."""
        if len(self.paths) != 1:
            raise SourceError(
                f"{self.format} reads one export at a time; expected one folder or zip"
            )
        return self.paths[0]


def _discourse(a: _Asked) -> BaseReader:
    return discourse(a.paths, load_discourse(a.mapping), source=a.source, now=a.now)


def _discourse_users(a: _Asked) -> BaseReader:
    rules = load_discourse_users(a.mapping)
    return discourse_users(a.paths, rules, source=a.source, as_of=a.as_of, now=a.now)


def _stackexchange(a: _Asked) -> BaseReader:
    return stackexchange(a.path, load_stackexchange(a.mapping), source=a.source, now=a.now)


def _sourcecred(a: _Asked) -> BaseReader:
    return sourcecred(a.paths, load_sourcecred(a.mapping), source=a.source, now=a.now)


def _slack(a: _Asked) -> BaseReader:
    return slack(a.path, load_slack(a.mapping), source=a.source, now=a.now)


def _polis(a: _Asked) -> BaseReader:
    return polis(a.path, load_polis(a.mapping), source=a.source, now=a.now)


def _note_likes(a: _Asked) -> BaseReader:
    return note_likes(a.path, load_note_likes(a.mapping), source=a.source, now=a.now)


_OPENERS: Final[Mapping[str, Callable[[_Asked], BaseReader]]] = {
    "discourse": _discourse,
    "discourse-users": _discourse_users,
    "stackexchange": _stackexchange,
    "sourcecred": _sourcecred,
    "slack": _slack,
    "polis": _polis,
    "note-likes": _note_likes,
}
#: The formats that ``open_source`` reads.
FORMATS: Final = ("ndjson", *_OPENERS)
