"""Starts the REST API: `python -m shopmine.serving.app`, which is what `./shopmine serve` does.

Settings: SHOPMINE_API_TOKEN (needed), SHOPMINE_API_HOST (default 127.0.0.1: this machine only), SHOPMINE_API_PORT
(default 8090), AIRFLOW_CONN_SHOPMINE_STAGING (the staging database).
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Final

from shopmine.config.connections import connections_from_environment
from shopmine.errors import ConfigError
from shopmine.serving.api import TOKEN_VARIABLE, create_app
from shopmine.serving.wechat_push import add_push_routes, find_receivers
from shopmine.staging.database import check_revision, open_database

HOST_VARIABLE: Final = "SHOPMINE_API_HOST"
PORT_VARIABLE: Final = "SHOPMINE_API_PORT"


def main(environ: Mapping[str, str] | None = None) -> None:
    """Serve until told to stop.

    Raises:
        ConfigError: the token, the port or the staging connection is missing or wrong, or its schema is older.
        SourceUnavailableError: the staging database does not answer.
    """
    import uvicorn

    settings = os.environ if environ is None else environ
    host, port = settings.get(HOST_VARIABLE) or "127.0.0.1", _port(settings.get(PORT_VARIABLE) or "8090")
    connections = connections_from_environment(settings)
    receivers = find_receivers(connections)
    db = open_database(connections)
    app = create_app(db, settings.get(TOKEN_VARIABLE) or "")
    add_push_routes(app, receivers)
    check_revision(db)
    try:
        uvicorn.run(app, host=host, port=port, log_level="info", server_header=False)
    finally:
        db.close()


def _port(text: str) -> int:
    if not text.isdecimal() or not 0 < int(text) < 65536:
        raise ConfigError(f"{PORT_VARIABLE}={text!r} is not a port; choose a number from 1 to 65535")
    return int(text)


if __name__ == "__main__":
    main()
