"""What managers read of decisions on prompts, each as (English, Japanese)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from engagement.explain_texts import Said
from engagement.prompt import Reason
from engagement.scenario import Kind

#: Why a prompt is not shown: of one scenario, and of the decision in which it came furthest.
REASONS: Final[Mapping[Reason, Said]] = {
    Reason.ANSWERED: (
        "The member has already dealt with the prompt of this visit.",
        "この訪問で示した声かけに、本人がすでに応じています。",
    ),
    Reason.NOT_RUNNING: (
        "The scenario of this visit's prompt has been paused or ended.",
        "この訪問で選ばれたシナリオは、その後一時停止または終了されました。",
    ),
    Reason.NOT_A_MEMBER: (
        "Staff, bots and closed accounts are shown no prompts.",
        "運営、ボット、退会済みの人には表示しません。",
    ),
    Reason.NO_CONSENT: (
        "The member does not allow prompts of this kind.",
        "本人がこの種類の声かけを許可していません。",
    ),
    Reason.OTHER_SURFACE: (
        "It is for other places of the site.",
        "サイト内の別の場所のためのシナリオです。",
    ),
    Reason.NOT_IN_PERIOD: (
        "The day is outside its period.",
        "実施期間の外です。",
    ),
    Reason.NOT_FOR_STANDING: (
        "It is for members of another status, or for those who are about to fall.",
        "別のステータスの会員か、ステータスが下がりそうな会員のためのシナリオです。",
    ),
    Reason.NOT_IN_AUDIENCE: (
        "The member is not of its audience.",
        "本人は対象者の条件に当てはまりません。",
    ),
    Reason.NO_CANDIDATE: (
        "There is nothing at the moment that it could be about.",
        "いま取り上げられるものがありません。",
    ),
    Reason.STALE_ITEM: (
        "All that it could be about is closed, hidden, answered enough, or known to the member.",
        "取り上げられるものはどれも、締切済み、非公開、回答済み、または本人が見たものです。",
    ),
    Reason.CAP_ITEM: (
        "What it could be about has been offered to enough members this week.",
        "取り上げられるものは、この1週間ですでに十分な人数に示されています。",
    ),
    Reason.CAP_SESSION: (
        "The member has had as many prompts in this visit as are allowed.",
        "この訪問での表示回数が上限に達しています。",
    ),
    Reason.CAP_DAY: (
        "The member has had as many prompts today as are allowed.",
        "本日の表示回数が上限に達しています。",
    ),
    Reason.CAP_WEEK: (
        "The member has had as many prompts this week as are allowed.",
        "今週の表示回数が上限に達しています。",
    ),
    Reason.COOLDOWN: (
        "The member has had it not long ago; it rests.",
        "最近表示したばかりのため、間隔を空けています。",
    ),
    Reason.SNOOZED: (
        "The member asked to be reminded later.",
        "本人が「あとで」を選びました。",
    ),
    Reason.DISMISSED: (
        "The member put away a prompt of this kind not long ago.",
        "本人が最近この種類の声かけを閉じました。",
    ),
    Reason.EXPERT_LOAD: (
        "The member has been asked for their knowledge often enough this week.",
        "この1週間で、すでに十分な回数の回答をお願いしています。",
    ),
    Reason.LOST_ARBITRATION: (
        "Another prompt came before it.",
        "ほかの声かけが優先されました。",
    ),
    Reason.HOLDOUT_SCENARIO: (
        "The member is held out of this scenario, to measure what it does.",
        "効果を測るため、このシナリオの保留群に入っています。",
    ),
    Reason.HOLDOUT_GLOBAL: (
        "The member is held out of all prompts, to measure what they do.",
        "効果を測るため、すべての声かけの保留群に入っています。",
    ),
}
#: Of the scenario whose prompt is shown.
SHOWN: Final[Said] = ("Its prompt is the one to show.", "この声かけを表示します。")
#: Of a decision where no scenario runs.
NONE_RUNS: Final[Said] = ("No scenario runs.", "実施中のシナリオがありません。")

#: What a prompt of each kind is about.
KINDS: Final[Mapping[Kind, Said]] = {
    Kind.QUESTION_FOR_YOU: ("a question for the member", "答えられそうな質問"),
    Kind.UNANSWERED_THREAD: ("a thread without an answer", "回答のない投稿"),
    Kind.FIRST_POST: ("a newcomer's first post", "新しい会員の最初の投稿"),
    Kind.IDEA_NEAR_YOURS: ("an idea near the member's own", "本人のアイデアに近いアイデア"),
    Kind.COMPANY_ARTICLE: ("a company article", "企業からの記事"),
    Kind.ANSWER_WAS_READ: ("readers of the member's answer", "回答が読まれたこと"),
    Kind.NEXT_STEP: ("a step to the next status", "次のステータスまであと少し"),
    Kind.WELCOME_BACK: ("what happened meanwhile", "不在の間のできごと"),
}


def reason_text(reason: Reason | None, *, chosen: bool) -> Said:
    """The sentence of a reason; without one, whether a scenario was ``chosen`` or none runs."""
    if reason is not None:
        return REASONS[reason]
    return SHOWN if chosen else NONE_RUNS
