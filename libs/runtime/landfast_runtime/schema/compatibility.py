"""What the release before could not live with, found in the SQL of migrations before they run.

A migration runs while the release before serves, and that release may come back by a rollback: its code must be able to
read and write the new schema. The SQL is what Django and Alembic make of a migration for PostgreSQL, or its own.
``docs/how-to/migrations.md`` has the way around each finding; an ADR says why no linter of others does this.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_PART = r'(?:"[^"]+"|\w+)'
_NAME = rf"{_PART}(?:\.{_PART})*"
_IF = r"(?:IF (?:NOT )?EXISTS )?"
_COLUMN = rf"(?:COLUMN )?{_IF}(?P<column>{_NAME})"
#: Identifiers in quotes stay; texts, bodies of functions and remarks say nothing about the schema.
_ASIDE = re.compile(r"""("[^"]*")|'(?:[^']|'')*'|\$(\w*)\$.*?\$\2\$|--[^\n]*|/\*.*?\*/""", re.DOTALL)
_FILLS_ITSELF = re.compile(r"\bDEFAULT (?!NULL)|\bGENERATED\b|^(?:small|big)?serial\b", re.IGNORECASE)
_OBJECTS = "VIEW|MATERIALIZED VIEW|TYPE|DOMAIN|FUNCTION|PROCEDURE|SEQUENCE|SCHEMA|EXTENSION"


@dataclass(frozen=True)
class Column:
    """A column that pending migrations add.

    Args:
        required: whether it takes no NULL.
        default: whether the database has a value for it.
    """

    required: bool
    default: bool

    @property
    def is_left_out_safely(self) -> bool:
        """Whether code that does not know the column can insert rows."""
        return self.default or not self.required


