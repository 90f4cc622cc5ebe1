"""The views that users read, built from the tables: one place that says what is current and whom to hide."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB, aggregate_order_by, distinct_on

from shopmine.columns import REASON_CODES, REASON_WEIGHTS, REASONS, WHOLE
from shopmine.config.canonical import ENTITIES, CanonicalEntity
from shopmine.staging.tables_clean import ENTITY_TABLES, all_calendar, all_outliers, all_quarantine, preparations
from shopmine.staging.tables_published import DELETED, PUBLISHED, PublishedTable
from shopmine.staging.tables_raw import batches
from shopmine.staging.tables_work import pointers, releases, rights

DIALECT: Final[sa.Dialect] = sa.make_url("postgresql+psycopg://").get_dialect()()
"""How PostgreSQL writes queries and types."""


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """A view: its schema and name, what it is about, and the query behind it."""

    schema: str
    name: str
    about: str
    query: sa.Select[tuple[object, ...]]

    def definition(self) -> str:
        """The query as PostgreSQL text."""
        compiled = self.query.compile(dialect=DIALECT, compile_kwargs={"literal_binds": True})
        return str(compiled)


def _is_visible(
    shop: sa.ColumnElement[str], customer: sa.ColumnElement[str], hidden_by: Sequence[str]
) -> sa.ColumnElement[bool]:
    return ~sa.exists().where(rights.c.shop == shop, rights.c.customer == customer, rights.c.kind.in_([*hidden_by]))


def _clean_view(entity: CanonicalEntity) -> View:
    table = ENTITY_TABLES[entity.name]
    shown = [column for column in table.columns if column.name != "preparation"]
    query = (
        sa.select(*shown)
        .join_from(table, preparations, preparations.c.preparation == table.c.preparation)
        .where(preparations.c.is_current)
    )
    about = f"{entity.about} As now known."
    if entity.person:
        query = query.where(_is_visible(table.c.shop, table.c[entity.person], DELETED))
    if not entity.is_fact:
        key = [table.c.shop, *(table.c[name] for name in entity.key)]
        newest = [table.c.day.desc(), preparations.c.source, preparations.c.entity]
        query = query.where(_is_newest_snapshot()).ext(distinct_on(*key)).order_by(*key, *newest)
        about = f"{about} The newest version of each; of snapshots those in the newest one."
    return View(schema="clean", name=entity.name, about=about, query=query)


def _is_newest_snapshot() -> sa.ColumnElement[bool]:
    """True of what is no snapshot, and of each source's newest one: a key that is gone there is gone here."""
    later = preparations.alias("later")
    slot = (later.c[name] == preparations.c[name] for name in ("shop", "source", "entity"))
    is_superseded = sa.exists().where(*slot, later.c.day > preparations.c.day, later.c.is_current)
    return sa.or_(~preparations.c.is_snapshot, ~is_superseded)


def _quarantine_view() -> View:
    left_out = ("preparation", "original", "discarded")
    shown = [column for column in all_quarantine.columns if column.name not in left_out]
    original = sa.func.clean.as_text(all_quarantine.c.original, type_=sa.Text).label("original")
    query = (
        sa.select(*shown, original, all_quarantine.c.discarded)
        .join_from(all_quarantine, preparations, preparations.c.preparation == all_quarantine.c.preparation)
        .where(preparations.c.is_current)
    )
    return View(
        schema="clean",
        name="quarantine",
        about="Rows that broke a rule, and single values that did not fit, as now known.",
        query=query,
    )


def _accounting_view() -> View:
    shown = preparations.c
    newest = (
        sa.select(preparations)
        .ext(distinct_on(shown.batch))
        .order_by(shown.batch, shown.is_current.desc(), shown.preparation.desc())
        .subquery("newest")
    )
    counts = [newest.c[name] for name in ("read", "expanded", "kept", "quarantined", "duplicates", "rules")]
    query = sa.select(
        *(batches.c[name] for name in ("shop", "source", "entity", "day", "batch")),
        sa.func.coalesce(newest.c.is_current, sa.false()).label("is_current"),
        *counts,
        batches.c.known_at,
        batches.c.known_at_assumed,
        batches.c.content_hash,
        newest.c.filtered,
        newest.c.discarded,
    ).join_from(batches, newest, newest.c.batch == batches.c.batch, isouter=True)
    about = "What became of every row of every batch: expanded = kept + quarantined + duplicates + filtered."
    return View(schema="clean", name="accounting", about=about, query=query)


