"""A made-up community, simulated day by day into canonical records."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache, partial
from zoneinfo import ZoneInfo

import numpy as np
from numpy.random import PCG64, Generator
from numpy.typing import NDArray

from sources.records import MemberRecord, Record
from sources.synthetic.business import business_day
from sources.synthetic.cast import Person, Persona, cast
from sources.synthetic.deeds import BUSY, DEEDS, mix_of
from sources.synthetic.dice import Mix
from sources.synthetic.town import EFFECT, FADE, HOUR, SOURCE, Town

#: Odds of being here by day of the week, Monday first: people come at the weekend.
WEEK = (0.95, 0.9, 0.9, 0.9, 1.0, 1.5, 1.6)
#: Weights of the hours from midnight: a peak at lunch, a higher one in the evening.
_NIGHT_AND_MORNING = (3, 1.5, 0.8, 0.5, 0.5, 1, 2.5, 5, 5.5, 4, 4, 4)
_AFTERNOON_AND_EVENING = (7.5, 5, 4, 4, 4, 4.5, 6, 7.5, 9.5, 11, 10, 6)
_HOURS = Mix.of(
    **{
        str(hour): weight
        for hour, weight in enumerate((*_NIGHT_AND_MORNING, *_AFTERNOON_AND_EVENING))
    }
)
_LOGS_IN = 0.97
_MOST_DEEDS = 25
_INVITED = 0.15


def community(
    *, seed: int, members: int, until: datetime, days: int = 400, zone: str = "Asia/Tokyo"
) -> Iterator[Record]:
    """The members, then everything that happened in the ``days`` up to ``until``, in time order.

    A snapshot of a post that was edited or deleted stands where the change happened and carries,
    as snapshots do, the time of the writing. The same arguments give the same records.

    ``members`` are those with role ``member``; five staff and one bot come on top, and who would
    join after ``until`` is left out. ``until`` has a zone, and nothing lies after it; ``days`` are
    those of the community's calendar in ``zone`` (IANA), the day of ``until`` included. Members who
    write English live in other zones. ``seed`` is any whole number from 0.
    """
    town = _found(seed, members, until, days, zone)
    return _records(town, seed=seed, until=until, days=days, zone=zone)


def personas(
    *, seed: int, members: int, until: datetime, days: int = 400, zone: str = "Asia/Tokyo"
) -> Mapping[str, Persona]:
    """What ``community`` with the same arguments hides: the persona of each account, by id."""
    return {p.id: p.persona for p in _found(seed, members, until, days, zone).people}


def kinds_of_text(
    *, seed: int, members: int, until: datetime, days: int = 400, zone: str = "Asia/Tokyo"
) -> Mapping[str, str]:
    """What ``community`` with the same arguments hides: what each post was composed as, by id.

    An answer is ``solves``, ``partial`` or ``impression``, a review ``review_good``, ``review_bad``
    or ``review_mixed``; the other kinds are the keys of ``text.PATTERNS``.
    """
    town = _found(seed, members, until, days, zone)
    for _ in _records(town, seed=seed, until=until, days=days, zone=zone):
        pass
    return town.truth


def _found(seed: int, members: int, until: datetime, days: int, zone: str) -> Town:
    if until.tzinfo is None:
        raise ValueError(f"until is {until.isoformat()} without a zone; expected an aware time")
    if seed < 0 or members < 1 or days < 1:
        raise ValueError(
            f"seed is {seed}, members {members}, days {days}; expected seed from 0, the others "
            "from 1"
        )
    first_day = _first_day(until, days, zone)
    return Town(cast(seed=seed, members=members, first_day=first_day, days=days, zone=zone), seed)


def _first_day(until: datetime, days: int, zone: str) -> date:
    return until.astimezone(ZoneInfo(zone)).date() - timedelta(days=days - 1)


def _records(town: Town, *, seed: int, until: datetime, days: int, zone: str) -> Iterator[Record]:
    end = int(until.timestamp()) + 1
    first_day = _first_day(until, days, zone)
    yield from (_member_record(person) for person in town.people if _known(person, end))
    attendance = _Attendance(town, seed)
    for day in range(days):
        today = first_day + timedelta(days=day)
        start = _midnight(today, zone)
        for index in attendance.of(day, today.weekday()):
            _visit(town, town.people[index], day=day, start=start, today=today, zone=zone)
        business_day(town, today, start)
        yield from town.run(min(end, _midnight(today + timedelta(days=1), zone)))


def _known(person: Person, end: int) -> bool:
    return person.joined.timestamp() < end


def _member_record(person: Person) -> MemberRecord:
    role = {Persona.STAFF: "staff", Persona.BOT: "bot"}.get(person.persona, "member")
    return MemberRecord(
        source=SOURCE,
        id=person.id,
        joined=person.joined,
        name=person.name,
        role=role,
        state="active",
        zone=person.zone,
        lang=person.lang,
    )


def _midnight(day: date, zone: str) -> int:
    return int(datetime.combine(day, time(), tzinfo=ZoneInfo(zone)).timestamp())


class _Attendance:
    """Who is here on a day: one uniform draw per person and day against their odds."""

    def __init__(self, town: Town, seed: int) -> None:
        people = town.people
        self._town = town
        self._generator = Generator(PCG64([seed, 3]))
        self._odds = np.array([person.odds for person in people])
        self._joins = np.array([person.join_day for person in people])
        self._leaves = np.array([person.leaves for person in people])
        self._away = np.array([person.away for person in people])

    def of(self, day: int, weekday: int) -> Sequence[int]:
        """Indices of the people who come; call it once for each day, in order."""
        pull = self._town.pull
        odds = self._odds * (WEEK[weekday] * (1.0 + EFFECT * pull))
        pull *= FADE
        here: NDArray[np.bool_] = self._generator.random(len(odds)) * (1.0 + odds) < odds
        here &= (self._joins < day) & (day < self._leaves)
        here &= (day < self._away[:, 0]) | (day >= self._away[:, 1])
        # Nobody joins without looking around; and who returns, returns on the day it ends.
        here |= (self._joins == day) | (self._away[:, 1] == day)
        self._town.growth += here
        indices: list[int] = np.flatnonzero(here).tolist()
        return indices


def _visit(town: Town, person: Person, *, day: int, start: int, today: date, zone: str) -> None:
    """Plan one person's visit: the log-in at an hour of their own zone, and deeds after it."""
    dice = town.dice
    hour = int(_HOURS.draw(dice)) - _hours_ahead(person.zone, zone, today)
    if day == person.join_day:
        hour = 4 + hour % 20
    second = start + hour % 24 * HOUR + dice.below(HOUR)
    if dice.chance(_LOGS_IN) or day == person.join_day:
        town.plan(second, partial(_log_in, town, person, today))
    if day == person.join_day:
        _settle_in(town, person, second)
    # Who is here often also does more while here: this makes the tail of deeds heavy.
    mean = BUSY[person.persona] * (0.6 + min(4.0, person.odds))
    mix = mix_of(person, float(town.growth[person.index]))
    for _ in range(dice.repeats(mean, _MOST_DEEDS)):
        second += dice.between(20, 420)
        town.plan(second, partial(DEEDS[mix.draw(dice)], town, person))


