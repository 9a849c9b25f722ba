"""What members would be shown, and what was decided for them: line by line for people.

It says what ``_prompt_view`` found, and nothing that is not in there.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from api.commands._member_lines import Language
from api.commands._tables import rows_of
from engagement.explain_texts import STATUS_JA
from engagement.words import STATUSES, Status
from store.reports.report import Column, Kind

Told = Mapping[str, Any]

_OUTCOMES: Final[Mapping[str, tuple[str, str]]] = {
    "shown": ("seen", "表示"),
    "followed": ("followed", "応じた"),
    "dismissed": ("put away", "閉じた"),
    "snoozed": ("put off", "あとで"),
    "refused": ("not interested", "興味なし"),
}


@dataclass(frozen=True, slots=True)
class Lines:
    """The lines in one language; texts of prompts are in that of the prompt."""

    language: Language

    def preview(self, told: Told) -> Iterator[str]:
        """What members would be shown, by status, and how many of them by scenario and reason."""
        rows = told["members"]
        yield self._(
            f"What members would be shown on {told['surface']}, as of {told['as_of']} "
            f"(members: {len(rows):,}; rules: {told['rule_set']})",
            f"{told['as_of']}現在、{told['surface']}での声かけ"
            f"(会員: {len(rows):,}人、判定ルール: {told['rule_set']})",
        )
        for status in STATUSES:
            own = [row for row in rows if row["status"] == status.value]
            if own or status.value in told["sampled"]:
                yield ""
                yield f"{self._status(status)} ({len(own):,})"
                for row in own:
                    yield from self._previewed(row)
        if rows:
            yield from self._counts(told)

    def offers(self, rows: Sequence[Told]) -> Iterator[str]:
        """Decisions on a member, in a line each."""
        if not rows:
            yield self._("No decision was made yet.", "まだ判断の記録がありません。")
            return
        yield self.who(rows[0]["member"])
        for row in rows:
            what = row["scenario"] or self._("nothing", "なし")
            yield (
                f"{row['offer']:>8}  {_minute(row['at'])}  {row['surface']}  {what}: "
                f"{self._outcome(row)}"
            )

    def offer(self, told: Told) -> Iterator[str]:
        """One decision with all that it was made from."""
        visit = ""
        if told["session"] is not None:
            visit = self._(f", in the visit {told['session']}", f"、訪問 {told['session']}")
        yield self._(
            f"Offer {told['offer']} to {self.who(told['member'])}",
            f"提示 {told['offer']}: {self.who(told['member'])}",
        )
        yield f"{_minute(told['at'])}, {told['surface']}{visit}"
        yield self._(
            f"{self._status(Status(told['status']))} at that time; holdout of {told['period']}; "
            f"policy {told['policy']}",
            f"当時のステータス: {self._status(Status(told['status']))}、保留群の期間: "
            f"{told['period']}、方針: {told['policy']}",
        )
        if told["scenario"] is not None:
            yield self._(
                f"Chosen: {told['scenario']}, version {told['version']}, message "
                f"{told['message'] + 1}",
                f"選ばれたシナリオ: {told['scenario']} 第{told['version']}版、文面"
                f"{told['message'] + 1}",
            )
        if told["item"] is not None:
            yield f"{self._('About', '内容')}: {self._item(told['item'])}"
        yield f"{self._('Outcome', '結果')}: {self._outcome(told)}"
        if told["trace"]:
            yield ""
            yield self._(
                "Scenarios for the status and the place:", "ステータスと場所に合うシナリオ:"
            )
            yield from self._trace(told["trace"], "  ")

    def who(self, told: Told) -> str:
        """A member, and what their sources call them."""
        ids = ", ".join(f"{one['source']} {one['id']}" for one in told["accounts"])
        return f"{told['name'] or self._('Without a name', '名前なし')} ({ids or '-'})"

    def _(self, en: str, ja: str) -> str:
        return ja if self.language is Language.JA else en

    def _status(self, status: Status) -> str:
        return self._(f"{status.value.capitalize()} {STATUS_JA[status]}", STATUS_JA[status])

    def _previewed(self, row: Told) -> Iterator[str]:
        prompt, reason = row["prompt"], row["reason"]["text"][self.language]
        if prompt is None:
            nothing = self._("nothing. ", "なし。")
            yield f"  {self.who(row['member'])}: {nothing}{reason}{_code(row['reason'])}"
        else:
            yield f"  {self.who(row['member'])}: {row['scenario']}"
            if row["arm"] != "shown":
                yield f"      {self._('Held out', '保留')}: {reason}"
            yield f"      {prompt['title']}"
            yield from (f"      {line}" for line in prompt["body"].splitlines())
            yield f"      {self._('Why', '理由')}: {prompt['why']}"
            if prompt["item"] is not None:
                yield f"      {self._('About', '内容')}: {self._item(prompt['item'])}"
        yield from self._trace(row.get("trace", ()), "        ")

    def _item(self, item: Told) -> str:
        title = item["title"] or self._("without a title", "題名なし")
        venue = "" if item["venue"] is None else f"{item['venue']}, "
        return f"{title} ({venue}{item['source']} {item['id']})"

    def _trace(self, steps: Sequence[Told], before: str) -> Iterator[str]:
        for step in steps:
            version = f" {self._('version', '版')} {step['version']}" if "version" in step else ""
            detail = "" if step["detail"] is None else f" [{step['detail']}]"
            reason = step["reason"]
            said = f"{reason['text'][self.language]}{_code(reason)}"
            yield f"{before}{step['scenario']}{version}: {said}{detail}"

    def _outcome(self, told: Told) -> str:
        if told["arm"] != "shown":
            return f"{told['reason']['text'][self.language]}{_code(told['reason'])}"
        done = [
            f"{self._(*_OUTCOMES[name])} {_minute(at)}"
            for name, at in told["outcomes"].items()
            if at is not None
        ]
        return ", ".join(done) or self._("given out, and not seen as far as is known", "未確認")

    def _counts(self, told: Told) -> Iterator[str]:
        yield ""
        columns = (
            Column("scenario", Kind.TEXT, self._("scenario", "シナリオ")),
            Column("status", Kind.STATUS, self._("for", "対象")),
            Column("kind", Kind.TEXT, self._("prompts about", "種類")),
            Column("chosen", Kind.COUNT, self._("chosen", "選択")),
            Column("shown", Kind.COUNT, self._("shown", "表示")),
        )
        yield from rows_of(columns, told["scenarios"])
        if told["reasons"]:
            yield ""
            yield self._("Not shown:", "表示しない理由:")
        for one in told["reasons"]:
            yield f"{one['members']:>8,}  {one['text'][self.language]}{_code(one)}"
        undone = [one["scenario"] for one in told["scenarios"] if not one["goal_done"]]
        if undone:
            yield ""
            keys = ", ".join(undone)
            yield self._(
                f"Nothing that these aim at was ever recorded here: {keys}",
                f"目標の行動がまだ一度も記録されていないシナリオ: {keys}",
            )


def _code(reason: Told) -> str:
    return "" if reason["code"] is None else f" ({reason['code']})"


def _minute(at: str) -> str:
    return f"{datetime.fromisoformat(at):%Y-%m-%d %H:%M}"
