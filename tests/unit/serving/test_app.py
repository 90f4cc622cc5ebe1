"""What the API refuses to start with."""

import pytest

from shopmine.errors import ConfigError
from shopmine.serving.app import main

STAGING = {"AIRFLOW_CONN_SHOPMINE_STAGING": "postgresql://nobody@127.0.0.1:1/none"}


@pytest.mark.parametrize(
    ("environ", "message"),
    [
        ({}, "there is no connection 'shopmine_staging'"),
        (STAGING, "does not start without a token: set SHOPMINE_API_TOKEN to 16 or more"),
        (STAGING | {"SHOPMINE_API_TOKEN": "short"}, "does not start without a token"),
        (STAGING | {"SHOPMINE_API_PORT": "http"}, "SHOPMINE_API_PORT='http' is not a port"),
    ],
)
def test_it_refuses_to_start(environ: dict[str, str], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        main(environ)