def _log_in(town: Town, person: Person, today: date, second: int) -> None:
    id_ = f"login-{person.id}-{today:%Y%m%d}"
    town.act(person, second, "site", "login", id_=id_)


def _settle_in(town: Town, person: Person, second: int) -> None:
    """The first visit: the account, the profile, and who had invited them."""
    joined = int(person.joined.timestamp())
    town.plan(joined, partial(_do, town, person, "site", "join"))
    if town.inviters and town.dice.chance(_INVITED):
        town.plan(joined, partial(_came_invited, town, person, town.dice.pick(town.inviters)))
    for verb, probability in (("complete_profile", 0.6), ("set_avatar", 0.35)):
        if town.dice.chance(probability):
            second += town.dice.between(60, 600)
            town.plan(second, partial(_do, town, person, "profile", verb))


def _do(town: Town, person: Person, venue: str, verb: str, second: int) -> None:
    town.act(person, second, venue, verb, id_=f"{verb}-{person.id}")


def _came_invited(town: Town, person: Person, inviter: Person, second: int) -> None:
    id_ = f"invited-{person.id}"
    town.act(person, second, "referral", "join_by_invite", target=inviter, id_=id_)


@lru_cache(maxsize=4096)
def _hours_ahead(zone: str, of: str, day: date) -> int:
    """Whole hours by which clocks of ``zone`` are ahead of those ``of`` another at noon."""
    noon = datetime.combine(day, time(12), tzinfo=UTC)
    ahead = noon.astimezone(ZoneInfo(zone)).utcoffset()
    behind = noon.astimezone(ZoneInfo(of)).utcoffset()
    if ahead is None or behind is None:
        return 0
    return round((ahead - behind).total_seconds() / HOUR)
