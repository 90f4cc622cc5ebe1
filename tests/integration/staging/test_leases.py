"""One writer at a time: a lease that was superseded writes nothing, whatever its process believes."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from shopmine.errors import LeaseLostError, SourceUnavailableError
from shopmine.staging.batches import land_batches, newest_batches, read_lines
from shopmine.staging.database import Database
from shopmine.staging.leases import Lease, hold_lease
from shopmine.staging.rights import list_rights

NAME = "shop/store/orders"
HOLDER = Path(__file__).with_name("lease_holder.py")


class Holder:
    """A process that holds the lease."""

    def __init__(self, url: str, ttl_seconds: float) -> None:
        include = Path(__file__).resolve().parents[3] / "include"
        self.process = subprocess.Popen(
            [sys.executable, str(HOLDER), url, NAME, str(ttl_seconds)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": str(include)},
        )
        assert self.process.stdout is not None
        assert self.process.stdout.readline() == "held\n"

    def signal(self, number: int) -> None:
        self.process.send_signal(number)

    def go_on(self) -> str:
        """Let it land its batch; what it says about that."""
        return self.process.communicate("go on\n", timeout=30)[0]


@pytest.fixture
def holder(staging_url: str, request: pytest.FixtureRequest) -> Iterator[Holder]:
    found = Holder(staging_url, request.param)
    yield found
    found.process.kill()
    found.process.wait()


def test_a_lease_is_given_to_one_and_given_back_at_once(staging: Database) -> None:
    with hold_lease(staging, NAME, wait_seconds=0) as first:
        with pytest.raises(SourceUnavailableError, match=rf"'{NAME}' is being written by .*:{os.getpid()}"):
            hold_lease(staging, NAME, wait_seconds=0).__enter__()
        with hold_lease(staging, "another", wait_seconds=0):
            pass
    with hold_lease(staging, NAME, wait_seconds=0) as second:
        assert second.token > first.token


def test_the_next_waits_until_the_holder_is_done(staging: Database) -> None:
    got = threading.Event()

    def wait_for_it() -> None:
        with hold_lease(staging, NAME, wait_seconds=20):
            got.set()

    with hold_lease(staging, NAME, wait_seconds=0):
        waiter = threading.Thread(target=wait_for_it)
        waiter.start()
        assert not got.wait(0.5)
    assert got.wait(10)
    waiter.join()


def test_a_living_holder_keeps_it_beyond_its_time(staging: Database) -> None:
    with hold_lease(staging, NAME, wait_seconds=0, ttl_seconds=0.6) as lease:
        with pytest.raises(SourceUnavailableError, match="is being written"):
            hold_lease(staging, NAME, wait_seconds=1.5, ttl_seconds=0.6).__enter__()
        with staging.transaction() as connection:
            lease.check(connection)


@pytest.mark.parametrize("holder", [1.0], indirect=True)
def test_the_lease_of_a_killed_holder_passes_on(staging: Database, holder: Holder) -> None:
    holder.signal(signal.SIGKILL)
    started = time.monotonic()
    with hold_lease(staging, NAME, wait_seconds=20):
        assert time.monotonic() - started < 10


@pytest.mark.parametrize("holder", [1.0], indirect=True)
def test_a_holder_that_was_stopped_and_goes_on_is_refused(staging: Database, holder: Holder, draft) -> None:
    holder.signal(signal.SIGSTOP)
    with hold_lease(staging, NAME, wait_seconds=20) as lease:
        land_batches(staging, shop="shop", drafts=[draft(1, [b"of the next"], entity="orders")], lease=lease)
    holder.signal(signal.SIGCONT)
    assert f"the lease '{NAME}' was taken over" in holder.go_on()
    assert [read_lines(staging, batch) for batch in newest_batches(staging, "shop")] == [[b"of the next"]]


@pytest.mark.parametrize("holder", [60.0], indirect=True)
def test_a_holder_that_is_left_alone_lands(staging: Database, holder: Holder) -> None:
    assert holder.go_on() == "landed\n"
    assert [read_lines(staging, batch) for batch in newest_batches(staging, "shop")] == [[b"of the holder"]]


def test_nobody_takes_over_between_the_check_and_the_commit(staging: Database) -> None:
    with hold_lease(staging, NAME, wait_seconds=0, ttl_seconds=30) as lease, ExitStack() as committing:
        connection = committing.enter_context(staging.transaction())
        lease.check(connection)
        impatient = "SET LOCAL lock_timeout = '100ms'; UPDATE work.leases SET token = nextval('work.fencing_token')"
        with pytest.raises(SourceUnavailableError, match=r"refused: .*lock timeout"), staging.transaction() as other:
            other.exec_driver_sql(impatient)


def test_a_lease_of_the_past_or_of_nothing_is_refused(staging: Database, draft) -> None:
    with hold_lease(staging, NAME, wait_seconds=0) as old:
        pass
    with hold_lease(staging, NAME, wait_seconds=0):
        for lease in (old, Lease(name="never given", token=1)):
            with pytest.raises(LeaseLostError, match="was taken over"):
                land_batches(staging, shop="shop", drafts=[draft(1, [b"x"])], lease=lease)
    assert newest_batches(staging, "shop") == []


def test_a_holder_that_stands_still_right_before_its_commit_does_not_keep_the_next_one_out(staging: Database) -> None:
    with hold_lease(staging, NAME, wait_seconds=0, ttl_seconds=1) as lease:
        with pytest.raises(SourceUnavailableError, match="nothing was written"):
            _note_a_right_and_stand_still(staging, lease)
        assert list_rights(staging, "shop") == []


def _note_a_right_and_stand_still(staging: Database, lease: Lease) -> None:
    with staging.transaction() as connection:
        connection.exec_driver_sql("INSERT INTO work.rights VALUES ('shop', 'ann', 'deletion')")
        lease.check(connection)
        time.sleep(1.5)


def test_a_process_that_stands_still_between_two_renewals_locks_nothing(staging: Database) -> None:
    with hold_lease(staging, NAME, wait_seconds=0), staging.statements() as standing:
        standing.exec_driver_sql("UPDATE work.leases SET expires_at = clock_timestamp()")
        with staging.transaction() as other:
            other.exec_driver_sql("SET LOCAL lock_timeout = '100ms'")
            other.exec_driver_sql("UPDATE work.leases SET expires_at = clock_timestamp()")
