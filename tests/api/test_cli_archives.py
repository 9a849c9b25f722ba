"""Whole communities through the command line: everything accounted for, everybody explained.

The archives are real and lie beside the repository, never in it (IKUSEI_SHARED_DATA, or
../shared/data); where they are not, these tests are skipped.
"""

from __future__ import annotations

import json
import os
import tempfile
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from random import Random
from typing import Any

import pytest

from api.database import open_database
from api.settings import Settings
from engagement.routes import GOALS
from engagement.rules import default
from engagement.scenario import KINDS, Kind
from engagement.words import STATUS_OF_INDEX, STATUSES, Index, Side, Status
from store import population, rules
from store.candidates.gathered import gathered
from store.db import day_date, day_number
from store.history import history
from store.moment import Newest, moment
from tests.api.command_line import HOUSE, ikusei, told, works
from tests.api.followed import follow
from tests.store.prompting import file_of, scenario
from tests.store.stale import Community, wrongs
from tests.textbook import LETTERS, Runs, route_rows, way_of

pytestmark = pytest.mark.slow

_SHARED = os.environ.get("IKUSEI_SHARED_DATA") or str(HOUSE.parent / "shared" / "data")
_COMMUNITIES = Path(_SHARED) / "communities"
_QUANTUM = _COMMUNITIES / "se-quantumcomputing-2018-09.zip"
_URHO = _COMMUNITIES / "urho3d-discourse-topics.tar.gz"
_BADGER = _COMMUNITIES / "badger-sourcecred-graph.json.gz"
_HOUSTON = _COMMUNITIES / "slack-houstondatavis.zip"
_VTAIWAN = _COMMUNITIES / "polis-vtaiwan-uberx.zip"
_NOTE = _COMMUNITIES / "note-ja-likes.zip"
_CLOCK = "2026-11-21T09:00:00Z"


class Imported:
    """An archive in a data directory of its own, and what its import said."""

    def __init__(self, format: str, archive: Path, directory: str) -> None:
        self.arguments = ("import", format, str(archive))
        self.settings = {"data_dir": directory, "clock": _CLOCK}
        self.report = self.told(*self.arguments)

    def told(self, *arguments: str) -> Any:
        return told(*arguments, **self.settings)

    def works(self, *arguments: str) -> str:
        return works(*arguments, **self.settings)

    def settings_here(self) -> Settings:
        return Settings(data_dir=Path(self.settings["data_dir"]), clock=_CLOCK)


def _import(format: str, archive: Path) -> Iterator[Imported]:
    if not archive.exists():
        pytest.skip(f"{archive.name} is not there")
    with tempfile.TemporaryDirectory(prefix="ikusei-archive-") as directory:
        yield Imported(format, archive, str(Path(directory) / "data"))


@pytest.fixture(scope="module")
def quantum() -> Iterator[Imported]:
    yield from _import("stackexchange", _QUANTUM)


@pytest.fixture(scope="module")
def urho() -> Iterator[Imported]:
    yield from _import("discourse", _URHO)


@pytest.fixture(scope="module")
def badger() -> Iterator[Imported]:
    yield from _import("sourcecred", _BADGER)


@pytest.fixture(scope="module")
def houston() -> Iterator[Imported]:
    yield from _import("slack", _HOUSTON)


@pytest.fixture(scope="module")
def vtaiwan() -> Iterator[Imported]:
    yield from _import("polis", _VTAIWAN)


@pytest.fixture(scope="module")
def note() -> Iterator[Imported]:
    yield from _import("note-likes", _NOTE)


async def _rows(imported: Imported, query: str) -> list[Any]:
    settings = imported.settings_here()
    async with open_database(settings) as database, database.read() as connection:
        return [tuple(row) for row in await connection.fetch(query)]


def _accounted(report: dict[str, Any]) -> None:
    for kind, read in report["read"].items():
        told_of = sum(
            report[outcome].get(kind, 0)
            for outcome in ("recorded", "duplicate", "conflict", "replaced", "rejected")
        )
        assert told_of == read, kind
    assert report["unaccounted"] == {}


def _nothing_new(imported: Imported) -> None:
    again = imported.told(*imported.arguments)
    assert set(again["recorded"].values()) == {0}
    assert set(again["replaced"].values()) == {0}
    assert again["checks"] == imported.report["checks"]
    _accounted(again)


