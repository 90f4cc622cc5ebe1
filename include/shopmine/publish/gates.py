"""Gates on a whole release: is it fit to be shown? Pure: frames in, checks out.

A gate of level `stop` that fails keeps the release from being made; one of level `warn` is only recorded. Every gate
becomes a row of `published.checks`, also one that could not be judged (it says why).
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass, field, fields, replace
from typing import TYPE_CHECKING, Final

import pandas as pd

from shopmine.columns import CUSTOMER, KIND, LIST, METRIC, MODEL, PRODUCT, RANK, SEGMENT, VALUE
from shopmine.config.kinds import nearest
from shopmine.errors import ConfigError, GateError
from shopmine.prepare.gates import SETTINGS as PREPARE_SETTINGS
from shopmine.prepare.gates import STOP, WARN, Check

if TYPE_CHECKING:
    from shopmine.publish.rights import Rights

MAIN_LIST: Final = "for_you"
GOODS: Final = "goods"

NOT_EMPTY: Final = "release_not_empty"
COVERAGE: Final = "recommendations_coverage"
RECOMMENDATIONS_CHANGED: Final = "recommendations_changed"
SEGMENTS_CHANGED: Final = "segments_changed"
HIDDEN_PRODUCTS: Final = "hidden_products"
RIGHTS: Final = "rights_respected"
BASELINE: Final = "not_worse_than_baseline"
GATES: Final = (NOT_EMPTY, COVERAGE, RECOMMENDATIONS_CHANGED, SEGMENTS_CHANGED, HIDDEN_PRODUCTS, RIGHTS, BASELINE)
LOWER_IS_BETTER: Final = frozenset(
    {"wape", "mae", "mse", "rmse", "smape", "mase", "brier", "log_loss", "calibration_error", "pinball"}
)
ALWAYS_STOP: Final = frozenset({NOT_EMPTY, HIDDEN_PRODUCTS, RIGHTS})

_LOOK_AT: Final[Mapping[str, str]] = {
    NOT_EMPTY: "the checks of `prepare` and the models' reasons: did the sources give any orders up to this day?",
    COVERAGE: "the recommendations model's report; a small or new shop may lower [gates] min_coverage",
    RECOMMENDATIONS_CHANGED: "`compare` this day's inputs with the day before; raise [gates] max_recommendations_changed if it is meant",
    SEGMENTS_CHANGED: "the lineage of the segments; raise [gates] max_segments_changed if it is meant",
    HIDDEN_PRODUCTS: "`kind` and `listed` of these products, whether the shop still has them, and the recommendations model's filter",
    RIGHTS: "the rights table and the filter in front of the release",
    BASELINE: "published.metrics: the champion is worse than the trivial baseline; check the latest days of the data",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class GatesConfig:
    """Limits of the gates; shares are in [0, 1] and inclusive.

    Attributes:
        min_coverage: least share of active customers who have a full list `for_you`.
        list_size: so many products make a list full; also how much of a list the change gate looks at.
        active_days: a customer is active who bought within so many days up to D.
        max_recommendations_changed: most customers of whose list more than half is replaced since the day before.
        max_segments_changed: most customers who left the segment of the day before; who is in what it became did not.
        max_gap_days: with no release so near before D, change is not judged.
        warn: gates that only warn; a new segmentation is a surprise, not a danger. An empty release, hidden products
            and rights always stop.
    """

    min_coverage: float = 0.5
    list_size: int = 10
    active_days: int = 365
    max_recommendations_changed: float = 0.8
    max_segments_changed: float = 0.5
    max_gap_days: int = 7
    warn: tuple[str, ...] = (SEGMENTS_CHANGED,)

    def __post_init__(self) -> None:
        for name in ("min_coverage", "max_recommendations_changed", "max_segments_changed"):
            if not 0 <= getattr(self, name) <= 1:
                raise ConfigError(
                    f"[gates] {name}={getattr(self, name)!r} is outside [0, 1]; it is a share, so 5 % is 0.05"
                )
        for name in ("list_size", "active_days", "max_gap_days"):
            if getattr(self, name) < 1:
                raise ConfigError(f"[gates] {name}={getattr(self, name)!r} is below 1; give a whole number from 1 on")
        if wrong := sorted(set(self.warn) - (set(GATES) - ALWAYS_STOP)):
            choices = sorted(set(GATES) - ALWAYS_STOP)
            raise ConfigError(f"[gates] warn={wrong} cannot be set to warn only; these can: {choices}")

    @classmethod
    def from_settings(cls, settings: Mapping[str, object]) -> GatesConfig:
        """Build from the keys of a shop's `[gates]`; those of prepare's gates, which stand there too, are passed over.

        Raises:
            ConfigError: an unknown key (with the nearest known one) or a value of the wrong type or range.
        """
        known = {item.name: type(item.default) for item in fields(cls)}
        values: dict[str, object] = {}
        for key, value in settings.items():
            if key in PREPARE_SETTINGS:
                continue
            if key not in known:
                raise ConfigError(f"[gates] {key} is not a setting{nearest(key, [*known, *PREPARE_SETTINGS])}")
            values[key] = _typed(key, value, known[key])
        return cls(**values)  # type: ignore[arg-type]  # _typed checked each against the field's own type


def _typed(key: str, value: object, wanted: type) -> object:
    if wanted is tuple and isinstance(value, list | tuple) and all(isinstance(item, str) for item in value):
        return tuple(value)
    if isinstance(value, wanted) and not isinstance(value, bool):
        return value
    if wanted is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    kind = {float: "a number", int: "a whole number", tuple: "a list of texts"}[wanted]
    raise ConfigError(f"[gates] {key}={value!r} is not {kind}")


@dataclass(frozen=True, slots=True, kw_only=True)
class PreviousRelease:
    """What the change gates need of the newest release of an earlier day: `customers` and `recommendations`."""

    release: int
    gap_days: int
    customers: pd.DataFrame
    recommendations: pd.DataFrame


@dataclass(frozen=True, slots=True, kw_only=True)
class Catalogue:
    """The shop's products as known on the day.

    Attributes:
        products: `product`, `kind`, `listed`; a null kind counts as goods, a null `listed` as listed.
        is_whole: these are all that the shop had: another one was deleted there. No products at all say nothing.
    """

    products: pd.DataFrame
    is_whole: bool = False

    def hides(self, products: pd.Series[str]) -> pd.Series[bool]:
        """Which of these products must not be shown: deleted, not listed, or no goods."""
        known = self.products
        is_shown = (known[KIND].fillna(GOODS) == GOODS) & known["listed"].astype("boolean").fillna(True)
        is_hidden = products.isin(known.loc[~is_shown, PRODUCT])
        return is_hidden | ~products.isin(known[PRODUCT]) if self.is_whole and len(known) else is_hidden


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A release before it is one.

    Attributes:
        tables: frames by published table, named and typed as these (needed: only the key columns).
        catalogue: None when the shop has no products of its own.
        rights: who objected to what.
        previous: the release of the newest earlier day, if any.
        not_mined: model name -> why it has no result of this day.
    """

    tables: Mapping[str, pd.DataFrame]
    catalogue: Catalogue | None
    rights: Rights
    previous: PreviousRelease | None
    not_mined: Mapping[str, str] = field(default_factory=dict)

    def frame(self, table: str) -> pd.DataFrame:
        """The table's frame, or an empty one without columns."""
        return self.tables.get(table, pd.DataFrame())


