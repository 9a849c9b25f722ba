"""What a decision is made from: a member's situation, out of what the database holds of them."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from engagement import holdout
from engagement.history import RANKS
from engagement.holdout import Arm
from engagement.prompt import (
    Candidate,
    Choice,
    Earlier,
    Situation,
    choose,
    fits,
    is_fall,
    steps_missing,
)
from engagement.scenario import KINDS, Kind, Scenario
from engagement.status import untouched
from engagement.words import INDICES, STATUSES, Index, Role, Side, Status
from store import explained
from store.attributes import told_of
from store.consent import Said
from store.db import Read, Write, day_date
from store.explained import Stood
from store.members import MemberRow
from store.rules import ActiveRules
from store.scenarios import InForce, audience_of

_RANK: Final[Mapping[Status, int]] = {
    status: int(rank) for status, rank in zip(STATUSES, RANKS.tolist(), strict=True)
}


@dataclass(frozen=True, slots=True)
class Visit:
    """When, where and in which visit somebody asks; ``today`` is the community's day."""

    now: datetime
    today: int
    surface: str
    session: str | None


@dataclass(frozen=True, slots=True)
class Decider:
    """Decides for one member: who they are, where they stand, and by which rules and scenarios."""

    row: MemberRow
    placed: Stood
    active: ActiveRules
    force: InForce
    visit: Visit

    @property
    def status(self) -> Status:
        """The status of the member; who was not placed yet is a plain member."""
        return Status.MEMBER if self.placed.state is None else self.placed.state.status

    @property
    def period(self) -> int:
        """The period in which arms and messages are drawn."""
        return holdout.period_of(day_date(self.visit.today))

    def situation(self, said: Said, earlier: Sequence[Earlier], community: ZoneInfo) -> Situation:
        """What is known before there are candidates."""
        assumed = self.force.policy.assume_consent
        refused = frozenset(kind for kind in KINDS if not said.allows(kind, assumed=assumed))
        return Situation(
            status=self.status,
            now=self.visit.now,
            today=day_date(self.visit.today),
            zone=_zone(self.row.zone, community),
            surface=self.visit.surface,
            session=self.visit.session,
            is_member=self.row.role is Role.MEMBER and self.row.state == "active",
            consents=len(refused) < len(KINDS),
            refused=refused,
            falls=self._falls(),
            earlier=earlier,
        )

    def wanted(self, member: Situation) -> frozenset[Kind]:
        """The kinds of candidates that the decision will ask for."""
        if not member.is_member or not member.consents:
            return frozenset()
        return frozenset(
            one.scenario.kind
            for one in self.force.running
            if member.surface in one.scenario.surfaces
            and fits(one.scenario, member.status, member.falls, _RANK)
        )

    async def next_step(
        self, connection: Read | Write, wanted: Collection[Kind]
    ) -> list[Candidate]:
        """That the member is only steps away from their next status, where they are.

        Each scenario counts them in the action type that stands first in its goal, which is the one
        that its message speaks of.
        """
        if Kind.NEXT_STEP not in wanted:
            return []
        step = self.placed.explained(self.active, self.visit.today).next
        if step is None or step.target is None:
            return []
        near = self.force.policy.near_steps
        worth = {
            key: points
            for key, points in self._counted_in(step.status, step.target.index).items()
            if step.missing_x100 <= near * points * 100
        }
        if worth and step.asks_people:
            at = (self.row.id, self.visit.today)
            people = await explained.distinct(connection, [at], self.active)
            step = step.with_people(people[at].get(step.target.index, 0))
        counts = {key: steps_missing(step, points) for key, points in worth.items()}
        return [
            Candidate(
                Kind.NEXT_STEP,
                values={"count": count, "status": step.status.value},
                scenario=key,
            )
            for key, count in counts.items()
            if 1 <= count <= near
        ]

    def choose(self, member: Situation) -> Choice:
        """The decision in a situation; nothing is kept."""
        return choose(
            self.force.running,
            self.force.policy,
            member,
            ranks=_RANK,
            among=self._among,
            draw=self._draw,
        )

    def variant(self, scenario: Scenario) -> int:
        """The position of the message that the member is shown."""
        shares = [one.share for one in scenario.variants]
        return holdout.variant(self.force.salt, self.period, self.row.id, scenario.key, shares)

    def _draw(self, scenario: Scenario) -> Arm:
        return holdout.arm(
            self.force.salt,
            self.period,
            self.row.id,
            key=scenario.key,
            scenario_percent=scenario.holdout_percent,
            all_percent=self.force.policy.holdout_percent,
        )

    def _among(self, scenario: Scenario) -> bool:
        conditions = audience_of(scenario)
        if not conditions:
            return True
        state = self.placed.state
        points = (0,) * len(INDICES) if state is None else state.points
        told = {
            "lang": self.row.lang,
            "zone": self.row.zone,
            "since": None if state is None else str(day_date(state.since)),
            "own": self.row.attributes,
            **{index.value: n / 100 for index, n in zip(INDICES, points, strict=True)},
        }
        return all(one.holds({one.column: told_of(told, one.column)}) for one in conditions)

    def _counted_in(self, to: Status, index: Index) -> Mapping[str, int]:
        """What one action is worth in which scenarios about the step to ``to`` count, by key."""
        points = {
            row.key: row.points
            for row in self.active.rules.catalog
            if row.earns is Side.GIVEN and row.index is index and row.points
        }
        return {
            one.key: points[one.goal[0]]
            for one in (running.scenario for running in self.force.running)
            if one.kind is Kind.NEXT_STEP
            and one.status is self.status
            and one.to is to
            and one.goal[0] in points
        }

    def _falls(self) -> Status | None:
        """Where the member falls in a while by themself; asked only if a scenario is about that."""
        state = self.placed.state
        if state is None or not any(
            one.scenario.status is state.status
            and one.scenario.to is not None
            and is_fall(state.status, one.scenario.to, _RANK)
            for one in self.force.running
        ):
            return None
        days = self.force.policy.falling_days
        later = untouched(state, self.active.rules, self.placed.holds, days=days)
        return later if is_fall(state.status, later, _RANK) else None


def _zone(own: str | None, community: ZoneInfo) -> ZoneInfo:
    try:
        return community if own is None else ZoneInfo(own)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return community
