"""The widget as members meet it: the real service, a real browser, a page under a strict policy."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from graphql import build_schema, parse, validate
from playwright.async_api import Browser

from api.widget import asked_by_widget
from tests.databases import directory
from tests.node_scripts import HOUSE, tool
from tests.web.community import Community, Guest, community
from tests.web.site import EXAMPLE, STRICT, Site, site_of, token_of
from tests.web.visits import Visit, visiting

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("browser")]

CLOCK = datetime(2026, 11, 20, 3, tzinfo=UTC)
NAMES = {
    "en": ("Remind me later", "Close", "Why you see this: "),
    "ja": ("あとで見る", "閉じる", "これが表示される理由："),
}
#: What a page could keep of its visitors.
KEPT = """async () => [
  document.cookie, localStorage.length, sessionStorage.length,
  (await indexedDB.databases()).length, (await caches.keys()).length,
]"""


def now(member: str) -> str:
    return token_of(member, CLOCK)


@pytest.fixture(scope="module")
async def friend() -> AsyncIterator[Site]:
    """A site whose pages may call Ikusei at its own address."""
    async with site_of() as opened:
        opened.token = now
        yield opened


@pytest.fixture(scope="module")
async def people(friend: Site) -> AsyncIterator[Community]:
    with directory() as place:
        sizes = ("--members", "200", "--days", "150")
        known = {"IKUSEI_ORIGINS": friend.base}
        async with community(Path(place), *sizes, clock=CLOCK, **known) as found:
            yield found


@pytest.fixture
async def site(people: Community) -> AsyncIterator[Site]:
    async with site_of(people.base) as opened:
        opened.token = now
        yield opened


@pytest.fixture
async def guest(people: Community) -> Guest:
    return await people.guest()


def widget(guest: Guest, more: str = "", surface: str = "home") -> str:
    return f'<ikusei-prompt surface="{surface}" session="{guest.session}" {more}></ikusei-prompt>'


def policy_with(base: str) -> str:
    """The strict policy, with Ikusei at another address."""
    return STRICT.replace(
        "script-src 'self'; connect-src 'self'",
        f"script-src 'self' {base}; connect-src 'self' {base}",
    )


async def open_as(guest: Guest, visit: Visit, more: str = "", **page: Any) -> None:
    """Open a page with the guest's prompt on it."""
    await visit.open_with(widget(guest, more), member=guest.name, **page)
    await visit.shows()


async def told(people: Community, guest: Guest, *outcomes: str) -> None:
    """Wait until the service knows just these outcomes of the guest's prompt."""
    async with asyncio.timeout(20):
        while (known := await people.outcomes(guest.offer)) != set(outcomes):
            assert known < set(outcomes)


@pytest.mark.parametrize("lang", ["en", "ja"])
async def test_it_shows_what_is_offered_with_its_reason(
    people: Community, guest: Guest, visit: Visit, lang: str
) -> None:
    await open_as(guest, visit, lang=lang)
    prompt = (await people.offer(guest.name, guest.session, lang.upper()))["prompt"]
    region = visit.page.get_by_role("region")
    shown = await region.inner_text()
    assert prompt["title"] in shown and prompt["body"] in shown
    assert f"{NAMES[lang][2]}{prompt['why']}" in shown
    assert await region.get_attribute("lang") == lang
    assert await visit.page.get_by_role("region", name=prompt["title"], exact=True).count() == 1
    names = await visit.prompt.get_by_role("button").evaluate_all(
        "(all) => all.map((one) => one.ariaLabel ?? one.textContent)"
    )
    assert names == [prompt["action"], *NAMES[lang][:2], prompt["optOut"], prompt["optOutAll"]]
    # The same visit got the same decision.
    (asked,) = visit.site.asked_for("IkuseiOffer")
    assert asked == {"surface": "home", "session": guest.session, "language": lang.upper()}
    assert visit.said == []


async def test_the_page_of_the_guide_works(people: Community, guest: Guest, visit: Visit) -> None:
    text = EXAMPLE.replace("3f2a9c1e", guest.session)
    assert text != EXAMPLE
    await visit.open("guide.html", guest.name, text)
    await visit.shows()
    assert guest.prompt["title"] in await visit.card.inner_text()
    link = await visit.prompt.get_by_role("link").evaluate("(link) => link.pathname")
    item = guest.prompt["item"]
    assert link == (f"/topics/{item['externalId']}" if item else "/start")
    assert visit.said == []
    assert await visit.violations() == []


