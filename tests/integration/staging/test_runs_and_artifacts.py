"""Runs, their reports and manifests; artifacts: written once, read as written."""

from datetime import UTC, date, datetime

import pyarrow as pa
import pytest
import sqlalchemy as sa

from harness.reports import list_runs
from shopmine.errors import DataError, NotFoundError
from shopmine.staging.artifacts import find_artifact, frame_hash, read_artifact, write_artifact
from shopmine.staging.batches import land_batches
from shopmine.staging.database import Database
from shopmine.staging.leases import Lease
from shopmine.staging.manifests import freeze_manifest, load_manifest
from shopmine.staging.runs import (
    RunContext,
    attach_artifact,
    finish_run,
    load_run,
    open_run,
    record_step,
    run_artifacts,
)

ENTITIES = {("store", "order_lines"): False, ("store", "products"): True}


def start(staging: Database, day: int = 3, known_at: datetime | None = None) -> RunContext:
    return open_run(
        staging, shop="shop", day=date(2020, 1, day), known_at=known_at, started_by="a test", config={"seed": 1}
    )


def test_a_run_keeps_its_report(staging: Database) -> None:
    context = start(staging, known_at=datetime(2020, 1, 9, tzinfo=UTC))
    assert load_run(staging, context.run) == context
    record_step(staging, context.run, "collect", "running", {})
    record_step(staging, context.run, "prepare", "done", {"kept": 3})
    record_step(staging, context.run, "collect", "done", {"read": 4, "note": "客户"})
    finish_run(staging, context.run, "done")
    newer = start(staging)
    first, second = list_runs(staging, "shop", 10)
    assert first.context == newer
    assert first.finished_at is None
    assert (second.state, second.config, second.finished_at is None) == ("done", {"seed": 1}, False)
    assert {step.step: (step.state, step.detail) for step in second.steps} == {
        "prepare": ("done", {"kept": 3}),
        "collect": ("done", {"read": 4, "note": "客户"}),
    }
    assert list_runs(staging, "shop", 1) == [first]
    with pytest.raises(DataError, match="cannot be stored as JSON"):
        record_step(staging, newer.run, "collect", "done", {"share": float("nan")})
    with pytest.raises(NotFoundError, match="there is no run 99"):
        load_run(staging, 99)


def test_a_run_that_is_started_again_ends_the_one_that_was_left_running(staging: Database) -> None:
    left = start(staging)
    again = start(staging)
    finish_run(staging, again.run, "finished")
    newest = start(staging)
    states = {record.context.run: record.state for record in list_runs(staging, "shop", 10)}
    assert states == {left.run: "abandoned", again.run: "finished", newest.run: "running"}


def test_a_manifest_is_fixed_once(staging: Database, lease: Lease, draft) -> None:
    drafts = [draft(1, [b"a"]), draft(2, [b"b"]), draft(4, [b"later"]), draft(2, [b"p"], entity="products")]
    land_batches(staging, shop="shop", drafts=[*drafts, draft(1, entity="reviews")], lease=lease)
    context = start(staging)
    with pytest.raises(NotFoundError, match="has no manifest yet"):
        load_manifest(staging, context.run)
    frozen = freeze_manifest(staging, context, ENTITIES)
    assert [(batch.entity, batch.day.day) for batch in frozen.batches] == [
        ("order_lines", 1),
        ("order_lines", 2),
        ("products", 2),
    ]
    land_batches(staging, shop="shop", drafts=[draft(2, [b"corrected"], known=9)], lease=lease)
    assert freeze_manifest(staging, context, ENTITIES) == frozen == load_manifest(staging, context.run)
    newer = freeze_manifest(staging, start(staging), ENTITIES)
    assert newer.content_hash != frozen.content_hash
    as_then = freeze_manifest(staging, start(staging, known_at=datetime(2020, 1, 5, tzinfo=UTC)), ENTITIES)
    assert as_then.content_hash == frozen.content_hash
    assert as_then.batches == frozen.batches


def test_a_snapshot_that_begins_later_is_better_than_none(staging: Database, lease: Lease, draft) -> None:
    drafts = [draft(5, [b"p"], entity="products"), draft(6, [b"q"], entity="products")]
    land_batches(staging, shop="shop", drafts=drafts, lease=lease)
    frozen = freeze_manifest(staging, start(staging), ENTITIES)
    assert [batch.day.day for batch in frozen.batches] == [5]
    assert [batch.day.day for batch in freeze_manifest(staging, start(staging, 7), ENTITIES).batches] == [6]


FRAMES = {
    "weights": pa.table({"product": ["a", None], "weight": [0.1, float("nan")]}),
    "empty": pa.table({"x": pa.array([], pa.list_(pa.int32()))}),
    "large": pa.table({"x": pa.array(range(500_000))}),
}


def write(staging: Database, frames: dict[str, pa.Table], meta: dict[str, object], key: str = "key") -> object:
    return write_artifact(
        staging, key=key, shop="shop", name="model", day=date(2020, 1, 1), frames=frames, meta=meta, run=1
    )


def test_an_artifact_is_written_once_and_read_as_written(staging: Database) -> None:
    assert find_artifact(staging, "key") is None
    ref = write(staging, FRAMES, {"k": 6, "names": {"zh": "客户"}})
    assert write(staging, FRAMES, {"names": {"zh": "客户"}, "k": 6}) == ref == find_artifact(staging, "key")
    found = read_artifact(staging, ref.artifact)
    assert found.ref == ref
    assert found.meta == {"k": 6, "names": {"zh": "客户"}}
    assert {name: frame_hash(frame) for name, frame in found.frames.items()} == {
        name: frame_hash(frame) for name, frame in FRAMES.items()
    }
    assert (
        write(
            staging, {name: FRAMES[name] for name in reversed(FRAMES)}, {"k": 6, "names": {"zh": "客户"}}, "b"
        ).content_hash
        == ref.content_hash
    )


def test_another_content_for_one_key_is_refused(staging: Database) -> None:
    write(staging, FRAMES, {"k": 6})
    for frames, meta in ((FRAMES, {"k": 7}), ({"weights": FRAMES["weights"]}, {"k": 6})):
        with pytest.raises(DataError, match=r"has the key key… but another content; whatever made the difference"):
            write(staging, frames, meta)
    with pytest.raises(DataError, match="cannot be stored as JSON"):
        write(staging, FRAMES, {"k": float("nan")}, "other")


@pytest.mark.parametrize(
    "damage",
    [
        "UPDATE work.artifact_chunks SET data = set_byte(data, 300, get_byte(data, 300) # 1) WHERE position = 0",
        "DELETE FROM work.artifact_chunks",
    ],
)
def test_a_damaged_artifact_is_noticed_before_it_is_parsed(staging: Database, damage: str) -> None:
    ref = write(staging, FRAMES, {})
    with staging.transaction() as connection:
        connection.execute(sa.text(damage))
    with pytest.raises(DataError, match=r"artifact 1 \(model of 2020-01-01\) is damaged: frame 'weights'"):
        read_artifact(staging, ref.artifact)
    with pytest.raises(NotFoundError, match="there is no artifact 9"):
        read_artifact(staging, 9)


def test_a_run_knows_its_artifacts(staging: Database) -> None:
    context = start(staging)
    one, other = (write(staging, FRAMES, {"n": n}, str(n)).artifact for n in range(2))
    attach_artifact(staging, context.run, "model", one)
    attach_artifact(staging, context.run, "model", other)
    attach_artifact(staging, context.run, "features", one)
    assert run_artifacts(staging, context.run) == {"features": one, "model": other}
