"""Statements of the way in, compiled once for each engine.

SQLAlchemy's own cache still costs more for a small statement than the database does; what every
message goes through is therefore compiled at first use and given to the driver as it is.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Dialect
from sqlalchemy.sql import ClauseElement

Statement = Mapping[str, ClauseElement] | ClauseElement  # one, or one for each engine by name


class Prepared:
    """A statement with the names of what is bound in it."""

    def __init__(self, statement: Statement, names: Sequence[str]) -> None:
        self._statement = statement
        self._names = tuple(names)
        self._compiled: dict[str, _Compiled] = {}

    def first(self, connection: Connection, columns: Mapping[str, Any]) -> Sequence[Any] | None:
        """Run it; the first row that it returns, as the driver gives it. Runs to its end."""
        compiled = self._for(connection.dialect)
        cursor = compiled.run(connection, compiled.bound(columns))
        rows: Sequence[Sequence[Any]] = cursor.fetchall()
        return rows[0] if rows else None

    def run(self, connection: Connection, columns: Mapping[str, Any]) -> None:
        """Run it once. `columns` has every name."""
        compiled = self._for(connection.dialect)
        compiled.run(connection, compiled.bound(columns))

    def run_many(self, connection: Connection, rows: Sequence[Mapping[str, Any]]) -> None:
        """Run it for each of `rows`."""
        compiled = self._for(connection.dialect)
        compiled.run_many(connection, [compiled.bound(columns) for columns in rows])

    def _for(self, dialect: Dialect) -> _Compiled:
        known = self._compiled.get(dialect.name)
        if known is None:
            known = self._compiled[dialect.name] = self._compile(dialect)
        return known

    def _compile(self, dialect: Dialect) -> _Compiled:
        statement = self._statement
        chosen = statement if isinstance(statement, ClauseElement) else statement[dialect.name]
        compiled: Any = chosen.compile(dialect=dialect, column_keys=list(self._names))
        order = compiled.positiontup
        convert: dict[str, Convert | None] = {}
        for bind, name in compiled.bind_names.items():
            convert[name] = bind.type.dialect_impl(dialect).bind_processor(dialect)
        fixed = {
            name: bind.value
            for bind, name in compiled.bind_names.items()
            if name not in self._names
        }
        names = list(order) if order is not None else list(convert)
        converts = [(name, convert[name]) for name in names]
        made = _Direct if dialect.name == "sqlite" else _Compiled
        return made(compiled.string, names, converts, fixed, order is not None)


Convert = Callable[[Any], Any]


@dataclass(frozen=True, slots=True)
class _Compiled:
    text: str
    names: list[str]
    converts: Sequence[tuple[str, Convert | None]]  # None: the driver takes its values as they are
    fixed: Mapping[str, Any]  # values that stand in the statement itself
    positional: bool

    def bound(self, columns: Mapping[str, Any]) -> Any:
        """What the driver takes."""
        values = {**self.fixed, **columns} if self.fixed else columns
        converted = [
            values[name] if convert is None else convert(values[name])
            for name, convert in self.converts
        ]
        if self.positional:
            return tuple(converted)
        return dict(zip(self.names, converted, strict=True))

    def run(self, connection: Connection, bound: Any) -> Any:
        """A cursor."""
        return connection.exec_driver_sql(self.text, bound)

    def run_many(self, connection: Connection, bound: list[Any]) -> None:
        """Once for each."""
        connection.exec_driver_sql(self.text, bound)


class _Direct(_Compiled):
    """Straight to SQLite's driver: its faults are those of `sqlite3` and come as they are."""

    __slots__ = ()

    def run(self, connection: Connection, bound: Any) -> Any:
        return _driver(connection).execute(self.text, bound)

    def run_many(self, connection: Connection, bound: list[Any]) -> None:
        _driver(connection).executemany(self.text, bound)


def _driver(connection: Connection) -> Any:
    return connection.connection.driver_connection
