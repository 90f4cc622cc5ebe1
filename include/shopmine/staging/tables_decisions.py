"""Table of recorded decisions: what people and tuning decided, each in force from a training day on."""

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB

from shopmine.staging.tables_raw import metadata

SETTINGS = "settings"
TRAINING_DAY = "training_day"

decisions = sa.Table(
    "decisions",
    metadata,
    sa.Column("decision", sa.BigInteger, sa.Identity(always=False), primary_key=True),
    sa.Column("shop", sa.Text, nullable=False),
    sa.Column("model", sa.Text, comment="about which model; null: about all of the shop"),
    sa.Column(
        "in_force_from",
        sa.Date,
        nullable=False,
        comment="counts for this training day and later ones; earlier ones go by what was in force then",
    ),
    sa.Column(
        "kind", sa.Text, nullable=False, comment="settings of a model, or a training_day besides the weekly ones"
    ),
    sa.Column("value", JSONB, nullable=False, comment="kind settings: setting -> value, null: as in the shop's file"),
    sa.Column(
        "decided_at",
        sa.DateTime(timezone=True),
        nullable=False,
        comment="a run as known earlier does not know it",
    ),
    sa.Column("by", sa.Text, nullable=False, comment="person or task that decided"),
    sa.CheckConstraint(
        "kind = 'settings' AND model IS NOT NULL OR kind = 'training_day' AND model IS NULL", name="decisions_kind"
    ),
    sa.Index("decisions_shop", "shop", "in_force_from"),
    schema="work",
    comment="Tuned settings, decisions of people and extra training days: only ever added, so that the past stays as it was.",
)
