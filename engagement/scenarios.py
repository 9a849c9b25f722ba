"""Scenarios and the policy as TOML: load, write, fingerprint; and those Ikusei comes with.

The format is documented by the comments in scenarios.toml.
"""

from __future__ import annotations

import functools
import hashlib
import importlib.resources
import json
from typing import Any, Final

import tomli_w

from engagement import toml_file
from engagement.scenario import PARTS, Caps, Policy, Scenario
from engagement.scenarios_read import (
    Written,
    read_file,
    read_policy,
    read_scenario,
    read_written,
)
from engagement.toml_file import Mistake, Mistakes

#: Characters of one scenario.
MAX_CHARACTERS: Final = 200_000


class ScenarioErrors(Mistakes):
    """A text is no scenario, or no policy; ``mistakes`` holds all that is wrong."""


def load_file(text: str) -> tuple[Policy, tuple[Scenario, ...]]:
    """The policy and the scenarios written in ``text``; raises ScenarioErrors."""
    return toml_file.read(text, read_file, ScenarioErrors)


def load_written(text: str) -> Written:
    """What is written in ``text``: a file of scenarios, the policy or both, or one of either alone.

    Alone it has its keys at the top, as ``dump`` and ``dump_policy`` write it. Raises
    ScenarioErrors.
    """
    return toml_file.read(text, read_written, ScenarioErrors)


@functools.lru_cache(maxsize=1024)
def load(text: str) -> Scenario:
    """The one scenario written in ``text``; raises ScenarioErrors."""
    if len(text) > MAX_CHARACTERS:
        raise ScenarioErrors((Mistake("", 1, f"is longer than {MAX_CHARACTERS} characters"),))
    return toml_file.read(text, read_scenario, ScenarioErrors)


@functools.lru_cache(maxsize=16)
def load_policy(text: str) -> Policy:
    """The policy written in ``text``; raises ScenarioErrors."""
    return toml_file.read(text, read_policy, ScenarioErrors)


@functools.cache
def default() -> tuple[Policy, tuple[Scenario, ...]]:
    """The policy and the scenarios that Ikusei comes with (scenarios.toml in this package)."""
    file = importlib.resources.files("engagement").joinpath("scenarios.toml")
    return load_file(file.read_text(encoding="utf-8"))


def dump(scenario: Scenario) -> str:
    """``scenario`` as TOML; ``load(dump(scenario)) == scenario``."""
    return tomli_w.dumps(_plain(scenario), multiline_strings=True)


def dump_policy(policy: Policy) -> str:
    """``policy`` as TOML; ``load_policy(dump_policy(policy)) == policy``."""
    return tomli_w.dumps(_plain_policy(policy))


def checksum(scenario: Scenario) -> str:
    """64 hexadecimal digits (SHA-256), equal where and only where all settings are."""
    plain = json.dumps(_plain(scenario), sort_keys=True, default=str, separators=(",", ":"))
    return hashlib.sha256(plain.encode()).hexdigest()


def _plain(scenario: Scenario) -> dict[str, Any]:
    plain: dict[str, Any] = {
        "key": scenario.key,
        "en": scenario.en,
        "ja": scenario.ja,
        "status": scenario.status.value,
        "to": None if scenario.to is None else scenario.to.value,
        "goal": [{"venue": venue, "verb": verb} for venue, verb in scenario.goal],
        "kind": scenario.kind.value,
        "surfaces": list(scenario.surfaces),
        "priority": scenario.priority,
        "cool_down_days": scenario.cool_down_days,
        "begins": scenario.begins,
        "ends": scenario.ends,
        "audience": list(scenario.audience),
        "holdout_percent": scenario.holdout_percent,
        "caps": _plain_caps(scenario.caps),
        "messages": [
            {
                "name": one.name,
                "share": one.share,
                **{
                    language: {part: getattr(texts, part) for part in PARTS}
                    for language, texts in one.texts.items()
                },
            }
            for one in scenario.variants
        ],
    }
    return {name: value for name, value in plain.items() if value is not None}


def _plain_policy(policy: Policy) -> dict[str, Any]:
    return {
        "holdout_percent": policy.holdout_percent,
        "assume_consent": policy.assume_consent,
        "reserve_minutes": policy.reserve_minutes,
        "asks_per_week": policy.asks_per_week,
        "members_per_item": policy.members_per_item,
        "dismiss_days": policy.dismiss_days,
        "snooze_days": policy.snooze_days,
        "falling_days": policy.falling_days,
        "near_steps": policy.near_steps,
        "caps": _plain_caps(policy.caps),
        "surfaces": {name: _plain_caps(caps) for name, caps in policy.surfaces.items()},
    }


def _plain_caps(caps: Caps) -> dict[str, int]:
    named = {"session": caps.session, "day": caps.day, "week": caps.week}
    return {name: most for name, most in named.items() if most is not None}
