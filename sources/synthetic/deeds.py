"""What members do on a visit: one function per deed, and who does which how often."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

from sources.synthetic.cast import Person, Persona
from sources.synthetic.dice import Mix
from sources.synthetic.town import DAY, HOUR, Post, Town

Deed = Callable[[Town, Person, int], None]

_LIKE_VENUES = Mix.of(member_blog=50, forum=26, review=14, idea=10)
_COMMENT_VENUES = Mix.of(qa=34, member_blog=32, idea=18, review=16)
_IMPRESSION_OF_REST = 0.5
_MOST_ANSWERS = 5
_HARD = 0.16
_ANSWERS = frozenset({"answer"})
_REMARKS = frozenset({"answer", "comment", "reply"})

#: Deeds by weight. Bloomers go through the last four rows as they gain experience.
MIXES: Mapping[str, Mix] = {
    "reader": Mix.of(
        ask=30, like=18, bookmark=12, vote_up=6, thumb_review=6, vote_idea=6, like_company=6,
        take_part=4, follow=2, stray=1,
    ),
    "supporter": Mix.of(
        like=54, vote_up=14, vote_idea=11, thumb_review=9, bookmark=4, like_company=3, comment=2,
        ask=3, follow=2, take_part=2, stray=1,
    ),
    "fan": Mix.of(
        like_company=58, comment_company=17, like=10, vote_idea=4, take_part=5, comment=2, ask=3,
        recommend=1,
    ),
    "talker": Mix.of(
        comment=44, reply=17, like=14, write_article=6, post_topic=5, propose=3, comment_company=3,
        ask=4, vote_up=3, take_part=2, stray=1,
    ),
    "contributor": Mix.of(
        answer=50, review=9, comment=11, like=9, vote_up=8, write_article=4, propose=3, reply=3,
        ask=2, recommend=1,
    ),
    "bloom_1": Mix.of(ask=34, like=22, bookmark=14, like_company=8, vote_up=10, comment=8, stray=1),
    "bloom_2": Mix.of(like=48, vote_up=14, thumb_review=10, vote_idea=8, comment=14, ask=6),
    "bloom_3": Mix.of(comment=50, reply=16, like=16, write_article=4, ask=5, answer=5, propose=4),
    "bloom_4": Mix.of(answer=52, comment=18, like=12, review=8, reply=6, write_article=4),
}  # fmt: skip
#: Deeds on an ordinary visit beside the log-in, on average.
BUSY: Mapping[Persona, float] = {
    Persona.READER: 0.22,
    Persona.SUPPORTER: 1.3,
    Persona.FAN: 1.1,
    Persona.TALKER: 1.2,
    Persona.CONTRIBUTOR: 1.2,
    Persona.BLOOMER: 1.1,
}
#: Experience (days of activity, with what responses add) at which a bloomer moves on.
BLOOMS_AT = (10.0, 28.0, 55.0)


def mix_of(person: Person, growth: float) -> Mix:
    """The deeds this person chooses from, given their experience."""
    if person.persona is Persona.BLOOMER:
        return MIXES[f"bloom_{1 + sum(growth >= bar for bar in BLOOMS_AT)}"]
    return MIXES[person.persona.value]


# --- questions and answers ------------------------------------------------------------------------


def _ask(town: Town, person: Person, second: int) -> None:
    question = town.write(person, second, "qa", "question", kind="question")
    question.hard = town.dice.chance(_HARD)


def _answer(town: Town, person: Person, second: int) -> None:
    question = _open_question(town, person, second)
    if question is None:
        _comment(town, person, second)
        return
    skill = person.skill * (1.1 if question.subject in person.interests else 0.85)
    if town.dice.chance(skill):
        kind = "solves"
    else:
        kind = "impression" if town.dice.chance(_IMPRESSION_OF_REST) else "partial"
    answer = town.write(person, second, "qa", "answer", parent=question, kind=kind)
    _thank(town, question, answer)


def _open_question(town: Town, person: Person, second: int) -> Post | None:
    """A question that still wants answers; of several, rather one on an interest of theirs."""
    found: Post | None = None
    for _ in range(4):
        question = town.recent(person, "qa", second, days=21)
        if question is None or question.solved:
            continue
        if question.hard and town.dice.chance(0.97):
            continue
        answers = [post for post in question.thread if post.type == "answer"]
        if len(answers) >= _MOST_ANSWERS or any(post.author is person for post in answers):
            continue
        found = question
        if question.subject in person.interests:
            break
    return found


def _thank(town: Town, question: Post, answer: Post) -> None:
    """Later the asker may choose this answer as the best, and say thanks."""
    asker = question.author
    chosen = {"solves": 0.6, "partial": 0.12}.get(answer.truth, 0.01)
    if asker.persona is Persona.STAFF or not town.dice.chance(chosen):
        return

    def choose(second: int) -> None:
        if question.solved or question.gone or answer.gone:
            return
        question.solved = True
        town.act(asker, second, "qa", "best_answer", answer)
        if town.dice.chance(0.5):
            town.plan(second + 90, thank)

    def thank(second: int) -> None:
        town.write(asker, second, "qa", "comment", parent=answer, kind="thanks")

    town.plan(answer.time + town.dice.between(HOUR, 3 * DAY), choose)


def _vote_up(town: Town, person: Person, second: int) -> None:
    question = town.liked(person, "qa", second)
    if question is None:
        return
    answer = town.somewhere(person, question, _ANSWERS)
    if answer.truth != "impression" or town.dice.chance(0.2):
        town.react(person, second, "vote_up", answer)


def _bookmark(town: Town, person: Person, second: int) -> None:
    if question := town.recent(person, "qa", second, days=120):
        town.react(person, second, "bookmark", question)


# --- ideas, reviews, blogs, forum -----------------------------------------------------------------


def _propose(town: Town, person: Person, second: int) -> None:
    town.write(person, second, "idea", "idea", kind="idea")


def _review(town: Town, person: Person, second: int) -> None:
    kind = ("review_good", "review_good", "review_mixed", "review_mixed", "review_bad")
    town.write(person, second, "review", "review", kind=town.dice.pick(kind))


def _write_article(town: Town, person: Person, second: int) -> None:
    town.write(person, second, "member_blog", "article", kind="article")


def _post_topic(town: Town, person: Person, second: int) -> None:
    town.write(person, second, "forum", "topic", kind="topic")


def _reply(town: Town, person: Person, second: int) -> None:
    if topic := town.recent(person, "forum", second):
        parent = town.somewhere(person, topic, _REMARKS)
        town.write(person, second, "forum", "reply", parent=parent, kind="reply")


def _comment(town: Town, person: Person, second: int) -> None:
    venue = _COMMENT_VENUES.draw(town.dice)
    if post := town.recent(person, venue, second):
        parent = town.somewhere(person, post, _REMARKS)
        town.write(person, second, venue, "comment", parent=parent, kind="comment")


def _comment_company(town: Town, person: Person, second: int) -> None:
    if article := town.recent(person, "company_blog", second):
        town.write(
            person, second, "company_blog", "comment", parent=article, kind="company_comment"
        )


# --- light reactions ------------------------------------------------------------------------------


def _like(town: Town, person: Person, second: int) -> None:
    venue = _LIKE_VENUES.draw(town.dice)
    if post := town.liked(person, venue, second):
        if venue == "forum" and town.dice.chance(0.4):
            post = town.somewhere(person, post, _REMARKS)
        town.react(person, second, "vote_up" if venue == "idea" else "like", post)


def _react(venue: str, verb: str, town: Town, person: Person, second: int) -> None:
    if post := town.liked(person, venue, second):
        town.react(person, second, verb, post)


# --- without a post -------------------------------------------------------------------------------


def _take_part(town: Town, person: Person, second: int) -> None:
    """Sign up for the meeting at the end of the fortnight; most then come."""
    number = second // (14 * DAY)
    if not town.first("register", person, number):
        return
    town.act(person, second, "event", "register", id_=f"register-{person.id}-{number}")
    # Six hours into Saturday UTC is the afternoon in Japan.
    meeting = (number + 1) * 14 * DAY + 2 * DAY + 6 * HOUR + town.dice.below(HOUR)
    if town.dice.chance(0.7):
        town.plan(meeting, partial(_attend, town, person, number))


def _attend(town: Town, person: Person, number: int, second: int) -> None:
    town.act(person, second, "event", "attend", id_=f"attend-{person.id}-{number}")


def _recommend(town: Town, person: Person, second: int) -> None:
    """Invite a friend; sometimes a contract comes of it."""
    town.act(person, second, "referral", "send_invite")
    town.inviters.append(person)
    if town.dice.chance(0.15):
        town.plan(
            second + town.dice.between(2, 20) * DAY, partial(_contract_referred, town, person)
        )


def _contract_referred(town: Town, person: Person, second: int) -> None:
    town.act(person, second, "contract", "referred")


def _follow(town: Town, person: Person, second: int) -> None:
    if post := town.liked(person, "member_blog", second):
        town.react(person, second, "follow", post)


def _stray(town: Town, person: Person, second: int) -> None:
    """Something that the site began to send without telling anybody: no catalog knows it."""
    venue, verb = town.dice.pick((("campaign", "stamp"), ("labs", "try_beta"), ("qa", "poke")))
    town.act(person, second, venue, verb)


DEEDS: Mapping[str, Deed] = {
    "ask": _ask,
    "answer": _answer,
    "vote_up": _vote_up,
    "bookmark": _bookmark,
    "propose": _propose,
    "review": _review,
    "write_article": _write_article,
    "post_topic": _post_topic,
    "reply": _reply,
    "comment": _comment,
    "comment_company": _comment_company,
    "like": _like,
    "like_company": partial(_react, "company_blog", "like"),
    "thumb_review": partial(_react, "review", "vote_up"),
    "vote_idea": partial(_react, "idea", "vote_up"),
    "take_part": _take_part,
    "recommend": _recommend,
    "follow": _follow,
    "stray": _stray,
}