def check_release(candidate: Candidate, config: GatesConfig) -> list[Check]:
    """All gates, judged; none raises, so that a person sees every reason at once."""
    found = [
        _not_empty(candidate),
        _coverage(candidate, config),
        _recommendations_changed(candidate, config),
        _segments_changed(candidate, config),
        _hidden_products(candidate),
        _rights_respected(candidate),
        *_baselines(candidate),
    ]
    return [_with_level(check, config) for check in found]


def stop_at_failures(checks: Iterable[Check], *, day: str) -> None:
    """Raise when a check of level `stop` failed.

    Raises:
        GateError: names each failed check with what was expected and found, and what to look at.
    """
    failed = [check for check in checks if not check.passed and check.level == STOP]
    if not failed:
        return
    reasons = "; ".join(f"{check.check_name}: {check.actual}, expected {check.expected}" for check in failed)
    advice = "; ".join(dict.fromkeys(_LOOK_AT.get(_gate(check), "") for check in failed)).strip("; ")
    raise GateError(f"nothing is published for {day}, the last release stays: {reasons}. Look at {advice}")


def _gate(check: Check) -> str:
    """The gate's name; what it was asked of may stand behind it."""
    return check.check_name.split(" ", maxsplit=1)[0]


def _with_level(check: Check, config: GatesConfig) -> Check:
    return replace(check, level=WARN if _gate(check) in config.warn else STOP)


