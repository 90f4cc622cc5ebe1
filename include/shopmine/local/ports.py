"""Ports of this machine: free ones, below the range that the system hands out by itself."""

import secrets
import socket
from collections.abc import Collection
from typing import Final

from shopmine.errors import ConfigError

_RANGE: Final = range(20_000, 32_000)


def is_free(port: int) -> bool:
    """Whether a server could listen on 127.0.0.1 at this port now."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


def choose_port(taken: Collection[int]) -> int:
    """A free port that is not in `taken`.

    Raises:
        ConfigError: none was found.
    """
    for _ in range(200):
        port = secrets.choice(_RANGE)
        if port not in taken and is_free(port):
            return port
    raise ConfigError(f"no free port between {_RANGE.start} and {_RANGE.stop} on 127.0.0.1; end some servers")
