"""Recorded decisions: tuned settings, choices of people, extra training days, each in force from a training day on.

They are only ever added. What is in force on a training day follows from the day alone (and, for a run as known at a
moment, from what had been decided then), never from when a run happens.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime

import sqlalchemy as sa

from shopmine.errors import ConfigError
from shopmine.staging.database import Database
from shopmine.staging.tables_decisions import SETTINGS, TRAINING_DAY, decisions
from shopmine.staging.values import JSON, canonical_text

__all__ = ["SETTINGS", "TRAINING_DAY", "Decision", "Decisions", "load_decisions", "record_decision"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """A decision; of those of one day the one recorded last counts.

    Attributes:
        model: which model; None: the whole shop.
        in_force_from: the training day from which on it counts.
        kind: `settings` or `training_day`.
        value: of `settings`: setting -> value, where null means as in the shop's file.
        by: who decided.
    """

    decision: int
    shop: str
    model: str | None
    in_force_from: date
    kind: str
    value: Mapping[str, JSON]
    decided_at: datetime
    by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Decisions:
    """All decisions that a run knows, in the order in which they take effect."""

    all: tuple[Decision, ...] = ()

    def training_days(self) -> tuple[date, ...]:
        """The extra training days."""
        return tuple(decision.in_force_from for decision in self.all if decision.kind == TRAINING_DAY)

    def settings(self, model: str, settings: Mapping[str, object], day: date) -> dict[str, object]:
        """A model's settings on a training day: those given, overlaid with what is in force then."""
        overlaid: dict[str, JSON] = {}
        for decision in self.all:
            if decision.kind == SETTINGS and decision.model == model and decision.in_force_from <= day:
                overlaid |= decision.value
        return {**settings, **{name: value for name, value in overlaid.items() if value is not None}}


def record_decision(  # noqa: PLR0913 - the facts of a decision, each named by the caller
    db: Database,
    *,
    shop: str,
    model: str | None,
    in_force_from: date,
    kind: str,
    value: Mapping[str, JSON],
    by: str,
) -> Decision:
    """Record a decision; nothing that is recorded is changed.

    Args:
        db: the staging database.
        shop: whose.
        model: which model, for `settings`; None for `training_day`.
        in_force_from: the training day from which on it counts; for `training_day` that day itself.
        kind: `settings` or `training_day`.
        value: see `Decision`.
        by: the person or task.

    Raises:
        ConfigError: there is no such kind, or a model is named where there must be none, or the other way round.
        DataError: `value` is no JSON.
    """
    if kind not in (SETTINGS, TRAINING_DAY):
        raise ConfigError(f"{kind!r} is no kind of decision; there are {SETTINGS} and {TRAINING_DAY}")
    if (model is None) != (kind == TRAINING_DAY):
        raise ConfigError(f"a decision {kind} is about {'one model' if kind == SETTINGS else 'no single model'}")
    canonical_text(dict(value))
    told = {"shop": shop, "model": model, "in_force_from": in_force_from, "kind": kind, "value": dict(value), "by": by}
    made = sa.insert(decisions).values(decided_at=sa.func.clock_timestamp(), **told).returning(*decisions.c)
    with db.transaction() as connection:
        return Decision(**connection.execute(made).one()._asdict())


def load_decisions(db: Database, shop: str, known_at: datetime | None = None) -> Decisions:
    """The decisions about a shop; with `known_at` only those decided until then."""
    wanted = sa.select(decisions).where(decisions.c.shop == shop)
    if known_at is not None:
        wanted = wanted.where(decisions.c.decided_at <= known_at)
    with db.snapshot() as connection:
        rows = connection.execute(wanted.order_by(decisions.c.in_force_from, decisions.c.decision)).all()
    return Decisions(all=tuple(Decision(**row._asdict()) for row in rows))
