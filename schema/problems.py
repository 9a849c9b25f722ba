"""What mutations answer where something cannot be done."""

# ruff: noqa: D101 - the descriptions of types and fields are their docstrings

from __future__ import annotations

import strawberry

from schema.receipts import Problem
from schema.scopes import ALL, needs


@needs(*ALL)
@strawberry.type(description="It cannot be done, or not to this member, rule set or goal.")
class NotPossible(Problem):
    pass
