"""A parsed rule file (plain dicts and lists) becomes a RuleSet, or the list of its mistakes.

Each key has a reader that returns the value or raises ``_Wrong`` with what would be right. Checks
that need several keys run only on what was read without a mistake, so that one slip is reported
once.
"""

from __future__ import annotations

import difflib
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from engagement.toml_lines import Path
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

_WORD = re.compile(r"[a-z][a-z0-9_]*(?:\.[a-z0-9_]+)*")
_BAD_LINE = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")

#: Found mistakes: where, and what is wrong and would be right.
Found = list[tuple[Path, str]]


class _Wrong(Exception):
    """A reader's refusal; never leaves this module."""


@dataclass(frozen=True, slots=True)
class _Key:
    read: Callable[[Any], Any]
    required: bool = True


def show(value: object) -> str:
    """A value as the file has it, cut to a readable length, safe to print."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, Decimal):
        text = str(value)
    elif isinstance(value, int) and abs(value) >= 10**18:
        text = "a number beyond 18 digits"  # str() of thousands of digits raises
    elif isinstance(value, dict):
        text = "a table"
    elif isinstance(value, list):
        text = "a list"
    else:
        text = ascii(value)
    return text if len(text) <= 60 else text[:57] + "..."


def did_you_mean(word: str, known: object) -> str:
    """A hint with the nearest known word, or all known words when none is near."""
    words = sorted(str(item) for item in known)  # type: ignore[attr-defined]
    near = difflib.get_close_matches(word, words, n=1)
    return f"did you mean {near[0]!r}?" if near else f"expected one of {', '.join(words)}"


def _whole(least: int, most: int) -> Callable[[object], int]:
    def read(value: object) -> int:
        if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
            raise _Wrong(f"is {show(value)}; expected a whole number from {least} to {most}")
        return value

    return read


def _percent_of_ratio(value: object) -> int:
    right = "expected a decimal above 0 and up to 1 in whole percents, such as 0.9"
    if isinstance(value, int) and not isinstance(value, bool):
        value = Decimal(value) if abs(value) < 1_000 else None
    if not isinstance(value, Decimal) or not value.is_finite() or not 0 < value <= 1:
        raise _Wrong(f"is {show(value)}; {right}")
    percent = value * 100
    if percent != int(percent):
        raise _Wrong(f"is {show(value)}; {right}")
    return int(percent)


def _line(most: int, what: str) -> Callable[[object], str]:
    def read(value: object) -> str:
        if not isinstance(value, str):
            raise _Wrong(f"is {show(value)}; expected {what} in quotes")
        if not value.strip():
            raise _Wrong(f"is empty; expected {what}")
        if len(value) > most:
            raise _Wrong(f"has {len(value)} characters; at most {most} are allowed")
        if _BAD_LINE.search(value):
            raise _Wrong(f"is {show(value)}; expected one line without control characters")
        return value

    return read


def _word(value: object) -> str:
    if not isinstance(value, str) or len(value) > 64 or not _WORD.fullmatch(value):
        raise _Wrong(
            f"is {show(value)}; expected up to 64 lower-case letters, digits and '_', starting "
            'with a letter, such as "best_answer"'
        )
    return value


def _choice(known: Mapping[str, Any]) -> Callable[[object], Any]:
    def read(value: object) -> Any:
        if not isinstance(value, str) or value not in known:
            raise _Wrong(
                f"is {show(value)}; {did_you_mean(str(show(value)).strip(chr(39)), known)}"
            )
        return known[value]

    return read


def _yes_no(value: object) -> bool:
    if not isinstance(value, bool):
        raise _Wrong(f"is {show(value)}; expected true or false")
    return value


def _anything(value: object) -> object:
    return value


_TOP = {
    "name": _Key(_line(100, "a name")),
    "window_days": _Key(_whole(1, MAX_WINDOW_DAYS)),
    "precedence": _Key(_anything),
    "lifecycle": _Key(_anything, required=False),
    "thresholds": _Key(_anything),
    "multipliers": _Key(_anything),
    "actions": _Key(_anything),
}
_LIFECYCLE = {
    "newcomer_days": _Key(_whole(0, MAX_DAYS), required=False),
    "dormant_after_days": _Key(_whole(1, MAX_DAYS), required=False),
    "rule_change_grace_days": _Key(_whole(0, MAX_DAYS), required=False),
}
_THRESHOLD = {
    "enter": _Key(_whole(1, MAX_ENTER)),
    "exit_ratio": _Key(_percent_of_ratio, required=False),
    "min_hold_days": _Key(_whole(0, MAX_DAYS), required=False),
    "guards": _Key(_anything, required=False),
}
_GUARDS = {
    "distinct_members": _Key(_whole(1, MAX_CAP), required=False),
    "distinct_days": _Key(_whole(1, MAX_WINDOW_DAYS), required=False),
    "k_of": _Key(_whole(1, 2), required=False),
}
_INDEX_WORDS: Mapping[str, Index | None] = {**{i.value: i for i in Index}, "none": None}
_ACTION = {
    "venue": _Key(_word),
    "verb": _Key(_word),
    "index": _Key(_choice(_INDEX_WORDS), required=False),
    "earns": _Key(_choice({"given": Side.GIVEN, "received": Side.RECEIVED}), required=False),
    "points": _Key(_whole(0, MAX_POINTS)),
    "daily_cap": _Key(_whole(1, MAX_CAP), required=False),
    "distinct_by": _Key(_choice({d.value: d for d in DistinctBy}), required=False),
    "quality": _Key(_yes_no, required=False),
    "en": _Key(_line(100, "an English label")),
    "ja": _Key(_line(100, "a Japanese label")),
    "reason": _Key(_line(500, "the reason for this index and weight")),
}
_GRADES = {grade.name.lower(): grade for grade in Grade}


def read_rules(document: Mapping[str, Any]) -> RuleSet | Found:
    """The rule set of a parsed file, or everything that is wrong with it (never both)."""
    found: Found = []
    top = _table(document, (), _TOP, found)
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


def _table(value: object, path: Path, keys: Mapping[str, _Key], found: Found) -> dict[str, Any]:
    """The keys of one table that could be read; absent and wrong ones are left out."""
    if not isinstance(value, Mapping):
        found.append((path, f"is {show(value)}; expected a table with {', '.join(keys)}"))
        return {}
    kept: dict[str, Any] = {}
    for name, key in keys.items():
        if name not in value:
            if key.required:
                found.append(((*path, name), "is missing; it is required"))
            continue
        try:
            kept[name] = key.read(value[name])
        except _Wrong as wrong:
            found.append(((*path, name), str(wrong)))
    found.extend(
        ((*path, name), f"is not a key here; {did_you_mean(name, keys)}")
        for name in value
        if name not in keys
    )
    return kept


def _read_lifecycle(value: object, found: Found) -> Lifecycle:
    path: Path = ("lifecycle",)
    before = len(found)
    lifecycle = Lifecycle(**_table(value, path, _LIFECYCLE, found))
    if len(found) == before and lifecycle.dormant_after_days < lifecycle.newcomer_days:
        found.append(
            (
                (*path, "dormant_after_days"),
                f"is {lifecycle.dormant_after_days}; expected at least newcomer_days "
                f"({lifecycle.newcomer_days}): nobody is dormant while still a newcomer",
            )
        )
    return lifecycle


def _read_thresholds(value: object, found: Found) -> dict[Index, Threshold]:
    if value is None:
        return {}
    path: Path = ("thresholds",)
    tables = _table(value, path, {i.value: _Key(_anything) for i in INDICES}, found)
    thresholds: dict[Index, Threshold] = {}
    for name, table in tables.items():
        kept = _table(table, (*path, name), _THRESHOLD, found)
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
    kept = _table(value, path, _GUARDS, found)
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
    kept = _table(value, path, {name: _Key(_whole(0, MAX_PERCENT)) for name in _GRADES}, found)
    order = [name for name in ("solves", "partial", "impression", "off") if name in kept]
    for better, worse in zip(order, order[1:], strict=False):
        if kept[better] < kept[worse]:
            found.append(
                (
                    (*path, worse),
                    f"is {kept[worse]}; expected at most {kept[better]}, that of the better "
                    f"grade {better!r}",
                )
            )
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
        kept = _table(table, place, _ACTION, found)
        _check_worth(kept, place, found)
        if "venue" in kept and "verb" in kept:
            key = (kept["venue"], kept["verb"])
            if first.setdefault(key, number) != number:
                found.append(
                    (
                        (*place, "verb"),
                        f"is {key[1]!r} in venue {key[0]!r}, as in actions[{first[key]}]; "
                        "expected each verb once in a venue",
                    )
                )
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
        found.append(
            (
                (*place, "points"),
                f"is 0 while index is {index.value}; expected at least 1, or no index for what "
                "is worth nothing",
            )
        )


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
            found.append(
                (
                    ("thresholds", index.value, "enter"),
                    f"is {threshold.enter}; expected at most {most_x100 // 100}, which is all that "
                    f"the action types of {index.value} can bring in {window} days",
                )
            )


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
