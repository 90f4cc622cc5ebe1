"""Schema `raw`: what the sources said, batch by batch, as it was read."""

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB

metadata = sa.MetaData()
"""All tables of the staging database; the modules `tables_*` fill it, `tables` gathers them."""

batches = sa.Table(
    "batches",
    metadata,
    sa.Column("batch", sa.BigInteger, sa.Identity(always=False), primary_key=True),
    sa.Column("shop", sa.Text, nullable=False),
    sa.Column("source", sa.Text, nullable=False, comment="name of the source in the shop's file"),
    sa.Column("entity", sa.Text, nullable=False, comment="canonical entity that was read"),
    sa.Column("day", sa.Date, nullable=False, comment="day in the shop's time zone"),
    sa.Column("known_at", sa.DateTime(timezone=True), nullable=False, comment="when the source said so"),
    sa.Column(
        "known_at_assumed",
        sa.Boolean,
        nullable=False,
        comment="history loaded in bulk: known_at is the end of the day, not when it was read",
    ),
    sa.Column("content_hash", sa.Text, nullable=False, comment="sha256 over the columns and the sorted lines"),
    sa.Column("n_rows", sa.BigInteger, nullable=False, comment="rows as the source gave them"),
    sa.Column("n_bytes", sa.BigInteger, nullable=False, comment="size of the lines before compression"),
    sa.Column("columns", JSONB, nullable=False, comment="name and type of each value of a line, in order"),
    sa.Column("format", sa.Text, nullable=False, comment="copy: PostgreSQL COPY text; jsonl: extended JSON"),
    sa.Column("landed_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.func.now()),
    sa.Column(
        "is_redacted",
        sa.Boolean,
        nullable=False,
        server_default=sa.false(),
        comment="a person was removed from it afterwards; content_hash is of what remains",
    ),
    sa.CheckConstraint("format IN ('copy', 'jsonl')", name="batches_format"),
    sa.CheckConstraint("n_rows >= 0 AND n_bytes >= 0", name="batches_counts"),
    sa.Index("batches_newest", "shop", "source", "entity", "day", "known_at", "batch"),
    schema="raw",
    comment="What one source said about one entity and one day, as read at one moment; never changed.",
)

chunks = sa.Table(
    "chunks",
    metadata,
    sa.Column("batch", sa.BigInteger, sa.ForeignKey(batches.c.batch, ondelete="CASCADE"), nullable=False),
    sa.Column("position", sa.Integer, nullable=False, comment="order of the pieces, from 0"),
    sa.Column("data", sa.LargeBinary, nullable=False, comment="at most 1 MB of the zstd frame"),
    sa.PrimaryKeyConstraint("batch", "position", name="chunks_pkey"),
    schema="raw",
    comment="The lines of each batch, joined by newlines, compressed with zstd and cut into pieces.",
)
