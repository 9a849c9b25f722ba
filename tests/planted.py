"""A community of which every status on every day is known, because it was made that way.

Each member follows a script of bursts and log-ins. What a burst is worth follows from the default
rules by simple arithmetic: ten likes are ten points of support for 90 days, after which the status
is kept for 14 more. The truth is worked out from the script alone, by nothing that Ikusei contains.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from itertools import pairwise
from random import Random
from typing import Any, Final

from tests.textbook import Runs

#: The last day that is known, of which nothing is done any more after noon.
LAST: Final = date(2026, 11, 20)
CLOCK: Final = "2026-11-20T12:00:00Z"
#: Days are counted from here.
_FIRST: Final = date(2023, 1, 1)
UNTIL: Final = (LAST - _FIRST).days

_NEWCOMER, _DORMANT = 30, 60
#: For how long a burst gives its status: the window of 90 days and the 14 of holding it. That of a
#: contributor is over two days, half of it each, and the window loses the first half a day sooner.
LASTS: Final = {"S": 90 + 14, "F": 90 + 14, "K": 90 + 14, "C": 90 - 1 + 14}
#: What is done in a burst: (days before, venue, verb, on whom), in the order of the day.
_BURSTS: Final[dict[str, list[tuple[int, str, str, str | None]]]] = {
    "S": [(0, "qa", "like", None)] * 10,
    "F": [(0, "company_blog", "like", None)] * 6,
    "K": [(0, "member_blog", "comment", f"host{i % 3}") for i in range(6)],
    "C": [(1 - i // 2, "qa", "answer", f"host{i % 3}") for i in range(4)],
    "L": [(0, "site", "login", None)],
}

#: (day after the first, burst)
Script = list[tuple[int, str]]


@dataclass(frozen=True)
class Planted:
    """A member: the day on which they joined (None: not known), and what they do on which days.

    ``kind`` is how they are to come to be a contributor: success, fast, detour, or None where they
    are not meant to come at all, "any" where nothing is meant.
    """

    name: str
    joined: int | None
    script: Script = field(default_factory=list)
    kind: str | None = "any"

    @property
    def given(self) -> list[int]:
        """The days on which they do something, ascending."""
        return sorted({day - ago for day, burst in self.script for ago, *_ in _BURSTS[burst]})

    @property
    def entry(self) -> int:
        """Their first day."""
        first = self.given[:1] + ([] if self.joined is None else [self.joined])
        return min(first)

    @property
    def venue(self) -> str | None:
        """Where they did the first thing that they ever did."""
        first = min(self._done(), default=None)
        return None if first is None else first[2]

    def runs(self) -> Runs:
        """Their status from every day on which it changed."""
        found: list[tuple[int, str]] = []
        given, last = self.given, self.entry
        for day in range(self.entry, UNTIL + 1):
            if given and given[0] == day:
                last = given.pop(0)
            letter = self._status(day, last)
            if not found or found[-1][1] != letter:
                found.append((day, letter))
        return found

    def _status(self, day: int, last: int) -> str:
        if day - last >= _DORMANT:
            return "D"
        held = {burst for on, burst in self.script if on <= day < on + LASTS.get(burst, 0)}
        for letter in "CKFS":
            if letter in held:
                return letter
        return "N" if day - self.entry < _NEWCOMER else "M"

    def _done(self) -> Iterator[tuple[int, int, str, str, str | None]]:
        """(day, minute, venue, verb, on whom) of all they do, no two at once."""
        for n, (day, burst) in enumerate(self.script):
            for i, (ago, venue, verb, target) in enumerate(_BURSTS[burst]):
                yield day - ago, 10 * n + i, venue, verb, target

    def records(self) -> Iterator[dict[str, Any]]:
        """They and all that they do, as canonical records."""
        row: dict[str, Any] = {"kind": "member", "source": "site", "id": self.name}
        yield row if self.joined is None else row | {"joined": _moment(self.joined, 0)}
        for day, minute, venue, verb, target in self._done():
            yield {
                "kind": "action",
                "source": "site",
                "id": f"{self.name} {day} {minute}",
                "venue": venue,
                "verb": verb,
                "actor": self.name,
                "time": _moment(day, minute),
            } | ({} if target is None else {"target": target})


def day_of(day: int) -> date:
    """A day of the calendar."""
    return _FIRST + timedelta(days=day)


def _moment(day: int, minute: int) -> str:
    return f"{day_of(day)}T{minute // 60:02}:{minute % 60:02}:00Z"


def records(community: list[Planted]) -> Iterator[dict[str, Any]]:
    """Everybody, and the staff on whom they act, as canonical records."""
    for i in range(3):
        yield {"kind": "member", "source": "site", "id": f"host{i}", "role": "staff"}
    for one in community:
        yield from one.records()


def planted(seed: int, each: int = 30) -> list[Planted]:
    """``each`` members on every kind of way, and as many who do what comes to their minds."""
    random = Random(seed)
    community = []
    for name, (kind, write) in _WAYS.items():
        for i in range(each):
            script = sorted(write(random))
            _check(script)
            # Late enough to have ended, and so that many are still about.
            span = max((day for day, _ in script), default=0) + 2
            entry = UNTIL - span - random.choice((0, 20, 90, 200, 400)) - random.randrange(30)
            moved = [(entry + day, burst) for day, burst in script]
            joined: int | None = entry
            if name == "unknown":
                joined = random.choice((None, min(entry + 40, UNTIL)))
            community.append(Planted(f"{name}{i}", joined, moved, kind))
    return community


def _check(script: Script) -> None:
    """Two bursts of one kind on neighbouring days would be worth something else."""
    for burst in "SFKC":
        days = [day for day, other in script if other == burst]
        assert all(later - day >= 2 for day, later in pairwise(days)), script
        assert burst != "C" or all(day >= 1 for day in days), script


def _climb(random: Random, bursts: str, start: int = 0) -> Script:
    """The bursts one after the other, so soon that nothing is lost in between."""
    found = []
    for burst in bursts:
        start += random.randint(2, 45)
        found.append((start, burst))
    return found


def _logins(first: int, last: int, every: int = 45) -> Script:
    """Enough log-ins not to be dormant."""
    return [(day, "L") for day in range(first, last, every)]


def _success(random: Random) -> Script:
    return _climb(random, "SFKC")


def _fast(random: Random) -> Script:
    return _climb(random, random.choice(("C", "SC", "FC", "KC", "SFC", "SKC", "FKC")))


def _through_dormancy(random: Random) -> Script:
    back = random.randint(61, 200)
    before = _climb(random, "S") if random.random() < 0.5 else []
    away = before[-1][0] + back if before else back
    return [*before, (away, "L"), *_climb(random, random.choice(("SFKC", "C")), away)]


def _by_falling(random: Random) -> Script:
    start = random.randint(1, 20)
    end = start + LASTS["S"] + random.randint(1, 30)
    return [(start, "S"), *_logins(start + 40, end), *_climb(random, "SFKC", end)]


def _to_and_fro(random: Random) -> Script:
    """Supporter again and again, with less than that in between."""
    found, day = [], random.randint(1, 30)
    for _ in range(random.randint(2, 4)):
        found += [(day, "S"), *_logins(day + 45, day + LASTS["S"] + 30)]
        day += LASTS["S"] + random.randint(5, 30)
    return [*found, *_climb(random, "C", day)]


def _up_and_down(random: Random) -> Script:
    """Supporter throughout, and connector again and again."""
    found = [(day, "S") for day in range(3, 700, 50)]
    day = 5
    for _ in range(random.randint(2, 4)):
        found.append((day, "K"))
        day += LASTS["K"] + random.randint(5, 40)
    return [*found, (day, "C")]


def _on_the_way(random: Random) -> Script:
    return _climb(random, random.choice(("", "S", "F", "K", "SF", "SK", "SFK", "L", "LLL")))


def _just_in_time(random: Random) -> Script:
    """On the last of the days in which newcomers are to rise, or on the day after it."""
    return [(45, "L"), (random.choice((89, 90)), "S")]


def _entered(random: Random) -> Script:
    """With a status on the very first day."""
    first = [(0, random.choice("SFK"))]
    return [*first, *_climb(random, random.choice(("", "", "C", "K", "S")))]


def _recycled(random: Random) -> Script:
    """Away again and again; some do not come back."""
    found: Script = []
    day = random.randint(0, 40)
    for _ in range(random.randint(1, 4)):
        day += random.randint(50, 220)
        found.append((day, random.choice("LLSFK")))
        if random.random() < 0.4:
            day += random.randint(2, 100)
            found.append((day, random.choice("LSFK")))
    return found


def _stagnant(random: Random) -> Script:
    """For long where they are: as member, or as one of the others."""
    burst, every = random.choice((("L", 50), ("S", 58), ("F", 59), ("K", 40)))
    return [(day, burst) for day in range(random.randint(1, 9), random.randint(150, 600), every)]


def _anything(random: Random) -> Script:
    found = []
    days = dict.fromkeys("SFKCL", -9)
    for day in sorted(random.randint(1, 900) for _ in range(random.randint(1, 14))):
        burst = random.choice("SFKCLL")
        if day - days[burst] >= 2:
            found.append((day, burst))
            days[burst] = day
    return found


#: What is meant by each way: (how it leads to being a contributor, its script).
_WAYS: Final[dict[str, tuple[str | None, Callable[[Random], Script]]]] = {
    "success": ("success", _success),
    "fast": ("fast", _fast),
    "dormant": ("detour", _through_dormancy),
    "fallen": ("detour", _by_falling),
    "to-and-fro": ("detour", _to_and_fro),
    "up-and-down": ("detour", _up_and_down),
    "on-the-way": (None, _on_the_way),
    "just-in-time": (None, _just_in_time),
    "entered": ("any", _entered),
    "recycled": (None, _recycled),
    "stagnant": (None, _stagnant),
    "unknown": ("any", _anything),
    "anything": ("any", _anything),
    "everything": ("any", _anything),
}
