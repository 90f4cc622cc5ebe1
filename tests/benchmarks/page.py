"""The page docs/benchmarks.md, written from what was measured, and the budgets that hold."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

Stages = Mapping[str, Mapping[str, float]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """A day that was run; of each stage the wall seconds, CPU seconds of it and of the servers, and peak memory in MB."""

    name: str
    day: str
    stages: Stages


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """One size of the shop."""

    size: str
    n_lines: int
    scenarios: Sequence[Scenario]


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """What a day of a size may take: seconds, and MB of any of its stages."""

    seconds: float
    mb: int


BUDGETS: Final[Mapping[tuple[str, str], Budget]] = MappingProxyType(
    {
        ("small", "the first load"): Budget(seconds=180, mb=2048),
        ("small", "a day"): Budget(seconds=15, mb=2048),
        ("small", "an unchanged day again"): Budget(seconds=0.75, mb=2048),  # 5 % of a day
        ("small", "a training day"): Budget(seconds=60, mb=2048),
    }
)
"""Size and scenario -> what it may take at most."""
_COLUMNS: Final = ("seconds", "cpu", "servers_cpu", "start", "mb")
_HEADS: Final = ("seconds", "CPU", "servers", "start", "MB")
_ABOUT: Final = """# Benchmarks 基准

<!-- Written by tests/benchmarks/stages.py from docs/benchmarks.json; measure again to change it. -->

What a day costs without Airflow's own time, on the generated shop in its three sizes ({machine}). Every stage is a process of its
own, begun anew; *start* is how long the interpreter and its imports take, which every task of Airflow pays, and is in none of the
other columns. The servers write durably. Of days that were run more than once the slowest counts, stage by stage. *CPU* is that of the stage's process, *servers* that of
PostgreSQL, MariaDB and MongoDB together; *MB* is the stage's peak.

```sh
PYTHONPATH=include:tests .venv/bin/python -m benchmarks.stages tiny small medium
```

The first load reads the whole history, prepares it, and fits what is carried along the calendar of training days. A training day fits every
model anew. An unchanged day again finds everything done: what it costs is looking.
"""


def write_page(told: Path, page: Path) -> None:
    """Write the page from the file of results."""
    page.write_text(render(json.loads(told.read_text(encoding="utf-8"))), encoding="utf-8")


def render(results: Mapping[str, Any]) -> str:
    """The page's text."""
    sizes = [results["sizes"][name] for name in ("tiny", "small", "medium") if name in results["sizes"]]
    parts = [_ABOUT.format(machine=results["machine"]), "## Totals 总计\n", _totals(sizes)]
    if len(sizes) > 1:
        parts += ["## Slope in rows 随行数的增长\n", _slopes(sizes)]
    for size in sizes:
        parts += [f"## {size['size']}: {size['n_lines']:,} order lines\n"]
        for name, stages in _slowest(size).items():
            rows = [[stage, *(_shown(told[column]) for column in _COLUMNS)] for stage, told in stages.items()]
            parts += [f"{name[0].upper()}{name[1:]}:\n", _table(["stage", *_HEADS], rows)]
    return "\n".join(parts).rstrip() + "\n"


def missed_budgets(results: Mapping[str, Any]) -> list[str]:
    """One line a budget that was not kept."""
    return [line for size in results["sizes"].values() for line in _missed(size)]


def _missed(size: Mapping[str, Any]) -> Iterator[str]:
    slowest = _slowest(size)
    for (of, name), budget in BUDGETS.items():
        if of == size["size"]:
            seconds, mb = _total(slowest[name], "seconds"), max(told["mb"] for told in slowest[name].values())
            if seconds > budget.seconds or mb > budget.mb:
                yield f"{of}: {name} took {seconds:.1f} s and {mb} MB; {budget.seconds:g} s and {budget.mb} MB are allowed"


def _slowest(size: Mapping[str, Any]) -> dict[str, dict[str, dict[str, float]]]:
    """Scenario -> stage -> the slowest of its measurements."""
    slowest: dict[str, dict[str, dict[str, float]]] = {}
    for scenario in size["scenarios"]:
        stages = slowest.setdefault(scenario["name"], {})
        for stage, told in scenario["stages"].items():
            if stage not in stages or told["seconds"] > stages[stage]["seconds"]:
                stages[stage] = told
    return slowest


def _total(stages: Stages, column: str) -> float:
    return sum(told[column] for told in stages.values())


def _own_cpu(stages: Stages) -> float:
    return _total(stages, "cpu") + _total(stages, "servers_cpu")


def _totals(sizes: Sequence[Mapping[str, Any]]) -> str:
    rows = []
    for size in sizes:
        for name, stages in _slowest(size).items():
            budget = BUDGETS.get((size["size"], name))
            allowed = f"{budget.seconds:g} s, {budget.mb} MB" if budget else "-"
            sums = [_shown(_total(stages, column)) for column in _COLUMNS[:4]]
            rows.append([size["size"], name, *sums, max(told["mb"] for told in stages.values()), allowed])
    return _table(["size", "what", *_HEADS, "budget"], rows)


def _slopes(sizes: Sequence[Mapping[str, Any]]) -> str:
    """How CPU grows with the lines, between each size and the next: 1 is in proportion, 0 is not at all."""
    rows = []
    for small, large in pairwise(sizes):
        ratio = math.log(large["n_lines"] / small["n_lines"])
        for name, stages in _slowest(large).items():
            grown = _own_cpu(stages) / _own_cpu(_slowest(small)[name])
            more = f"{large['n_lines'] / small['n_lines']:.0f} times the lines"
            rows.append(
                [f"{small['size']} to {large['size']}", name, more, f"{grown:.1f}", f"{math.log(grown) / ratio:.2f}"]
            )
    heads = ["sizes", "what", "lines", "times the CPU (with the servers')", "exponent"]
    return "1 is growth in proportion to the lines, below it less.\n\n" + _table(heads, rows)


def _shown(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.2f}"


def _table(heads: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join("| " + " | ".join(map(str, line)) + " |" for line in lines) + "\n"
