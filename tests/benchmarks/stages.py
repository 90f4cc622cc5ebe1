# ruff: noqa: T201 - it prints what it measures
"""How long a day takes and how much memory it needs, stage by stage, on the generated shop: no Airflow, real servers.

    PYTHONPATH=include:tests .venv/bin/python -m benchmarks.stages tiny small

Servers of its own are started as `./shopmine start` starts them. Each stage runs in a process of its own, begun anew, as
under Airflow; how long the process takes to begin (the interpreter, imports) is measured apart. What was measured replaces those sizes in docs/benchmarks.json, and
docs/benchmarks.md is written from it. Exit status 1 when a budget is missed. `--out FOLDER` writes elsewhere.
"""

from __future__ import annotations

import gc
import json
import multiprocessing
import os
import resource
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import date
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import psutil

from benchmarks.page import Measured, Scenario, missed_budgets, write_page
from harness.installations import own_installation
from shopmine.config.connections import Connection
from shopmine.config.days import ONE_DAY
from shopmine.config.shops import SHOPS_VARIABLE, load_shop
from shopmine.demo.loading import load_demo, shop_file
from shopmine.demo.sizes import LAST_DAY
from shopmine.drill.child import PRELOADED
from shopmine.drill.day import day_stages
from shopmine.local.servers import Servers
from shopmine.staging.database import STAGING_CONNECTION, Database, upgrade_database
from shopmine.staging.runs import finish_run, open_run

if TYPE_CHECKING:
    from shopmine.local.installation import Installation

SHOP = "demo"
DOCS = Path(__file__).resolve().parents[2] / "docs"
FIRST, DAY, AGAIN, TRAINING = "the first load", "a day", "an unchanged day again", "a training day"
DAYS: Sequence[tuple[str, date]] = (
    (FIRST, LAST_DAY - 3 * ONE_DAY),
    (DAY, LAST_DAY - 2 * ONE_DAY),
    (AGAIN, LAST_DAY - 2 * ONE_DAY),
    (DAY, LAST_DAY - ONE_DAY),
    (AGAIN, LAST_DAY - ONE_DAY),
    (TRAINING, LAST_DAY),  # a Monday
    (AGAIN, LAST_DAY),
)
"""What is run, one after the other; the shop's data ends with the day that is run."""
_SPAWN = multiprocessing.get_context("spawn")


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """The installation that is measured, its connections as text, and the processes of its servers."""

    installation: Installation
    connections: Mapping[str, str]
    shops: Path

    def database(self) -> Database:
        return Database(self.connections[STAGING_CONNECTION])

    def server_cpu(self) -> float:
        """CPU seconds of all servers up to now, those of connections that have ended among them."""
        total = 0.0
        for pid_file in (self.installation.home / "run").glob("*.json"):
            root = psutil.Process(json.loads(pid_file.read_text(encoding="utf-8"))["pid"])
            times = [process.cpu_times() for process in (root, *root.children(recursive=True))]
            total += sum(found.user + found.system + found.children_user + found.children_system for found in times)
        return total


@contextmanager
def bench() -> Iterator[Bench]:
    """Durable servers, an empty staging database, room for the shop."""
    with own_installation() as installation:
        Servers(installation).start()
        shops = installation.home / "shops"
        shops.mkdir()
        os.environ[SHOPS_VARIABLE] = str(shops)
        os.environ |= installation.command_environment()  # one thread a library, as under Airflow
        files = installation.home / "files"
        files.mkdir()
        installation.add_demo_databases(SHOP, files)
        prefix = "AIRFLOW_CONN_"
        told = installation.connection_variables()
        connections = {name.removeprefix(prefix).lower(): text for name, text in told.items()}
        yield Bench(installation=installation, connections=connections, shops=shops)


