"""What the items of one list load together: standings, posts, actions, authors, history."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeVar

from engagement.columns import CAUSES, NOBODY
from engagement.explain import Standing
from engagement.words import STATUSES
from schema.context import Context, Siblings
from schema.words import Cause, Side, Status
from store import actions, announce, consent, explained, members, posts
from store.actions import ActionRow
from store.announce import Announced
from store.consent import Said
from store.members import AccountRow, LockRow, MemberRow
from store.posts import PostRow

Row = TypeVar("Row")

#: A move of the fold: day, status before (None: they came), status after, cause.
Move = tuple[int, Status | None, Status, Cause]

Members = Siblings[MemberRow]
Posts = Siblings[PostRow]


async def standings(context: Context, group: Members, day: int) -> dict[int, Standing | None]:
    """The standings of a list's members at the end of ``day``."""

    async def load() -> dict[int, Standing | None]:
        now = await context.moment()
        if day == now.today:
            kept = [row.kept for row in group.rows]
            found, rest = explained.ready(kept, now.rules, today=day)
            if rest:
                async with context.read() as (connection, _):
                    found |= await explained.live(connection, rest, now.rules, today=day)
            return dict(found)
        async with context.read() as (connection, _):
            return await explained.at(connection, _ids(group), now.rules, day=day)

    return await group.once(("standings", day), load)


async def history(context: Context, group: Members, day: int) -> dict[int, list[Move]]:
    """The changes of status of a list's members up to ``day``, newest first."""

    async def load() -> dict[int, list[Move]]:
        async with context.read() as (connection, now):
            past = await explained.fold_to(connection, _ids(group), now.rules, until=day)
        moves = past.moves
        found: dict[int, list[Move]] = {member: [] for member in past.members}
        for position, when, before, after, cause in zip(
            moves.member.tolist(),
            moves.day.tolist(),
            moves.before.tolist(),
            moves.after.tolist(),
            moves.cause.tolist(),
            strict=True,
        ):
            was = None if before == NOBODY else STATUSES[before]
            found[past.members[position]].append((when, was, STATUSES[after], CAUSES[cause]))
        for own in found.values():
            own.sort(key=lambda move: -move[0])
        return found

    return await group.once(("history", day), load)


async def consents(context: Context, group: Members) -> dict[int, Said]:
    """What a list's members have said to prompts."""

    async def load() -> dict[int, Said]:
        async with context.read() as (connection, _):
            return await consent.of_all(connection, _ids(group))

    return await group.once("consents", load)


async def accounts(context: Context, group: Members) -> dict[int, list[AccountRow]]:
    """The accounts of a list's members."""

    async def load() -> dict[int, list[AccountRow]]:
        async with context.read() as (connection, _):
            return await members.accounts(connection, _ids(group))

    return await group.once("accounts", load)


async def locks(context: Context, group: Members) -> dict[int, list[LockRow]]:
    """The locks and graces of a list's members."""

    async def load() -> dict[int, list[LockRow]]:
        async with context.read() as (connection, _):
            return await members.locks(connection, _ids(group))

    return await group.once("locks", load)


async def announced(
    context: Context, group: Members, first: int, before: int | None
) -> dict[int, list[Announced]]:
    """The announced changes of a list's members."""

    async def load() -> dict[int, list[Announced]]:
        async with context.read() as (connection, _):
            return await announce.of_members(connection, _ids(group), first=first, before=before)

    return await group.once(("announced", first, before), load)


async def member_actions(
    context: Context, group: Members, side: Side, first: int, after: actions.Key | None
) -> tuple[dict[int, list[ActionRow]], Siblings[ActionRow]]:
    """The actions of a list's members."""

    async def load() -> tuple[dict[int, list[ActionRow]], Siblings[ActionRow]]:
        async with context.read() as (connection, _):
            found = await actions.of_members(
                connection, _ids(group), side, first=first, after=after
            )
        return found, _all(found.values())

    return await group.once(("actions", side, first, after), load)


async def member_posts(
    context: Context, group: Members, first: int, after: posts.Key | None
) -> tuple[dict[int, list[PostRow]], Posts]:
    """The posts of a list's members."""

    async def load() -> tuple[dict[int, list[PostRow]], Posts]:
        async with context.read() as (connection, _):
            found = await posts.of_authors(connection, _ids(group), first=first, after=after)
        return found, _all(found.values())

    return await group.once(("posts", first, after), load)


async def replies(
    context: Context, group: Posts, first: int, after: posts.Key | None
) -> tuple[dict[int, list[PostRow]], Posts]:
    """The replies to a list's posts."""

    async def load() -> tuple[dict[int, list[PostRow]], Posts]:
        async with context.read() as (connection, _):
            found = await posts.replies(
                connection, [row.id for row in group.rows], first=first, after=after
            )
        return found, _all(found.values())

    return await group.once(("replies", first, after), load)


async def responses(
    context: Context, group: Posts, first: int, after: actions.Key | None
) -> tuple[dict[int, list[ActionRow]], Siblings[ActionRow]]:
    """The actions that respond to a list's posts."""

    async def load() -> tuple[dict[int, list[ActionRow]], Siblings[ActionRow]]:
        async with context.read() as (connection, _):
            found = await actions.of_posts(
                connection, [row.id for row in group.rows], first=first, after=after
            )
        return found, _all(found.values())

    return await group.once(("responses", first, after), load)


async def people(
    context: Context, group: Posts | Siblings[ActionRow], column: str
) -> tuple[dict[int, MemberRow], Members]:
    """The members whom a column of a list's rows names (author, actor, target)."""

    async def load() -> tuple[dict[int, MemberRow], Members]:
        ids = sorted({i for row in group.rows if (i := getattr(row, column)) is not None})
        async with context.read() as (connection, _):
            found = await members.by_ids(connection, ids)
        unique = {row.id: row for row in found.values()}
        return found, Siblings(list(unique.values()))

    return await group.once(("people", column), load)


async def linked_posts(
    context: Context, group: Posts | Siblings[ActionRow], column: str
) -> tuple[dict[int, PostRow], Posts]:
    """The posts that a column of a list's rows names (root, parent, post, wrote)."""

    async def load() -> tuple[dict[int, PostRow], Posts]:
        ids = sorted({i for row in group.rows if (i := getattr(row, column)) is not None})
        async with context.read() as (connection, _):
            found = await posts.by_ids(connection, ids)
        return found, Siblings(list(found.values()))

    return await group.once(("posts", column), load)


def _ids(group: Members) -> list[int]:
    return [row.id for row in group.rows]


def _all(lists: Iterable[list[Row]]) -> Siblings[Row]:
    return Siblings([row for one in lists for row in one])
