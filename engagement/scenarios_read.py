"""A parsed scenario, policy, or file of both becomes what it means, or the list of its mistakes."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final

from engagement import messages
from engagement.history import RANKS
from engagement.messages import BadPattern
from engagement.scenario import (
    KINDS,
    LANGUAGES,
    PARTS,
    TRAITS,
    Caps,
    Kind,
    Policy,
    Scenario,
    Texts,
    Variant,
)
from engagement.toml_lines import Path
from engagement.toml_values import (
    Found,
    Key,
    Wrong,
    a_line,
    a_word,
    anything,
    choice,
    read_table,
    show,
    whole,
    yes_no,
)
from engagement.words import STATUSES, Status

MAX_SCENARIOS: Final = 200
MAX_HOLDOUT: Final = 50
MAX_COOL_DOWN: Final = 90
_MAX_CAP: Final = 100
_MAX_VARIANTS: Final = 10
_MAX_LIST: Final = 20
_MAX_PATTERN: Final = 2_000
_SURFACE: Final = re.compile(r"[a-z][a-z0-9_.-]{0,63}")


@dataclass(frozen=True, slots=True)
class Written:
    """What a text holds: a policy, if any, and scenarios, each with its place in the text."""

    policy: Policy | None
    scenarios: tuple[tuple[Path, Scenario], ...]


def read_file(document: Mapping[str, Any]) -> tuple[Policy, tuple[Scenario, ...]] | Found:
    """A policy and scenarios, as in scenarios.toml."""
    found: Found = []
    top = read_table(document, (), _FILE, found)
    policy = _read_policy(top.get("policy", {}), ("policy",), found)
    tables = top.get("scenarios", [])
    if not isinstance(tables, list) or len(tables) > MAX_SCENARIOS:
        found.append(
            (("scenarios",), f"expected at most {MAX_SCENARIOS} tables headed [[scenarios]]")
        )
        tables = []
    scenarios: list[Scenario] = []
    for number, table in enumerate(tables):
        place: Path = ("scenarios", number)
        scenario = _read_scenario(table, place, found)
        if scenario is None:
            continue
        if any(scenario.key == other.key for other in scenarios):
            found.append(((*place, "key"), f"is {scenario.key!r} again; expected each key once"))
        scenarios.append(scenario)
    return found or (policy, tuple(scenarios))


def read_written(document: Mapping[str, Any]) -> Written | Found:
    """What a text holds, in any of the three forms: a file of both, a scenario, or the policy."""
    named = document.keys()
    if not named & _FILE.keys():
        if named & (_SCENARIO.keys() - _POLICY.keys()):
            scenario = read_scenario(document)
            return scenario if isinstance(scenario, list) else Written(None, (((), scenario),))
        if named & _POLICY.keys():
            policy = read_policy(document)
            return policy if isinstance(policy, list) else Written(policy, ())
    read = read_file(document)
    if isinstance(read, list):
        return read
    whole_policy, scenarios = read
    return Written(
        whole_policy if "policy" in document else None,
        tuple((("scenarios", number), scenario) for number, scenario in enumerate(scenarios)),
    )


def read_scenario(document: Mapping[str, Any]) -> Scenario | Found:
    """One scenario, with its keys at the top."""
    found: Found = []
    scenario = _read_scenario(document, (), found)
    if found or scenario is None:
        return found
    return scenario


def read_policy(document: Mapping[str, Any]) -> Policy | Found:
    """The policy alone, with its keys at the top."""
    found: Found = []
    policy = _read_policy(document, (), found)
    return found or policy


def _surface(value: object) -> str:
    if not isinstance(value, str) or not _SURFACE.fullmatch(value):
        raise Wrong(
            f"is {show(value)}; expected up to 64 lower-case letters, digits, '_', '-' and '.', "
            'starting with a letter, such as "home"'
        )
    return value


def is_surface(name: str) -> bool:
    """Whether a surface can be called so."""
    return _SURFACE.fullmatch(name) is not None


def _list_of(read: Callable[[object], Any], what: str, *, least: int) -> Callable[[object], Any]:
    """A reader of a list of different things, as a tuple."""

    def read_list(value: object) -> tuple[Any, ...]:
        if not isinstance(value, list) or not least <= len(value) <= _MAX_LIST:
            raise Wrong(f"is {show(value)}; expected a list of {least} to {_MAX_LIST} {what}")
        items: list[Any] = []
        for item in value:
            one = read(item)
            if one in items:
                raise Wrong(f"has {show(item)} twice; expected each once")
            items.append(one)
        return tuple(items)

    return read_list


def _action_type(value: object) -> tuple[str, str]:
    if not isinstance(value, Mapping) or set(value) != {"venue", "verb"}:
        raise Wrong(f'holds {show(value)}; expected {{ venue = "qa", verb = "answer" }} and so on')
    return a_word(value["venue"]), a_word(value["verb"])


def _a_day(value: object) -> date:
    if not isinstance(value, date) or isinstance(value, datetime):
        raise Wrong(f"is {show(value)}; expected a day without quotes, such as 2026-11-21")
    return value


_FILE: Final = {
    "policy": Key(anything, required=False),
    "scenarios": Key(anything, required=False),
}
_CAPS: Final = {
    "session": Key(whole(0, _MAX_CAP), required=False),
    "day": Key(whole(0, _MAX_CAP), required=False),
    "week": Key(whole(0, _MAX_CAP), required=False),
}
_POLICY: Final = {
    "holdout_percent": Key(whole(0, MAX_HOLDOUT), required=False),
    "assume_consent": Key(yes_no, required=False),
    "reserve_minutes": Key(whole(1, 60), required=False),
    "asks_per_week": Key(whole(0, _MAX_CAP), required=False),
    "members_per_item": Key(whole(1, 10_000), required=False),
    "dismiss_days": Key(whole(0, MAX_COOL_DOWN), required=False),
    "snooze_days": Key(whole(0, MAX_COOL_DOWN), required=False),
    "falling_days": Key(whole(1, 60), required=False),
    "near_steps": Key(whole(1, 20), required=False),
    "caps": Key(anything, required=False),
    "surfaces": Key(anything, required=False),
}
_SCENARIO: Final = {
    "key": Key(a_word),
    "en": Key(a_line(100, "an English name")),
    "ja": Key(a_line(100, "a Japanese name")),
    "status": Key(choice({status.value: status for status in STATUSES})),
    "to": Key(choice({status.value: status for status in STATUSES}), required=False),
    "goal": Key(_list_of(_action_type, "action types", least=1)),
    "kind": Key(choice({kind.value: kind for kind in KINDS})),
    "surfaces": Key(_list_of(_surface, "surfaces", least=1)),
    "priority": Key(whole(0, 1_000), required=False),
    "caps": Key(anything, required=False),
    "cool_down_days": Key(whole(0, MAX_COOL_DOWN), required=False),
    "begins": Key(_a_day, required=False),
    "ends": Key(_a_day, required=False),
    "audience": Key(_list_of(a_line(200, "a condition"), "conditions", least=0), required=False),
    "holdout_percent": Key(whole(0, MAX_HOLDOUT), required=False),
    "messages": Key(anything),
}
_VARIANT: Final = {
    "name": Key(a_word, required=False),
    "share": Key(whole(1, 100), required=False),
    **{language: Key(anything) for language in LANGUAGES},
}
_VARIANT_OF_SEVERAL: Final = {**_VARIANT, "share": Key(whole(1, 100))}


def _read_policy(value: object, path: Path, found: Found) -> Policy:
    kept = read_table(value, path, _POLICY, found)
    if "caps" in kept:
        kept["caps"] = _read_caps(kept["caps"], (*path, "caps"), found)
    if "surfaces" in kept:
        kept["surfaces"] = _read_surfaces(kept["surfaces"], (*path, "surfaces"), found)
    return Policy(**kept)


def _read_caps(value: object, path: Path, found: Found) -> Caps:
    return Caps(**read_table(value, path, _CAPS, found))


def _read_surfaces(value: object, path: Path, found: Found) -> dict[str, Caps]:
    if not isinstance(value, Mapping):
        found.append((path, f"is {show(value)}; expected a table of caps for each surface"))
        return {}
    surfaces: dict[str, Caps] = {}
    for name, caps in value.items():
        try:
            surfaces[_surface(name)] = _read_caps(caps, (*path, name), found)
        except Wrong as wrong:
            found.append(((*path, name), str(wrong)))
    return surfaces


def _read_scenario(value: object, path: Path, found: Found) -> Scenario | None:
    before = len(found)
    kept = read_table(value, path, _SCENARIO, found)
    caps = _read_caps(kept.pop("caps", {}), (*path, "caps"), found)
    kind = kept.get("kind")
    variants = _read_variants(kept.pop("messages", None), (*path, "messages"), kind, found)
    if len(found) == before:
        _check_edge(kept, path, found)
        _check_days(kept, path, found)
    if len(found) > before:
        return None
    optional: dict[str, Any] = {
        "to": None,
        "priority": 100,
        "cool_down_days": 7,
        "begins": None,
        "ends": None,
        "audience": (),
        "holdout_percent": 10,
    }
    return Scenario(**{**optional, **kept}, caps=caps, variants=variants)


def _check_edge(kept: Mapping[str, Any], path: Path, found: Found) -> None:
    status, to = kept["status"], kept.get("to")
    # The month of a newcomer ends in `member`, which stands no lower and is still a fall.
    ended = status is Status.NEWCOMER and to is Status.MEMBER
    if to is not None and _rank(to) == _rank(status) and not ended:
        message = f"is {to.value}; expected a status that is higher or lower than {status.value}"
        found.append(((*path, "to"), message))
    if kept["kind"] is Kind.NEXT_STEP and (to is None or _rank(to) <= _rank(status)):
        message = "is needed for next_step: the status, above `status`, that is only steps away"
        found.append(((*path, "to"), message))


def _check_days(kept: Mapping[str, Any], path: Path, found: Found) -> None:
    begins, ends = kept.get("begins"), kept.get("ends")
    if begins is not None and ends is not None and ends < begins:
        found.append(((*path, "ends"), f"is {ends}; expected {begins} (`begins`) or later"))


def _rank(status: Status) -> int:
    return int(RANKS[STATUSES.index(status)])


def _read_variants(
    value: object, path: Path, kind: Kind | None, found: Found
) -> tuple[Variant, ...]:
    if value is None:
        return ()
    if not isinstance(value, list) or not 1 <= len(value) <= _MAX_VARIANTS:
        found.append((path, f"expected 1 to {_MAX_VARIANTS} tables, each headed [[…messages]]"))
        return ()
    before = len(found)
    one = len(value) == 1
    variants: list[Variant] = []
    for number, table in enumerate(value):
        place: Path = (*path, number)
        kept = read_table(table, place, _VARIANT if one else _VARIANT_OF_SEVERAL, found)
        texts: dict[str, Texts] = {
            language: _read_texts(kept[language], (*place, language), kind, found)
            for language in LANGUAGES
            if language in kept
        }
        name = kept.get("name", "only" if one else f"message_{number + 1}")
        if any(name == other.name for other in variants):
            found.append(((*place, "name"), f"is {name!r} again; expected each name once"))
        variants.append(Variant(name, kept.get("share", 100), texts))
    total = sum(variant.share for variant in variants)
    if len(found) == before and total != 100:
        found.append((path, f"have shares that make {total} percent; expected 100"))
    return tuple(variants)


def _read_texts(value: object, path: Path, kind: Kind | None, found: Found) -> Texts:
    allowed = messages.VARIABLES if kind is None else TRAITS[kind].variables | {"venue"}
    if kind is not None and not TRAITS[kind].has_item:
        allowed -= {"venue"}

    def pattern(value: object) -> str:
        if not isinstance(value, str) or not value.strip():
            raise Wrong(f"is {show(value)}; expected a text in quotes")
        if len(value) > _MAX_PATTERN:
            raise Wrong(f"has {len(value)} characters; at most {_MAX_PATTERN} are allowed")
        try:
            messages.check(value, allowed)
        except BadPattern as error:
            raise Wrong(str(error)) from None
        return value.strip()

    kept = read_table(value, path, {part: Key(pattern) for part in PARTS}, found)
    return Texts(**{part: kept.get(part, "") for part in PARTS})
