"""For schemathesis: values of the schema's scalars, right ones and odd ones, and what is wrong."""

from __future__ import annotations

import re
from typing import Any

import schemathesis
from hypothesis import strategies as st
from schemathesis.graphql import nodes

from api.errors import CODES
from schema.errors import CODES as FIELD_CODES

_DATES = st.dates().map(str) | st.sampled_from(["2026-02-30", "", "0000-00-00", "x"])
_TIMES = st.datetimes().map(lambda one: f"{one.isoformat()}Z") | st.sampled_from(
    ["2026-01-01T00:00:00", "2026-01-01T25:00:00Z", "9999-12-31T23:59:59-23:59", ""]
)
_COUNTS = st.integers(-(2**70), 2**70)

schemathesis.graphql.scalar("Date", _DATES.map(nodes.String))
schemathesis.graphql.scalar("DateTime", _TIMES.map(nodes.String))
schemathesis.graphql.scalar("Count", _COUNTS.map(nodes.Int))
schemathesis.graphql.scalar("JSON", st.text().map(nodes.String) | st.integers().map(nodes.Int))

_CODES = frozenset(CODES) - {"INTERNAL", "UNAVAILABLE", "TIMEOUT"} | frozenset(FIELD_CODES)
_INSIDE = re.compile(r"Traceback|asyncpg|\.py\b|select .* from|sqlstate", re.IGNORECASE)


@schemathesis.check
def told_what_is_wrong(_context: Any, response: Any, _case: Any) -> None:
    """An error is one that a caller may do something about, and tells nothing of the inside.

    schemathesis takes every error for a fault of the server; but a page of 10,000 must be refused.
    """
    assert response.status_code < 500, response.status_code
    assert not _INSIDE.search(response.text), response.text
    for error in response.json().get("errors", ()):
        assert error["extensions"]["code"] in _CODES, error
