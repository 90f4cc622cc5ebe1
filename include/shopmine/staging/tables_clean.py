"""Schema `clean`: the canonical entities, made from `config.canonical`, and the account of how they were made."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.types import TypeEngine

from shopmine.config.canonical import ENTITIES, CanonicalColumn, CanonicalEntity, ColumnType
from shopmine.staging.tables_raw import batches, metadata

_TYPES: Final[Mapping[ColumnType, TypeEngine[Any]]] = MappingProxyType(
    {
        ColumnType.TEXT: sa.Text(),
        ColumnType.NUMERIC: sa.Numeric(),
        ColumnType.INTEGER: sa.BigInteger(),
        ColumnType.BOOLEAN: sa.Boolean(),
        ColumnType.TIMESTAMP: sa.DateTime(timezone=True),
        ColumnType.DATE: sa.Date(),
    }
)
_LOOKED_UP: Final = ("order_id",)
"""Columns, besides the person's key, by which rows are found one by one."""

preparations = sa.Table(
    "preparations",
    metadata,
    sa.Column("preparation", sa.BigInteger, sa.Identity(always=False), primary_key=True),
    sa.Column("batch", sa.BigInteger, sa.ForeignKey(batches.c.batch), nullable=False),
    sa.Column("shop", sa.Text, nullable=False),
    sa.Column("source", sa.Text, nullable=False),
    sa.Column("entity", sa.Text, nullable=False, comment="canonical entity that was read"),
    sa.Column("day", sa.Date, nullable=False),
    sa.Column("rules", sa.Text, nullable=False, comment="version of the mapping and rules in the shop's file"),
    sa.Column("is_current", sa.Boolean, nullable=False, comment="made from the newest batch of its day, newest rules"),
    sa.Column("read", sa.BigInteger, nullable=False, comment="rows as the source gave them"),
    sa.Column("expanded", sa.BigInteger, nullable=False, comment="rows after unwinding"),
    sa.Column("kept", sa.BigInteger, nullable=False),
    sa.Column("quarantined", sa.BigInteger, nullable=False),
    sa.Column("duplicates", sa.BigInteger, nullable=False),
    sa.Column(
        "filtered", sa.BigInteger, nullable=False, server_default="0", comment="rows that the file does not keep"
    ),
    sa.Column(
        "discarded",
        sa.BigInteger,
        nullable=False,
        server_default="0",
        comment="single values in quarantine, of rows that are kept",
    ),
    sa.Column(
        "is_snapshot",
        sa.Boolean,
        nullable=False,
        server_default=sa.false(),
        comment="the batch is the whole entity as it was: of these only the newest day counts",
    ),
    sa.Column("prepared_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.func.now()),
    sa.UniqueConstraint("batch", "rules", name="preparations_batch_rules"),
    sa.CheckConstraint("expanded = kept + quarantined + duplicates + filtered", name="preparations_conservation"),
    sa.CheckConstraint(
        "least(read, kept, quarantined, duplicates, filtered, discarded) >= 0", name="preparations_counts"
    ),
    sa.Index(
        "preparations_current",
        "shop",
        "source",
        "entity",
        "day",
        unique=True,
        postgresql_where=sa.text("is_current"),
    ),
    schema="clean",
    comment="One application of a version of the rules to a batch, with its account of every row.",
)

all_quarantine = sa.Table(
    "all_quarantine",
    metadata,
    sa.Column("shop", sa.Text, nullable=False),
    sa.Column("day", sa.Date, nullable=False),
    sa.Column("batch", sa.BigInteger, nullable=False),
    sa.Column("preparation", sa.BigInteger, nullable=False),
    sa.Column("source", sa.Text, nullable=False),
    sa.Column("entity", sa.Text, nullable=False),
    sa.Column("row_key", sa.Text, comment="the row's key, or its position where it has none"),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("original", sa.LargeBinary, comment="the line as landed, after hashing of personal columns"),
    sa.Column(
        "discarded",
        sa.Text,
        comment="the one column whose value was not kept, while its row was; null: the row was not",
    ),
    sa.Index("all_quarantine_preparation", "preparation"),
    schema="clean",
    comment="Rows that broke a rule, and single values that did not fit, with the reason.",
)

all_calendar = sa.Table(
    "all_calendar",
    metadata,
    sa.Column("shop", sa.Text, nullable=False),
    sa.Column("day", sa.Date, nullable=False),
    sa.Column("year", sa.SmallInteger, nullable=False),
    sa.Column("quarter", sa.SmallInteger, nullable=False),
    sa.Column("month", sa.SmallInteger, nullable=False),
    sa.Column("iso_year", sa.SmallInteger, nullable=False, comment="year of the ISO week"),
    sa.Column("iso_week", sa.SmallInteger, nullable=False),
    sa.Column("weekday", sa.SmallInteger, nullable=False, comment="1 is Monday"),
    sa.Column("is_weekend", sa.Boolean, nullable=False, comment="the country's weekly rest, also where it is worked"),
    sa.Column("is_holiday", sa.Boolean, nullable=False, comment="public holiday 法定节假日"),
    sa.Column(
        "is_working_day", sa.Boolean, nullable=False, comment="also make-up working days 调休上班日 of a weekend"
    ),
    sa.Column("holiday", sa.Text, comment="its name in the country's language"),
    sa.Column("holiday_en", sa.Text),
    sa.Column("made_by", sa.Text, nullable=False, comment="library, its version, and the country"),
    sa.PrimaryKeyConstraint("shop", "day", name="all_calendar_pkey"),
    schema="clean",
    comment="The calendar of a shop's country 日历.",
)

all_outliers = sa.Table(
    "all_outliers",
    metadata,
    sa.Column("shop", sa.Text, nullable=False),
    sa.Column("day", sa.Date, nullable=False),
    sa.Column("entity", sa.Text, nullable=False),
    sa.Column("column_name", sa.Text, nullable=False),
    sa.Column("row_key", sa.Text, nullable=False, comment="the canonical key, its parts with / between"),
    sa.Column("value", sa.Numeric, nullable=False),
    sa.Column("low", sa.Numeric, nullable=False, comment="least usual value, by the days before"),
    sa.Column("high", sa.Numeric, nullable=False),
    sa.Column("artifact", sa.BigInteger, nullable=False, comment="the checks that found it"),
    sa.Index("all_outliers_shop_day", "shop", "day"),
    schema="clean",
    comment="Unusual numbers of each day 异常值, which stay in the facts as they are.",
)

identities = sa.Table(
    "identities",
    metadata,
    sa.Column("shop", sa.Text, nullable=False),
    sa.Column("person", sa.Text, nullable=False, comment="one human, whatever the source"),
    sa.Column("key_kind", sa.Text, nullable=False, comment="customer, phone, email, openid …"),
    sa.Column("key_hash", sa.Text, nullable=False, comment="the key as facts carry it"),
    sa.Column("confidence", sa.Double, nullable=False, comment="in [0, 1]; 1 = the sources say so"),
    sa.Column("merged_from", sa.Text, comment="the person this key belonged to before"),
    sa.Column("version", sa.BigInteger, nullable=False),
    sa.PrimaryKeyConstraint("shop", "version", "key_kind", "key_hash", name="identities_pkey"),
    sa.CheckConstraint("confidence BETWEEN 0 AND 1", name="identities_confidence"),
    sa.Index("identities_person", "shop", "person"),
    schema="clean",
    comment="Which keys belong to one person; versioned, joined when read.",
)


def _column(column: CanonicalColumn) -> sa.Column[Any]:
    return sa.Column(column.name, _TYPES[column.type], nullable=not column.is_required, comment=column.about or None)


def _entity_table(entity: CanonicalEntity) -> sa.Table:
    name = f"all_{entity.name}"
    looked_up = [name for name in entity.by_name if name == entity.person or name in _LOOKED_UP]
    indexes = [sa.Index(f"{name}_{column}", column) for column in looked_up]
    return sa.Table(
        name,
        metadata,
        sa.Column("shop", sa.Text, nullable=False),
        sa.Column("day", sa.Date, nullable=False, comment="day in the shop's time zone"),
        sa.Column("batch", sa.BigInteger, nullable=False),
        sa.Column("preparation", sa.BigInteger, nullable=False),
        *(_column(column) for column in entity.columns),
        sa.Column("attributes", JSONB, comment="what the shop's file adds"),
        sa.Index(f"{name}_preparation", "preparation"),
        sa.Index(f"{name}_shop_day", "shop", "day"),
        *indexes,
        schema="clean",
        comment=f"{entity.about} All batches and rules, also superseded ones.",
    )


ENTITY_TABLES: Final[Mapping[str, sa.Table]] = MappingProxyType(
    {name: _entity_table(entity) for name, entity in ENTITIES.items()}
)
