"""Named points at which the fault kit lets a process die, stop, fail or wait; without it they do nothing.

The environment variable SHOPMINE_FAULT arms one point of a process: `point:action` or `point:action:n`, which acts when
the point is passed for the n-th time. Actions: `kill` (SIGKILL of the process itself), `stop` (SIGSTOP, until somebody
continues it), `fail` (raises OSError), `delay` (waits a moment). Never set it where a shop is really mined.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from shopmine.errors import ConfigError

VARIABLE: Final = "SHOPMINE_FAULT"
DELAY_SECONDS: Final = 1.0
POINTS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "collect.read": "days have been read, none of them is landed",
        "collect.before_commit": "the batches are written, not committed",
        "collect.landed": "the batches are committed",
        "prepare.frozen": "the manifest is fixed, nothing is prepared",
        "prepare.computed": "a group's rows are made, not written",
        "prepare.before_commit": "a group's rows are written, not committed",
        "prepare.written": "a group's rows are committed",
        "features.built": "a feature set is made, not stored",
        "features.written": "a feature set is stored, the run does not know it",
        "fit.fitted": "a model is fitted, not stored",
        "fit.written": "a model is stored, the run does not know it",
        "apply.applied": "a model is applied, the results are not stored",
        "apply.written": "the results are stored, the run does not know them",
        "publish.checked": "the gates let it pass, nothing is written",
        "publish.before_pointer": "the release is written, the pointer not moved",
        "publish.before_commit": "the pointer is moved, not committed",
        "publish.committed": "the release is visible, the run does not know it",
        "sink.between_tables": "a table is written beside the one that is read",
        "sink.before_swap": "all tables are written, none has taken its place",
        "sink.swapped": "the tables have taken their places",
    }
)
"""Name -> what has happened when a process passes it."""


@dataclass(slots=True)
class _Armed:
    point: str
    act: Callable[[], None]
    passes_left: int


def _kill() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _stop() -> None:
    os.kill(os.getpid(), signal.SIGSTOP)


def _fail() -> None:
    raise OSError(f"a fault that was asked for by {VARIABLE}")


def _delay() -> None:
    time.sleep(DELAY_SECONDS)


ACTIONS: Final[Mapping[str, Callable[[], None]]] = MappingProxyType(
    {"kill": _kill, "stop": _stop, "fail": _fail, "delay": _delay}
)
_armed: _Armed | None = None


def arm(told: str | None) -> None:
    """Arm a point of this process as SHOPMINE_FAULT would; None or an empty text disarms it.

    Raises:
        ConfigError: the text is not `point:action[:n]`, or one of its parts is unknown.
    """
    global _armed  # noqa: PLW0603  one process, one armed point
    _armed = _parse(told) if told else None


def fault_point(name: str) -> None:
    """Tell that the process has come to a point of `POINTS`."""
    if _armed is not None and _armed.point == name:
        _pass(_armed)


def _pass(armed: _Armed) -> None:
    armed.passes_left -= 1
    if armed.passes_left == 0:
        armed.act()


def _parse(told: str) -> _Armed:
    point, _, rest = told.partition(":")
    action, _, n = rest.partition(":")
    if point not in POINTS or action not in ACTIONS or not (n or "1").isdigit() or n == "0":
        raise ConfigError(
            f"{VARIABLE}={told!r} is not point:action[:n]; points are {', '.join(POINTS)}; "
            f"actions are {', '.join(ACTIONS)}; n counts from 1"
        )
    return _Armed(point=point, act=ACTIONS[action], passes_left=int(n or 1))


arm(os.environ.get(VARIABLE))
