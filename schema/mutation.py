"""What can be changed."""

from __future__ import annotations

from strawberry.tools import merge_types

from schema.mutation_members import MemberMutations
from schema.mutation_prompts import PromptMutations
from schema.mutation_records import RecordMutations
from schema.mutation_rules import RuleMutations

Mutation = merge_types(
    "Mutation", (RecordMutations, MemberMutations, RuleMutations, PromptMutations)
)
