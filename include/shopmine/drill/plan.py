"""Which experiments a drill makes: the short list for every day, and all of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Final

from shopmine.drill.disk import NoSmallDiskError
from shopmine.drill.experiments import Outcome
from shopmine.faults import POINTS

if TYPE_CHECKING:
    from shopmine.drill.experiments import Drill
    from shopmine.drill.proxy import Action

MARKS: Final[Mapping[str, bytes]] = {
    "opening the run": b"INSERT INTO work.runs",
    "batches": b"INSERT INTO raw.batches",
    "the manifest": b"INSERT INTO work.manifests",
    "facts": b"INSERT INTO clean.preparations",
    "an artifact": b"INSERT INTO work.artifacts",
    "a release": b"INSERT INTO work.releases",
}
"""What a transaction writes -> a piece of its statements."""

REFUSED: Final = ("collect.before_commit", "prepare.computed", "prepare.before_commit", "sink.before_swap")
"""Points at which a process has a lease and something to write: stopped there and replaced, it must be refused."""

# The third time is the sink of files, the second that of MongoDB: each kind of sink is broken once.
_TIMES: Final = {"sink.before_swap": (1, 2, 3), "sink.between_tables": (1, 5, 8), "sink.swapped": (1, 2, 6)}
_SHORT_KILLS: Final = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Skipped:
    """An experiment that cannot be made here, and why."""

    what: str
    why: str


Experiment = Callable[[], Outcome | Skipped]


def short_plan(drill: Drill, *, n_kills: int = _SHORT_KILLS, seed: int = 0) -> Iterator[Experiment]:
    """Each point killed once, some random kills, and one of each other kind of trouble: some minutes."""
    for number, point in enumerate(POINTS):
        yield partial(drill.kill, point, in_new_run=number % 2 == 1)
    yield from _random_kills(drill, n_kills, seed)
    yield partial(drill.stop, "collect.before_commit", must_be_refused=True)
    yield partial(drill.stop, "sink.before_swap", must_be_refused=True)
    for what in ("batches", "a release"):
        yield partial(drill.trouble, what, MARKS[what], "swallow")
    yield partial(_fill_disk, drill)


def whole_plan(drill: Drill, *, n_kills: int = 200, seed: int = 0) -> Iterator[Experiment]:
    """All points with all actions, all kinds of trouble with the connection, and many random kills: an hour or more."""
    for point in POINTS:
        for n in _TIMES.get(point, (1,)):
            yield partial(drill.kill, point, n)
            yield partial(drill.kill, point, n, in_new_run=True)
            yield partial(drill.fail, point, n)
            yield partial(drill.stop, point, n, must_be_refused=point in REFUSED)
        yield partial(drill.delay, point)
    actions: tuple[Action, ...] = ("swallow", "cut", "delay")
    for what, mark in MARKS.items():
        for action in actions:
            yield partial(drill.trouble, what, mark, action)
    yield partial(_fill_disk, drill)
    yield from _random_kills(drill, n_kills, seed)


def _random_kills(drill: Drill, n_kills: int, seed: int) -> Iterator[Experiment]:
    for number in range(n_kills):
        yield partial(drill.kill_at_random, seed + number)


def _fill_disk(drill: Drill) -> Outcome | Skipped:
    try:
        return drill.fill_disk()
    except NoSmallDiskError as error:
        return Skipped(what="a full disk", why=str(error))
