"""The description of the staging database covers the canonical entities and the published views."""

from shopmine.config.canonical import ENTITIES
from shopmine.staging.describe import describe_tables
from shopmine.staging.tables_published import PUBLISHED


def test_every_table_and_column_that_users_read_is_described() -> None:
    tables = {(table.schema, table.name): table for table in describe_tables()}
    for name, entity in ENTITIES.items():
        columns = [column.name for column in tables["clean", name].columns]
        assert columns == ["shop", "day", "batch", *entity.by_name, "attributes"]
    for name in PUBLISHED:
        columns = [column.name for column in tables["published", name].columns]
        assert columns[:2] == ["shop", "release"]
        retained = {column.name for column in tables["published", f"all_{name}"].columns}
        assert retained >= {*columns, "day"}
    assert all(table.about for table in tables.values())


def test_what_is_known_of_a_column_is_told() -> None:
    tables = {(table.schema, table.name): table for table in describe_tables()}
    columns = {column.name: column for column in tables["clean", "order_lines"].columns}
    assert columns["kind"].about == "sale, return, adjustment or service"
    assert columns["amount"].type == "numeric"
    assert columns["ordered_at"].type == "timestamp with time zone"
