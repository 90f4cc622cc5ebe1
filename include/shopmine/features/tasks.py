"""The step `features`: facts of the run's manifest in, one artifact a feature set and day out."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property
from typing import TYPE_CHECKING, Final

import pyarrow as pa

from shopmine.config.days import training_days
from shopmine.config.shops import load_shop
from shopmine.config.versions import version_until
from shopmine.faults import fault_point
from shopmine.features.baskets import derive_baskets
from shopmine.features.customer_features import derive_customer_features
from shopmine.features.interactions import derive_exposures, derive_hidden, derive_interactions, derive_returned
from shopmine.features.lines import LINE_COLUMNS, counted_name, lines_until
from shopmine.features.product_features import derive_product_features
from shopmine.staging.artifacts import artifact_key, code_version, find_artifact, find_artifacts, write_artifact
from shopmine.staging.decisions import load_decisions
from shopmine.staging.facts import read_facts
from shopmine.staging.manifests import KnownUntil, load_manifest
from shopmine.staging.runs import attach_artifact, load_run, record_step

if TYPE_CHECKING:
    from shopmine.config.shops import Shop
    from shopmine.staging.artifacts import ArtifactRef
    from shopmine.staging.database import Database
    from shopmine.staging.manifests import Manifest

STEP: Final = "features"
TRAINING: Final = "training"
CALENDAR: Final = "training_days"
_FACTS: Final = {
    "order_lines": LINE_COLUMNS,
    "events": ("customer", "type", "day"),
    "reviews": ("customer", "rating", "day"),
    "feedback": ("customer", "product", "kind", "day"),
}
_DIMENSIONS: Final = {
    "products": ("product", "name", "category", "kind", "listed"),
    "stock": ("product", "quantity"),
}
_Frames = Mapping[str, pa.Table]


@dataclass(frozen=True, slots=True, kw_only=True)
class _FeatureSet:
    """A kind of artifact: the entities that decide it, and how its frames, by name, are made of them for a day.

    The last argument of `derive` says whether the products are all that the shop had then. `is_daily` is False where models
    only fit on it: then it is made of training days alone. `is_learned` is False where no model fits on it.
    """

    reads: tuple[str, ...]
    derive: Callable[[_Frames, date, bool], dict[str, pa.Table]]
    is_daily: bool = True
    is_learned: bool = True


_SETS: Final[Mapping[str, _FeatureSet]] = {
    "customer_features": _FeatureSet(
        reads=("order_lines", "events", "reviews"),
        derive=lambda inputs, day, _: {"customer_features": derive_customer_features(inputs, day)},
    ),
    "product_features": _FeatureSet(
        reads=("order_lines", "products", "stock"),
        derive=lambda inputs, day, is_whole: {
            "product_features": derive_product_features(inputs, day, is_whole=is_whole)
        },
    ),
    "interactions": _FeatureSet(
        reads=("order_lines", "products"),
        derive=lambda inputs, day, _: {
            "interactions": derive_interactions(inputs, day),
            "returned": derive_returned(inputs, day),
        },
    ),
    "exposures": _FeatureSet(
        reads=("order_lines", "feedback"),
        derive=lambda inputs, day, _: {
            "exposures": derive_exposures(inputs, day),
            "hidden": derive_hidden(inputs, day),
        },
        is_learned=False,
    ),
    "baskets": _FeatureSet(
        reads=("order_lines", "products"),
        derive=lambda inputs, day, _: {"baskets": derive_baskets(inputs, day)},
        is_daily=False,
    ),
}
_CARRIED: Final = ("customer_features",)
"""Sets that models need of every training day, because they carry something from one fit to the next."""


@dataclass(frozen=True)
class _Source:
    """The facts of a run, read when first needed."""

    db: Database
    shop: Shop
    manifest: Manifest
    counted: dict[date, pa.Table] = field(default_factory=dict)

    @cached_property
    def rules(self) -> dict[tuple[str, str], str]:
        keys = sorted({(batch.source, batch.entity) for batch in (*self.manifest.batches, *self.manifest.snapshots)})
        return {key: self.shop.rules_version(*key) for key in keys}

    @cached_property
    def mapped(self) -> set[str]:
        return {entity for source in self.shop.sources.values() for entity in source.entities}

    @cached_property
    def facts(self) -> dict[str, pa.Table]:
        return self._read(_FACTS, self.manifest)

    @cached_property
    def known(self) -> dict[str, KnownUntil]:
        """What each feature set knows of each day: the batches of its entities, those of others left out."""
        return {name: KnownUntil(self.manifest, self._reads(wanted.reads)) for name, wanted in _SETS.items()}

    def _reads(self, entities: Sequence[str]) -> frozenset[tuple[str, str]]:
        """The (source, entity) whose batches give rows of these entities."""
        return frozenset(
            (source.name, entity.name)
            for source in self.shop.sources.values()
            for entity in source.read_entities()
            if {entity.name, *(other.name for other in source.derived(entity.name))} & set(entities)
        )

    def frames(self, name: str, day: date) -> dict[str, pa.Table]:
        """What a set reads: facts of all days (features cut them to theirs) and dimensions as of `day`."""
        reads = _SETS[name].reads
        facts = {entity: table for entity, table in self.facts.items() if entity in reads}
        facts[counted_name(day)] = self._counted(day)
        dimensions = {entity: columns for entity, columns in _DIMENSIONS.items() if entity in reads}
        return facts | (self._read(dimensions, self.manifest.until(day)) if dimensions else {})

    def _counted(self, day: date) -> pa.Table:
        """The lines as every set of a day counts them, made once."""
        if day not in self.counted:
            self.counted.clear()
            self.counted[day] = lines_until(self.facts, day)
        return self.counted[day]

    def _read(self, entities: Mapping[str, tuple[str, ...]], manifest: Manifest) -> dict[str, pa.Table]:
        return {
            entity: read_facts(self.db, manifest, entity, columns, self.rules)
            for entity, columns in entities.items()
            if entity in self.mapped or entity == "order_lines"
        }

    def has_all_products(self, day: date) -> bool:
        return self.manifest.until(day).gives_all(self.shop.whole_reads("products"), day)

    def key(self, name: str, day: date) -> str:
        """What decides a feature set: what is known up to its day, the rules that prepared it, and this stage's code."""
        reads = self._reads(_SETS[name].reads)
        told = [
            f"{s}/{e}={version_until(self.rules[s, e], day) if (s, e) in self.rules else None}"
            for s, e in sorted(reads)
        ]
        mapped = sorted(self.mapped & set(_SETS[name].reads))
        return artifact_key(
            name=name,
            inputs=[self.known[name].digest(day), *told],
            code=self.code,
            config={
                "shop": self.shop.name,
                "day": day.isoformat(),
                "mapped": mapped,
                "has_all_products": name == "product_features" and self.has_all_products(day),
            },
            seed=0,
        )

    @cached_property
    def code(self) -> str:
        return code_version("shopmine.features")


