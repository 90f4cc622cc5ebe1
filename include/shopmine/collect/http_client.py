"""Requests to a web API: time-outs, a few tries with growing pauses, Retry-After kept; nothing secret in errors or logs."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from time import sleep
from typing import TYPE_CHECKING, Any, Final

import httpx

from shopmine.collect.json_text import parse_json
from shopmine.errors import ConfigError, QuotaError, SourceUnavailableError

if TYPE_CHECKING:
    from shopmine.config.connections import Connection

MOST_TRIES: Final = 4
LONGEST_WAIT_SECONDS: Final = 60.0
_FIRST_PAUSE_SECONDS: Final = 0.5
_TIMEOUT: Final = httpx.Timeout(30.0, connect=10.0)
_MOST_BYTES: Final = 64 << 20
_THIS_MACHINE: Final = {"127.0.0.1", "localhost", "::1"}
Answer = dict[str, Any]


class HttpClient:
    """One API under one address; each answer is a JSON object, its numbers as they stood."""

    def __init__(self, connection: Connection, default_host: str) -> None:
        host, scheme = connection.host or default_host, connection.extra.get("scheme", "https")
        if scheme != "https" and host not in _THIS_MACHINE:
            raise ConfigError(
                f"connection {connection.id!r}: scheme={scheme!r} would send its secret in clear; use https"
            )
        self.place = f"connection {connection.id!r} ({host})"
        # An address holds tokens and persons' ids, and the library would write each into the log.
        for name in ("httpx", "httpcore"):
            logging.getLogger(name).setLevel(logging.WARNING)
        port = f":{connection.port}" if connection.port else ""
        self._client = httpx.Client(base_url=f"{scheme}://{host}{port}", timeout=_TIMEOUT, follow_redirects=False)

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def get(self, path: str, params: Mapping[str, str]) -> tuple[int, Answer]:
        """Status and answer of a GET (see `post`)."""
        return self._ask("GET", path, params, None)

    def post(self, path: str, params: Mapping[str, str], body: Any) -> tuple[int, Answer]:
        """Status (below 500) and answer of a POST with a JSON body.

        Raises:
            SourceUnavailableError: no answer, or none that is JSON, after a few tries.
            QuotaError: the server asks to wait for longer than a run should.
        """
        return self._ask("POST", path, params, body)

    def _ask(self, method: str, path: str, params: Mapping[str, str], body: Any) -> tuple[int, Answer]:
        what = ""
        for attempt in range(MOST_TRIES):
            wait = pause(attempt)
            try:
                response = self._client.request(method, path, params=dict(params), json=body)
                if response.status_code == httpx.codes.TOO_MANY_REQUESTS or response.status_code >= 500:
                    what = f"status {response.status_code}"
                    wait = self._retry_after(response, path, wait)
                elif (answer := _object(response)) is not None:
                    return response.status_code, answer
                else:
                    what = f"status {response.status_code} and no JSON object"
            except httpx.TransportError as error:
                what = type(error).__name__
            if attempt + 1 < MOST_TRIES:
                sleep(wait)
        raise SourceUnavailableError(f"{self.place} does not answer {path} ({what}, {MOST_TRIES} tries); try again")

    def _retry_after(self, response: httpx.Response, path: str, wait: float) -> float:
        asked = response.headers.get("Retry-After", "")
        seconds = float(asked) if asked.isdecimal() else wait
        if seconds > LONGEST_WAIT_SECONDS:
            raise QuotaError(
                f"{self.place} asks to wait {seconds:.0f} s before {path}; the next run goes on from there"
            )
        return max(seconds, wait)


def pause(attempt: int) -> float:
    """Seconds to wait after a failed try, the first being 0."""
    return float(_FIRST_PAUSE_SECONDS * 2**attempt)


def _object(response: httpx.Response) -> Answer | None:
    if len(response.content) > _MOST_BYTES:
        return None
    try:
        value = parse_json(response.content)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def whole_number(answer: Mapping[str, Any], name: str) -> int:
    """A number of an answer: 0 where it has none, -1 where it is no whole number."""
    try:
        return int(answer.get(name) or 0)
    except (TypeError, ValueError):
        return -1
