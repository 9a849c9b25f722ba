"""Prompts about the next step, and for those who are about to fall, on a real database."""

from __future__ import annotations

from engagement.prompt import Reason
from engagement.scenario import Kind, Scenario
from engagement.words import Status
from store.db import Database
from tests.store.making import NOW, act, ago, member, post, put
from tests.store.prompting import ask, run, scenario

LIKES = (("member_blog", "like"), ("member_blog", "send_tip"))
TIPS = tuple(reversed(LIKES))


def step(key: str, goal: tuple[tuple[str, str], ...], to: Status = Status.SUPPORTER) -> Scenario:
    return scenario(key, Kind.NEXT_STEP, status=Status.MEMBER, to=to, goal=goal)


async def liked(database: Database, times: int) -> None:
    """Ann, a plain member, has liked so many articles; a supporter has liked ten."""
    await put(
        database,
        member("ann", joined=ago(100)),
        *(post(f"p{n}", "bob", "article", venue="member_blog", time=ago(9)) for n in range(times)),
        *(
            act(f"a{n}", verb="like", post=f"p{n}", venue="member_blog", time=ago(8))
            for n in range(times)
        ),
    )


async def told(database: Database, *scenarios: Scenario, near: int = 3) -> str | None:
    """The title that ann is shown, or the reason why there is none."""
    await run(database, *scenarios, near_steps=near)
    offer = await ask(database)
    return offer.prompt.texts.title if offer.prompt else offer.reason


async def test_steps_are_counted_in_what_the_goal_names_first(database: Database) -> None:
    await liked(database, 7)
    assert await told(database, step("likes", LIKES)) == "3 more"
    # A tip is worth two likes: two of them make what is missing.
    assert await told(database, step("tips", TIPS)) == "2 more"
    assert await told(database, step("few_likes", LIKES), near=2) is Reason.NO_CANDIDATE
    # Each of two scenarios tells its own number, and only the one that is near can be shown.
    assert await told(database, step("a", LIKES), step("b", TIPS), near=2) == "2 more"


async def test_a_step_is_told_only_where_the_goal_leads_there(database: Database) -> None:
    await liked(database, 9)
    assert await told(database, step("likes", LIKES)) == "1 more"
    answers = (("qa", "answer"), *LIKES)
    assert await told(database, step("answers", answers)) is Reason.NO_CANDIDATE
    assert await told(database, step("far", LIKES, to=Status.FAN)) is Reason.NO_CANDIDATE


async def test_the_end_of_the_first_month_is_a_fall(database: Database) -> None:
    await run(database, scenario(to=Status.MEMBER))
    for days, reason in ((3, Reason.NOT_FOR_STANDING), (20, Reason.NO_CANDIDATE)):
        await put(database, member(f"new{days}", joined=ago(days)))
        assert (await ask(database, f"new{days}", now=NOW)).reason is reason
