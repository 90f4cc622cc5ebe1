"""The steps `MODEL.fit` and `MODEL.apply`: artifacts in, an artifact out, the same for every model."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from datetime import date
from typing import TYPE_CHECKING, Any, Final

from shopmine.config.shops import load_shop
from shopmine.errors import DataError, ShopmineError
from shopmine.faults import fault_point
from shopmine.mining.contract import JSON, MiningInputs, NotEnoughDataError, StoredModel
from shopmine.mining.registry import ModelEntry, find_model, load_functions, model_config
from shopmine.staging.artifacts import (
    Artifact,
    ArtifactRef,
    artifact_key,
    artifact_refs,
    code_version,
    find_artifact,
    find_artifacts,
    read_artifact,
    write_artifact,
)
from shopmine.staging.decisions import Decisions, load_decisions
from shopmine.staging.leases import hold_lease
from shopmine.staging.runs import RunContext, attach_artifact, load_run, record_step, run_artifacts

if TYPE_CHECKING:
    import pyarrow as pa

    from shopmine.config.shops import Shop
    from shopmine.staging.database import Database

NOT_MINED: Final = "not_mined"
METRICS: Final = "metrics"
MODEL: Final = "model"
LINK: Final = "link"
CALENDAR: Final = "training_days"
TRAINING: Final = ".training"
_SHARED: Final = ("shopmine.mining.contract", "shopmine.mining.threads", "shopmine.frames")
_WAIT_SECONDS: Final = 3600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class _Settings:
    """A model's config, and the same as plain values."""

    config: Any
    values: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Link:
    """The fit of one training day, of which the next one carries something on: its key, and those of its features."""

    day: date
    key: str
    features: tuple[str, ...]
    settings: _Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class _Step:
    """One step of one model in one run; `code` is the version of the model's code."""

    db: Database
    context: RunContext
    shop: Shop
    entry: ModelEntry
    name: str
    day: date
    code: str

    def inputs(self, suffix: str) -> MiningInputs:
        """The feature frames with that suffix."""
        found = [read_artifact(self.db, ref.artifact) for ref in self.refs(suffix)]
        return MiningInputs(day=self.day, frames=_frames(found))

    def refs(self, suffix: str) -> list[ArtifactRef]:
        """The artifacts of the features with that suffix."""
        applied = self.entry.inputs if self.entry.apply_inputs is None else self.entry.apply_inputs
        names = self.entry.inputs if suffix == TRAINING else applied
        return artifact_refs(self.db, [self.number(name + suffix) for name in names])

    def artifact(self, name: str) -> Artifact:
        """An artifact that an earlier step of the run made."""
        return read_artifact(self.db, self.number(name))

    def number(self, name: str) -> int:
        """Its number."""
        numbers = run_artifacts(self.db, self.context.run)
        if name not in numbers:
            raise DataError(
                f"run {self.context.run} has no artifact {name!r} for {self.entry.name}, only {sorted(numbers)}; "
                "run the step that makes it first"
            )
        return numbers[name]

    def settings(self, decisions: Decisions, day: date) -> _Settings:
        """The model's config as in force on a training day: what was decided by then, else the shop's file, else defaults."""
        file = self.shop.models.get(self.entry.name, {})
        decided = decisions.settings(self.entry.name, file, day)
        where = f"shops/{self.shop.name}.toml"
        config = model_config(
            self.entry.name,
            decided,
            where=where if decided == file else f"{where} with the decisions in force on {day}",
        )
        values: dict[str, Any] = asdict(config)
        return _Settings(config=config, values=values)

    def key(self, name: str, day: date, inputs: Sequence[str], settings: _Settings | None) -> str:
        """What decides an output: inputs, settings, seed, day, and the code of the model."""
        values = {} if settings is None else settings.values
        told = {"shop": self.shop.name, "day": day.isoformat(), **values}
        seed = values.get("seed", 0)
        label = f"{self.entry.name}.{name}"
        return artifact_key(name=label, inputs=inputs, code=self.code, config=told, seed=seed)

    def finish(self, artifact: int, state: str, detail: Mapping[str, JSON]) -> int:
        """Attach the output to the run and write the step's report."""
        label = f"{self.entry.name}.{self.name}"
        attach_artifact(self.db, self.context.run, label, artifact)
        record_step(self.db, self.context.run, label, state, {"artifact": artifact, **detail})
        return artifact


