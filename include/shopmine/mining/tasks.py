"""The steps `MODEL.fit` and `MODEL.apply`: artifacts in, an artifact out, the same for every model."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import date
from typing import TYPE_CHECKING, Any, Final

from shopmine.config.days import training_day
from shopmine.config.shops import load_shop
from shopmine.errors import DataError, ShopmineError
from shopmine.faults import fault_point
from shopmine.mining.contract import JSON, MiningInputs, NotEnoughDataError, StoredModel
from shopmine.mining.registry import ModelEntry, find_model, load_functions, model_config
from shopmine.staging.artifacts import (
    Artifact,
    artifact_key,
    code_version,
    find_artifact,
    read_artifact,
    write_artifact,
)
from shopmine.staging.leases import hold_lease
from shopmine.staging.runs import RunContext, attach_artifact, load_run, record_step, run_artifacts

if TYPE_CHECKING:
    import pyarrow as pa

    from shopmine.config.shops import Shop
    from shopmine.staging.database import Database

NOT_MINED: Final = "not_mined"
METRICS: Final = "metrics"
TRAINING: Final = ".training"
_SHARED: Final = ("shopmine.mining.contract", "shopmine.mining.threads", "shopmine.frames")
_WAIT_SECONDS: Final = 3600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class _Step:
    """One step of one model in one run."""

    db: Database
    context: RunContext
    shop: Shop
    entry: ModelEntry
    name: str
    day: date

    def inputs(self, suffix: str) -> tuple[MiningInputs, list[str]]:
        """The feature frames with that suffix, and the content hashes of their artifacts."""
        found = [self.artifact(name + suffix) for name in self.entry.inputs]
        frames = {label: frame for artifact in found for label, frame in artifact.frames.items()}
        return MiningInputs(day=self.day, frames=frames), [artifact.ref.content_hash for artifact in found]

    def artifact(self, name: str) -> Artifact:
        """An artifact that an earlier step of the run made."""
        numbers = run_artifacts(self.db, self.context.run)
        if name not in numbers:
            raise DataError(
                f"run {self.context.run} has no artifact {name!r} for {self.entry.name}, only {sorted(numbers)}; "
                "run the step that makes it first"
            )
        return read_artifact(self.db, numbers[name])

    def key(self, inputs: list[str], config: Mapping[str, JSON], seed: int) -> str:
        """What decides the output: inputs, settings, seed, day, and the code of the model."""
        code = code_version(self.entry.module, *_SHARED)
        told = {"shop": self.shop.name, "day": self.day.isoformat(), **config}
        return artifact_key(name=f"{self.entry.name}.{self.name}", inputs=inputs, code=code, config=told, seed=seed)

    def finish(self, artifact: int, state: str, detail: Mapping[str, JSON]) -> int:
        """Attach the output to the run and write the step's report."""
        label = f"{self.entry.name}.{self.name}"
        attach_artifact(self.db, self.context.run, label, artifact)
        record_step(self.db, self.context.run, label, state, {"artifact": artifact, **detail})
        return artifact


def fit_model(db: Database, run: int, model: str) -> int:
    """Fit a model as of the run's training day and evaluate it, unless that was done before with the same everything.

    Args:
        db: the staging database.
        run: its number; `features` has run.
        model: a name of the registry.

    Returns:
        The artifact: the model's frames, `metrics`, and meta `model`; or no frames and meta `not_mined`, the reason, where
        there is too little data. It is attached to the run as `MODEL.fit`.

    Raises:
        NotFoundError: there is no such model.
        ConfigError: its settings in the shop's file are wrong.
        DataError: its features are missing or cannot be used.
    """
    with _step(db, run, model, "fit") as step:
        config = model_config(model, step.shop.models.get(model, {}), where=f"shops/{step.shop.name}.toml")
        settings: dict[str, Any] = asdict(config)
        inputs, hashes = step.inputs(TRAINING)
        key = step.key(hashes, settings, settings["seed"])
        with hold_lease(db, f"{step.shop.name}/{model}/{step.day}/fit", wait_seconds=_WAIT_SECONDS):
            existing = find_artifact(db, key)
            if existing is not None:
                return step.finish(existing.artifact, "done", {"unchanged": True})
            return _write(step, key, *_fitted(step.entry, inputs, config))


