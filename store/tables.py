"""The tables. They define the schema and its migrations, and never leave this room.

Why the keys and indexes are as they are: docs/reference/tables.md. In short: ids that stand in
tens of millions of rows are 32-bit, days are integers (days since 1970-01-01 in the community's
time zone), and what changes with every action (``standing``) carries no index on what most actions
change, so that PostgreSQL can mostly update it in place. They stand in one file, however long, so
that the whole of what is kept can be read from top to bottom.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, ClassVar

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    DateTime,
    ForeignKey,
    Identity,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    SmallInteger,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, REAL
from sqlmodel import Field, SQLModel

NAMING = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}


class Table(SQLModel):
    """Base of all tables: one metadata with the naming convention."""

    metadata: ClassVar[MetaData] = MetaData(naming_convention=NAMING)


def _smallint(*args: Any, nullable: bool = False, **kwargs: Any) -> Any:
    return Field(sa_column=Column(SmallInteger, *args, nullable=nullable, **kwargs))


def _int(*args: Any, nullable: bool = False, **kwargs: Any) -> Any:
    return Field(sa_column=Column(Integer, *args, nullable=nullable, **kwargs))


def _bigint(*args: Any, nullable: bool = False, **kwargs: Any) -> Any:
    return Field(sa_column=Column(BigInteger, *args, nullable=nullable, **kwargs))


def _text(*args: Any, nullable: bool = False, **kwargs: Any) -> Any:
    return Field(sa_column=Column(Text, *args, nullable=nullable, **kwargs))


def _code_points(*args: Any, **kwargs: Any) -> Any:
    """A text that is compared by code points, so that an index finds what begins with something."""
    return Field(sa_column=Column(Text(collation="C"), *args, nullable=False, **kwargs))


def _bool(*args: Any, nullable: bool = False, **kwargs: Any) -> Any:
    return Field(sa_column=Column(Boolean, *args, nullable=nullable, **kwargs))


def _time(*args: Any, nullable: bool = False, **kwargs: Any) -> Any:
    kind = DateTime(timezone=True)
    return Field(sa_column=Column(kind, *args, nullable=nullable, **kwargs))


def _bytes(*args: Any, nullable: bool = False, **kwargs: Any) -> Any:
    return Field(sa_column=Column(LargeBinary, *args, nullable=nullable, **kwargs))


class Setting(Table, table=True):
    """What is fixed for this community at its first migration, and small marks of progress."""

    __tablename__ = "setting"
    key: str = _text(primary_key=True)
    value: str = _text()


class Source(Table, table=True):
    """A system that records come from; ids are unique within it.

    ``counts`` says that it sent counters, so that its actions must be held against them.
    """

    __tablename__ = "source"
    id: int = _smallint(Identity(), primary_key=True)
    name: str = _text(unique=True)
    counts: bool = _bool(server_default=text("false"))


class ActionTypeRow(Table, table=True):
    """Every venue × verb that was ever recorded; its meaning stands in the rule set."""

    __tablename__ = "action_type"
    __table_args__ = (UniqueConstraint("venue", "verb"),)
    id: int = _smallint(Identity(), primary_key=True)
    venue: str = _text()
    verb: str = _text()


class Member(Table, table=True):
    """A person, with one or more accounts.

    ``known`` is false while only actions have named them. A member that was merged away keeps
    its row (``merged_into``), so that old ids still lead somewhere; an erased one is a tombstone.
    ``seen_day`` is the day on which we first heard of them, ``search_name`` the name as it is
    looked for and sorted by (store/search.py), empty without one.
    """

    __tablename__ = "member"
    __table_args__ = (
        CheckConstraint("role in ('member', 'staff', 'bot')", name="role"),
        CheckConstraint("state in ('active', 'deleted')", name="state"),
        Index(
            "ix_member_search_name",
            "search_name",
            "id",
            postgresql_where=text("merged_into is null and erased_at is null"),
        ),
        Index("ix_member_erased", "id", postgresql_where=text("erased_at is not null")),
        Index(
            "ix_member_merged_into", "merged_into", postgresql_where=text("merged_into is not null")
        ),
        Index("ix_member_apart", "id", postgresql_where=text("role <> 'member'")),
    )
    id: int = _int(Identity(), primary_key=True)
    known: bool = _bool(server_default=text("false"))
    role: str = _text(server_default="member")
    state: str = _text(server_default="active")
    name: str | None = _text(nullable=True)
    search_name: str = _code_points(server_default=text("''"))
    joined_at: datetime | None = _time(nullable=True)
    zone: str | None = _text(nullable=True)
    lang: str | None = _text(nullable=True)
    attributes: dict[str, Any] = Field(
        sa_column=Column(JSONB, nullable=False, server_default=text("'{}'"))
    )
    seen_day: int = _int()
    merged_into: int | None = _int(ForeignKey("member.id"), nullable=True)
    erased_at: datetime | None = _time(nullable=True)


class Account(Table, table=True):
    """What a source calls a member; of an erased member only a keyed hash of it remains."""

    __tablename__ = "account"
    __table_args__ = (Index("ix_account_member_id", "member_id"),)
    source_id: int = _smallint(ForeignKey("source.id"), primary_key=True)
    external_id: str = _code_points(primary_key=True)
    member_id: int = _int(ForeignKey("member.id"))


class Post(Table, table=True):
    """Anything written. A row with ``type_id`` null stands for a post that is not known yet.

    ``type_id`` is the action type of writing it (qa × answer), ``form`` the source's word for it
    (question, answer, …), ``day`` the day of ``written_at``.
    """

    __tablename__ = "post"
    __table_args__ = (
        UniqueConstraint("source_id", "external_id"),
        CheckConstraint("state in ('visible', 'hidden', 'deleted')", name="state"),
        Index(
            "ix_post_author_id", "author_id", "day", postgresql_where=text("author_id is not null")
        ),
        Index(
            "ix_post_root_id",
            "root_id",
            "day",
            "id",
            postgresql_where=text("root_id is not null"),
        ),
        Index(
            "ix_post_parent_id",
            "parent_id",
            "day",
            "id",
            postgresql_where=text("parent_id <> root_id"),
        ),
        Index("ix_post_day", "day", "id", postgresql_where=text("type_id is not null")),
        Index("ix_post_waiting", "id", postgresql_where=text("type_id is null")),
    )
    id: int = _int(Identity(), primary_key=True)
    source_id: int = _smallint(ForeignKey("source.id"))
    precision: int = _smallint(server_default=text("0"))
    type_id: int | None = _smallint(ForeignKey("action_type.id"), nullable=True)
    author_id: int | None = _int(ForeignKey("member.id"), nullable=True)
    root_id: int | None = _int(ForeignKey("post.id"), nullable=True)
    parent_id: int | None = _int(ForeignKey("post.id"), nullable=True)
    day: int | None = _int(nullable=True)
    written_at: datetime | None = _time(nullable=True)
    edited_at: datetime | None = _time(nullable=True)
    external_id: str = _text()
    form: str | None = _text(nullable=True)
    state: str = _text(server_default="visible")
    format: str = _text(server_default="plain")
    lang: str | None = _text(nullable=True)
    title: str | None = _text(nullable=True)
    text: str | None = _text(nullable=True)


class Action(Table, table=True):
    """One member did one thing once; append-only but for what later evidence adds to it.

    ``post_id`` is what it responds to, ``wrote_id`` the post it brought forth. ``state`` holds the
    reasons why it does not count: bit 0 retracted, bit 1 its post was deleted; 0 counts.
    ``target_given`` says that the source named the target, which then never changes. Members and
    posts are foreign keys; ``source_id`` and ``type_id`` are not, because their few rows are never
    deleted and two more checks per action cost a tenth of recording.
    """

    __tablename__ = "action"
    __table_args__ = (
        UniqueConstraint("source_id", "external_id"),
        CheckConstraint("n > 0", name="n"),
        CheckConstraint(
            "actor_id is not null or target_id is not null or post_id is not null "
            "or wrote_id is not null",
            name="somebody",
        ),
        Index(
            "ix_action_actor_id", "actor_id", "day", postgresql_where=text("actor_id is not null")
        ),
        Index(
            "ix_action_target_id",
            "target_id",
            "day",
            postgresql_where=text("target_id is not null"),
        ),
        Index("ix_action_post_id", "post_id", postgresql_where=text("post_id is not null")),
        Index(
            "uq_action_wrote_id",
            "wrote_id",
            unique=True,
            postgresql_where=text("wrote_id is not null"),
        ),
    )
    id: int = _bigint(Identity(), primary_key=True)
    occurred_at: datetime = _time()
    day: int = _int()
    n: int = _int(server_default=text("1"))
    actor_id: int | None = _int(ForeignKey("member.id"), nullable=True)
    target_id: int | None = _int(ForeignKey("member.id"), nullable=True)
    post_id: int | None = _int(ForeignKey("post.id"), nullable=True)
    wrote_id: int | None = _int(ForeignKey("post.id"), nullable=True)
    source_id: int = _smallint()
    type_id: int = _smallint()
    precision: int = _smallint(server_default=text("0"))
    grade: int = _smallint(server_default=text("0"))
    state: int = _smallint(server_default=text("0"))
    target_given: bool = _bool(server_default=text("false"))
    external_id: str = _text()


class Alias(Table, table=True):
    """A second id of one action: the source sent the writing of a post on its own as well."""

    __tablename__ = "alias"
    source_id: int = _smallint(ForeignKey("source.id"), primary_key=True)
    external_id: str = _text(primary_key=True)
    action_id: int = _bigint(ForeignKey("action.id"), index=True)


class Retraction(Table, table=True):
    """An undo. It waits (``action_id`` null) until the action it is about arrives."""

    __tablename__ = "retraction"
    __table_args__ = (
        Index("ix_retraction_undoes", "source_id", "undoes"),
        Index("ix_retraction_waiting", "source_id", postgresql_where=text("action_id is null")),
    )
    source_id: int = _smallint(ForeignKey("source.id"), primary_key=True)
    external_id: str = _text(primary_key=True)
    undoes: str = _text()
    retracted_at: datetime = _time()
    action_id: int | None = _bigint(ForeignKey("action.id"), nullable=True, index=True)


class Counter(Table, table=True):
    """The exported total of a member's account at one time, and what of it no action explains.

    Where a member has several accounts in one source, their totals add up. ``rise`` is the part
    that stands in the tally of ``day``; ``whole`` marks the first snapshot, whose whole value falls
    on one day because nothing older is known.
    """

    __tablename__ = "counter"
    member_id: int = _int(ForeignKey("member.id"), primary_key=True)
    source_id: int = _smallint(ForeignKey("source.id"), primary_key=True)
    type_id: int = _smallint(ForeignKey("action_type.id"), primary_key=True)
    side: int = _smallint(primary_key=True)
    as_of: datetime = _time(primary_key=True)
    account: str = _text(primary_key=True)
    day: int = _int()
    value: int = _bigint()
    rise: int = _bigint(server_default=text("0"))
    whole: bool = _bool(server_default=text("false"))


class PostCount(Table, table=True):
    """Anonymous reactions to a post as a total per type and day; a later total replaces it."""

    __tablename__ = "post_count"
    post_id: int = _int(ForeignKey("post.id"), primary_key=True)
    type_id: int = _smallint(ForeignKey("action_type.id"), primary_key=True)
    day: int = _int(primary_key=True)
    n: int = _bigint()


class Tally(Table, table=True):
    """How often per member, day, action type, side and grade: what all points come from.

    Derived from actions, counters and post counts and rebuilt from them at any time, hence without
    foreign keys.
    """

    __tablename__ = "tally"
    __table_args__ = (
        CheckConstraint("n >= 0", name="n"),
        Index(
            "ix_tally_day", "day", postgresql_using="brin", postgresql_with={"pages_per_range": 32}
        ),
    )
    member_id: int = _int(primary_key=True)
    day: int = _int(primary_key=True)
    type_id: int = _smallint(primary_key=True)
    side: int = _smallint(primary_key=True)
    grade: int = _smallint(primary_key=True)
    n: int = _bigint()


class RuleSetRow(Table, table=True):
    """An immutable version of the rules, kept as the text that defines it.

    ``activates_on`` is the day on which a scheduled one is put in force, by whom ``scheduled_by``
    names. ``notify`` says that followers are told whom its activation moves.
    """

    __tablename__ = "rule_set"
    __table_args__ = (
        CheckConstraint("state in ('draft', 'scheduled', 'active', 'retired')", name="state"),
        CheckConstraint("(state = 'scheduled') = (activates_on is not null)", name="activates_on"),
        Index("uq_rule_set_activates_on", "activates_on", unique=True),
        Index(
            "uq_rule_set_active", "state", unique=True, postgresql_where=text("state = 'active'")
        ),
    )
    id: int = _int(Identity(), primary_key=True)
    name: str = _text()
    toml: str = _text()
    checksum: str = _text(unique=True)
    state: str = _text(server_default="draft")
    created_at: datetime = _time()
    activated_at: datetime | None = _time(nullable=True)
    retired_at: datetime | None = _time(nullable=True)
    activates_on: int | None = _int(nullable=True)
    notify: bool = _bool(server_default=text("false"))
    scheduled_by: str | None = _text(nullable=True)


class KeptVectors(Table, table=True):
    """How many members have which points on a day, for questions about other bars.

    Derived (store/vectors.py): ``basis`` names all of the rules but their bars, ``recorded`` how
    many actions had been recorded when it was made, and ``seconds`` how long that took.
    """

    __tablename__ = "kept_vectors"
    basis: str = _text(primary_key=True)
    day: int = _int(primary_key=True)
    made_at: datetime = _time()
    recorded: int = _bigint()
    seconds: int = _int()
    vectors: bytes = _bytes()


class GoalRow(Table, table=True):
    """So many members of a status by the end of a day; ``from_day`` is when it was set.

    What was reached, and by which moves, is worked out whenever it is asked for.
    """

    __tablename__ = "goal"
    __table_args__ = (
        UniqueConstraint("status", "by_day"),
        CheckConstraint("status between 0 and 6", name="status"),
        CheckConstraint("target >= 0", name="target"),
        CheckConstraint("by_day > from_day", name="days"),
    )
    id: int = _int(Identity(), primary_key=True)
    status: int = _smallint()
    target: int = _int()
    from_day: int = _int()
    by_day: int = _int()
    by: str = _text()
    created_at: datetime = _time()


class Hold(Table, table=True):
    """A status kept by decision: a manager's lock, or the grace after a change of rules.

    It applies from ``from_day`` to the day before ``until_day`` (null: until it is ended).
    """

    __tablename__ = "hold"
    __table_args__ = (
        CheckConstraint("kind in ('lock', 'grace')", name="kind"),
        CheckConstraint("until_day is null or until_day >= from_day", name="days"),
        Index("ix_hold_member_id", "member_id"),
    )
    id: int = _int(Identity(), primary_key=True)
    member_id: int = _int(ForeignKey("member.id"))
    kind: str = _text()
    status: int = _smallint()
    from_day: int = _int()
    until_day: int | None = _int(nullable=True)
    reason: str = _text()
    by: str = _text()
    created_at: datetime = _time()


class StandingRow(Table, table=True):
    """Where a member stands at the end of ``day`` as far as is known.

    ``state`` and ``recent`` are what the fold goes on from (engagement/columns.py: two packed
    states, at the end of the day before and of ``day``; and the days of the window with their
    points); the other columns repeat what of it is read and sorted by. Points are times 100. A row
    is made with its member, so that there is always one to lock; until the first fold ``state`` is
    empty.
    """

    __tablename__ = "standing"
    __table_args__ = (
        CheckConstraint("status between 0 and 6", name="status"),
        Index("ix_standing_status", "status", "member_id"),
        Index("ix_standing_due", "rule_set_id", "next_review_day"),
        {"postgresql_with": {"fillfactor": "75"}},
    )
    member_id: int = _int(ForeignKey("member.id"), primary_key=True)
    rule_set_id: int | None = _int(ForeignKey("rule_set.id"), nullable=True)
    day: int | None = _int(nullable=True)
    since: int | None = _int(nullable=True)
    next_review_day: int | None = _int(nullable=True)
    contribution: int = _bigint(server_default=text("0"))
    interaction: int = _bigint(server_default=text("0"))
    favorability: int = _bigint(server_default=text("0"))
    support: int = _bigint(server_default=text("0"))
    status: int = _smallint(server_default=text("6"))
    state: bytes = _bytes(server_default=text("''"))
    recent: bytes = _bytes(server_default=text("''"))


class Transition(Table, table=True):
    """A change of status as it was announced; never rewritten.

    ``told`` is false where followers are not told of it: rules have changed, and their activation
    did not ask for it.
    """

    __tablename__ = "transition"
    __table_args__ = (
        Index("ix_transition_member_id", "member_id", "id"),
        Index("ix_transition_day", "day"),
        CheckConstraint(
            "cause in ('action', 'decay', 'quality', 'rule_change', 'lock', 'import', 'merge')",
            name="cause",
        ),
    )
    id: int = _bigint(Identity(), primary_key=True)
    member_id: int = _int(ForeignKey("member.id"))
    day: int = _int()
    at: datetime = _time()
    rule_set_id: int = _int(ForeignKey("rule_set.id"))
    from_status: int | None = _smallint(nullable=True)
    to_status: int = _smallint()
    cause: str = _text()
    told: bool = _bool(server_default=text("true"))


class Refold(Table, table=True):
    """Due work: members whose standing must be folded again, and why."""

    __tablename__ = "refold"
    member_id: int = _int(ForeignKey("member.id"), primary_key=True)
    cause: str = _text()
    since: datetime = _time()


class ScenarioRow(Table, table=True):
    """A version of a scenario, kept as the text that defines it; one of a key runs or is paused."""

    __tablename__ = "scenario"
    __table_args__ = (
        UniqueConstraint("key", "number"),
        CheckConstraint("state in ('draft', 'running', 'paused', 'ended')", name="state"),
        Index(
            "uq_scenario_running",
            "key",
            unique=True,
            postgresql_where=text("state in ('running', 'paused')"),
        ),
    )
    id: int = _int(Identity(), primary_key=True)
    key: str = _text()
    number: int = _int()
    toml: str = _text()
    checksum: str = _text()
    state: str = _text(server_default="draft")
    by: str = _text()
    created_at: datetime = _time()
    begun_at: datetime | None = _time(nullable=True)
    ended_at: datetime | None = _time(nullable=True)


class PromptPolicyRow(Table, table=True):
    """What holds for all scenarios together; the newest is in force."""

    __tablename__ = "prompt_policy"
    id: int = _int(Identity(), primary_key=True)
    toml: str = _text()
    by: str = _text()
    created_at: datetime = _time()


class ConsentRow(Table, table=True):
    """What a member has said to prompts of a kind (its place in KINDS), or to all (−1)."""

    __tablename__ = "consent"
    member_id: int = _int(ForeignKey("member.id"), primary_key=True)
    kind: int = _smallint(primary_key=True)
    allowed: bool = _bool()
    at: datetime = _time()
    by: str = _text()


class CandidateRow(Table, table=True):
    """What a prompt to a member could be about; those of member 0 are for everybody.

    Made by due work and made anew at any time, hence without foreign keys; ``kind`` is its place in
    KINDS. What has become of the post since is looked up when it is used.
    """

    __tablename__ = "candidate"
    member_id: int = _int(primary_key=True)
    kind: int = _smallint(primary_key=True)
    post_id: int = _int(primary_key=True)
    score: float = Field(sa_column=Column(REAL, nullable=False))
    told: dict[str, Any] = Field(
        sa_column=Column(JSONB, nullable=False, server_default=text("'{}'"))
    )


class OfferRow(Table, table=True):
    """One decision to show a prompt, to hold it out, or to show none (``arm`` null).

    ``reason`` says why nothing is shown, ``trace`` what became of each scenario that was for the
    member's standing. ``arm`` is 0 shown, 1 held out of the scenario, 2 held out of all; ``period``
    that of the draw (engagement/holdout.py). ``told`` are the values of its message, ``variant``
    the position of that in the scenario.
    """

    __tablename__ = "offer"
    __table_args__ = (
        CheckConstraint("(arm is null) = (scenario_id is null)", name="arm"),
        CheckConstraint("arm between 0 and 2", name="arms"),
        Index(
            "uq_offer_session",
            "member_id",
            "surface",
            "session",
            unique=True,
            postgresql_where=text("session is not null"),
        ),
        Index("ix_offer_member_id", "member_id", "id"),
        Index(
            "ix_offer_item", "member_id", "post_id", postgresql_where=text("post_id is not null")
        ),
        Index("ix_offer_post_id", "post_id", "at", postgresql_where=text("post_id is not null")),
        Index(
            "ix_offer_scenario_id", "scenario_id", postgresql_where=text("scenario_id is not null")
        ),
    )
    id: int = _bigint(Identity(), primary_key=True)
    at: datetime = _time()
    shown_at: datetime | None = _time(nullable=True)
    followed_at: datetime | None = _time(nullable=True)
    dismissed_at: datetime | None = _time(nullable=True)
    snoozed_at: datetime | None = _time(nullable=True)
    refused_at: datetime | None = _time(nullable=True)
    member_id: int = _int(ForeignKey("member.id"))
    policy_id: int = _int(ForeignKey("prompt_policy.id"))
    scenario_id: int | None = _int(ForeignKey("scenario.id"), nullable=True)
    post_id: int | None = _int(ForeignKey("post.id"), nullable=True)
    period: int = _smallint()
    status: int = _smallint()
    kind: int | None = _smallint(nullable=True)
    arm: int | None = _smallint(nullable=True)
    variant: int | None = _smallint(nullable=True)
    surface: str = _text()
    session: str | None = _text(nullable=True)
    lang: str = _text()
    reason: str | None = _text(nullable=True)
    told: dict[str, Any] = Field(
        sa_column=Column(JSONB, nullable=False, server_default=text("'{}'"))
    )
    trace: list[Any] = Field(sa_column=Column(JSONB, nullable=False, server_default=text("'[]'")))


class ApiKey(Table, table=True):
    """A key of the API: only its hash is kept."""

    __tablename__ = "api_key"
    id: int = _int(Identity(), primary_key=True)
    name: str = _text()
    prefix: str = _text(unique=True)
    hash: bytes = _bytes()
    scopes: list[str] = Field(sa_column=Column(ARRAY(Text), nullable=False))
    created_at: datetime = _time()
    expires_at: datetime | None = _time(nullable=True)
    revoked_at: datetime | None = _time(nullable=True)


class AuditEntry(Table, table=True):
    """A change that somebody made, as it was before and after; see store/audit.py."""

    __tablename__ = "audit_entry"
    __table_args__ = (
        Index("ix_audit_entry_subject_ids", "subject_ids", postgresql_using="gin"),
        CheckConstraint(
            "subject_kind in ('Member', 'RuleSet', 'Key', 'Goal', 'Scenario', 'PromptPolicy')",
            name="subject_kind",
        ),
    )
    id: int = _bigint(Identity(), primary_key=True)
    at: datetime = _time()
    actor: str = _text()
    key_prefix: str | None = _text(nullable=True)
    request_id: str | None = _text(nullable=True)
    action: str = _text()
    subject_kind: str = _text()
    subject_ids: list[int] = Field(sa_column=Column(ARRAY(Integer), nullable=False))
    before: dict[str, Any] | None = Field(sa_column=Column(JSONB, nullable=True))
    after: dict[str, Any] | None = Field(sa_column=Column(JSONB, nullable=True))


class ImportRun(Table, table=True):
    """How far an import got, so that an interrupted one goes on where it stopped."""

    __tablename__ = "import_run"
    __table_args__ = (UniqueConstraint("source", "format", "fingerprint"),)
    id: int = _int(Identity(), primary_key=True)
    source: str = _text()
    format: str = _text()
    fingerprint: str = _text()
    position: int = _bigint(server_default=text("0"))
    report: dict[str, Any] = Field(
        sa_column=Column(JSONB, nullable=False, server_default=text("'{}'"))
    )
    started_at: datetime = _time()
    updated_at: datetime = _time()
    finished_at: datetime | None = _time(nullable=True)
