"""The reference page of the action types, written from the catalog so that it cannot go stale."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from engagement.words import INDICES, ActionType, DistinctBy, Index, RuleSet, Side

_INTRODUCTION = """\
# Action types

Written from the catalog of the rule set `{name}` by `engagement/rules_page.py`; change
`engagement/rules.toml`, not this page. How to read and change the settings:
[Adapt the rules](../how-to/adapt-rules.md).

- **Index**: what an action of this type counts toward; – is known, kept, and worth nothing.
- **Points** for each; where a text is judged ("judged"), times the percent of its grade.
- **A day**: how many count per member and day; – is no limit.
- **Earned by** the one who acts, or the one it is done to (received).
- **Distinct**: what the guard `distinct_members` counts: members on the other side, or days.
"""

_HEADER = """\
| verb | action | 行動 | index | points | a day | earned by | distinct | why |
|---|---|---|---|---|---|---|---|---|
"""


def action_types_page(rules: RuleSet) -> str:
    """The page docs/reference/action-types.md as Markdown, ending in a line break."""
    venues = dict.fromkeys(row.venue for row in rules.catalog)
    parts = [_INTRODUCTION.format(name=_cell(rules.name)), _overview(venues, rules.catalog)]
    for venue in venues:
        rows = "".join(_row(row) for row in rules.catalog if row.venue == venue)
        parts.append(f"## `{venue}`\n\n{_HEADER}{rows}")
    return "\n".join(parts)


def _overview(venues: Iterable[str], catalog: tuple[ActionType, ...]) -> str:
    """How many action types each venue has in each index, with totals."""
    columns: tuple[Index | None, ...] = (*INDICES, None)
    count = Counter((row.venue, row.index) for row in catalog)
    lines = [
        f"## All {len(catalog)}\n",
        f"| venue | {' | '.join(index or '–' for index in columns)} | all |",
        "|---|" + "---|" * (len(columns) + 1),
    ]
    for venue in venues:
        numbers = [count[venue, index] for index in columns]
        lines.append(_line(f"`{venue}`", *numbers, sum(numbers)))
    totals = [sum(row.index == index for row in catalog) for index in columns]
    lines.append(_line("all", *totals, len(catalog)))
    return "\n".join(lines) + "\n"


def _row(row: ActionType) -> str:
    points = f"{row.points}, judged" if row.quality else str(row.points)
    cells = (
        f"`{row.verb}`",
        _cell(row.en),
        _cell(row.ja),
        row.index or "–",
        points if row.index else "–",
        str(row.daily_cap or "–") if row.index else "–",
        ("received" if row.earns is Side.RECEIVED else "given") if row.index else "–",
        "days" if row.distinct_by is DistinctBy.DAY else "members",
        _cell(row.reason),
    )
    return _line(*cells) + "\n"


def _line(*cells: object) -> str:
    return f"| {' | '.join(str(cell) for cell in cells)} |"


def _cell(text: str) -> str:
    """Text that cannot end a table cell or begin markup."""
    for mark in "\\|`*_<[":
        text = text.replace(mark, "\\" + mark)
    return text
