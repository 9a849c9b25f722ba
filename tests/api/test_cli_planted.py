"""A community with known routes: what reports say of it is what was planted, to the last number."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from statistics import median
from typing import Any

import pytest

from store.embedded import Embedded
from tests.api.command_line import told
from tests.databases import execute, named
from tests.planted import CLOCK, LAST, UNTIL, Planted, day_of, planted, records
from tests.textbook import (
    HEIGHT,
    LADDER,
    LETTERS,
    WORDS,
    Runs,
    Told,
    kind,
    over,
    quantile,
    route_rows,
    survival,
    way_of,
    wilson,
)

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("planted")]

#: Today, and a day long before, of which nothing after may be known.
_DAYS = [LAST, date(2026, 3, 7)]
_ALL = (-(10**6), 10**6)

Row = dict[str, Any]


@dataclass(frozen=True)
class Truth:
    """What is known of everybody by the end of ``until``, as was planted."""

    community: list[Planted]
    until: int

    @cached_property
    def lives(self) -> list[tuple[Planted, list[tuple[int, str]]]]:
        """Those who are here, and their runs of days with one status."""
        found = [
            (one, [run for run in one.runs() if run[0] <= self.until]) for one in self.community
        ]
        return [(one, runs) for one, runs in found if runs]

    def ways(self, members: Iterable[int] | None = None) -> list[Runs]:
        """The runs of some members, or of all."""
        chosen = range(len(self.lives)) if members is None else members
        return [self.lives[who][1] for who in chosen]

    @cached_property
    def stays(self) -> list[tuple[int, str, int, int | None, str | None]]:
        """Every run of days: (who, status, its first day, the day of the next, and its status)."""
        return [
            (who, letter, day, *(runs[i + 1] if i + 1 < len(runs) else (None, None)))
            for who, (_, runs) in enumerate(self.lives)
            for i, (day, letter) in enumerate(runs)
        ]

    def on(self, day: int) -> list[str | None]:
        """The status of each at the end of ``day``; None for who came later."""
        found: list[str | None] = []
        for _, runs in self.lives:
            found.append(next((letter for start, letter in reversed(runs) if start <= day), None))
        return found

    def lasted(self, stays: Iterable[tuple[int, int | None]]) -> list[tuple[int, bool]]:
        """Days that each (first day, day of the next) lasted, and whether it is over."""
        return [
            ((self.until if end is None else end) - start, end is not None) for start, end in stays
        ]


class Imported:
    """The community in a database, imported by command, and what it truly is."""

    def __init__(self, url: str, community: list[Planted]) -> None:
        self.url = url
        self.community = community

    def report(self, name: str, day: date, *options: str) -> Any:
        days = ("--as-of", str(day))
        found = told("report", name, *days, *options, database_url=self.url, clock=CLOCK)
        assert (found["as_of"], found["archive"]) == (str(day), False)
        return found

    def truth(self, day: date) -> Truth:
        return Truth(self.community, UNTIL - (LAST - day).days)


@pytest.fixture(scope="module")
async def imported(
    server: Embedded, template: str, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Imported]:
    community = planted(seed=20)
    await execute(server.url, f"create database planted template {template}")
    url = named(server.url, "planted")
    file = tmp_path_factory.mktemp("planted") / "records.ndjson"
    lines = [json.dumps(one) for one in records(community)]
    file.write_text("\n".join(lines))
    report = told("import", "ndjson", str(file), database_url=url, clock=CLOCK)
    assert sum(report["recorded"].values()) == len(lines)
    assert report["unaccounted"] == report["unclassified"] == {}
    yield Imported(url, community)
    await execute(server.url, "drop database planted with (force)")


def _rounded(values: Told, places: int = 4) -> list[float | None]:
    return [None if value is None else round(value, places) for value in values]


def _three(name: str, values: Told) -> Row:
    return dict(zip((name, f"{name}_low", f"{name}_high"), _rounded(values), strict=True))


def _share(part: int, whole: int) -> float:
    return round(part / whole, 6)


def test_the_community_is_as_it_was_meant(imported: Imported) -> None:
    """Everybody came to be a contributor in the way that their script was written for."""
    assert len(imported.community) == 420
    kinds = Counter[str]()
    for one in imported.community:
        way, _ = way_of(one.runs(), "C")
        found = None if way is None else kind("".join(letter for _, letter in way))[0]
        assert one.kind in {found, "any"}, one
        kinds[str(found)] += 1
    assert min(kinds[word] for word in ("success", "fast", "detour", "None")) >= 30


@pytest.mark.parametrize(("day", "period"), [(_DAYS[0], 30), (_DAYS[1], 365)])
def test_tiers_are_as_planted(imported: Imported, day: date, period: int) -> None:
    truth = imported.truth(day)
    now, was = truth.on(truth.until), truth.on(truth.until - period)
    pairs = Counter(zip(was, now, strict=True))
    found = imported.report("tiers", day, "--period", str(period))
    expected = []
    for letter in LETTERS:
        came = sum(n for (a, b), n in pairs.items() if b == letter != a)
        left = sum(n for (a, b), n in pairs.items() if a == letter != b)
        count, before = now.count(letter), was.count(letter)
        expected.append(
            {
                "status": WORDS[letter],
                "count": count,
                "share": _share(count, len(now)),
                "moved_in": came,
                "joined": pairs[None, letter],
                "moved_out": left,
                "net": came - left,
                "before": before,
                "change": count - before,
            }
        )
    assert found["rows"] == expected
    totals = found["totals"]
    assert (totals["population"], totals["staff"], totals["unplaced"]) == (len(now), 3, 0)


@pytest.mark.parametrize(("day", "period"), [(_DAYS[0], 200), (_DAYS[1], 30)])
def test_flows_are_as_planted(imported: Imported, day: date, period: int) -> None:
    truth = imported.truth(day)
    end, start, eve = (truth.on(truth.until - n * period) for n in (0, 1, 2))
    found = imported.report("flow", day, "--period", str(period))
    expected = []
    for letter in LETTERS:
        pairs = [(a, b) for a, b in zip(start, end, strict=True) if letter in {a, b}]
        rises = [HEIGHT[b] - HEIGHT[a] for a, b in pairs if a == letter != b and b is not None]
        came = [a for a, b in pairs if b == letter != a]
        earlier = [(a, b) for a, b in zip(eve, start, strict=True) if a != b]
        came_before = sum(b == letter for _, b in earlier)
        out_before = sum(a == letter for a, _ in earlier)
        expected.append(
            {
                "status": WORDS[letter],
                "before": start.count(letter),
                "came": len(came),
                "joined": came.count(None),
                "decided_in": 0,
                "out": len(rises),
                "promoted": sum(rise > 0 for rise in rises),
                "fallen": sum(rise < 0 for rise in rises),
                "aged": rises.count(0),
                "decided_out": 0,
                "held": pairs.count((letter, letter)),
                "count": end.count(letter),
                "net": len(came) - len(rises),
                "came_before": came_before,
                "out_before": out_before,
                "net_before": came_before - out_before,
            }
        )
    assert found["rows"] == expected
    assert found["totals"]["population"] == len(end)
    assert found["totals"]["net"] == len(end) - sum(one is not None for one in start)


@pytest.mark.parametrize("day", _DAYS)
def test_edges_are_as_planted(imported: Imported, day: date) -> None:
    truth = imported.truth(day)
    moves, members = Counter[tuple[str, str]](), defaultdict[tuple[str, str], set[int]](set)
    earlier = Counter[tuple[str, str]]()
    for who, before, _, when, after in truth.stays:
        if when is None or after is None:
            continue
        if when > truth.until - 100:
            moves[before, after] += 1
            members[before, after].add(who)
        elif when > truth.until - 200:
            earlier[before, after] += 1
    found = imported.report("flow", day, "--by", "edge", "--period", "100")
    assert sorted(found["rows"], key=str) == sorted(
        (
            {
                "from": WORDS[a],
                "to": WORDS[b],
                "moves": n,
                "members": len(members[a, b]),
                "moves_before": earlier[a, b],
            }
            for a, b in moves.keys() | earlier.keys()
            for n in [moves[a, b]]
        ),
        key=str,
    )
    assert found["totals"]["moves_before"] == earlier.total()
    assert found["totals"]["moves"] == moves.total() > 100


@pytest.mark.parametrize("day", _DAYS)
def test_cohorts_are_as_planted(imported: Imported, day: date) -> None:
    truth = imported.truth(day)
    eve, was, now = (truth.on(truth.until - days) for days in (180, 90, 0))
    cohorts: dict[str, list[tuple[str | None, ...]]] = defaultdict(list)
    for (_, runs), three in zip(truth.lives, zip(eve, was, now, strict=True), strict=True):
        cohorts[f"{day_of(runs[0][0]):%Y-%m}"].append(three)
    found = imported.report("flow", day, "--by", "cohort", "--period", "90")
    rows = {row.pop("cohort"): row for row in found["rows"]}
    assert list(rows) == sorted(rows)
    assert set(cohorts) <= set(rows)
    for month, row in rows.items():
        those = cohorts[month]
        rises, earlier = (
            [HEIGHT[b] - HEIGHT[a] for a, b in pairs if a is not None and None is not b != a]
            for pairs in ([one[1:] for one in those], [one[:2] for one in those])
        )
        assert row == {
            "members": len(those),
            **{WORDS[letter]: sum(one[2] == letter for one in those) for letter in LETTERS},
            "joined": sum(one[1] is None for one in those),
            "promoted": sum(rise > 0 for rise in rises),
            "fallen": sum(rise < 0 for rise in rises),
            "aged": rises.count(0),
            "decided": 0,
            "held": sum(one[1] == one[2] for one in those),
            "promoted_before": sum(rise > 0 for rise in earlier),
            "fallen_before": sum(rise < 0 for rise in earlier),
        }


def _same_routes(found: Row, expected: list[Row], *, ways: int = 0) -> None:
    """The rows are the expected ones, the routes by how many took them, and they add up."""
    assert sorted(found["rows"], key=str) == sorted(expected, key=str)
    sizes = [row["members"] for row in found["rows"] if row["steps"] is not None]
    assert sizes == sorted(sizes, reverse=True)
    assert len(sizes) >= ways
    totals = found["totals"]
    counts = Counter[str]()
    for row in expected:
        counts[row["kind"]] += row["members"]
    assert totals["population"] == counts.total()
    assert totals["on_the_way"] == counts["on the way"]
    assert totals["arrived"] == counts["success"] + counts["fast"] + counts["detour"]
    for word in ("success", "fast", "detour"):
        assert totals[word] == counts[word]


@pytest.mark.parametrize(
    ("day", "goal"), [*((LAST, goal) for goal in LADDER), (_DAYS[1], "C"), (_DAYS[1], "S")]
)
def test_routes_are_as_planted(imported: Imported, day: date, goal: str) -> None:
    truth = imported.truth(day)
    found = imported.report("routes", day, "--to", WORDS[goal], "--first", "1000")
    _same_routes(found, route_rows(truth.ways(), goal), ways=5)
    assert found["totals"]["population"] == len(truth.lives)


def test_the_planted_kinds_are_counted(imported: Imported) -> None:
    """Of those whose scripts were written for a kind of route, so many are told to have gone it."""
    first, last = ("2023-01-01", str(LAST))
    found = imported.report("routes", LAST, "--joined", f"{first}..{last}", "--first", "1000")
    meant = Counter(str(one.kind) for one in imported.community)
    for word in ("success", "fast", "detour"):
        assert found["totals"][word] >= meant[word] >= 30
    assert found["totals"]["on_the_way"] >= meant["None"] == 120
    assert found["totals"]["population"] == meant.total()


@pytest.mark.parametrize(
    ("goal", "start", "rungs"),
    [("C", "S", LADDER), ("C", "D", LADDER), ("K", "M", "KS"), ("C", None, "C"), ("S", "C", "F")],
)
def test_routes_from_a_status_are_as_planted(
    imported: Imported, goal: str, start: str | None, rungs: str
) -> None:
    truth = imported.truth(LAST)
    options = [part for rung in rungs for part in ("--step", WORDS[rung])]
    if start is not None:
        options += ["--from", WORDS[start]]
    found = imported.report("routes", LAST, "--to", WORDS[goal], "--first", "1000", *options)
    _same_routes(found, route_rows(truth.ways(), goal, start, rungs), ways=3)


def test_every_row_of_routes_has_its_list(imported: Imported) -> None:
    """Also `other`, which depends on how many routes are told apart."""
    told_apart = ("--as-of", str(LAST), "--first", "3")
    found = imported.report("routes", LAST, "--first", "3")
    sizes = Counter[str]()
    for row in found["rows"]:
        sizes[row["route"]] += row["members"]
    assert sizes["other"] > 3
    for route in ("other", found["rows"][0]["route"]):
        asked = ("--report", "routes", "--row", route, "--with", "accounts", *told_apart)
        listed = told("export", "audience", *asked, database_url=imported.url, clock=CLOCK)
        assert listed["totals"]["members"] == sizes[route]


def test_routes_of_some_members_are_as_planted(imported: Imported) -> None:
    truth = imported.truth(LAST)
    low, high = UNTIL - 800, UNTIL - 300
    joined = [i for i, (one, _) in enumerate(truth.lives) if low <= one.entry <= high]
    span = f"{day_of(low)}..{day_of(high)}"
    found = imported.report("routes", LAST, "--joined", span, "--first", "1000")
    _same_routes(found, route_rows(truth.ways(joined), "C"), ways=5)
    venues = Counter(one.venue for one, _ in truth.lives)
    assert len(venues) == 5
    for venue in venues:
        if venue is None:
            continue
        its = [i for i, (one, _) in enumerate(truth.lives) if one.venue == venue]
        found = imported.report("routes", LAST, "--venue", venue, "--first", "1000")
        _same_routes(found, route_rows(truth.ways(its), "C"))


def test_arrivals_in_a_time_and_what_is_not_listed_add_up(imported: Imported) -> None:
    truth = imported.truth(LAST)
    low, high = UNTIL - 400, UNTIL - 100
    came = {}
    for i, (_, runs) in enumerate(truth.lives):
        way, _ = way_of(runs, "C")
        if way is not None:
            came[i] = way[-1][0]
    within = [i for i, day in came.items() if low <= day <= high]
    span = f"{day_of(low)}..{day_of(high)}"
    found = imported.report("routes", LAST, "--arrived", span, "--first", "2")
    totals, population = found["totals"], len(truth.lives)
    assert (totals["population"], totals["arrived"]) == (population, len(within))
    assert totals["arrived_at_another_time"] == len(came) - len(within) > 20
    assert totals["on_the_way"] == population - len(came)
    assert sum(row["members"] for row in found["rows"]) == population
    rows = route_rows(truth.ways(within), "C", population=population)
    listed, rest = found["rows"][:2], found["rows"][2:]
    assert all(row in rows for row in listed)
    assert [row["members"] for row in listed] == sorted(row["members"] for row in rows)[:-3:-1]
    others = Counter[str]()
    for row in rows:
        if row not in listed:
            others[row["kind"]] += row["members"]
    told_of = {row["kind"]: row["members"] for row in rest if row["route"] == "other"}
    assert told_of == dict(others)


@pytest.mark.parametrize(
    ("day", "limits"), [(_DAYS[0], {"S": 30, "C": 60, "D": 500}), (_DAYS[1], {})]
)
def test_stagnation_is_as_planted(imported: Imported, day: date, limits: dict[str, int]) -> None:
    truth = imported.truth(day)
    limit = {"K": 180, "F": 180, "S": 180, "M": 180, "D": 365} | limits
    options = [part for s, n in limits.items() for part in ("--limit", f"{WORDS[s]}={n}")]
    found = imported.report("stagnation", day, *options)
    expected = []
    for letter in LETTERS:
        now = [runs[-1][0] for _, runs in truth.lives if runs[-1][1] == letter]
        days = [truth.until + 1 - start for start in now]
        stuck = sum(n > limit.get(letter, 10**6) for n in days)
        stays = [(start, end) for _, status, start, end, _ in truth.stays if status == letter]
        curve = survival(truth.lasted(stays))
        has = letter in limit and days
        expected.append(
            {
                "status": WORDS[letter],
                "members": len(now),
                "limit": limit.get(letter),
                "over": stuck,
                "over_share": _share(stuck, len(now)) if has else None,
                "so_far": median(days) if days else None,
                "stays": len(stays),
                "ended": sum(end is not None for _, end in stays),
                "quarter": quantile(curve, 0.25)[0],
                **_three("median", quantile(curve, 0.5)),
                "three_quarters": quantile(curve, 0.75)[0],
            }
        )
    assert found["rows"] == expected
    assert found["totals"]["population"] == len(truth.lives)
    assert found["totals"]["over"] == sum(row["over"] for row in expected) > 0


def _first_stay(runs: list[tuple[int, str]], until: int) -> tuple[int | None, int]:
    """When somebody first had one of the four, and for how many days from then on they had one."""
    begin = next((day for day, letter in runs if letter in LADDER), None)
    if begin is None:
        return None, 0
    end = next((day for day, letter in runs if day > begin and letter not in LADDER), until + 1)
    return begin, end - begin


def _months(first: int, last: int) -> Iterator[tuple[str, int, int]]:
    """(month, its first day, its last) of all between two days, which are not cut off."""
    day = first - day_of(first).day + 1
    while day <= last:
        end = next(d for d in range(day + 27, day + 31) if day_of(d + 1).day == 1)
        yield f"{day_of(day):%Y-%m}", day, end
        day = end + 1


@pytest.mark.parametrize(
    ("day", "asked"), [(LAST, None), (_DAYS[1], None), (LAST, (UNTIL - 500, UNTIL - 333))]
)
def test_conversion_is_as_planted(
    imported: Imported, day: date, asked: tuple[int, int] | None
) -> None:
    truth = imported.truth(day)
    low, high = asked or _ALL
    options = () if asked is None else ("--joined", f"{day_of(low)}..{day_of(high)}")
    found = imported.report("conversion", day, *options)
    firsts = [(runs[0][0], *_first_stay(runs, truth.until)) for _, runs in truth.lives]
    firsts = [one for one in firsts if low <= one[0] <= high]
    expected = []
    begin = max(low, min(runs[0][0] for _, runs in truth.lives))
    for month, first, last in _months(begin, min(high, truth.until)):
        its = [one for one in firsts if max(first, low) <= one[0] <= min(last, high)]
        end = min(last, high)
        rose = [n for entry, up, n in its if up is not None and up < entry + 90]
        stayed = sum(n >= 60 for n in rose)
        # The last who joined must have had all their days.
        over_, held = (end + days <= truth.until for days in (89, 89 + 59))
        expected.append(
            {
                "cohort": month,
                "joined": len(its),
                "reached": len(rose) if over_ else None,
                **_three("reached_share", wilson(len(rose), len(its) if over_ else 0)),
                "sustained": stayed if held else None,
                **_three("sustained_share", wilson(stayed, len(its) if held else 0)),
            }
        )
    assert found["rows"] == expected
    if asked is None:
        assert expected[0]["sustained"] is not None
        assert expected[-1]["reached"] is None
    lasted = [
        ((truth.until if up is None else up) - entry, up is not None) for entry, up, _ in firsts
    ]
    totals = found["totals"]
    assert totals == {
        "population": len(truth.lives),
        "joined": len(firsts),
        "ever_rose": sum(up for _, up in lasted),
        **_three("rose_within", over(lasted, 89)),
        **_three("days_until_quarter_rose", quantile(survival(lasted), 0.25)),
    }


@pytest.mark.parametrize(
    ("day", "asked"), [(LAST, None), (_DAYS[1], None), (LAST, (UNTIL - 600, UNTIL - 280))]
)
def test_recycling_is_as_planted(
    imported: Imported, day: date, asked: tuple[int, int] | None
) -> None:
    truth = imported.truth(day)
    low, high = asked or _ALL
    options = () if asked is None else ("--dormant", f"{day_of(low)}..{day_of(high)}")
    found = imported.report("recycling", day, *options)
    spells = [one for one in truth.stays if one[1] == "D" and low <= one[2] <= high]
    expected = []
    for letter in LETTERS:
        back = [(who, start, end) for who, _, start, end, to in spells if to == letter]
        ends = [(who, end) for who, _, end in back if end is not None]
        if not ends:
            continue
        watched = [(who, end) for who, end in ends if end + 89 <= truth.until]
        rose = sum(
            any(end <= when < end + 90 for when, up in truth.lives[who][1] if up in LADDER)
            for who, end in watched
        )
        expected.append(
            {
                "to": WORDS[letter],
                "returns": len(back),
                "members": len({who for who, *_ in back}),
                "days": median((end or 0) - start for _, start, end in back),
                "watched": len(watched),
                "rose": rose,
                **_three("rose_share", wilson(rose, len(watched))),
            }
        )
    assert found["rows"] == expected
    assert len(expected) >= 2
    lasted = truth.lasted((start, end) for _, _, start, end, _ in spells)
    assert found["totals"] == {
        "population": len(truth.lives),
        "spells": len(spells),
        "members_dormant": len({who for who, *_ in spells}),
        "returns": sum(over_ for _, over_ in lasted),
        "still_dormant": sum(not over_ for _, over_ in lasted),
        **_three("back_within_30", over(lasted, 30)),
        **_three("back_within_90", over(lasted, 90)),
        **_three("back_within_365", over(lasted, 365)),
        **_three("days_until_half_are_back", quantile(survival(lasted), 0.5)),
    }