class TestConfirmation:
    """What counts as shown."""

    async def test_a_second_in_view_is(self, people: Community, guest: Guest, visit: Visit) -> None:
        await open_as(guest, visit)
        await visit.after(0.9)
        assert await people.outcomes(guest.offer) == set()
        await visit.after(0.1)
        await told(people, guest, "shown")
        ((_, detail),) = await visit.heard("shown")
        assert detail == {
            "offer": guest.offer,
            "kind": guest.prompt["kind"],
            "item": guest.prompt["item"],
        }
        # Once, however long it stays and whatever is done to the page.
        await visit.page.evaluate("scrollTo(0, 10); document.dispatchEvent(new Event('x'))")
        await visit.after(60)
        assert visit.site.outcomes() == ["SHOWN"]

    async def test_out_of_view_is_not(self, people: Community, guest: Guest, visit: Visit) -> None:
        await visit.open_with(f'<div class="tall"></div>{widget(guest)}', member=guest.name)
        await visit.shows()
        await visit.after(20)
        assert visit.site.outcomes() == []
        # Seen in passing.
        await visit.prompt.scroll_into_view_if_needed()
        await visit.after(0.9)
        await visit.page.evaluate("scrollTo(0, 0)")
        await visit.after(20)
        assert visit.site.outcomes() == []
        await visit.prompt.scroll_into_view_if_needed()
        await visit.after(1)
        await told(people, guest, "shown")

    async def test_less_than_half_is_not(self, guest: Guest, visit: Visit) -> None:
        await visit.open_with(f'<div class="tall"></div>{widget(guest)}', member=guest.name)
        await visit.shows()
        scroll = """(card, share) => {
          const { top, height } = card.getBoundingClientRect();
          scrollTo(0, scrollY + top - innerHeight + height * share);
        }"""
        await visit.card.evaluate(scroll, 0.4)
        await visit.after(20)
        assert visit.site.outcomes() == []
        await visit.card.evaluate(scroll, 0.6)
        await visit.after(1)
        assert await visit.site.heard("IkuseiAcknowledge")

    async def test_what_is_larger_than_the_window_is_when_it_fills_it(
        self, guest: Guest, visit: Visit
    ) -> None:
        await visit.page.set_viewport_size({"width": 300, "height": 120})
        await open_as(guest, visit)
        assert await visit.card.evaluate("(card) => card.offsetHeight") > 240
        await visit.card.evaluate("(card) => scrollTo(0, card.getBoundingClientRect().top)")
        await visit.after(1)
        assert await visit.site.heard("IkuseiAcknowledge")

    async def test_in_a_tab_behind_is_not(self, guest: Guest, visit: Visit) -> None:
        await visit.page.add_init_script(
            "let state = 'visible';"
            "Object.defineProperty(document, 'visibilityState', { get: () => state });"
            "window.turn = (to) => {"
            "  state = to; document.dispatchEvent(new Event('visibilitychange')); };"
        )
        await open_as(guest, visit)
        await visit.after(0.5)
        await visit.page.evaluate("turn('hidden')")
        await visit.after(20)
        await visit.page.evaluate("turn('visible')")
        await visit.after(0.9)
        assert visit.site.outcomes() == []
        await visit.after(0.1)
        assert await visit.site.heard("IkuseiAcknowledge")

    async def test_in_a_tab_behind_nothing_is_asked_yet(self, guest: Guest, visit: Visit) -> None:
        await visit.page.add_init_script(
            "let state = 'hidden';"
            "Object.defineProperty(document, 'visibilityState', { get: () => state });"
            "window.turn = () => {"
            "  state = 'visible'; document.dispatchEvent(new Event('visibilitychange')); };"
        )
        await visit.open_with(widget(guest), member=guest.name)
        await visit.after(60)
        assert visit.site.asked == []
        await visit.page.evaluate("turn()")
        await visit.shows()

    async def test_what_the_page_does_not_show_is_not(self, guest: Guest, visit: Visit) -> None:
        await visit.open_with(f'<div id="veil">{widget(guest)}</div>', member=guest.name)
        await visit.page.evaluate("veil.style.opacity = 0")
        await visit.shows()
        await visit.after(20)
        assert visit.site.outcomes() == []
        await visit.page.evaluate("veil.style.opacity = 1")
        await visit.after(1)
        assert await visit.site.heard("IkuseiAcknowledge")

    async def test_what_was_not_seen_in_its_time_is_asked_for_again(
        self, guest: Guest, visit: Visit
    ) -> None:
        await visit.open_with(f'<div class="tall"></div>{widget(guest)}', member=guest.name)
        await visit.shows()
        # The page's clock stands in 1970: the prompt is good for long.
        await visit.page.clock.set_system_time(datetime(2031, 1, 1, tzinfo=UTC))
        await visit.card.scroll_into_view_if_needed()
        await visit.site.heard("IkuseiOffer", 2)
        assert visit.site.outcomes() == []


