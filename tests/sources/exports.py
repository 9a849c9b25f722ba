"""Small exports as folders and zips."""

from __future__ import annotations

import json
import zipfile
from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from sources.reader import BaseReader, Read
from sources.records import ActionRecord, MemberRecord, PostRecord, RetractionRecord

NOW = datetime(2026, 11, 21, tzinfo=UTC)
Files = Mapping[str, str | bytes | list[Any] | dict[str, Any]]
#: The members of a Slack workspace: an administrator, one who left, two bots, one nearly unknown.
USERS: Final[list[dict[str, Any]]] = [
    {"id": "U1", "name": "ana", "deleted": False, "is_bot": False, "is_admin": True},
    {"id": "U2", "name": "ben", "deleted": True, "is_bot": False, "is_admin": False},
    {"id": "U3", "name": "cal", "is_bot": True, "is_admin": False},
    {"id": "USLACKBOT", "name": "slackbot", "is_bot": False},
    {"id": "U4"},
]
CHANNELS: Final = [{"id": "C1", "name": "general"}, {"id": "C2", "name": "help"}]


def message(ts: str, user: str | None = "U1", text: str = "hello", **more: Any) -> dict[str, Any]:
    """An entry of a channel."""
    return {"type": "message", "user": user, "text": text, "ts": ts, **more}


def _bytes(content: str | bytes | list[Any] | dict[str, Any]) -> bytes:
    if isinstance(content, bytes):
        return content
    return (content if isinstance(content, str) else json.dumps(content)).encode()


def folder(place: Path, files: Files) -> Path:
    """The files in a folder of their own."""
    for name, content in files.items():
        file = place / "export" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(_bytes(content))
    return place / "export"


def zipped(place: Path, files: Files) -> Path:
    """The files in a zip."""
    with zipfile.ZipFile(place / "export.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, _bytes(content))
    return place / "export.zip"


class Told:
    """What a reader tells, by kind, and what it refuses."""

    def __init__(self, reader: BaseReader) -> None:
        self.reads = list(reader.records())
        records = [read.record for read in self.reads]
        self.members = {r.id: r for r in records if isinstance(r, MemberRecord)}
        self.posts = {r.id: r for r in records if isinstance(r, PostRecord)}
        self.actions = {r.id: r for r in records if isinstance(r, ActionRecord)}
        self.retractions = {r.id: r for r in records if isinstance(r, RetractionRecord)}
        self.refused = [read for read in self.reads if read.record is None]
        self.checks = reader.checks
        self.rows = reader.rows
        self.repairs = reader.repairs
        assert reader.done == reader.total
        ids = Counter((type(r), getattr(r, "id", None)) for r in records if r is not None)
        assert ids.most_common(1)[0][1] == 1, "every id is told once"

    @property
    def faults(self) -> list[tuple[str, str, str]]:
        """Place, field and message of everything refused."""
        return [(str(r.place), r.faults[0].field, r.faults[0].message) for r in self.refused]


def records(reads: list[Read]) -> list[str]:
    """What was read as text, in an order of its own, to compare."""
    return sorted(repr(read.record) for read in reads)
