"""What can be asked."""

from __future__ import annotations

from strawberry.tools import merge_types

from schema.query_members import MemberQueries
from schema.query_prompts import PromptQueries
from schema.query_reports import ReportQueries
from schema.query_rules import RuleQueries

Query = merge_types("Query", (MemberQueries, RuleQueries, ReportQueries, PromptQueries))
