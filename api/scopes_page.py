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
from schema.words import Scope

Stated = Mapping[tuple[str, str], frozenset[Scope]]

_INTRODUCTION: Final = """\
# Scopes

Written by `python -m api.scopes_page` from the schema, which states on every field
(`@needs(scopes: …)`) the scopes of which a caller must have one. Anything else is refused with
`FORBIDDEN` ([error codes](error-codes.md)); what states nothing is refused to everybody.

| scope | for | may |
|---|---|---|
| `site` | the site's server | record, retract, merge and erase members; read no member |
| `manager` | a manager's tools | read all, lock a status, change the rules; record nothing |
| `member` | a page that a member sees | ask where they stand, and nothing of anybody else |

A key is made with the scopes it needs and no more, and shown once:

    ikusei keys create "the site" --scope site
    ikusei keys create "the dashboard" --scope manager --days 365

It is sent as `Authorization: Bearer ik_…`. Only its hash is kept. Keys of either scope belong on
servers, never in a browser or an app. The scope `member` comes with no key: it comes with a token
that the site makes for a member who is logged in
([how to](../how-to/embed.md#what-members-see-of-themselves)). `ikusei query` needs neither: whoever
may start it on the machine may do everything.
"""


_HEADS: Final = " | ".join(f"`{scope.value}`" for scope in Scope)
_WITH: Final = {
    Scope.SITE: "a key with `site` alone",
    Scope.MEMBER: "a member's token",
}


def page() -> str:
    """The page docs/reference/scopes.md."""
    found = stated(graphql_schema())
    parts = [_INTRODUCTION]
    roots = {"Queries": "Query", "Mutations": "Mutation", "Subscriptions": "Subscription"}
    for title, type_ in roots.items():
        parts += [f"\n## {title}\n\n| field | {_HEADS} |\n|---{'|---' * len(Scope)}|\n"]
        parts += [
            _row(field, found[type_, field]) for name, field in sorted(found) if name == type_
        ]
    parts += [_types(found, scope) for scope in (Scope.SITE, Scope.MEMBER)]
    return "".join(parts)


def graphql_schema() -> GraphQLSchema:
    """The schema as graphql-core has it."""
    return schema._schema  # noqa: SLF001 - strawberry has no other name for it


def _row(field: str, scopes: frozenset[Scope]) -> str:
    marks = " | ".join("yes" if scope in scopes else "–" for scope in Scope)
    return f"| `{field}` | {marks} |\n"


def _types(found: Stated, scope: Scope) -> str:
    """What a caller with one scope alone can read of the answers, type by type."""
    lines = [
        f"\n## What `{scope.value}` can read\n\nThe fields of answers that {_WITH[scope]} can ask",
        "\nfor, where an answer leads to them; `manager` can ask for all of every type.\n",
        "\n| type | fields |\n|---|---|\n",
    ]
    types = sorted({type_ for type_, _ in found} - {"Query", "Mutation", "Subscription"})
    for type_ in types:
        fields = [f for t, f in found if t == type_]
        open_ = [f for f in fields if scope in found[type_, f]]
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
