"""What there is to know of one member, line by line for people, in English or Japanese.

It says what ``_member_view.tell`` found, and nothing that is not in there.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Any, Final
from unicodedata import east_asian_width

from engagement.explain_texts import INDEX_JA, STATUS_JA, day_en, day_ja
from engagement.words import Cause, Index, Role, Status
from store.db import day_number

Told = Mapping[str, Any]


class Language(StrEnum):
    """The language of what is shown."""

    EN = "en"
    JA = "ja"


#: Why the fold changes a status; other causes are those of announced transitions only.
_CAUSES: Final[Mapping[str, tuple[str, str]]] = {
    Cause.ACTION: ("by what they did or received", "本人の行動または受けた反応による"),
    Cause.DECAY: ("because time went by", "時間の経過による"),
    Cause.LOCK: ("by a manager's lock", "管理者の固定による"),
    Cause.RULE_CHANGE: ("because the rules changed", "ルール変更による"),
}
_GUARDS: Final[Mapping[str, tuple[str, str, str]]] = {
    "distinct_members": ("person", "people", "相手{}人(必要{}人)"),
    "distinct_days": ("day", "days", "行動日数{}日(必要{}日)"),
}


def lines(told: Told, language: Language) -> Iterator[str]:
    """A member as ``tell`` found them, for people."""
    yield from _Lines(language).all(told)


@dataclass(frozen=True, slots=True)
class _Lines:
    """The lines in one language."""

    language: Language

    def all(self, told: Told) -> Iterator[str]:
        yield from self._headline(told)
        if told["standing"] is not None:
            yield ""
            yield from self._standing(told["standing"])
        for title, rows in (
            (self._("Points come from", "点数の内訳"), map(self._share, told["points_from"])),
            (self._("History", "ステータスの履歴"), map(self._change, told["history"])),
            (
                self._("Last done", "最近の行動"),
                (self._action(one, received=False) for one in told["given"]),
            ),
            (
                self._("Last received", "最近受けた反応"),
                (self._action(one, received=True) for one in told["received"]),
            ),
        ):
            yield from _section(title, list(rows))

    def _(self, en: str, ja: str) -> str:
        return ja if self.language is Language.JA else en

    def _headline(self, told: Told) -> Iterator[str]:
        who, standing = told["member"], told["standing"]
        ids = ", ".join(f"{one['source']} {one['id']}" for one in who["accounts"])
        joined = closed = ""
        if who["joined"]:
            joined = self._(f"; joined {who['joined']}", f"、{who['joined']}入会")
        if who["state"] == "deleted":
            closed = self._("; account closed", "、退会済み")
        name = who["name"] or self._("Without a name", "名前なし")
        yield f"{name} ({ids}{joined}{closed})"
        day = told["as_of"]
        if standing is not None:
            yield self._status(standing, day)
        elif who["role"] != Role.MEMBER.value:
            yield self._(
                f"Role: {who['role']}; only members have a standing.",
                f"役割: {who['role']}。現在地があるのは会員だけです。",
            )
        else:
            yield self._(f"Was not here yet on {day}.", f"{day}の時点ではまだいませんでした。")

    def _status(self, standing: Told, day: str) -> str:
        status, rules = Status(standing["status"]), standing["rule_set"]
        since_en = f" since {standing['since']}" if standing["since"] else ""
        since_ja = f"({standing['since']}から)" if standing["since"] else ""
        return self._(
            f"{status.value.capitalize()} {STATUS_JA[status]}{since_en}, as of {day}, "
            f"by the rules {rules}",
            f"「{STATUS_JA[status]}」{since_ja}、{day}現在、判定ルール: {rules}",
        )

    def _standing(self, standing: Told) -> Iterator[str]:
        yield self._row(
            self._("index", "指標"),
            self._("points", "点数"),
            self._("needed", "必要"),
            self._("missing", "不足"),
            self._("conditions to enter", "到達の条件"),
        )
        for one in standing["indices"]:
            yield self._row(
                self._(one["index"], INDEX_JA[Index(one["index"])]),
                f"{one['points']:g}",
                f"{one['enter']:g}",
                f"{one['missing']:g}",
                self._("; ", "。").join(filter(None, (self._met(one), self._guards(one)))),
            )
        yield ""
        (reason,) = standing["because"]
        full_stop = self._(".", "。")
        yield f"{self._('Because:', '理由:')}  {reason['text'][self.language]}{full_stop}"
        yield f"{self._('Next:   ', '次へ:')}  {self._next(standing, reason)}{full_stop}"
        if standing["next_review"] is not None:
            day = standing["next_review"]
            yield self._(
                f"Without anything new it does not change before {day}.",
                f"新しい行動がなければ、{day}より前に変わることはありません。",
            )

    def _next(self, standing: Told, reason: Told) -> str:
        if standing["next"] is not None:
            text: str = standing["next"]["text"][self.language]
            return text
        if reason["code"] == "lock":
            return self._("nothing while the lock holds", "固定されている間は変わらない")
        if reason["code"] == "not_placed":
            return self._("known once they are placed", "判定後に分かる")
        stays = [one["exit"] for one in standing["indices"] if one["index"] == reason["index"]]
        if not stays:
            return self._("nothing higher", "これより上はない")
        return self._(
            f"nothing higher; {stays[0]:g} points in the window keep it",
            f"これより上はない。期間内に{stays[0]:g}点あれば維持",
        )

    def _row(self, index: str, points: str, needed: str, missing: str, rest: str) -> str:
        return (
            f"{_pad(index, -14)}{_pad(points, 8)}{_pad(needed, 8)}{_pad(missing, 9)}  {rest}"
        ).rstrip()

    def _met(self, one: Told) -> str:
        if not one["met"]:
            return self._("not met", "未到達")
        if one["points"] >= one["enter"]:
            return self._("met", "到達")
        if one["kept_until"]:
            last = day_number(date.fromisoformat(one["kept_until"]))
            return self._(
                f"counts as met until the end of {day_en(last)} at least",
                f"少なくとも{day_ja(last)}までは到達扱い",
            )
        return self._(
            f"met, as not below {one['exit']:g}", f"到達({one['exit']:g}点を下回らない間)"
        )

    def _guards(self, one: Told) -> str:
        """What there is of each guard, and whether all or any one of them is asked for."""
        en, ja = [], []
        for guard in one["guards"]:
            have, need = guard["have"], guard["need"]
            one_en, many_en, counted_ja = _GUARDS[guard["name"]]
            en.append(f"{have} {one_en if have == 1 else many_en} ({need} needed)")
            ja.append(counted_ja.format(have, need))
        either = one["guards_needed"] < len(en)
        return self._(
            f"{'either ' if either else ''}{(' or ' if either else ' and ').join(en)}",
            ("または" if either else "と").join(ja),
        )

    def _share(self, one: Told) -> str:
        index = self._(one["index"], INDEX_JA[Index(one["index"])])
        count, days, cap = one["count"], one["days"], one["daily_cap"]
        line = self._(
            f"{one['points']:>5g} {index}: {count:,} x {one['label']}, on "
            + ("1 day" if days == 1 else f"{days:,} days"),
            f"{one['points']:>5g} {index}: {one['label_ja']} {count:,}回、行動日数{days:,}日",
        )
        if cap is not None and count * one["each"] > one["points"]:
            line += self._(f" (at most {cap} a day count)", f"(1日{cap}回まで)")
        if one["from_totals"]:
            line += self._(
                f"; {one['from_totals']:,} known only as a total",
                f"、うち{one['from_totals']:,}回は合計値のみ",
            )
        return line

    def _change(self, one: Told) -> str:
        to = self._status_word(one["to"])
        if one["from"] is None:
            return f"{one['day']}  {self._(f'came as {to}', f'{to}として参加')}"
        why_en, why_ja = _CAUSES[one["cause"]]
        why = self._(f" {why_en}", f"({why_ja})")
        return f"{one['day']}  {self._status_word(one['from'])} -> {to}{why}"

    def _status_word(self, status: str) -> str:
        return self._(status, f"「{STATUS_JA[Status(status)]}」")

    def _action(self, one: Told, *, received: bool) -> str:
        unknown = f"{one['venue']}.{one['verb']} "
        label = self._(
            one["label"] or unknown + "(not in the rules)",
            one["label_ja"] or unknown + "(判定ルールにない行動)",
        )
        times = other = undone = ""
        if one["count"] > 1:
            times = self._(f" x {one['count']:,}", f" {one['count']:,}回")
        if one["other"]:
            other = self._other(one, received=received)
        if not one["counts"]:
            undone = self._(" (taken back or deleted: counts nothing)", "(取消・削除のため対象外)")
        day = one["day"]
        if one["precision"] not in {"exact", "day"}:
            day = self._(f"{day} or later", f"{day}以降")
        return f"{day}  {label}{times}{other}{undone}"

    def _other(self, one: Told, *, received: bool) -> str:
        who = one["other"]
        if received:
            return self._(f", from {who}", f"、{who}から")
        if one["earned_by"] == "received":
            # Of a best answer the label speaks of who received it.
            return self._(f", by {who}", f"(受けた側: {who})")
        return self._(f", to {who}", f"、{who}へ")


def _section(title: str, rows: Sequence[str]) -> Iterator[str]:
    if rows:
        yield ""
        yield title
        yield from (f"  {row}" for row in rows)


def _pad(text: str, width: int) -> str:
    """Text in columns of a terminal, where Japanese takes two each; left where negative."""
    taken = sum(2 if east_asian_width(one) in "WF" else 1 for one in text)
    space = " " * (abs(width) - taken)
    return text + space if width < 0 else space + text
