"""Bulk import: gone on with where it stopped, by nothing else, and nothing of it lost."""

from __future__ import annotations

import asyncio
import json
import os
import tracemalloc
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from sources.discourse_users import load_discourse_users
from sources.ndjson import ndjson
from sources.open import open_source
from sources.parse import Fault
from sources.reader import BaseReader, Item, Place, Read, Reader, SourceError
from store import load as loading
from store.db import Database, StoreError
from store.load import ImportReport, fingerprint_of, load, read_only, waiting
from tests.store.making import NOW, act, fetch, put, undo, value

HOUSE = Path(__file__).parent.parent.parent


def lines(count: int, *, bad: int = 7) -> Iterator[dict[str, Any]]:
    """Members, what they asked and what they liked; every ``bad``-th one is refused."""
    when = "2026-06-01T09:00:00Z"
    for n in range(count):
        row: dict[str, Any] = {"source": "site", "id": f"{n}"}
        if n % 3 == 0:
            row |= {"kind": "member", "name": f"member {n}"}
        elif n % 3 == 1:
            row |= {"kind": "post", "venue": "qa", "type": "question", "time": when, "text": "?"}
            row |= {"author": f"{n - 1}"}
        else:
            row |= {"kind": "action", "venue": "qa", "verb": "like", "time": when}
            row |= {"actor": f"{n - 2}", "post": f"{n - 1}"}
        yield row | ({"colour": "red"} if n % bad == 0 else {})


def file_of(place: Path, rows: Iterator[dict[str, Any]] | Sequence[dict[str, Any]]) -> Path:
    place.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return place


class Rejected:
    """Rejected rows in memory: ``kept`` outlives a crash, ``taken`` does not."""

    def __init__(self) -> None:
        self.kept: list[str] = []
        self.taken: list[str] = []

    def begin(self, kept: int) -> None:
        del self.kept[kept:]
        self.taken.clear()

    def add(self, read: Read, faults: Sequence[Fault]) -> None:
        self.taken.append(f"{read.place.row}: {faults[0].field} {faults[0].code}")

    def flush(self) -> None:
        self.kept += self.taken
        self.taken.clear()


class CutOff(Exception):
    """The process was stopped."""


async def imported(
    database: Database,
    reader: Reader,
    fingerprint: str | None = "same",
    *,
    rejects: Rejected | None = None,
    stop_after: int | None = None,
) -> ImportReport:
    """An import in batches of 10, stopped after so many of them."""
    told = 0

    def progress(_done: int, _total: int | None) -> None:
        nonlocal told
        told += 1
        if told == stop_after:
            raise CutOff

    return await load(
        database,
        reader,
        source="",
        fingerprint=fingerprint,
        now=NOW,
        progress=progress,
        rejects=rejects,
        batch=10,
    )


@pytest.mark.parametrize("stop_after", [1, 2, 3, 4])
async def test_a_resumed_import_equals_an_undisturbed_one(
    database: Database, tmp_path: Path, stop_after: int
) -> None:
    file = file_of(tmp_path / "a.ndjson", lines(36))
    rejects = Rejected()
    with pytest.raises(CutOff):
        await imported(database, ndjson([file], now=NOW), rejects=rejects, stop_after=stop_after)
    # What was under way when it stopped reached the file and nothing else.
    rejects.kept.append("line 36: twice")
    report = await imported(database, ndjson([file], now=NOW), rejects=rejects)
    assert report.resumed_at == min(10 * stop_after, 36)
    assert report.read == {"member": 12, "post": 12, "action": 12}
    assert report.missing() == {}
    assert report.rejected == {"member": 2, "post": 2, "action": 2}
    assert rejects.kept == [f"line {n + 1}: colour unknown_field" for n in range(0, 36, 7)]
    assert report.of("recorded") == {"action": 10, "member": 10, "post": 10}
    assert await value(database, "select count(*) from action") == 20
    again = await imported(database, ndjson([file], now=NOW), rejects=rejects)
    assert again.resumed_at == 0
    assert set(again.of("recorded").values()) == {0}
    assert len(rejects.kept) == 6


async def test_what_cannot_be_told_apart_is_never_gone_on_with(
    database: Database, tmp_path: Path
) -> None:
    with pytest.raises(CutOff):
        await imported(
            database, ndjson([file_of(tmp_path / "a", lines(30))], now=NOW), None, stop_after=1
        )
    other = ndjson([file_of(tmp_path / "b", lines(12, bad=100))], now=NOW)
    report = await imported(database, other, None)
    assert (report.resumed_at, report.read.total()) == (0, 12)
    assert await value(database, "select count(*) from import_run") == 0


def test_a_fingerprint_tells_inputs_and_settings_apart(tmp_path: Path) -> None:
    file = file_of(tmp_path / "users.csv", [])
    file.write_text("id,username,created_at,likes_given\n1,ann,2020-01-01 10:00:00 UTC,3\n")
    mine = tmp_path / "mine.toml"
    text = (HOUSE / "sources" / "mappings" / "discourse-users.toml").read_text()

    def made(**more: Any) -> str | None:
        options: dict[str, Any] = {"source": "d", "now": NOW} | more
        return fingerprint_of([file], open_source("discourse-users", [file], **options).settings)

    plain = made()
    assert plain is not None
    assert made() == plain
    mine.write_text(text.replace("forum", "lounge"))
    assert load_discourse_users(mine) != load_discourse_users()
    others = [made(mapping=mine), made(as_of=NOW), made(source="e")]
    file.write_text(file.read_text() + "2,bo,,\n")
    assert len({plain, made(), *others}) == 5


