"""The outcome of a bench: one JSON document, or a table for people; and whether it is good."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

Document = dict[str, Any]


def document(
    name: str,
    *,
    baseline: str,
    ratios: Mapping[str, tuple[float, float]],
    checksums_equal: bool,
    figures: Mapping[str, Any],
) -> Document:
    """The document of the contract; ``ratios`` are (value, target) by name."""
    return {
        "name": name,
        "baseline": baseline,
        "ratios": {key: round(value, 4) for key, (value, _) in ratios.items()},
        "targets": {key: target for key, (_, target) in ratios.items()},
        "checksums_equal": checksums_equal,
        "figures": dict(figures),
    }


def missed(outcome: Document) -> list[str]:
    """What is not as it should be, a line each; empty where all is well."""
    lines = []
    for name, value in outcome["ratios"].items():
        target = outcome["targets"][name]
        good = value >= target if name.endswith("_at_least") else value <= target
        if not good:
            lines.append(f"{outcome['name']}: {name} is {value}, the target is {target}")
    if not outcome["checksums_equal"]:
        lines.append(f"{outcome['name']}: the two sides do not have equal results")
    return lines


def table(outcome: Document) -> Iterable[str]:
    """The lines that a person reads."""
    yield f"{outcome['name']}: against {outcome['baseline']}"
    width = max(map(len, [*outcome["ratios"], *outcome["figures"], "equal results"]))
    for name, value in outcome["ratios"].items():
        yield f"  {name:{width}}  {value:<10}  target {outcome['targets'][name]}"
    yield f"  {'equal results':{width}}  {'yes' if outcome['checksums_equal'] else 'NO'}"
    for name, value in outcome["figures"].items():
        yield f"  {name:{width}}  {value}"
