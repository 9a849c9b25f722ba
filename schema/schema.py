"""The whole schema, which ``schema.graphql`` is the reviewed text of."""

from __future__ import annotations

import strawberry
from strawberry.schema.config import StrawberryConfig

from schema.mutation import Mutation
from schema.offers import Offer
from schema.query import Query
from schema.rule_sets import RuleSet
from schema.scalars import COUNT, Count
from schema.scenarios import Scenario
from schema.scopes import GatedExecutor
from schema.subscription import Subscription
from schema.types import Action, Member, Post

schema = strawberry.Schema(
    query=Query,
    mutation=Mutation,
    subscription=Subscription,
    types=[Member, Post, Action, RuleSet, Scenario, Offer],
    execution_context_class=GatedExecutor,
    config=StrawberryConfig(scalar_map={Count: COUNT}),
)