def build_features(db: Database, run: int) -> dict[str, int]:
    """Build the features as of the run's day and of its training day; what is there already is taken as it is.

    Args:
        db: the staging database.
        run: its number; `prepare` has run.

    Returns:
        name -> artifact: `customer_features`, `product_features`, `interactions` (with the frame `returned`), `exposures` (with `hidden`) as
        of the day; all but the last, and `baskets`, with `.training` after the name as of the training day; and `training_days`:
        the calendar up to that day (`day`, `name`, `key` of the artifact), for models that carry something from one fit to
        the next. They are attached to the run by these names.

    Raises:
        DataError: the run's batches are not prepared, or a value cannot be counted exactly.
    """
    context = load_run(db, run)
    shop = load_shop(context.shop)
    extra = load_decisions(db, shop.name, context.known_at).training_days()
    days = training_days(shop.first_day, context.day, shop.training_weekday, extra)
    source = _Source(db=db, shop=shop, manifest=load_manifest(db, run))
    found: dict[str, int] = {}
    n_built = 0
    wanted = [(name, name, context.day) for name, made in _SETS.items() if made.is_daily]
    wanted += [(f"{name}.{TRAINING}", name, days[-1]) for name, made in _SETS.items() if made.is_learned]
    for label, name, day in wanted:
        ref = find_artifact(db, source.key(name, day))
        n_built += ref is None
        found[label] = (ref or _build(source, run, name, day)).artifact
    n_earlier, found[CALENDAR] = _build_calendar(source, run, days)
    for name, artifact in found.items():
        attach_artifact(db, run, name, artifact)
    counts = {"built": n_built, "found": len(wanted) - n_built, "built_of_earlier_training_days": n_earlier}
    record_step(db, run, STEP, "done", counts)
    return found


def _build_calendar(source: _Source, run: int, days: Sequence[date]) -> tuple[int, int]:
    """What is carried of every training day; how many sets were built for it now, and the artifact that lists them."""
    wanted = [(day, name, source.key(name, day)) for name in _CARRIED for day in days]
    there = find_artifacts(source.db, [key for _, _, key in wanted])
    missing = [(day, name) for day, name, key in wanted if key not in there]
    for day, name in missing:
        _build(source, run, name, day)
    told = pa.table(
        {
            "day": pa.array([day for day, _, _ in wanted], pa.date32()),
            "name": pa.array([name for _, name, _ in wanted], pa.string()),
            "key": pa.array([key for _, _, key in wanted], pa.string()),
        }
    )
    key = artifact_key(name=CALENDAR, inputs=told["key"].to_pylist(), code=source.code, config={}, seed=0)
    frames = {CALENDAR: told}
    written = write_artifact(
        source.db, key=key, shop=source.shop.name, name=CALENDAR, day=days[-1], frames=frames, meta={}, run=run
    )
    return len(missing), written.artifact


def _build(source: _Source, run: int, name: str, day: date) -> ArtifactRef:
    frames = _SETS[name].derive(source.frames(name, day), day, source.has_all_products(day))
    meta = {"n_rows": {label: frame.num_rows for label, frame in frames.items()}}
    fault_point("features.built")
    written = write_artifact(
        source.db,
        key=source.key(name, day),
        shop=source.shop.name,
        name=name,
        day=day,
        frames=frames,
        meta=meta,
        run=run,
    )
    fault_point("features.written")
    return written
