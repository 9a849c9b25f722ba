"""What a caller may be told is wrong: refusals of fields, and problems as results of mutations."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from graphql import GraphQLError

#: Codes of refusals of single fields, with their meaning (docs/reference/error-codes.md).
CODES: Final[Mapping[str, str]] = {
    "FORBIDDEN": "The caller's scopes do not include one that the field asks for (`@needs`).",
    "BAD_INPUT": "An argument is outside of what it may be. The message says what would be right.",
    "BAD_ID": "What was given as an `id` is not one, or is that of another kind of thing.",
    "BAD_CURSOR": "`after` is not a cursor of this list in this order. Begin again without it.",
    "UNKNOWN_MEMBER": "There is nobody to follow: no member has this id, or the site has not told "
    "of the member who asks, or they were erased.",
    "MERGED": "The member who was followed has become part of another. Subscribe again after the "
    "last `cursor`: every later change of both comes.",
    "AMBIGUOUS": "Several members have that name. Ask with `members(filter: {search: …})`.",
    "RULES_INVALID": "The text is not a rule set. The message says where and why; `saveRuleSet` "
    "says it of every mistake.",
    "UNKNOWN_RULE_SET": "There is no rule set with this id.",
    "SCENARIO_INVALID": "The text is not a scenario. The message says where and why; "
    "`saveScenario` says it of every mistake.",
    "UNKNOWN_SCENARIO": "There is no scenario with this id.",
    "UNDER_WAY": "It takes longer than a request may wait, and is being worked out: `progress` "
    "says how far it is (`done` of `total` members, null where that is not known). Ask for the "
    "same again in a while.",
    "CROWDED": "So much waits to be worked out that nothing is added. Ask again in some minutes.",
}

#: Codes in the field ``code`` of problems that mutations give as their result.
PROBLEMS: Final[Mapping[str, str]] = {
    "TOO_FEW": "A record call without records.",
    "TOO_MANY": "A record call with more than 1,000 records. Split it.",
    "BAD_SOURCE": "`source` is not a name such as `site` or `forum.en`.",
    "RULES_INVALID": "The text is not a rule set. `mistakes` says where and why.",
    "UNKNOWN_RULE_SET": "There is no rule set with this id.",
    "UNKNOWN_GOAL": "There is no goal with this id.",
    "SCENARIO_INVALID": "The text is not a scenario, or not a policy. `mistakes` says where and "
    "why.",
    "UNKNOWN_SCENARIO": "There is no scenario with this id.",
    "UNKNOWN_OFFER": "There is no such offer in which a prompt was shown, or it is not that "
    "member's.",
    "UNKNOWN_MEMBER": "There is no member with this id.",
    "NOT_POSSIBLE": "It cannot be done as things stand. The message says why.",
}


class Refused(GraphQLError):
    """A field that is not answered; message, code and what is told beside it are for the caller."""

    def __init__(self, code: str, message: str, **more: object) -> None:
        super().__init__(message, extensions={**more, "code": code})
        self.code = code
