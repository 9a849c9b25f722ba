"""When the service does not answer, or oddly: the page is as if there were no widget."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from starlette.responses import JSONResponse, Response

from tests.web.site import Answer, Site
from tests.web.visits import Visit

pytestmark = pytest.mark.xdist_group("browser")

PROMPT: dict[str, Any] = {
    "kind": "QUESTION_FOR_YOU",
    "language": "EN",
    "title": "A question for you",
    "body": "“Does it roam?” has no answer yet.",
    "why": "You answered questions about roaming.",
    "action": "Read the question",
    "item": {"source": "site", "externalId": "q/1", "title": "Does it roam?", "venue": "qa"},
    "validUntil": "1970-01-01T00:10:00Z",
    "optOut": "No more of these suggestions",
    "optOutAll": "No personal suggestions at all",
}
DONE = {
    "IkuseiAcknowledge": {"acknowledgePrompt": {"__typename": "Acknowledged"}},
    "IkuseiRefuse": {"acknowledgePrompt": {"__typename": "Acknowledged"}},
    "IkuseiAllow": {"kind": {"__typename": "ConsentSet"}},
}
REFUSED = {"__typename": "NotPossible"}


def offered(offer: str = "o1", **changes: Any) -> Response:
    return answered(
        {"offerPrompt": {"__typename": "Offered", "offer": offer, "prompt": {**PROMPT, **changes}}}
    )


def answered(data: Any, status: int = 200) -> Response:
    return JSONResponse({"data": data}, status)


async def well(asked: Any) -> Response:
    """A service that offers, and takes what it is told."""
    name = asked["operationName"]
    return offered() if name == "IkuseiOffer" else answered(DONE[name])


def always(status: int = 200, text: str = "", content_type: str = "application/json") -> Answer:
    async def answer(_asked: Any) -> Response:
        return Response(text, status, media_type=content_type)

    return answer


def warnings(visit: Visit) -> list[str]:
    """What was said, but for what the browser itself says of failed requests."""
    return [line for line in visit.said if "Failed to load resource" not in line]


ODD = {
    "an error of a proxy": always(502, "<h1>Bad gateway</h1>", "text/html"),
    "no JSON": always(200, "offered"),
    "an empty answer": always(200, ""),
    "JSON of another sort": always(200, "[]"),
    "no data": always(200, '{"data": null}'),
    "an error": always(200, '{"errors": [{"message": "x", "extensions": {"code": "FORBIDDEN"}}]}'),
    "too many requests": always(429, '{"errors": [{"message": "later"}]}'),
    "a refusal": always(200, '{"data": {"offerPrompt": {"__typename": "NotPossible"}}}'),
    "no token that is good": always(401, '{"errors": [{"message": "no"}]}'),
}


@pytest.mark.parametrize("answer", ODD.values(), ids=ODD)
async def test_odd_answers_show_nothing_and_warn_once(visit: Visit, answer: Answer) -> None:
    visit.site.answer = answer
    await visit.open()
    await visit.heard("nothing")
    assert await visit.prompt.is_hidden()
    assert await visit.prompt.evaluate("(one) => one.getBoundingClientRect().height") == 0
    (warning,) = warnings(visit)
    assert warning.startswith("warning: ikusei-prompt: ")
    # Nothing that would let the page be asked again and again.
    await visit.after(60)
    assert len(visit.site.asked) == (2 if "401" in warning else 1)


async def test_a_service_that_is_not_there_shows_nothing(visit: Visit) -> None:
    await visit.page.route("**/graphql", lambda route: route.abort("connectionrefused"))
    await visit.open()
    await visit.heard("nothing")
    assert await visit.prompt.is_hidden()
    assert len(warnings(visit)) == 1


async def test_nothing_to_offer_is_no_fault(visit: Visit) -> None:
    visit.site.answer = always(200, '{"data": {"offerPrompt": {"__typename": "NothingOffered"}}}')
    await visit.open()
    assert await visit.heard("nothing") == [["nothing", None]]
    assert await visit.prompt.is_hidden()
    assert visit.said == []


async def test_a_token_that_has_run_out_is_asked_for_again(visit: Visit) -> None:
    given = []

    async def answer(asked: Any) -> Response:
        given.append(visit.site.tokens)
        return Response("{}", 401) if visit.site.tokens == 1 else await well(asked)

    visit.site.answer = answer
    await visit.open()
    await visit.card.wait_for()
    assert given == [1, 2]
    # The second one is kept.
    await visit.button("Remind me later").click()
    await visit.site.heard("IkuseiAcknowledge")
    assert given == [1, 2, 2]


async def test_a_page_that_has_no_token_to_give_shows_nothing(visit: Visit) -> None:
    visit.site.answer = well
    await visit.page.route("**/ikusei-token", lambda route: route.abort())
    await visit.open()
    await visit.heard("nothing")
    assert visit.site.asked == []
    assert len(warnings(visit)) == 1


async def test_without_a_token_nothing_is_asked_until_there_is_one(visit: Visit) -> None:
    visit.site.answer = well
    await visit.open_with('<b></b><p id="here"></p>')
    await visit.page.evaluate(
        """() => {
          const prompt = document.createElement('ikusei-prompt');
          prompt.setAttribute('surface', 'home');
          prompt.setAttribute('session', 's1');
          here.append(prompt);
        }"""
    )
    await visit.after(60)
    assert (visit.site.asked, visit.said) == ([], [])
    await visit.prompt.evaluate("(one) => one.setAttribute('token', 'abc')")
    await visit.card.wait_for()


@pytest.mark.parametrize("name", ["surface", "session"])
async def test_a_missing_attribute_is_named(visit: Visit, name: str) -> None:
    visit.site.answer = well
    others = {"surface": "home", "session": "s1"}
    del others[name]
    (other,) = others.items()
    await visit.open_with(f'<ikusei-prompt {other[0]}="{other[1]}"></ikusei-prompt>')
    await visit.heard("nothing")
    assert visit.said == [f'warning: ikusei-prompt: the attribute "{name}" is missing']
    await visit.prompt.evaluate("(one, name) => one.setAttribute(name, 'x')", name)
    await visit.card.wait_for()


class Slow:
    """A service that answers when the test says so, with an offer named by the surface."""

    def __init__(self, site: Site) -> None:
        site.answer = self.answer
        self.arrived = asyncio.Semaphore(0)
        self.release = asyncio.Event()

    async def answer(self, asked: Any) -> Response:
        if asked["operationName"] != "IkuseiOffer":
            return await well(asked)
        self.arrived.release()
        surface = asked["variables"]["surface"]
        if surface == "home":
            await self.release.wait()
        return offered(f"offer of {surface}", title=f"For {surface}")


async def test_removed_before_the_answer_it_is_silent(visit: Visit) -> None:
    slow = Slow(visit.site)
    await visit.open()
    await slow.arrived.acquire()
    await visit.prompt.evaluate("(one) => { window.gone = one; one.remove(); }")
    slow.release.set()
    await visit.site.heard("IkuseiOffer")
    await visit.after(60)
    assert await visit.page.evaluate("gone.hidden && !gone.shadowRoot.childElementCount")
    assert visit.site.outcomes() == []
    assert (await visit.page.evaluate("heard"), visit.said) == ([], [])
    # Put back, it asks again.
    await visit.page.evaluate("document.querySelector('main').append(gone)")
    await visit.card.wait_for()


async def test_an_answer_to_an_earlier_question_is_left(visit: Visit) -> None:
    slow = Slow(visit.site)
    await visit.open()
    await slow.arrived.acquire()
    await visit.prompt.evaluate("(one) => one.setAttribute('surface', 'topic')")
    await visit.page.get_by_text("For topic").wait_for()
    slow.release.set()
    await visit.site.heard("IkuseiOffer", 2)
    await visit.after(2)
    assert await visit.prompt.locator(".title").inner_text() == "For topic"
    assert await visit.site.heard("IkuseiAcknowledge") == [
        {"offer": "offer of topic", "outcome": "SHOWN"}
    ]
    assert visit.said == []


async def test_an_answer_that_comes_too_late_is_not_shown(visit: Visit) -> None:
    slow = Slow(visit.site)
    await visit.open()
    await slow.arrived.acquire()
    await visit.after(10)
    await visit.heard("nothing")
    slow.release.set()
    await visit.site.heard("IkuseiOffer")
    await visit.after(2)
    assert await visit.prompt.is_hidden()
    assert visit.said == ["warning: ikusei-prompt: the answer came too late"]


async def test_what_was_seen_is_told_again_until_it_is_heard(visit: Visit) -> None:
    times = 0

    async def answer(asked: Any) -> Response:
        nonlocal times
        if asked["operationName"] == "IkuseiAcknowledge":
            times += 1
            if times < 3:
                return Response("", 503)
        return await well(asked)

    visit.site.answer = answer
    await visit.open()
    await visit.card.wait_for()
    await visit.after(1)
    async with asyncio.timeout(20):
        while len(visit.site.outcomes()) < 3:
            await visit.after(1)
    assert visit.site.outcomes() == ["SHOWN"] * 3
    await visit.after(60)
    assert len(visit.site.outcomes()) == 3
    assert warnings(visit) == []


@pytest.mark.parametrize("name", ["No more of these suggestions", "No personal suggestions at all"])
async def test_an_opt_out_that_does_not_arrive_is_not_claimed(visit: Visit, name: str) -> None:
    broken = True

    async def answer(asked: Any) -> Response:
        if asked["operationName"] == "IkuseiRefuse" and broken:
            return Response("", 503)
        return await well(asked)

    visit.site.answer = answer
    await visit.open()
    await visit.button(name).click()
    status = visit.prompt.get_by_role("status")
    await status.get_by_text("That did not reach us. Please try again.").wait_for()
    assert await visit.button(name).is_enabled()
    assert await visit.page.evaluate("heard") == []
    broken = False
    await visit.button(name).click()
    await status.get_by_text("You will get no").wait_for()
    (_, told) = (await visit.heard("opt-out"))[0]
    assert told["all"] is (name == "No personal suggestions at all")
    assert [one["all"] for one in visit.site.asked_for("IkuseiRefuse")] == [told["all"]] * 2


async def test_pressing_twice_asks_once(visit: Visit) -> None:
    release = asyncio.Event()

    async def answer(asked: Any) -> Response:
        if asked["operationName"] == "IkuseiRefuse":
            await release.wait()
        return await well(asked)

    visit.site.answer = answer
    await visit.open()
    button = visit.button("No more of these suggestions")
    await button.click()
    await button.click(force=True)
    release.set()
    await visit.heard("opt-out")
    assert len(visit.site.asked_for("IkuseiRefuse")) == 1


async def test_two_of_them_on_a_page_know_nothing_of_each_other(visit: Visit) -> None:
    slow = Slow(visit.site)
    await visit.open_with(
        '<ikusei-prompt surface="home" session="s1"></ikusei-prompt>'
        '<ikusei-prompt surface="topic" session="s1"></ikusei-prompt>'
    )
    first, second = visit.prompt, visit.page.locator("ikusei-prompt").nth(1)
    await second.get_by_text("For topic").wait_for()
    await second.get_by_role("button", name="Close").click()
    slow.release.set()
    await first.get_by_text("For home").wait_for()
    assert await second.is_hidden()
    await visit.after(1)
    await visit.heard("dismiss", "shown")
    told = await visit.site.heard("IkuseiAcknowledge", 2)
    assert {(one["offer"], one["outcome"]) for one in told} == {
        ("offer of topic", "DISMISSED"),
        ("offer of home", "SHOWN"),
    }


async def test_what_was_closed_does_not_come_back_on_the_page(visit: Visit) -> None:
    visit.site.answer = well
    await visit.open()
    await visit.button("Close").click()
    await visit.prompt.evaluate("(one) => one.setAttribute('lang', 'ja')")
    await visit.heard("dismiss", "nothing")
    assert await visit.prompt.is_hidden()
    assert [one["language"] for one in visit.site.asked_for("IkuseiOffer")] == ["EN", "JA"]


async def test_texts_are_text(visit: Visit) -> None:
    """Titles are written by members; what is markup in them is shown as it was written."""
    markup = "<img src=x onerror=alert(1)><b>bold</b> {title} &amp;"
    texts = dict.fromkeys(("title", "body", "why", "action", "optOut", "optOutAll"), markup)

    async def answer(_asked: Any) -> Response:
        return offered(**texts, item={**PROMPT["item"], "title": f"of {markup}"})

    visit.site.answer = answer
    await visit.open_with(
        '<ikusei-prompt surface="home" session="s1" link="/t/{externalId}?{title}"></ikusei-prompt>'
    )
    await visit.card.wait_for()
    assert await visit.prompt.locator("img, b:not(.why-label)").count() == 0
    for part in (".title", ".body", ".item", ".action", ".opt-out"):
        assert markup in await visit.prompt.locator(part).inner_text()
    href = await visit.prompt.locator(".action").evaluate("(link) => link.href")
    assert href.startswith(f"{visit.site.base}/t/q%2F1?of%20%3Cimg%20src%3Dx")
    assert visit.said == []


async def test_an_item_is_named_where_the_message_does_not(visit: Visit) -> None:
    visit.site.answer = well
    await visit.open()
    await visit.card.wait_for()
    assert await visit.prompt.locator(".item").count() == 0

    async def another(_asked: Any) -> Response:
        return offered("o2", body="Somebody asks what you know.")

    visit.site.answer = another
    await visit.prompt.evaluate("(one) => one.setAttribute('surface', 'topic')")
    await visit.prompt.locator(".item").get_by_text("Does it roam?").wait_for()


async def test_a_changed_link_is_taken_over(visit: Visit) -> None:
    visit.site.answer = well
    await visit.open()
    await visit.card.wait_for()
    assert await visit.prompt.get_by_role("link").count() == 0
    await visit.prompt.evaluate("(one) => one.setAttribute('link', '/t/{externalId}')")
    assert await visit.prompt.get_by_role("link").get_attribute("href") is not None
    await visit.after(1)
    await visit.heard("shown")
    assert len(visit.site.asked_for("IkuseiOffer")) == 1


async def test_moved_about_in_the_page_it_stays_as_it_is(visit: Visit) -> None:
    visit.site.answer = well
    await visit.open()
    await visit.card.wait_for()
    await visit.after(0.5)
    await visit.prompt.evaluate("(one) => document.body.prepend(one)")
    assert await visit.card.is_visible()
    await visit.after(1)
    await visit.heard("shown")
    assert len(visit.site.asked_for("IkuseiOffer")) == 1
