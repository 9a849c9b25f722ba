"""The synthetic community: one stream, whole, checked by the gate, the same for the same seed."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from dataclasses import fields
from datetime import UTC, date, datetime, timedelta
from enum import IntEnum
from functools import lru_cache
from typing import Any

import pytest

from sources.parse import parse
from sources.records import (
    KINDS,
    ActionRecord,
    MemberRecord,
    PostRecord,
    PostState,
    Record,
    RetractionRecord,
    ViewsRecord,
)
from sources.synthetic.cast import Persona
from sources.synthetic.community import community, kinds_of_text, personas

UNTIL = datetime(2026, 11, 20, 12, 34, 56, tzinfo=UTC)
SMALL: dict[str, Any] = {"seed": 3, "members": 120, "until": UNTIL, "days": 200}


@lru_cache
def small() -> tuple[Record, ...]:
    return tuple(community(**SMALL))


def as_mapping(record: Record) -> dict[str, Any]:
    """A record as a line of NDJSON would carry it."""
    kind = next(kind for kind, type_ in KINDS.items() if isinstance(record, type_))
    values = {field.name: getattr(record, field.name) for field in fields(record)}
    return {"kind": kind} | {
        name: plain(value) for name, value in values.items() if value is not None
    }


def plain(value: object) -> object:
    if isinstance(value, IntEnum):
        return value.name.lower()
    if isinstance(value, (datetime, date)):
        return value.isoformat()
    return value


def digest(**arguments: Any) -> str:
    lines = (json.dumps(as_mapping(r), sort_keys=True) for r in community(**arguments))
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def test_the_same_arguments_give_the_same_stream_and_another_seed_another() -> None:
    arguments: dict[str, Any] = {"members": 30, "until": UNTIL, "days": 60}
    assert digest(seed=1, **arguments) == digest(seed=1, **arguments)
    assert digest(seed=1, **arguments) != digest(seed=2, **arguments)


def test_every_record_passes_the_gate_unchanged() -> None:
    for record in small():
        line = json.loads(json.dumps(as_mapping(record)))
        assert parse(line, now=UNTIL) == record


def test_members_come_first_with_staff_and_one_bot() -> None:
    roles = Counter(r.role for r in small() if isinstance(r, MemberRecord))
    assert roles == {"member": 120, "staff": 5, "bot": 1}
    kinds = [isinstance(r, MemberRecord) for r in small()]
    assert kinds == sorted(kinds, reverse=True)
    assert {r.lang for r in small() if isinstance(r, MemberRecord)} == {"ja", "en"}


def test_what_a_record_points_at_stands_before_it() -> None:
    members: dict[str, datetime | None] = {}
    posts: set[str] = set()
    actions: set[str] = set()
    for record in small():
        match record:
            case MemberRecord():
                members[record.id] = record.joined
            case PostRecord():
                assert record.author in members
                assert {record.root, record.parent} <= posts | {None}
                assert record.time >= (members[record.author or ""] or UNTIL)
                posts.add(record.id)
            case ActionRecord():
                assert record.id not in actions
                assert {record.actor, record.target} <= members.keys() | {None}
                assert record.post is None or record.post in posts
                assert record.actor is None or record.time >= (members[record.actor] or UNTIL)
                actions.add(record.id)
            case RetractionRecord():
                assert record.of in actions
            case ViewsRecord():
                assert record.post in posts


def test_times_run_forward_and_end_at_until() -> None:
    seen: set[str] = set()
    last = UNTIL - timedelta(days=201)
    for record in small():
        if isinstance(record, (ActionRecord, RetractionRecord)) or (
            isinstance(record, PostRecord) and record.id not in seen
        ):
            assert last <= record.time <= UNTIL
            last = record.time
        if isinstance(record, PostRecord):
            seen.add(record.id)
        if isinstance(record, ViewsRecord):
            assert record.day <= UNTIL.date()
    assert UNTIL - last < timedelta(days=1)


def test_every_venue_and_its_verbs_occur() -> None:
    found: dict[str, set[str]] = {}
    for record in small():
        if isinstance(record, ActionRecord):
            found.setdefault(record.venue, set()).add(record.verb)
        if isinstance(record, PostRecord):
            found.setdefault(record.venue, set()).add(record.type)
    assert found["qa"] >= {"question", "answer", "comment", "best_answer", "vote_up", "bookmark"}
    assert found["idea"] >= {"idea", "comment", "vote_up"}
    assert found["review"] >= {"review", "comment", "like", "vote_up"}
    assert found["member_blog"] >= {"article", "comment", "like", "follow"}
    assert found["company_blog"] >= {"article", "comment", "like"}
    assert found["forum"] >= {"topic", "reply", "like"}
    assert found["event"] >= {"register", "attend"}
    assert found["profile"] >= {"complete_profile", "set_avatar"}
    assert found["site"] >= {"join", "login"}
    assert found["referral"] >= {"send_invite", "join_by_invite"}
    assert found["contract"] >= {"contracted", "renewed", "cancelled"}


def test_there_is_something_that_no_catalog_knows() -> None:
    strays = {("campaign", "stamp"), ("labs", "try_beta"), ("qa", "poke")}
    found = {(r.venue, r.verb) for r in small() if isinstance(r, ActionRecord)}
    assert strays <= found


def test_posts_are_edited_and_deleted_and_likes_taken_back() -> None:
    snapshots = Counter(r.id for r in small() if isinstance(r, PostRecord))
    assert max(snapshots.values()) > 1
    states = Counter(r.state for r in small() if isinstance(r, PostRecord))
    assert states[PostState.DELETED] > 3
    assert states[PostState.HIDDEN] > 0
    assert any(isinstance(r, RetractionRecord) for r in small())


def test_a_later_snapshot_never_brings_a_deleted_post_back() -> None:
    states: dict[str, PostState | None] = {}
    for record in small():
        if isinstance(record, PostRecord):
            assert states.get(record.id) is not PostState.DELETED
            states[record.id] = record.state


def test_there_are_anonymous_votes_counts_and_views() -> None:
    anonymous = [r for r in small() if isinstance(r, ActionRecord) and r.actor is None]
    assert anonymous
    assert max(r.count for r in anonymous) > 1
    assert any(isinstance(r, PostRecord) and r.counts for r in small())
    assert any(isinstance(r, ViewsRecord) and r.count > 10 for r in small())


def test_what_is_hidden_can_be_asked_for() -> None:
    assert set(personas(**SMALL).values()) == set(Persona)
    kinds = kinds_of_text(**SMALL)
    posts = {r.id: r for r in small() if isinstance(r, PostRecord)}
    assert kinds.keys() >= posts.keys()
    answers = Counter(kinds[id_] for id_, post in posts.items() if post.type == "answer")
    assert answers.keys() == {"solves", "partial", "impression"}
    assert min(answers.values()) > 20


def test_posts_of_a_thread_are_in_its_language_and_venue() -> None:
    posts = {r.id: r for r in small() if isinstance(r, PostRecord)}
    for post in posts.values():
        if post.root:
            assert posts[post.root].lang == post.lang
            assert posts[post.root].venue == post.venue


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"until": UNTIL.replace(tzinfo=None)}, "without a zone"),
        ({"members": 0}, "members 0"),
        ({"days": 0}, "days 0"),
        ({"seed": -1}, "seed is -1"),
    ],
)
def test_arguments_that_make_no_sense_are_refused(wrong: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        community(**(SMALL | wrong))


@pytest.mark.parametrize("zone", ["America/New_York", "UTC", "Pacific/Auckland"])
def test_another_zone_and_the_smallest_size_work(zone: str) -> None:
    records = list(community(seed=1, members=1, until=UNTIL, days=40, zone=zone))
    assert sum(isinstance(r, MemberRecord) and r.role == "member" for r in records) == 1
