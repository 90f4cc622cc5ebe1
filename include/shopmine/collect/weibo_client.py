"""Calls to Weibo 微博: error codes, and limits with the time of their reset.

Source: open.weibo.com/wiki (Error code, Rate-limiting, account/rate_limit_status).
"""

from __future__ import annotations

from collections.abc import Mapping
from time import sleep
from typing import TYPE_CHECKING, Final

from shopmine.collect.http_client import LONGEST_WAIT_SECONDS, MOST_TRIES, Answer, HttpClient, pause, whole_number
from shopmine.errors import ConfigError, QuotaError, SourceUnavailableError

if TYPE_CHECKING:
    from shopmine.config.connections import Connection

HOST: Final = "api.weibo.com"
_BUSY: Final = {10001, 10002, 10003, 10009, 10010, 10011}
_LIMITS: Final = {10022, 10023, 10024}
_TOKEN: Final = {10013, 21301, 21314, 21315, 21316, 21317, 21319, 21321, 21325, 21327, 21332}
_NOT_ALLOWED: Final = {10004, 10005, 10006, 10012, 10014, 10020, 20003, 20112, 21335}


class WeiboClient:
    """One account, by its access token.

    Raises (from every method):
        ConfigError: the token is not valid, or the app may not.
        QuotaError: a limit is reached, and its reset is further away than a run should wait.
        SourceUnavailableError: no answer, or an error that may pass.
    """

    def __init__(self, connection: Connection) -> None:
        if not connection.password:
            raise ConfigError(f"connection {connection.id!r} needs the access token as password: weibo://UID:TOKEN@")
        self._token = connection.password
        self._http = HttpClient(connection, HOST)

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def get(self, path: str, params: Mapping[str, str]) -> Answer:
        """The answer of a call like `/2/statuses/mentions.json`."""
        for attempt in range(MOST_TRIES):
            status, answer = self._http.get(path, {**params, "access_token": self._token})
            code = whole_number(answer, "error_code")
            if code == 0 and status < 400:
                return answer
            if code in _LIMITS:
                self._wait_for_reset(path, code)
            elif code in _BUSY:
                sleep(pause(attempt))
            else:
                raise self._in_words(code, status, path)
        raise SourceUnavailableError(f"{self._http.place} is busy ({path}, {MOST_TRIES} tries); try again")

    def _wait_for_reset(self, path: str, code: int) -> None:
        _, limits = self._http.get("/2/account/rate_limit_status.json", {"access_token": self._token})
        asked = str(limits.get("reset_time_in_seconds", ""))
        seconds = float(asked) if asked.isdecimal() else LONGEST_WAIT_SECONDS + 1
        if seconds > LONGEST_WAIT_SECONDS:
            when = f"in {asked} s" if asked.isdecimal() else "at the next full hour"
            raise QuotaError(
                f"{self._http.place}: the limit of calls is reached (error_code {code}, {path}); it is reset {when}; whole days "
                "that were read have landed, the next run goes on from there"
            )
        sleep(max(seconds, 1.0))

    def _in_words(self, code: int, status: int, path: str) -> Exception:
        if code in _TOKEN:
            return ConfigError(
                f"{self._http.place} refuses the access token (error_code {code}); authorise the app again and set the "
                "connection's password"
            )
        if code in _NOT_ALLOWED:
            return ConfigError(
                f"{self._http.place}: the app may not ask for {path} (error_code {code}); apply for that interface, or take "
                "the entity out of the shop's file"
            )
        return SourceUnavailableError(
            f"{self._http.place} {path} answers error_code {code} (status {status}); Weibo's list of error codes says why"
        )
