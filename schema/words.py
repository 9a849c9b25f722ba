"""The words of the method as GraphQL enums; to be imported before types that use them.

Registering leaves the classes as they are: they stay those of engagement/ and sources/.
"""

from __future__ import annotations

from enum import StrEnum

import strawberry

from engagement.words import Cause, DistinctBy, Grade, Index, Role, Side, Status
from sources.records import Direction, PostState, Precision
from store import keys


class Scope(StrEnum):
    """What a caller may do: as a key says, or as somebody who proved which member they are."""

    SITE = keys.Scope.SITE.value
    MANAGER = keys.Scope.MANAGER.value
    MEMBER = "member"


strawberry.enum(
    Scope,
    description="What a caller may do: SITE and MANAGER come with a key, MEMBER with a token.",
)
strawberry.enum(Index, description="The four indices, from the highest hurdle to the lowest.")
strawberry.enum(
    Status,
    description="The one label a member carries: contributor 貢献, connector 交流, fan 好意, "
    "supporter 応援, newcomer 新規, dormant 休眠, member 一般.",
)
strawberry.enum(Cause, description="Why a status changed.")
strawberry.enum(Role, description="Who somebody is to the community; only a MEMBER has a standing.")
strawberry.enum(
    Side,
    description="From which side a member sees an action. OWN is what they did to a post of their "
    "own, which is worth nothing.",
)
strawberry.enum(
    Grade, description="What the verdict on a text makes of an action; NONE: not judged."
)
strawberry.enum(DistinctBy, description="What the guard `distinct_members` counts.")
strawberry.enum(Precision, description="How well a time is known; only EXACT times order actions.")
strawberry.enum(
    PostState, description="Whether a post can be read; DELETED takes back its writing."
)
strawberry.enum(Direction, description="Which total of a member a counter is.")

__all__ = [
    "Cause",
    "Direction",
    "DistinctBy",
    "Grade",
    "Index",
    "PostState",
    "Precision",
    "Role",
    "Scope",
    "Side",
    "Status",
]
