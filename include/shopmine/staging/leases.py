"""Leases: the right to write one thing, with a fencing token that every committing transaction checks."""

import os
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from shopmine.errors import LeaseLostError, SourceUnavailableError
from shopmine.staging.database import Database
from shopmine.staging.tables_work import fencing_token, leases

_POLL_SECONDS: Final = 0.2


@dataclass(frozen=True, slots=True, kw_only=True)
class Lease:
    """The right to write `name`, good as long as no newer token was given out for it.

    Attributes:
        name: what may be written.
        token: larger than those of all earlier holders.
        ttl_seconds: how long a holder that shows no sign of life keeps the right.
    """

    name: str
    token: int
    ttl_seconds: float = 60

    def check(self, connection: sa.Connection) -> None:
        """Hold the right until the end of the caller's transaction: call it last, right before the commit.

        From here on nobody can take the lease over until the transaction ends, so that what it commits was written
        by the newest holder. The server ends a transaction that then stands still for longer than the lease's time, so
        that a process which was stopped right before its commit does not keep the next one out.

        Raises:
            LeaseLostError: another process has taken the lease over; roll back.
        """
        patience = sa.func.set_config("idle_in_transaction_session_timeout", f"{self.ttl_seconds * 1000:.0f}ms", True)
        connection.execute(sa.select(patience))
        newest = connection.execute(
            sa.select(leases.c.token).where(leases.c.name == self.name).with_for_update(read=True)
        ).scalar_one_or_none()
        if newest != self.token:
            raise LeaseLostError(
                f"the lease {self.name!r} was taken over (token {self.token}, newest {newest}); nothing was written; "
                "the other process goes on, run this again afterwards"
            )


@contextmanager
def hold_lease(db: Database, name: str, *, wait_seconds: float, ttl_seconds: float | None = None) -> Iterator[Lease]:
    """Take the lease `name`, keep it alive while the block runs, give it back at the end.

    Args:
        db: the staging database; its clock counts.
        name: what will be written, say `shop/source/entity`.
        wait_seconds: how long to wait for a holder to give it back or to die.
        ttl_seconds: how long a holder that shows no sign of life keeps it; default: what the database says.

    Raises:
        SourceUnavailableError: another process still holds it after `wait_seconds`.
    """
    ttl = db.lease_seconds if ttl_seconds is None else ttl_seconds
    lease = _acquire(db, name, time.monotonic() + wait_seconds, ttl)
    done = threading.Event()
    beat = threading.Thread(target=_keep_alive, args=(db, lease, ttl, done), name=f"lease {name}", daemon=True)
    beat.start()
    try:
        yield lease
    finally:
        done.set()
        beat.join()
        _release(db, lease)


def _acquire(db: Database, name: str, deadline: float, ttl_seconds: float) -> Lease:
    while True:
        token = _try_take(db, name, ttl_seconds)
        if token is not None:
            return Lease(name=name, token=token, ttl_seconds=ttl_seconds)
        if time.monotonic() >= deadline:
            raise SourceUnavailableError(_held(db, name))
        time.sleep(_POLL_SECONDS)


def _expiry(ttl_seconds: float) -> sa.ColumnElement[object]:
    return sa.func.clock_timestamp() + sa.literal(timedelta(seconds=ttl_seconds), sa.Interval)


def _try_take(db: Database, name: str, ttl_seconds: float) -> int | None:
    """Make the lease if there is none, or take one that has run out; a row locked by a commit is left alone."""
    values = {
        "token": fencing_token.next_value(),
        "holder": f"{socket.gethostname()}:{os.getpid()}",
        "expires_at": _expiry(ttl_seconds),
    }
    free = (
        sa.select(leases.c.name)
        .where(leases.c.name == name, leases.c.expires_at < sa.func.clock_timestamp())
        .with_for_update(skip_locked=True)
    )
    with db.statements() as connection:
        made = insert(leases).values(name=name, **values).on_conflict_do_nothing().returning(leases.c.token)
        token = connection.execute(made).scalar_one_or_none()
        if token is None:
            take = sa.update(leases).where(leases.c.name.in_(free)).values(**values).returning(leases.c.token)
            token = connection.execute(take).scalar_one_or_none()
    return token


def _held(db: Database, name: str) -> str:
    with db.snapshot() as connection:
        row = connection.execute(sa.select(leases).where(leases.c.name == name)).one()
    return (
        f"{name!r} is being written by {row.holder} (lease until {row.expires_at:%Y-%m-%d %H:%M:%S} UTC); "
        "it may pass by itself: try again, or end that process"
    )


def _keep_alive(db: Database, lease: Lease, ttl_seconds: float, done: threading.Event) -> None:
    """Renew until told to stop or superseded. A database that does not answer is tried again: `check` decides."""
    renew = sa.update(leases).where(leases.c.name == lease.name, leases.c.token == lease.token)
    while not done.wait(ttl_seconds / 3):
        try:
            with db.statements() as connection:
                if connection.execute(renew.values(expires_at=_expiry(ttl_seconds))).rowcount == 0:
                    return
        except SourceUnavailableError:
            continue


def _release(db: Database, lease: Lease) -> None:
    """Let the next one in at once; where the database does not answer, the lease runs out by itself."""
    give_back = sa.update(leases).where(leases.c.name == lease.name, leases.c.token == lease.token)
    with suppress(SourceUnavailableError), db.statements() as connection:
        connection.execute(give_back.values(expires_at=sa.func.clock_timestamp()))
