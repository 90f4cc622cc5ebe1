"""Reports of `serving.reports` and of `why` as text. Pure: values in, lines out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from shopmine.cli.output import show_pairs, show_value

_INDENT: Final = "  "


def render_customer(report: Mapping[str, Any]) -> str:
    """The sections of a customer's report."""
    segment = report["segment"]
    title = f"Segment: {segment['segment'] or 'none'} {segment['name_en'] or ''} {segment['name_zh'] or ''}".rstrip()
    lines = [f"Customer {report['customer']['customer']}"]
    lines += show_pairs({name: value for name, value in report["customer"].items() if name != "customer"})
    lines += ["", title]
    if segment["membership"] is not None:
        lines.append(f"{_INDENT}probability of belonging to it: {segment['membership']:.1%}")
    others = {name: share for name, share in (segment["memberships"] or {}).items() if name != segment["segment"]}
    lines += [f"{_INDENT}of {name}: {share:.1%}" for name, share in sorted(others.items(), key=lambda item: -item[1])]
    lines += _pairs("Features", report["features"])
    for kind, since in report["rights"].items():
        lines += ["", f"Right: {kind} since {since}"]
    if not report["lists"]:
        lines += ["", "Lists: none" + (" (by the person's own right)" if report["rights"] else "")]
    for name, rows in report["lists"].items():
        lines += ["", f"List {name}:"]
        for row in rows:
            lines += _entry(row)
    return "\n".join([*lines, "", *_provenance(report["release"])])


def render_product(report: Mapping[str, Any]) -> str:
    """The sections of a product's report."""
    lines = [f"Product {report['product']['product']} (what the shop says of it is as now known)"]
    lines += show_pairs({name: value for name, value in report["product"].items() if name != "product" and value != {}})
    on_lists = ", ".join(f"{name} of {n} customers" for name, n in report["on_lists"].items())
    lines += ["", f"On lists: {on_lists or 'none'}"]
    lines += ["", "Similar products:" if report["similar"] else "Similar products: none"]
    lines += [
        f"{_INDENT}{row['rank']:>3}. {row['similar']} {row['name'] or ''} ({show_value(row['score'])})"
        for row in report["similar"]
    ]
    if report["audience"]:
        lines += ["", f"The {len(report['audience'])} best customers for it:"]
        lines += [
            f"{_INDENT}{row['rank']:>3}. {row['customer']} ({show_value(row['score'])})" for row in report["audience"]
        ]
    for title, name in (("Rules", "rules"), ("Forecasts of demand", "forecasts"), ("Sentiments", "sentiments")):
        if report[name]:
            lines += ["", f"{title}:", *(f"{_INDENT}{_row(row)}" for row in report[name])]
    return "\n".join([*lines, "", *_provenance(report["release"])])


def render_segment(report: Mapping[str, Any]) -> str:
    """The sections of a segment's report; the median comes first, for means of spend mislead."""
    segment, lineage = report["segment"], report["lineage"]
    share = "" if segment["share"] is None else f" ({segment['share']:.1%} of all)"
    lines = [
        f"Segment {segment['segment']} {segment['name_en'] or ''} {segment['name_zh'] or ''}".rstrip(),
        f"{_INDENT}customers  {segment['customers']}{share}",
        f"{_INDENT}born       {show_value(lineage['born_day'])}"
        + (f", from {', '.join(lineage['parents'])}" if lineage["parents"] else ""),
        *_pairs("Typical customer (median)", report["median"]),
        *_pairs("Mean", report["mean"]),
    ]
    return "\n".join([*lines, "", *_provenance(report["release"])])


def render_why(report: Mapping[str, Any]) -> str:
    """What is published of a pair, and its trace through every stage."""
    lines = [f"Customer {report['customer']}, product {report['product']} {report['name'] or ''}".rstrip()]
    for name, entry in report["lists"].items():
        lines += ["", f"List {name}: {_verdict(entry)}"]
        lines += [*_reasons(entry.get("reasons") or []), *_stages(entry)]
    if report["methods"]:
        lines += ["", "Before the shop's rules, over the whole catalogue:"]
        for method, standing in report["methods"].items():
            place = "no candidate" if standing["rank"] is None else f"rank {standing['rank']}"
            lines.append(f"{_INDENT}{method:<10} {place}, score {show_value(standing['score'])}")
    if report["note"]:
        lines += ["", report["note"]]
    return "\n".join([*lines, "", *_provenance(report["release"])])