def test_a_fingerprint_takes_any_name_and_no_pipe(tmp_path: Path) -> None:
    odd = tmp_path / os.fsdecode(b"\x83t\x83H.ndjson")
    odd.touch()
    assert fingerprint_of([odd], "") is not None
    assert fingerprint_of([tmp_path], "") is not None
    os.mkfifo(tmp_path / "pipe")
    for path in (Path("-"), tmp_path / "pipe", Path("/dev/null")):
        assert fingerprint_of([odd, path], "") is None


class Breaking(BaseReader):
    """Gives so many members, and then breaks off."""

    format = "breaking"

    def __init__(self, members: int) -> None:
        self._members = members
        super().__init__(now=NOW, settings=())

    def _items(self) -> Iterator[Item | Read]:
        for n in range(self._members):
            yield Item(Place("x", f"{n}"), {"kind": "member", "source": "s", "id": f"{n}"})
        raise SourceError("x: breaks off")


@pytest.mark.parametrize("members", [1, 10, 13])
async def test_what_was_read_before_a_break_is_recorded(database: Database, members: int) -> None:
    report = await imported(database, Breaking(members))
    assert report.broken_off == "x: breaks off"
    assert report.of("recorded") == {"member": members}
    assert await value(database, "select count(*) from member") == members
    dry = await read_only(database, Breaking(members))
    assert (dry.broken_off, dry.read.total()) == ("x: breaks off", members)
    again = await imported(database, Breaking(members))
    assert (again.resumed_at, again.read.total()) == (members, members)


async def test_where_nothing_was_read_the_break_is_an_error(database: Database) -> None:
    with pytest.raises(SourceError, match="x: breaks off"):
        await imported(database, Breaking(0))
    with pytest.raises(SourceError, match="x: breaks off"):
        await read_only(database, Breaking(0))


async def test_of_two_at_once_one_accounts_for_everything(
    database: Database, tmp_path: Path
) -> None:
    file = file_of(tmp_path / "a.ndjson", lines(200, bad=1_000))
    found = await asyncio.gather(
        *(imported(database, ndjson([file], now=NOW)) for _ in range(2)), return_exceptions=True
    )
    (report,) = (one for one in found if isinstance(one, ImportReport))
    (error,) = (one for one in found if not isinstance(one, ImportReport))
    assert isinstance(error, StoreError)
    assert "runs a second time" in str(error)
    assert report.read.total() == 200
    assert report.missing() == {}
    (run,) = await fetch(database, "select position, finished_at from import_run")
    assert (run["position"], run["finished_at"]) == (200, NOW)


@pytest.mark.slow
async def test_refused_lines_do_not_pile_up_in_memory(database: Database, tmp_path: Path) -> None:
    file = tmp_path / "bad.ndjson"
    with file.open("w") as out:
        for _ in range(100):
            out.write('{"kind": "member", "attributes": {"a": "%s"}}\n' % ("x" * 900_000))
    reader = ndjson([file], now=NOW)
    tracemalloc.start()
    try:
        report = await load(database, reader, source="", fingerprint=None, now=NOW)
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert report.rejected == {"member": 100}
    assert most < 5 * loading.BATCH_BYTES, "90 MB were refused"


async def test_unclassified_types_are_told_apart_up_to_a_bound(database: Database) -> None:
    class Verbs(BaseReader):
        format = "verbs"

        def _items(self) -> Iterator[Item | Read]:
            for n in range(1_500):
                fields = {"venue": "qa", "verb": f"v{n}", "actor": "a", "time": NOW}
                row = {"kind": "action", "source": "s", "id": f"{n}", **fields}
                yield Item(Place("x", f"{n}"), row)

    report = await read_only(database, Verbs(now=NOW, settings=()))
    assert len(report.unclassified) == loading.MOST_UNCLASSIFIED + 1
    assert report.unclassified.total() == 1_500


async def test_what_waits_is_counted_when_all_is_there(database: Database, tmp_path: Path) -> None:
    when = {"source": "site", "time": "2026-06-01T09:00:00Z"}
    rows: list[dict[str, Any]] = [{"kind": "retraction", "id": "u", "of": "1", **when}]
    like = {"kind": "action", "venue": "qa", "verb": "like", "actor": "ann", **when}
    rows += [{**like, "id": str(n), "post": "p"} for n in range(15)]
    report = await imported(database, ndjson([file_of(tmp_path / "a", rows)], now=NOW))
    assert report.of("recorded") == {"action": 15, "retraction": 1}
    assert await waiting(database) == {"action": 15, "retraction": 0}
    await put(database, undo("v", "none"), act("x", post=None, target="bob"))
    assert await waiting(database) == {"action": 15, "retraction": 1}
