"""What a document may cost, reckoned before anything is asked of the database.

A field costs one, and everything below a list as often as the list may be long. Fragments that spread one another
could make the reckoning itself endless, so their number is limited first.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from graphql import (
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLError,
    InlineFragmentNode,
    IntValueNode,
    ObjectValueNode,
    OperationDefinitionNode,
    VariableNode,
    Visitor,
    visit,
)
from strawberry.extensions import SchemaExtension
from strawberry.types import ExecutionResult
from strawberry_django.settings import strawberry_django_settings

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from graphql import DocumentNode, SelectionSetNode, ValueNode

MAX_COST = 3000
MAX_SPREADS = 12
#: How many tags an article is taken to have: a list that is not cut.
SHORT_LIST = 5

PAGINATION = "pagination"
#: Lists without a length of their own in the document, by field.
SHORT_LISTS = frozenset({"tags"})
#: Fields that are cut by ``pagination``, given or not.
CUT_LISTS = frozenset({"articles", "comments", "categories"})


class CostLimiter(SchemaExtension):
    """Refuses documents that cost too much."""

    def on_validate(self) -> Iterator[None]:
        """Count spreads before the other rules, because some of those follow every one."""
        document = self.execution_context.graphql_document
        if document is not None and (problem := _too_many_spreads(document)):
            self.execution_context.pre_execution_errors = [GraphQLError(problem)]
        yield

    def on_execute(self) -> Iterator[None]:
        """Reckon what is left to be done, once the document is known to make sense."""
        context = self.execution_context
        if context.graphql_document is not None:
            problem = _too_costly(context.graphql_document, context.variables or {})
            if problem:
                context.result = ExecutionResult(data=None, errors=[GraphQLError(problem)])
        yield


class _Spreads(Visitor):
    """Counts how often a document spreads a fragment."""

    def __init__(self) -> None:
        super().__init__()
        self.count = 0

    def enter_fragment_spread(self, *_: object) -> None:
        self.count += 1


def cost(document: DocumentNode, variables: Mapping[str, Any]) -> int:
    """Return what a valid document costs.

    Args:
        document: its operations and fragments.
        variables: the values that came with it.
    """
    fragments = {
        definition.name.value: definition
        for definition in document.definitions
        if isinstance(definition, FragmentDefinitionNode)
    }

    def of(selections: SelectionSetNode | None) -> int:
        total = 0
        for selection in selections.selections if selections else ():
            if isinstance(selection, FieldNode):
                total += 1 + _length(selection, variables) * of(selection.selection_set)
            elif isinstance(selection, InlineFragmentNode):
                total += of(selection.selection_set)
            elif isinstance(selection, FragmentSpreadNode):
                total += of(fragments[selection.name.value].selection_set)
        return total

    operations = (part for part in document.definitions if isinstance(part, OperationDefinitionNode))
    return max((of(operation.selection_set) for operation in operations), default=0)


def _too_many_spreads(document: DocumentNode) -> str | None:
    spreads = _Spreads()
    visit(document, spreads)
    return f"More than {MAX_SPREADS} fragment spreads." if spreads.count > MAX_SPREADS else None


def _too_costly(document: DocumentNode, variables: Mapping[str, Any]) -> str | None:
    reckoned = cost(document, variables)
    return f"This would cost {reckoned}, and at most {MAX_COST} is allowed." if reckoned > MAX_COST else None


def _length(field: FieldNode, variables: Mapping[str, Any]) -> int:
    """Return how long the list may be that a field stands for; one if it is no list."""
    name = field.name.value
    if name in SHORT_LISTS and not field.arguments:
        return SHORT_LIST
    if name not in CUT_LISTS | SHORT_LISTS:
        return 1
    given = next((part.value for part in field.arguments or () if part.name.value == PAGINATION), None)
    limit = _limit(given, variables)
    settings = strawberry_django_settings()
    longest, usual = settings["PAGINATION_MAX_LIMIT"] or 0, settings["PAGINATION_DEFAULT_LIMIT"] or 0
    if limit is None:
        return usual
    return limit if 0 <= limit <= longest else longest


def _limit(value: ValueNode | None, variables: Mapping[str, Any]) -> int | None:
    """Return the limit that a document asks for, None if it leaves it open. What is unclear counts as far too much."""
    if value is None:
        return None
    if isinstance(value, VariableNode):
        given = variables.get(value.name.value)
        limit = given.get("limit") if isinstance(given, dict) else -1
        return limit if limit is None or isinstance(limit, int) else -1
    if not isinstance(value, ObjectValueNode):
        return None
    inner = next((part.value for part in value.fields or () if part.name.value == "limit"), None)
    if isinstance(inner, IntValueNode):
        return int(inner.value)
    if isinstance(inner, VariableNode):
        given = variables.get(inner.name.value, -1)
        return given if given is None or isinstance(given, int) else -1
    return None
