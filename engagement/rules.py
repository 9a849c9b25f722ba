"""Rule sets as TOML: load, write, fingerprint and compare them; and the one Ikusei comes with.

The format is documented by the comments in rules.toml. Nothing here decides a status.
"""

from __future__ import annotations

import functools
import hashlib
import importlib.resources
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import tomli_w

from engagement import toml_file
from engagement.rules_read import read_rules
from engagement.toml_file import Mistakes
from engagement.words import INDICES, ActionType, DistinctBy, Grade, RuleSet, Side, Threshold


class RuleErrors(Mistakes):
    """A text is not a rule set; ``mistakes`` holds all that is wrong, in the order of the file."""


@dataclass(frozen=True, slots=True)
class Change:
    """One setting that differs; ``before`` is None for what is new, ``after`` for what is gone."""

    place: str
    before: str | None
    after: str | None

    def __str__(self) -> str:
        if self.before is None:
            return f"+ {self.place}: {self.after}"
        if self.after is None:
            return f"- {self.place}: {self.before}"
        return f"~ {self.place}: {self.before} -> {self.after}"


@functools.lru_cache(maxsize=16)
def load(text: str) -> RuleSet:
    """The rule set written in ``text``; of the same text mostly the same object.

    Raises RuleErrors, and nothing else, with every mistake in it.
    """
    return toml_file.read(text, read_rules, RuleErrors)


@functools.cache
def default() -> RuleSet:
    """The rule set that Ikusei comes with (rules.toml in this package); always the same object."""
    file = importlib.resources.files("engagement").joinpath("rules.toml")
    return load(file.read_text(encoding="utf-8"))


def dump(rules: RuleSet) -> str:
    """``rules`` as TOML; ``load(dump(rules)) == rules`` for every rule set that ``load`` made."""
    return tomli_w.dumps(_plain(rules), multiline_strings=False)


def checksum(rules: RuleSet) -> str:
    """64 hexadecimal digits (SHA-256), equal if and only if ``diff`` finds nothing.

    Comments, layout, defaults written out or not, and the order of the catalog do not matter.
    """
    plain = _plain(rules)
    plain["actions"] = sorted(plain["actions"], key=lambda row: (row["venue"], row["verb"]))
    text = json.dumps(plain, sort_keys=True, ensure_ascii=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def diff(a: RuleSet, b: RuleSet) -> tuple[Change, ...]:
    """What must be changed in ``a`` to get ``b``, a line per setting: settings first, then rows."""
    changes = _compare(_settings(a), _settings(b))
    before = {row.key: _row_settings(row) for row in a.catalog}
    after = {row.key: _row_settings(row) for row in b.catalog}
    for key in (*before, *(key for key in after if key not in before)):
        place = f"actions {key[0]} {key[1]}"
        if key not in after:
            changes.append(Change(place, _summary(before[key]), None))
        elif key not in before:
            changes.append(Change(place, None, _summary(after[key])))
        else:
            changes += [
                Change(f"{place} {change.place}", change.before, change.after)
                for change in _compare(before[key], after[key])
            ]
    return tuple(changes)


def _plain(rules: RuleSet) -> dict[str, Any]:
    """The document that ``load`` reads: strings, numbers, lists and tables."""
    return {
        "name": rules.name,
        "window_days": rules.window_days,
        "precedence": list(rules.precedence),
        "lifecycle": {
            "newcomer_days": rules.lifecycle.newcomer_days,
            "dormant_after_days": rules.lifecycle.dormant_after_days,
            "rule_change_grace_days": rules.lifecycle.rule_change_grace_days,
        },
        "thresholds": {
            index.value: _plain_threshold(rules.thresholds[index])
            for index in INDICES
            if index in rules.thresholds
        },
        "multipliers": {
            grade.name.lower(): rules.multipliers[grade]
            for grade in Grade
            if grade in rules.multipliers
        },
        "actions": [_plain_action(row) for row in rules.catalog],
    }


def _plain_threshold(threshold: Threshold) -> dict[str, Any]:
    guards = {
        "distinct_members": threshold.guards.distinct_members,
        "distinct_days": threshold.guards.distinct_days,
    }
    there = {name: least for name, least in guards.items() if least is not None}
    if there:
        there["k_of"] = threshold.guards.k_of
    return {
        "enter": threshold.enter,
        "exit_ratio": threshold.exit_percent / 100,  # shortest form: 90 -> 0.9, read back exactly
        "min_hold_days": threshold.min_hold_days,
        **({"guards": there} if there else {}),
    }


def _plain_action(row: ActionType) -> dict[str, Any]:
    """The keys of a row that differ from what an absent key means."""
    return {
        "venue": row.venue,
        "verb": row.verb,
        **({"index": row.index.value} if row.index is not None else {}),
        **({"earns": "received"} if row.earns is Side.RECEIVED else {}),
        "points": row.points,
        **({"daily_cap": row.daily_cap} if row.daily_cap is not None else {}),
        **({"distinct_by": "day"} if row.distinct_by is DistinctBy.DAY else {}),
        **({"quality": True} if row.quality else {}),
        "en": row.en,
        "ja": row.ja,
        "reason": row.reason,
    }


def _settings(rules: RuleSet) -> dict[str, str]:
    """Everything but the catalog, flat: dotted place -> text."""
    plain = _plain(rules)
    flat = {
        "name": plain["name"],
        "window_days": str(plain["window_days"]),
        "precedence": ", ".join(plain["precedence"]),
    }
    for table in ("lifecycle", "thresholds", "multipliers"):
        flat |= _flatten(table, plain[table])
    return flat


def _flatten(place: str, table: Mapping[str, Any]) -> dict[str, str]:
    flat: dict[str, str] = {}
    for name, value in table.items():
        if isinstance(value, dict):
            flat |= _flatten(f"{place}.{name}", value)
        else:
            flat[f"{place}.{name}"] = str(value)
    return flat


def _row_settings(row: ActionType) -> dict[str, str]:
    return {
        "index": row.index.value if row.index is not None else "none",
        "earns": row.earns.name.lower(),
        "points": str(row.points),
        "daily_cap": str(row.daily_cap) if row.daily_cap is not None else "none",
        "distinct_by": row.distinct_by.value,
        "quality": str(row.quality).lower(),
        "en": row.en,
        "ja": row.ja,
        "reason": row.reason,
    }


def _summary(settings: Mapping[str, str]) -> str:
    worth = ", ".join(
        f"{name} {settings[name]}" for name in ("index", "points", "daily_cap", "earns")
    )
    return f"{settings['en']} ({worth})"


def _compare(a: Mapping[str, str], b: Mapping[str, str]) -> list[Change]:
    names = (*a, *(name for name in b if name not in a))
    return [Change(name, a.get(name), b.get(name)) for name in names if a.get(name) != b.get(name)]
