"""All that a staging database holds, as text, for a search of what must not be there."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import sqlalchemy as sa

from shopmine.staging.artifacts import all_artifacts, read_artifact
from shopmine.staging.batches import all_batches, read_lines

if TYPE_CHECKING:
    from shopmine.staging.database import Database


def everything(staging: Database, shop: str) -> Iterator[tuple[str, str]]:
    """Where, and all that is stored there as text: rows, decompressed lines, artifacts."""
    with staging.snapshot() as connection:
        tables = connection.execute(
            sa.text(
                "SELECT schemaname, tablename FROM pg_tables WHERE schemaname NOT IN ('pg_catalog', 'information_schema')"
            )
        ).all()
        for schema, table in tables:
            for (row,) in connection.execute(sa.text(f'SELECT t::text FROM "{schema}"."{table}" AS t')):
                yield f"{schema}.{table}", row
        for (original,) in connection.execute(sa.text("SELECT original FROM clean.all_quarantine")):
            yield "quarantined originals", bytes(original).decode()
    for batch in all_batches(staging, shop):
        yield f"batch {batch.batch}", b"\n".join(read_lines(staging, batch)).decode()
    for number in all_artifacts(staging, shop):
        artifact = read_artifact(staging, number)
        for label, frame in artifact.frames.items():
            yield f"{artifact.ref.name} {label}", str(frame.to_pydict())
        yield f"{artifact.ref.name} meta", str(artifact.meta)


def places(staging: Database, shop: str, needles: set[str]) -> set[str]:
    return {place for place, text in everything(staging, shop) if any(needle in text for needle in needles)}