def _skipped(name: str, expected: str, why: str) -> Check:
    return Check(check_name=name, expected=expected, actual="not judged", passed=True, detail=why)


def _not_empty(candidate: Candidate) -> Check:
    results = {name: len(frame) for name, frame in candidate.tables.items() if name not in {"metrics", "statistics"}}
    n_rows = sum(results.values())
    reasons = "; ".join(f"{model}: {why}" for model, why in sorted(candidate.not_mined.items()))
    return Check(
        check_name=NOT_EMPTY, expected="some result rows", actual=f"{n_rows} rows", passed=n_rows > 0, detail=reasons
    )


def _coverage(candidate: Candidate, config: GatesConfig) -> Check:
    expected = f">= {config.min_coverage:.1%} of active customers have {config.list_size} products"
    customers, lists = candidate.frame("customers"), candidate.frame("recommendations")
    if customers.empty or lists.empty:
        why = "no customers or no recommendations in this release" + _because(candidate)
        return _skipped(COVERAGE, expected, why)
    is_active = customers["recency_days"] <= config.active_days
    active = customers.loc[
        is_active & ~customers[CUSTOMER].isin(candidate.rights.forbidden("recommendations")), CUSTOMER
    ]
    if active.empty:
        return _skipped(COVERAGE, expected, f"nobody bought within {config.active_days} days")
    n_products = lists.loc[lists[LIST] == MAIN_LIST].groupby(CUSTOMER)[PRODUCT].nunique()
    n_full = int((active.map(n_products).fillna(0) >= config.list_size).sum())
    share = n_full / len(active)
    detail = f"{n_full} of {len(active)} active customers; list {MAIN_LIST}"
    return Check(
        check_name=COVERAGE,
        expected=expected,
        actual=f"{share:.1%}",
        passed=share >= config.min_coverage,
        detail=detail,
    )


def _because(candidate: Candidate) -> str:
    return "".join(f"; {model}: {why}" for model, why in sorted(candidate.not_mined.items()))


def _previous(candidate: Candidate, config: GatesConfig) -> PreviousRelease | str:
    previous = candidate.previous
    if previous is None:
        return "there is no release of an earlier day"
    if previous.gap_days > config.max_gap_days:
        return f"the release before ({previous.release}) is {previous.gap_days} days older, limit {config.max_gap_days}"
    return previous


def _recommendations_changed(candidate: Candidate, config: GatesConfig) -> Check:
    limit = config.max_recommendations_changed
    expected = f"<= {limit:.1%} of customers have more than half of their list replaced"
    previous = _previous(candidate, config)
    if isinstance(previous, str):
        return _skipped(RECOMMENDATIONS_CHANGED, expected, previous)
    kept = shared_share(previous.recommendations, candidate.frame("recommendations"), size=config.list_size)
    if kept.empty:
        return _skipped(RECOMMENDATIONS_CHANGED, expected, "no customer has a list in both releases")
    share = float((kept < 0.5).mean())
    detail = (
        f"{len(kept)} customers in release {previous.release} and now; {1 - kept.mean():.1%} of all products replaced"
    )
    return Check(
        check_name=RECOMMENDATIONS_CHANGED,
        expected=expected,
        actual=f"{share:.1%}",
        passed=share <= limit,
        detail=detail,
    )


def shared_share(old: pd.DataFrame, new: pd.DataFrame, *, size: int, name: str = MAIN_LIST) -> pd.Series[float]:
    """Share of each customer's new list that was on the old one, for customers who have the list in both.

    Args:
        old: rows of `customer`, `list`, `rank`, `product`.
        new: the same of the newer release.
        size: only the first so many ranks count.
        name: which list.

    Returns:
        Shares in [0, 1] indexed by customer, sorted.
    """
    if old.empty or new.empty:
        return pd.Series(dtype="float64")
    before, now = (
        frame.loc[(frame[LIST] == name) & (frame[RANK] <= size), [CUSTOMER, PRODUCT]] for frame in (old, new)
    )
    both = now[now[CUSTOMER].isin(before[CUSTOMER].unique())]
    n_kept = both.merge(before, on=[CUSTOMER, PRODUCT]).groupby(CUSTOMER).size()
    n_now = both.groupby(CUSTOMER).size()
    return (n_kept.reindex(n_now.index).fillna(0) / n_now).sort_index()


