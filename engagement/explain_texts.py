"""The sentences of an explanation, each as (English, Japanese)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final, Protocol

from engagement.words import Index, Status

_EPOCH: Final = date(1970, 1, 1).toordinal()

STATUS_JA: Final[Mapping[Status, str]] = {
    Status.CONTRIBUTOR: "貢献",
    Status.CONNECTOR: "交流",
    Status.FAN: "好意",
    Status.SUPPORTER: "応援",
    Status.NEWCOMER: "新規",
    Status.DORMANT: "休眠",
    Status.MEMBER: "一般",
}
INDEX_JA: Final[Mapping[Index, str]] = {
    Index.CONTRIBUTION: "貢献度",
    Index.INTERACTION: "交流度",
    Index.FAVORABILITY: "好意度",
    Index.SUPPORT: "応援度",
}

Said = tuple[str, str]

_POINT: Final = ("points", "point")


class Guard(Protocol):
    """What a sentence needs of a guard."""

    @property
    def name(self) -> str:
        """``distinct_members`` or ``distinct_days``."""
        ...

    @property
    def have(self) -> int | None:
        """How many there are, None where nobody counted."""
        ...

    @property
    def need(self) -> int:
        """How many there must be."""
        ...


@dataclass(frozen=True, slots=True)
class Who:
    """How a sentence about a standing begins: the status and the day since which it holds."""

    status: Status
    since: int
    window_days: int

    @property
    def en(self) -> str:
        """Such as ``Contributor since 2026-10-02``."""
        return f"{self.status.value.capitalize()} since {day(self.since)}"

    @property
    def ja(self) -> str:
        """Such as ``2026-10-02から「貢献」``."""
        return f"{day(self.since)}から「{STATUS_JA[self.status]}」"


def day(number: int) -> str:
    """A day number as 2026-10-02."""
    return date.fromordinal(_EPOCH + number).isoformat()


def number(x100: int) -> str:
    """Points ×100 as people write them: 46, 10.8, 0.25."""
    return f"{x100 / 100:.2f}".rstrip("0").rstrip(".")


def _counted(amount: int, one: str) -> str:
    return f"{amount} {one}" if amount == 1 else f"{amount} {one}s"


def _points(who: Who, index: Index, value: int) -> Said:
    counted = f"{number(value)} {index.value} {_POINT[value == 100]}"
    window = _counted(who.window_days, "day")
    return (
        f"{who.en}: {counted} in the last {window}",
        f"{who.ja}: 直近{who.window_days}日間の{INDEX_JA[index]}は{number(value)}点",
    )


def points(who: Who, index: Index, value: int, enter: int) -> Said:
    """An index at its bar."""
    en, ja = _points(who, index, value)
    return f"{en}, {number(enter)} needed", f"{ja}(必要{number(enter)}点)"


def held(who: Who, index: Index, value: int, enter: int, leave: int, until: int | None) -> Said:
    """An index that is met though its points fell below the bar."""
    en, ja = _points(who, index, value)
    bars_en = f"{number(enter)} needed to enter, {number(leave)} to stay"
    bars_ja = f"到達に{number(enter)}点、維持に{number(leave)}点"
    if until is None:
        return f"{en} ({bars_en})", f"{ja}({bars_ja})"
    return (
        f"{en} ({bars_en}); kept until {day(until)} at least",
        f"{ja}({bars_ja})。少なくとも{day(until)}までは維持",
    )


def grace(who: Who, index: Index, value: int, enter: int, until: int | None) -> Said:
    """A status kept for a while because the rules changed."""
    en, ja = _points(who, index, value)
    end_en = f"until {day(until)} " if until is not None else ""
    end_ja = f"{day(until)}まで" if until is not None else ""
    return (
        f"{en}, {number(enter)} needed; kept {end_en}because the rules changed",
        f"{ja}(必要{number(enter)}点)。ルール変更の猶予により{end_ja}維持",
    )


def lock(who: Who, until: int | None) -> Said:
    """A manager's word."""
    if until is None:
        return f"{who.en}: locked by a manager", f"{who.ja}: 管理者が固定"
    return (
        f"{who.en}: locked by a manager until {day(until)}",
        f"{who.ja}: 管理者が{day(until)}まで固定",
    )


def dormant(who: Who, quiet: int, after: int) -> Said:
    """Nothing given for too long."""
    return (
        f"{who.en}: nothing done for {_counted(quiet, 'day')}, dormant after {after}",
        f"{who.ja}: {quiet}日間行動なし({after}日で休眠)",
    )


def newcomer(who: Who, nth_day: int, days: int) -> Said:
    """Not here for long."""
    return (
        f"{who.en}: day {nth_day} of the first {days}",
        f"{who.ja}: 参加{nth_day}日目(最初の{days}日間は新規)",
    )


def member(who: Who) -> Said:
    """No other condition holds."""
    return f"{who.en}: no threshold is met", f"{who.ja}: どのしきい値にも未到達"


def not_placed() -> Said:
    """No fold has reached them."""
    return "Not yet placed: their history is being counted", "未判定: 履歴を集計中"


def come_back(status: Status) -> Said:
    """The way back from dormancy."""
    return (
        f"Any one action, a log-in included, makes them {_a(status)} again",
        f"ログインを含む何か一つの行動で「{STATUS_JA[status]}」に戻る",
    )


_GUARDS: Final[Mapping[str, tuple[str, str]]] = {
    "distinct_members": ("with {need} different members", "{need}人の異なる会員と"),
    "distinct_days": ("on {need} different days", "異なる{need}日に"),
}


def step(
    status: Status, index: Index, missing: int, guards: Sequence[Guard], window_days: int
) -> Said:
    """What is missing for the next status."""
    en, ja = [], []
    if missing:
        en.append(f"{number(missing)} more {index.value} {_POINT[missing == 100]}")
        ja.append(f"{INDEX_JA[index]}あと{number(missing)}点")
    for guard in guards:
        said_en, said_ja = (text.format(need=guard.need) for text in _GUARDS[guard.name])
        so_far = guard.have is not None
        en.append(said_en + (f" ({guard.have} so far)" if so_far else ""))
        ja.append(said_ja + (f"(現在{guard.have})" if so_far else ""))
    if not en:
        en, ja = ["no more points"], ["不足なし"]
    return (
        f"{_a(status).capitalize()} needs {', '.join(en)} within {_counted(window_days, 'day')}",
        f"「{STATUS_JA[status]}」まで: {'、'.join(ja)}({window_days}日間で)",
    )


def _a(status: Status) -> str:
    return f"a {status.value}"
