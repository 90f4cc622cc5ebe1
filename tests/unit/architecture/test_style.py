"""The rules of the house as tests: linters, types, layers, sizes, and nothing of one machine in the files.

Each runs the tool that people run, with the settings of pyproject.toml; CONTRIBUTING.md names the commands.
"""

from __future__ import annotations

import ast
import importlib.util
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
CODE = ("include", "dags", "plugins", "docker", "docs", "tests")
MAX_LINES = 600


def tracked(*patterns: str) -> list[Path]:
    """The files of the project (not what is ignored), also those not committed yet."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "--", *patterns]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        pytest.skip("not a git checkout")
    return [path for name in done.stdout.splitlines() if (path := ROOT / name).is_file()]


def run(*command: str) -> None:
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "include")}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False, timeout=600)
    assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout[-6000:]}{done.stderr[-2000:]}"


def tool(module: str, program: str) -> str:
    """The program that stands beside this Python; skips where only the product's own packages are installed."""
    if importlib.util.find_spec(module) is None:
        pytest.skip(f"{module} is not installed")
    return str(Path(sys.executable).with_name(program))


def test_the_linter_finds_nothing() -> None:
    run(tool("ruff", "ruff"), "check", "--quiet", *CODE)


def test_the_code_is_formatted() -> None:
    run(tool("ruff", "ruff"), "format", "--check", "--quiet", *CODE)


@pytest.mark.slow
def test_every_type_holds() -> None:
    run(tool("mypy", "mypy"))


def test_the_layers_hold() -> None:
    run(tool("importlinter", "lint-imports"))


def test_shell_scripts_are_clean() -> None:
    if (shellcheck := shutil.which("shellcheck")) is None:
        pytest.skip("shellcheck is not installed")
    scripts = [
        path
        for path in tracked("shopmine", ".ci", "docker", "*.sh")
        if path.read_bytes().startswith(b"#!/usr/bin/env bash")
    ]
    assert scripts
    run(shellcheck, *map(str, scripts))


def test_no_file_is_long() -> None:
    long = {
        str(path.relative_to(ROOT)): lines
        for path in tracked("*.py", "*.sh", "shopmine")
        if (lines := len(path.read_text(encoding="utf-8").splitlines())) > MAX_LINES
    }
    assert not long, f"longer than {MAX_LINES} lines: split them"


def test_modules_import_each_other_in_no_circle() -> None:
    graph = {_module(path): _imports(path) for path in (ROOT / "include" / "shopmine").rglob("*.py")}
    graph = {name: {_known(target, graph) for target in targets} - {None, name} for name, targets in graph.items()}
    done: set[str] = set()

    def visit(name: str, trail: tuple[str, ...]) -> None:
        if name in trail:
            pytest.fail(f"a circle: {' -> '.join((*trail[trail.index(name) :], name))}")
        if name not in done:
            for target in sorted(target for target in graph[name] if target):
                visit(target, (*trail, name))
            done.add(name)

    for name in sorted(graph):
        visit(name, ())


def _module(path: Path) -> str:
    return ".".join(path.relative_to(ROOT / "include").with_suffix("").parts).removesuffix(".__init__")


def _imports(path: Path) -> set[str]:
    """What a module imports when it is loaded; imports inside functions and for types alone close no circle."""
    found: set[str] = set()
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return found


def _known(name: str, graph: dict[str, set[str]]) -> str | None:
    # `from package import module` is an import of the module; the package's own __init__ imports nothing back.
    return name if name in graph and name != "shopmine" else None


MACHINE_PATH = re.compile(r"(?<![\w.-])/(?:root|home|work|farm|Users)/[\w.-]")


def test_no_path_of_a_machine_stands_in_a_file() -> None:
    texts = [path for path in tracked() if path.suffix not in {".png", ".gz", ".parquet", ".zst"}]
    found = [
        f"{path.relative_to(ROOT)}:{number}"
        for path in texts
        for number, line in enumerate(path.read_text(encoding="utf-8", errors="replace").splitlines(), start=1)
        if MACHINE_PATH.search(line) and path != Path(__file__)
    ]
    assert not found


def test_no_file_is_large() -> None:
    large = {path.name: size for path in tracked() if (size := path.stat().st_size) > 1_000_000}
    assert not large


def test_nothing_is_left_for_later() -> None:
    found = [
        f"{path.relative_to(ROOT)}:{number}"
        for path in tracked("include/*.py", "dags/*.py", "plugins/*.py", "docker/*.py")
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1)
        if re.search(r"\b(TODO|FIXME|XXX)\b", line)
    ]
    assert not found