class Review:
    """Reads pending migrations in their order. Tables and columns that they make are unknown to the release before."""

    def __init__(self) -> None:
        """Begin before the first of them."""
        self._tables: set[str] = set()
        self._columns: dict[tuple[str, str], Column] = {}
        self._given: set[tuple[str, str]] = set()  # a default for the time of one migration

    def read(self, sql: str) -> list[str]:
        """Return what a migration does that the release before could not live with, each once.

        Args:
            sql: its statements, separated by semicolons.
        """
        self._given.clear()
        return list(dict.fromkeys(problem for statement in statements(sql) for problem in self._statement(statement)))

    def _statement(self, statement: str) -> Iterator[str]:
        """Find the kind of a statement."""
        kinds: tuple[tuple[str, Callable[[re.Match[str]], Iterator[str]]], ...] = (
            (rf"CREATE (?:UNLOGGED )?TABLE {_IF}(?P<table>{_NAME})", self._create_table),
            (rf"CREATE UNIQUE INDEX .*?\bON (?:ONLY )?(?P<table>{_NAME})[^(]*(?P<rest>\(.*)", self._unique_index),
            (rf"ALTER TABLE {_IF}(?:ONLY )?(?P<table>{_NAME}) (?P<actions>.+)", self._alter_table),
            (rf"DROP TABLE {_IF}(?P<tables>.+?)(?: CASCADE| RESTRICT)?$", self._drop_table),
            (rf"DROP (?P<kind>{_OBJECTS}) {_IF}(?P<name>{_NAME})", self._drop_object),
            (rf"ALTER (?P<kind>{_OBJECTS}) {_IF}(?P<name>{_NAME}).* (?:RENAME|SET SCHEMA) ", self._rename_object),
            (r"REVOKE ", lambda _: iter(["takes rights away (REVOKE)"])),
            (r"DO ", lambda _: iter(["runs a block (DO) whose effect nobody can tell beforehand"])),
        )
        return next(
            (found(match) for pattern, found in kinds if (match := re.match(pattern, statement, re.IGNORECASE))),
            iter(()),
        )

    def _create_table(self, match: re.Match[str]) -> Iterator[str]:
        self._tables.add(name(match["table"]))
        yield from ()

    def _drop_table(self, match: re.Match[str]) -> Iterator[str]:
        for table in map(name, match["tables"].split(",")):
            if table not in self._tables:
                yield f"drops the table {table}"

    def _drop_object(self, match: re.Match[str]) -> Iterator[str]:
        yield f"drops the {match['kind'].lower()} {name(match['name'])}"

    def _rename_object(self, match: re.Match[str]) -> Iterator[str]:
        yield f"renames or moves the {match['kind'].lower()} {name(match['name'])}"

    def _unique_index(self, match: re.Match[str]) -> Iterator[str]:
        table = name(match["table"])
        if table not in self._tables:
            yield from self._unique(table, match["rest"])

    def _alter_table(self, match: re.Match[str]) -> Iterator[str]:
        """Go through what is done to a table that was there before."""
        table = name(match["table"])
        if table in self._tables:
            renamed = re.search(rf"\bRENAME TO (?P<new>{_NAME})", match["actions"], re.IGNORECASE)
            self._tables |= {name(renamed["new"])} if renamed else set()
            return
        for action in parts(match["actions"]):
            yield from self._action(table, action)

    def _action(self, table: str, action: str) -> Iterator[str]:
        """Find the kind of one action on a table."""
        named = rf"ADD (?:CONSTRAINT {_NAME} )?"
        kinds: tuple[tuple[str, Callable[[str, re.Match[str]], Iterator[str]]], ...] = (
            (rf"{named}UNIQUE\b(?P<rest>.*)", lambda table, match: self._unique(table, match["rest"])),
            (rf"{named}(?P<kind>CHECK|FOREIGN KEY|PRIMARY KEY|EXCLUDE)\b(?P<rest>.*)", self._constraint),
            (rf"ADD {_COLUMN} (?P<rest>.*)", self._add_column),
            (r"DROP CONSTRAINT ", lambda *_: iter(())),
            (rf"DROP {_COLUMN}", self._drop_column),
            (rf"ALTER {_COLUMN} (?:SET DATA )?TYPE ", self._change_type),
            (rf"ALTER {_COLUMN} SET NOT NULL", self._require),
            (rf"ALTER {_COLUMN} (?P<verb>SET|DROP) DEFAULT(?P<null> NULL)?", self._default),
            (r"RENAME CONSTRAINT ", lambda *_: iter(())),
            (r"RENAME TO ", lambda table, _: iter([f"renames the table {table}"])),
            (rf"RENAME {_COLUMN} TO (?P<new>{_NAME})", self._rename_column),
            (r"SET SCHEMA ", lambda table, _: iter([f"moves the table {table} to another schema"])),
        )
        return next(
            (found(table, match) for pattern, found in kinds if (match := re.match(pattern, action, re.IGNORECASE))),
            iter(()),
        )

    def _add_column(self, table: str, match: re.Match[str]) -> Iterator[str]:
        key, rest = (table, name(match["column"])), match["rest"]
        required = re.search(r"\bNOT NULL\b|\bPRIMARY KEY\b", rest, re.IGNORECASE) is not None
        self._columns[key] = Column(required, default=_FILLS_ITSELF.search(rest) is not None)
        yield from self._left_out(key)
        if self._columns[key].default and re.search(r"\bUNIQUE\b", rest, re.IGNORECASE):
            yield f"makes {key[1]} of {table} unique, whose default the release before writes each time"

    def _left_out(self, key: tuple[str, str]) -> Iterator[str]:
        """Say so if the release before, which leaves a new column out, could not insert rows any more."""
        table, column = key
        if not self._columns[key].is_left_out_safely:
            yield f"adds the required column {column} to {table} without a default that stays in the database"

    def _drop_column(self, table: str, match: re.Match[str]) -> Iterator[str]:
        column = name(match["column"])
        if self._columns.pop((table, column), None) is None:
            yield f"drops the column {column} of {table}"

    def _rename_column(self, table: str, match: re.Match[str]) -> Iterator[str]:
        column, new = name(match["column"]), name(match["new"])
        added = self._columns.pop((table, column), None)
        if added:
            self._columns[table, new] = added
        else:
            yield f"renames the column {column} of {table} to {new}"

    def _change_type(self, table: str, match: re.Match[str]) -> Iterator[str]:
        column = name(match["column"])
        if (table, column) not in self._columns:
            yield f"changes the type of {column} of {table} (harmless if it only gets wider)"

    def _require(self, table: str, match: re.Match[str]) -> Iterator[str]:
        key = (table, name(match["column"]))
        if key in self._columns:
            self._columns[key] = Column(required=True, default=self._columns[key].default)
            yield from self._left_out(key)
        else:
            yield f"refuses NULL in {key[1]} of {table}"

    def _default(self, table: str, match: re.Match[str]) -> Iterator[str]:
        key = (table, name(match["column"]))
        sets = match["verb"].upper() == "SET" and not match["null"]
        if key in self._columns:
            self._columns[key] = Column(self._columns[key].required, default=sets)
            yield from self._left_out(key)
        elif sets:
            self._given.add(key)
        elif key not in self._given:
            yield f"takes away the default of {key[1]} of {table}"

    def _unique(self, table: str, rest: str) -> Iterator[str]:
        """Rows of the release before differ all the same if they have NULL in one of the columns."""
        columns = listed(rest)
        added = [self._columns[table, column] for column in columns if (table, column) in self._columns]
        if not any(not column.required and not column.default for column in added) and columns:
            yield f"makes {', '.join(columns)} of {table} unique"

    def _constraint(self, table: str, match: re.Match[str]) -> Iterator[str]:
        """The release before does not write to new columns, so a constraint on them cannot stop it."""
        kind, columns = match["kind"].lower(), listed(match["rest"])
        new = {column for _, column in (key for key in self._columns if key[0] == table)}
        words = set(map(name, re.findall(_PART, match["rest"])))
        harmless = bool(words & new) if kind == "check" else bool(columns) and set(columns) <= new
        if not harmless and "USING INDEX" not in match["rest"].upper():
            yield f"adds a constraint ({kind}) to {table}"


def statements(sql: str) -> list[str]:
    """Return the statements of ``sql``, each on one line, without texts, bodies and remarks."""
    bare = _ASIDE.sub(lambda match: match[1] or ("''" if match[0][0] in "'$" else " "), sql)
    return [" ".join(part.split()) for part in re.findall(r'(?:"[^"]*"|[^;"])+', bare) if part.strip()]


def parts(text: str) -> list[str]:
    """Return what commas separate in ``text``, except for those within brackets."""
    found, depth = [""], 0
    for letter in text:
        depth += (letter == "(") - (letter == ")")
        if letter == "," and not depth:
            found.append("")
        else:
            found[-1] += letter
    return [part.strip() for part in found]


def listed(rest: str) -> list[str]:
    """Return the columns, or the first words of expressions, in the first brackets of ``rest``."""
    inside = re.search(r"\(((?:[^()]|\([^()]*\))*)\)", rest)
    return [name(match[0]) for part in parts(inside[1] if inside else "") if (match := re.search(_PART, part))]


def name(text: str) -> str:
    """Return a name as PostgreSQL keeps it, without its schema."""
    last = str(re.findall(_PART, text)[-1])
    return last[1:-1] if last.startswith('"') else last.lower()