def _segments_changed(candidate: Candidate, config: GatesConfig) -> Check:
    limit = config.max_segments_changed
    expected = f"<= {limit:.1%} of customers are in another segment"
    previous = _previous(candidate, config)
    if isinstance(previous, str):
        return _skipped(SEGMENTS_CHANGED, expected, previous)
    now = candidate.frame("customers")
    if now.empty or previous.customers.empty:
        return _skipped(SEGMENTS_CHANGED, expected, "no customers in one of the two releases" + _because(candidate))
    both = previous.customers[[CUSTOMER, SEGMENT]].merge(now[[CUSTOMER, SEGMENT]], on=CUSTOMER).dropna()
    if both.empty:
        return _skipped(SEGMENTS_CHANGED, expected, "no customer has a segment in both releases")
    share = float(_left(both, candidate.frame("segments")).mean())
    detail = f"{len(both)} customers in release {previous.release} and now"
    return Check(
        check_name=SEGMENTS_CHANGED, expected=expected, actual=f"{share:.1%}", passed=share <= limit, detail=detail
    )


def _left(both: pd.DataFrame, segments: pd.DataFrame) -> pd.Series[bool]:
    """Who left the old segment; who is in what became of it (a part, a merger) has not."""
    old, new = both[f"{SEGMENT}_x"], both[f"{SEGMENT}_y"]
    if "parents" not in segments.columns:
        return old != new
    parents = {row[SEGMENT]: row["parents"] for row in segments[[SEGMENT, "parents"]].to_dict("records")}
    heirs = {(parent, segment) for segment, found in parents.items() if found is not None for parent in found}
    stayed = [pair[0] == pair[1] or pair in heirs for pair in zip(old, new, strict=True)]
    return ~pd.Series(stayed, index=both.index)


def _hidden_products(candidate: Candidate) -> Check:
    expected = "0 rows recommend what must not be shown"
    if candidate.catalogue is None:
        return _skipped(HIDDEN_PRODUCTS, expected, "the shop's file maps no `products`")
    found: dict[str, pd.Series[str]] = {}
    for table, column in (("recommendations", PRODUCT), ("audiences", PRODUCT), ("similar_products", "similar")):
        frame = candidate.frame(table)
        if not frame.empty:
            found[table] = frame.loc[candidate.catalogue.hides(frame[column]), column]
    n_rows = sum(len(rows) for rows in found.values())
    names = sorted({str(product) for rows in found.values() for product in rows})
    detail = f"{len(names)} products, such as {names[:5]}" if names else ""
    return Check(
        check_name=HIDDEN_PRODUCTS, expected=expected, actual=f"{n_rows} rows", passed=n_rows == 0, detail=detail
    )


def _rights_respected(candidate: Candidate) -> Check:
    leaks = (candidate.rights.leaks(table, frame) for table, frame in candidate.tables.items())
    n_rows = sum(int(rows.sum()) for rows in leaks if rows is not None)
    detail = f"{candidate.rights.n_persons} persons object to personalisation or profiling, or asked for deletion"
    expected = "0 rows of persons who objected"
    return Check(check_name=RIGHTS, expected=expected, actual=f"{n_rows} rows", passed=n_rows == 0, detail=detail)


def _baselines(candidate: Candidate) -> list[Check]:
    expected = "a champion is not worse than its baseline"
    metrics = candidate.frame("metrics")
    if metrics.empty:
        return [_skipped(BASELINE, expected, "no metrics in this release" + _because(candidate))]
    judged = metrics[metrics["is_champion"].fillna(False).astype(bool) & metrics["baseline"].notna()]
    if judged.empty:
        return [_skipped(BASELINE, expected, "no champion has a baseline to compare with")]
    return [_baseline_check(row) for row in judged.sort_values([MODEL, METRIC]).to_dict("records")]


def _baseline_check(row: Mapping[Hashable, object]) -> Check:
    """Worse means: even the better end of the metric's interval (the value itself without one) loses to the baseline."""
    value, baseline, low, high = (_number(row.get(name)) for name in (VALUE, "baseline", "low", "high"))
    is_error = str(row[METRIC]).split("@", maxsplit=1)[0] in LOWER_IS_BETTER
    end = low if is_error else high
    best = value if math.isnan(end) else end
    return Check(
        check_name=f"{BASELINE} {row[MODEL]} {row[METRIC]}",
        expected=f"{row[MODEL]} {row[METRIC]} {'<=' if is_error else '>='} {baseline:.4f}",
        actual=f"{value:.4f}",
        passed=best <= baseline if is_error else best >= baseline,
        detail=f"at best {best:.4f}",
    )


def _number(value: object) -> float:
    return math.nan if value is None or value is pd.NA else float(str(value))
