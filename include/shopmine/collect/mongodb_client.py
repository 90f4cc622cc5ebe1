"""A client of a MongoDB connection, and its errors in words."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote, urlencode

import pymongo
from pymongo.errors import (
    AutoReconnect,
    ConfigurationError,
    InvalidURI,
    OperationFailure,
    PyMongoError,
    ServerSelectionTimeoutError,
)

from shopmine.errors import ConfigError, SourceUnavailableError

if TYPE_CHECKING:
    from shopmine.config.connections import Connection

_OPTIONS: Final = {
    "serverSelectionTimeoutMS": "10000",
    "connectTimeoutMS": "10000",
    "socketTimeoutMS": "900000",
    "appName": "shopmine",
}
_LOGIN: Final = {18, 8000}
_PRIVILEGE: Final = 13
_NO_SNAPSHOTS: Final = {20, 72, 123, 246, 263}
UNKNOWN_EXPRESSION: Final = 168
_SNAPSHOT_TOO_OLD: Final = 239


@contextmanager
def connect(connection: Connection) -> Iterator[pymongo.MongoClient[dict[str, Any]]]:
    """A client for the block. The URI holds the password: it is never shown."""
    if not connection.database:
        raise ConfigError(f"connection {connection} names no database; add it after the last slash")
    options = {**_OPTIONS, **{name: value for name, value in connection.extra.items() if name != "srv"}}
    login = f"{quote(connection.user, safe='')}:{quote(connection.password, safe='')}@" if connection.user else ""
    address = f"{connection.host}:{connection.port}" if connection.port else connection.host or "localhost"
    scheme = "mongodb+srv" if connection.extra.get("srv") == "true" else "mongodb"
    client: pymongo.MongoClient[dict[str, Any]] = pymongo.MongoClient(
        f"{scheme}://{login}{address}/{quote(connection.database)}?{urlencode(options)}"
    )
    with client:
        yield client


@contextmanager
def in_words(connection: Connection) -> Iterator[None]:
    """Driver errors of the block as ConfigError or SourceUnavailableError that names the connection."""
    try:
        yield
    except (InvalidURI, ConfigurationError) as error:
        raise ConfigError(f"connection {connection} has a wrong option: {error}") from error
    except OperationFailure as error:
        raise _refusal(error, connection) from error
    except (ServerSelectionTimeoutError, AutoReconnect) as error:
        raise SourceUnavailableError(f"connection {connection} does not answer; is the server up? try again") from error
    except PyMongoError as error:
        raise SourceUnavailableError(
            f"connection {connection} failed ({type(error).__name__}: {error}); try again"
        ) from error


def _refusal(error: OperationFailure, connection: Connection) -> Exception:
    if error.code in _LOGIN:
        return ConfigError(
            f"connection {connection} refuses the login; set the right user and password, and `authSource` if need be"
        )
    if error.code == _PRIVILEGE:
        return ConfigError(
            f"connection {connection} lacks a privilege; grant the role `read` on the database to this user"
        )
    if error.code in _NO_SNAPSHOTS:
        return ConfigError(
            f"connection {connection} cannot read a consistent snapshot ({error.details and error.details.get('errmsg')}); "
            "that needs a replica set, of which one member is enough: --replSet and rs.initiate()"
        )
    if error.code == _SNAPSHOT_TOO_OLD:
        return SourceUnavailableError(
            f"connection {connection}: reading took longer than the server keeps a snapshot; raise "
            "minSnapshotHistoryWindowInSeconds there, or try again at a quieter time"
        )
    return SourceUnavailableError(
        f"connection {connection} failed (error {error.code}: {error.details and error.details.get('codeName')}); try again"
    )
