"""Connections to servers and folders, in the two text forms that Airflow's own environment variables have."""

from __future__ import annotations

import json
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Final
from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit

from shopmine.errors import ConfigError

PREFIX: Final = "AIRFLOW_CONN_"
STAGING: Final = "shopmine_staging"

_KINDS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "mysql": "mysql",
        "mariadb": "mysql",
        "mongo": "mongodb",
        "mongodb": "mongodb",
        "mongodb_srv": "mongodb",
        "postgres": "postgresql",
        "postgresql": "postgresql",
        "file": "files",
        "fs": "files",
        "files": "files",
    }
)
_DRIVERS: Final[Mapping[str, str]] = MappingProxyType({"postgresql": "postgresql+psycopg", "mysql": "mysql+pymysql"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Connection:
    """Where a server or folder is and how to log in. `repr` and `str` show neither the password nor the extras.

    Attributes:
        kind: "mysql", "mongodb", "postgresql", "files", or the type's own name for any other.
        host: without port; several hosts of a replica set stand as "a:1,b:2".
        database: database or, for files, the folder without its leading slash.
        extra: options of the driver, as text.
    """

    id: str
    kind: str
    host: str = ""
    port: int | None = None
    user: str = ""
    password: str = field(default="", repr=False)
    database: str = ""
    extra: Mapping[str, str] = field(default_factory=dict, repr=False)

    @classmethod
    def parse(cls, id: str, text: str) -> Connection:  # noqa: A002  the contract's name
        """Read Airflow's URI (`mysql://user:password@host:3306/shop?charset=utf8mb4`) or JSON form.

        Raises:
            ConfigError: the text is neither; the message names the connection, never the text.
        """
        try:
            return _from_json(id, text) if text.lstrip().startswith("{") else _from_uri(id, text)
        except (ValueError, TypeError, AttributeError) as error:
            raise ConfigError(
                f"connection {id!r} cannot be read ({type(error).__name__}); write {PREFIX}{id.upper()} as "
                "'mysql://user:password@host:port/database' (special characters %-escaped) or as Airflow's JSON"
            ) from None

    def __str__(self) -> str:
        if self.kind == "files":
            return f"{self.id} (folder {self.folder})"
        address = f"{self.host}:{self.port}" if self.port else self.host
        return f"{self.id} ({self.kind} database {self.database!r} on {address} as {self.user!r})"

    @property
    def folder(self) -> Path:
        """The folder of a connection of kind "files"."""
        return Path(self.extra.get("path") or f"/{self.database}")

    def tls(self) -> ssl.SSLContext | None:
        """TLS for MySQL where the connection says `ssl=true` or names a certificate authority with `ssl_ca`."""
        authority = self.extra.get("ssl_ca")
        if authority is None and self.extra.get("ssl", "false").lower() != "true":
            return None
        return ssl.create_default_context(cafile=authority)

    def sqlalchemy_url(self) -> str:
        """The URL for SQLAlchemy, with the driver that is installed. It holds the password: never show it."""
        login = quote(self.user, safe="")
        if self.password:
            login += ":" + quote(self.password, safe="")
        port = f":{self.port}" if self.port else ""
        host = f"[{self.host}]" if ":" in self.host else self.host
        query = f"?{urlencode(self.extra)}" if self.extra else ""
        at = "@" if login else ""
        return f"{_DRIVERS.get(self.kind, self.kind)}://{login}{at}{host}{port}/{quote(self.database)}{query}"


Connections = Mapping[str, Connection]


def connections_from_environment(environ: Mapping[str, str]) -> dict[str, Connection]:
    """Every connection of the environment by id: `AIRFLOW_CONN_SHOP_MYSQL` is "shop_mysql"."""
    found = {name.removeprefix(PREFIX).lower(): text for name, text in environ.items() if name.startswith(PREFIX)}
    return {id_: Connection.parse(id_, text) for id_, text in sorted(found.items())}


def find_connection(connections: Connections, id_: str, needed_by: str) -> Connection:
    """The connection with this id.

    Raises:
        ConfigError: there is none; the message says which variable to set.
    """
    if id_ not in connections:
        raise ConfigError(
            f"{needed_by} needs the connection {id_!r}, which is not set; known are {sorted(connections)}; "
            f"set {PREFIX}{id_.upper()} or add it in Airflow"
        )
    return connections[id_]


def _kind(conn_type: str) -> str:
    name = conn_type.lower().replace("-", "_")
    name = "mongodb_srv" if name == "mongodb+srv" else name.split("+")[0]
    return _KINDS.get(name, name)


def _from_uri(id_: str, text: str) -> Connection:
    parts = urlsplit(text.strip())
    if not parts.scheme:
        raise ValueError("no scheme")
    login, at, address = parts.netloc.rpartition("@")
    user, _, password = login.partition(":") if at else ("", "", "")
    host, port = (address, None) if "," in address else (parts.hostname or "", parts.port)
    extra = dict(parse_qsl(parts.query, keep_blank_values=True))
    extra |= _texts(json.loads(extra.pop("__extra__", "{}")))
    if parts.scheme.endswith("+srv"):
        extra["srv"] = "true"
    return Connection(
        id=id_,
        kind=_kind(parts.scheme),
        host=unquote(host),
        port=port,
        user=unquote(user),
        password=unquote(password),
        database=unquote(parts.path.removeprefix("/")),
        extra=MappingProxyType(extra),
    )


def _from_json(id_: str, text: str) -> Connection:
    value = json.loads(text)
    extra = value.get("extra") or {}
    if isinstance(extra, str):
        extra = json.loads(extra)
    return Connection(
        id=id_,
        kind=_kind(value["conn_type"] if value.get("conn_type") else "generic"),
        host=value.get("host") or "",
        port=int(value["port"]) if value.get("port") else None,
        user=value.get("login") or "",
        password=value.get("password") or "",
        database=(value.get("schema") or "").removeprefix("/"),
        extra=MappingProxyType(_texts(extra)),
    )


def _texts(values: Mapping[str, object]) -> dict[str, str]:
    return {name: value if isinstance(value, str) else json.dumps(value) for name, value in values.items()}
