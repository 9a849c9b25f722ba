"""Cursors that somebody made up are refused, or are a place in the list."""

from __future__ import annotations

import json
from base64 import urlsafe_b64encode
from itertools import product
from typing import Any

import pytest

from store.db import Database
from tests.schema.asking import Asker, community, likes, seed

pytestmark = pytest.mark.slow

ORDERS = (("ID", "DESC"), ("NAME", "ASC"), ("SINCE", "DESC"), ("SUPPORT", "ASC"))
EDGES = (0, -1, 2**31 - 1, 1 - 2**31, 2**31, -(2**31), 10**12, 2**63 - 1, 2**63, -(2**63), 10**30)
#: List, order in its cursor, parts of the cursor, and whether the last is of 64 bits.
LISTS = [
    *(
        (
            f"members(first: 1, after: $after, orderBy: {order}, direction: {direction}, %s)",
            f"{order.lower()} {direction.lower()}",
            2,
            False,
        )
        for order, direction in ORDERS
    ),
    ("posts(first: 1, after: $after)", "posts", 2, False),
    ("ruleSets(first: 1, after: $after)", "rule_sets", 1, False),
    ('member(name: "Member 0001") { at: history(first: 1, after: $after)', "history", 1, False),
    (
        'member(name: "Member 0001") { at: transitions(first: 1, after: $after)',
        "transitions",
        1,
        True,
    ),
    ('member(name: "Member 0001") { at: actions(first: 1, after: $after)', "actions", 2, True),
    ('member(name: "Member 0001") { at: posts(first: 1, after: $after)', "posts", 2, False),
    (
        'post(source: "site", externalId: "q1") { at: replies(first: 1, after: $after)',
        "replies",
        2,
        False,
    ),
    (
        'post(source: "site", externalId: "q1") { at: actions(first: 1, after: $after)',
        "actions",
        2,
        True,
    ),
]


def fits(order: str, parts: tuple[Any, ...], *, big: bool) -> bool:
    *rest, last = parts
    # Points are of 64 bits; and whoever stands nowhere since 2^31 days before all days.
    bits = 63 if order.startswith(("since", "support")) else 31
    small = all(isinstance(p, str) or abs(p) < 2**bits for p in rest)
    return small and abs(last) < 2 ** (63 if big else 31)


@pytest.mark.parametrize(("call", "order", "parts", "big"), LISTS)
async def test_no_cursor_is_a_mistake_of_ours(
    database: Database, ask: Asker, call: str, order: str, parts: int, big: bool
) -> None:
    await seed(database, [*community(3), *likes("m1", 2)])
    documents = [call]
    if "%s" in call:
        # What is kept, and a day of which everybody's standing is worked out first.
        documents = [call % "filter: {known: true}", call % 'asOf: "2026-02-20"']
    keys: list[tuple[Any, ...]] = [(edge,) for edge in EDGES]
    if parts == 2:
        firsts = ("a", "", "\U0001f600" * 255) if order.startswith("name") else EDGES
        keys = [*((firsts[0], edge) for edge in EDGES), *((first, 1) for first in firsts)]
    for document, key in product(documents, keys):
        text = f"query ($after: String) {{ {document} {{ nodes {{ __typename }} }}"
        text += " }" * (document.count("{ at:") + 1)
        result = await ask.result(text, after=_written(order, *key))
        codes = [(error.extensions or {}).get("code") for error in result.errors or ()]
        assert codes == ([] if fits(order, key, big=big) else ["BAD_CURSOR"]), (
            text,
            key,
            result.errors,
        )


def _written(*parts: object) -> str:
    """Also of what we would never write."""
    return urlsafe_b64encode(json.dumps(parts, ensure_ascii=False).encode()).decode().rstrip("=")
