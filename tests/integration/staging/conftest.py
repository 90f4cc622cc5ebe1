"""What the tests of the staging database share: a held lease and short ways to make drafts."""

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, date, datetime, timedelta

import pytest

from shopmine.staging.batches import BatchColumn, BatchDraft
from shopmine.staging.database import Database
from shopmine.staging.leases import Lease, hold_lease

DraftMaker = Callable[..., BatchDraft]


@pytest.fixture
def lease(staging: Database) -> Iterator[Lease]:
    with hold_lease(staging, "shop/everything", wait_seconds=0) as held:
        yield held


@pytest.fixture
def draft() -> DraftMaker:
    """draft(day=1, lines=[…], known=2, entity=…): what a source said about the n-th of January, known n days after it began."""

    def make(
        day: int = 1, lines: Sequence[bytes] = (), *, known: int | None = None, entity: str = "order_lines"
    ) -> BatchDraft:
        return BatchDraft(
            source="store",
            entity=entity,
            day=date(2020, 1, day),
            known_at=datetime(2020, 1, 1, tzinfo=UTC) + timedelta(days=day if known is None else known),
            known_at_assumed=known is None,
            columns=[BatchColumn(name="line", type="text")],
            format="copy",
            lines=lines,
        )

    return make
