"""A made-up community on a running service, and members of it for whom there is a prompt."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx

from sources.synthetic.town import SOURCE
from tests.api.serving import IKUSEI, ran, serving
from tests.web.site import settings_of

STATUSES = ("CONTRIBUTOR", "CONNECTOR", "FAN", "SUPPORTER", "NEWCOMER", "DORMANT", "MEMBER")
_MEMBERS = """query ($status: Status!, $after: String) {
  members(first: 100, after: $after, filter: {status: [$status]}) {
    nodes { id externalId }
    pageInfo { hasNextPage endCursor }
  }
}"""
_OFFER = """mutation ($of: String!, $source: String!, $surface: String!, $session: String!,
  $language: Language!) {
  offerPrompt(
    source: $source, externalId: $of, surface: $surface, session: $session, language: $language
  ) {
    ... on Offered {
      offer
      prompt { kind title body why action optOut optOutAll item { source externalId title venue } }
    }
  }
}"""
_OUTCOMES = """query ($offer: ID!) {
  node(id: $offer) { ... on Offer { shownAt followedAt dismissedAt snoozedAt refusedAt } }
}"""
_LATEST = (
    """query ($member: ID!) { offers(first: 1, member: $member) { nodes { trace { reason } } } }"""
)


@dataclass(frozen=True)
class Guest:
    """A member for whom there is a prompt in a visit that has begun."""

    id: str
    name: str
    session: str
    offer: str
    prompt: dict[str, Any]


class Community:
    """Asks a service as its site and its manager."""

    def __init__(self, client: httpx.AsyncClient, base: str) -> None:
        self.base = base
        self._client = client
        self._left: dict[str, AsyncIterator[tuple[str, str]]] = {}

    async def ask(self, query: str, **variables: Any) -> Any:
        """The data of an answer."""
        got = await self._client.post("/graphql", json={"query": query, "variables": variables})
        answer = got.json()
        assert "errors" not in answer, answer
        return answer["data"]

    async def guest(
        self,
        statuses: Iterable[str] = STATUSES,
        fits: Callable[[dict[str, Any]], bool] = lambda _prompt: True,
        language: str = "EN",
    ) -> Guest:
        """A member of one of these statuses who was asked for nothing before and gets a prompt."""
        for status in statuses:
            left = self._left.setdefault(status, self._members(status))
            async for id, name in left:
                found = await self.offer(name, session := f"visit of {name}", language)
                if found and fits(found["prompt"]):
                    return Guest(id, name, session, found["offer"], found["prompt"])
        raise AssertionError(f"there is no such prompt for anybody left of {', '.join(statuses)}")

    async def offer(self, name: str, session: str, language: str = "EN") -> dict[str, Any]:
        """What is offered to a member on the home page; empty where nothing is."""
        asked = {"of": name, "source": SOURCE, "surface": "home", "session": session}
        asked["language"] = language
        found: dict[str, Any] = (await self.ask(_OFFER, **asked))["offerPrompt"]
        return found

    async def reasons(self, guest: Guest) -> set[str | None]:
        """Why scenarios were not chosen in the last decision; None of the one that was."""
        found = (await self.ask(_LATEST, member=guest.id))["offers"]["nodes"][0]
        return {step["reason"] for step in found["trace"]}

    async def outcomes(self, offer: str) -> set[str]:
        """What was told of an offer, such as shown and followed."""
        found = (await self.ask(_OUTCOMES, offer=offer))["node"]
        return {name.removesuffix("At") for name, at in found.items() if at is not None}

    async def _members(self, status: str) -> AsyncIterator[tuple[str, str]]:
        after = None
        while True:
            page = (await self.ask(_MEMBERS, status=status, after=after))["members"]
            for node in page["nodes"]:
                yield node["id"], node["externalId"]
            if not page["pageInfo"]["hasNextPage"]:
                return
            after = page["pageInfo"]["endCursor"]


@asynccontextmanager
async def community(
    place: Path, *sizes: str, clock: datetime | None = None, **settings: str
) -> AsyncIterator[Community]:
    """A community of some size, served while this lasts; ``place`` is a folder of its own."""
    if clock is not None:
        settings["IKUSEI_CLOCK"] = clock.isoformat()
    data = place / "data"
    for command in (("demo", "--no-serve", *sizes), ("refresh",)):
        code, _, said = await ran(data, *IKUSEI, *command, **settings)
        assert code == 0, said
    known = {**settings_of(place), "IKUSEI_JWT_SOURCE": SOURCE, **settings}
    async with serving(data, (*IKUSEI, "serve"), **known) as served, served.client() as client:
        yield Community(client, served.base)
