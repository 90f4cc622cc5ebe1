"""What the three database servers have in common, and the small environment that they run in."""

import os
import signal
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Protocol

from shopmine.local.installation import DemoDatabases
from shopmine.local.processes import Launch

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class ComponentStatus:
    """One line of `status`; `state` is "running", or says what `start` mends: "stopped", "not answering" and the like."""

    name: str
    title: str
    state: str
    address: str
    pid: int | None = None


class Server(Protocol):
    """A database server of this machine."""

    name: str
    title: str
    gently: signal.Signals

    def address(self) -> str:
        """Host and port."""

    def install(self, say: Say) -> None:
        """Find or fetch its programs."""

    def launch(self) -> Launch:
        """How to start it; makes its data folder at the first time and removes what a crash left there."""

    def ping(self) -> None:
        """Return when it takes orders; raise what its driver raises when it does not yet."""

    def configure(self) -> None:
        """Make the users and databases that every installation has; idempotent."""

    def make_demo_database(self, demo: DemoDatabases) -> None:
        """Make a demo shop's database and its user with rights on that alone; idempotent."""


def server_environment(**more: str) -> dict[str, str]:
    """A small fixed environment: what a server does must not hang on who started it."""
    return {"PATH": os.environ.get("PATH", "/usr/sbin:/usr/bin:/sbin:/bin"), "LC_ALL": "C", "TZ": "UTC", **more}


READY_SECONDS: Final = 60.0
