"""One read-only statement on the staging database."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from shopmine.errors import ConfigError

if TYPE_CHECKING:
    from shopmine.staging.database import Database

_VERBS: Final = ("select", "with", "table", "values", "show", "explain")
_NOISE: Final = re.compile(r"(\s|\(|--[^\n]*\n|/\*.*?\*/)*", re.DOTALL)
DEFAULT_ROWS: Final = 1000
TIMEOUT_SECONDS: Final = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """Rows of a query; `is_cut` when there were more than asked for."""

    columns: tuple[str, ...]
    rows: list[tuple[Any, ...]]
    is_cut: bool


def run_query(db: Database, query: str, *, max_rows: int, timeout_seconds: int = TIMEOUT_SECONDS) -> Answer:
    """Run one statement in a read-only transaction; rows are streamed, so the limit holds before memory does.

    The extended protocol takes one statement only: nothing can end the transaction and write after it.

    Raises:
        ConfigError: it is not a query, PostgreSQL refuses it (its message is passed on), or it took too long.
        SourceUnavailableError: the database does not answer.
    """
    import psycopg

    from shopmine.staging.copying import driver_connection

    _check_verb(query)
    with db.snapshot() as connection:
        driver = driver_connection(connection)
        try:
            driver.execute(f"SET LOCAL statement_timeout = {timeout_seconds * 1000}")
            with driver.cursor() as cursor:
                rows = []
                for row in cursor.stream(query):
                    rows.append(row)
                    if len(rows) > max_rows:
                        break
                columns = tuple(column.name for column in cursor.description or ())
        except psycopg.errors.QueryCanceled:
            raise ConfigError(f"the query took longer than {timeout_seconds} s and was ended; ask for less") from None
        except (psycopg.ProgrammingError, psycopg.DataError, psycopg.InternalError, psycopg.NotSupportedError) as error:
            raise ConfigError(f"PostgreSQL refuses the query: {' '.join(str(error).split())}") from None
    return Answer(columns=columns, rows=rows[:max_rows], is_cut=len(rows) > max_rows)


def _check_verb(query: str) -> None:
    verb = re.split(r"\W", _NOISE.sub("", query, count=1), maxsplit=1)[0].lower()
    if verb not in _VERBS:
        choices = ", ".join(_VERBS).upper()
        raise ConfigError(f"{verb.upper() or 'an empty text'} is not a query; this command only reads: {choices}")
