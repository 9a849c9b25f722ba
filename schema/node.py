"""Everything that has an id of its own."""

# ruff: noqa: D101 - the descriptions of types and fields are their docstrings

from __future__ import annotations

import strawberry

from schema.scopes import OWN, needs


@needs(*OWN)
@strawberry.interface(description="Something that `node` finds by its id.")
class Node:
    id: strawberry.ID = strawberry.field(description="Opaque, and the same for good.")
