"""Connections: both of Airflow's text forms, and secrets that never show."""

from pathlib import Path

import pytest

from shopmine.config.connections import Connection, connections_from_environment, find_connection
from shopmine.errors import ConfigError

SECRET = "p@ss/w:rd"
JSON = (
    '{"conn_type": "mysql", "login": "ann", "password": "p@ss/w:rd", "host": "db.example", "schema": "corner",'
    ' "port": %s}'
)


@pytest.mark.parametrize(
    "text",
    [
        "mysql://ann:p%40ss%2Fw%3Ard@db.example:3307/corner?charset=utf8mb4",
        JSON % '3307, "extra": {"charset": "utf8mb4"}',
        JSON % '"3307", "extra": "{\\"charset\\": \\"utf8mb4\\"}"',
        "mysql://ann:p%40ss%2Fw%3Ard@db.example:3307/corner?__extra__=%7B%22charset%22%3A+%22utf8mb4%22%7D",
    ],
)
def test_both_forms_give_the_same_connection_and_hide_the_password(text: str) -> None:
    connection = Connection.parse("corner_mysql", text)
    assert (connection.kind, connection.host, connection.port) == ("mysql", "db.example", 3307)
    assert (connection.user, connection.password, connection.database) == ("ann", SECRET, "corner")
    assert connection.extra == {"charset": "utf8mb4"}
    assert SECRET not in repr(connection) + str(connection)
    assert connection.sqlalchemy_url() == "mysql+pymysql://ann:p%40ss%2Fw%3Ard@db.example:3307/corner?charset=utf8mb4"


@pytest.mark.parametrize(
    ("text", "kind", "host", "port"),
    [
        ("postgres://u@h:1/d", "postgresql", "h", 1),
        ("postgresql+psycopg://u@h/d", "postgresql", "h", None),
        ("mongo://h:2/d", "mongodb", "h", 2),
        ("mongodb://u:p@a:1,b:2/d?replicaSet=rs0", "mongodb", "a:1,b:2", None),
        ("mongodb+srv://u:p@cluster.example/d", "mongodb", "cluster.example", None),
        ("generic://:k@", "generic", "", None),
        ("my-api://h", "my_api", "h", None),
    ],
)
def test_kinds_are_named_alike(text: str, kind: str, host: str, port: int | None) -> None:
    connection = Connection.parse("x", text)
    assert (connection.kind, connection.host, connection.port) == (kind, host, port)


def test_folders() -> None:
    assert Connection.parse("f", "file:///data/shop files").folder == Path("/data/shop files")
    assert Connection.parse("f", "file:///data%2Fshop").folder == Path("/data/shop")
    assert Connection.parse("f", '{"conn_type": "fs", "extra": {"path": "/data"}}').folder == Path("/data")


def test_ids_come_from_the_names_of_variables() -> None:
    found = connections_from_environment({"AIRFLOW_CONN_CORNER_MYSQL": "mysql://h/d", "HOME": "/x"})
    assert list(found) == ["corner_mysql"]
    with pytest.raises(ConfigError, match=r"source 'store' needs the connection 'x', .* set AIRFLOW_CONN_X"):
        find_connection(found, "x", "source 'store'")


@pytest.mark.parametrize("text", ["nonsense secret", "mysql://u:secret@h:port/d", '{"secret": ', '["secret"]'])
def test_an_unreadable_connection_is_named_without_its_text(text: str) -> None:
    with pytest.raises(ConfigError, match="connection 'c' cannot be read") as caught:
        Connection.parse("c", text)
    assert "secret" not in str(caught.value)
