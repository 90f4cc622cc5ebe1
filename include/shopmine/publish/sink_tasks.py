"""Writing a release back into the shop's own stores, and taking a person out of them: the sinks' part of `tasks`."""

from __future__ import annotations

import hashlib
import importlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

import sqlalchemy as sa

from shopmine.columns import CUSTOMER
from shopmine.config.connections import find_connection
from shopmine.config.shops import load_shop
from shopmine.errors import ConfigError
from shopmine.publish.sinks.tables import SinkOptions, SinkTable, Stamp, shorten_decimals
from shopmine.staging.leases import Lease, hold_lease
from shopmine.staging.releases import Release, current_release, read_release, visible_rows
from shopmine.staging.runs import load_run, record_step
from shopmine.staging.tables_published import PUBLISHED
from shopmine.staging.tables_work import run_steps

if TYPE_CHECKING:
    from shopmine.config.connections import Connection, Connections
    from shopmine.config.shops import Shop, SinkConfig
    from shopmine.staging.database import Database

PUBLISH_STEP: Final = "publish"
_WAIT_SECONDS: Final = 900.0
# Counted up when sinks write the same rows otherwise, so that every store is written anew.
_LAYOUT: Final = 2


def write_sink(db: Database, run: int, sink: str, connections: Connections) -> dict[str, int]:
    """Write the current release back into one of the shop's own stores, if it is the one this run made or found.

    A store that has these very rows already is left as it is.

    Args:
        db: the staging database.
        run: its number; `publish` has run.
        sink: its name in the shop's file.
        connections: the sink's connection among them.

    Returns:
        Rows that the sink now has, by table; empty when another release is current, which the run's report says.

    Raises:
        ConfigError: the shop has no such sink, a table is unknown, or one of that name is the shop's own.
        SourceUnavailableError: the sink does not answer or refuses.
    """
    context = load_run(db, run)
    config = _sink(load_shop(context.shop), sink)
    with hold_lease(db, _sink_lease(context.shop, sink), wait_seconds=_WAIT_SECONDS) as lease:
        current = current_release(db, context.shop)
        made = _published_by(db, run)
        if current is None or current.release != made:
            shown = "none" if current is None else f"{current.release} of {current.day}"
            why = f"release {made} of this run is not the current one ({shown}), so the sink stays as it is"
            record_step(db, run, f"sink.{sink}", "skipped", {"reason": why})
            return {}
        n_rows, stamp = _stamp(db, current, config)
        store = _connection(config, connections)
        if _kind(config).has_written(store, n_rows, stamp, _options(config)):
            record_step(db, run, f"sink.{sink}", "done", {"release": current.release, "unchanged": True, **n_rows})
            return n_rows
        written = _write(db, config, store, stamp, lease)
    record_step(db, run, f"sink.{sink}", "done", {"release": current.release, **written})
    return written


def refresh_sinks(db: Database, shop: str, connections: Connections) -> dict[str, dict[str, int]]:
    """Write the current release into every sink of a shop: what a rollback or an approval shows counts there too.

    Args:
        db: the staging database.
        shop: whose.
        connections: the sinks' connections among them.

    Returns:
        Sink -> table -> rows written; empty while the shop has no release.

    Raises:
        ConfigError: a table is unknown, or one of that name is the shop's own.
        SourceUnavailableError: a sink does not answer or refuses.
    """
    config, written = load_shop(shop), {}
    for name in config.sinks:
        with hold_lease(db, _sink_lease(shop, name), wait_seconds=_WAIT_SECONDS) as lease:
            current = current_release(db, shop)
            if current is not None:
                sink = _sink(config, name)
                _, stamp = _stamp(db, current, sink)
                written[name] = _write(db, sink, _connection(sink, connections), stamp, lease)
    return written


def _write(db: Database, config: SinkConfig, store: Connection, stamp: Stamp, lease: Lease) -> dict[str, int]:
    """Write the release of a stamp that was made before: who is hidden only after it makes the next stamp another one."""

    @contextmanager
    def guard() -> Iterator[None]:
        """Nobody takes the lease over while the new tables take their places; who has lost it changes nothing."""
        with db.transaction() as transaction:
            lease.check(transaction)
            yield

    tables = [_sink_table(db, stamp.release, name) for name in _written(config)]
    counts: dict[str, int] = _kind(config).write_tables(store, tables, stamp, _options(config), guard)
    return counts


