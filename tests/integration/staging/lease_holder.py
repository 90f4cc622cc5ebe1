"""A process that holds a lease, waits for a line, then tries to land a batch: what other tests stop or kill."""

import sys
from datetime import UTC, date, datetime

from shopmine.errors import LeaseLostError
from shopmine.staging.batches import BatchColumn, BatchDraft, land_batches
from shopmine.staging.database import Database
from shopmine.staging.leases import hold_lease


def say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def main(url: str, name: str, ttl_seconds: float) -> None:
    database = Database(url)
    draft = BatchDraft(
        source="store",
        entity="orders",
        day=date(2020, 1, 1),
        known_at=datetime(2020, 1, 2, tzinfo=UTC),
        known_at_assumed=False,
        columns=[BatchColumn(name="line", type="text")],
        format="copy",
        lines=[b"of the holder"],
    )
    with hold_lease(database, name, wait_seconds=0, ttl_seconds=ttl_seconds) as lease:
        say("held")
        sys.stdin.readline()
        try:
            land_batches(database, shop="shop", drafts=[draft], lease=lease)
        except LeaseLostError as error:
            say(str(error))
        else:
            say("landed")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], float(sys.argv[3]))
