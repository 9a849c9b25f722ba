"""What happens without a visit: staff and bot, anonymous votes, views, contracts."""

from __future__ import annotations

from datetime import date
from functools import partial

from sources.records import ViewsRecord
from sources.synthetic.cast import AUTHORS, NEVER, STAFF, Person, Persona
from sources.synthetic.town import DAY, HOUR, MINUTE, SOURCE, Post, Town

_MONDAY, _TUESDAY, _WEDNESDAY, _THURSDAY, _SATURDAY = 0, 1, 2, 3, 5
_VIEWED = ("qa", "idea", "review", "member_blog", "company_blog", "forum")
#: Views of a thread on its day and after so many days, as shares of the first day's.
_VIEW_SHARES = ((0, 1.0), (1, 0.6), (3, 0.35), (7, 0.2))
_CONTRACTED = 0.0012
_RENEWED = 0.004
_CANCELLED = 0.0006


def business_day(town: Town, today: date, start: int) -> None:
    """Plan what staff, bot and passers-by do on the day that begins at second ``start``."""
    staff = [person for person in town.people if person.persona is Persona.STAFF]
    _publish(town, staff[:AUTHORS], today, start)
    if today.weekday() < _SATURDAY:
        for moderator in staff[AUTHORS:STAFF]:
            town.plan(
                start + 11 * HOUR + town.dice.below(HOUR), partial(_moderate, town, moderator)
            )
    if today.weekday() == _MONDAY:
        town.plan(start + 9 * HOUR, partial(_digest, town, town.people[-1]))
    for _ in range(town.dice.repeats(len(town.people) / 120, 40)):
        town.plan(start + 6 * HOUR + town.dice.below(17 * HOUR), partial(_anonymous, town))
    _contracts(town, start)
    town.plan(start + 24 * HOUR - 5 * MINUTE, partial(_views, town, today, start))


def _publish(town: Town, authors: list[Person], today: date, start: int) -> None:
    """The company blog: Japanese on Tuesday and Thursday, English on Wednesday."""
    writer = {_TUESDAY: 0, _THURSDAY: 1, _WEDNESDAY: 2}.get(today.weekday())
    if writer is not None:
        second = start + 10 * HOUR + town.dice.below(30 * MINUTE)
        town.plan(second, partial(_company_article, town, authors[writer]))


def _company_article(town: Town, author: Person, second: int) -> None:
    article = town.write(author, second, "company_blog", "article", kind="company_article")
    # The number of readers who liked it without an account, as it stood a week later.
    counts = {"like": town.dice.between(3, 10 + len(town.people) // 10)}
    town.plan(second + 7 * DAY, lambda _: town.snapshot(article, counts=counts))


def _moderate(town: Town, moderator: Person, second: int) -> None:
    """Answer a question that nobody has answered, or say that an idea was passed on."""
    question = town.recent(moderator, "qa", second, days=10)
    waiting = question is not None and second - question.time > 2 * DAY
    if question is not None and waiting and not any(p.type == "answer" for p in question.thread):
        town.write(moderator, second, "qa", "answer", parent=question, kind="solves")
    elif town.dice.chance(0.3):
        idea = town.recent(moderator, "idea", second, days=20)
        if idea is not None and town.first("moderated", moderator, idea.number):
            town.write(moderator, second, "idea", "comment", parent=idea, kind="staff_comment")


def _digest(town: Town, bot: Person, second: int) -> None:
    town.write(bot, second, "forum", "topic", kind="digest")


def _anonymous(town: Town, second: int) -> None:
    """Passers-by without an account find an answer useful."""
    anybody = town.people[town.dice.below(len(town.people))]
    question = town.liked(anybody, "qa", second)
    if question is not None and question.thread:
        answer = town.somewhere(anybody, question, frozenset({"answer"}))
        town.act(None, second, "qa", "vote_up", answer, count=town.dice.between(1, 4))


def _views(town: Town, today: date, start: int, _: int) -> None:
    """Counts of views by thread for threads of certain ages (see ``_VIEW_SHARES``)."""
    for venue in _VIEWED:
        for lang in ("ja", "en"):
            for post in reversed(town.posts.get((venue, lang), ())):
                age = (start - post.time + DAY - 1) // DAY
                if age > _VIEW_SHARES[-1][0]:
                    break
                _view(town, post, age, today)


def _view(town: Town, post: Post, age: int, today: date) -> None:
    share = dict(_VIEW_SHARES).get(age)
    if share is None or post.gone:
        return
    readers = (4 + len(town.people) * 0.06) * share
    readers *= 3.0 if post.venue == "company_blog" else 1.0
    count = int(readers * (0.3 + post.author.pull) * (0.5 + town.dice.random()))
    if count:
        town.out.append(ViewsRecord(SOURCE, post.id, today, count))


def _contracts(town: Town, start: int) -> None:
    """Outcomes of the contract; they never follow from what happens on the site."""
    for person in town.people:
        u = town.dice.random()
        if u > _CONTRACTED + _RENEWED + _CANCELLED or person.persona in _OFFICIAL:
            continue
        if person.joined.timestamp() > start:
            continue
        if u < _CONTRACTED:
            verb = "contracted"
        elif u < _CONTRACTED + _RENEWED:
            verb = "renewed"
        elif person.leaves != NEVER or u < _CONTRACTED + _RENEWED + _CANCELLED / 3:
            verb = "cancelled"
        else:
            continue
        town.plan(start + 10 * HOUR + town.dice.below(8 * HOUR), partial(_sign, town, person, verb))


_OFFICIAL = frozenset({Persona.STAFF, Persona.BOT})


def _sign(town: Town, person: Person, verb: str, second: int) -> None:
    if verb == "renewed" or town.first(verb, person, 0):
        town.act(person, second, "contract", verb)
