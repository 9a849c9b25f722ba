"""Offers: decided under a lock, kept with their reasons, and what members do with them."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta

import pytest

from engagement.holdout import Arm
from engagement.prompt import Reason
from engagement.scenario import Caps, Kind
from engagement.words import Status
from store import consent, people, prompts, scenarios
from store.candidates import keeping
from store.db import Database
from store.members import AccountRow, UnknownMember
from store.prompts import Outcome, UnknownOffer
from tests.schema.asking import statements
from tests.store.making import DELETED, NOW, ago, fetch, member, post, put, value
from tests.store.prompting import FREE, ask, kept, run, scenario

MINUTE = timedelta(minutes=1)


@pytest.fixture
async def community(database: Database) -> Database:
    """Ann and eve, newcomers, and three first posts by others."""
    await put(
        database,
        member("ann", joined=ago(3), name="Ann"),
        member("eve", joined=ago(3), lang="ja-JP"),
        *(
            post(f"p{n}", author, "topic", venue="forum", title=f"Hello {n}", time=ago(1 + n / 10))
            for n, author in enumerate(("bob", "cid", "dan"))
        ),
    )
    await run(database, scenario())
    await refreshed(database)
    return database


async def refreshed(database: Database) -> None:
    """Let due work make the candidates."""
    await keeping.keep(database, list(Kind), now=NOW, always=True)


async def tell(
    database: Database,
    offer: prompts.Offer,
    outcome: Outcome,
    *,
    of: AccountRow | None = None,
    now: datetime = NOW,
) -> None:
    """Say what a member did with a prompt."""
    await prompts.acknowledge(database, offer.id, outcome, of=of, by="tests", now=now)


async def test_a_prompt_says_what_why_and_about_which_post(community: Database) -> None:
    offer = await ask(community)
    assert offer.prompt is not None
    assert offer.prompt.texts.title == "A first post: Hello 0"
    assert offer.prompt.texts.why == "You are here."
    assert offer.prompt.item is not None
    assert (offer.prompt.item.external_id, offer.prompt.item.venue) == ("p0", "forum")
    assert offer.prompt.valid_until == NOW + timedelta(minutes=FREE.reserve_minutes)
    (row,) = await kept(community)
    assert (row["arm"], row["reason"], row["status"]) == (Arm.SHOWN, None, 4)
    # What the post itself tells is not written down beside it.
    assert "title" not in row["told"]


async def test_it_is_in_the_language_of_the_member_or_the_one_asked_for(
    community: Database,
) -> None:
    own = await ask(community, "eve")
    asked = await ask(community, "eve", language="en")
    assert own.prompt is not None
    assert own.prompt.texts.body == "こんにちは。"
    assert asked.prompt is not None
    assert asked.prompt.texts.body == "Say hello."


async def test_the_same_visit_gets_the_same_again(community: Database) -> None:
    first = await ask(community, session="s")
    assert first == await ask(community, session="s")
    assert len(await kept(community)) == 1
    other = await ask(community, session="t")
    assert other.id != first.id


async def test_the_same_visit_gets_nothing_once_it_no_longer_holds(community: Database) -> None:
    first = await ask(community, session="s")
    await tell(community, first, Outcome.SHOWN)
    assert (await ask(community, session="s")).prompt is not None
    await put(community, post("p0", "bob", "topic", venue="forum", title="x", state=DELETED))
    assert (await ask(community, session="s")).reason is Reason.STALE_ITEM
    eves = await ask(community, "eve", session="s")
    await tell(community, eves, Outcome.DISMISSED)
    assert (await ask(community, "eve", session="s")).reason is Reason.ANSWERED


async def test_nobody_is_shown_what_is_not_in_their_language(community: Database) -> None:
    await put(
        community,
        member("ann", lang="en-GB"),
        *(
            post(f"p{n}", author, "topic", venue="forum", lang="ja", time=ago(1 + n / 10))
            for n, author in enumerate(("bob", "cid", "dan"))
        ),
    )
    assert (await ask(community)).reason is Reason.STALE_ITEM
    assert (await ask(community, "eve")).prompt is not None


async def test_consent_is_asked_first_and_holds_at_once(community: Database) -> None:
    ann = AccountRow("site", "ann")
    first = await ask(community, session="s")
    assert first.prompt is not None
    await consent.set_consent(community, ann, Kind.FIRST_POST, allowed=False, by="ann", now=NOW)
    assert (await ask(community, session="s")).reason is Reason.NO_CONSENT
    assert (await ask(community)).reason is Reason.NO_CONSENT
    said = await consent.set_consent(
        community, ann, Kind.FIRST_POST, allowed=True, by="ann", now=NOW
    )
    assert said.refused == ()
    assert (await ask(community)).prompt is not None
    await consent.set_consent(community, ann, None, allowed=False, by="ann", now=NOW)
    assert (await ask(community)).reason is Reason.NO_CONSENT


async def test_where_consent_is_not_assumed_a_yes_is_needed(community: Database) -> None:
    await run(community, scenario("asked"), assume_consent=False)
    assert (await ask(community)).reason is Reason.NO_CONSENT
    ann = AccountRow("site", "ann")
    await consent.set_consent(community, ann, Kind.FIRST_POST, allowed=True, by="ann", now=NOW)
    assert (await ask(community)).prompt is not None


async def test_fifty_visits_at_once_stay_within_the_caps(community: Database) -> None:
    await run(community, scenario("capped"), caps=Caps(session=1, day=2, week=5))
    found = await asyncio.gather(*(ask(community, session=f"s{n}") for n in range(50)))
    assert sum(one.prompt is not None for one in found) == 2
    assert {one.reason for one in found if one.prompt is None} == {Reason.CAP_DAY}
    rows = await kept(community)
    assert len(rows) == 50
    assert sum(row["arm"] is not None for row in rows) == 2


async def test_one_visit_on_fifty_devices_is_one_decision(community: Database) -> None:
    found = await asyncio.gather(*(ask(community, session="s") for _ in range(50)))
    assert len({one.id for one in found}) == 1


async def test_a_cap_of_a_visit_counts_all_surfaces(community: Database) -> None:
    everywhere = scenario("everywhere", surfaces=("home", "login"))
    await run(community, everywhere, caps=Caps(session=1))
    assert (await ask(community, surface="login", session="s")).prompt is not None
    assert (await ask(community, surface="home", session="s")).reason is Reason.CAP_SESSION


async def test_what_nobody_saw_counts_no_longer_than_it_is_reserved(community: Database) -> None:
    await run(community, scenario("once"), caps=Caps(day=1))
    first = await ask(community)
    assert first.prompt is not None
    assert (await ask(community, now=NOW + 9 * MINUTE)).reason is Reason.CAP_DAY
    second = await ask(community, now=NOW + 11 * MINUTE)
    assert second.prompt is not None
    await tell(community, second, Outcome.SHOWN, now=NOW + 12 * MINUTE)
    assert (await ask(community, now=NOW + 40 * MINUTE)).reason is Reason.CAP_DAY


async def test_held_out_is_as_if_shown_but_for_the_showing(community: Database) -> None:
    held = scenario("held", holdout_percent=50)
    both = [held, scenario("other", priority=1)]
    await run(community, *both, caps=Caps(day=1), holdout_percent=0)
    people_ = [f"n{n}" for n in range(40)]
    await put(community, *(member(who, joined=ago(2)) for who in people_))
    found = {who: await ask(community, who) for who in people_}
    rows = await kept(community)
    arms = {row["member_id"]: row["arm"] for row in rows}
    assert set(arms.values()) == {Arm.SHOWN, Arm.HELD_BY_SCENARIO}
    nothing = [one for one in found.values() if one.prompt is None]
    assert {one.reason for one in nothing} == {Reason.HOLDOUT_SCENARIO}
    # It is not replaced by the other prompt, and counts against the cap as if it had been seen.
    assert len({row["scenario_id"] for row in rows}) == 1
    later = [await ask(community, who, now=NOW + 30 * MINUTE) for who in people_]
    again = [one for one, who in zip(later, people_, strict=True) if found[who].prompt is None]
    assert {one.reason for one in again} == {Reason.CAP_DAY}


async def test_an_item_is_not_pushed_to_more_than_it_may_be_at_once(community: Database) -> None:
    await run(community, scenario("spread"), members_per_item=3)
    people_ = [f"n{n}" for n in range(30)]
    await put(community, *(member(who, joined=ago(2)) for who in people_))
    found = await asyncio.gather(*(ask(community, who) for who in people_))
    items = [one.prompt.item.external_id for one in found if one.prompt and one.prompt.item]
    assert {name: items.count(name) for name in set(items)} == {"p0": 3, "p1": 3, "p2": 3}
    assert {one.reason for one in found if one.prompt is None} == {Reason.CAP_ITEM}


async def test_what_a_member_does_with_a_prompt_is_kept_once(community: Database) -> None:
    offer = await ask(community)
    ann, eve = AccountRow("site", "ann"), AccountRow("site", "eve")
    with pytest.raises(UnknownOffer):
        await tell(community, offer, Outcome.SHOWN, of=eve)
    await tell(community, offer, Outcome.FOLLOWED, of=ann)
    await tell(community, offer, Outcome.SHOWN, now=NOW + MINUTE)
    await tell(community, offer, Outcome.FOLLOWED, now=NOW + MINUTE)
    (row,) = await kept(community)
    assert (row["shown_at"], row["followed_at"], row["dismissed_at"]) == (NOW, NOW, None)
    nothing = await ask(community, surface="elsewhere")
    assert nothing.prompt is None
    with pytest.raises(UnknownOffer):
        await tell(community, nothing, Outcome.SHOWN)


async def test_not_interested_ends_the_kind(community: Database) -> None:
    offer = await ask(community)
    await tell(community, offer, Outcome.NOT_INTERESTED)
    assert (await ask(community)).reason is Reason.NO_CONSENT
    ann = AccountRow("site", "ann")
    await consent.set_consent(community, ann, Kind.FIRST_POST, allowed=True, by="ann", now=NOW)
    # Told again, as after a lost connection, it does not undo what was said since.
    await tell(community, offer, Outcome.NOT_INTERESTED, now=NOW + MINUTE)
    assert (await ask(community)).prompt is not None


async def test_what_was_seen_is_not_shown_again_and_what_was_put_off_is(
    community: Database,
) -> None:
    await tell(community, await ask(community), Outcome.SHOWN)
    second = await ask(community)
    assert second.prompt is not None
    assert second.prompt.item is not None
    assert second.prompt.item.external_id == "p1"
    await tell(community, second, Outcome.SNOOZED)
    assert (await ask(community)).reason is Reason.SNOOZED
    later = await ask(community, now=NOW + timedelta(days=3, minutes=1))
    assert later.prompt is not None
    assert later.prompt.item is not None
    assert later.prompt.item.external_id == "p1"


async def test_a_member_answered_posts_and_own_posts_are_no_candidates(
    community: Database,
) -> None:
    await put(
        community,
        post("r", "ann", "reply", venue="forum", root="p0", parent="p0", time=ago(0.5)),
        post("own", "eve", "topic", venue="forum", title="Mine", time=ago(0.5)),
    )
    await refreshed(community)
    assert await _items(community, "ann") == ["own", "p1", "p2"]
    assert await _items(community, "eve") == ["r", "p0", "p1", "p2"]


async def _items(database: Database, who: str) -> list[str]:
    """The posts that a member is shown, one after the other, until there is none."""
    items = []
    while (offer := await ask(database, who)).prompt is not None:
        assert offer.prompt.item is not None
        items.append(offer.prompt.item.external_id)
        await tell(database, offer, Outcome.SHOWN)
    return items


async def test_staff_and_closed_accounts_are_left_alone(community: Database) -> None:
    await put(community, member("ann", joined=ago(3), role="staff"))
    assert (await ask(community)).reason is Reason.NOT_A_MEMBER
    with pytest.raises(UnknownMember):
        await ask(community, "nobody")


async def test_a_scenario_is_for_its_status_and_audience(community: Database) -> None:
    await run(community, scenario("others", status=Status.DORMANT))
    assert (await ask(community)).reason is Reason.NOT_FOR_STANDING
    await run(community, scenario("japanese", audience=("lang=ja-JP",)))
    assert (await ask(community)).reason is Reason.NOT_IN_AUDIENCE
    assert (await ask(community, "eve")).prompt is not None


async def test_a_paused_scenario_shows_nothing_also_in_the_same_visit(
    community: Database,
) -> None:
    (number,) = await run(community, scenario("stopped"))
    assert (await ask(community, session="s")).prompt is not None
    await scenarios.set_state(community, number, "paused", now=NOW)
    assert (await ask(community, session="s")).reason is Reason.NOT_RUNNING
    assert (await ask(community, session="t")).reason is None
    await scenarios.set_state(community, number, "running", now=NOW)
    assert (await ask(community, session="s")).prompt is not None


async def test_a_decision_takes_a_fixed_handful_of_statements(community: Database) -> None:
    await ask(community)
    async with statements(community) as seen:
        await ask(community, "eve", session="s")
    assert len(seen) == 5, seen
    async with statements(community) as seen:
        offer = await ask(community, "eve", session="t")
        await tell(community, offer, Outcome.SHOWN)
    assert len(seen) == 6, seen


async def test_who_is_merged_or_erased_takes_their_offers_along(community: Database) -> None:
    first = await ask(community, session="s")
    await tell(community, first, Outcome.SHOWN)
    await ask(community, "eve", session="s")
    ann, eve = AccountRow("site", "ann"), AccountRow("site", "eve")
    await consent.set_consent(community, ann, Kind.NEXT_STEP, allowed=True, by="ann", now=NOW)
    await consent.set_consent(community, eve, Kind.NEXT_STEP, allowed=False, by="eve", now=NOW)
    numbers = {
        row["external_id"]: row["member_id"]
        for row in await fetch(community, "select external_id, member_id from account")
    }
    await people.merge_members(community, numbers["ann"], numbers["eve"], now=NOW)
    rows = await kept(community)
    assert {row["member_id"] for row in rows} == {numbers["ann"]}
    async with community.read() as connection:
        said = await consent.of(connection, numbers["ann"])
    assert said.refused == (Kind.NEXT_STEP,)
    await people.erase_member(community, numbers["ann"], now=NOW)
    rows = await kept(community)
    assert len(rows) == 2
    assert {row["session"] for row in rows} == {None}
    assert await value(community, "select count(*) from consent") == 0
