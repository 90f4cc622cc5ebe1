"""A small TCP proxy before PostgreSQL that cuts, delays or swallows replies, also the one to a COMMIT that was sent.

It waits for a mark in what a client sends (a piece of a statement), then for the next COMMIT of that connection.
"""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Final, Literal

Action = Literal["cut", "swallow", "delay"]
COMMIT: Final = b"COMMIT\x00"
"""As a client that speaks PostgreSQL's simple protocol sends it."""
DELAY_SECONDS: Final = 0.5
_CHUNK: Final = 1 << 16


@dataclass(slots=True, kw_only=True)
class Trouble:
    """What the proxy does, once.

    Attributes:
        action: `cut` the connection before the COMMIT is passed on; `swallow` its reply and then cut; `delay` the reply.
        mark: a piece of a statement that comes before that COMMIT.
        happened: set when it has been done.
    """

    action: Action
    mark: bytes
    happened: threading.Event = field(default_factory=threading.Event)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def take(self) -> bool:
        """Whether it is to be done now; true for the first who asks."""
        with self._lock:
            is_first = not self.happened.is_set()
            self.happened.set()
        return is_first


@contextmanager
def proxy(host: str, port: int, trouble: Trouble) -> Iterator[int]:
    """A proxy to `host:port` while the block runs; its port on 127.0.0.1."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        open_sockets: list[socket.socket] = []
        accepting = threading.Thread(
            target=_accept, args=(listening, (host, port), trouble, open_sockets), daemon=True, name="drill proxy"
        )
        accepting.start()
        try:
            yield listening.getsockname()[1]
        finally:
            # Closing alone does not wake a thread that waits in accept().
            with suppress(OSError):
                listening.shutdown(socket.SHUT_RDWR)
            accepting.join()
            for opened in open_sockets:
                _close(opened)


def _accept(
    listening: socket.socket, target: tuple[str, int], trouble: Trouble, open_sockets: list[socket.socket]
) -> None:
    while True:
        try:
            client, _ = listening.accept()
        except OSError:
            return
        server = socket.create_connection(target)
        open_sockets += [client, server]
        for side in (client, server):
            side.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        link = _Link(client=client, server=server, trouble=trouble)
        for work in (link.pass_requests, link.pass_replies):
            threading.Thread(target=work, daemon=True, name="drill proxy").start()


@dataclass(slots=True, kw_only=True)
class _Link:
    """One connection through the proxy."""

    client: socket.socket
    server: socket.socket
    trouble: Trouble
    is_marked: bool = False
    is_troubled: bool = False
    tail: bytes = b""

    def pass_requests(self) -> None:
        """From the client to the server, looking for the mark and the COMMIT after it."""
        while data := _receive(self.client):
            seen = self.tail + data
            self.is_marked = self.is_marked or self.trouble.mark in seen
            self.tail = seen[-len(self.trouble.mark) - len(COMMIT) :]
            if self.is_marked and COMMIT in data and self.trouble.take():
                if self.trouble.action == "cut":
                    break
                self.is_troubled = True
            if not _send(self.server, data):
                break
        self._close()

    def pass_replies(self) -> None:
        """From the server to the client, but for the reply that is not to arrive."""
        while data := _receive(self.server):
            if self.is_troubled and self.trouble.action == "swallow":
                break
            if self.is_troubled:
                time.sleep(DELAY_SECONDS)
                self.is_troubled = False
            if not _send(self.client, data):
                break
        self._close()

    def _close(self) -> None:
        _close(self.client)
        _close(self.server)


def _receive(side: socket.socket) -> bytes:
    try:
        return side.recv(_CHUNK)
    except OSError:
        return b""


def _send(side: socket.socket, data: bytes) -> bool:
    try:
        side.sendall(data)
    except OSError:
        return False
    return True


def _close(side: socket.socket) -> None:
    with suppress(OSError):
        side.shutdown(socket.SHUT_RDWR)
    side.close()