def _adds_up(report: dict[str, Any]) -> None:
    totals = report["totals"]
    assert totals["population"] == totals["count"] == sum(row["count"] for row in report["rows"])
    assert totals["unplaced"] == 0
    for row in report["rows"]:
        assert row["count"] == row["before"] + row["moved_in"] - row["moved_out"]


def _comes_about(imported: Imported, bars: dict[str, int], *days: str) -> None:
    """A simulation adds up to the population, moves somebody, and is what activation gives."""
    options = [part for word, bar in bars.items() for part in ("--enter", f"{word}={bar}")]
    days_asked = [part for day in days for part in ("--as-of", day)]
    found = imported.told("simulate", *options, *days_asked, "--verify")
    population = imported.told("report", "tiers", *days_asked)["totals"]["population"]
    assert found["totals"]["population"] == population
    assert sum(cell["members"] for cell in found["matrix"]) == population
    assert found["totals"]["moved"] > 0
    assert found["verified"]["equal"] is True
    assert found["verified"]["counts"] == {row["status"]: row["count"] for row in found["rows"]}


@pytest.mark.xdist_group("quantum")
def test_every_row_of_the_dump_is_accounted_for(quantum: Imported) -> None:
    report = quantum.report
    assert report["checks"] == {
        "given_up_votes": 10_103,
        "given_down_votes": 668,
        "accepted_answers": 389,
        "self_accepts": 17,
    }
    rows = {table: sum(outcomes.values()) for table, outcomes in report["rows"].items()}
    assert rows == {
        "Users": 3_461,
        "Posts": 1_986,
        "Comments": 3_413,
        "Votes": 12_560,
        "Badges": 4_671,
        "PostLinks": 327,
        "Tags": 154,
    }
    _accounted(report)


@pytest.mark.xdist_group("quantum")
async def test_who_only_ever_voted_has_support_points(quantum: Imported) -> None:
    async with open_database(quantum.settings_here()) as database, database.read() as connection:
        voters = await connection.fetch(
            """
            select c.member_id from counter c
            join action_type t on t.id = c.type_id join member m on m.id = c.member_id
            where t.verb = 'vote_up' and c.side = 0 and c.value > 0 and m.role = 'member'
                and not exists (select from post p where p.author_id = c.member_id
                    and p.form in ('question', 'answer', 'comment'))
            """
        )
        active = await rules.active(database, connection)
        newest = await connection.fetchval("select max(day) from tally where n > 0")
        everybody = await population.at(connection, active, day=newest + 1)
    support = dict(zip(everybody.ids.tolist(), everybody.points[:, 3].tolist(), strict=True))
    # 451 with the account of the system itself, which is a bot.
    assert len(voters) == 450
    assert all(support[row["member_id"]] > 0 for row in voters)
    # The day that is asked about when nobody names one is this very day.
    report = quantum.told("report", "tiers")
    assert report["as_of"] == str(day_date(newest + 1))
    assert report["archive"] is True


@pytest.mark.xdist_group("quantum")
def test_the_tiers_of_the_dump_add_up(quantum: Imported) -> None:
    report = quantum.told("report", "tiers")
    _adds_up(report)
    # One of the 3,461 is the system's own account.
    assert (report["totals"]["population"], report["totals"]["bots"]) == (3_460, 1)