def _verdict(entry: Mapping[str, Any]) -> str:
    if entry["rank"] is not None:
        return f"rank {entry['rank']}, score {show_value(entry['score'])}, by {entry['method']}"
    if entry.get("removed_by"):
        return f"not on it: {_REMOVED.get(entry['removed_by'], entry['removed_by'])}"
    by = f" by {entry['method']}" if entry["method"] else ""
    return f"not on it: not among the best ones{by}"


def _stages(entry: Mapping[str, Any]) -> list[str]:
    """Where it stood among the candidates before the cut, and what the learned ranking made of it."""
    if entry.get("candidate_rank") is None:
        return []
    lines = [f"{_INDENT}among its candidates: rank {entry['candidate_rank']}, score {show_value(entry['raw_score'])}"]
    if entry["factor"] != 1.0:
        lines.append(f"{_INDENT}times {show_value(entry['factor'])}, by the shop's weights and what was shown in vain")
    if adds := {name: value for name, value in entry["adds"].items() if value}:
        told = ", ".join(f"{name} {value:+.2f}" for name, value in sorted(adds.items(), key=lambda pair: -pair[1]))
        lines.append(f"{_INDENT}the ranking adds to its log-odds: {told}")
    return lines


_REMOVED: Final[Mapping[str, str]] = {
    "returned_last": "the customer sent it back the last time",
    "bought_before": "the customer has bought it before, and this list holds only what is new",
    "just_bought": "the customer bought it just now for the first time (`just_bought_days`)",
    "hidden_by_the_customer": "the customer hid it and has not bought or clicked it since",
    "unknown": "the shop does not list it among its products",
    "not_goods": "it is a service or another product that is no goods",
    "not_listed": "the shop does not list it",
    "out_of_stock": "it is out of stock",
    "blocked_by_the_shop": "the shop blocks it or its category (`blocked`)",
    "outside_the_price_band": "its price is outside of the shop's band (`min_price`, `max_price`)",
    "enough_of_its_category": "enough of its category come before it (`max_per_category`)",
    "never_bought": "the customer never bought it, and this list holds only what was bought before",
}


def _entry(row: Mapping[str, Any]) -> list[str]:
    head = (
        f"{_INDENT}{row['rank']:>3}. {row['product']} {row['name'] or ''} ({show_value(row['score'])}, {row['source']})"
    )
    return [head, *_reasons(row["reasons"] or [])]


def _reasons(reasons: Sequence[Mapping[str, Any]]) -> list[str]:
    lines = []
    for reason in reasons:
        texts = [str(reason[name]) for name in ("text_en", "text_zh") if reason.get(name)]
        weight = f"{reason['weight']:.0%} " if isinstance(reason.get("weight"), int | float) else ""
        lines.append(f"{_INDENT * 4}{weight}{' / '.join(texts) or _row(reason)}")
    return lines


def _pairs(title: str, values: Mapping[str, Any]) -> list[str]:
    return ["", f"{title}:", *show_pairs(values)] if values else []


def _row(row: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} {show_value(value)}" for name, value in row.items() if value is not None)


def _provenance(release: Mapping[str, Any]) -> list[str]:
    known = f"as known at {release['known_at']}" if release["known_at"] else "as known when it was made"
    current = "the current release" if release["is_current"] else "not the current release"
    lines = [
        f"From release {release['release']} of {release['shop']} for {release['day']}, {known}; {current}.",
        f"Made at {release['created_at']} by run {release['run']}",
    ]
    if release["artifacts"]:
        made = ", ".join(f"{name} = artifact {number}" for name, number in release["artifacts"].items())
        lines.append(f"with {made}.")
    return lines
