"""Schema `work`: runs, leases, manifests, artifacts, releases, rights: what the stages themselves need to remember."""

from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from shopmine.staging.tables_raw import metadata

RELEASE_STATES = ("released", "waiting")

fencing_token = sa.Sequence("fencing_token", schema="work", metadata=metadata, data_type=sa.BigInteger)
release_number = sa.Sequence("release_number", schema="work", metadata=metadata, data_type=sa.BigInteger)


def _instant(name: str, **options: Any) -> sa.Column[Any]:
    return sa.Column(name, sa.DateTime(timezone=True), **options)


leases = sa.Table(
    "leases",
    metadata,
    sa.Column("name", sa.Text, primary_key=True, comment="what may be written"),
    sa.Column("token", sa.BigInteger, nullable=False, comment="fencing token of the newest holder"),
    sa.Column("holder", sa.Text, nullable=False, comment="host and process, for people"),
    _instant("expires_at", nullable=False, comment="from then on another may take it"),
    schema="work",
    comment="Who may write what. A committing transaction checks that its token is still the newest.",
)

runs = sa.Table(
    "runs",
    metadata,
    sa.Column("run", sa.BigInteger, sa.Identity(always=False), primary_key=True),
    sa.Column("shop", sa.Text, nullable=False),
    sa.Column("day", sa.Date, nullable=False, comment="results depend on nothing later than this day"),
    _instant("known_at", comment="as known then; null: as now known"),
    sa.Column("state", sa.Text, nullable=False, comment="running, or how it ended"),
    sa.Column("started_by", sa.Text, nullable=False),
    sa.Column("config", JSONB, nullable=False, comment="the settings the run was started with"),
    _instant("started_at", nullable=False, server_default=sa.func.now()),
    _instant("finished_at"),
    sa.Index("runs_shop_day", "shop", "day"),
    schema="work",
    comment="Runs of a shop for a day.",
)

run_steps = sa.Table(
    "run_steps",
    metadata,
    sa.Column("run", sa.BigInteger, sa.ForeignKey(runs.c.run, ondelete="CASCADE"), nullable=False),
    sa.Column("step", sa.Text, nullable=False),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("detail", JSONB, nullable=False, comment="counts and reasons, never data of a person"),
    _instant("updated_at", nullable=False, server_default=sa.func.now()),
    sa.PrimaryKeyConstraint("run", "step", name="run_steps_pkey"),
    schema="work",
    comment="The report of a run, step by step.",
)

manifests = sa.Table(
    "manifests",
    metadata,
    sa.Column("manifest", sa.BigInteger, sa.Identity(always=False), primary_key=True),
    sa.Column("run", sa.BigInteger, sa.ForeignKey(runs.c.run, ondelete="CASCADE"), nullable=False, unique=True),
    sa.Column("batches", ARRAY(sa.BigInteger), nullable=False, comment="newest batch of each day of each fact entity"),
    sa.Column(
        "snapshots",
        ARRAY(sa.BigInteger),
        nullable=False,
        comment="newest batch of each day of each snapshot entity; the newest day that is not later counts",
    ),
    sa.Column("content_hash", sa.Text, nullable=False, comment="sha256 over the content of the batches that count"),
    _instant("frozen_at", nullable=False, server_default=sa.func.now()),
    schema="work",
    comment="The batches that a run reads, fixed once.",
)

fingerprints = sa.Table(
    "fingerprints",
    metadata,
    sa.Column("shop", sa.Text, nullable=False),
    sa.Column("source", sa.Text, nullable=False),
    sa.Column("entity", sa.Text, nullable=False),
    sa.Column("day", sa.Date, nullable=False),
    sa.Column(
        "fingerprint",
        sa.Text,
        nullable=False,
        comment="keyed hash of what the source computed over the rows of the day",
    ),
    sa.Column(
        "mapping_hash",
        sa.Text,
        nullable=False,
        comment="what was asked: another question makes another fingerprint",
    ),
    _instant("checked_at", nullable=False, comment="when the source was last asked"),
    sa.PrimaryKeyConstraint("shop", "source", "entity", "day", name="fingerprints_pkey"),
    schema="work",
    comment="What each landed day looked like inside its source, so that a later look tells whether it changed.",
)

artifacts = sa.Table(
    "artifacts",
    metadata,
    sa.Column("artifact", sa.BigInteger, sa.Identity(always=False), primary_key=True),
    sa.Column("key", sa.Text, nullable=False, unique=True, comment="sha256 of inputs, code, configuration and seed"),
    sa.Column("shop", sa.Text, nullable=False),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("day", sa.Date, nullable=False),
    sa.Column("content_hash", sa.Text, nullable=False, comment="sha256 over the values, not the stored bytes"),
    sa.Column("frames", JSONB, nullable=False, comment="name, rows, size in bytes and sha256 of each stored frame"),
    sa.Column("meta", JSONB, nullable=False),
    sa.Column("run", sa.BigInteger, nullable=False, comment="the run that made it first"),
    _instant("created_at", nullable=False, server_default=sa.func.now()),
    sa.Column(
        "is_redacted",
        sa.Boolean,
        nullable=False,
        server_default=sa.false(),
        comment="a person was removed from it afterwards",
    ),
    sa.Index("artifacts_shop_name_day", "shop", "name", "day"),
    schema="work",
    comment="Outputs of tasks: frames, matrices, models, metrics; never changed.",
)

