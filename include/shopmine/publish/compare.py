"""The difference of two releases of a shop: who moved, what is recommended now, which figures changed. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Final

import pandas as pd

from shopmine.columns import CUSTOMER, LIST, METRIC, MODEL, PRODUCT, RANK, SEGMENT, VALUE
from shopmine.publish.gates import shared_share
from shopmine.publish.statistics import KEY

N_EXAMPLES: Final = 5
NO_SEGMENT: Final = "(none)"


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleaseFrames:
    """What is compared of one release.

    Attributes:
        release, day: which one; `day` as ISO text.
        customers: `customer`, `segment`.
        recommendations: `customer`, `list`, `rank`, `product`.
        metrics: `model`, `metric`, `value`.
        statistics: `metric`, `key`, `value`.
        checks: `check_name`, `passed`, `actual`.
        names: segment -> a name to show.
    """

    release: int
    day: str
    customers: pd.DataFrame
    recommendations: pd.DataFrame
    metrics: pd.DataFrame
    statistics: pd.DataFrame
    checks: pd.DataFrame
    names: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class SegmentMove:
    """So many customers went from one segment to another; `(none)` is not being in the release."""

    old: str
    new: str
    customers: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ListChange:
    """What became of one list.

    Attributes:
        name: the list.
        customers: who have it in both releases.
        replaced: mean share of a customer's list that is new; 0 without such customers.
        changed: share of these customers for whom any product is new.
        gained: (product, in how many more lists it is), most first.
        lost: (product, in how many fewer lists it is), most first.
    """

    name: str
    customers: int
    replaced: float
    changed: float
    gained: tuple[tuple[str, int], ...]
    lost: tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class FigureChange:
    """One figure in both releases; None where a release has no such figure."""

    name: str
    old: float | None
    new: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckChange:
    """A check that differs in having passed; None where a release has no such check."""

    name: str
    old: bool | None
    new: bool | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """Two releases, old and new as the caller gave them (not by day)."""

    old_release: int
    old_day: str
    new_release: int
    new_day: str
    customers_old: int
    customers_new: int
    moved: int
    moves: tuple[SegmentMove, ...]
    lists: tuple[ListChange, ...]
    metrics: tuple[FigureChange, ...]
    statistics: tuple[FigureChange, ...]
    checks: tuple[CheckChange, ...]

    def as_dict(self) -> dict[str, object]:
        """Plain values for JSON."""
        return asdict(self)


def compare_releases(old: ReleaseFrames, new: ReleaseFrames) -> Comparison:
    """Everything that differs, and the counts that put it into proportion.

    Args:
        old: the release to start from; not modified.
        new: the release to compare with it; not modified.
    """
    moves = _segment_moves(old, new)
    names = sorted(set(_column(old.recommendations, LIST)) | set(_column(new.recommendations, LIST)))
    return Comparison(
        old_release=old.release,
        old_day=old.day,
        new_release=new.release,
        new_day=new.day,
        customers_old=len(old.customers),
        customers_new=len(new.customers),
        moved=sum(move.customers for move in moves if NO_SEGMENT not in (move.old, move.new)),
        moves=moves,
        lists=tuple(_list_change(old.recommendations, new.recommendations, name) for name in names),
        metrics=_figure_changes(_figures(old.metrics, MODEL, METRIC), _figures(new.metrics, MODEL, METRIC)),
        statistics=_figure_changes(_figures(old.statistics, METRIC, KEY), _figures(new.statistics, METRIC, KEY)),
        checks=_check_changes(old.checks, new.checks),
    )


def _column(frame: pd.DataFrame, name: str) -> list[str]:
    return [] if frame.empty else [str(value) for value in frame[name].unique()]


def _segment_moves(old: ReleaseFrames, new: ReleaseFrames) -> tuple[SegmentMove, ...]:
    before, now = (_segments(frames) for frames in (old, new))
    both = before.merge(now, on=CUSTOMER, how="outer", suffixes=("_old", "_new")).fillna(NO_SEGMENT)
    changed = both[both["segment_old"] != both["segment_new"]]
    counts = changed.groupby(["segment_old", "segment_new"]).size().reset_index(name="n")
    counts = counts.sort_values(["n", "segment_old", "segment_new"], ascending=[False, True, True])
    return tuple(
        SegmentMove(old=_named(row[0], old.names), new=_named(row[1], new.names), customers=int(row[2]))
        for row in counts.itertuples(index=False, name=None)
    )


def _segments(frames: ReleaseFrames) -> pd.DataFrame:
    if frames.customers.empty:
        return pd.DataFrame({CUSTOMER: pd.Series(dtype="object"), SEGMENT: pd.Series(dtype="object")})
    found = frames.customers[[CUSTOMER, SEGMENT]].astype("object")
    return found.assign(segment=[NO_SEGMENT if pd.isna(value) else str(value) for value in found[SEGMENT]])


def _named(segment: str, names: Mapping[str, str]) -> str:
    return f"{segment} {names[segment]}" if segment in names else segment


def _list_change(old: pd.DataFrame, new: pd.DataFrame, name: str) -> ListChange:
    size = max((int(frame[RANK].max()) for frame in (old, new) if not frame.empty), default=0)
    kept = shared_share(old, new, size=size, name=name)
    before, now = (_appearances(frame, name) for frame in (old, new))
    difference = now.sub(before, fill_value=0).astype("int64")
    ordered = sorted(
        ((str(product), int(n)) for product, n in difference.items()), key=lambda item: (-item[1], item[0])
    )
    losing = sorted(((product, -n) for product, n in ordered if n < 0), key=lambda item: (-item[1], item[0]))
    return ListChange(
        name=name,
        customers=len(kept),
        replaced=0.0 if kept.empty else float(1 - kept.mean()),
        changed=0.0 if kept.empty else float((kept < 1).mean()),
        gained=tuple(item for item in ordered if item[1] > 0)[:N_EXAMPLES],
        lost=tuple(losing[:N_EXAMPLES]),
    )


def _appearances(frame: pd.DataFrame, name: str) -> pd.Series[int]:
    if frame.empty:
        return pd.Series(dtype="int64")
    return frame.loc[frame[LIST] == name, PRODUCT].value_counts()


def _figures(frame: pd.DataFrame, *keys: str) -> dict[str, float]:
    """Name -> value; what is null is absent, so that it equals itself."""
    if frame.empty:
        return {}
    known = frame[frame[VALUE].notna()]
    parts = known[list(keys)].astype("object")
    rows = parts.where(parts.notna(), "").itertuples(index=False, name=None)
    names = [" ".join(str(part) for part in row if part) for row in rows]
    return dict(zip(names, known[VALUE].astype("float64"), strict=True))


def _figure_changes(old: Mapping[str, float], new: Mapping[str, float]) -> tuple[FigureChange, ...]:
    names = sorted(old.keys() | new.keys())
    return tuple(
        FigureChange(name=name, old=old.get(name), new=new.get(name))
        for name in names
        if old.get(name) != new.get(name)
    )


def _check_changes(old: pd.DataFrame, new: pd.DataFrame) -> tuple[CheckChange, ...]:
    before, now = (_passed(frame) for frame in (old, new))
    names = sorted(before.keys() | now.keys())
    return tuple(
        CheckChange(name=name, old=before.get(name), new=now.get(name))
        for name in names
        if before.get(name) != now.get(name)
    )


def _passed(frame: pd.DataFrame) -> dict[str, bool]:
    """Check name -> passed; a name with several rows has passed when all did."""
    if frame.empty:
        return {}
    return {str(name): bool(all(group)) for name, group in frame.groupby("check_name")["passed"]}


def render_comparison(comparison: Comparison) -> str:
    """The comparison as text: one section a subject, each saying so when nothing changed."""
    found = comparison
    lines = [
        f"release {found.old_release} ({found.old_day}) -> release {found.new_release} ({found.new_day})",
        "",
        (
            f"Segments: {found.moved} of {found.customers_new} customers moved"
            f" ({found.customers_old} customers before, {found.customers_new} now)"
        ),
        *(f"  {move.customers:>7}  {move.old} -> {move.new}" for move in found.moves),
        "",
        "Recommendations:" if found.lists else "Recommendations: none in either release",
    ]
    for change in found.lists:
        lines.append(
            f"  {change.name}: {change.customers} customers in both; {change.replaced:.1%} of the products replaced,"
            f" {change.changed:.1%} of the customers see something new"
        )
        lines.append(f"    on more lists:  {_examples(change.gained, '+')}")
        lines.append(f"    on fewer lists: {_examples(change.lost, '-')}")
    for title, figures in (("Metrics", found.metrics), ("Statistics", found.statistics)):
        lines += ["", f"{title}:" if figures else f"{title}: no difference"]
        lines += [f"  {figure.name}: {_figure(figure.old)} -> {_figure(figure.new)}" for figure in figures]
    lines += ["", "Checks:" if found.checks else "Checks: no difference"]
    lines += [f"  {check.name}: {_verdict(check.old)} -> {_verdict(check.new)}" for check in found.checks]
    return "\n".join(lines)


def _examples(items: tuple[tuple[str, int], ...], sign: str) -> str:
    return ", ".join(f"{product} ({sign}{n})" for product, n in items) or "none"


def _figure(value: float | None) -> str:
    return "absent" if value is None else f"{value:,.4f}".rstrip("0").rstrip(".")


def _verdict(passed: bool | None) -> str:
    return "absent" if passed is None else "passed" if passed else "failed"
