"""Personal values: what lands in their place."""

from __future__ import annotations

import os
import subprocess
import tomllib
from pathlib import Path

import pytest

from shopmine.collect.personal import PersonalKey, personal_key, treatment_of
from shopmine.config.connections import Connection, connections_from_environment
from shopmine.config.shops import Shop, parse_shop
from shopmine.errors import ConfigError


def shop(personal: str) -> Shop:
    text = f"""
title = "x"
timezone = "Asia/Shanghai"
currency = "CNY"
first_day = 2026-01-01
[sources.a]
kind = "mysql"
connection = "a"
[sources.a.entities.customers]
table = "member"
day = "snapshot"
personal = {personal}
fields = {{ customer = "email" }}
"""
    return parse_shop("corner", tomllib.loads(text), origin="corner.toml")


def test_a_hash_depends_on_the_key_and_not_on_blanks_around() -> None:
    key, other = PersonalKey(key=b"k" * 32), PersonalKey(key=b"o" * 32)
    assert key.hash_text(" ann@x.org ") == key.hash_text("ann@x.org") != other.hash_text("ann@x.org")
    assert len(key.hash_text("ann@x.org")) == 64
    assert key.hash_text("  ") == ""
    assert "kkk" not in repr(key)


def test_a_columns_type_tells_its_treatment() -> None:
    customers = shop('{ email = "hash" }').sources["a"].entities["customers"]
    key = PersonalKey(key=b"k" * 32, version="7")
    assert key.type_of(customers, "email", "varchar") == treatment_of("hash 7") == "hash 7"
    assert treatment_of(key.type_of(customers, "other", "varchar")) == ""
    assert treatment_of("varchar mask 2") == "mask 2" != treatment_of("varchar mask")


@pytest.mark.parametrize("password", ["", "short"])
def test_a_missing_or_short_key_is_an_error_that_says_what_to_set(password: str) -> None:
    connections = {"corner_key": Connection(id="corner_key", kind="generic", password=password)}
    with pytest.raises(ConfigError, match=r"hashes personal columns.*set AIRFLOW_CONN_CORNER_KEY=") as caught:
        personal_key(shop('{ email = "hash" }'), connections)
    assert "short'" not in str(caught.value)
    with pytest.raises(ConfigError, match="no key"):
        personal_key(shop('{ email = "hash" }'), {})
    assert personal_key(shop('{ phone = "drop" }'), {}).key == b""


def test_the_command_that_the_error_names_makes_a_key(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        personal_key(shop('{ email = "hash" }'), {})
    command = str(caught.value).split("one command: ")[1].split(" (with Airflow")[0]
    subprocess.run(["sh", "-c", command], env={**os.environ, "SHOPMINE_HOME": str(tmp_path)}, check=True)
    name, _, text = (tmp_path / "connections.env").read_text().strip().partition("=")
    connections = connections_from_environment({name: text})
    assert len(personal_key(shop('{ email = "hash" }'), connections).key) == 64