def fit_model(db: Database, run: int, model: str) -> int:
    """Fit a model as of the run's training day and evaluate it, unless that was done before with the same everything.

    Where a model carries something from one fit to the next, the fits of earlier training days that are missing are made
    first, along the calendar: the result never depends on which days were run before.

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
    with _step(db, run, model, "fit") as opened:
        calendar = opened.artifact(CALENDAR)
        step = replace(opened, day=calendar.ref.day)
        decisions = load_decisions(db, step.shop.name, step.context.known_at)
        settings = step.settings(decisions, step.day)
        links = _links(step, calendar, decisions) if step.entry.is_carried else []
        inputs = [ref.content_hash for ref in step.refs(TRAINING)]
        key = step.key("fit", step.day, [*inputs, *(link.key for link in links[-1:])], settings)
        # What is carried is fitted by one at a time: the others find it.
        what = "carried" if links else step.day
        with hold_lease(db, f"{step.shop.name}/{model}/{what}/fit", wait_seconds=_WAIT_SECONDS):
            existing = find_artifact(db, key)
            if existing is not None:
                return step.finish(existing.artifact, "done", {"unchanged": True})
            return _write(step, key, *_fitted(step, settings, links))


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
        (fitted,) = artifact_refs(db, [step.number(f"{model}.fit")])
        refs = [fitted, *step.refs("")]
        key = step.key("apply", step.day, [ref.content_hash for ref in refs], None)
        existing = find_artifact(db, key)
        if existing is not None:
            return step.finish(existing.artifact, "done", {"unchanged": True})
        return _write(step, key, *_applied(step, read_artifact(db, fitted.artifact)))


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
        return explain_pair(Recommendations.from_stored(_stored(fitted)), step.inputs(""), customer, product)


@contextmanager
def _step(db: Database, run: int, model: str, name: str) -> Iterator[_Step]:
    """The step's context; a failure is written to the run's report, where `publish` finds the reason."""
    entry = find_model(model)
    context = load_run(db, run)
    try:
        shop = load_shop(context.shop)
        code = code_version(entry.module, *_SHARED)
        yield _Step(db=db, context=context, shop=shop, entry=entry, name=name, day=context.day, code=code)
    except Exception as error:
        if name != "explain":
            reason = str(error) if isinstance(error, ShopmineError) else f"{type(error).__name__}; see the task's log"
            record_step(db, run, f"{model}.{name}", "failed", {"error": reason})
        raise


def _links(step: _Step, calendar: Artifact, decisions: Decisions) -> list[_Link]:
    """The fits from the first training day to this one, each named by what decides it, the one before among it."""
    features: dict[date, dict[str, str]] = {}
    for row in calendar.frames[CALENDAR].to_pylist():
        features.setdefault(row["day"], {})[row["name"]] = row["key"]
    links: list[_Link] = []
    for day, keys in sorted(features.items()):
        settings = step.settings(decisions, day)
        own = tuple(keys[name] for name in step.entry.inputs)
        key = step.key(LINK, day, [*own, *(link.key for link in links[-1:])], settings)
        links.append(_Link(day=day, key=key, features=own, settings=settings))
    return links


def _follow(step: _Step, links: Sequence[_Link]) -> Artifact:
    """The last link; from the last one that is there on, those that are missing are fitted, one after the other."""
    there = find_artifacts(step.db, [link.key for link in links])
    n_done = max((number for number, link in enumerate(links, start=1) if link.key in there), default=0)
    before = read_artifact(step.db, there[links[n_done - 1].key].artifact) if n_done else None
    for link in links[n_done:]:
        before = _fit_link(step, link, before)
    if before is None:
        raise DataError(f"there is no training day for {step.entry.name}; run `features` first")
    return before


def _fit_link(step: _Step, link: _Link, before: Artifact | None) -> Artifact:
    """Fit as of one training day; where there is too little data the link passes on what came before."""
    features = find_artifacts(step.db, link.features)
    if missing := len(set(link.features) - set(features)):
        raise DataError(f"{missing} feature sets of training day {link.day} are gone; run the step `features` again")
    frames = _frames([read_artifact(step.db, features[key].artifact) for key in link.features])
    functions = load_functions(step.entry)
    previous = None if before is None or MODEL not in before.meta else functions.result.from_stored(_stored(before))
    try:
        model = functions.fit(MiningInputs(day=link.day, frames=frames), link.settings.config, previous=previous)
        told, meta = _told(model)
    except NotEnoughDataError as error:
        told, meta = ({}, {}) if before is None else (dict(before.frames), {**before.meta})
        meta = {**meta, NOT_MINED: str(error)}
    label = f"{step.entry.name}.{LINK}"
    written = write_artifact(
        step.db,
        key=link.key,
        shop=step.shop.name,
        name=label,
        day=link.day,
        frames=told,
        meta=meta,
        run=step.context.run,
    )
    return Artifact(ref=written, frames=told, meta=meta)


def _told(model: Any) -> tuple[dict[str, pa.Table], dict[str, JSON]]:
    stored: StoredModel = model.stored()
    return dict(stored.frames), {MODEL: stored.meta}


def _fitted(step: _Step, settings: _Settings, links: Sequence[_Link]) -> tuple[dict[str, pa.Table], dict[str, JSON]]:
    functions, inputs = load_functions(step.entry), step.inputs(TRAINING)
    if links:
        last = _follow(step, links)
        if NOT_MINED in last.meta:
            return {}, {NOT_MINED: last.meta[NOT_MINED]}
        model = functions.result.from_stored(_stored(last))
    else:
        try:
            model = functions.fit(inputs, settings.config)
        except NotEnoughDataError as error:
            return {}, {NOT_MINED: str(error)}
    frames, meta = _told(model)
    return {**frames, METRICS: functions.evaluate(model, inputs)}, meta


def _applied(step: _Step, fitted: Artifact) -> tuple[dict[str, pa.Table], dict[str, JSON]]:
    if NOT_MINED in fitted.meta:
        return {}, {NOT_MINED: fitted.meta[NOT_MINED]}
    functions = load_functions(step.entry)
    try:
        tables = functions.apply(functions.result.from_stored(_stored(fitted)), step.inputs(""))
    except NotEnoughDataError as error:
        return {}, {NOT_MINED: str(error)}
    return {**tables, METRICS: fitted.frames[METRICS]}, {}


def _frames(artifacts: Sequence[Artifact]) -> dict[str, pa.Table]:
    return {label: frame for artifact in artifacts for label, frame in artifact.frames.items()}


def _stored(fitted: Artifact) -> StoredModel:
    meta: Any = fitted.meta[MODEL]
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
    rows = {label: frame.num_rows for label, frame in frames.items()}
    return step.finish(written.artifact, "done", {"rows": rows, **_notes(meta)})


def _notes(meta: Mapping[str, JSON]) -> dict[str, JSON]:
    """What a fitted model wants a person to know, for the run's report."""
    model: Any = meta.get(MODEL) or {}
    return {"notes": model["notes"]} if model.get("notes") else {}