def _plain_view(table: sa.Table) -> View:
    """A table as it is, under its name without `all_`."""
    return View(
        schema="clean", name=table.name.removeprefix("all_"), about=table.comment or "", query=sa.select(*table.columns)
    )


def _hidden(entry: PublishedTable, shop: sa.ColumnElement[str]) -> list[sa.ColumnElement[bool]]:
    table = entry.table
    if not entry.hidden_by:
        return []
    if "customer" in table.c:
        return [_is_visible(shop, table.c.customer, entry.hidden_by)]
    about_nobody = table.c.entity.is_distinct_from("customer")
    return [sa.or_(about_nobody, _is_visible(shop, table.c.key, entry.hidden_by))]


def _reasons(table: sa.Table) -> sa.ColumnElement[object]:
    """The reasons of a row as JSON, each with its share in [0, 1]; put together only where they are asked for."""
    stored = PUBLISHED["reasons"].table.alias("r")
    named = (
        sa.func.unnest(table.c[REASON_CODES], table.c[REASON_WEIGHTS])
        .table_valued("reason", "weight", with_ordinality="place")
        .render_derived(name="named")
    )
    share = sa.func.trim_scale(sa.cast(named.c.weight, sa.Numeric) / WHOLE)
    told = sa.func.jsonb_build_object("kind", stored.c.kind, "text_en", stored.c.text_en, "text_zh", stored.c.text_zh)
    detail = sa.func.coalesce(stored.c.detail, sa.text("'{}'::jsonb"))
    whole = detail.op("||")(told).op("||")(sa.func.jsonb_build_object("weight", share))
    query = (
        sa.select(sa.func.jsonb_agg(aggregate_order_by(whole, named.c.place), type_=JSONB))
        .select_from(named)
        .join(stored, sa.and_(stored.c.release == table.c.release, stored.c.reason == named.c.reason))
    )
    return query.scalar_subquery().label(REASONS)


def _published_views(name: str, entry: PublishedTable) -> list[View]:
    """The shop comes from the small side of each join: a condition on it leaves one release to look up."""
    table, about = entry.table, entry.table.comment or ""
    columns: list[sa.ColumnElement[Any]] = [*entry.result_columns]
    if entry.has_reasons:
        # Where `reasons` stood before rows named them by number, so that views of views stay as they are.
        columns = [*columns[:-2], _reasons(table), *columns[-2:]]
    release_day = releases.c.day.label("release_day" if "day" in table.c else "day")
    current = (
        sa.select(pointers.c.shop, table.c.release, *columns)
        .join_from(pointers, table, table.c.release == pointers.c.release)
        .where(*_hidden(entry, pointers.c.shop))
    )
    retained = (
        sa.select(releases.c.shop, release_day, table.c.release, *columns)
        .join_from(releases, table, table.c.release == releases.c.release)
        .where(*_hidden(entry, releases.c.shop))
    )
    return [
        View(schema="published", name=name, about=f"{about} The current release of each shop.", query=current),
        View(schema="published", name=f"all_{name}", about=f"{about} Every retained release.", query=retained),
    ]


def _releases_view() -> View:
    query = sa.select(
        *(releases.c[name] for name in ("shop", "release", "day", "known_at", "created_at")),
        pointers.c.release.is_not(None).label("is_current"),
        *(releases.c[name] for name in ("content_hash", "state", "run", "n_rows", "is_redacted")),
    ).join_from(releases, pointers, pointers.c.release == releases.c.release, isouter=True)
    return View(schema="published", name="releases", about="All retained releases.", query=query)


VIEWS: Final[tuple[View, ...]] = (
    *(_clean_view(entity) for entity in ENTITIES.values()),
    _quarantine_view(),
    _accounting_view(),
    _plain_view(all_calendar),
    _plain_view(all_outliers),
    _releases_view(),
    *(view for name, entry in PUBLISHED.items() for view in _published_views(name, entry)),
)

AS_TEXT: Final = """
CREATE FUNCTION clean.as_text(original bytea) RETURNS text LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE STRICT AS $$
BEGIN
    RETURN convert_from(original, 'UTF8');
EXCEPTION WHEN OTHERS THEN
    RETURN encode(original, 'escape');
END $$
""".strip()
"""Bytes as text for people; what is no UTF-8 is shown escaped instead of failing the whole query."""
