"""The documentation says what is: generated pages, links, commands, settings, queries."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import sqlalchemy as sa

from shopmine.cli.overview import COMMANDS
from shopmine.config.shops import parse_shop

if TYPE_CHECKING:
    from shopmine.staging.database import Database

ROOT = Path(__file__).resolve().parents[3]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
QUERY = re.compile(r'\./shopmine sql "([^"]+)"')


def test_generated_pages_are_what_the_code_says(tmp_path: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "include"), "AIRFLOW_HOME": str(tmp_path)}
    command = [sys.executable, str(ROOT / "docs" / "generate.py"), "--check"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr[-3000:]


@pytest.mark.parametrize("path", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_link_leads_somewhere(path: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", path.read_text(encoding="utf-8")):
        if "://" in target:
            continue
        assert (path.parent / target).exists(), target


@pytest.mark.parametrize("path", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_command_that_is_shown_exists(path: Path) -> None:
    shown = set(re.findall(r"\./shopmine ([a-z][a-z-]*)", path.read_text(encoding="utf-8")))
    assert shown <= set(COMMANDS)


def test_the_readme_shows_the_two_commands_that_matter() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert "./shopmine demo" in text
    assert "./shopmine test" in text


def test_the_shops_files_that_are_shown_are_right() -> None:
    blocks = [
        block
        for path in PAGES
        for block in re.findall(r"```toml\n(.*?)```", path.read_text(encoding="utf-8"), re.DOTALL)
    ]
    assert blocks
    for block in blocks:
        shop = parse_shop("corner", tomllib.loads(block), origin="the documentation")
        from shopmine.mining.registry import model_config
        from shopmine.prepare.gates import PrepareGates
        from shopmine.publish.gates import GatesConfig

        for name, settings in shop.models.items():
            model_config(name, settings, "the documentation")
        PrepareGates.from_settings(shop.gates)
        GatesConfig.from_settings(shop.gates)


def test_every_query_that_is_shown_runs(staging: Database) -> None:
    queries = {query for path in PAGES for query in QUERY.findall(path.read_text(encoding="utf-8"))}
    assert len(queries) >= 6
    for query in sorted(queries):
        with staging.snapshot() as connection:
            connection.execute(sa.text(query.replace("DAY'", "2025-01-01'")))


def test_every_decision_says_why_and_at_what_cost() -> None:
    found = sorted((ROOT / "docs" / "decisions").glob("*.md"))
    assert [int(path.name[:4]) for path in found] == list(range(1, len(found) + 1))
    for path in found:
        text = path.read_text(encoding="utf-8")
        for part in ("**Question.**", "**Decision.**", "**Because.**", "**Cost.**"):
            assert part in text, f"{path.name} lacks {part}"