class TestActing:
    """What a member can do with a prompt."""

    async def test_the_action_leads_where_the_page_says(
        self, people: Community, guest: Guest, visit: Visit
    ) -> None:
        links = 'link="there.html?{externalId}" plain-link="there.html?{kind}"'
        await open_as(guest, visit, links)
        visit.site.pages["there.html"] = "<!doctype html><title>There</title>"
        link = visit.prompt.get_by_role("link", name=guest.prompt["action"], exact=True)
        href = await link.evaluate("(one) => one.href")
        await link.click()
        await visit.page.wait_for_url("**/there.html?*")
        assert visit.page.url == href
        # Told although the page had gone.
        await told(people, guest, "followed", "shown")

    async def test_a_page_may_go_there_by_itself(
        self, people: Community, guest: Guest, visit: Visit
    ) -> None:
        await open_as(guest, visit, 'link="there.html" plain-link="there.html"')
        await visit.page.evaluate(
            "document.addEventListener('ikusei-follow', (event) => event.preventDefault())"
        )
        before = visit.page.url
        await visit.prompt.get_by_role("link").click()
        ((_, detail),) = await visit.heard("follow")
        assert detail["offer"] == guest.offer
        await told(people, guest, "followed", "shown")
        await visit.after(0.1)
        assert await visit.prompt.is_hidden()
        assert visit.page.url == before

    async def test_a_new_tab_counts_as_well(
        self, people: Community, guest: Guest, visit: Visit
    ) -> None:
        await open_as(guest, visit, 'link="there.html" plain-link="there.html"')
        visit.site.pages["there.html"] = "<!doctype html><title>There</title>"
        await visit.page.evaluate(
            "document.addEventListener('ikusei-follow', (event) => event.preventDefault())"
        )
        async with visit.page.context.expect_page():
            await visit.prompt.get_by_role("link").click(button="middle")
        await told(people, guest, "followed", "shown")

    @pytest.mark.parametrize("link", ["javascript:alert(1)", "data:text/html,x", "http://["])
    async def test_nothing_but_pages_is_linked(self, guest: Guest, visit: Visit, link: str) -> None:
        await open_as(guest, visit, f'link="{link}" plain-link="{link}"')
        assert await visit.prompt.get_by_role("link").count() == 0
        await visit.button(guest.prompt["action"]).click()
        await visit.heard("follow")

    async def test_closing_it(self, people: Community, guest: Guest, visit: Visit) -> None:
        await open_as(guest, visit)
        await visit.button("Close").click()
        assert await visit.prompt.is_hidden()
        await visit.heard("dismiss")
        await told(people, guest, "dismissed", "shown")
        assert "offer" not in await people.offer(guest.name, guest.session)

    async def test_putting_it_off(self, people: Community, guest: Guest, visit: Visit) -> None:
        await open_as(guest, visit)
        await visit.button("Remind me later").click()
        await visit.prompt.get_by_role("status").get_by_text("another time").wait_for()
        await told(people, guest, "snoozed", "shown")
        await visit.button("Close").click()
        assert await visit.prompt.is_hidden()
        await visit.heard("snooze")

    async def test_opting_out_of_the_kind_is_immediate(
        self, people: Community, guest: Guest, visit: Visit
    ) -> None:
        await open_as(guest, visit)
        await visit.button(guest.prompt["optOut"]).click()
        await visit.prompt.get_by_text("You will get no more of these").wait_for()
        assert await people.outcomes(guest.offer) >= {"refused"}
        await people.offer(guest.name, "another visit")
        assert "NO_CONSENT" in await people.reasons(guest)
        ((_, detail),) = await visit.heard("opt-out")
        assert (detail["kind"], detail["all"]) == (guest.prompt["kind"], False)
        await visit.button("Undo").click()
        await visit.prompt.get_by_text("Undone").wait_for()
        await people.offer(guest.name, "one more visit")
        assert "NO_CONSENT" not in await people.reasons(guest)

    async def test_opting_out_of_all_is_immediate(
        self, people: Community, guest: Guest, visit: Visit
    ) -> None:
        await open_as(guest, visit)
        await visit.button(guest.prompt["optOutAll"]).click()
        await visit.prompt.get_by_text("You will get no personal").wait_for()
        await people.offer(guest.name, "another visit")
        assert await people.reasons(guest) == {"NO_CONSENT"}
        await visit.button("Undo").click()
        await visit.heard("opt-out", "opt-in")
        await people.offer(guest.name, "one more visit")
        assert "NO_CONSENT" not in await people.reasons(guest)

    async def test_by_the_keyboard_alone(
        self, people: Community, guest: Guest, visit: Visit
    ) -> None:
        await open_as(guest, visit)
        focus = "document.activeElement.shadowRoot?.activeElement ?? document.activeElement"
        name = f"({focus}).ariaLabel ?? ({focus}).textContent"
        assert await visit.page.evaluate("document.activeElement === document.body")
        seen = []
        for _ in range(7):
            await visit.page.keyboard.press("Tab")
            seen.append(await visit.page.evaluate(name))
            outline = await visit.page.evaluate(f"getComputedStyle({focus}).outlineStyle")
            assert outline != "none"
        assert seen == [
            "New questions",
            guest.prompt["action"],
            "Remind me later",
            "Close",
            guest.prompt["optOut"],
            guest.prompt["optOutAll"],
            "All topics",
        ]
        for _ in range(2):
            await visit.page.keyboard.press("Shift+Tab")
        await visit.page.keyboard.press("Enter")
        await visit.heard("opt-out")
        assert await visit.page.evaluate(f"({focus}).role") == "status"
        await visit.page.keyboard.press("Tab")
        assert await visit.page.evaluate(name) == "Undo"
        await visit.page.keyboard.press("Space")
        await visit.heard("opt-out", "opt-in")
        assert await visit.page.evaluate(f"({focus}).role") == "status"
        await visit.page.keyboard.press("Tab")
        assert await visit.page.evaluate(name) == "Close"
        await visit.page.keyboard.press("Enter")
        # Where it was, not at the top of the page.
        await visit.page.keyboard.press("Tab")
        assert await visit.page.evaluate(name) == "All topics"


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("lang", ["en", "ja"])
async def test_axe_finds_nothing(guest: Guest, visit: Visit, lang: str, scheme: Any) -> None:
    await visit.page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
    await open_as(guest, visit, lang=lang)
    assert await visit.violations() == []
    background = await visit.card.evaluate("(card) => getComputedStyle(card).backgroundColor")
    assert (background == "rgb(255, 255, 255)") is (scheme == "light")
    await visit.prompt.locator(".opt-out").click()
    await visit.prompt.locator(".undo").wait_for()
    assert await visit.violations() == []


