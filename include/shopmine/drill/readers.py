"""Readers that look all the time while something breaks, and what their history must be like (I1)."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import pymysql
from pymongo.errors import OperationFailure, PyMongoError

from shopmine.drill.observing import Sight, see_files, see_mongo, see_mysql, see_published
from shopmine.drill.scratch import Scratch, mongo, mysql
from shopmine.errors import SourceUnavailableError

if TYPE_CHECKING:
    from shopmine.staging.database import Database

PUBLISHED: Final = "published"
MYSQL: Final = "sink in MariaDB"
MONGO: Final = "sink in MongoDB"
FILES: Final = "sink of files"
# Of these one table after the other takes its place, the stamp last: only what the stamp names is promised.
_STAMPED_LAST: Final = {MONGO, FILES}
_EVERY_SECONDS: Final = 0.05
# Readers rest for a multiple of what a look took: they are to watch the day, not to compete with it.
_REST: Final = 3.0
_REPLACED: Final = 175


@dataclass(slots=True)
class History:
    """What each reader saw, in order, and what it could not read."""

    sights: dict[str, list[Sight]] = field(default_factory=dict)
    errors: list[str] = field(default_factory=list)

    @property
    def n_looks(self) -> int:
        """How often was looked."""
        return sum(map(len, self.sights.values()))


def see_all(scratch: Scratch, db: Database) -> dict[str, Sight]:
    """One look at everything."""
    with mysql(scratch) as cursor, mongo(scratch) as database:
        return {
            PUBLISHED: see_published(db),
            MYSQL: see_mysql(cursor),
            MONGO: see_mongo(database),
            FILES: see_files(scratch),
        }


@contextmanager
def watching(scratch: Scratch, db: Database) -> Iterator[History]:
    """Readers that look while the block runs."""
    history, done = History(), threading.Event()
    with mysql(scratch) as cursor, mongo(scratch) as database:
        looks: dict[str, Callable[[], Sight]] = {
            PUBLISHED: lambda: see_published(db),
            MYSQL: lambda: see_mysql(cursor),
            MONGO: lambda: see_mongo(database),
            FILES: lambda: see_files(scratch),
        }
        threads = [threading.Thread(target=_read, args=(name, look, history, done)) for name, look in looks.items()]
        for thread in threads:
            thread.start()
        try:
            yield history
        finally:
            done.set()
            for thread in threads:
                thread.join()


def _read(name: str, look: Callable[[], Sight], history: History, done: threading.Event) -> None:
    seen = history.sights.setdefault(name, [])
    took = 0.0
    while not done.wait(max(_EVERY_SECONDS, _REST * took)):
        began = time.monotonic()
        try:
            seen.append(look())
        except (OSError, SourceUnavailableError, pymysql.MySQLError, PyMongoError) as error:
            # MongoDB ends a query whose collection is replaced, and says so: the reader asks again.
            if isinstance(error, OperationFailure) and error.code == _REPLACED:
                continue
            history.errors.append(f"{name}: {type(error).__name__}: {' '.join(str(error).split())}")
        took = time.monotonic() - began


def torn_reads(history: History, expected: Mapping[str, Mapping[str, Mapping[str, str]]]) -> list[str]:
    """What the readers saw that is no whole release, or that went back in time.

    Args:
        history: what they saw.
        expected: reader -> day -> content of each table.

    Returns:
        One line a violation of I1.
    """
    found = [f"I1: a reader failed: {error}" for error in dict.fromkeys(history.errors)]
    for name, sights in history.sights.items():
        for sight in sights:
            found += [f"I1: {name} of {sight.day}: {problem}" for problem in _wrong(name, sight, expected[name])]
        days = [sight.day or "" for sight in sights]
        if days != sorted(days):
            found.append(f"I1: {name} went back: {' '.join(dict.fromkeys(days))}")
    return list(dict.fromkeys(found))


def _wrong(name: str, sight: Sight, expected: Mapping[str, Mapping[str, str]]) -> Sequence[str]:
    problems = list(sight.mixed)
    whole = expected.get(sight.day or "")
    if whole is None:
        return [*problems, "no release of that day is expected"]
    may_be_newer = name in _STAMPED_LAST and sight.day != max(expected)
    for table, content in sight.content.items():
        allowed = {day[table] for day in expected.values()} if may_be_newer else {whole[table]}
        if content not in allowed:
            problems.append(f"{table} is not that of the release")
    return problems
