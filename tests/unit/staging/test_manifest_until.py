"""What a manifest reads for an earlier day."""

from datetime import UTC, date, datetime

from shopmine.staging.batches import Batch
from shopmine.staging.manifests import choose_for_day


def batch(number: int, entity: str, day: int) -> Batch:
    return Batch(
        batch=number,
        shop="shop",
        source="store",
        entity=entity,
        day=date(2020, 1, day),
        known_at=datetime(2020, 1, day, tzinfo=UTC),
        known_at_assumed=False,
        content_hash=f"hash {number}",
        n_rows=1,
        columns=(),
        format="copy",
    )


def test_an_earlier_day_reads_no_later_batch_and_its_own_snapshot() -> None:
    facts = [batch(1, "orders", 1), batch(2, "orders", 2), batch(3, "orders", 3)]
    snapshots = [batch(4, "products", 2), batch(5, "products", 3)]
    whole = choose_for_day(1, 1, facts, snapshots, date(2020, 1, 3))
    assert [chosen.batch for chosen in whole.batches] == [1, 2, 3, 5]
    assert [chosen.batch for chosen in whole.until(date(2020, 1, 2)).batches] == [1, 2, 4]
    assert [chosen.batch for chosen in whole.until(date(2020, 1, 1)).batches] == [1, 4]  # the earliest there is


def test_the_hash_is_that_of_a_run_of_that_day_and_of_content_not_numbers() -> None:
    facts = [batch(1, "orders", 1), batch(2, "orders", 2)]
    until = choose_for_day(1, 1, facts, [], date(2020, 1, 2)).until(date(2020, 1, 1))
    earlier = choose_for_day(9, 9, facts[:1], [], date(2020, 1, 1))
    assert until.content_hash == earlier.content_hash
    assert until.content_hash != choose_for_day(1, 1, facts, [], date(2020, 1, 2)).content_hash