artifact_chunks = sa.Table(
    "artifact_chunks",
    metadata,
    sa.Column("artifact", sa.BigInteger, sa.ForeignKey(artifacts.c.artifact, ondelete="CASCADE"), nullable=False),
    sa.Column("position", sa.Integer, nullable=False, comment="order of the pieces, from 0"),
    sa.Column("data", sa.LargeBinary, nullable=False, comment="at most 1 MB"),
    sa.PrimaryKeyConstraint("artifact", "position", name="artifact_chunks_pkey"),
    schema="work",
    comment="The frames of each artifact as Arrow IPC streams, one after the other, cut into pieces.",
)

run_artifacts = sa.Table(
    "run_artifacts",
    metadata,
    sa.Column("run", sa.BigInteger, sa.ForeignKey(runs.c.run, ondelete="CASCADE"), nullable=False),
    sa.Column("name", sa.Text, nullable=False, comment="what the run calls it"),
    sa.Column("artifact", sa.BigInteger, sa.ForeignKey(artifacts.c.artifact), nullable=False),
    sa.PrimaryKeyConstraint("run", "name", name="run_artifacts_pkey"),
    schema="work",
    comment="The artifacts that a run made or found.",
)

releases = sa.Table(
    "releases",
    metadata,
    sa.Column("release", sa.BigInteger, release_number, primary_key=True),
    sa.Column("shop", sa.Text, nullable=False),
    sa.Column("day", sa.Date, nullable=False),
    _instant("known_at", comment="as known then; null: as known when it was made"),
    sa.Column("run", sa.BigInteger, nullable=False),
    sa.Column("key", sa.Text, nullable=False, comment="names what it was made from; the same key is published once"),
    sa.Column("content_hash", sa.Text, nullable=False, comment="sha256 over the result columns in a total order"),
    sa.Column("n_rows", JSONB, nullable=False, comment="rows of each table"),
    sa.Column("state", sa.Text, nullable=False, comment="released, or waiting for `approve` while the shop is pinned"),
    _instant("created_at", nullable=False, server_default=sa.func.now()),
    sa.Column(
        "is_redacted",
        sa.Boolean,
        nullable=False,
        server_default=sa.false(),
        comment="a person was removed from it afterwards: content_hash is of what it was, which cannot be made again",
    ),
    sa.UniqueConstraint("shop", "day", "key", name="releases_key"),
    sa.CheckConstraint("state IN ('released', 'waiting')", name="releases_state"),
    schema="work",
    comment="Releases: one consistent set of published results for one day.",
)

pointers = sa.Table(
    "pointers",
    metadata,
    sa.Column("shop", sa.Text, primary_key=True),
    sa.Column("release", sa.BigInteger, sa.ForeignKey(releases.c.release), nullable=False),
    sa.Column("is_pinned", sa.Boolean, nullable=False, comment="rolled back: later releases wait for `approve`"),
    _instant("moved_at", nullable=False, server_default=sa.func.now()),
    schema="work",
    comment="The current release of each shop.",
)

rights = sa.Table(
    "rights",
    metadata,
    sa.Column("shop", sa.Text, nullable=False),
    sa.Column(
        "customer",
        sa.Text,
        nullable=False,
        comment="the source's own key of the person, as stored; once the person is deleted its hash, sha256:…",
    ),
    sa.Column("kind", sa.Text, nullable=False, comment="no_personalisation, no_profiling or deletion"),
    _instant("at", nullable=False, server_default=sa.func.now(), comment="since when; never time-travels"),
    sa.PrimaryKeyConstraint("shop", "customer", "kind", name="rights_pkey"),
    sa.CheckConstraint("kind IN ('no_personalisation', 'no_profiling', 'deletion')", name="rights_kind"),
    schema="work",
    comment="What persons asked for; views hide them from the moment a row is here.",
)

receipts = sa.Table(
    "receipts",
    metadata,
    sa.Column("receipt", sa.BigInteger, sa.Identity(always=False), primary_key=True),
    sa.Column("shop", sa.Text, nullable=False),
    sa.Column("person", sa.Text, nullable=False, comment="hash of the person's key, as in rights"),
    sa.Column("kind", sa.Text, nullable=False, comment="the right that was served"),
    _instant("at", nullable=False, comment="since when the right holds"),
    sa.Column("deleted", JSONB, nullable=False, comment="where -> how many rows, lines, batches or artifacts"),
    sa.Column("remaining", JSONB, nullable=False, comment="where anything was still found afterwards; empty: complete"),
    _instant("done_at", nullable=False, server_default=sa.func.now()),
    sa.Index("receipts_person", "shop", "person"),
    schema="work",
    comment="What was done when a person was deleted.",
)
