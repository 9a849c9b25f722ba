"""A parsed rule file (plain dicts and lists) becomes a RuleSet, or the list of its mistakes.

Each key has a reader (toml_values), which returns the value or says what would be right. Checks
that need several keys run only on what was read without a mistake, so that one slip is reported
once.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any, Final

from engagement.toml_lines import Path
from engagement.toml_values import (
    Found,
    Key,
    a_line,
    a_word,
    anything,
    choice,
    did_you_mean,
    percent_of_ratio,
    read_table,
    show,
    whole,
    yes_no,
)
from engagement.words import (
    INDICES,
    PRECEDENCE_WORDS,
    ActionType,
    DistinctBy,
    Grade,
    Guards,
    Index,
    Lifecycle,
    RuleSet,
    Side,
    Threshold,
)

MAX_WINDOW_DAYS: Final = 730
MAX_POINTS: Final = 1_000
MAX_ENTER: Final = 100_000
MAX_DAYS: Final = 730
MAX_CAP: Final = 1_000
MAX_PERCENT: Final = 200
MAX_ACTIONS: Final = 5_000


_TOP = {
    "name": Key(a_line(100, "a name")),
    "window_days": Key(whole(1, MAX_WINDOW_DAYS)),
    "precedence": Key(anything),
    "lifecycle": Key(anything, required=False),
    "thresholds": Key(anything),
    "multipliers": Key(anything),
    "actions": Key(anything),
}
_LIFECYCLE = {
    "newcomer_days": Key(whole(0, MAX_DAYS), required=False),
    "dormant_after_days": Key(whole(1, MAX_DAYS), required=False),
    "rule_change_grace_days": Key(whole(0, MAX_DAYS), required=False),
}
_THRESHOLD = {
    "enter": Key(whole(1, MAX_ENTER)),
    "exit_ratio": Key(percent_of_ratio, required=False),
    "min_hold_days": Key(whole(0, MAX_DAYS), required=False),
    "guards": Key(anything, required=False),
}
_GUARDS = {
    "distinct_members": Key(whole(1, MAX_CAP), required=False),
    "distinct_days": Key(whole(1, MAX_WINDOW_DAYS), required=False),
    "k_of": Key(whole(1, 2), required=False),
}
_INDEX_WORDS: Mapping[str, Index | None] = {**{i.value: i for i in Index}, "none": None}
_ACTION = {
    "venue": Key(a_word),
    "verb": Key(a_word),
    "index": Key(choice(_INDEX_WORDS), required=False),
    "earns": Key(choice({"given": Side.GIVEN, "received": Side.RECEIVED}), required=False),
    "points": Key(whole(0, MAX_POINTS)),
    "daily_cap": Key(whole(1, MAX_CAP), required=False),
    "distinct_by": Key(choice({d.value: d for d in DistinctBy}), required=False),
    "quality": Key(yes_no, required=False),
    "en": Key(a_line(100, "an English label")),
    "ja": Key(a_line(100, "a Japanese label")),
    "reason": Key(a_line(500, "the reason for this index and weight")),
}
_GRADES = {grade.name.lower(): grade for grade in Grade}


def read_rules(document: Mapping[str, Any]) -> RuleSet | Found:
    """The rule set of a parsed file, or everything that is wrong with it (never both)."""
    found: Found = []
    top = read_table(document, (), _TOP, found)
    lifecycle = _read_lifecycle(top.get("lifecycle", {}), found)
    thresholds = _read_thresholds(top.get("thresholds"), found)
    precedence = _read_precedence(top.get("precedence"), found)
    multipliers = _read_multipliers(top.get("multipliers"), found)
    catalog = _read_catalog(top.get("actions"), found)
    window = top.get("window_days")
    if window is not None:
        _check_guard_days(thresholds, window, found)
        if not any(path[:1] in {("actions",), ("multipliers",)} for path, _ in found):
            _check_reachable(thresholds, catalog, window, max(multipliers.values()), found)
    if found:
        return found
    return RuleSet(
        name=top["name"],
        window_days=top["window_days"],
        thresholds=thresholds,
        lifecycle=lifecycle,
        precedence=precedence,
        multipliers=multipliers,
        catalog=catalog,
    )


def _read_lifecycle(value: object, found: Found) -> Lifecycle:
    path: Path = ("lifecycle",)
    before = len(found)
    lifecycle = Lifecycle(**read_table(value, path, _LIFECYCLE, found))
    if len(found) == before and lifecycle.dormant_after_days < lifecycle.newcomer_days:
        message = (
            f"is {lifecycle.dormant_after_days}; expected at least newcomer_days "
            f"({lifecycle.newcomer_days}): nobody is dormant while still a newcomer"
        )
        found.append(((*path, "dormant_after_days"), message))
    return lifecycle


def _read_thresholds(value: object, found: Found) -> dict[Index, Threshold]:
    if value is None:
        return {}
    path: Path = ("thresholds",)
    tables = read_table(value, path, {i.value: Key(anything) for i in INDICES}, found)
    thresholds: dict[Index, Threshold] = {}
    for name, table in tables.items():
        kept = read_table(table, (*path, name), _THRESHOLD, found)
        guards = _read_guards(kept.get("guards", {}), (*path, name, "guards"), found)
        if "enter" in kept:
            thresholds[Index(name)] = Threshold(
                enter=kept["enter"],
                exit_percent=kept.get("exit_ratio", 90),
                min_hold_days=kept.get("min_hold_days", 14),
                guards=guards,
            )
    return thresholds


def _read_guards(value: object, path: Path, found: Found) -> Guards:
    before = len(found)
    kept = read_table(value, path, _GUARDS, found)
    there = len(kept.keys() & {"distinct_members", "distinct_days"})
    k_of = kept.setdefault("k_of", there)
    if len(found) == before and k_of > there:
        right = f"expected at most {there}, the number of guards set here"
        if there == 0:
            right = "expected distinct_members or distinct_days beside it"
        found.append(((*path, "k_of"), f"is {k_of}; {right}"))
    return Guards(**kept)


def _read_precedence(value: object, found: Found) -> tuple[str, ...]:
    path: Path = ("precedence",)
    if value is None:
        return ()
    if not isinstance(value, list):
        found.append((path, f"is {show(value)}; expected a list of words in quotes"))
        return ()
    before = len(found)
    for number, word in enumerate(value):
        if not isinstance(word, str) or word not in PRECEDENCE_WORDS:
            hint = did_you_mean(word if isinstance(word, str) else "", PRECEDENCE_WORDS)
            found.append(((*path, number), f"is {show(word)}; {hint}"))
        elif word in value[:number]:
            found.append(((*path, number), f"is {word!r} again; expected every word once"))
    if len(found) > before:
        return ()
    if missing := sorted(PRECEDENCE_WORDS.difference(value)):
        found.append((path, f"lacks {', '.join(missing)}; expected every word once"))
    elif value[-1] != "member":
        found.append(
            (path, "goes on after 'member', which always applies; expected 'member' at the end")
        )
    return tuple(value)


def _read_multipliers(value: object, found: Found) -> dict[Grade, int]:
    if value is None:
        return {}
    path: Path = ("multipliers",)
    kept = read_table(value, path, {name: Key(whole(0, MAX_PERCENT)) for name in _GRADES}, found)
    order = [name for name in ("solves", "partial", "impression", "off") if name in kept]
    for better, worse in itertools.pairwise(order):
        if kept[better] < kept[worse]:
            most = f"at most {kept[better]}, that of the better grade {better!r}"
            found.append(((*path, worse), f"is {kept[worse]}; expected {most}"))
    return {_GRADES[name]: percent for name, percent in kept.items()}


def _read_catalog(value: object, found: Found) -> tuple[ActionType, ...]:
    path: Path = ("actions",)
    if value is None:
        return ()
    if not isinstance(value, list) or not 1 <= len(value) <= MAX_ACTIONS:
        found.append((path, f"expected 1 to {MAX_ACTIONS} tables, each headed [[actions]]"))
        return ()
    rows: list[ActionType] = []
    first: dict[tuple[str, str], int] = {}
    for number, table in enumerate(value):
        place: Path = (*path, number)
        before = len(found)
        kept = read_table(table, place, _ACTION, found)
        _check_worth(kept, place, found)
        if "venue" in kept and "verb" in kept:
            key = (kept["venue"], kept["verb"])
            if first.setdefault(key, number) != number:
                message = (
                    f"is {key[1]!r} in venue {key[0]!r}, as in actions[{first[key]}]; "
                    "expected each verb once in a venue"
                )
                found.append(((*place, "verb"), message))
        if len(found) == before:
            rows.append(_row(kept))
    return tuple(rows)


def _row(kept: Mapping[str, Any]) -> ActionType:
    optional = {
        "index": None,
        "earns": Side.GIVEN,
        "daily_cap": None,
        "distinct_by": DistinctBy.MEMBER,
        "quality": False,
    }
    return ActionType(**{**optional, **kept})


def _check_worth(kept: Mapping[str, Any], place: Path, found: Found) -> None:
    """Points and index belong together: neither means anything without the other."""
    points, index = kept.get("points"), kept.get("index")
    if points is None or any(path == (*place, "index") for path, _ in found):
        return
    if points > 0 and index is None:
        names = ", ".join(i.value for i in INDICES)
        found.append(
            ((*place, "index"), f"is none while points is {points}; expected {names}, or 0 points")
        )
    if points == 0 and index is not None:
        right = "expected at least 1, or no index for what is worth nothing"
        found.append(((*place, "points"), f"is 0 while index is {index.value}; {right}"))


def _check_guard_days(thresholds: Mapping[Index, Threshold], window: int, found: Found) -> None:
    for index, threshold in thresholds.items():
        days = threshold.guards.distinct_days
        if days is not None and days > window:
            found.append(
                (
                    ("thresholds", index.value, "guards", "distinct_days"),
                    f"is {days}; expected at most window_days ({window})",
                )
            )


def _check_reachable(
    thresholds: Mapping[Index, Threshold],
    catalog: tuple[ActionType, ...],
    window: int,
    best_percent: int,
    found: Found,
) -> None:
    """A threshold that nobody can ever meet is a slip, not a rule."""
    for index, most_x100 in _most_x100(catalog, window, best_percent):
        threshold = thresholds.get(index)
        if threshold is not None and most_x100 is not None and most_x100 < threshold.enter_x100:
            message = (
                f"is {threshold.enter}; expected at most {most_x100 // 100}, which is all that the "
                f"action types of {index.value} can bring in {window} days"
            )
            found.append((("thresholds", index.value, "enter"), message))


def _most_x100(
    catalog: tuple[ActionType, ...], window: int, best_percent: int
) -> Iterator[tuple[Index, int | None]]:
    """Per index the most points, times 100, in a window; None where a type has no daily cap."""
    most: Counter[Index] = Counter()
    endless: set[Index] = set()
    for row in catalog:
        if row.index is not None:
            percent = best_percent if row.quality else 100
            most[row.index] += row.points * (row.daily_cap or 0) * percent * window
            if row.daily_cap is None and percent:
                endless.add(row.index)
    for index in INDICES:
        yield index, None if index in endless else most[index]