async def test_it_keeps_nothing_and_breaks_no_policy(guest: Guest, visit: Visit) -> None:
    await open_as(guest, visit)
    await visit.after(1)
    await visit.button("Remind me later").click()
    await visit.site.heard("IkuseiAcknowledge", 2)
    await visit.heard("shown", "snooze")
    assert await visit.page.evaluate(KEPT) == ["", 0, 0, 0, 0]
    assert await visit.page.context.cookies() == []
    assert set(visit.site.credentials) == {None}
    assert visit.said == []
    styled = "(one) => [one, ...one.shadowRoot.querySelectorAll('*')].some((it) => it.style.length)"
    assert not await visit.prompt.evaluate(styled)


class TestOfAnotherOrigin:
    """Ikusei at an address of its own: the widget asks where it came from."""

    async def test_pages_of_named_origins_show_prompts(
        self, people: Community, browser: Browser, friend: Site, guest: Guest
    ) -> None:
        friend.policy = policy_with(people.base)
        friend.script = f"{people.base}/widget.js"
        async with visiting(browser, friend) as visit:
            await open_as(guest, visit)
            await visit.after(1)
            await told(people, guest, "shown")
            assert friend.asked == []
            assert visit.said == []

    async def test_pages_of_others_do_not(
        self, people: Community, guest: Guest, visit: Visit
    ) -> None:
        visit.site.policy = policy_with(people.base)
        visit.site.script = f"{people.base}/widget.js"
        await visit.open_with(widget(guest), member=guest.name)
        await visit.heard("nothing")
        assert await visit.prompt.is_hidden()
        ours = [line for line in visit.said if line.startswith("warning: ikusei-prompt: ")]
        assert len(ours) == 1


