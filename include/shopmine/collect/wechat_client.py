"""Calls to a WeChat official account 微信公众号: the access token, and error codes inside HTTP 200.

The stable token is asked for: it stays the same for all who ask until it expires, while each `cgi-bin/token` kills the one before.
Only when a token is refused and the same comes back is a new one forced, at most once a session.
Source: developers.weixin.qq.com/doc/service (getStableAccessToken, global return codes).
"""

from __future__ import annotations

from collections.abc import Mapping
from time import sleep
from typing import TYPE_CHECKING, Any, Final

from shopmine.collect.http_client import MOST_TRIES, Answer, HttpClient, pause, whole_number
from shopmine.errors import ConfigError, QuotaError, SourceUnavailableError

if TYPE_CHECKING:
    from shopmine.config.connections import Connection

HOST: Final = "api.weixin.qq.com"
NO_MENU, NOT_READY = 46003, 61503
_BUSY: Final = {-1, 45011}
_TOKEN: Final = {40001, 40014, 42001}
_QUOTA: Final = {45009}
_NOT_ALLOWED: Final[Mapping[int, str]] = {
    40002: "the grant type is not right",
    40013: "the AppID is not right; it is the connection's login",
    40125: "the AppSecret is not right; it is the connection's password",
    40164: "this machine's address is not on the account's list; add it under 基本配置, IP白名单",
    40243: "the AppSecret is frozen; unfreeze it on the account's page",
    48001: "this account has no permission for it; get it verified, or take the entity out of the shop's file",
    50002: "the account is limited; look at its page",
    61500: "it refuses the form of the days",
    61501: "it refuses the span of the days",
}


class CodeError(SourceUnavailableError):
    """The answer holds an error code that only the caller can judge."""

    def __init__(self, message: str, code: int) -> None:
        super().__init__(message)
        self.code = code


class WechatClient:
    """One account, by its AppID and AppSecret.

    Raises (from every method):
        ConfigError: login or permission is wrong.
        QuotaError: the day's quota of this call is used up.
        CodeError: any other error code.
        SourceUnavailableError: no answer, or busy all the time.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        if not connection.user or not connection.password:
            raise ConfigError(
                f"connection {connection.id!r} needs the AppID as login and the AppSecret as password: wechat://APPID:SECRET@"
            )
        self._http = HttpClient(connection, HOST)
        self._token = ""
        self._has_forced = False

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def get(self, path: str, params: Mapping[str, str] | None = None) -> Answer:
        """The answer of a GET."""
        return self._call(path, params or {}, None)

    def post(self, path: str, body: Any) -> Answer:
        """The answer of a POST."""
        return self._call(path, {}, body)

    def _call(self, path: str, params: Mapping[str, str], body: Any) -> Answer:
        """Ask until there is an answer: after a pause where the server is busy, with another token where it refuses this one."""
        self._token = self._token or self._ask_token(is_forced=False)
        n_refused = 0
        for attempt in range(MOST_TRIES):
            query = {**params, "access_token": self._token}
            _, answer = self._http.get(path, query) if body is None else self._http.post(path, query, body)
            code = whole_number(answer, "errcode")
            if code == 0:
                return answer
            if code in _TOKEN:
                n_refused += 1
                self._renew_token(path, code)
            elif code in _BUSY:
                sleep(pause(attempt))
            else:
                raise self._in_words(code, path)
        why = "refuses each new token: does somebody else force new ones?" if n_refused else "is busy"
        raise SourceUnavailableError(f"{self._http.place} {why} ({path}, {MOST_TRIES} tries); try again")

    def _renew_token(self, path: str, code: int) -> None:
        refused = self._token
        self._token = self._ask_token(is_forced=False)
        if self._token == refused:
            if self._has_forced:
                raise SourceUnavailableError(
                    f"{self._http.place} refuses the token that it gave (errcode {code}, {path}); does somebody else force new "
                    "ones? try again"
                )
            self._has_forced = True
            self._token = self._ask_token(is_forced=True)

    def _ask_token(self, *, is_forced: bool) -> str:
        path = "/cgi-bin/stable_token"
        body = {
            "grant_type": "client_credential",
            "appid": self._connection.user,
            "secret": self._connection.password,
            "force_refresh": is_forced,
        }
        for attempt in range(MOST_TRIES):
            _, answer = self._http.post(path, {}, body)
            code = whole_number(answer, "errcode")
            if code == 0 and answer.get("access_token"):
                return str(answer["access_token"])
            if code not in _BUSY:
                raise (
                    self._in_words(code, path)
                    if code not in _TOKEN
                    else ConfigError(
                        f"{self._http.place} refuses AppID and AppSecret (errcode {code}); set the connection's login and password"
                    )
                )
            sleep(pause(attempt))
        raise SourceUnavailableError(f"{self._http.place} is busy ({path}, {MOST_TRIES} tries); try again")

    def _in_words(self, code: int, path: str) -> Exception:
        """What an error code means. The server's own words are left out: they may hold what was sent."""
        if code in _QUOTA:
            return QuotaError(
                f"{self._http.place}: today's quota of {path} is used up (errcode {code}); it is given anew at midnight in "
                "China; what was read has landed, the next run goes on from there"
            )
        if code in _NOT_ALLOWED:
            return ConfigError(f"{self._http.place} {path}: {_NOT_ALLOWED[code]} (errcode {code})")
        return CodeError(
            f"{self._http.place} {path} answers errcode {code}; WeChat's list of return codes says why", code
        )