@pytest.mark.xdist_group("quantum")
async def test_the_helpers_of_the_dump_are_those_who_answered_others(quantum: Imported) -> None:
    report = quantum.told("report", "helpers", "--period", "3650", "--first", "1000")
    catalog = {row.key: row for row in default().catalog if row.index is Index.CONTRIBUTION}
    done = """
        select t.venue, t.verb, a.actor_id, a.target_id, c.role, g.role, a.day
        from action a join action_type t on t.id = a.type_id
        join member c on c.id = a.actor_id join member g on g.id = a.target_id
        where a.state = 0 and a.actor_id <> a.target_id
    """
    helped: dict[int, set[int]] = {}
    for venue, verb, actor, target, *roles, _ in await _rows(quantum, done):
        row = catalog.get((venue, verb))
        if row is not None and roles == ["member", "member"]:
            pair = (actor, target) if row.earns is Side.GIVEN else (target, actor)
            helped.setdefault(pair[0], set()).add(pair[1])
    totals = report["totals"]
    assert totals["helpers"] == len(helped) > 100
    assert totals["people_helped"] == len(set().union(*helped.values()))
    counts = sorted((len(those) for those in helped.values()), reverse=True)
    assert [row["helped"] for row in report["rows"]] == counts[:1000]
    assert totals["top_tenth"] == -(-len(helped) // 10)
    assert totals["top_tenth_helped"] <= totals["people_helped"]
    best = "select count(*) from action a join action_type t on t.id = a.type_id where a.state = 0"
    best += " and t.verb = 'best_answer' and a.actor_id <> a.target_id"
    assert [(sum(row["best_answers"] for row in report["rows"]),)] == await _rows(quantum, best)
    names = quantum.told("export", "audience", "--report", "helpers", "--period", "3650")
    assert names["totals"]["members"] == len(helped)


@pytest.mark.shows
@pytest.mark.xdist_group("quantum")
def test_a_second_import_of_the_dump_adds_nothing(quantum: Imported) -> None:
    before = quantum.told("report", "tiers")
    _nothing_new(quantum)
    assert quantum.told("report", "tiers") == before


@pytest.mark.xdist_group("urho")
def test_the_forum_is_accounted_for(urho: Imported) -> None:
    checks = urho.report["checks"]
    assert {name: checks[name] for name in ("members", "posts", "accepted_answers")} == {
        "members": 999,
        "posts": 36_990,
        "accepted_answers": 672,
    }
    assert checks["likes_received"] == 11_199
    _accounted(urho.report)


@pytest.mark.parametrize("day", [None, "2016-06-01", "2020-06-01", "2026-11-21"])
@pytest.mark.xdist_group("urho")
def test_the_tiers_of_the_forum_add_up_on_every_day(urho: Imported, day: str | None) -> None:
    report = urho.told("report", "tiers", *(() if day is None else ("--as-of", day)))
    _adds_up(report)
    totals = report["totals"]
    if day is None:
        assert report["archive"] is True
        assert report["as_of"] == "2022-11-23"
    else:
        assert report["as_of"] == day
    if day in {None, "2026-11-21"}:
        assert totals["population"] + totals["staff"] + totals["bots"] == 999


@pytest.mark.parametrize("bars", [{"interaction": 6, "support": 3}, {"interaction": 40}])
@pytest.mark.xdist_group("urho")
def test_what_a_draft_would_do_to_the_forum_is_what_it_does(
    urho: Imported, bars: dict[str, int]
) -> None:
    _comes_about(urho, bars, "2016-06-01")


@pytest.mark.xdist_group("quantum")
def test_what_a_draft_would_do_to_the_dump_is_what_it_does(quantum: Imported) -> None:
    _comes_about(quantum, {"contribution": 5, "support": 20})


def _routes_add_up(imported: Imported, *options: str) -> dict[str, Any]:
    """Everybody is in one row of the report on routes, whatever is asked."""
    report: dict[str, Any] = imported.told("report", "routes", *options)
    rows, totals = report["rows"], report["totals"]
    sizes = Counter[str]()
    for row in rows:
        sizes[row["kind"]] += row["members"]
        assert row["share"] == round(row["members"] / totals["population"], 6)
    assert sizes.total() == totals["population"]
    assert sizes["on the way"] == totals["on_the_way"]
    assert sizes["arrived"] == totals["arrived_at_another_time"]
    kinds = {word: sizes[word] for word in ("success", "fast", "detour")}
    assert kinds == {word: totals[word] for word in kinds}
    assert sum(kinds.values()) == totals["arrived"]
    return report


async def _arrivals(imported: Imported, to: Status, most: int) -> list[tuple[Runs, Runs]]:
    """Of ``most`` who came to a status: their way by the fold, and by their actions, day by day."""
    async with open_database(imported.settings_here()) as database:
        async with database.read() as connection:
            now = await moment(database, connection, Newest(), now=datetime.fromisoformat(_CLOCK))
        past = await history(database, now.rules, until=now.day)
        own = past.own
        found: list[tuple[Runs, Runs]] = []
        for i, id_ in enumerate(past.ids.tolist()):
            low, high = own.first[i : i + 2].tolist()
            runs = [(int(own.start[j]), LETTERS[own.status[j]]) for j in range(low, high)]
            way, _ = way_of(runs, LETTERS[STATUSES.index(to)])
            if way is None or len(found) == most:
                continue
            async with database.read() as connection:
                states = await follow(connection, id_, now.rules.rules, until=way[-1][0])
            letters = [(one.day, LETTERS[STATUSES.index(one.status)]) for one in states]
            again = [one for before, one in pairwise([(0, ""), *letters]) if before[1] != one[1]]
            found.append((way, again))
    return found


@pytest.mark.xdist_group("urho")
async def test_no_prompt_to_members_of_the_forum_is_about_what_is_stale(urho: Imported) -> None:
    random = Random(3)
    fresh: Counter[Kind] = Counter()
    async with open_database(urho.settings_here()) as database:
        community = await Community.read(database)
        for _ in range(6):
            day = day_number(date(2014, 6, 1)) + random.randrange(2500)
            moment = database.end_of(day) - timedelta(seconds=random.uniform(1, 86_400))
            async with database.read() as connection:
                active = await rules.active(database, connection)
                members = (await population.everybody(connection))[::3]
                found = await gathered(
                    *(connection, members, active, KINDS), moment=moment, day=database.day(moment)
                )
            for member, candidates in found.items():
                for one in candidates:
                    assert one.is_fresh <= (not wrongs(community, member, one, moment))
                    fresh[one.kind] += one.is_fresh
    assert all(
        fresh[kind] > 0 for kind in (Kind.UNANSWERED_THREAD, Kind.FIRST_POST, Kind.WELCOME_BACK)
    )


@pytest.mark.xdist_group("urho")
async def test_the_routes_to_contributor_are_what_members_of_the_forum_did(urho: Imported) -> None:
    report = _routes_add_up(urho, "--to", "contributor")
    assert report["totals"]["population"] == urho.told("report", "tiers")["totals"]["population"]
    assert (report["as_of"], report["totals"]["arrived"]) == ("2022-11-23", 9)
    assert report["totals"]["fast"] > 0 < report["totals"]["detour"]
    followed = await _arrivals(urho, Status.CONTRIBUTOR, 9)
    for by_fold, by_actions in followed:
        assert by_fold == by_actions
    rows = [row for row in report["rows"] if row["kind"] != "on the way"]
    lives = [by_actions for _, by_actions in followed]
    expected = route_rows(lives, "C", population=report["totals"]["population"])
    assert sorted(rows, key=str) == sorted(expected, key=str)
    detours = [row for row in rows if row["kind"] == "detour"]
    assert any("dormant" in row["steps"] for row in detours)


@pytest.mark.parametrize("options", [("--from", "dormant"), ("--joined", "2016-01-01..2018-12-31")])
@pytest.mark.xdist_group("urho")
def test_the_routes_of_the_forum_add_up(urho: Imported, options: tuple[str, str]) -> None:
    report = _routes_add_up(urho, "--to", "connector", "--first", "3", *options)
    assert 0 < report["totals"]["population"] < 993
    assert report["totals"]["arrived"] > 0


@pytest.mark.xdist_group("quantum")
async def test_the_routes_of_the_dump_are_what_members_did(quantum: Imported) -> None:
    for to in GOALS:
        report = _routes_add_up(quantum, "--to", to.value)
        assert report["totals"]["population"] == 3_460
    arrived = _routes_add_up(quantum, "--to", "contributor", "--arrived", "2018-05-01..")
    assert arrived["totals"]["arrived_at_another_time"] > 0
    followed = await _arrivals(quantum, Status.CONTRIBUTOR, 20)
    assert len(followed) == 20
    for by_fold, by_actions in followed:
        assert by_fold == by_actions


@pytest.mark.xdist_group("urho")
def test_the_forum_has_a_history(urho: Imported) -> None:
    early, late = (
        urho.told("report", "tiers", "--as-of", day) for day in ("2016-06-01", "2020-06-01")
    )
    assert 0 < early["totals"]["population"] < late["totals"]["population"] < 999
    active = [sum(row["count"] for row in one["rows"][:4]) for one in (early, late)]
    assert min(active) > 0


@pytest.mark.parametrize("as_of", ["2016-06-01", "2020-06-01"])
@pytest.mark.xdist_group("urho")
async def test_a_member_of_the_forum_is_explained_on_any_day(urho: Imported, as_of: str) -> None:
    day = day_number(date.fromisoformat(as_of))
    async with open_database(urho.settings_here()) as database, database.read() as connection:
        active = await rules.active(database, connection)
        everybody = await population.at(connection, active, day=day)
        # The highest status that anybody has; there is not always a contributor.
        first = int(everybody.status.argmin())
        account = await connection.fetchval(
            "select external_id from account where member_id = $1", int(everybody.ids[first])
        )
    status = STATUSES[everybody.status[first]]
    index = next(index for index, word in STATUS_OF_INDEX.items() if word is status)
    found = urho.told("member", account, "--source", "discourse", "--as-of", as_of)
    assert found["standing"]["status"] == status.value
    assert found["standing"]["because"][0]["index"] == index.value
    assert found["history"][0]["to"] == status.value
    assert max(action["day"] for action in found["given"]) <= as_of
    text = urho.works("member", account, "--source", "discourse", "--as-of", as_of)
    assert f"Because:  {status.value.capitalize()} since" in text


@pytest.mark.xdist_group("urho")
async def test_threads_of_the_forum_without_a_response_are_those_in_which_one_alone_wrote(
    urho: Imported,
) -> None:
    report = urho.told("report", "first-response", "--period", "3650")
    totals = report["totals"]
    assert report["period"]["first"] < "2013"
    written = """
        select coalesce(p.root_id, p.id), bool_or(p.root_id is null and p.form <> 'reply'),
            min(m.role) filter (where p.root_id is null), count(distinct p.author_id),
            count(distinct p.author_id) filter (where m.role = 'member'),
            count(*) filter (where m.role = 'bot')
        from post p join member m on m.id = p.author_id
        where p.type_id is not null and p.state <> 'deleted' group by 1
    """
    threads = [row[3:] for row in await _rows(urho, written) if row[1] and row[2] == "member"]
    assert totals["threads"] == len(threads) > 3_000
    # No bot ever wrote in a thread of a member, so that two who wrote are a response.
    assert sum(bots for *_, bots in threads) == 0
    alone = sum(1 for writers, *_ in threads if writers == 1)
    assert totals["answered"] == len(threads) - alone
    assert totals["unanswered_share"] == pytest.approx(alone / len(threads), abs=1e-4)
    assert totals["member_answered"] == sum(1 for _, of_members, _ in threads if of_members > 1)
    assert sum(row["threads"] for row in report["rows"] if row["authors"] == "everybody") == len(
        threads
    )
    waited = """
        select extract(epoch from min(r.written_at) - p.written_at)::float8 / 3600
        from post p join member m on m.id = p.author_id and m.role = 'member'
        join post r on r.root_id = p.id and r.author_id <> p.author_id and r.state <> 'deleted'
        where p.root_id is null and p.form <> 'reply' and p.state <> 'deleted' group by p.id
    """
    hours = sorted(row[0] for row in await _rows(urho, waited))
    # Posts that were moved can be older than the thread they are in, and measure nothing.
    moved = sum(1 for hour in hours if hour < 0)
    timed = len(threads) - moved
    assert (totals["timed"], moved) == (timed, 2)
    # Nobody waits for less long than half of those who were answered: the median is that of counts.
    assert totals["median"] == pytest.approx(hours[moved + -(-timed // 2) - 1], abs=1e-3)
    soon = sum(1 for hour in hours if 0 <= hour <= 1)
    assert totals["within_1h"] == pytest.approx(soon / timed, abs=1e-3)


#: What opens with each thread, who wrote in it until a moment, and when it was solved.
_THREADS = """
    select p.external_id, p.written_at, p.author_id, p.state = 'visible' and
        (o.state = 'visible') is not false, coalesce(p.root_id, p.id), p.root_id is null
    from post p left join post o on o.id = p.root_id
"""
_WROTE = """
    select author_id, coalesce(root_id, id), written_at from post
    where state = 'visible' and written_at is not null
"""
_SOLVED = """
    select coalesce(p.root_id, p.id), min(a.occurred_at) from action a
    join action_type t on t.id = a.type_id join post p on p.id = a.post_id
    where t.verb in ('best_answer', 'self_accept', 'confirm_solved') and a.state = 0 group by 1
"""


@pytest.mark.parametrize("day", ["2015-03-01", "2017-06-01", "2021-06-01", None])
@pytest.mark.xdist_group("urho")
async def test_nobody_of_the_forum_would_be_shown_what_is_later_own_answered_or_closed(
    urho: Imported, day: str | None, tmp_path: Path
) -> None:
    as_of = () if day is None else ("--as-of", day)
    found = urho.told("prompts", "preview", *as_of)
    tiers = {row["status"]: row["count"] for row in urho.told("report", "tiers", *as_of)["rows"]}
    assert Counter(row["status"] for row in found["members"]) == {
        status: min(count, 20) for status, count in tiers.items() if count
    }
    assert found["archive"] is (day is None) or found["as_of"] == day
    end = datetime.fromisoformat(f"{found['as_of']}T23:59:59.999999+00:00")
    threads = {row[0]: row[1:] for row in await _rows(urho, _THREADS)}
    writers: dict[int, set[int]] = {}
    for author, thread, at in await _rows(urho, _WROTE):
        if at <= end:
            writers.setdefault(thread, set()).add(author)
    solved = dict(await _rows(urho, _SOLVED))
    accounts = "select external_id, member_id from account"
    numbers = dict(await _rows(urho, accounts))
    # Connectors also by a scenario alone, before which no other can come.
    file = tmp_path / "own.toml"
    waits = scenario("waiting", Kind.UNANSWERED_THREAD, status=Status.CONNECTOR)
    file.write_text(file_of(waits), encoding="utf-8")
    waiting = urho.told("prompts", "preview", "--scenario", str(file), "--each", "100", *as_of)
    kinds = Counter[str]()
    for row in found["members"] + waiting["members"]:
        if row["prompt"] is None or row["prompt"]["item"] is None:
            continue
        (account,) = row["member"]["accounts"]
        member = numbers[account["id"]]
        written_at, author, visible, thread, opens = threads[row["prompt"]["item"]["id"]]
        kinds[row["kind"]] += 1
        assert visible and written_at <= end
        assert author != member
        assert member not in writers[thread]
        if row["kind"] == "unanswered_thread":
            assert opens and writers[thread] == {author}
            assert thread not in solved or solved[thread] > end
        elif row["kind"] == "newcomer_first_post":
            assert len(writers[thread] - {author}) < 3
            assert min(at for at, by, *_ in threads.values() if by == author) == written_at
        else:
            assert row["kind"] == "welcome_back"
            assert len(writers[thread] - {author}) >= 3
    assert kinds["welcome_back"] >= 20
    assert kinds["unanswered_thread"] > 20 or day is None


@pytest.mark.xdist_group("urho")
def test_a_second_import_of_the_forum_adds_nothing(urho: Imported) -> None:
    _nothing_new(urho)


@pytest.mark.xdist_group("urho")
def test_nobody_unknown_is_found(urho: Imported) -> None:
    done = ikusei("member", "no such person at all", **urho.settings)
    assert done.returncode == 1
    assert "nobody has the name" in done.stderr
    assert json.loads(ikusei("report", "data-health", "--json", **urho.settings).stdout)["rows"]


@pytest.mark.xdist_group("badger")
async def test_every_like_of_the_graph_has_both_sides_and_a_time(badger: Imported) -> None:
    report = badger.report
    assert report["checks"] == {
        "members": 713,
        "topics": 348,
        "posts": 4_224,
        "replies": 3_857,
        "mentions": 506,
        "likes": 6_408,
        "likes_with_target_author": 6_408,
        "likes_later_than_post": 6_408,
        "likers": 464,
        "authors_liked": 478,
    }
    assert sum(report["rows"]["edges"].values()) == 28_441
    assert report["unclassified"] == {}
    _accounted(report)
    span = "select min(occurred_at), max(occurred_at) from action"
    (first, last), *_ = await _rows(badger, span)
    assert first == datetime(2020, 12, 9, 22, 5, 33, 171_000, tzinfo=UTC)
    assert last == datetime(2021, 3, 30, 18, 41, 35, 64_000, tzinfo=UTC)
    opening = "select count(*) from post where form = 'topic' and title is not null"
    assert await _rows(badger, opening) == [(348,)]
    likes = """
        select count(*), count(distinct a.actor_id), count(distinct a.target_id)
        from action a join action_type t on t.id = a.type_id join post p on p.id = a.post_id
        where t.verb = 'like' and a.precision = 0 and a.occurred_at > p.written_at
    """
    assert await _rows(badger, likes) == [(6_408, 464, 478)]
    _adds_up(badger.told("report", "tiers"))


@pytest.mark.xdist_group("badger")
def test_a_second_import_of_the_graph_adds_nothing(badger: Imported) -> None:
    _nothing_new(badger)


@pytest.mark.xdist_group("houston")
async def test_every_entry_of_the_chat_is_accounted_for(houston: Imported) -> None:
    report = houston.report
    checks = report["checks"]
    assert (checks["members"], checks["channels"], checks["messages"]) == (71, 16, 1_382)
    assert (checks["reactions"], checks["reactors"]) == (199, 17)
    skipped = {name: n for name, n in report["rows"]["messages"].items() if "skipped" in name}
    told_of = {name: n for name, n in report["rows"]["messages"].items() if name not in skipped}
    assert told_of == {"post": 964, "share_file": 61, "reply": 6, "join": 320}
    assert sum(skipped.values()) == 31
    assert report["unclassified"] == {}
    _accounted(report)
    reactions = """
        select count(*), count(distinct a.actor_id), bool_and(a.precision = 2)
        from action a join action_type t on t.id = a.type_id where t.verb = 'react'
    """
    assert await _rows(houston, reactions) == [(199, 17, True)]


@pytest.mark.xdist_group("houston")
def test_a_second_import_of_the_chat_adds_nothing(houston: Imported) -> None:
    _nothing_new(houston)


@pytest.mark.xdist_group("vtaiwan")
async def test_the_last_vote_of_each_voter_holds(vtaiwan: Imported) -> None:
    report = vtaiwan.report
    assert report["checks"] == {
        "proposals": 197,
        "authors": 105,
        "voters": 1_921,
        "vote_rows": 49_997,
        "votes": 49_443,
        "votes_up": 31_029,
        "votes_down": 11_894,
        "votes_pass": 6_520,
        "votes_tied": 0,
        "participants": 1_921,
        "participants_votes": 49_443,
        "participants_agree": 31_029,
        "participants_disagree": 11_894,
        "participants_differing": 0,
    }
    assert report["rows"]["votes"] == {
        "vote_up": 31_352,
        "vote_down": 12_021,
        "vote_pass": 6_624,
    }
    assert report["unclassified"] == {}
    _accounted(report)
    held = """
        select t.verb, count(*) from action a join action_type t on t.id = a.type_id
        where a.state = 0 and t.verb like 'vote%' group by 1 order by 1
    """
    votes = [("vote_down", 11_894), ("vote_pass", 6_520), ("vote_up", 31_029)]
    assert await _rows(vtaiwan, held) == votes
    given = """
        select t.verb, sum(y.n)::int from tally y join action_type t on t.id = y.type_id
        where y.side = 0 and t.verb like 'vote%' group by 1 order by 1
    """
    # The tallies leave out the 197 votes on one's own statement, which Polis casts by itself.
    counted = [("vote_down", 11_894), ("vote_pass", 6_485), ("vote_up", 30_867)]
    assert await _rows(vtaiwan, given) == counted
    assert sum(n for _, n in votes) - sum(n for _, n in counted) == 197
    precise = "select count(*) from action where occurred_at = '2015-06-30T08:49:52.085Z'"
    assert await _rows(vtaiwan, precise) != [(0,)]


@pytest.mark.shows
@pytest.mark.xdist_group("vtaiwan")
def test_a_second_import_of_the_votes_adds_nothing(vtaiwan: Imported) -> None:
    _nothing_new(vtaiwan)


@pytest.mark.xdist_group("note")
async def test_likes_in_both_directions_are_accounted_for(note: Imported) -> None:
    report = note.report
    assert report["checks"] == {
        "articles": 220,
        "articles_without_title": 2,
        "likes_received": 9_564,
        "likes_given": 3_258,
        "likers": 1_932,
        "authors_liked": 471,
        "both_directions": 334,
    }
    assert sum(report["rows"]["daily_summary"].values()) == 155
    assert report["unclassified"] == {}
    assert report["waiting"] == {"action": 0, "retraction": 0}
    _accounted(report)
    latest = "select max(occurred_at) from action a where post_id is not null and wrote_id is null"
    assert await _rows(note, latest) == [(datetime(2026, 7, 12, 22, 50, 7, tzinfo=UTC),)]
    titles = "select count(*) from post where title ~ '[ぁ-んァ-ン一-龥]'"
    ((japanese,),) = await _rows(note, titles)
    assert japanese > 3_000


@pytest.mark.xdist_group("note")
def test_a_second_import_of_the_likes_adds_nothing(note: Imported) -> None:
    _nothing_new(note)