def remove_from_sinks(db: Database, shop: str, customer: str, connections: Connections) -> dict[str, dict[str, int]]:
    """Delete a person's rows from every sink of a shop, at once: what was written back does not wait for the next run.

    Args:
        db: the staging database.
        shop: whose customer.
        customer: the person's key.
        connections: the sinks' connections among them.

    Returns:
        Sink -> table -> rows deleted.

    Raises:
        SourceUnavailableError: a sink does not answer; the right itself is recorded and holds everywhere else.
    """
    removed = {}
    settings = load_shop(shop)
    for name in settings.sinks:
        config = _sink(settings, name)
        tables = [table for table in config.tables if CUSTOMER in PUBLISHED[table].table.c]
        with hold_lease(db, _sink_lease(shop, name), wait_seconds=_WAIT_SECONDS):
            removed[name] = _kind(config).remove_person(
                _connection(config, connections), tables, customer, SinkOptions(prefix=config.prefix)
            )
    return removed


def check_sink(shop: Shop, sink: str, connections: Connections) -> None:
    """Whether a sink's settings are right and its connection is set; nothing is opened.

    Raises:
        ConfigError: what is wrong.
    """
    config = _sink(shop, sink)
    _options(config)
    _connection(config, connections)


def _sink_lease(shop: str, sink: str) -> str:
    return f"{shop}/sink/{sink}"


def _sink(shop: Shop, sink: str) -> SinkConfig:
    if sink not in shop.sinks:
        raise ConfigError(f"shop {shop.name!r} has no sink {sink!r}; it has {sorted(shop.sinks)}")
    config = shop.sinks[sink]
    if unknown := sorted(set(config.tables) - set(PUBLISHED)):
        raise ConfigError(f"sinks.{sink}.tables={unknown} are not published; choose from {sorted(PUBLISHED)}")
    return config


def _written(config: SinkConfig) -> list[str]:
    """The tables that are written: the sink's, and the reasons that their rows name."""
    names = any(PUBLISHED[name].has_reasons for name in config.tables)
    return [*dict.fromkeys([*config.tables, *(["reasons"] if names else [])])]


def _kind(config: SinkConfig) -> Any:
    return importlib.import_module(f"shopmine.publish.sinks.{config.kind}")


def _connection(config: SinkConfig, connections: Connections) -> Connection:
    return find_connection(connections, config.connection, f"sink {config.name}")


def _options(config: SinkConfig) -> SinkOptions:
    return SinkOptions(prefix=config.prefix, format=config.format)


def _published_by(db: Database, run: int) -> int | None:
    query = sa.select(run_steps.c.detail).where(run_steps.c.run == run, run_steps.c.step == PUBLISH_STEP)
    with db.snapshot() as connection:
        detail = connection.execute(query).scalar_one_or_none()
    return None if detail is None else detail.get("release")


def _sink_table(db: Database, release: int, name: str) -> SinkTable:
    entry = PUBLISHED[name]
    columns = entry.result_columns
    is_unique = any(index.unique for index in entry.table.indexes) or len(entry.key) == 1
    return SinkTable(
        name=name,
        rows=shorten_decimals(read_release(db, release, name)),
        key=entry.key if is_unique else (),
        json_columns=frozenset(column.name for column in columns if isinstance(column.type, sa.JSON)),
        about=entry.table.comment or "",
        comments={column.name: column.comment or "" for column in columns},
    )


def _stamp(db: Database, release: Release, config: SinkConfig) -> tuple[dict[str, int], Stamp]:
    """Number of rows by table, and the stamp."""
    known_at, tables = release.known_at, _written(config)
    n_rows, hidden = visible_rows(db, release, tables)
    columns = {name: [repr(column) for column in PUBLISHED[name].result_columns] for name in tables}
    written = json.dumps([_LAYOUT, config.format, release.content_hash, n_rows, hidden, columns], sort_keys=True)
    stamp = Stamp(
        shop=release.shop,
        release=release.release,
        day=release.day.isoformat(),
        known_at=known_at.isoformat() if known_at else None,
        content_hash=release.content_hash,
        written=hashlib.sha256(written.encode()).hexdigest(),
    )
    return n_rows, stamp