class TestLook:
    """How the page's look becomes the widget's."""

    async def test_colours_fonts_and_parts_are_the_pages(self, guest: Guest, visit: Visit) -> None:
        visit.site.css = """
          ikusei-prompt { --ikusei-accent: rgb(10, 88, 168); --ikusei-radius: 3px; }
          ikusei-prompt::part(title) { letter-spacing: 2px; }
          main { font-family: monospace; font-size: 20px; }
        """
        await open_as(guest, visit)
        look = "(one, name) => getComputedStyle(one)[name]"
        action = visit.prompt.locator(".action")
        assert await action.evaluate(look, "backgroundColor") == "rgb(10, 88, 168)"
        assert await visit.card.evaluate(look, "borderRadius") == "3px"
        assert await visit.prompt.locator(".title").evaluate(look, "letterSpacing") == "2px"
        assert await visit.prompt.locator(".body").evaluate(look, "fontFamily") == "monospace"
        assert await visit.prompt.locator(".body").evaluate(look, "fontSize") == "20px"

    async def test_a_page_that_says_nothing_of_dark_gets_it_light(
        self, guest: Guest, visit: Visit
    ) -> None:
        visit.site.css = ":root { color-scheme: normal; }"
        await visit.page.emulate_media(color_scheme="dark")
        await open_as(guest, visit)
        background = "(card) => getComputedStyle(card).backgroundColor"
        assert await visit.card.evaluate(background) == "rgb(255, 255, 255)"

    async def test_nothing_moves_for_those_who_do_not_want_it(
        self, guest: Guest, visit: Visit
    ) -> None:
        moving = "(card) => card.getAnimations({ subtree: true }).length"
        await visit.page.emulate_media(reduced_motion="reduce")
        await open_as(guest, visit)
        assert await visit.card.evaluate(moving) == 0
        assert await visit.card.evaluate("(card) => getComputedStyle(card).animationName") == "none"

    @pytest.mark.parametrize("width", [280, 360, 1200])
    @pytest.mark.parametrize("direction", ["ltr", "rtl"])
    async def test_it_fits(self, guest: Guest, visit: Visit, width: int, direction: str) -> None:
        await visit.page.set_viewport_size({"width": width, "height": 800})
        await open_as(guest, visit, f'dir="{direction}"', lang="ja")
        assert await visit.page.evaluate(
            "document.documentElement.scrollWidth <= document.documentElement.clientWidth"
        )
        left, right = await visit.card.evaluate(
            "(card) => ['.mark', '.close'].map((one) => card.querySelector(one).offsetLeft)"
        )
        assert (left < right) is (direction == "ltr")
        small = await visit.prompt.get_by_role("button").evaluate_all(
            "(all) => all.map((one) => Math.min(one.offsetWidth, one.offsetHeight))"
        )
        assert min(small) >= 24


async def test_what_it_asks_is_in_the_schema(visit: Visit, guest: Guest) -> None:
    await open_as(guest, visit)
    documents = await visit.page.evaluate("async () => (await import('/widget.js')).documents")
    schema = build_schema((HOUSE / "schema" / "schema.graphql").read_text(encoding="utf-8"))
    assert {name: validate(schema, parse(text)) for name, text in documents.items()} == {
        "IkuseiOffer": [],
        "IkuseiAcknowledge": [],
        "IkuseiRefuse": [],
        "IkuseiAllow": [],
    }
    # What the service lets through where it runs registered documents only.
    assert documents == asked_by_widget()


def test_its_types_are_sound(tmp_path: Path) -> None:
    told = tool(
        "tsc",
        *("--noEmit", "--checkJs", "--strict", "--noUnusedLocals", "--noUnusedParameters"),
        *("--target", "es2024", "--module", "esnext", "--lib", "es2024,dom,dom.iterable"),
        str(HOUSE / "web" / "widget" / "widget.js"),
        cwd=tmp_path,
    )
    assert told == ""


async def test_the_browser_is_the_one_of_the_lock(browser: Browser) -> None:
    assert int(browser.version.split(".")[0]) >= 123