def measure_size(made: Bench, size: str) -> Measured:
    """Load a shop of that size and run its days."""
    database = made.database()
    upgrade_database(database)
    connections = {id_: Connection.parse(id_, text) for id_, text in made.connections.items()}
    began = time.monotonic()
    loaded = load_demo(SHOP, size=size, data=None, connections=connections, files_dir=made.installation.home / "files")
    print(f"{size}: {sum(loaded.n_rows.values()):,} rows made in {time.monotonic() - began:.0f} s", flush=True)
    text = shop_file(SHOP, size=size)
    scenarios = []
    for name, day in DAYS:
        (made.shops / f"{SHOP}.toml").write_text(text.replace(f"last_day = {LAST_DAY}", f"last_day = {day}"))
        scenarios.append(_measure_day(made, database, name, day))
    database.close()
    return Measured(size=size, n_lines=loaded.n_rows["sale_order_line"], scenarios=scenarios)


def _measure_day(made: Bench, database: Database, name: str, day: date) -> Scenario:
    run = open_run(database, shop=SHOP, day=day, known_at=None, started_by="benchmark", config={}).run
    stages = {}
    for stage in day_stages(database, load_shop(SHOP), {}):
        told = measured(made, play, dict(made.connections), stage.name, run)
        stages[stage.name] = told
        print(f"  {name} {day}: {stage.name}: {told}", flush=True)
    finish_run(database, run, "finished")
    return Scenario(name=name, day=day.isoformat(), stages=stages)


def measured(made: Bench, work: Callable[..., None], *arguments: Any) -> dict[str, Any]:
    """`work` in a process of its own, begun anew: seconds, CPU seconds of it and of the servers, its peak memory.

    `start` is what the process took besides: the interpreter and its imports.
    """
    servers, began = made.server_cpu(), time.monotonic()
    here, there = _SPAWN.Pipe(duplex=False)
    process = _SPAWN.Process(target=work, args=(*arguments, there))
    process.start()
    there.close()
    told: dict[str, Any] = here.recv()
    process.join()
    told["start"] = round(time.monotonic() - began - told["seconds"], 2)
    told["servers_cpu"] = round(made.server_cpu() - servers, 2)
    return told


class Use:
    """What a process uses from here on; its imports are behind it."""

    def __init__(self) -> None:
        for module in PRELOADED:
            import_module(module)
        gc.collect()
        self._began, self._cpu = time.monotonic(), _cpu()

    def send(self, told: Any) -> None:
        """Tell what was used; the peak of memory is the whole process's."""
        seconds, cpu = time.monotonic() - self._began, _cpu() - self._cpu
        told.send({"seconds": round(seconds, 2), "cpu": round(cpu, 2), "mb": _peak_mb()})


def play(connections: Mapping[str, str], name: str, run: int, told: Any) -> None:
    """One stage in a process of its own; a failure ends it without an answer."""
    use = Use()
    known = {id_: Connection.parse(id_, text) for id_, text in connections.items()}
    database = Database(connections[STAGING_CONNECTION])
    stage = next(stage for stage in day_stages(database, load_shop(SHOP), known) if stage.name == name)
    stage.run(run)
    database.close()
    use.send(told)


def _cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def _peak_mb() -> int:
    """Of this process since its program began; `ru_maxrss` would count what started it."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    (line,) = (line for line in status.splitlines() if line.startswith("VmHWM:"))
    return int(line.split()[1]) >> 10


@click.command()
@click.argument("sizes", nargs=-1, required=True, type=click.Choice(["tiny", "small", "medium"]))
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), default=DOCS)
@click.option("--machine", default="2 cores, 24 GiB of memory", show_default=True, help="What it was measured on.")
def main(sizes: Sequence[str], out: Path, machine: str) -> None:
    """Measure, write, judge."""
    told = out / "benchmarks.json"
    kept = json.loads(told.read_text(encoding="utf-8")) if told.exists() else {"sizes": {}}
    kept["machine"] = machine
    for size in sizes:
        with bench() as made:
            kept["sizes"][size] = asdict(measure_size(made, size))
        told.write_text(json.dumps(kept, indent=1, sort_keys=True) + "\n", encoding="utf-8")
        write_page(told, out / "benchmarks.md")
    missed = missed_budgets(kept)
    print("\n".join(missed) or "all budgets are kept")
    sys.exit(bool(missed))


if __name__ == "__main__":
    main()
