"""The reference page of the scopes, written from what the schema states on every field.

``python -m api.scopes_page`` writes docs/reference/scopes.md again; a test holds it equal.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from graphql import GraphQLSchema

from schema.schema import schema
from schema.scopes import stated
from store.keys import Scope

Stated = Mapping[tuple[str, str], frozenset[Scope]]

_INTRODUCTION: Final = """\
# Scopes

Written by `python -m api.scopes_page` from the schema, which states on every field
(`@needs(scopes: …)`) the scopes of which a key must have one. Anything else is refused with
`FORBIDDEN` ([error codes](error-codes.md)); what states nothing is refused to everybody.

| scope | for | may |
|---|---|---|
| `site` | the site's server | record, retract, merge and erase members; read no member |
| `manager` | a manager's tools | read all, lock a status, change the rules; record nothing |

A key is made with the scopes it needs and no more, and shown once:

    ikusei keys create "the site" --scope site
    ikusei keys create "the dashboard" --scope manager --days 365

It is sent as `Authorization: Bearer ik_…`. Only its hash is kept. Keys of either scope belong on
servers, never in a browser or an app. `ikusei query` needs no key: whoever may start it on the
machine may do everything.
"""


def page() -> str:
    """The page docs/reference/scopes.md."""
    found = stated(graphql_schema())
    parts = [_INTRODUCTION]
    roots = {"Queries": "Query", "Mutations": "Mutation", "Subscriptions": "Subscription"}
    for title, type_ in roots.items():
        parts += [f"\n## {title}\n\n| field | `site` | `manager` |\n|---|---|---|\n"]
        parts += [
            _row(field, found[type_, field]) for name, field in sorted(found) if name == type_
        ]
    parts.append(_types(found))
    return "".join(parts)


def graphql_schema() -> GraphQLSchema:
    """The schema as graphql-core has it."""
    return schema._schema  # noqa: SLF001 - strawberry has no other name for it


def _row(field: str, scopes: frozenset[Scope]) -> str:
    marks = " | ".join("yes" if scope in scopes else "–" for scope in Scope)
    return f"| `{field}` | {marks} |\n"


def _types(found: Stated) -> str:
    """What a key with the scope ``site`` can read of the answers, type by type."""
    lines = [
        "\n## What `site` can read\n",
        "\nThe fields of answers that a key with `site` alone can ask for; `manager` can ask for",
        "\nall of every type.\n\n| type | fields |\n|---|---|\n",
    ]
    types = sorted({type_ for type_, _ in found} - {"Query", "Mutation", "Subscription"})
    for type_ in types:
        fields = [f for t, f in found if t == type_]
        open_ = [f for f in fields if Scope.SITE in found[type_, f]]
        if open_:
            said = "all" if len(open_) == len(fields) else ", ".join(f"`{f}`" for f in open_)
            lines.append(f"| `{type_}` | {said} |\n")
    return "".join(lines)


def write() -> None:
    """Write the page where it belongs."""
    place = Path(__file__).parent.parent / "docs" / "reference" / "scopes.md"
    place.write_text(page(), encoding="utf-8")


if __name__ == "__main__":
    write()
