"""The sentences of an explanation, each as (English, Japanese).

Managers read them, and the member whom they are about: so they say neither "they" nor "you".
"""

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

_MONTHS: Final = (
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"
)  # fmt: skip
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
        """Such as ``Contributor since 2 Oct 2026``."""
        return f"{self.status.value.capitalize()} since {day_en(self.since)}"

    @property
    def ja(self) -> str:
        """Such as ``2026年10月2日から「貢献」``."""
        return f"{day_ja(self.since)}から「{STATUS_JA[self.status]}」"


def day_en(number: int) -> str:
    """A day number as 2 Oct 2026."""
    day = date.fromordinal(_EPOCH + number)
    return f"{day.day} {_MONTHS[day.month - 1]} {day.year}"


def day_ja(number: int) -> str:
    """A day number as 2026年10月2日."""
    day = date.fromordinal(_EPOCH + number)
    return f"{day.year}年{day.month}月{day.day}日"


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


def held(who: Who, index: Index, value: int, enter: int, leave: int, last: int | None) -> Said:
    """An index that is met though its points fell below the bar; certainly to the day ``last``."""
    en, ja = _points(who, index, value)
    bars_en = f"{number(enter)} needed to enter, {number(leave)} to stay"
    bars_ja = f"到達に{number(enter)}点、維持に{number(leave)}点"
    if last is None:
        return f"{en} ({bars_en})", f"{ja}({bars_ja})"
    return (
        f"{en} ({bars_en}); {index.value} counts as met until the end of {day_en(last)} at least",
        f"{ja}({bars_ja})。少なくとも{day_ja(last)}までは到達扱い",
    )


def grace(who: Who, index: Index, value: int, enter: int, last: int | None) -> Said:
    """An index that counts as met to the day ``last`` (None: open) because the rules changed."""
    en, ja = _points(who, index, value)
    end_en = f" until the end of {day_en(last)}" if last is not None else ""
    end_ja = f"{day_ja(last)}まで" if last is not None else ""
    kept = f"{index.value} counts as met{end_en} because the rules changed"
    return (
        f"{en}, {number(enter)} needed; {kept}",
        f"{ja}(必要{number(enter)}点)。ルール変更に伴う猶予により{end_ja}到達扱い",
    )


def lock(who: Who, last: int | None) -> Said:
    """A manager's word, to the day ``last`` (None: until it is ended)."""
    if last is None:
        return f"{who.en}: set by the community's managers", f"{who.ja}: 運営が設定"
    return (
        f"{who.en}: set by the community's managers until the end of {day_en(last)}",
        f"{who.ja}: 運営が{day_ja(last)}まで設定",
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
    return "Not yet placed: the history is being counted", "未判定: 履歴を集計中"


def come_back(status: Status) -> Said:
    """The way back from dormancy."""
    return (
        f"Any one action, a log-in included, ends the dormancy; {status.value} comes next",
        f"何か一つ行動すれば(ログインだけでもよい)休眠が終わり、「{STATUS_JA[status]}」になる",
    )


def step(
    status: Status,
    index: Index,
    missing: int,
    guards: Sequence[Guard],
    needed: int,
    *,
    window_days: int,
    days_count: bool,
) -> Said:
    """What is missing for the next status: points, and ``needed`` of ``guards``.

    ``days_count`` says that a day of what has nobody on the other side counts as one person.
    """
    window = _counted(window_days, "day")
    en, ja = _guards(guards, needed, days_count=days_count)
    begin_en, begin_ja = f"{_a(status).capitalize()} needs", f"「{STATUS_JA[status]}」になるには"
    if not missing and not guards:
        # Something may be recorded between reading the state and counting the people.
        return (
            f"All that {_a(status)} needs has just come together",
            f"「{STATUS_JA[status]}」の条件はたった今そろったところ",
        )
    if not missing:
        return (
            f"{begin_en}, beside the points already there, {en} within {window}",
            f"{begin_ja}、点数は足りており、ほかに{window_days}日間で{ja}が必要",
        )
    points_en = f"{number(missing)} more {index.value} {_POINT[missing == 100]} within {window}"
    points_ja = f"{window_days}日間で{INDEX_JA[index]}があと{number(missing)}点"
    if not guards:
        return f"{begin_en} {points_en}", f"{begin_ja}、{points_ja}必要"
    return f"{begin_en} {points_en}, and {en}", f"{begin_ja}、{points_ja}、さらに{ja}が必要"


def _guards(guards: Sequence[Guard], needed: int, *, days_count: bool) -> Said:
    """Conditions beside the points, as all of them or as a choice."""
    said = [_guard(guard, days_count=days_count) for guard in guards]
    en, ja = [one for one, _ in said], [one for _, one in said]
    if needed < len(guards):
        return f"either {' or '.join(en)}", f"{'または'.join(ja)}のいずれか"
    return " and ".join(en), "と".join(ja) + ("の両方" if len(ja) > 1 else "")


def _guard(guard: Guard, *, days_count: bool) -> Said:
    """One condition, with what there is of it as far as that was counted."""
    need, have = guard.need, guard.have
    people = guard.name == "distinct_members"
    en, ja = [], []
    if have is not None:
        en.append(f"{have} so far")
        ja.append(f"現在{have}{'人' if people else '日'}")
    if people and days_count:
        en.append("what is addressed to nobody counts as one a day")
        ja.append("相手のいない行動は1日を1人と数える")
    note_en = f" ({'; '.join(en)})" if en else ""
    note_ja = f"({'。'.join(ja)})" if ja else ""
    if people:
        whom = "1 person" if need == 1 else f"{need} different people"
        return f"dealings with {whom}{note_en}", f"異なる{need}人とのやりとり{note_ja}"
    when = "1 day" if need == 1 else f"{need} different days"
    return f"points on {when}{note_en}", f"異なる{need}日での得点{note_ja}"


def _a(status: Status) -> str:
    return f"a {status.value}"
