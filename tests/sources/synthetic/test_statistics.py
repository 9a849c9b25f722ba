"""What is planted in the synthetic community can be found in its records, and nothing else can."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from numpy.typing import NDArray

from sources.records import ActionRecord, MemberRecord, PostRecord
from sources.synthetic.cast import Persona
from sources.synthetic.community import community, personas

pytestmark = pytest.mark.slow

UNTIL = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
DAYS = 400
MEMBERS = 700
SEED = 7
ZONE = ZoneInfo("Asia/Tokyo")
FIRST = UNTIL.astimezone(ZONE).date() - timedelta(days=DAYS - 1)

Days = NDArray[np.int64]
Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Panel:
    """Counts (members, days) of what was given, written, answered, and received."""

    given: Days
    wrote: Days
    answers: Days
    responses: Days
    likes: Days
    hours: Days
    people: tuple[str, ...]

    @property
    def here(self) -> Mask:
        return self.given > 0


@lru_cache
def panel() -> Panel:
    records = list(community(seed=SEED, members=MEMBERS, until=UNTIL, days=DAYS))
    people = tuple(r.id for r in records if isinstance(r, MemberRecord) and r.role == "member")
    row = {id_: n for n, id_ in enumerate(people)}
    zones = {r.id: ZoneInfo(r.zone or "UTC") for r in records if isinstance(r, MemberRecord)}
    given, wrote, answers, responses, likes = np.zeros((5, len(people), DAYS), int)
    hours = np.zeros(24, int)
    authors: dict[str, str] = {}
    for record in records:
        if isinstance(record, PostRecord) and record.id not in authors:
            giver, verb = record.author, record.type
            receiver = authors.get(record.parent or "")
            authors[record.id] = giver or ""
        elif isinstance(record, ActionRecord):
            giver, verb, receiver = record.actor, record.verb, record.target
        else:
            continue
        day = (record.time.astimezone(ZONE).date() - FIRST).days
        if giver in row:
            given[row[giver], day] += 1
            wrote[row[giver], day] += isinstance(record, PostRecord)
            answers[row[giver], day] += verb == "answer"
            hours[record.time.astimezone(zones[giver]).hour] += 1
        if giver and receiver in row and receiver != giver:
            responses[row[receiver], day] += verb in {"answer", "comment", "reply", "best_answer"}
            likes[row[receiver], day] += verb in {"like", "vote_up", "bookmark"}
    return Panel(given, wrote, answers, responses, likes, hours, people)


def within(counts: Days, days: int) -> Mask:
    """Whether there was any on the ``days`` days before each day."""
    total = np.concatenate([np.zeros((len(counts), 1), int), counts.cumsum(axis=1)], axis=1)
    found = np.zeros(counts.shape, bool)
    for day in range(1, counts.shape[1]):
        found[:, day] = total[:, day] > total[:, max(0, day - days)]
    return found


def ratio(here: Mask, exposed: Mask, plain: Mask) -> float:
    """Days of activity among the exposed days, over what each member's own plain days predict."""
    base = plain.sum(axis=1)
    known = base >= 5
    expected = (here & plain).sum(axis=1)[known] / base[known] * exposed.sum(axis=1)[known]
    return float((here & exposed).sum(axis=1)[known].sum() / expected.sum())


def test_a_response_makes_its_receiver_more_active_and_a_like_does_not() -> None:
    p = panel()
    # Only days on which there was something of theirs to respond to, so that both are possible.
    writing = within(p.wrote, 21)
    fresh, faded = within(p.responses, 2), ~within(p.responses, 10)
    liked = within(p.likes, 2)
    plain = writing & faded & ~liked
    response = ratio(p.here, writing & fresh, plain)
    like = ratio(p.here, writing & faded & liked, plain)
    # Over ten seeds: responses 1.51 to 1.77, likes 0.88 to 1.08.
    assert response > 1.35
    assert 0.8 < like < 1.2
    assert response > like + 0.25


def test_popularity_confounds_likes_with_activity() -> None:
    p = panel()
    likes, active = np.log1p(p.likes.sum(axis=1)), np.log1p(p.here.sum(axis=1))
    assert np.corrcoef(likes, active)[0, 1] > 0.4


def test_activity_follows_a_power_law() -> None:
    totals = np.sort(panel().given.sum(axis=1))[::-1]
    assert 0.45 < totals[: MEMBERS // 10].sum() / totals.sum() < 0.8
    assert totals[: MEMBERS // 100].sum() / totals.sum() > 0.1
    assert np.median(totals) < totals.mean() / 2


def test_weekends_are_busier() -> None:
    here = panel().here.sum(axis=0)
    weekday = np.array([(FIRST + timedelta(days=day)).weekday() for day in range(DAYS)])
    assert here[weekday >= 5].mean() > 1.15 * here[weekday < 5].mean()


def test_evenings_of_the_members_own_zone_are_busier_than_nights() -> None:
    hours = panel().hours
    assert hours[20:23].sum() > 5 * hours[2:5].sum()


def test_some_return_after_a_long_silence_and_some_have_left() -> None:
    p = panel()
    active = [np.flatnonzero(row) for row in p.here]
    returners = sum(len(days) > 10 and np.diff(days).max() >= 70 for days in active)
    gone = sum(len(days) > 0 and days[-1] < DAYS - 60 for days in active)
    assert returners > MEMBERS // 20
    assert MEMBERS // 20 < gone < MEMBERS // 3


def test_members_join_over_the_whole_period() -> None:
    first = np.array([days[0] if len(days := np.flatnonzero(row)) else -1 for row in panel().here])
    assert all(((first >= start) & (first < start + 50)).sum() > 10 for start in range(0, 400, 50))


def test_bloomers_ask_before_they_answer() -> None:
    p = panel()
    hidden = personas(seed=SEED, members=MEMBERS, until=UNTIL, days=DAYS)
    early, late = [], []
    for row, id_ in enumerate(p.people):
        days = np.flatnonzero(p.here[row])
        if hidden[id_] is Persona.BLOOMER and len(days):
            since = days[0]
            early.append(
                (p.answers[row, since : since + 14].sum(), p.wrote[row, since : since + 14].sum())
            )
            late.append((p.answers[row, since + 90 :].sum(), p.wrote[row, since + 90 :].sum()))
    (answers_early, wrote_early), (answers_late, wrote_late) = np.sum(early, 0), np.sum(late, 0)
    assert wrote_early > 50
    assert answers_early < 0.12 * wrote_early
    assert answers_late > 0.3 * wrote_late