def apply_model(db: Database, run: int, model: str) -> int:
    """Apply a fitted model to the run's day, unless that was done before with the same everything.

    Args:
        db: the staging database.
        run: its number; `fit_model` has run.
        model: a name of the registry.

    Returns:
        The artifact: frames named as the published tables, with `metrics`; or no frames and meta `not_mined`, the reason.
        It is attached to the run as `MODEL.apply`.

    Raises:
        NotFoundError: there is no such model.
        DataError: the fitted model or the features are missing or damaged.
    """
    with _step(db, run, model, "apply") as step:
        fitted = step.artifact(f"{model}.fit")
        inputs, hashes = step.inputs("")
        key = step.key([fitted.ref.content_hash, *hashes], {}, 0)
        existing = find_artifact(db, key)
        if existing is not None:
            return step.finish(existing.artifact, "done", {"unchanged": True})
        return _write(step, key, *_applied(step.entry, fitted, inputs))


def explain_recommendation(db: Database, run: int, customer: str, product: str) -> dict[str, Any]:
    """Why a product is, or is not, recommended to a customer in a run: every stage, as `explain_pair` tells it.

    Raises:
        NotFoundError: the customer or the product is not in the day's purchases.
        DataError: the run has no fitted recommendations.
    """
    from shopmine.mining.recommendations import Recommendations, explain_pair

    with _step(db, run, "recommendations", "explain") as step:
        fitted = step.artifact("recommendations.fit")
        if NOT_MINED in fitted.meta:
            raise DataError(f"nothing was recommended in run {run}: {fitted.meta[NOT_MINED]}")
        inputs, _ = step.inputs("")
        return explain_pair(Recommendations.from_stored(_stored(fitted)), inputs, customer, product)


@contextmanager
def _step(db: Database, run: int, model: str, name: str) -> Iterator[_Step]:
    """The step's context; a failure is written to the run's report, where `publish` finds the reason."""
    entry = find_model(model)
    context = load_run(db, run)
    try:
        shop = load_shop(context.shop)
        day = training_day(context.day, shop.training_weekday) if name == "fit" else context.day
        yield _Step(db=db, context=context, shop=shop, entry=entry, name=name, day=day)
    except Exception as error:
        if name != "explain":
            reason = str(error) if isinstance(error, ShopmineError) else f"{type(error).__name__}; see the task's log"
            record_step(db, run, f"{model}.{name}", "failed", {"error": reason})
        raise


def _fitted(entry: ModelEntry, inputs: MiningInputs, config: Any) -> tuple[dict[str, pa.Table], dict[str, JSON]]:
    functions = load_functions(entry)
    try:
        model = functions.fit(inputs, config)
    except NotEnoughDataError as error:
        return {}, {NOT_MINED: str(error)}
    stored: StoredModel = model.stored()
    return {**stored.frames, METRICS: functions.evaluate(model, inputs)}, {"model": stored.meta}


def _applied(entry: ModelEntry, fitted: Artifact, inputs: MiningInputs) -> tuple[dict[str, pa.Table], dict[str, JSON]]:
    if NOT_MINED in fitted.meta:
        return {}, {NOT_MINED: fitted.meta[NOT_MINED]}
    functions = load_functions(entry)
    try:
        tables = functions.apply(functions.result.from_stored(_stored(fitted)), inputs)
    except NotEnoughDataError as error:
        return {}, {NOT_MINED: str(error)}
    return {**tables, METRICS: fitted.frames[METRICS]}, {}


def _stored(fitted: Artifact) -> StoredModel:
    meta: Any = fitted.meta["model"]
    return StoredModel(frames=fitted.frames, meta=meta)


def _write(step: _Step, key: str, frames: Mapping[str, pa.Table], meta: Mapping[str, JSON]) -> int:
    fault_point("fit.fitted" if step.name == "fit" else "apply.applied")
    written = write_artifact(
        step.db,
        key=key,
        shop=step.shop.name,
        name=f"{step.entry.name}.{step.name}",
        day=step.day,
        frames=frames,
        meta=meta,
        run=step.context.run,
    )
    fault_point(f"{step.name}.written")
    reason = meta.get(NOT_MINED)
    if reason is not None:
        return step.finish(written.artifact, NOT_MINED, {"reason": f"not mined because {reason}"})
    return step.finish(written.artifact, "done", {"rows": {label: frame.num_rows for label, frame in frames.items()}})
