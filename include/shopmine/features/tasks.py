"""The step `features`: facts of the run's manifest in, one artifact a feature set and day out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from typing import TYPE_CHECKING, Final

import pyarrow as pa

from shopmine.config.days import training_day
from shopmine.config.shops import load_shop
from shopmine.faults import fault_point
from shopmine.features.customer_features import derive_customer_features
from shopmine.features.interactions import derive_interactions, derive_returned
from shopmine.features.lines import LINE_COLUMNS
from shopmine.features.product_features import derive_product_features
from shopmine.staging.artifacts import artifact_key, code_version, find_artifact, write_artifact
from shopmine.staging.facts import read_facts
from shopmine.staging.manifests import load_manifest
from shopmine.staging.runs import RunContext, attach_artifact, load_run, record_step

if TYPE_CHECKING:
    from shopmine.config.shops import Shop
    from shopmine.staging.artifacts import ArtifactRef
    from shopmine.staging.database import Database
    from shopmine.staging.manifests import Manifest

STEP: Final = "features"
TRAINING: Final = "training"
_FACTS: Final = {
    "order_lines": LINE_COLUMNS,
    "events": ("customer", "type", "day"),
    "reviews": ("customer", "rating", "day"),
}
_DIMENSIONS: Final = {
    "products": ("product", "name", "category", "kind", "listed"),
    "stock": ("product", "quantity"),
}
_Frames = Mapping[str, pa.Table]
_SETS: Final[Mapping[str, Callable[[_Frames, date], dict[str, pa.Table]]]] = {
    "customer_features": lambda inputs, day: {"customer_features": derive_customer_features(inputs, day)},
    "product_features": lambda inputs, day: {"product_features": derive_product_features(inputs, day)},
    "interactions": lambda inputs, day: {
        "interactions": derive_interactions(inputs, day),
        "returned": derive_returned(inputs, day),
    },
}
"""Artifact -> its frames by name."""


@dataclass(frozen=True)
class _Source:
    """The facts of a run, read when first needed."""

    db: Database
    shop: Shop
    manifest: Manifest

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

    def frames(self, day: date) -> dict[str, pa.Table]:
        """Facts of all days (features cut them to theirs) and dimensions as of `day`."""
        return self.facts | self._read(_DIMENSIONS, self.manifest.until(day))

    def _read(self, entities: Mapping[str, tuple[str, ...]], manifest: Manifest) -> dict[str, pa.Table]:
        return {
            entity: read_facts(self.db, manifest, entity, columns, self.rules)
            for entity, columns in entities.items()
            if entity in self.mapped or entity == "order_lines"
        }

    def key(self, name: str, day: date) -> str:
        """What decides a feature set: what is known up to its day, the rules that prepared it, and this stage's code."""
        told = [f"{source}/{entity}={rules}" for (source, entity), rules in sorted(self.rules.items())]
        inputs = [self.manifest.until(day).content_hash, *told]
        config = {"shop": self.shop.name, "day": day.isoformat(), "mapped": sorted(self.mapped)}
        return artifact_key(name=name, inputs=inputs, code=code_version("shopmine.features"), config=config, seed=0)


def build_features(db: Database, run: int) -> dict[str, int]:
    """Build the features as of the run's day and of its training day; what is there already is taken as it is.

    Args:
        db: the staging database.
        run: its number; `prepare` has run.

    Returns:
        name -> artifact: `customer_features`, `product_features`, `interactions` (with the frame `returned`) as of the day,
        and each with `.training` after its name as of the training day. They are attached to the run by these names.

    Raises:
        DataError: the run's batches are not prepared, or a value cannot be counted exactly.
    """
    context = load_run(db, run)
    shop = load_shop(context.shop)
    source = _Source(db=db, shop=shop, manifest=load_manifest(db, run))
    found: dict[str, int] = {}
    n_built = 0
    for suffix, day in (("", context.day), (f".{TRAINING}", training_day(context.day, shop.training_weekday))):
        for name in _SETS:
            ref, is_new = _build(source, context, name, day)
            attach_artifact(db, run, name + suffix, ref.artifact)
            found[name + suffix] = ref.artifact
            n_built += is_new
    record_step(db, run, STEP, "done", {"built": n_built, "found": len(found) - n_built})
    return found


def _build(source: _Source, context: RunContext, name: str, day: date) -> tuple[ArtifactRef, bool]:
    key = source.key(name, day)
    existing = find_artifact(source.db, key)
    if existing is not None:
        return existing, False
    frames = _SETS[name](source.frames(day), day)
    meta = {"n_rows": {label: frame.num_rows for label, frame in frames.items()}}
    fault_point("features.built")
    written = write_artifact(
        source.db, key=key, shop=context.shop, name=name, day=day, frames=frames, meta=meta, run=context.run
    )
    fault_point("features.written")
    return written, True
