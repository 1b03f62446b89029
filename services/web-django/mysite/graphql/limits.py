"""The limits of a document, which are checked before any query of the database.

Strawberry limits depth, aliases and tokens. It has no limit for the cost and for fragment spreads: these are counted
here. A field costs one, and everything below a list is multiplied by the list's maximal length. Fragments that spread
one another could make the count endless, so the number of spreads is limited first.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from graphql import (
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLError,
    InlineFragmentNode,
    OperationDefinitionNode,
    ValidationRule,
    Visitor,
    validate,
    value_from_ast_untyped,
    visit,
)
from strawberry.extensions import MaxAliasesLimiter, QueryDepthLimiter, SchemaExtension
from strawberry.types import ExecutionResult
from strawberry_django.settings import strawberry_django_settings

from mysite.wellformed import problem_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from graphql import DocumentNode, SelectionSetNode, StringValueNode

#: Levels of fields: articles > results > comments > results > article > category > name, and one in reserve.
MAX_DEPTH = 8
MAX_ALIASES = 15
MAX_TOKENS = 1000
MAX_COST = 3000
MAX_SPREADS = 12
#: The assumed number of an article's tags, a list without pagination.
SHORT_LIST = 5

PAGINATION = "pagination"
#: Lengths of lists without pagination, by field.
SHORT_LISTS = frozenset({"tags"})
#: Fields with the argument ``pagination``, given or not.
CUT_LISTS = frozenset({"articles", "comments", "categories"})

#: Strawberry's own rules. As extensions they would run beside the other rules and crash on documents that those refuse,
#: such as one with an unknown fragment.
LIMITERS = (*QueryDepthLimiter(MAX_DEPTH).validation_rules, *MaxAliasesLimiter(MAX_ALIASES).validation_rules)


class Limits(SchemaExtension):
    """Refuses documents that exceed strawberry's own limits or the cost."""

    def on_validate(self) -> Iterator[None]:
        """Count spreads before the other rules, because some of those follow every spread."""
        document = self.execution_context.graphql_document
        if document is not None and (problem := _too_many_spreads(document)):
            self.execution_context.pre_execution_errors = [GraphQLError(problem)]
        yield

    def on_execute(self) -> Iterator[None]:
        """Apply the other limits after the document's validation."""
        context = self.execution_context
        document = context.graphql_document
        if document is not None:
            schema = context.schema._schema  # noqa: SLF001 - graphql-core's schema; strawberry has no public name for it
            errors = validate(schema, document, LIMITERS) or _too_costly(document, context.variables or {})
            if errors:
                context.result = ExecutionResult(data=None, errors=errors)
        yield


class SomethingSelected(ValidationRule):
    """Refuses ``{}``: graphql-core accepts it, and strawberry's limiters crash on it."""

    def enter_selection_set(self, node: SelectionSetNode, *_: object) -> None:
        """Check one selection."""
        if not node.selections:
            self.report_error(GraphQLError("Nothing is selected between these braces.", node))


class StorableTexts(ValidationRule):
    """Refuses texts in a document that cannot be stored; :func:`mysite.wellformed.decode` checks variables."""

    def enter_string_value(self, node: StringValueNode, *_: object) -> None:
        """Check one text."""
        problem = problem_of(node.value)
        if problem:
            self.report_error(GraphQLError(f"The text {problem}.", node))


class _Spreads(Visitor):
    """Counts a document's fragment spreads."""

    def __init__(self) -> None:
        super().__init__()
        self.count = 0

    def enter_fragment_spread(self, *_: object) -> None:
        self.count += 1


def cost(document: DocumentNode, variables: Mapping[str, Any]) -> int:
    """Return the cost of a valid document.

    Args:
        document: its operations and fragments.
        variables: the variables' values.

    Raises:
        GraphQLError: a list has a negative offset.
    """
    fragments = {
        definition.name.value: definition
        for definition in document.definitions
        if isinstance(definition, FragmentDefinitionNode)
    }

    def of(selections: SelectionSetNode | None, values: Mapping[str, Any]) -> int:
        total = 0
        for selection in selections.selections if selections else ():
            if isinstance(selection, FieldNode):
                total += 1 + _length(selection, values) * of(selection.selection_set, values)
            elif isinstance(selection, InlineFragmentNode):
                total += of(selection.selection_set, values)
            elif isinstance(selection, FragmentSpreadNode):
                total += of(fragments[selection.name.value].selection_set, values)
        return total

    operations = (part for part in document.definitions if isinstance(part, OperationDefinitionNode))
    return max(
        (of(operation.selection_set, {**_defaults(operation), **variables}) for operation in operations), default=0
    )


def _defaults(operation: OperationDefinitionNode) -> dict[str, Any]:
    """Return the default values of an operation's variables."""
    return {
        definition.variable.name.value: value_from_ast_untyped(definition.default_value)
        for definition in operation.variable_definitions or ()
        if definition.default_value is not None
    }


def _too_many_spreads(document: DocumentNode) -> str | None:
    spreads = _Spreads()
    visit(document, spreads)
    return f"More than {MAX_SPREADS} fragment spreads." if spreads.count > MAX_SPREADS else None


def _too_costly(document: DocumentNode, variables: Mapping[str, Any]) -> list[GraphQLError]:
    try:
        reckoned = cost(document, variables)
    except GraphQLError as error:
        return [error]
    problem = f"This would cost {reckoned}, and at most {MAX_COST} is allowed."
    return [GraphQLError(problem)] if reckoned > MAX_COST else []


def _length(field: FieldNode, variables: Mapping[str, Any]) -> int:
    """Return the maximal length of a field's list; one if the field is no list."""
    name = field.name.value
    if name in SHORT_LISTS and not field.arguments:
        return SHORT_LIST
    if name not in CUT_LISTS | SHORT_LISTS:
        return 1
    given = next((part.value for part in field.arguments or () if part.name.value == PAGINATION), None)
    asked = value_from_ast_untyped(given, dict(variables)) if given else {}
    asked = asked if isinstance(asked, dict) else {}
    offset, limit = asked.get("offset"), asked.get("limit")
    if isinstance(offset, int | float) and offset < 0:
        raise GraphQLError(f"The offset of {name!r} is {offset}; it must be 0 or more.", field)
    settings = strawberry_django_settings()
    longest, usual = settings["PAGINATION_MAX_LIMIT"] or 0, settings["PAGINATION_DEFAULT_LIMIT"] or 0
    if limit is None:
        return usual
    # A variable without a value counts as far too much, too.
    return int(limit) if isinstance(limit, int | float) and 0 <= limit <= longest else longest
