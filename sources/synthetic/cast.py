"""Who lives in the synthetic community: personas, and what fate each member is given."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

from sources.synthetic.dice import Dice, Mix
from sources.synthetic.names import EN_NAMES, EN_ZONES, HANDLES, JA_NAMES
from sources.synthetic.text import SUBJECTS

NEVER = 1_000_000


class Persona(StrEnum):
    """How somebody takes part; ``STAFF`` and ``BOT`` are no members."""

    READER = "reader"
    SUPPORTER = "supporter"
    FAN = "fan"
    TALKER = "talker"
    CONTRIBUTOR = "contributor"
    BLOOMER = "bloomer"
    STAFF = "staff"
    BOT = "bot"


_PERSONAS = Mix.of(reader=42, supporter=16, fan=12, talker=13, contributor=8, bloomer=7)
#: Factor on the drawn activity; readers come less often, contributors more.
_LIVELINESS = {
    Persona.READER: 0.7,
    Persona.SUPPORTER: 1.2,
    Persona.FAN: 1.2,
    Persona.TALKER: 1.5,
    Persona.CONTRIBUTOR: 1.8,
    Persona.BLOOMER: 1.8,
}
#: Probability that an answer by this persona solves the question; half of the rest is partial.
_SKILL = {Persona.CONTRIBUTOR: 0.62, Persona.BLOOMER: 0.45, Persona.TALKER: 0.25}
_FOUNDERS = 0.4
_STAYERS = 0.62
_RETURNERS = 0.16
_ENGLISH = 0.22
_MOST_ODDS = 5.0


@dataclass(slots=True)
class Person:
    """One account; days are counted from the first simulated day (negative: joined before it).

    ``odds`` are those of being here on an ordinary day, ``pull`` in (0, 1] how many likes come to
    what they write. ``away`` is the half-open range of days of a long absence, ``leaves`` the
    first day on which they are gone for good.
    """

    index: int
    id: str
    name: str
    persona: Persona
    lang: str
    zone: str
    joined: datetime
    join_day: int
    leaves: int
    away: tuple[int, int]
    odds: float
    pull: float
    skill: float
    interests: tuple[str, ...]


def cast(*, seed: int, members: int, first_day: date, days: int, zone: str) -> tuple[Person, ...]:
    """Everybody: ``members`` members, then staff (authors first), then the bot.

    It is drawn from a stream of its own, so tests can ask for the personas without the history.
    """
    dice = Dice(seed, 0)
    people = [_member(dice, index, first_day, days, zone) for index in range(members)]
    people.extend(_staff(members + n, n, first_day, zone) for n in range(STAFF))
    people.append(_bot(members + STAFF, first_day, zone))
    return tuple(people)


#: The first three write the company blog (two in Japanese, one in English), two moderate.
AUTHORS = 3
STAFF = 5
_STAFF_NAMES = (
    ("ソラミナ編集部 みどり", "ja"),
    ("ソラミナ開発チーム", "ja"),
    ("Soramina Editors", "en"),
    ("モデレーター 水野", "ja"),
    ("Moderator Kay", "en"),
)


def _member(dice: Dice, index: int, first_day: date, days: int, zone: str) -> Person:
    persona = Persona(_PERSONAS.draw(dice))
    english = dice.chance(_ENGLISH)
    tail = dice.tail()
    odds = min(_MOST_ODDS, (0.03 + 0.05 * tail) * _LIVELINESS[persona])
    join_day = -dice.between(1, 300) if dice.chance(_FOUNDERS) else dice.below(days)
    if persona is Persona.BLOOMER:
        # Who blooms late in the period or hardly ever comes would look like any newcomer.
        odds = min(_MOST_ODDS, odds + 0.25)
        join_day = dice.below(max(1, days * 9 // 10))
    leaves, away = _fate(dice, max(0, join_day), days)
    lang = "en" if english else "ja"
    own_zone = dice.pick(EN_ZONES) if english else zone
    return Person(
        index=index,
        id=f"m{index + 1:05d}",
        name=_name(dice, lang),
        persona=persona,
        lang=lang,
        zone=own_zone,
        joined=_joined(dice, first_day, join_day, zone),
        join_day=join_day,
        leaves=leaves,
        away=away,
        odds=odds,
        # The confounder: who is more active is also better liked, with noise on top.
        pull=min(1.0, 0.08 + 0.5 * odds / (odds + 0.4) + 0.42 * dice.random() * dice.random()),
        skill=_SKILL.get(persona, 0.12),
        interests=_interests(dice),
    )


def _fate(dice: Dice, since: int, days: int) -> tuple[int, tuple[int, int]]:
    """When this member leaves, and the absence of those who come back."""
    u = dice.random()
    if u < _STAYERS:
        return NEVER, (NEVER, NEVER)
    if u < _STAYERS + _RETURNERS:
        gone = since + dice.between(25, max(26, (days - since) // 2))
        return NEVER, (gone, gone + dice.between(75, 140))
    return since + 2 + int(20 * min(50.0, dice.tail())), (NEVER, NEVER)


def _interests(dice: Dice) -> tuple[str, ...]:
    first = dice.below(len(SUBJECTS))
    second = (first + 1 + dice.below(len(SUBJECTS) - 1)) % len(SUBJECTS)
    return (SUBJECTS[first], SUBJECTS[second])


def _name(dice: Dice, lang: str) -> str:
    if dice.chance(0.35):
        return f"{dice.pick(HANDLES)}{dice.between(2, 99)}"
    return dice.pick(EN_NAMES if lang == "en" else JA_NAMES)


def _joined(dice: Dice, first_day: date, join_day: int, zone: str) -> datetime:
    day = datetime.combine(first_day + timedelta(days=join_day), time(), tzinfo=ZoneInfo(zone))
    # Early in the day, so that the first visit can follow on the same day.
    return day.astimezone(UTC) + timedelta(seconds=dice.between(60, 4 * 3600))


def _staff(index: int, number: int, first_day: date, zone: str) -> Person:
    name, lang = _STAFF_NAMES[number]
    return _official(index, f"s{number + 1:02d}", name, lang, Persona.STAFF, first_day, zone)


def _bot(index: int, first_day: date, zone: str) -> Person:
    return _official(index, "bot1", "ソラミナbot", "ja", Persona.BOT, first_day, zone)


def _official(
    index: int, id_: str, name: str, lang: str, persona: Persona, first_day: date, zone: str
) -> Person:
    opened = datetime.combine(first_day - timedelta(days=400), time(1), tzinfo=ZoneInfo(zone))
    return Person(
        index=index,
        id=id_,
        name=name,
        persona=persona,
        lang=lang,
        zone=zone,
        joined=opened.astimezone(UTC),
        join_day=-400,
        leaves=NEVER,
        away=(NEVER, NEVER),
        odds=0.0,
        pull=0.9,
        skill=0.8,
        interests=SUBJECTS,
    )
